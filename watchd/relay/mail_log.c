/* SPDX-License-Identifier: ISC
 * mail_log: see mail_log.h. */
#include "relay/mail_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/message_id.h"

/* The optional fields of a line, each with a blank before it. */
#define FIELDS_MAX 2048

struct fields {
	size_t len;
	char text[FIELDS_MAX];
};

static void
fields_init(struct fields *f)
{
	f->len = 0;
	f->text[0] = '\0';
}

static void MX_PRINTF(2, 3) field_add(struct fields *f, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(f->text + f->len, sizeof(f->text) - f->len, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(f->text) - f->len)
		f->len += (size_t)n;
	f->text[f->len] = '\0'; /* a field that does not fit is omitted */
}

/* The address as the sender wrote it, if it differs (RFC 3461 4.2). */
static const char *
original(const struct rcpt *r)
{
	const char *semi = r->orcpt != NULL ? strchr(r->orcpt, ';') : NULL;

	return semi != NULL && strcmp(semi + 1, r->mailbox) != 0 ? semi + 1 :
								   NULL;
}

static void
field_to(struct fields *f, const struct rcpt *r)
{
	const char *orig = original(r);

	field_add(f, " to=%s", log_rcpt(r->mailbox));
	if (orig != NULL)
		field_add(f, " orig_to=%s", log_rcpt(orig));
}

static void
field_message_id(struct fields *f, const struct envelope *e)
{
	if (e->message_id != NULL)
		field_add(f, " message_id=%s", log_q(e->message_id));
}

/* Seconds, with more decimals for small values. */
static char *
seconds(int64_t ms, char *dst, size_t size)
{
	if (ms < 0)
		ms = 0;
	if (ms % 1000 == 0 || ms >= 100 * 1000)
		(void)snprintf(dst, size, "%jd", (intmax_t)(ms / 1000));
	else
		(void)snprintf(dst, size, "%jd.%03d", (intmax_t)(ms / 1000),
		    (int)(ms % 1000));
	return dst;
}

static void
field_reply(struct fields *f, uint16_t code, const struct smtp_status *status,
    const char *reply)
{
	char dsn[16];

	if (status->cls != 0)
		field_add(f, " dsn=%s", smtp_status_fmt(status, dsn));
	if (code != 0)
		field_add(f, " code=%u", (unsigned)code);
	if (reply != NULL && *reply != '\0')
		field_add(f, " reply=%s",
		    code != 0 ? log_reply(reply) : log_peer(reply));
}

void
mail_log_header(struct envelope *e, const char *body, size_t len)
{
	struct message_id m;

	if (e->message_id != NULL || !log_enabled(LOG_LEVEL_INFO))
		return;
	message_id_init(&m);
	message_id_feed(&m, body, len);
	if (m.text[0] != '\0')
		e->message_id = mem_strdup(m.text);
}

void
mail_log_accepted(const char *module, const struct envelope *e, const char *by)
{
	char id[TEXT_ID_MAX];

	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	(void)text_id(e->id, id);
	for (uint32_t i = 0; i < e->nrcpts; i++) {
		struct fields f;

		fields_init(&f);
		field_to(&f, &e->rcpts[i]);
		field_add(&f, " nrcpts=%u size=%ju", e->nrcpts,
		    (uintmax_t)e->body.len);
		field_message_id(&f, e);
		log_info(module, "id=%s event=accepted from=%s%s%s", id,
		    log_q(e->sender), f.text, by);
	}
}

/* How long the client sent it, as far as that is known: not of a message that
 * was queued again, whose arrival is that moment. */
static int64_t
receive_ms(const struct envelope *e, int64_t began_ms)
{
	return began_ms != 0 && began_ms < e->arrival_ms &&
		(e->flags & ENV_REPLAYED) == 0 ?
	    e->arrival_ms - began_ms :
	    0;
}

static void
field_delay(struct fields *f, const struct envelope *e, int64_t began_ms,
    int64_t now_ms)
{
	char text[24];

	field_add(f, " delay=%s",
	    seconds(now_ms - e->arrival_ms + receive_ms(e, began_ms), text,
		sizeof(text)));
}

static void
field_delays(struct fields *f, const struct envelope *e,
    const struct mail_log_attempt *a, int64_t now_ms)
{
	const int64_t ms[4] = { receive_ms(e, a->began_ms),
		now_ms - e->arrival_ms - a->connect_ms - a->spent_ms,
		a->connect_ms, a->spent_ms };
	char text[24];

	field_delay(f, e, a->began_ms, now_ms);
	for (unsigned i = 0; i < MX_COUNT(ms); i++)
		field_add(f, "%s%s", i == 0 ? " delays=" : "/",
		    seconds(ms[i], text, sizeof(text)));
}

