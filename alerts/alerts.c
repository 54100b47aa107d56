/* SPDX-License-Identifier: ISC
 * alerts: the thread and what the loop thread may ask of it. A turn: take
 * the mail; once a second evaluate the newest snapshot; pick what is to be
 * sent; save; send; show; then wait for the network, for mail, or for the
 * next second, in one poll. */
#include "alerts/alerts.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "alerts/alerts_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define STEP_NS	 CLOCK_SEC
#define SOON_NS	 (CLOCK_SEC / 5) /* after a notice: a storm is one look */
#define DRAIN_NS (2 * CLOCK_SEC)

enum { MAIL_CONF, MAIL_LOOK, MAIL_TEST, MAIL_STOP };

struct alerts_mail {
	struct mail mail; /* first */
	struct config *conf; /* MAIL_CONF: the thread's reference */
	char name[SNAP_NAME_MAX];
	int64_t ticket;
};

/* ---- the thread */

static void
mail_free(struct mail *m)
{
	struct alerts_mail *am = (struct alerts_mail *)(void *)m;

	config_unref(&am->conf);
	mem_free(&am);
}

static void
take_config(struct alerts *a, struct config **conf)
{
	struct config *old = a->conf;

	a->conf = *conf;
	*conf = NULL;
	receivers_build(a);
	a->next_step = 0;
	config_unref(&old);
}

static void
look_soon(struct alerts *a)
{
	int64_t soon = a->last_step + SOON_NS;

	if (soon < a->next_step)
		a->next_step = soon;
}

static void
take_mail(struct alerts *a)
{
	struct alerts_mail *am;
	struct mail_list list;
	struct mail *m;

	if (!mailbox_take(a->box, &list))
		return;
	while ((m = STAILQ_FIRST(&list)) != NULL) {
		STAILQ_REMOVE_HEAD(&list, link);
		am = (struct alerts_mail *)(void *)m;
		if (m->kind == MAIL_CONF)
			take_config(a, &am->conf);
		else if (m->kind == MAIL_LOOK)
			look_soon(a);
		else if (m->kind == MAIL_TEST)
			notify_test(a, am->name, am->ticket);
		else
			a->stopping = true;
		mail_free(m);
	}
}

/* One line for each alert that begins, changes or ends. */
static void
on_change(const struct instance *i, void *arg MX_UNUSED)
{
	bool over = i->state == INSTANCE_RESOLVED;

	(over ? log_notice : log_warn)("alerts",
	    "alert=%s domain=%s state=%s severity=%s text=%s",
	    conf_alert_info[i->kind].name, i->domain,
	    instance_state_name(i->state), severity_name(i->severity),
	    log_q(i->summary));
}

static bool
step(struct alerts *a, const struct snapshot *s)
{
	struct rules_self self;
	bool changed;

	for (size_t i = 0; i < a->nreceivers; i++) {
		struct receiver *r = &a->receiver[i];

		/* Nothing is left that it did not take. */
		if (!r->rejected && r->broken[0] == '\0' &&
		    r->conf->type != RECEIVER_ALERTMANAGER &&
		    outbox_pending(&a->ledger.outbox, r->shown.name) == 0)
			r->failing_ms = 0;
	}
	pthread_mutex_lock(&a->state);
	receivers_failing(a, &self);
	changed = ledger_step(&a->ledger, a->rules, a->conf, s, &self,
	    clock_wall_ms());
	pthread_mutex_unlock(&a->state);
	if (a->ledger.outbox.dropped != a->dropped) {
		static struct log_limit limit;

		if (log_limit_ok(&limit, 300))
			log_error("alerts",
			    "problem=\"an outbox is full, alerts wait\"");
		a->dropped = a->ledger.outbox.dropped;
	}
	return changed;
}

