/* SPDX-License-Identifier: ISC
 * engine_doubt: the mail of a group of which it is not known whether the engine
 * has committed it. Its clients must not wait longer than others: it goes into
 * the spool of this node under the same ids, marked (ENV_MOVING), together with
 * the group's number (SHARED_DOUBT). It is not delivered before the engine's
 * answer. If the group was committed, rows of mxwatch.moved are written, as if
 * the spooled mail had been placed, in the transaction that passes over the
 * number, so that the number is never reused:
 *
 *	mxwatch.stir is at	the group
 *	the number before	was not committed
 *	that number		was committed, and not asked for yet
 *	a higher one		was committed, if its parts are in mxwatch.moved
 *
 * After a crash the next start reads mark and number, and asks the same. Mail
 * that cannot be spooled, a large message, is refused, and removed again if it
 * was committed. Writer's thread. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/store/engine_int.h"
#include "relay/store/shared_int.h"

static const struct pg_stmt
    at = { "doubt_at",
	    "SELECT batch FROM mxwatch.stir "
	    "WHERE node = $1 ORDER BY beat DESC LIMIT 1" },
    moved = { "doubt_moved",
	    "INSERT INTO mxwatch.moved (id, node) SELECT u.id, $1 "
	    "FROM unnest($3::bigint[]) u(id) WHERE $2 = (SELECT batch "
	    "FROM mxwatch.stir WHERE node = $1 ORDER BY beat DESC LIMIT 1) "
	    "ON CONFLICT (id) DO NOTHING" },
    any = { "doubt_any",
	    "SELECT count(*) FROM mxwatch.moved WHERE id = ANY($1::bigint[])" },
    pass = { "doubt_pass",
	    "INSERT INTO mxwatch.stir (node, beat, batch) "
	    "SELECT $1, beat + 1, greatest(batch, $2) + 1 FROM mxwatch.stir "
	    "WHERE node = $1 ORDER BY beat DESC LIMIT 1 RETURNING batch" };

static void
add_ids(const struct engine_doubt *d, struct pg_args *a)
{
	unsigned i;

	pg_array(a, PG_INT8);
	for (i = 0; i < d->n; i++)
		pg_array_int8(a, (int64_t)d->ids[i]);
}

int
engine_doubt_ask(struct engine_writer *w, int64_t until, struct mx_errbuf *eb)
{
	struct engine_doubt *d = &w->doubt;
	struct pg_args *a;
	int rc;

	engine_group_lock(w);
	pg_int4(pg_add(w->pg, &at), w->node.id);
	a = pg_add(w->pg, &moved);
	pg_int4(a, w->node.id);
	pg_int8(a, d->batch);
	add_ids(d, a);
	add_ids(d, pg_add(w->pg, &any));
	a = pg_add(w->pg, &pass);
	pg_int4(a, w->node.id);
	pg_int8(a, d->batch);
	engine_ask_owners(w);
	if ((rc = engine_group_said(w, until, eb)) < 0)
		return rc;
	rc = pg_get_int8(w->pg, 3, 0, 0) > 0;
	log_notice("store",
	    "event=doubt_over group=%" PRId64 " parts=%u there=%d", d->batch,
	    d->n, rc);
	w->node.batch = pg_get_int8(w->pg, 4, 0, 0);
	if (rc == 1)
		engine_take_owners(w, 5, true);
	engine_doubt_fini(d);
	return rc;
}

void
engine_doubt_begin(struct engine_writer *w, struct store_req *r)
{
	if (w->doubt.batch != 0) /* of the present run */
		return;
	w->doubt.batch = r->batch;
	w->doubt.n = (unsigned)(r->len / sizeof(*w->doubt.ids));
	w->doubt.ids = (uint64_t *)(void *)r->data;
	r->data = NULL;
}

void
engine_doubt_fini(struct engine_doubt *d)
{
	mem_free(&d->ids);
	*d = (struct engine_doubt){ 0 };
}

/* ---- mail put into the spool */

static void
note(struct engine_writer *w)
{
	const struct engine_doubt *d = &w->doubt;
	struct store_req *r = mem_alloc(sizeof(*r));
	struct buf text;
	unsigned i;
	int rc;

	buf_init(&text, SIZE_MAX / 4);
	rc = buf_addf(&text, "%d %" PRId64, (int)w->node.id, d->batch);
	for (i = 0; i < d->n && rc == 0; i++)
		rc = buf_addf(&text, " %" PRIx64, d->ids[i]);
	MX_ASSERT(rc == 0);
	r->mail.kind = STORE_STATE;
	r->key = mem_strdup(SHARED_DOUBT);
	r->len = text.len;
	r->data = buf_take(&text);
	r->quiet = true;
	w->land(w->land_arg, r);
}

/* Must not be delivered if it was committed: the removal follows the group,
 * whatever its outcome. */
static void
take_back(struct engine_writer *w, const struct store_req *mail)
{
	struct store_req *r;
	unsigned i;

	for (i = 0; i < mail->nparts; i++) {
		r = store_req_take_back(mail->parts[i]->id);
		STAILQ_INSERT_HEAD(&w->queue, &r->mail, link);
	}
}

static bool
can_land(const struct engine_writer *w, const struct store_req *r)
{
	return r->mail.kind == STORE_COMMIT && w->land != NULL &&
	    !w->refuse_away && !r->large && r->rc == 0;
}

static void
add(struct engine_doubt *d, struct store_req *r)
{
	unsigned i;

	d->ids = mem_grow(d->ids, d->n + r->nparts, sizeof(*d->ids));
	for (i = 0; i < r->nparts; i++) {
		d->ids[d->n++] = r->parts[i]->id;
		r->parts[i]->body = (struct body_ref){ 0 };
		r->parts[i]->flags |= ENV_MOVING;
	}
	r->doubt = true;
}

void
engine_doubt_land(struct engine_writer *w)
{
	struct engine_doubt *d = &w->doubt;
	struct store_req *r, *mail[ENGINE_OPS];
	unsigned i, n = 0, left = 0;

	if (w->commits + w->chunks == 0)
		return;
	for (i = 0; i < w->n; i++) {
		r = w->group[i];
		if (!engine_is_mail(r)) {
			w->group[left++] = r;
		} else if (can_land(w, r)) {
			add(d, r);
			mail[n++] = r;
		} else {
			if (r->rc == 0 && r->mail.kind == STORE_COMMIT)
				take_back(w, r);
			engine_mail_back(w, r, -MX_EFULL);
		}
	}
	w->n = left;
	w->commits = w->chunks = 0;
	if (n == 0)
		return;
	d->batch = w->node.batch + 1;
	log_notice("store",
	    "event=doubt group=%" PRId64 " messages=%u parts=%u", d->batch, n,
	    d->n);
	note(w);
	for (i = 0; i < n; i++)
		w->land(w->land_arg, mail[i]);
}
