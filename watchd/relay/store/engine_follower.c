/* SPDX-License-Identifier: ISC
 * engine_follower: the thread that reads, some times a second, the changes of
 * other nodes. A look is one round trip: the nodes, and for each one the
 * changes behind the last group seen of it (schema.h): owners of domains, small
 * state, mail taken for other nodes. The groups of a node are committed in
 * their order, so nothing is missed, nothing is locked, and no dead row is read
 * again.
 *
 * Our own changes come back, too: a domain may have become ours by mail that we
 * took for it; and for small state it is seen whether our version won
 * (told.h). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "relay/store/engine.h"

#define LOOK_MS	   250
#define GROUPS_MAX 128 /* of all nodes, in one look */
#define NEWS_MAX   1000 /* of each, in one message for the loop */

static const struct pg_stmt
    node_all = { "node_all",
	    "SELECT n.id, n.name, n.epoch, n.beat + coalesce(s.beat, 0), "
	    "greatest(n.batch, s.batch), n.free, " ENGINE_ALONE ", n.lease "
	    "FROM mxwatch.node n LEFT JOIN LATERAL (SELECT beat, batch "
	    "FROM mxwatch.stir WHERE node = n.id ORDER BY beat DESC LIMIT 1) s "
	    "ON true ORDER BY n.id LIMIT 31" },
#define SEEN                                                                   \
	"unnest($1::integer[], $2::bigint[], $3::bigint[]) c(node, past, "     \
	"upto)"
    unit_news = { "unit_news",
	    "SELECT u.name, u.owner FROM " SEEN " JOIN mxwatch.unit u "
	    "ON u.node = c.node AND u.batch > c.past AND u.batch <= c.upto "
	    "ORDER BY u.batch" },
    state_news = { "state_news",
	    "SELECT s.key, CASE WHEN s.node = $4::integer THEN '' "
	    "ELSE s.value END, s.node FROM " SEEN " JOIN mxwatch.state s "
	    "ON s.node = c.node AND s.batch > c.past AND s.batch <= c.upto "
	    "ORDER BY s.batch, s.key" },
    arrival_news = { "arrival_news",
	    "SELECT p.id, p.env FROM " SEEN " JOIN mxwatch.arrival a "
	    "ON a.node = c.node AND a.batch > c.past AND a.batch <= c.upto "
	    "JOIN mxwatch.part p ON p.id = a.id" };

struct engine_follower {
	pthread_t thread;
	struct mailbox *in, *out;
	struct pg *pg;
	int32_t us;
	/* reports our own as well: the present state was not read before */
	bool all;
	struct store_node nodes[STORE_NODE_MAX];
	unsigned nnodes;
	bool alone;
	int64_t past[STORE_NODE_MAX + 1]; /* last group seen, by node number */
	int64_t upto[STORE_NODE_MAX + 1];
	_Atomic int64_t seen_ns; /* monotonic: the last successful look */
	bool quit;
};

/* ---- the nodes */

static void
take_nodes(struct engine_follower *f, unsigned stmt)
{
	struct store_node *n;
	size_t len;

	f->nnodes = 0;
	for (unsigned i = 0; i < pg_rows(f->pg, stmt); i++) {
		n = &f->nodes[f->nnodes];
		*n = (struct store_node){ .id = (unsigned)pg_get_int8(f->pg,
					      stmt, i, 0),
			.epoch = pg_get_int8(f->pg, stmt, i, 2),
			.beat = pg_get_int8(f->pg, stmt, i, 3),
			.batch = pg_get_int8(f->pg, stmt, i, 4),
			.free = pg_get_int8(f->pg, stmt, i, 5) != 0,
			.lease_ms = pg_get_int8(f->pg, stmt, i, 7) };
		(void)strlcpy(n->name, pg_get(f->pg, stmt, i, 1, &len),
		    sizeof(n->name));
		f->alone = pg_get_int8(f->pg, stmt, i, 6) != 0;
		f->nnodes += n->id > 0 && n->id <= STORE_NODE_MAX;
	}
}

int
engine_follower_begin(struct pg *pg, int64_t *past, struct mx_errbuf *eb)
{
	int rc;

	(void)pg_add(pg, &node_all);
	rc = pg_run(pg, clock_now() + ENGINE_UP_MS * CLOCK_MS, eb);
	for (unsigned i = 0; rc == 0 && i < pg_rows(pg, 0); i++)
		if (pg_get_int8(pg, 0, i, 0) <= STORE_NODE_MAX)
			past[pg_get_int8(pg, 0, i, 0)] =
			    pg_get_int8(pg, 0, i, 4);
	return rc;
}