static void
save(struct alerts *a)
{
	struct mx_errbuf eb = { "" };
	int rc;
	bool failed;

	pthread_mutex_lock(&a->state);
	if (!a->ledger.changed && !a->ledger.outbox.changed) {
		pthread_mutex_unlock(&a->state);
		return;
	}
	a->ledger.changed = a->ledger.outbox.changed = false;
	rc = ledger_write(&a->ledger, &a->image);
	pthread_mutex_unlock(&a->state);
	if (rc == 0)
		rc = ledger_save(&a->image, a->path, &eb);
	else
		rc = mx_fail(&eb, rc, "%s would be too large", a->path);
	failed = rc != 0;
	buf_clear(&a->image);
	if (failed) {
		/* Tell all the same: a page that may come twice after a crash
		 * is better than none. */
		if (!a->save_failed)
			log_error("alerts", "problem=%s", log_q(eb.text));
		a->ledger.outbox.changed = true;
	} else if (a->save_failed)
		log_notice("alerts", "saving=ok");
	a->save_failed = failed;
}

static void
show_alerts(struct alerts *a, struct snap_alert **list, unsigned *n)
{
	int64_t now = clock_wall_ms();
	struct snap_alert *s;
	struct instance *i;

	*n = 0;
	RB_FOREACH (i, instance_tree, &a->ledger.instances)
		*n +=
		    i->state == INSTANCE_PENDING || i->state == INSTANCE_FIRING;
	*list = mem_array(*n + 1, sizeof(**list));
	s = *list;
	RB_FOREACH (i, instance_tree, &a->ledger.instances) {
		if (i->state != INSTANCE_PENDING && i->state != INSTANCE_FIRING)
			continue;
		s->kind = i->kind;
		(void)strlcpy(s->domain, i->domain, sizeof(s->domain));
		(void)strlcpy(s->primary, i->primary, sizeof(s->primary));
		(void)strlcpy(s->summary, i->summary, sizeof(s->summary));
		s->severity = i->severity;
		s->firing = i->state == INSTANCE_FIRING;
		s->silenced = ledger_silenced(&a->ledger, i, now);
		s->since = i->since_ms / 1000;
		s++;
	}
}

/* Leaves a copy of what the loop thread shows. */
static void
show(struct alerts *a)
{
	struct snap_receiver *sr = mem_array(a->nreceivers + 1, sizeof(*sr));
	struct snap_heartbeat *sh = mem_array(a->nheartbeats + 1, sizeof(*sh));
	struct snap_alert *sa;
	unsigned n;

	for (size_t i = 0; i < a->nreceivers; i++) {
		sr[i] = a->receiver[i].shown;
		sr[i].pending = outbox_pending(&a->ledger.outbox, sr[i].name);
		if (a->receiver[i].broken[0] != '\0')
			(void)strlcpy(sr[i].error, a->receiver[i].broken,
			    sizeof(sr[i].error));
	}
	for (size_t i = 0; i < a->nheartbeats; i++)
		sh[i] = a->heartbeat[i].shown;
	pthread_mutex_lock(&a->state);
	show_alerts(a, &sa, &n);
	pthread_mutex_unlock(&a->state);
	pthread_mutex_lock(&a->shown);
	mem_free(&a->alert);
	mem_free(&a->sreceiver);
	mem_free(&a->sheartbeat);
	a->alert = sa;
	a->nalerts = n;
	a->sreceiver = sr;
	a->nsreceivers = (unsigned)a->nreceivers;
	a->sheartbeat = sh;
	a->nsheartbeats = (unsigned)a->nheartbeats;
	pthread_mutex_unlock(&a->shown);
}

static void
turn(struct alerts *a)
{
	struct snapshot *s = NULL;
	bool stepped = false, changed = false;
	int64_t wait;

	take_mail(a);
	if (clock_now() >= a->next_step) {
		a->last_step = clock_now();
		a->next_step = a->last_step + STEP_NS;
		s = snapshot_box_get(a->snapshots);
		stepped = s != NULL;
	}
	if (stepped && !a->stopping) {
		changed = step(a, s);
		notify_heartbeats(a, s);
		notify_alertmanagers(a, changed);
	}
	if (!a->stopping)
		notify_entries(a);
	save(a);
	notify_send(a);
	if (stepped || a->told)
		show(a);
	a->told = false;
	snapshot_unref(&s);
	wait = (a->next_step - clock_now()) / CLOCK_MS + 1;
	transport_poll(a->transport, mailbox_fd(a->box),
	    wait < 0	    ? 0 :
		wait > 1000 ? 1000 :
			      (int)wait);
}

