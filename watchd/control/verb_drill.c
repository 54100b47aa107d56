/* SPDX-License-Identifier: ISC
 * verb_drill: starts a drill of a domain, or finds the one under way, and sends
 * its steps as they come. The drill does not depend on the call: when the
 * client has waited long enough, or delivery is not attempted at all, the last
 * line says so, and the drill goes on. Loop thread. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/verbs.h"
#include "smtp/path.h"

#define DRILL_POLL_MS 50
#define WAIT_MS	      60000 /* unless the client says else */
#define WAIT_MAX_MS   INT64_C(3600000)

struct drill_call {
	uint64_t number;
	unsigned next; /* step to be sent */
	int64_t until; /* monotonic ns */
	bool not_tried; /* delivery is not attempted */
};

static const struct control_drill_ops *
drill_ops(const struct call *c)
{
	return &call_ops(c)->drill;
}

static void
add_reply(cJSON *o, const struct drill_step *s)
{
	if (s->code != 0)
		json_num(o, "code", s->code);
	else
		json_null(o, "code");
	json_text(o, "reply", s->text);
}

/* The rule by which RCPT decides about the recipient, as `why` has it. */
static void
add_intake(struct call *c, cJSON *o, const struct drill_step *s)
{
	const struct drill_call *dc = c->work;
	struct buf rule = BUF_INIT(4096);
	struct drill_view v = { 0 };
	char reply[160] = "";

	if (drill_ops(c)->look(drill_ops(c)->arg, dc->number, &v) == 0 &&
	    v.recipient[0] != '\0')
		call_ops(c)->rcpt(call_ops(c)->arg, v.recipient, reply,
		    sizeof(reply), &rule);
	json_text_or_null(o, "recipient", v.recipient);
	json_text_or_null(o, "rule", buf_str(&rule));
	buf_fini(&rule);
	json_text(o, "listener", s->addr);
	json_text_or_null(o, "tls", s->tls);
	add_reply(o, s);
}

static void
add_spool(cJSON *o, const struct drill_step *s)
{
	char id[TEXT_ID_MAX];

	json_text(o, "id", text_id(s->id, id));
	if (s->bytes > 0)
		json_num(o, "bytes", (double)s->bytes);
	else
		json_null(o, "bytes");
}

static void
add_delivery(cJSON *o, const struct drill_step *s)
{
	json_text_or_null(o, "host", s->host);
	json_text_or_null(o, "address", s->addr);
	json_text_or_null(o, "tls", s->tls);
	json_text_or_null(o, "tls_by", s->tls_by);
	add_reply(o, s);
}

static const char *
state_word(const struct drill_step *s)
{
	static const char *const words[][4] = {
		[DRILL_INTAKE] = { "accepted", "", "", "refused" },
		[DRILL_SPOOL] = { "durable", "", "", "" },
		[DRILL_DELIVERY] = { "delivered", "deferred", "not_tried",
		    "failed" },
		[DRILL_END] = { "delivered", "waiting", "", "failed" },
	};

	return words[s->kind][s->outcome];
}

static void
send_step(struct call *c, const struct drill_step *s, int64_t until_ms)
{
	static const char *const steps[] = { "intake", "spool", "delivery",
		"end" };
	cJSON *o = json_object();

	json_text(o, "step", steps[s->kind]);
	json_text(o, "state", state_word(s));
	json_num(o, "seconds", (double)s->ms / 1e3);
	switch (s->kind) {
	case DRILL_INTAKE:
		add_intake(c, o, s);
		break;
	case DRILL_SPOOL:
		add_spool(o, s);
		break;
	case DRILL_DELIVERY:
		add_delivery(o, s);
		break;
	case DRILL_END:
		json_text(o, "reply", s->text);
		json_time_ms(o, "until", until_ms);
		break;
	}
	call_send(c, o);
}

static void
answer(struct call *c, enum control_rc rc, const char *error)
{
	cJSON *more = json_object();
	char *text;

	json_text(more, "domain", c->domain);
	if (error != NULL) {
		text = mem_printf("%s: %s", c->domain, error);
		json_text(more, "error", text);
		mem_free(&text);
	}
	call_done(c, rc, more);
}

