/* SPDX-License-Identifier: ISC
 * notify: from the outbox to the transport and back. To one receiver one
 * message is on its way at a time, so that nothing overtakes; a receiver that
 * fails is left alone for a growing while. An Alertmanager is told the whole
 * state each minute instead, as Prometheus does, every one that is listed. */
#include <stdio.h>
#include <string.h>

#include "alerts/alerts_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define AM_RESEND	(60 * CLOCK_SEC)
#define FRESH		(10 * CLOCK_SEC) /* a snapshot of a loop that turns */
#define ROUND_SLACK_MS	30000 /* of a probe round */
#define HEARTBEAT_LIMIT 30000

static struct errand *
errand_create(enum errand_what what, const char *name)
{
	struct errand *e = mem_alloc(sizeof(*e));

	e->what = what;
	(void)strlcpy(e->name, name, sizeof(e->name));
	return e;
}

static void
send_to(struct alerts *a, const struct receiver *r, struct message *m,
    struct errand *e)
{
	struct carry c = { .timeout_ms = r->conf->timeout_ms,
		.ca_file = r->conf->ca_file,
		.from = r->from,
		.user = r->conf->user,
		.password = r->password,
		.to = &r->conf->to,
		.argv = &r->conf->command,
		.arg = e };

	transport_send(a->transport, m, &c);
}

/* ---- entries of the outbox */

/* Picks what is sent next, one for each receiver that is free, and marks it,
 * so that the mark is on the disk before the first byte is out. */
void
notify_entries(struct alerts *a)
{
	int64_t now = clock_now(), wall = clock_wall_ms();
	struct receiver *r;

	for (size_t i = 0; i < a->nreceivers; i++) {
		r = &a->receiver[i];
		r->pick = NULL;
		if (r->conf->type == RECEIVER_ALERTMANAGER || r->busy ||
		    now < r->not_before)
			continue;
		r->pick = outbox_next(&a->ledger.outbox, r->shown.name, wall);
		if (r->pick != NULL && r->broken[0] != '\0') {
			r->pick = NULL;
			if (r->failing_ms == 0)
				r->failing_ms = wall;
		}
		if (r->pick == NULL || r->pick->attempted)
			continue;
		r->pick->attempted = true;
		a->ledger.outbox.changed = true;
	}
}

void
notify_send(struct alerts *a)
{
	struct outbox_entry *e;
	struct format_ctx x;
	struct errand *er;
	struct receiver *r;
	struct message m;

	for (size_t i = 0; i < a->nreceivers; i++) {
		r = &a->receiver[i];
		e = r->pick;
		r->pick = NULL;
		if (e == NULL)
			continue;
		receiver_context(a, r, &x);
		x.phase_ms = e->phase_ms;
		if (e->host[0] != '\0')
			x.hostname = e->host;
		er = errand_create(ERRAND_ENTRY, r->shown.name);
		er->id = e->id;
		er->resolve = e->phase == OUTBOX_RESOLVE;
		format_note(&x, &e->note, er->resolve, &m);
		outbox_sending(&a->ledger.outbox, e);
		r->busy = true;
		r->shown.retried += e->attempts > 0;
		send_to(a, r, &m, er);
	}
}

/* How a receiver is, from what came of one message. */
static void
receiver_result(struct receiver *r, int64_t *failing_ms,
    const struct send_result *res, unsigned failures)
{
	if (res->result == OUTBOX_SENT) {
		r->shown.sent++;
		r->shown.last_success = clock_wall();
		r->rejected = false;
		*failing_ms = 0;
		if (res->partly)
			(void)strlcpy(r->shown.error, res->text,
			    sizeof(r->shown.error));
		else if (receiver_failing(r) == 0)
			r->shown.error[0] = '\0';
		return;
	}
	r->shown.failed++;
	(void)strlcpy(r->shown.error, res->text, sizeof(r->shown.error));
	r->rejected = res->result == OUTBOX_REJECTED;
	if (*failing_ms == 0)
		*failing_ms = clock_wall_ms();
	if (failures <= 1 || failures % 10 == 0)
		log_warn("alerts", "receiver=%s problem=%s failures=%u",
		    r->shown.name, log_q(res->text), failures);
}

