/* SPDX-License-Identifier: ISC
 * envelope: creates and destroys a stored part and its recipients. Created by
 * the SMTP session and by the DSN writer, passed to the store, loaded from it
 * by the deliverers; it belongs to one thread at a time. Callers cap numbers
 * and lengths that come from a peer; envelope_codec.c refuses any beyond the
 * caps again. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay/envelope.h"

struct envelope *
envelope_create(void)
{
	struct envelope *e = mem_alloc(sizeof(*e));

	e->sender = mem_strdup("");
	return e;
}

static void
rcpt_fini(struct rcpt *r)
{
	free(r->mailbox);
	free(r->orcpt);
	free(r->reply);
}

void
envelope_destroy(struct envelope **ep)
{
	struct envelope *e = *ep;
	uint32_t i;

	if (e == NULL)
		return;
	for (i = 0; i < e->nrcpts; i++)
		rcpt_fini(&e->rcpts[i]);
	free(e->rcpts);
	free(e->sender);
	free(e->envid);
	free(e->helo);
	free(e->client);
	free(e->host);
	free(e->message_id);
	mem_free(ep);
}

struct envelope *
envelope_copy(const struct envelope *from)
{
	struct envelope *e = mem_dup(from, sizeof(*from));
	uint32_t i;

	e->sender = mem_strdup(from->sender);
	e->envid = mem_strdup(from->envid);
	e->helo = mem_strdup(from->helo);
	e->client = mem_strdup(from->client);
	e->host = mem_strdup(from->host);
	e->message_id = mem_strdup(from->message_id);
	e->rcpts = NULL;
	if (from->nrcpts > 0)
		e->rcpts = mem_array(from->nrcpts, sizeof(*e->rcpts));
	for (i = 0; i < from->nrcpts; i++) {
		e->rcpts[i] = from->rcpts[i];
		e->rcpts[i].mailbox = mem_strdup(from->rcpts[i].mailbox);
		e->rcpts[i].orcpt = mem_strdup(from->rcpts[i].orcpt);
		e->rcpts[i].reply = mem_strdup(from->rcpts[i].reply);
	}
	return e;
}

struct rcpt *
envelope_add_rcpt(struct envelope *e, const char *mailbox)
{
	struct rcpt *r;

	MX_ASSERT(e->nrcpts < ENVELOPE_RCPT_MAX);
	e->rcpts = mem_grow(e->rcpts, e->nrcpts + 1, sizeof(*e->rcpts));
	r = &e->rcpts[e->nrcpts++];
	*r = (struct rcpt){ .mailbox = mem_strdup(mailbox) };
	return r;
}

/* Length of a reply to keep; never half a UTF-8 character. */
static size_t
reply_cut(const char *text)
{
	size_t n = strnlen(text, ENVELOPE_REPLY_MAX + 1);

	if (n <= ENVELOPE_REPLY_MAX)
		return n;
	n = ENVELOPE_REPLY_MAX;
	while (n > ENVELOPE_REPLY_MAX - 4 && ((uint8_t)text[n] & 0xc0) == 0x80)
		n--;
	return n;
}

void
rcpt_set(struct rcpt *r, enum rcpt_state state, uint16_t code,
    const struct smtp_status *status, const char *text)
{
	/* text may be r->reply */
	char *reply = text == NULL ? NULL : mem_strndup(text, reply_cut(text));

	free(r->reply);
	r->reply = reply;
	r->state = (uint8_t)state;
	r->code = code;
	r->status = status != NULL ? *status : (struct smtp_status){ 0 };
	r->changed = true;
}

void
rcpt_expire(struct rcpt *r)
{
	r->state = RCPT_EXPIRED;
	r->changed = true;
}

uint32_t
envelope_count(const struct envelope *e, enum rcpt_state state)
{
	uint32_t i, n = 0;

	for (i = 0; i < e->nrcpts; i++)
		n += e->rcpts[i].state == state;
	return n;
}

void
envelope_drop_rcpts(struct envelope *e, enum rcpt_state state)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < e->nrcpts; i++) {
		if (e->rcpts[i].state != state) {
			e->rcpts[n++] = e->rcpts[i];
			continue;
		}
		free(e->rcpts[i].mailbox);
		free(e->rcpts[i].orcpt);
		free(e->rcpts[i].reply);
	}
	e->nrcpts = n;
}

bool
rcpt_owes(const struct rcpt *r)
{
	switch ((enum rcpt_state)r->state) {
	case RCPT_PENDING:
		return false;
	case RCPT_DELIVERED:
		return !r->reported && (r->notify & NOTIFY_SUCCESS) != 0;
	case RCPT_FAILED:
	case RCPT_EXPIRED:
		return !r->reported;
	}
	return false;
}

bool
envelope_owes(const struct envelope *env)
{
	for (uint32_t i = 0; i < env->nrcpts; i++)
		if (rcpt_owes(&env->rcpts[i]))
			return true;
	return false;
}
