/* SPDX-License-Identifier: ISC
 * reload: reads a configuration, puts it into force and frees the previous one
 * without blocking the loop, however many domains there are:
 *
 *	LOAD	the helper thread reads it and compares it with the one in
 *		force (loading.h); then all that can fail is done, each change
 *		undone when a later one fails
 *	CHANGE	the settings that every module needs at once, then the domains
 *		that are new or differ, some in each turn of the loop
 *	FILES	its recipients files are read by their own thread; then smtpd
 *		takes it: a new domain gets mail once all modules know it
 *	REMOVE	the domains that it no longer has, some in each turn: mail
 *		queued for them keeps the settings that they had (removed.h)
 *
 * The domains of a source (domains_from) go the same way, without the file:
 * LOAD joins them with the configuration of the file that is in force.
 * Listeners, certificates and files stay as they are. So do the redirects of an
 * operator, without the source.
 *
 * A request during a reload is answered by another reload after it; several
 * such requests by one. At shutdown a reload in progress is either completed as
 * it was begun, or left where it is. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/service.h"
#include "config/elsewhere.h"
#include "daemon/backups.h"
#include "daemon/daemon_int.h"
#include "daemon/descriptors.h"
#include "daemon/findings.h"
#include "daemon/loading.h"
#include "daemon/questions.h"
#include "daemon/redirected.h"
#include "daemon/removed.h"

#define SLICE	      (5 * CLOCK_MS) /* in one turn */
#define SLICE_LOOK    16 /* domains between two looks at the clock */
#define FILES_WAIT_MS 30000

enum reload_state {
	RELOAD_IDLE,
	RELOAD_LOAD,
	RELOAD_CHANGE,
	RELOAD_FILES,
	RELOAD_REMOVE,
};

struct reload {
	struct daemon *d;
	enum reload_state state;
	struct loading *l; /* NULL while IDLE; the thread's while LOAD */
	size_t at; /* the next change of l->diff */
	char backup[TEXT_DOMAIN_MAX]; /* mx_backup: last domain applied */
	bool again; /* requested during this reload */
	struct domain_texts *offered; /* during this reload; NULL */
	bool redirect; /* the redirects changed during this reload */
	uint64_t number; /* of the present reload, or the last one */
	struct loop_timer *timer; /* next slice; FILES: its deadline */
	/* Domains that left with mail queued, their messages; the first such
	 * domain. */
	uint64_t left, left_messages;
	char first_left[TEXT_DOMAIN_MAX];

	/* the last reload that ended */
	uint64_t ended;
	int rc;
	struct conf_errors errs;
};

/* ---- LOAD */

/* Replaces the web server if its settings differ; on failure the former one is
 * restored. */
static int
reload_web(struct daemon *d, struct config *from, struct config *to,
    struct mx_errbuf *eb)
{
	if (!http_differs(from, to))
		return 0;
	http_destroy(&d->http);
	if (to->web.listen.n == 0)
		return 0;
	d->http = http_create(to, d->box, d->history, d->ledger,
	    questions_desk(d->questions), eb);
	if (d->http != NULL)
		return 0;
	if (from->web.listen.n > 0)
		d->http = http_create(from, d->box, d->history, d->ledger,
		    questions_desk(d->questions), NULL);
	return -MX_ENET;
}

/* Executes all steps that can fail. The listeners come last: they change as a
 * whole or not at all, and a port below 1024 that was closed could not be bound
 * again, since the daemon is no longer root. */
static int
reload_outside(struct daemon *d, struct config *conf, struct mx_errbuf *eb)
{
	struct mx_errbuf back = { "" };
	int rc;

	if ((rc = reload_web(d, d->conf, conf, eb)) == 0 &&
	    (rc = smtpd_listen(d->smtpd, conf, eb)) != 0)
		(void)reload_web(d, conf, d->conf, &back);
	return rc;
}

/* ---- ending and beginning */

static void
reload_begin(struct reload *, enum loading_kind, struct domain_texts *);

/* Logs the number of domains by kind of change. */
static void
log_domains(const struct loading *l)
{
	size_t new = 0, changed = 0, gone = 0;
	const struct conf_change *c;

	for (size_t i = 0; i < l->diff->n; i++) {
		c = &l->diff->change[i];
		new += c->was == NULL;
		gone += c->is == NULL;
		changed += c->was != NULL && c->is != NULL;
	}
	log_notice("config",
	    "domains_from=%s domains=%zu new=%zu changed=%zu gone=%zu",
	    log_q(domain_texts_source(l->texts)), elsewhere_count(l->conf), new,
	    changed, gone);
}

