/* SPDX-License-Identifier: ISC
 * notify_test: a trigger and then a resolve on an operator's word, past the
 * outbox: it is known at once what came of them. */
#include <string.h>

#include "alerts/alerts_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

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
	if (r->type->state != NULL) {
		x.url = r->conf->url.s[url];
		r->type->state(&x, &am, 1, &m);
	} else
		r->type->note(&x, &note, resolve, &m);
	note_fini(&note);
	notify_message(a, r, &m, e);
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
	if (r->type->state != NULL)
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

void
notify_test_done(struct alerts *a, const struct errand *er,
    const struct send_result *res)
{
	struct receiver *r = receiver_find(a, er->name);
	bool ok = res->result == CARRY_SENT;

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
