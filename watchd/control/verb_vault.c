/* SPDX-License-Identifier: ISC
 * verb_vault: vault, replay and purge. All three walk the vault page by page
 * and show, requeue or erase each message that is selected. Loop thread. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/next_expiry.h"
#include "control/select.h"
#include "control/verbs.h"

#define VAULT_PAGE    200
#define VAULT_POLL_MS 10
#define VAULT_WAIT_NS (5000 * CLOCK_MS) /* for the store */

struct vault_walk {
	struct selection wanted; /* its strings are the request's */
	uint64_t after;
	bool last;
	double messages, bytes, skipped;
	/* Then, of a replay: the end of the wait, and the next expiry. */
	int64_t until;
	char domain[TEXT_DOMAIN_MAX]; /* of the only message, or of all */
	struct next_expiry expiry;
};

static void
walk_free(void *work)
{
	struct vault_walk *w = work;

	next_expiry_fini(&w->expiry);
	mem_free(&w);
}

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

	if (c->verb == VERB_replay && call_is_dry(c))
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
	if ((c->fields & FIELD_ID) != 0)
		(void)strlcpy(w->domain, v->domain, sizeof(w->domain));
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
replay_end(struct call *c)
{
	const struct vault_walk *w = c->work;
	cJSON *more = json_object();

	if (call_is_dry(c))
		json_bool(more, "dry_run", true);
	json_num(more, "messages", w->messages);
	json_num(more, "bytes", w->bytes);
	json_num(more, "skipped", w->skipped);
	next_expiry_put(&w->expiry, more);
	call_done(c, CONTROL_OK, more);
}

static void
expiry_step(struct call *c)
{
	struct vault_walk *w = c->work;

	if (next_expiry_some(c, &w->expiry))
		call_wait(c, 0);
	else
		replay_end(c);
}

/* Until the store has the records: then they count for the next expiry. A store
 * that takes its time is not waited for. */
static void
replay_step(struct call *c)
{
	const struct relay *r = call_relay(c);
	struct vault_walk *w = c->work;
	struct relay_vault v;

	r->vault(r->self, &v);
	if (v.leaving > 0 && call_now(c) < w->until) {
		call_wait(c, VAULT_POLL_MS);
		return;
	}
	if (w->domain[0] != '\0') {
		next_expiry_look(c, &w->expiry, w->domain);
		replay_end(c);
		return;
	}
	next_expiry_begin(c, &w->expiry);
	c->step = expiry_step;
	call_continue(c);
}

static void
walk_end(struct call *c)
{
	struct vault_walk *w = c->work;
	bool none = w->messages < 1 && w->skipped < 1;
	cJSON *more;

	if (c->verb != VERB_vault && none) {
		call_missing(c, "no message in the vault matches");
		return;
	}
	if (c->verb != VERB_vault && w->messages < 1) {
		call_fail(c, CONTROL_FAILED,
		    "these messages were replayed before; use --again to "
		    "replay them once more");
		return;
	}
	if (c->verb == VERB_replay) {
		w->until = call_now(c) + VAULT_WAIT_NS;
		c->step = replay_step;
		call_continue(c);
		return;
	}
	more = json_object();
	json_num(more, "messages", w->messages);
	json_num(more, "bytes", w->bytes);
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
	(void)strlcpy(w->domain, c->domain, sizeof(w->domain));
	w->after = select_after(c);
	c->work = w;
	c->work_free = walk_free;
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
