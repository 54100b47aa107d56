/* SPDX-License-Identifier: ISC
 * verb_alert: alerts, silence, ack and alert test. The alert thread does the
 * work; requests to it never wait, and the result of a test is polled. Loop
 * thread. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/audit.h"
#include "control/verbs.h"
#include "status/alert.h"
#include "status/status_json.h"

#define TEST_POLL_MS   100
#define TEST_ALIVE     (10 * CLOCK_SEC) /* interval of lines that say we wait */
#define MATCH_MAX      (TEXT_DOMAIN_MAX + 32)
#define SILENCE_MAX_MS (INT64_C(366) * 24 * 3600 * 1000)

static bool
is_built(struct call *c)
{
	if (call_ops(c)->alert.silence != NULL)
		return true;
	call_fail(c, CONTROL_FAILED, "this mxwatchd was built without alerts");
	return false;
}

#define ALERTS_BATCH 100 /* a step */

struct alerts_walk {
	struct snapshot *s;
	unsigned next, firing, pending;
};

static void
alerts_free(void *work)
{
	struct alerts_walk *w = work;

	snapshot_unref(&w->s);
	mem_free(&w);
}

static void
alerts_step(struct call *c)
{
	struct alerts_walk *w = c->work;
	const struct snap_alerts *t = w->s->told;
	const struct snap_alert *a;
	unsigned sent = 0;
	cJSON *more;

	for (; w->next < t->nalerts && sent < ALERTS_BATCH; w->next++) {
		a = &t->alert[w->next];
		if (c->domain[0] != '\0' &&
		    (alert_scope(a->kind) != ALERT_SCOPE_DOMAIN ||
			strcmp(a->domain, c->domain) != 0))
			continue;
		w->firing += a->firing;
		w->pending += !a->firing;
		sent++;
		call_send(c, status_json_alert(a));
	}
	if (w->next < t->nalerts) {
		call_continue(c);
		return;
	}
	more = json_object();
	json_num(more, "firing", w->firing);
	json_num(more, "pending", w->pending);
	call_done(c, CONTROL_OK, more);
}

void
verb_alerts(struct call *c)
{
	struct alerts_walk *w;

	if (!is_built(c) || (c->domain[0] != '\0' && !verbs_domain_known(c)))
		return;
	w = mem_alloc(sizeof(*w));
	w->s = call_ops(c)->snapshot(call_ops(c)->arg, c->domain);
	c->work = w;
	c->work_free = alerts_free;
	c->step = alerts_step;
	alerts_step(c);
}

/* ---- silence */

static void
send_silence(const struct control_silence *s, void *arg)
{
	struct call *c = arg;
	cJSON *o = json_object();

	json_num(o, "id", (double)s->id);
	json_text(o, "match", s->match);
	json_time_ms(o, "from", s->from_ms);
	json_time_ms(o, "until", s->until_ms);
	json_text(o, "reason", s->reason);
	call_send(c, o);
}

static bool
is_alert(const char *name, size_t len)
{
	static const char *const alerts[] = {
#define ALERT(name, ...) #name,
#include "status/alert.def"
#undef ALERT
	};

	for (unsigned i = 0; i < MX_COUNT(alerts); i++)
		if (strlen(alerts[i]) == len &&
		    memcmp(alerts[i], name, len) == 0)
			return true;
	return false;
}

/* Is it a list in the DNS, or a primary? */
static bool
has_other(const struct snapshot *s, const char *name)
{
	if (snapshot_server(s, name) != NULL)
		return true;
	for (unsigned i = 0; i < s->ndnsbls; i++)
		if (strcmp(s->dnsbl[i].zone, name) == 0)
			return true;
	return false;
}

/* Stores "ALERT", "NAME" or "ALERT/NAME", normalised, into dst; false: neither
 * an alert, nor a domain, a list in the DNS or a primary. */
