/* SPDX-License-Identifier: ISC
 * sim_absent: what the simulated daemon has not: servers, a control socket, users,
 * files. Each function does as little as its caller bears. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/verbs.h"
#include "daemon/daemon_int.h"
#include "daemon/privileges.h"
#include "daemon/soft_state.h"
#include "exporters/prometheus.h"
#include "ledger/ledger_file.h"

/* ---- smtpd, control, web, privileges: not there */

static char outside;

struct smtpd *
smtpd_create(struct loop *l, struct queue *q, struct stats *s,
    const struct smtpd_ops *ops)
{
	(void)l;
	(void)q;
	(void)s;
	(void)ops;
	return NULL;
}

struct fetcher *
fetcher_create(struct spawner *sp)
{
	(void)sp;
	return NULL;
}

void
fetcher_destroy(struct fetcher **fp)
{
	(void)fp;
}

struct source_set *
source_set_create(struct loop *l)
{
	(void)l;
	return NULL;
}

void
source_set_start(struct source_set *set, struct fetcher *f)
{
	(void)set;
	(void)f;
}

void
source_set_destroy(struct source_set **setp)
{
	(void)setp;
}

void
source_set_conf(struct source_set *set, const struct source_conf *conf)
{
	(void)set;
	(void)conf;
}

struct source_counts
source_set_counts(const struct source_set *set)
{
	(void)set;
	return (struct source_counts){ 0 };
}

/* No configuration here has a source. */
struct source *
source_begin(struct source_set *set, const char *spec, const char *path,
    const char *token_file, void (*told)(void *arg), void *arg)
{
	(void)set;
	(void)spec;
	(void)path;
	(void)token_file;
	(void)told;
	(void)arg;
	abort();
}

void
source_end(struct source **sp)
{
	(void)sp;
}

void
source_ask(struct source *s, const char *token_file)
{
	(void)s;
	(void)token_file;
	abort();
}

const struct source_state *
source_state(const struct source *s)
{
	(void)s;
	abort();
}

struct smtpd_setup *
smtpd_setup_domains(struct config *conf)
{
	(void)conf;
	abort();
}

bool
smtpd_receives(const struct smtpd *m, const struct domain_stats *st)
{
	(void)m;
	(void)st;
	return false;
}

bool
smtpd_list(const struct smtpd *m, const char *domain,
    struct recipients_state *st)
{
	(void)m;
	(void)domain;
	(void)st;
	return false;
}

void
smtpd_keep_lists(struct smtpd *m, const char *folder,
    struct source_set *sources)
{
	(void)m;
	(void)folder;
	(void)sources;
}

struct smtpd_setup *
smtpd_setup_create(struct config *c, struct mx_errbuf *eb)
{
	(void)c;
	(void)eb;
	return (struct smtpd_setup *)(void *)&outside;
}

void
smtpd_setup_destroy(struct smtpd_setup **s)
{
	*s = NULL;
}

void
smtpd_setup_open(struct smtpd *s, struct smtpd_setup *setup)
{
	(void)s;
	(void)setup;
}

void
smtpd_setup_use(struct smtpd *s, struct smtpd_setup **setup)
{
	(void)s;
	*setup = NULL;
}

unsigned
smtpd_dnsbls(const struct smtpd *s)
{
	(void)s;
	return 0;
}

void
smtpd_dnsbls_show(const struct smtpd *s, struct snap_dnsbl *out)
{
	(void)s;
	(void)out;
}

size_t
smtpd_files_unread(const struct smtpd *s)
{
	(void)s;
	return 0;
}

void
smtpd_on_read(struct smtpd *s, void (*done)(void *), void *arg)
{
	(void)s;
	(void)done;
	(void)arg;
}

void
smtpd_destroy(struct smtpd **s)
{
	(void)s;
}

int
smtpd_listen(struct smtpd *s, const struct config *c, struct mx_errbuf *eb)
{
	(void)s;
	(void)c;
	(void)eb;
	return 0;
}

int
smtpd_configure(struct smtpd *s, struct config *c, struct mx_errbuf *eb)
{
	(void)s;
	(void)c;
	(void)eb;
	return 0;
}

void
smtpd_tick(struct smtpd *m MX_UNUSED, struct helper *helper MX_UNUSED,
    int64_t now MX_UNUSED)
{
}

bool
smtpd_certificate_refused(const struct smtpd *m MX_UNUSED)
{
	return false;
}

void
smtpd_drain(struct smtpd *s, void (*idle)(void *), void *arg)
{
	(void)s;
	idle(arg);
}

unsigned
smtpd_overdue(const struct smtpd *s MX_UNUSED)
{
	return 0;
}

unsigned
smtpd_sessions(const struct smtpd *s)
{
	(void)s;
	return 0;
}

unsigned
smtpd_sessions_max(const struct smtpd *s)
{
	(void)s;
	return 0;
}

bool
smtpd_stress(const struct smtpd *s)
{
	(void)s;
	return false;
}

void
smtpd_bound(struct smtpd *s, unsigned n)
{
	(void)s;
	(void)n;
}

bool
smtpd_rcpt_listed(struct smtpd *s, const char *domain, const char *mailbox)
{
	(void)s;
	(void)domain;
	(void)mailbox;
	return false;
}

void
smtpd_rcpt_known_as(struct smtpd *s, const char *domain, const char *mailbox,
    char *as)
{
	(void)s;
	(void)domain;
	(void)strlcpy(as, mailbox, PATH_MAILBOX_MAX);
}

