/* SPDX-License-Identifier: ISC
 * engine_away: new mail that the engine did not take and certainly does not
 * have: it goes into the spool of this node, if there is one
 * (backend_shared.c), or is refused. Mail that may be in the engine is not
 * handled here: its group is asked for until that is known. Writer's thread. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "relay/store/engine_int.h"

bool
engine_waited(const struct engine_writer *w, int64_t start)
{
	/* time that the engine is away already counts as waited */
	if (w->away_since != 0 && w->away_since < start)
		start = w->away_since;
	return clock_now() - start > w->wait_ns;
}

static void
back(struct engine_writer *w, struct store_req *r, int rc)
{
	if (r->rc == 0)
		r->rc = rc;
	mailbox_post(w->out, &r->mail);
}

bool
engine_is_mail(const struct store_req *r)
{
	return r->mail.kind == STORE_COMMIT ||
	    r->mail.kind == STORE_CHUNK_WRITE;
}

void
engine_large_fails(struct engine_writer *w, const struct store_req *r)
{
	struct large_body *l = idmap_get(&w->larges, r->id);

	if (l != NULL && l->rc == 0) /* it has not ended */
		l->rc = -MX_EFULL;
}

void
engine_mail_back(struct engine_writer *w, struct store_req *r, int rc)
{
	unsigned i;

	if (r->mail.kind == STORE_CHUNK_WRITE) {
		engine_large_fails(w, r);
		back(w, r, rc);
		return;
	}
	if (r->mail.kind != STORE_COMMIT) {
		back(w, r, w->away_since != 0 ? -MX_ENET : rc);
		return;
	}
	/* a large one has its pieces in the engine */
	if (r->rc < 0 || r->large || w->land == NULL || w->refuse_away) {
		back(w, r, rc);
		return;
	}
	for (i = 0; i < r->nparts; i++)
		r->parts[i]->body = (struct body_ref){ 0 };
	w->land(w->land_arg, r);
}

/* A piece of a large body: it ends where it began. */
static void
piece_back(struct engine_writer *w, struct store_req *r)
{
	struct large_body *l = idmap_get(&w->larges, r->id);

	if (l == NULL) {
		l = mem_alloc(sizeof(*l));
		idmap_put(&w->larges, r->id, l);
	}
	if (l->rc == 0)
		l->rc = -MX_EFULL;
	back(w, r, l->rc);
}

void
engine_mail_waiting(struct engine_writer *w)
{
	struct mail_list all = STAILQ_HEAD_INITIALIZER(all), more;
	struct store_req *r;
	struct mail *m;

	(void)mailbox_take(w->in, &more);
	STAILQ_CONCAT(&all, &w->queue);
	STAILQ_CONCAT(&all, &more);
	while ((m = STAILQ_FIRST(&all)) != NULL) {
		STAILQ_REMOVE_HEAD(&all, link);
		r = (struct store_req *)m;
		switch (m->kind) {
		case STORE_COMMIT:
			if (r->large)
				free(idmap_take(&w->larges, r->id));
			engine_mail_back(w, r, -MX_EFULL);
			break;
		case STORE_PLACE:
			engine_mail_back(w, r, -MX_EFULL);
			break;
		case STORE_MOVE_PIECE:
			back(w, r, -MX_ENET);
			break;
		case STORE_CHUNK_WRITE:
			piece_back(w, r);
			break;
		case STORE_LIMITS:
			engine_limits(w, &r->conf);
			store_req_free(r);
			break;
		default: /* keeps its place, as long as it takes */
			STAILQ_INSERT_TAIL(&w->queue, m, link);
			break;
		}
	}
}