static void
entry_done(struct alerts *a, const struct errand *er,
    const struct send_result *res)
{
	struct receiver *r = receiver_find(a, er->name);
	struct outbox_entry *e = outbox_by_id(&a->ledger.outbox, er->id);

	if (r != NULL) {
		r->busy = false;
		r->failures = res->result == OUTBOX_RETRY ? r->failures + 1 : 0;
		r->not_before = res->result == OUTBOX_RETRY ? clock_now() +
			outbox_backoff_ms(r->failures, res->retry_after_ms) *
			    CLOCK_MS :
							      0;
		receiver_result(r, &r->failing_ms, res, r->failures);
	}
	if (e == NULL)
		return;
	log_info("alerts",
	    "receiver=%s alert=%s group=%s action=%s result=%s text=%s",
	    er->name, note_name(&e->note), log_q(e->note.group),
	    er->resolve ? "resolve" : "trigger",
	    res->result == OUTBOX_SENT	    ? "sent" :
		res->result == OUTBOX_RETRY ? "later" :
					      "rejected",
	    log_q(res->text));
	outbox_done(&a->ledger.outbox, e, res->result, clock_wall_ms());
}

/* ---- alertmanagers */

static bool
am_told(const struct alerts *a, const struct receiver *r,
    const struct instance *i)
{
	const struct conf_alert *c = &a->conf->alert[i->kind];

	if (c->everybody)
		return true;
	for (size_t k = 0; k < c->receivers.n; k++)
		if (strcmp(c->receivers.s[k], r->shown.name) == 0)
			return true;
	return false;
}

/* What it is to know: what fires, and for a quarter of an hour what did. Of
 * more than fits the first are told, which are the outages. */
static size_t
am_collect(struct alerts *a, const struct receiver *r, struct am_alert *list)
{
	enum alert_severity least = r->conf->severity == CONF_CRITICAL ?
	    ALERT_SEV_CRITICAL :
	    ALERT_SEV_WARNING;
	int64_t now = clock_wall_ms();
	struct instance *i;
	size_t n = 0;

	RB_FOREACH (i, instance_tree, &a->ledger.instances) {
		if (n + 2 > AM_ALERTS_MAX)
			break;
		if (i->fired_ms == 0 || !am_told(a, r, i) ||
		    (i->state == INSTANCE_FIRING &&
			ledger_silenced(&a->ledger, i, now)))
			continue;
		if (i->severity >= least)
			list[n++] = (struct am_alert){ i, i->severity,
				i->fired_ms,
				i->state == INSTANCE_RESOLVED ? i->end_ms : 0 };
		if (i->was >= least && now - i->was_ms < INSTANCE_RESOLVED_MS)
			list[n++] = (struct am_alert){ i, i->was, i->fired_ms,
				i->was_ms };
	}
	return n;
}

static void
am_send(struct alerts *a, struct receiver *r, unsigned url,
    const struct am_alert *list, size_t n)
{
	struct errand *e = errand_create(ERRAND_AM, r->shown.name);
	struct format_ctx x;
	struct message m;

	receiver_context(a, r, &x);
	x.url = r->conf->url.s[url];
	e->url = url;
	fmt_alertmanager(&x, list, n, &m);
	r->am[url].busy = true;
	r->am[url].next = clock_now() + AM_RESEND;
	r->shown.retried += r->am[url].failures > 0;
	send_to(a, r, &m, e);
}

/* Each instance as it is, and as it was before its severity changed. */
static size_t
am_room(const struct alerts *a)
{
	struct instance_tree *tree =
	    (struct instance_tree *)(uintptr_t)&a->ledger.instances;
	struct instance *i;
	size_t n = 2;

	RB_FOREACH (i, instance_tree, tree)
		n += 2;
	return n < AM_ALERTS_MAX ? n : AM_ALERTS_MAX;
}