void
smtpd_rcpt_reply(struct smtpd *m, const char *mailbox, char *dst, size_t size,
    struct buf *rule)
{
	(void)rule;
	(void)m;
	(void)mailbox;
	(void)strlcpy(dst, "250 2.1.5 Ok", size);
}

struct control *
control_create(struct loop *l, const char *path, unsigned clients,
    const struct relay *r, const struct control_ops *ops, struct mx_errbuf *eb)
{
	(void)l;
	(void)path;
	(void)clients;
	(void)r;
	(void)ops;
	(void)eb;
	return (struct control *)(void *)&outside;
}

void
control_event(struct control *c MX_UNUSED,
    const struct control_event *e MX_UNUSED)
{
}

void
control_destroy(struct control **c)
{
	*c = NULL;
}

void
control_ask(struct control *ctl, cJSON *request, control_answer_cb *fn,
    void *arg)
{
	(void)ctl;
	cJSON_Delete(request);
	(void)fn;
	(void)arg;
}

struct http_desk *
http_desk_create(struct loop *l,
    void (*fn)(void *arg, const struct http_question *), void *arg)
{
	(void)l;
	(void)fn;
	(void)arg;
	return (struct http_desk *)(void *)&outside;
}

void
http_desk_destroy(struct http_desk **k)
{
	*k = NULL;
}

void
http_desk_answer(struct http_desk *k, uint64_t number, unsigned status,
    char *text)
{
	(void)k;
	(void)number;
	(void)status;
	mem_free(&text);
}

struct http *
http_create(struct config *c, struct snapshot_box *b, struct history *h,
    struct ledger *l, struct http_desk *k, struct mx_errbuf *eb)
{
	(void)k;
	(void)l;
	(void)c;
	(void)b;
	(void)h;
	(void)eb;
	return (struct http *)(void *)&outside;
}

void
http_destroy(struct http **h)
{
	(void)h;
}

void
http_tick(struct http *h, struct helper *helper, int64_t now)
{
	(void)h;
	(void)helper;
	(void)now;
}

bool
http_files_refused(const struct http *h MX_UNUSED)
{
	return false;
}

bool
http_differs(const struct config *a, const struct config *b)
{
	(void)a;
	(void)b;
	return false;
}

size_t
prometheus_series(size_t domains, size_t primaries, size_t servers,
    bool per_domain)
{
	(void)domains;
	(void)primaries;
	(void)servers;
	(void)per_domain;
	return 0;
}

int
privileges_check(const struct config *c, struct mx_errbuf *eb)
{
	(void)c;
	(void)eb;
	return 0;
}

int
privileges_make_dirs(const struct config *c, struct mx_errbuf *eb)
{
	(void)c;
	(void)eb;
	return 0;
}

int
privileges_lower(const struct config *c, struct mx_errbuf *eb)
{
	(void)c;
	(void)eb;
	return 0;
}

int
privileges_raise(void)
{
	return 0;
}

int
privileges_drop(const struct config *c, struct mx_errbuf *eb)
{
	(void)c;
	(void)eb;
	return 0;
}

/* ---- daemon/soft_state.h, daemon/event_file.c: nothing outlives the process */

void
daemon_events_begin(struct daemon *d MX_UNUSED)
{
}

void
daemon_events_tick(struct daemon *d MX_UNUSED)
{
}

void
daemon_events_end(struct daemon *d MX_UNUSED)
{
}

struct soft_state *
soft_state_create(struct daemon *d)
{
	(void)d;
	return NULL;
}

void
soft_state_destroy(struct soft_state **ss)
{
	(void)ss;
}

void
soft_state_tick(struct soft_state *ss)
{
	(void)ss;
}

/* ---- ledger/ledger_file.h: the same */

struct ledger_file *
ledger_file_create(struct helper *h, const char *path)
{
	(void)h;
	(void)path;
	return NULL;
}

void
ledger_file_destroy(struct ledger_file **f)
{
	(void)f;
}

int
ledger_file_load(const char *path,
    void (*fn)(void *arg, const char *line, size_t len), void *arg,
    struct ledger_file_read *st)
{
	(void)path;
	(void)fn;
	(void)arg;
	*st = (struct ledger_file_read){ 0 };
	return 0;
}

void
ledger_file_holds(struct ledger_file *f, unsigned lines)
{
	(void)f;
	(void)lines;
}

void
ledger_file_renew(struct ledger_file *f)
{
	(void)f;
}

void
ledger_file_add(struct ledger_file *f, const char *line, size_t len)
{
	(void)f;
	(void)line;
	(void)len;
}

bool
ledger_file_wants_all(const struct ledger_file *f)
{
	(void)f;
	return false;
}

void
ledger_file_all(struct ledger_file *f, struct kept_line **line, unsigned n)
{
	(void)f;
	(void)line;
	(void)n;
	MX_ASSERT(false); /* nothing is written */
}

void
ledger_file_all_now(struct ledger_file *f, struct kept_line **line, unsigned n)
{
	ledger_file_all(f, line, n);
}

bool
ledger_file_lacks(const struct ledger_file *f)
{
	(void)f;
	return false;
}

void
ledger_file_tick(struct ledger_file *f, unsigned living, int64_t now)
{
	(void)f;
	(void)living;
	(void)now;
}

bool
ledger_file_failing(const struct ledger_file *f)
{
	(void)f;
	return false;
}
