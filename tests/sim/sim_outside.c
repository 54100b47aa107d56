/* SPDX-License-Identifier: ISC
 * sim_outside: see sim_outside.h. */
#include "tests/sim/sim_outside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/idmap.h"
#include "base/mem.h"
#include "control/verbs.h"
#include "daemon/cluster_show.h"
#include "daemon/clustered.h"
#include "daemon/daemon_int.h"
#include "daemon/file_check.h"
#include "daemon/privileges.h"
#include "daemon/soft_state.h"
#include "exporters/prometheus.h"
#include "ledger/ledger_file.h"
#include "primary/host.h"
#include "tests/sim/sim_judge.h"
#include "tests/sim/sim_world_int.h"

/* ---- watched and broken */

enum mutation {
	MUTATE_NONE,
	MUTATE_WINDOW,
	MUTATE_GATE,
	MUTATE_LOST,
	MUTATE_TWICE,
	MUTATE_JOB,
	MUTATE_STARVE,
	MUTATE_LATE,
	MUTATE_DEAF,
	MUTATE_BEHIND,
	MUTATE_MAX,
};
static const struct {
	const char *name, *property, *what;
} mutations[MUTATE_MAX] = {
	[MUTATE_WINDOW] = { "window", "window_shared",
	    "a window grows beyond connections" },
	[MUTATE_GATE] = { "gate", "while_down", "a gate is never closed" },
	[MUTATE_LOST] = { "lost", "lost", "what was put off counts as taken" },
	[MUTATE_TWICE] = { "twice", "twice",
	    "an outcome is taken for a lost connection" },
	[MUTATE_JOB] = { "job", "job", "a job is never ended" },
	[MUTATE_STARVE] = { "starve", "starved", "a domain gets nothing" },
	[MUTATE_LATE] = { "late", "first",
	    "there is room for a connection half of the time" },
	[MUTATE_DEAF] = { "deaf", "down", "success in down is not heard" },
	[MUTATE_BEHIND] = { "behind", "behind",
	    "more messages are under way than pipeline_depth" },
};
static enum mutation mutation;
static struct idmap jobs; /* by address: the id of its part */
static struct idmap parts; /* that are out */

bool
sim_mutate(const char *name)
{
	unsigned i;

	mutation = MUTATE_NONE;
	if (name == NULL)
		return true;
	for (i = 1; i < MUTATE_MAX; i++)
		if (strcmp(mutations[i].name, name) == 0)
			mutation = (enum mutation)i;
	return mutation != MUTATE_NONE;
}

void
sim_mutations(void)
{
	for (unsigned i = 1; i < MUTATE_MAX; i++)
		printf("mutation %s (%s) %s\n", mutations[i].name,
		    mutations[i].property, mutations[i].what);
}

unsigned
sim_depth(unsigned depth)
{
	return mutation == MUTATE_BEHIND && depth < 8 ? depth + 1 : depth;
}

const char *
sim_mutation_property(void)
{
	return mutations[mutation].property;
}

void
sim_jobs_begin(void)
{
	idmap_fini(&jobs);
	idmap_fini(&parts);
	idmap_init(&jobs);
	idmap_init(&parts);
}

unsigned
sim_jobs_out(void)
{
	return (unsigned)idmap_len(&jobs);
}

static void
job_begin(struct queue_job *job)
{
	uint64_t key = (uintptr_t)job;

	if (idmap_get(&parts, job->id) != NULL)
		judge_fail(P_JOB, "part %llx is out twice",
		    (unsigned long long)job->id);
	idmap_put(&jobs, key, job);
	idmap_put(&parts, job->id, job);
}

static void
job_end(struct queue_job *job)
{
	if (idmap_take(&jobs, (uintptr_t)job) == NULL)
		judge_fail(P_JOB, "a job is ended that was not out");
	else
		(void)idmap_take(&parts, job->id);
}

