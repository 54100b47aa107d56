/* SPDX-License-Identifier: ISC
 * verb_status: the document of mxwatch-status(7), piece by piece, as the client
 * takes them. In a cluster each node sends the domains that it owns, one line
 * each, and the asked node inserts them into its own document, with the domains
 * that no node claims. Loop thread. */
#include "base/mem.h"
#include "control/claim.h"
#include "control/verbs.h"
#include "status/status_json.h"
#include "status/status_primaries.h"

#define STATUS_PIECE_MAX (64u << 20) /* the head has all alerts */
#define STATUS_NAMES	 500 /* sent in a step */

struct status {
	struct snapshot *s;
	struct status_walk walk;
	unsigned next; /* of a part, or of names: the next domain */
	unsigned us; /* of a part: our number */
};

struct status *
status_begin(struct call *c, bool head_only)
{
	struct status *st = mem_alloc(sizeof(*st));

	st->s = call_ops(c)->snapshot(call_ops(c)->arg, NULL);
	st->walk.primaries_only = (c->fields & FIELD_PRIMARIES) != 0;
	st->walk.head_only = head_only;
	return st;
}

void
status_end(struct status **stp)
{
	if (*stp == NULL)
		return;
	snapshot_unref(&(*stp)->s);
	mem_free(stp);
}

bool
status_piece(struct call *c, struct status *st)
{
	struct buf out = BUF_INIT(STATUS_PIECE_MAX);
	int rc;

	rc = status_json_next(&st->walk, st->s, st->s->wall_ms, &out);
	MX_ASSERT(rc >= 0);
	call_send_part(c, out.data, out.len);
	buf_fini(&out);
	return rc != 0;
}

static void
status_free(void *work)
{
	struct status *st = work;

	status_end(&st);
}

static void
status_step(struct call *c)
{
	if (!status_piece(c, c->work)) {
		call_continue(c);
		return;
	}
	call_send_part(c, "\n", 1);
	call_done(c, CONTROL_OK, NULL);
}

cJSON *
status_unclaimed(const struct status *st, const char *domain)
{
	const struct snap_domain *d = snapshot_find(st->s, domain);
	cJSON *o;

	if (d == NULL)
		return NULL;
	o = status_json_domain(d, st->s->wall_ms);
	claim_none(o);
	return o;
}

static void
part_step(struct call *c)
{
	struct status *st = c->work;
	const struct snap_domain *d;

	for (unsigned i = 0;
	     i < STATUS_JSON_PIECE && st->next < st->s->domains.n; i++) {
		d = snap_list_at(&st->s->domains, st->next++);
		if (claim_of(c, d->name, st->us))
			call_send(c, status_json_domain(d, st->s->wall_ms));
		else if (c->node[0] == '\0')
			call_send(c, claim_stub(d->name));
	}
	if (st->next < st->s->domains.n)
		call_continue(c);
	else
		call_done(c, CONTROL_OK, NULL);
}

static void
status_one(struct call *c)
{
	struct snapshot *s = call_ops(c)->snapshot(call_ops(c)->arg, c->domain);
	const struct snap_domain *d = snapshot_find(s, c->domain);
	cJSON *o;

	if (d != NULL && (c->fields & FIELD_PRIMARIES) != 0) {
		call_send(c,
		    status_primaries_only(s, d->primary, d->nprimaries));
		call_done(c, CONTROL_OK, NULL);
	} else if (d != NULL) {
		o = status_json_one(s, d, s->wall_ms);
		if (claim_denied(c, d->name))
			claim_none(
			    cJSON_GetArrayItem(json_get(o, "domains"), 0));
		call_send(c, o);
		call_done(c, CONTROL_OK, NULL);
	} else
		call_fail(c, CONTROL_FAILED, "%s: no such domain", c->domain);
	snapshot_unref(&s);
}

static void
names_step(struct call *c)
{
	struct status *st = c->work;
	cJSON *o;

	for (unsigned i = 0; i < STATUS_NAMES && st->next < st->s->domains.n;
	     i++) {
		o = json_object();
		json_text(o, "domain",
		    snap_list_at(&st->s->domains, st->next++)->name);
		call_send(c, o);
	}
	if (st->next < st->s->domains.n)
		call_continue(c);
	else
		call_done(c, CONTROL_OK, NULL);
}

void
verb_status(struct call *c)
{
	struct status *st;

	if (c->domain[0] != '\0') {
		status_one(c);
		return;
	}
	st = status_begin(c, false);
	if (c->part)
		st->us = claim_us(c);
	c->work = st;
	c->work_free = status_free;
	c->step = (c->fields & FIELD_NAMES) != 0 ? names_step :
	    c->part				 ? part_step :
						   status_step;
	call_continue(c);
}