static void
end_of_file(struct reload *r, int rc)
{
	struct daemon *d = r->d;
	struct loading *l = r->l;

	daemon_log_findings(&l->errs);
	d->reload_ok = rc == 0;
	if (rc == 0)
		d->reload_wall = clock_wall();
	daemon_notice(d,
	    &(struct notice){ .kind = NOTICE_RELOAD, .a = rc == 0 });
	log_notice("config", "reload=%s domains=%zu%s",
	    rc == 0 ? "ok" : "failed", d->conf->ndomains,
	    rc == 0 ? "" : " effect=\"the old configuration stays in force\"");
	conf_errors_fini(&r->errs);
	r->errs = l->errs;
	l->errs = (struct conf_errors){ 0 };
	r->rc = rc;
	r->ended = r->number;
	if (rc == 0)
		domains_from_configure(d);
	if (!d->draining)
		service_ready();
}

static void
end_of_source(struct reload *r, int rc)
{
	struct loading *l = r->l;

	if (rc == 0) {
		daemon_log_findings(&l->errs);
		log_domains(l);
	}
	domains_from_judged(r->d, l->texts, rc == 0, &l->errs);
}

static void
reload_end(struct reload *r, int rc)
{
	struct loading *l = r->l;
	enum loading_kind kind = l->kind;
	struct domain_texts *offered;

	if (kind == LOADING_SOURCE)
		end_of_source(r, rc);
	else if (kind == LOADING_FILE)
		end_of_file(r, rc);
	else
		daemon_log_findings(&l->errs);
	loading_drop(l);
	r->l = NULL;
	r->state = RELOAD_IDLE;
	/* A failure is final when no other attempt follows. */
	redirected_settle(r->d,
	    kind == LOADING_REDIRECTS && !r->redirect ? rc : 0);
	if (r->redirect) {
		reload_begin(r, LOADING_REDIRECTS, NULL);
	} else if (r->again) {
		reload_begin(r, LOADING_FILE, NULL);
	} else if ((offered = r->offered) != NULL) {
		r->offered = NULL;
		reload_begin(r, LOADING_SOURCE, offered);
		domain_texts_unref(&offered);
	}
}

static void
reload_next(struct reload *r, enum reload_state state)
{
	r->state = state;
	r->at = 0;
	r->backup[0] = '\0';
	loop_timer_set(r->timer, 0);
}

static void
on_loaded(struct helper_job *job)
{
	struct loading *l = (struct loading *)job;
	struct daemon *d = l->d;
	struct reload *r = d->reload;
	struct mx_errbuf eb = { "" };

	/* Refused at shutdown: applying it would open listeners again. */
	if (l->diff != NULL && d->draining)
		(void)mx_fail(&eb, MX_EBUSY, "shutting down");
	else if (l->diff != NULL && l->kind == LOADING_FILE)
		(void)reload_outside(d, l->conf, &eb);
	if (eb.text[0] != '\0')
		finding(&l->errs, false, d->conf->file, 0, "%s", eb.text);
	if (l->errs.nfatal > 0) {
		reload_end(r, -MX_ESYNTAX);
		return;
	}
	if (l->kind == LOADING_FILE)
		self_replace(&d->self, &l->self, loop_now(d->loop));
	smtpd_setup_open(d->smtpd, l->setup);
	apply_begin(d, l->conf);
	reload_next(r, RELOAD_CHANGE);
}

/* Whatever is loaded, it has the redirects of now. */
static void
reload_begin(struct reload *r, enum loading_kind kind,
    struct domain_texts *texts)
{
	r->left = r->left_messages = 0;
	r->redirect = false;
	if (kind == LOADING_FILE) {
		r->again = false;
		r->number++;
		service_reloading();
	}
	r->state = RELOAD_LOAD;
	r->l = loading_begin(r->d, kind, texts, on_loaded);
}

/* ---- CHANGE, FILES, REMOVE */

static void
domain_left(struct reload *r, const struct conf_domain *was)
{
	struct daemon *d = r->d;
	struct relay_domain rd;
	uint64_t n;

	apply_left(d, was);
	d->relay->domain(d->relay->self, was->name, &rd);
	n = relay_domain_messages(&rd);
	if (n > 0 && r->left++ == 0)
		strlcpy(r->first_left, was->name, sizeof(r->first_left));
	r->left_messages += n;
}

/* Tells the operator that mail of removed domains is still queued. */
static void
tell_left(struct reload *r)
{
	if (r->left == 0)
		return;
	finding(&r->l->errs, true, r->l->conf->file, 0,
	    "%ju %s no longer in the configuration and %s %ju %s queued "
	    "(%s%s): %s the old settings until %s; mxwatchctl forget DOMAIN "
	    "ends that",
	    (uintmax_t)r->left, r->left == 1 ? "domain is" : "domains are",
	    r->left == 1 ? "has" : "have", (uintmax_t)r->left_messages,
	    r->left_messages == 1 ? "message" : "messages", r->first_left,
	    r->left > 1 ? ", ..." : "", r->left == 1 ? "it keeps" : "they keep",
	    r->left == 1 ? "its queue is empty" : "their queues are empty");
}