struct queue_job *__real_queue_take(struct queue *, const char *domain);
struct queue_job *__wrap_queue_take(struct queue *, const char *domain);
struct queue_job *
__wrap_queue_take(struct queue *q, const char *domain)
{
	struct queue_job *job;

	if (mutation == MUTATE_STARVE && strcmp(domain, "d0.test") == 0)
		return NULL;
	job = __real_queue_take(q, domain);
	if (job != NULL)
		job_begin(job);
	return job;
}

void __real_queue_done(struct queue *, struct queue_job *, enum job_outcome,
    const struct envelope *env);
void __wrap_queue_done(struct queue *, struct queue_job *, enum job_outcome,
    const struct envelope *env);
void
__wrap_queue_done(struct queue *q, struct queue_job *job,
    enum job_outcome outcome, const struct envelope *env)
{
	struct envelope *copy = NULL;

	if (mutation == MUTATE_JOB && clock_now() > 3600 * CLOCK_SEC)
		return;
	job_end(job);
	if (mutation == MUTATE_TWICE && outcome == JOB_TRIED) {
		outcome = JOB_LOST;
		env = NULL;
	}
	if (mutation == MUTATE_LOST && outcome == JOB_TRIED && env != NULL) {
		copy = envelope_copy(env);
		for (uint32_t i = 0; i < copy->nrcpts; i++)
			copy->rcpts[i].state = RCPT_DELIVERED;
		env = copy;
	}
	__real_queue_done(q, job, outcome, env);
	envelope_destroy(&copy);
}

void __real_queue_warned(struct queue *, struct queue_job *,
    const struct envelope *env);
void __wrap_queue_warned(struct queue *, struct queue_job *,
    const struct envelope *env);
void
__wrap_queue_warned(struct queue *q, struct queue_job *job,
    const struct envelope *env)
{
	job_end(job);
	__real_queue_warned(q, job, env);
}

void __real_bounce_expire(struct bounce *, struct queue_job *);
void __wrap_bounce_expire(struct bounce *, struct queue_job *);
void
__wrap_bounce_expire(struct bounce *b, struct queue_job *job)
{
	job_begin(job);
	__real_bounce_expire(b, job);
}

void __real_bounce_warn(struct bounce *, struct queue_job *, unsigned stage);
void __wrap_bounce_warn(struct bounce *, struct queue_job *, unsigned stage);
void
__wrap_bounce_warn(struct bounce *b, struct queue_job *job, unsigned stage)
{
	job_begin(job);
	__real_bounce_warn(b, job, stage);
}

void __real_queue_gate(struct queue *, const char *domain, enum queue_gate);
void __wrap_queue_gate(struct queue *, const char *domain, enum queue_gate);

void
__wrap_queue_gate(struct queue *q, const char *domain, enum queue_gate gate)
{
	if (mutation == MUTATE_GATE && gate == GATE_CLOSED &&
	    clock_now() > 600 * CLOCK_SEC)
		return;
	__real_queue_gate(q, domain, gate);
}

void __real_host_init(struct host *, unsigned max);
void __wrap_host_init(struct host *, unsigned max);
void
__wrap_host_init(struct host *h, unsigned max)
{
	__real_host_init(h, mutation == MUTATE_WINDOW ? max * 4 : max);
}

void __real_window_max_set(struct window *, unsigned max);
void __wrap_window_max_set(struct window *, unsigned max);
void
__wrap_window_max_set(struct window *w, unsigned max)
{
	__real_window_max_set(w, mutation == MUTATE_WINDOW ? max * 4 : max);
}

bool __real_host_room(const struct host *, int64_t now);
bool __wrap_host_room(const struct host *, int64_t now);
bool
__wrap_host_room(const struct host *h, int64_t now)
{
	if (mutation == MUTATE_LATE && now / CLOCK_SEC % 20 < 10)
		return false;
	return __real_host_room(h, now);
}

bool __real_health_feed(struct health *, enum health_input, int64_t now,
    struct health_change *out);
bool __wrap_health_feed(struct health *, enum health_input, int64_t now,
    struct health_change *out);
bool
__wrap_health_feed(struct health *h, enum health_input in, int64_t now,
    struct health_change *out)
{
	if (mutation == MUTATE_DEAF && in == HEALTH_IN_OK &&
	    h->state == HEALTH_DOWN)
		in = HEALTH_IN_NEUTRAL;
	return __real_health_feed(h, in, now, out);
}