static bool
matches(struct call *c, const char *name, char dst[static MATCH_MAX])
{
	size_t len = strcspn(name, "/"); /* of the alert, and its "/" */
	char domain[TEXT_DOMAIN_MAX];
	struct snapshot *s;
	bool known;

	if (is_alert(name, len)) {
		(void)strlcpy(dst, name, MATCH_MAX);
		if (name[len] == '\0')
			return true;
		len++;
	} else
		len = 0;
	/* A primary may have a port, or be an address. */
	(void)strlcpy(dst + len, name + len, MATCH_MAX - len);
	if (text_domain(name + len, strlen(name + len), domain) == 0)
		(void)strlcpy(dst + len, domain, MATCH_MAX - len);
	s = call_ops(c)->snapshot(call_ops(c)->arg, dst + len);
	known = snapshot_find(s, dst + len) != NULL || has_other(s, dst + len);
	snapshot_unref(&s);
	return known;
}

static void
refuse_match(struct call *c, const char *name)
{
	call_fail(c, CONTROL_FAILED,
	    "\"%.100s\" is neither an alert nor a domain, list or primary, nor "
	    "ALERT/NAME",
	    name);
}

static void
silence_add(struct call *c)
{
	const struct control_alert_ops *ops = &call_ops(c)->alert;
	const char *name = json_get_text(c->request, "match");
	const char *duration = json_get_text(c->request, "for");
	char match[MATCH_MAX];
	int64_t ms;
	uint64_t id;
	cJSON *more;

	if (text_duration(duration, &ms) != 0 || ms <= 0 ||
	    ms > SILENCE_MAX_MS) {
		call_fail(c, CONTROL_REFUSED,
		    "\"%.60s\" is not a time; write a number with a unit, such "
		    "as 4h",
		    duration);
		return;
	}
	if (!matches(c, name, match)) {
		refuse_match(c, name);
		return;
	}
	id = ops->silence(ops->arg, match, ms,
	    json_get_text(c->request, "reason"));
	audit_about(c, match);
	if (id == 0) {
		call_fail(c, CONTROL_FAILED, "there are too many silences");
		return;
	}
	more = json_object();
	json_num(more, "id", (double)id);
	json_time_ms(more, "until", clock_wall_ms() + ms);
	call_done(c, CONTROL_OK, more);
}

static void
silence_remove(struct call *c)
{
	const struct control_alert_ops *ops = &call_ops(c)->alert;
	const char *text = json_get_text(c->request, "remove");
	cJSON *more;
	int64_t id;
	int rc;

	if (text_int(text, 1, INT64_MAX, &id) != 0) {
		call_fail(c, CONTROL_REFUSED,
		    "\"%.60s\" is not the id of a silence", text);
		return;
	}
	rc = ops->unsilence(ops->arg, (uint64_t)id);
	audit_about(c, text);
	if (rc != 0) {
		call_fail(c, CONTROL_FAILED, "there is no silence %" PRId64,
		    id);
		return;
	}
	more = json_object();
	json_bool(more, "removed", true);
	call_done(c, CONTROL_OK, more);
}

void
verb_silence(struct call *c)
{
	const struct control_alert_ops *ops = &call_ops(c)->alert;
	uint64_t given = c->fields & (FIELD_MATCH | FIELD_FOR | FIELD_REMOVE);

	if (!is_built(c))
		return;
	if (given == (FIELD_MATCH | FIELD_FOR))
		silence_add(c);
	else if (given == FIELD_REMOVE)
		silence_remove(c);
	else if (given == 0) {
		ops->silences(ops->arg, send_silence, c);
		call_done(c, CONTROL_OK, NULL);
	} else
		call_fail(c, CONTROL_REFUSED, "usage: silence %s",
		    control_verbs[VERB_silence].arguments);
}

/* ---- ack */