static void *
run(void *arg)
{
	struct alerts *a = arg;
	int64_t end;

	receivers_build(a);
	show(a);
	while (!a->stopping)
		turn(a);
	end = clock_now() + DRAIN_NS;
	while (transport_running(a->transport) > 0 && clock_now() < end)
		turn(a);
	save(a);
	transport_destroy(&a->transport);
	receivers_free(a);
	return NULL;
}

/* ---- the loop thread's side */

static void
post(struct alerts *a, int kind, struct config *conf, const char *name,
    int64_t ticket)
{
	struct alerts_mail *am = mem_alloc(sizeof(*am));

	am->mail.kind = kind;
	am->conf = conf != NULL ? config_ref(conf) : NULL;
	(void)strlcpy(am->name, name, sizeof(am->name));
	am->ticket = ticket;
	mailbox_post(a->box, &am->mail);
}

static void
drop_errand(void *arg)
{
	struct errand *e = arg;

	mem_free(&e);
}

/* Signals are the main thread's. */
static void
start_thread(struct alerts *a)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&a->thread, NULL, run, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	MX_ASSERT(rc == 0);
}

struct alerts *
alerts_create(struct config *conf, struct snapshot_box *snapshots)
{
	struct alerts *a = mem_alloc(sizeof(*a));
	struct mx_errbuf eb = { "" };

	MX_ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	a->conf = config_ref(conf);
	a->loop_conf = config_ref(conf);
	a->snapshots = snapshots;
	a->path = mem_printf("%s/alerts.json", conf->spool);
	a->box = mailbox_create();
	a->rules = rules_create();
	buf_init(&a->image, LEDGER_FILE_MAX);
	pthread_mutex_init(&a->state, NULL);
	pthread_mutex_init(&a->shown, NULL);
	ledger_init(&a->ledger);
	a->ledger.on_change = on_change;
	if (ledger_load(&a->ledger, a->path, &eb) != 0)
		log_error("alerts", "problem=%s", log_q(eb.text));
	a->transport = transport_create(notify_done, a);
	transport_on_drop(a->transport, drop_errand);
	start_thread(a);
	return a;
}

void
alerts_configure(struct alerts *a, struct config *conf)
{
	config_unref(&a->loop_conf);
	a->loop_conf = config_ref(conf);
	post(a, MAIL_CONF, conf, "", 0);
}

void
alerts_destroy(struct alerts **ap)
{
	struct alerts *a = *ap;

	if (a == NULL)
		return;
	post(a, MAIL_STOP, NULL, "", 0);
	pthread_join(a->thread, NULL);
	mailbox_destroy(&a->box, mail_free);
	rules_destroy(&a->rules);
	ledger_fini(&a->ledger);
	buf_fini(&a->image);
	mem_free(&a->alert);
	mem_free(&a->sreceiver);
	mem_free(&a->sheartbeat);
	mem_free(&a->path);
	config_unref(&a->conf);
	config_unref(&a->loop_conf);
	pthread_mutex_destroy(&a->state);
	pthread_mutex_destroy(&a->shown);
	mem_free(ap);
	curl_global_cleanup();
}

/* What happened is in the next snapshot, or in the one after: the thread
 * looks each second anyway. This only makes the first look come sooner. */
void
alerts_notice(struct alerts *a, const struct notice *n MX_UNUSED)
{
	post(a, MAIL_LOOK, NULL, "", 0);
}