void
notify_alertmanagers(struct alerts *a, bool changed)
{
	struct am_alert *list = NULL;
	int64_t now = clock_now();
	struct receiver *r;
	size_t n;

	for (size_t i = 0; i < a->nreceivers; i++) {
		r = &a->receiver[i];
		if (r->conf->type != RECEIVER_ALERTMANAGER ||
		    r->broken[0] != '\0')
			continue;
		if (list == NULL)
			list = mem_array(am_room(a), sizeof(*list));
		n = am_collect(a, r, list);
		for (unsigned u = 0; u < r->conf->url.n && u < CONF_URLS_MAX;
		     u++) {
			if (changed && r->am[u].failures == 0)
				r->am[u].next = 0;
			if (n == 0) /* nothing that it did not take */
				r->am[u].failing_ms = 0;
			if (n > 0 && !r->am[u].busy && now >= r->am[u].next)
				am_send(a, r, u, list, n);
		}
	}
	mem_free(&list);
}

static void
am_done(struct alerts *a, const struct errand *er,
    const struct send_result *res)
{
	struct receiver *r = receiver_find(a, er->name);
	bool ok = res->result == OUTBOX_SENT;
	int64_t ms;

	if (r == NULL)
		return;
	r->am[er->url].busy = false;
	r->am[er->url].failures = ok ? 0 : r->am[er->url].failures + 1;
	receiver_result(r, &r->am[er->url].failing_ms, res,
	    r->am[er->url].failures);
	if (ok)
		return;
	ms = outbox_backoff_ms(r->am[er->url].failures, res->retry_after_ms);
	r->am[er->url].next = clock_now() + ms * CLOCK_MS;
}

/* ---- heartbeats */

/* Whether all that somebody would rely on is alive: the loop, the probes,
 * the spool. Whatever is not, the silence will tell. */
static bool
is_alive(const struct alerts *a, const struct snapshot *s)
{
	int64_t now = clock_wall_ms(), slack = 0, newest = 0, ms;
	const struct conf_domain *cd;

	if (s == NULL || !s->ready || s->spool_state != 0 ||
	    clock_now() - s->made > FRESH)
		return false;
	for (unsigned i = 0; i < s->ndomains; i++) {
		cd = config_domain(a->conf, s->domain[i].count.name);
		if (cd == NULL || !cd->probe.enabled)
			continue;
		ms = 3 * cd->probe.interval_ms + cd->probe.timeout_ms;
		if (slack == 0 || ms < slack)
			slack = ms;
	}
	if (slack == 0) /* nothing is probed */
		return true;
	for (unsigned i = 0; i < s->nprimaries; i++)
		if (s->primary[i].last_run > newest)
			newest = s->primary[i].last_run;
	return now - newest * 1000 <= slack + ROUND_SLACK_MS;
}

void
notify_heartbeats(struct alerts *a, const struct snapshot *s)
{
	struct carry c = { .timeout_ms = HEARTBEAT_LIMIT, .get = true };
	int64_t now = clock_now();
	struct heartbeat *h;
	struct message m;

	for (size_t i = 0; i < a->nheartbeats; i++) {
		h = &a->heartbeat[i];
		if (h->busy || now < h->next || !is_alive(a, s))
			continue;
		h->next = now + h->conf->interval_ms * CLOCK_MS;
		h->busy = true;
		message_init(&m, CARRY_HTTP);
		m.url = mem_strdup(h->conf->url);
		c.ca_file = h->conf->ca_file;
		c.arg = errand_create(ERRAND_HEARTBEAT, h->shown.name);
		transport_send(a->transport, &m, &c);
	}
}

static void
heartbeat_done(struct alerts *a, const struct errand *er,
    const struct send_result *res)
{
	static struct log_limit limit;
	struct heartbeat *h;

	for (size_t i = 0; i < a->nheartbeats; i++) {
		h = &a->heartbeat[i];
		if (strcmp(h->shown.name, er->name) != 0)
			continue;
		h->busy = false;
		if (res->result == OUTBOX_SENT)
			h->shown.last_success = clock_wall();
		else if (log_limit_ok(&limit, 60))
			log_warn("alerts", "heartbeat=%s problem=%s", er->name,
			    log_q(res->text));
	}
}

/* ---- tests */