/* Applies some of the changes; false: there are no more. */
static bool
reload_slice(struct reload *r, bool removed)
{
	const struct conf_diff *diff = r->l->diff;
	int64_t end = clock_now() + SLICE;
	const struct conf_change *c;

	while (r->at < diff->n) {
		c = &diff->change[r->at++];
		if (removed && c->is == NULL)
			domain_left(r, c->was);
		else if (removed) /* stores its settings again */
			stats_touch(r->d->stats, c->is->name);
		else if (c->is != NULL)
			apply_domain(r->d, c->is);
		if (r->at % SLICE_LOOK == 0 && clock_now() > end)
			return true;
	}
	return removed ? backups_leave(r->d, r->l->old, r->backup, end) :
			 backups_change(r->d, r->l->conf, r->backup, end);
}

/* Puts the configuration into force. */
static void
reload_use(struct reload *r)
{
	struct daemon *d = r->d;
	struct config *old = d->conf;
	size_t unread = smtpd_files_unread(d->smtpd);
	struct descriptor_shares shares;

	if (unread > 0)
		log_warn("config",
		    "reload=waiting files=%zu effect=\"recipients of new files "
		    "get 451 until they are read\"",
		    unread);
	if (r->l->kind == LOADING_FILE) {
		descriptors_share_log(r->l->conf, &shares);
		smtpd_bound(d->smtpd, shares.sessions);
		deliver_limit(d->deliver, shares.deliveries);
	}
	smtpd_setup_use(d->smtpd, &r->l->setup);
	d->conf = config_ref(r->l->conf);
	removed_configured(d->removed);
	daemon_alerts_configure(d);
	config_unref(&old); /* r->l has a reference, too */
	reload_next(r, RELOAD_REMOVE);
}

static void
on_turn(void *arg)
{
	struct reload *r = arg;

	switch (r->state) {
	case RELOAD_CHANGE:
		if (reload_slice(r, false)) {
			loop_timer_set(r->timer, 0);
		} else if (smtpd_files_unread(r->d->smtpd) == 0) {
			reload_use(r);
		} else {
			r->state = RELOAD_FILES;
			loop_timer_set(r->timer, FILES_WAIT_MS);
		}
		break;
	case RELOAD_FILES:
		reload_use(r);
		break;
	case RELOAD_REMOVE:
		if (reload_slice(r, true)) {
			loop_timer_set(r->timer, 0);
		} else {
			tell_left(r);
			reload_end(r, 0);
		}
		break;
	default:
		break;
	}
}

/* Called at the start, too, when no reload waits: readiness depends on it. */
static void
on_read(void *arg)
{
	struct daemon *d = arg;

	d->files_read = true;
	if (d->reload->state == RELOAD_FILES)
		reload_use(d->reload);
}

/* ---- for the daemon */

void
reload_create(struct daemon *d)
{
	d->reload = mem_alloc(sizeof(*d->reload));
	d->reload->d = d;
	d->reload->timer = loop_timer_create(d->loop, on_turn, d->reload);
	smtpd_on_read(d->smtpd, on_read, d);
}

void
reload_destroy(struct daemon *d)
{
	struct reload *r = d->reload;

	if (r == NULL)
		return;
	loop_timer_destroy(&r->timer);
	if (r->state > RELOAD_LOAD) /* before that the helper has dropped it */
		loading_free(&r->l->job);
	conf_errors_fini(&r->errs);
	domain_texts_unref(&r->offered);
	mem_free(&d->reload);
}

uint64_t
daemon_reload(struct daemon *d)
{
	struct reload *r = d->reload;

	if (r->state == RELOAD_IDLE) {
		reload_begin(r, LOADING_FILE, NULL);
		return r->number;
	}
	r->again = true;
	return r->number + 1;
}

void
reload_domains(struct daemon *d, struct domain_texts *texts)
{
	struct reload *r = d->reload;

	domain_texts_unref(&r->offered);
	if (texts != NULL && r->state == RELOAD_IDLE)
		reload_begin(r, LOADING_SOURCE, texts);
	else
		r->offered = domain_texts_ref(texts);
}

void
reload_redirects(struct daemon *d)
{
	struct reload *r = d->reload;

	if (r->state == RELOAD_IDLE)
		reload_begin(r, LOADING_REDIRECTS, NULL);
	else
		r->redirect = true;
}

bool
reload_is_applied(const struct daemon *d)
{
	return d->reload != NULL &&
	    (d->reload->state == RELOAD_CHANGE ||
		d->reload->state == RELOAD_FILES);
}

int
daemon_reload_result(const struct daemon *d, uint64_t number,
    const struct conf_errors **errs)
{
	const struct reload *r = d->reload;

	if (r->ended < number)
		return 1;
	*errs = &r->errs;
	return r->rc;
}