/* Both lists are sorted by domain within a kind; the snapshot by domain. */
static void
mark_firing(struct snapshot *s, const struct snap_alert *alert)
{
	uint32_t bit = UINT32_C(1) << alert->kind;
	unsigned lo = 0, hi = s->ndomains, mid;
	int rc;

	if (!alert->firing)
		return;
	if (alert->domain[0] == '\0')
		s->alerts |= bit;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		rc = strcmp(alert->domain, s->domain[mid].count.name);
		if (rc == 0) {
			s->domain[mid].alerts |= bit;
			return;
		}
		if (rc < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
}

void
alerts_snapshot(struct alerts *a, struct snapshot *s)
{
	pthread_mutex_lock(&a->shown);
	snapshot_alerts(s, a->nalerts, a->nsreceivers, a->nsheartbeats);
	if (a->nalerts > 0)
		memcpy(s->alert, a->alert, a->nalerts * sizeof(*s->alert));
	if (a->nsreceivers > 0)
		memcpy(s->receiver, a->sreceiver,
		    a->nsreceivers * sizeof(*s->receiver));
	if (a->nsheartbeats > 0)
		memcpy(s->heartbeat, a->sheartbeat,
		    a->nsheartbeats * sizeof(*s->heartbeat));
	pthread_mutex_unlock(&a->shown);
	for (unsigned i = 0; i < s->nalerts; i++)
		mark_firing(s, &s->alert[i]);
}

uint64_t
alerts_silence(struct alerts *a, const char *match, int64_t for_ms,
    const char *reason)
{
	int64_t now = clock_wall_ms();
	uint64_t id;

	pthread_mutex_lock(&a->state);
	id = ledger_silence(&a->ledger, match, now, now + for_ms, reason);
	pthread_mutex_unlock(&a->state);
	post(a, MAIL_LOOK, NULL, "", 0);
	return id;
}

int
alerts_unsilence(struct alerts *a, uint64_t id)
{
	bool ok;

	pthread_mutex_lock(&a->state);
	ok = ledger_unsilence(&a->ledger, id);
	pthread_mutex_unlock(&a->state);
	post(a, MAIL_LOOK, NULL, "", 0);
	return ok ? 0 : -MX_ENOENT;
}

void
alerts_silences(struct alerts *a,
    void (*fn)(const struct alerts_silenced *, void *), void *arg)
{
	int64_t now = clock_wall_ms();

	pthread_mutex_lock(&a->state);
	for (unsigned i = 0; i < a->ledger.nsilences; i++) {
		const struct silence *s = &a->ledger.silence[i];

		if (s->until_ms > now)
			fn(&(struct alerts_silenced){ s->id, s->match,
			       s->reason, s->from_ms, s->until_ms },
			    arg);
	}
	pthread_mutex_unlock(&a->state);
}

int64_t
alerts_test(struct alerts *a, const char *receiver)
{
	int64_t ticket = a->last_ticket + 1;
	struct test_result *t = &a->test[ticket % ALERTS_TESTS];
	bool known = false, busy;

	for (size_t i = 0; i < a->loop_conf->nreceivers; i++)
		known |= strcmp(a->loop_conf->receiver[i].name, receiver) == 0;
	if (!known)
		return -MX_ENOENT;
	pthread_mutex_lock(&a->shown);
	busy = t->ticket != 0 && t->rc == 0;
	if (!busy)
		*t = (struct test_result){ .ticket = ticket, .left = 1 };
	pthread_mutex_unlock(&a->shown);
	if (busy)
		return -MX_EBUSY;
	a->last_ticket = ticket;
	post(a, MAIL_TEST, NULL, receiver, ticket);
	return ticket;
}

int
alerts_test_result(struct alerts *a, int64_t ticket, char *text, size_t size)
{
	const struct test_result *t = &a->test[ticket % ALERTS_TESTS];
	int rc = -MX_ENET;

	(void)strlcpy(text, "is no longer known", size);
	pthread_mutex_lock(&a->shown);
	if (t->ticket == ticket) {
		(void)strlcpy(text, t->text, size);
		rc = t->rc;
	}
	pthread_mutex_unlock(&a->shown);
	return rc;
}