static const char *
status_word(const struct rcpt *r)
{
	static const char *const words[] = {
		[RCPT_PENDING] = "deferred",
		[RCPT_DELIVERED] = "delivered",
		[RCPT_FAILED] = "failed",
		[RCPT_EXPIRED] = "expired",
	};

	return words[r->state];
}

static void
attempt_line(const struct envelope *e, const struct rcpt *r,
    const struct mail_log_attempt *a, int64_t now_ms)
{
	struct fields f;
	char id[TEXT_ID_MAX];

	fields_init(&f);
	field_to(&f, r);
	field_add(&f, " from=%s domain=%s", log_q(e->sender), e->domain);
	field_add(&f, " nexthop=%s addr=%s tls=%s tls_by=%s", log_q(a->nexthop),
	    log_q(a->addr), a->tls != NULL ? log_q(a->tls) : "none",
	    a->tls_by != NULL ? a->tls_by : "none");
	field_delays(&f, e, a, now_ms);
	field_add(&f, " phase=%s", smtp_phase_name(a->phase));
	if (r->changed)
		field_reply(&f, r->code, &r->status, r->reply);
	else
		field_reply(&f, a->code, &a->status, a->reply);
	if (*a->note != '\0')
		field_add(&f, " note=%s", a->note);
	field_message_id(&f, e);
	log_info("deliver", "id=%s event=attempt status=%s%s",
	    text_id(e->id, id), status_word(r), f.text);
}

void
mail_log_attempt(const struct envelope *e, const struct mail_log_attempt *a,
    int64_t now_ms)
{
	bool any = false;
	uint32_t i;

	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	for (i = 0; i < e->nrcpts && !any; i++)
		any = e->rcpts[i].changed;
	for (i = 0; i < e->nrcpts; i++)
		if (any ? e->rcpts[i].changed :
			  e->rcpts[i].state == RCPT_PENDING)
			attempt_line(e, &e->rcpts[i], a, now_ms);
}

void
mail_log_given_up(const struct envelope *e, const struct rcpt *r,
    const char *status, int64_t began_ms, int64_t now_ms)
{
	struct fields f;
	char id[TEXT_ID_MAX];

	fields_init(&f);
	field_to(&f, r);
	field_add(&f, " from=%s domain=%s", log_q(e->sender), e->domain);
	if (e->host != NULL)
		field_add(&f, " nexthop=%s", log_q(e->host));
	field_delay(&f, e, began_ms, now_ms);
	field_reply(&f, r->code, &r->status, r->reply);
	field_message_id(&f, e);
	log_info("queue", "id=%s event=given_up status=%s%s",
	    text_id(e->id, id), status, f.text);
}

/* The result of all recipients, in a word. */
static const char *
end_word(const struct envelope *e)
{
	for (uint32_t i = 1; i < e->nrcpts; i++)
		if (e->rcpts[i].state != e->rcpts[0].state)
			return "partial";
	if (e->nrcpts == 0 || e->rcpts[0].state == RCPT_PENDING)
		return "removed";
	return status_word(&e->rcpts[0]);
}

void
mail_log_end(const struct envelope *e, bool kept, int64_t began_ms,
    int64_t now_ms)
{
	struct fields f;
	char id[TEXT_ID_MAX];

	fields_init(&f);
	if (e->nrcpts == 1)
		field_to(&f, &e->rcpts[0]);
	field_add(&f,
	    " domain=%s nrcpts=%u delivered=%u failed=%u expired=%u removed=%u",
	    e->domain, e->nrcpts, envelope_count(e, RCPT_DELIVERED),
	    envelope_count(e, RCPT_FAILED), envelope_count(e, RCPT_EXPIRED),
	    envelope_count(e, RCPT_PENDING));
	field_delay(&f, e, began_ms, now_ms);
	field_add(&f, " vault=%s", kept ? "yes" : "no");
	field_message_id(&f, e);
	log_info("queue", "id=%s event=end status=%s from=%s%s",
	    text_id(e->id, id), end_word(e), log_q(e->sender), f.text);
}

void
mail_log_end_unread(uint64_t id, const char *domain)
{
	char text[TEXT_ID_MAX];

	log_info("queue", "id=%s event=end status=removed domain=%s",
	    text_id(id, text), domain);
}