/* ---- their changes */

static void
add_seen(struct engine_follower *f, struct pg_args *a)
{
	pg_array(a, PG_INT4);
	for (unsigned i = 0; i < f->nnodes; i++)
		pg_array_int4(a, (int32_t)f->nodes[i].id);
	pg_array(a, PG_INT8);
	for (unsigned i = 0; i < f->nnodes; i++)
		pg_array_int8(a, f->past[f->nodes[i].id]);
	pg_array(a, PG_INT8);
	for (unsigned i = 0; i < f->nnodes; i++)
		pg_array_int8(a, f->upto[f->nodes[i].id]);
}

/* Sets the groups up to which each node is read: those certainly committed.
 * True: there are more. */
static bool
set_upto(struct engine_follower *f)
{
	const struct store_node *n;
	bool more = false;
	int64_t most = GROUPS_MAX / (f->nnodes > 0 ? f->nnodes : 1);

	for (unsigned i = 0; i < f->nnodes; i++) {
		n = &f->nodes[i];
		/* a standby that lacks the last group became the engine */
		if (n->batch < f->past[n->id])
			f->past[n->id] = n->batch;
		f->upto[n->id] = n->batch;
		if (n->batch - f->past[n->id] > most) {
			f->upto[n->id] = f->past[n->id] + most;
			more = true;
		}
	}
	return more;
}

static bool
has_news(const struct engine_follower *f)
{
	for (unsigned i = 0; i < f->nnodes; i++)
		if (f->upto[f->nodes[i].id] > f->past[f->nodes[i].id])
			return true;
	return false;
}

static struct store_news *
news_create(void)
{
	struct store_news *n = mem_alloc(sizeof(*n));

	n->mail.kind = STORE_TELL_NEWS;
	return n;
}

static void
post(struct engine_follower *f, struct store_news **n)
{
	mailbox_post(f->out, &(*n)->mail);
	*n = news_create();
}

static void
take_owners(struct engine_follower *f, struct store_news **news, unsigned stmt)
{
	unsigned rows = pg_rows(f->pg, stmt);
	struct store_news *n;
	size_t len;

	for (unsigned i = 0; i < rows; i++) {
		n = *news;
		if (n->owners == NULL)
			n->owners = mem_array(NEWS_MAX, sizeof(*n->owners));
		n->owners[n->nowners++] =
		    (struct store_owner){ mem_strdup(
					      pg_get(f->pg, stmt, i, 0, &len)),
			    (unsigned)pg_get_int8(f->pg, stmt, i, 1) };
		if (n->nowners == NEWS_MAX)
			post(f, news);
	}
}

static void
take_states(struct engine_follower *f, struct store_news **news, unsigned stmt)
{
	unsigned rows = pg_rows(f->pg, stmt);
	struct store_told *t;
	struct store_news *n;
	const char *key;
	size_t len;

	for (unsigned i = 0; i < rows; i++) {
		n = *news;
		if (n->states == NULL)
			n->states = mem_array(NEWS_MAX, sizeof(*n->states));
		key = pg_get(f->pg, stmt, i, 0, &len);
		if (len > STORE_KEY_MAX)
			continue;
		t = &n->states[n->nstates++];
		t->key = mem_dup(key, len + 1);
		t->key[len] = '\0';
		key = pg_get(f->pg, stmt, i, 1, &t->len);
		t->data = mem_dup(key, t->len > 0 ? t->len : 1);
		t->ours = !f->all && pg_get_int8(f->pg, stmt, i, 2) == f->us;
		if (n->nstates == NEWS_MAX)
			post(f, news);
	}
}

static void
take_arrivals(struct engine_follower *f, struct store_news **news,
    unsigned stmt)
{
	unsigned rows = pg_rows(f->pg, stmt);
	struct envelope_brief *b;
	struct store_news *n;
	const void *data;
	uint64_t id;
	size_t len;

	for (unsigned i = 0; i < rows; i++) {
		n = *news;
		if (n->briefs == NULL)
			n->briefs = mem_array(NEWS_MAX, sizeof(*n->briefs));
		b = &n->briefs[n->nbriefs];
		id = (uint64_t)pg_get_int8(f->pg, stmt, i, 0);
		data = pg_get(f->pg, stmt, i, 1, &len);
		if (envelope_decode_brief(data, len, b) == 0 && b->id == id) {
			n->nbriefs++;
		} else {
			envelope_destroy(&b->env);
			log_error("store", "event=record_damaged id=%016llx",
			    (unsigned long long)id);
		}
		if (n->nbriefs == NEWS_MAX)
			post(f, news);
	}
}