/* The machine's own addresses would make two machines differ. */
int __wrap_addr_local_list(struct net_addr **list, size_t *n);
int
__wrap_addr_local_list(struct net_addr **list, size_t *n)
{
	*list = NULL;
	*n = 0;
	return 0;
}

/* ---- no files but those of the world */

void
file_check_lists(const struct config *conf, uint64_t most,
    struct conf_errors *errs)
{
	(void)conf;
	(void)most;
	(void)errs;
}

void
file_check_certificates(const struct config *conf, struct conf_errors *errs)
{
	(void)conf;
	(void)errs;
}

/* ---- alerts and SNMP: they hear of everything, and so does the judge */

void
daemon_alerts_notice(struct daemon *d, const struct notice *n)
{
	(void)d;
	if (n->kind == NOTICE_RELOAD && n->a != 0)
		reload_done();
	else
		judge_notice(n);
}

/* No cluster, and nothing of one. */
void
cluster_show_domain(const struct cluster *c, struct snap_domain *d,
    struct snap_verdict room[SNAP_NODES])
{
	(void)c;
	(void)d;
	(void)room;
}

void
cluster_show_primary(const struct cluster *c, const char *label,
    struct snap_host *h)
{
	(void)c;
	(void)label;
	(void)h;
}

void
cluster_show(const struct cluster *c, const struct store *store,
    bool require_sync, struct snapshot *s)
{
	(void)c;
	(void)store;
	(void)require_sync;
	(void)s;
}

void
clustered_control(struct daemon *d, struct control_cluster_ops *ops)
{
	(void)d;
	(void)ops;
}

void
clustered_asked(void *d, uint64_t ticket, const char *line)
{
	(void)d;
	(void)ticket;
	(void)line;
}

bool
daemon_alerts_told(struct daemon *d, const char *key, const void *text,
    size_t len)
{
	(void)d;
	(void)key;
	(void)text;
	(void)len;
	return false;
}

void
alert_share_destroy(struct alert_share **a)
{
	(void)a;
}

void
daemon_alerts_create(struct daemon *d)
{
	(void)d;
}

void
daemon_alerts_configure(struct daemon *d)
{
	(void)d;
}

void
daemon_alerts_destroy(struct daemon *d)
{
	(void)d;
}

void
daemon_alerts_snapshot(struct daemon *d, struct snapshot *s)
{
	(void)d;
	(void)s;
}

void
daemon_alerts_tick(struct daemon *d)
{
	(void)d;
}

uint32_t
daemon_alerts_of(const struct daemon *d, const char *domain)
{
	(void)d;
	(void)domain;
	return 0;
}

const struct control_alert_ops daemon_alert_ops;

struct agentx *
agentx_create(struct loop *l, struct helper *helper, struct spawner *spawner,
    bool filter, const char *spool)
{
	(void)helper;
	(void)l;
	(void)spawner;
	(void)filter;
	(void)spool;
	return NULL;
}

void
agentx_destroy(struct agentx **a)
{
	(void)a;
}

void
agentx_configure(struct agentx *a, const struct conf_snmp *c)
{
	(void)a;
	(void)c;
}

void
agentx_tick(struct agentx *a, struct snapshot *s)
{
	(void)a;
	(void)s;
}

void
agentx_notice(struct agentx *a, const struct notice *n)
{
	(void)a;
	(void)n;
}

void
agentx_show(const struct agentx *a, struct snap_agentx *v)
{
	(void)a;
	memset(v, 0, sizeof(*v));
}

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
control_destroy(struct control **c)
{
	*c = NULL;
}

void
control_why(struct control *ctl, const char *domain, control_why_cb *fn,
    void *arg)
{
	(void)ctl;
	(void)domain;
	(void)fn;
	(void)arg;
}

cJSON *
verbs_message(const struct msg_view *v, bool rcpts)
{
	(void)v;
	(void)rcpts;
	return json_object();
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

/* ---- daemon/soft_state.h: nothing outlives the process */

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
