/* SPDX-License-Identifier: ISC
 * verb_vault: vault, replay and purge. All three walk the vault page by page
 * and show, requeue or erase each message that is selected. Loop thread. */
#include <string.h>

#include "base/mem.h"
#include "control/select.h"
#include "control/verbs.h"

#define VAULT_PAGE 200

struct vault_walk {
	struct selection wanted; /* its strings are the request's */
	uint64_t after;
	bool last;
	double messages, bytes, skipped;
};

static bool
has_address(const struct msg_view *v, const char *address)
{
	bool found = strcasecmp(v->sender, address) == 0;

	for (unsigned i = 0; i < v->nrcpts && v->rcpts != NULL; i++)
		found |= strcasecmp(v->rcpts[i].mailbox, address) == 0;
	return found;
}

static bool
fits(const struct call *c, const struct msg_view *v)
{
	return select_has_part(c, v->id) &&
	    ((c->fields & FIELD_ADDRESS) == 0 || has_address(v, c->address));
}

/* Handles a selected message. */
static void
act(struct call *c, const struct msg_view *v)
{
	const struct relay *r = call_relay(c);
	struct vault_walk *w = c->work;
	int rc = 0;

	if (c->verb == VERB_replay && (c->fields & FIELD_DRY_RUN) != 0)
		rc = v->replayed && (c->fields & FIELD_AGAIN) == 0 ? -MX_EBUSY :
								     0;
	else if (c->verb == VERB_replay)
		rc = r->replay(r->self, v->id, (c->fields & FIELD_AGAIN) != 0);
	else if (c->verb == VERB_purge)
		rc = r->purge(r->self, v->id);
	w->skipped += rc == -MX_EBUSY;
	if (rc != 0)
		return;
	w->messages++;
	w->bytes += (double)v->size;
	call_send(c, verbs_message(v, true));
}

static void
on_page(void *arg, int rc, const struct msg_view *v, unsigned n, uint64_t next)
{
	struct call *c = call_of_ticket(arg);
	struct vault_walk *w;

	if (c == NULL)
		return;
	if (rc < 0) {
		call_fail(c, CONTROL_FAILED, "the vault cannot be listed: %s",
		    mx_strerror(rc));
		return;
	}
	w = c->work;
	for (unsigned i = 0; i < n; i++)
		if (fits(c, &v[i]))
			act(c, &v[i]);
	w->after = next;
	w->last = !select_goes_on(c, next);
	call_continue(c);
}

static void
walk_end(struct call *c)
{
	const struct vault_walk *w = c->work;
	bool none = w->messages < 1 && w->skipped < 1;
	cJSON *more;

	if (c->verb != VERB_vault && none) {
		call_missing(c, "nothing in the vault fits");
		return;
	}
	if (c->verb != VERB_vault && w->messages < 1) {
		call_fail(c, CONTROL_FAILED,
		    "what is in the vault was replayed before: say --again to "
		    "do it once more");
		return;
	}
	more = json_object();
	json_num(more, "messages", w->messages);
	json_num(more, "bytes", w->bytes);
	json_num(more, "skipped", w->skipped);
	call_done(c, CONTROL_OK, more);
}

static void
walk_step(struct call *c)
{
	const struct relay *r = call_relay(c);
	struct vault_walk *w = c->work;
	bool domain = (c->fields & FIELD_DOMAIN) != 0;

	if (w->last)
		walk_end(c);
	else
		r->vault_list(r->self, domain ? c->domain : NULL, &w->wanted,
		    w->after, VAULT_PAGE, on_page, call_ticket(c));
}

static void
walk_start(struct call *c)
{
	struct vault_walk *w = mem_alloc(sizeof(*w));

	if (!select_read(c, &w->wanted)) {
		mem_free(&w);
		return;
	}
	w->after = select_after(c);
	c->work = w;
	c->step = walk_step;
	call_continue(c);
}

void
verb_vault(struct call *c)
{
	walk_start(c);
}

void
verb_replay(struct call *c)
{
	walk_start(c);
}

void
verb_purge(struct call *c)
{
	walk_start(c);
}