static int
look(struct engine_follower *f, struct store_news **news, struct mx_errbuf *eb)
{
	int64_t until = clock_now() + ENGINE_READ_MS * CLOCK_MS;
	const struct pg_stmt *const stmts[] = { &unit_news, &state_news,
		&arrival_news };
	struct pg_args *a;
	int rc;

	for (unsigned i = 0; i < MX_COUNT(stmts); i++) {
		a = pg_add(f->pg, stmts[i]);
		add_seen(f, a);
		if (stmts[i] == &state_news)
			pg_int4(a, f->all ? 0 : f->us);
	}
	if ((rc = pg_run(f->pg, until, eb)) < 0)
		return rc;
	take_owners(f, news, 0);
	take_states(f, news, 1);
	take_arrivals(f, news, 2);
	for (unsigned i = 0; i < f->nnodes; i++)
		f->past[f->nodes[i].id] = f->upto[f->nodes[i].id];
	(*news)->seen = f->past[f->us];
	return 0;
}

/* Reads all changes; 0, or the result of pg_run(). */
static int
follow(struct engine_follower *f, struct mx_errbuf *eb)
{
	int64_t begun = clock_now();
	struct store_news *news;
	bool more;
	int rc;

	rc = pg_up(f->pg, begun + ENGINE_UP_MS * CLOCK_MS, eb);
	if (rc < 0)
		return rc;
	(void)pg_add(f->pg, &node_all);
	rc = pg_run(f->pg, begun + ENGINE_READ_MS * CLOCK_MS, eb);
	if (rc < 0)
		return rc;
	take_nodes(f, 0);
	news = news_create();
	do {
		more = set_upto(f);
		if (has_news(f))
			rc = look(f, &news, eb);
	} while (rc == 0 && more);
	if (rc == 0) {
		memcpy(news->nodes, f->nodes, sizeof(news->nodes));
		news->nnodes = f->nnodes;
		news->alone = f->alone;
		f->seen_ns = begun;
		f->all = false;
	}
	mailbox_post(f->out, &news->mail);
	return rc;
}

/* ---- the thread */

static void
follower_list(struct engine_follower *f, struct mail_list *list)
{
	struct mail *m;

	while ((m = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		f->quit = f->quit || m->kind == STORE_QUIT;
		store_req_free((struct store_req *)m);
	}
}

static void *
engine_follower_main(void *arg)
{
	static struct log_limit limit;
	struct engine_follower *f = arg;
	struct mail_list list;
	struct mx_errbuf eb;

	while (!f->quit) {
		if (follow(f, &eb) < 0 && log_limit_ok(&limit, 60))
			log_warn("store", "event=engine_unseen error=%s",
			    log_q(eb.text));
		(void)mailbox_wait(f->in, &list, LOOK_MS);
		follower_list(f, &list);
	}
	return NULL;
}

const _Atomic int64_t *
engine_follower_seen(const struct engine_follower *f)
{
	return &f->seen_ns;
}

void
engine_follower_hurry(struct engine_follower *f)
{
	pg_hurry(f->pg);
}

void
engine_follower_stop(struct engine_follower **fp)
{
	struct engine_follower *f = *fp;

	if (f == NULL)
		return;
	store_writer_end(f->thread, &f->in);
	pg_destroy(&f->pg);
	mem_free(fp);
}

struct engine_follower *
engine_follower_start(const char *conninfo, int32_t us, const int64_t *past,
    bool all, struct mailbox *out)
{
	struct engine_follower *f = mem_alloc(sizeof(*f));

	f->pg = pg_create(conninfo, "mxwatchd follower");
	f->us = us;
	f->all = all;
	f->out = out;
	f->in = mailbox_create();
	f->seen_ns = clock_now();
	memcpy(f->past, past, sizeof(f->past));
	if (thread_start(&f->thread, engine_follower_main, f) != 0) {
		mailbox_destroy(&f->in, NULL);
		pg_destroy(&f->pg);
		mem_free(&f);
	}
	return f;
}