/* The client waits no longer, and the drill goes on. */
static void
leave(struct call *c)
{
	const struct drill_call *dc = c->work;
	struct drill_step s = { .kind = DRILL_END, .outcome = DRILL_DEFERRED };
	struct drill_view v = { 0 };

	(void)drill_ops(c)->look(drill_ops(c)->arg, dc->number, &v);
	if (!dc->not_tried)
		(void)drill_ops(c)->obstacle(drill_ops(c)->arg, c->domain,
		    s.text, sizeof(s.text));
	send_step(c, &s, v.deadline_ms);
	answer(c, CONTROL_FAILED, "not delivered yet");
}

static void
drill_call_step(struct call *c)
{
	const struct control_drill_ops *ops = drill_ops(c);
	struct drill_call *dc = c->work;
	struct drill_step s;

	while (ops->step(ops->arg, dc->number, dc->next, &s)) {
		dc->next++;
		dc->not_tried = s.outcome == DRILL_NOT_TRIED;
		send_step(c, &s, 0);
		if (s.kind != DRILL_END)
			continue;
		if (s.outcome == DRILL_OK)
			answer(c, CONTROL_OK, NULL);
		else
			answer(c, CONTROL_FAILED, "the drill has failed");
		return;
	}
	if (dc->not_tried || call_now(c) >= dc->until)
		leave(c);
	else
		call_wait(c, DRILL_POLL_MS);
}

/* The recipient of the request; NULL: none. False: the call has failed. */
static bool
take_recipient(struct call *c, struct smtp_path *path, const char **recipient)
{
	const char *text = json_get_text(c->request, "recipient");

	*recipient = NULL;
	if ((c->fields & FIELD_RECIPIENT) == 0)
		return true;
	if (smtp_mailbox_parse(text, strlen(text), path) != 0 ||
	    path->literal || path->utf8 ||
	    strcmp(path->domain, c->domain) != 0) {
		call_fail(c, CONTROL_REFUSED,
		    "\"%.100s\" is not an ASCII address in %s", text,
		    c->domain);
		return false;
	}
	*recipient = path->mailbox;
	return true;
}

static bool
take_wait(struct call *c, int64_t *ms)
{
	const char *text = json_get_text(c->request, "wait_for");

	*ms = WAIT_MS;
	if ((c->fields & FIELD_WAIT_FOR) == 0 ||
	    (text_duration(text, ms) == 0 && *ms >= 0 && *ms <= WAIT_MAX_MS))
		return true;
	call_fail(c, CONTROL_REFUSED,
	    "\"%.60s\" is not a time to wait for; write a number with a unit, "
	    "1h at most",
	    text);
	return false;
}

static bool
begin(struct call *c, const char *recipient, uint64_t *number)
{
	const struct control_drill_ops *ops = drill_ops(c);
	struct drill_view v;
	int rc = ops->start(ops->arg, c->domain, recipient, number);

	if (rc == -MX_EFULL)
		call_fail(c, CONTROL_FAILED,
		    "too many drills are under way: try again later");
	else if (rc == -MX_ENOENT)
		call_fail(c, CONTROL_FAILED,
		    "smtpd { listen } is empty: no mail is accepted here");
	if (rc != 0 && rc != -MX_EBUSY)
		return false;
	if (rc == -MX_EBUSY && recipient != NULL &&
	    ops->look(ops->arg, *number, &v) == 0 &&
	    strcmp(v.recipient, recipient) != 0) {
		call_fail(c, CONTROL_FAILED,
		    "a drill of %s to %s is under way: follow it without "
		    "--recipient",
		    c->domain,
		    v.recipient[0] != '\0' ? v.recipient : "another recipient");
		return false;
	}
	return true;
}

void
verb_drill(struct call *c)
{
	struct drill_call *dc = mem_alloc(sizeof(*dc));
	const char *recipient;
	struct smtp_path path;
	int64_t ms;

	c->work = dc;
	if (!take_recipient(c, &path, &recipient) || !take_wait(c, &ms) ||
	    !verbs_domain_known(c) || !begin(c, recipient, &dc->number))
		return;
	dc->until = call_now(c) + ms * CLOCK_MS;
	c->step = drill_call_step;
	call_wait(c, DRILL_POLL_MS);
}