static struct test_result *
test_find(struct alerts *a, uint64_t ticket)
{
	struct test_result *t = &a->test[ticket % ALERTS_TESTS];

	return t->ticket == (int64_t)ticket ? t : NULL;
}

static void
test_result(struct alerts *a, uint64_t ticket, int rc, const char *text)
{
	struct test_result *t;

	pthread_mutex_lock(&a->shown);
	t = test_find(a, ticket);
	if (t != NULL && t->rc == 0) {
		(void)strlcpy(t->text, text, sizeof(t->text));
		if (t->left > 0)
			t->left--;
		if (rc < 0 || t->left == 0)
			t->rc = rc;
	}
	pthread_mutex_unlock(&a->shown);
}

static void
test_send(struct alerts *a, struct receiver *r, uint64_t ticket, unsigned url,
    bool resolve)
{
	struct errand *e = errand_create(
	    resolve ? ERRAND_TEST_END : ERRAND_TEST, r->shown.name);
	struct instance i = { .kind = NOTE_TEST,
		.summary = "mxwatchctl asked for this test" };
	struct am_alert am = { &i, ALERT_SEV_WARNING, clock_wall_ms(), 0 };
	struct note note = { .kind = NOTE_TEST };
	struct format_ctx x;
	struct message m;

	receiver_context(a, r, &x);
	e->id = ticket;
	e->url = url;
	note_add(&note, "", ALERT_SEV_WARNING, x.now_ms, i.summary);
	if (resolve) {
		note_end(&note, x.now_ms);
		am.end_ms = am.start_ms;
	}
	(void)strlcpy(note.group, r->shown.name, sizeof(note.group));
	if (r->conf->type == RECEIVER_ALERTMANAGER) {
		x.url = r->conf->url.s[url];
		fmt_alertmanager(&x, &am, 1, &m);
	} else
		format_note(&x, &note, resolve, &m);
	note_fini(&note);
	send_to(a, r, &m, e);
}

void
notify_test(struct alerts *a, const char *receiver, int64_t ticket)
{
	struct receiver *r = receiver_find(a, receiver);
	unsigned urls = 1;

	if (r == NULL || r->broken[0] != '\0') {
		test_result(a, (uint64_t)ticket, -MX_ENET,
		    r != NULL ? r->broken : "was removed");
		return;
	}
	if (r->conf->type == RECEIVER_ALERTMANAGER)
		urls = r->conf->url.n < CONF_URLS_MAX ?
		    (unsigned)r->conf->url.n :
		    CONF_URLS_MAX;
	pthread_mutex_lock(&a->shown);
	if (test_find(a, (uint64_t)ticket) != NULL)
		test_find(a, (uint64_t)ticket)->left = urls;
	pthread_mutex_unlock(&a->shown);
	for (unsigned u = 0; u < urls; u++)
		test_send(a, r, (uint64_t)ticket, u, false);
}

static void
test_done(struct alerts *a, const struct errand *er,
    const struct send_result *res)
{
	struct receiver *r = receiver_find(a, er->name);
	bool ok = res->result == OUTBOX_SENT;

	log_notice("alerts", "test=%s action=%s result=%s", er->name,
	    er->what == ERRAND_TEST ? "trigger" : "resolve", log_q(res->text));
	if (!ok)
		test_result(a, er->id, -MX_ENET, res->text);
	else if (er->what == ERRAND_TEST_END)
		test_result(a, er->id, 1, res->text);
	else if (r == NULL)
		test_result(a, er->id, -MX_ENET, "was removed");
	else
		test_send(a, r, er->id, er->url, true);
}

void
notify_done(void *errand, const struct send_result *res, void *alerts)
{
	struct alerts *a = alerts;
	struct errand *er = errand;

	switch (er->what) {
	case ERRAND_ENTRY:
		entry_done(a, er, res);
		break;
	case ERRAND_AM:
		am_done(a, er, res);
		break;
	case ERRAND_HEARTBEAT:
		heartbeat_done(a, er, res);
		break;
	case ERRAND_TEST:
	case ERRAND_TEST_END:
		test_done(a, er, res);
		break;
	}
	a->told = true;
	mem_free(&er);
}