void
verb_ack(struct call *c)
{
	const struct control_alert_ops *ops = &call_ops(c)->alert;
	const char *name = json_get_text(c->request, "match");
	const char *reason = json_get_text(c->request, "reason");
	char match[MATCH_MAX], *by;
	cJSON *more;
	unsigned n;

	if (!is_built(c))
		return;
	if ((c->fields & FIELD_MATCH) == 0) {
		call_fail(c, CONTROL_REFUSED, "usage: ack %s",
		    control_verbs[VERB_ack].arguments);
		return;
	}
	if (!matches(c, name, match)) {
		refuse_match(c, name);
		return;
	}
	by = mem_printf("uid %lld%s%s%s%s", (long long)(int)c->uid,
	    c->node[0] != '\0' ? " of " : "", c->node,
	    reason[0] != '\0' ? ": " : "", reason);
	n = ops->ack(ops->arg, match, by);
	mem_free(&by);
	audit_about(c, match);
	if (n == 0) {
		call_missing(c, "%s: nothing fires", match);
		return;
	}
	more = json_object();
	json_num(more, "alerts", n);
	call_done(c, CONTROL_OK, more);
}

/* ---- alert test */

struct test_wait {
	int64_t ticket;
	unsigned lines; /* sent */
	int64_t began, limit, said; /* monotonic ns */
};

/* Sends the new lines of the test; without any, now and then, a line that says
 * we wait. */
static void
test_progress(struct call *c, struct test_wait *w)
{
	const struct control_alert_ops *ops = &call_ops(c)->alert;
	struct control_test_line l;
	int64_t now = call_now(c);
	cJSON *o;

	while (ops->test_line(ops->arg, w->ticket, w->lines, &l)) {
		w->lines++;
		w->said = now;
		o = json_object();
		json_text(o, "step", l.step);
		if (l.host[0] != '\0')
			json_text(o, "url", l.host);
		json_text(o, "stage", l.stage);
		json_num(o, "seconds", (double)l.ms / 1000);
		json_text(o, "text", l.text);
		call_send(c, o);
	}
	if (now - w->said < TEST_ALIVE)
		return;
	w->said = now;
	o = json_object();
	json_text(o, "step", "");
	json_text(o, "stage", "waiting");
	json_num(o, "seconds", (double)(now - w->began) / CLOCK_SEC);
	call_send(c, o);
}

static void
test_step(struct call *c)
{
	const struct control_alert_ops *ops = &call_ops(c)->alert;
	struct test_wait *w = c->work;
	char text[128];
	cJSON *more;
	int rc = ops->test_result(ops->arg, w->ticket, text, sizeof(text));

	test_progress(c, w);
	if (rc == 0 && call_now(c) < w->limit) {
		call_wait(c, TEST_POLL_MS);
	} else if (rc <= 0) {
		call_fail(c, CONTROL_FAILED, "not delivered: %s",
		    rc == 0 ? "no outcome" : text);
	} else {
		more = json_object();
		json_text(more, "text", text);
		call_done(c, CONTROL_OK, more);
	}
}

void
verb_alert(struct call *c)
{
	const struct control_alert_ops *ops = &call_ops(c)->alert;
	const char *receiver = json_get_text(c->request, "receiver");
	struct test_wait *w;
	int64_t ticket, limit_ms = 0;

	if (!is_built(c))
		return;
	if ((c->fields & FIELD_RECEIVER) == 0) {
		call_fail(c, CONTROL_REFUSED, "usage: alert %s",
		    control_verbs[VERB_alert].arguments);
		return;
	}
	ticket = ops->test(ops->arg, receiver, &limit_ms);
	audit_about(c, receiver);
	if (ticket < 0) {
		call_fail(c, CONTROL_FAILED,
		    ticket == -MX_ENOENT ? "there is no receiver \"%.100s\"" :
					   "\"%.100s\": too many tests at once",
		    receiver);
		return;
	}
	w = mem_alloc(sizeof(*w));
	w->ticket = ticket;
	w->began = w->said = call_now(c);
	w->limit = w->began + limit_ms * CLOCK_MS;
	c->work = w;
	c->step = test_step;
	call_wait(c, TEST_POLL_MS);
}
