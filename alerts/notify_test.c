/* SPDX-License-Identifier: ISC
 * notify_test: sends a trigger and then a resolve on an operator's request,
 * without the outbox: the result is reported at once. */
#include <stdio.h>
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

/* "http://am.test:9093" of an address; the rest may be secret. */
static void
host_of(const struct receiver *r, unsigned url, char *dst, size_t size)
{
	const char *at, *end;

	dst[0] = '\0';
	if (r == NULL || r->type->state == NULL || url >= r->conf->url.n)
		return;
	at = r->conf->url.s[url];
	end = strstr(at, "://");
	end = end != NULL ? end + 3 : at;
	end += strcspn(end, "/?#");
	(void)snprintf(dst, size, "%.*s", (int)(end - at), at);
}

/* Adds a line about the progress; under a->shown. */
static void
add_line(struct test_result *t, const struct receiver *r,
    const struct errand *er, const char *stage, const char *text)
{
	struct alerts_test_line *l;

	if (t->nlines == TEST_LINES_MAX)
		return;
	if (t->nlines % 16 == 0)
		t->line = mem_grow(t->line, t->nlines + 16, sizeof(*t->line));
	l = &t->line[t->nlines++];
	*l = (struct alerts_test_line){ .resolve = er->what == ERRAND_TEST_END,
		.url = er->url,
		.ms = (clock_now() - t->began) / CLOCK_MS };
	host_of(r, er->url, l->host, sizeof(l->host));
	(void)strlcpy(l->stage, stage, sizeof(l->stage));
	text_cut(l->text, sizeof(l->text), text);
}

static void
test_line(struct alerts *a, const struct errand *er, const char *stage,
    const char *text)
{
	struct test_result *t;

	pthread_mutex_lock(&a->shown);
	t = test_find(a, er->id);
	if (t != NULL)
		add_line(t, receiver_find(a, er->name), er, stage, text);
	pthread_mutex_unlock(&a->shown);
}

/* One of the addresses has a result; the test ends with the last one. */
static void
test_end(struct alerts *a, uint64_t ticket, bool ok, const char *text)
{
	struct test_result *t;

	pthread_mutex_lock(&a->shown);
	t = test_find(a, ticket);
	if (t != NULL && t->rc == 0) {
		if (!t->failed)
			text_cut(t->text, sizeof(t->text), text);
		t->failed |= !ok;
		t->left -= t->left > 0;
		if (t->left == 0)
			t->rc = t->failed ? -MX_ENET : 1;
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
		.summary = "test requested with mxwatchctl" };
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
		test_end(a, (uint64_t)ticket, false,
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
notify_test_told(struct alerts *a, const struct errand *er,
    enum carry_stage stage)
{
	test_line(a, er, carry_stage_name(stage), "");
}

void
notify_test_done(struct alerts *a, const struct errand *er,
    const struct send_result *res)
{
	struct receiver *r = receiver_find(a, er->name);
	bool ok = res->result == CARRY_SENT;

	log_notice("alerts", "test=%s action=%s result=%s", er->name,
	    er->what == ERRAND_TEST ? "trigger" : "resolve", log_q(res->text));
	test_line(a, er, ok ? "answered" : "failed", res->text);
	if (ok && er->what == ERRAND_TEST && r != NULL && !r->broken[0])
		test_send(a, r, er->id, er->url, true);
	else if (ok && er->what == ERRAND_TEST)
		test_end(a, er->id, false, "was removed");
	else
		test_end(a, er->id, ok, res->text);
}
