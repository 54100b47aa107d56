/* SPDX-License-Identifier: ISC
 * shared_read: selects the one to read from, and merges answers of both. Loop
 * thread. */
#include <stdlib.h>

#include "base/mem.h"
#include "relay/store/journal.h"
#include "relay/store/shared_int.h"

/* The place of a body: in the engine a message id, in the spool a file number,
 * counted from 1, those of the log from JOURNAL_FIRST. */
static bool
is_of_engine(const struct body_ref *b)
{
	return b->segment > UINT32_MAX && b->segment < JOURNAL_FIRST;
}

static bool
get_is_for_spool(const struct backend_shared *sh, const struct store_get *g)
{
	unsigned i;

	switch (g->mail.kind) {
	case STORE_LOAD:
		return g->move != NULL || shared_is_local(sh, g->id);
	case STORE_READ:
		return g->move != NULL || !is_of_engine(&g->body);
	case STORE_FETCH: /* any of them: it is asked first (fetched()) */
		for (i = 0; i < g->n && g->whole == NULL; i++)
			if (shared_is_local(sh, g->ids[i]))
				return true;
		return false;
	case STORE_SCAN:
		return true;
	default:
		return false;
	}
}

void
shared_read(struct backend *b, struct mail_list *list)
{
	struct mail_list to_spool = STAILQ_HEAD_INITIALIZER(to_spool);
	struct mail_list to_engine = STAILQ_HEAD_INITIALIZER(to_engine);
	struct backend_shared *sh = (struct backend_shared *)b;
	struct store_get *g;
	struct mail *mail;

	while ((mail = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		g = (struct store_get *)mail;
		g->local = get_is_for_spool(sh, g);
		STAILQ_INSERT_TAIL(g->local ? &to_spool : &to_engine, mail,
		    link);
	}
	sh->spool->ops->read(sh->spool, &to_spool);
	sh->engine->ops->read(sh->engine, &to_engine);
}

/* Asks the engine for those that are not in the spool, or were moved meanwhile.
 * True: the answer waits for that. */
static bool
fetch_rest(struct backend_shared *sh, struct store *s, struct store_get *g)
{
	struct store_get *rest;
	unsigned i, n = 0;

	for (i = 0; i < g->n; i++)
		n += g->envs[i] == NULL;
	if (n == 0)
		return false;
	rest = mem_alloc(sizeof(*rest));
	rest->mail.kind = STORE_FETCH;
	rest->whole = g;
	rest->ids = mem_array(n, sizeof(*rest->ids));
	for (i = 0; i < g->n; i++)
		if (g->envs[i] == NULL)
			rest->ids[rest->n++] = g->ids[i];
	g->local = false;
	shared_get(sh, s, rest);
	return true;
}

static void
fetch_join(struct backend_shared *sh, struct store_get *rest)
{
	struct store_get *g = rest->whole;
	unsigned i, k = 0;

	for (i = 0; i < g->n; i++)
		if (g->envs[i] == NULL) {
			g->envs[i] = rest->envs[k];
			rest->envs[k++] = NULL;
		}
	rest->whole = NULL;
	store_get_free(rest);
	mailbox_post(sh->out, &g->mail);
}

/* ---- answers */

/* The mark is internal to this store. */
static void
unmark(struct envelope *e)
{
	if (e != NULL)
		e->flags &= (uint16_t)~ENV_MOVING;
}

static void
unmark_brief(struct envelope_brief *b)
{
	b->flags &= (uint16_t)~ENV_MOVING;
	unmark(b->env);
}

/* All in the spool; messages that were being moved are reported later. */
static void
scanned(struct backend_shared *sh, struct store *s, struct store_get *g)
{
	unsigned i, n = 0;

	for (i = 0; i < g->n; i++) {
		struct envelope_brief *b = &g->briefs[i];
		bool doubt = (b->flags & ENV_MOVING) != 0;

		unmark_brief(b);
		if (doubt) {
			move_doubt(sh, s, b);
			continue;
		}
		idmap_put(&sh->ids, b->id, &shared_here);
		g->briefs[n++] = *b;
	}
	g->n = n;
	if (!g->end)
		return;
	sh->tidy_due = g->rc == 0;
	move_tidy(sh, s);
}

bool
shared_got(struct backend_shared *sh, struct store *s, struct store_get *g)
{
	unsigned i;

	if (g->move != NULL) {
		move_get(sh, s, g);
		return true;
	}
	if (g->mail.kind == STORE_FETCH && g->whole != NULL) {
		fetch_join(sh, g);
		return true;
	}
	if (!g->local)
		return false;
	if (g->mail.kind == STORE_SCAN) {
		scanned(sh, s, g);
		return false;
	}
	for (i = 0; i < g->n && g->envs != NULL; i++)
		unmark(g->envs[i]);
	if (g->mail.kind == STORE_FETCH)
		return fetch_rest(sh, s, g);
	if (g->mail.kind == STORE_LOAD && g->rc == -MX_ENOENT &&
	    !shared_is_local(sh, g->id)) { /* moved meanwhile */
		mem_free(&g->envs);
		g->n = 0;
		g->rc = 0;
		shared_get(sh, s, g);
		return true;
	}
	return false;
}
