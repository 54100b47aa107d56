/* SPDX-License-Identifier: ISC
 * engine_reader: the thread that reads the rows. Waiting requests are sent
 * together: a load is two statements, its envelope and the beginning of its
 * content, and up to ENGINE_LOADS of them are one round trip. Without the
 * engine a request is answered as temporarily unreadable. */
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "relay/store/engine.h"

#define ENGINE_LOADS 16

static const struct pg_stmt
    part_get = { "part_get", "SELECT env FROM mxwatch.part WHERE id = $1" },
    part_some = { "part_some",
	    "SELECT id, env FROM mxwatch.part WHERE id = ANY($1::bigint[])" },
    part_from = { "part_from",
	    "SELECT id, env FROM mxwatch.part WHERE id >= $1 AND id <= $2 "
	    "ORDER BY id LIMIT $3" },
    body_get = { "body_get",
	    "SELECT at, data FROM mxwatch.body "
	    "WHERE id = $1 AND at < $2 ORDER BY at" },
    /* beginning with the piece that contains $3 */
    body_from = { "body_from",
	    "SELECT at, data FROM mxwatch.body WHERE id = $1 AND at < $2 "
	    "AND at >= (SELECT max(at) FROM mxwatch.body "
	    "WHERE id = $1 AND at <= $3) ORDER BY at" },
    state_from = { "state_from",
	    "SELECT key, value FROM ("
	    "(SELECT key, value FROM mxwatch.state "
	    "WHERE key > $1 AND key >= $2 AND value <> '' "
	    "AND position('/'::bytea IN key) > 0 ORDER BY key LIMIT $3) "
	    "UNION ALL (SELECT key, value FROM mxwatch.own WHERE node = $4 "
	    "AND key > $1 AND key >= $2 AND value <> '' "
	    "ORDER BY key LIMIT $3)) s ORDER BY key LIMIT $3" },
    /* written so that no other index has this order: the planner would walk one
     * by id through the whole table for a small domain */
    part_of = { "part_of",
	    "SELECT id, env FROM mxwatch.part "
	    "WHERE (domain, id) > ($1, $2) AND domain <= $1 "
	    "ORDER BY domain, id LIMIT $3" },
    unit_from = { "unit_from",
	    "SELECT name, owner FROM mxwatch.unit WHERE name > $1 "
	    "ORDER BY name LIMIT 10000" };

struct engine_reader {
	pthread_t thread;
	struct pg *pg;
	struct mailbox *in, *out;
	bool away; /* the last query failed for lack of the engine */
	_Atomic bool hurry;
	bool quit;
};

static void
ask_body(struct pg *pg, uint64_t id, uint64_t from, uint64_t len)
{
	struct pg_args *a = pg_add(pg, from == 0 ? &body_get : &body_from);

	pg_int8(a, (int64_t)(id & ~UINT64_C(255)));
	pg_int8(a,
	    len < (uint64_t)INT64_MAX - from ? (int64_t)(from + len) :
					       INT64_MAX);
	if (from > 0)
		pg_int8(a, (int64_t)from);
}

/* Copies `len` octets from `from` on out of the pieces found. */
static int
take_body(struct pg *pg, unsigned stmt, uint64_t from, char *data, size_t len)
{
	size_t have = 0, n, skip;
	const char *piece;
	uint64_t at;
	unsigned i;

	for (i = 0; i < pg_rows(pg, stmt) && have < len; i++) {
		at = (uint64_t)pg_get_int8(pg, stmt, i, 0);
		piece = pg_get(pg, stmt, i, 1, &n);
		if (at > from + have)
			break; /* one is missing */
		skip = (size_t)(from + have - at);
		if (skip >= n)
			continue;
		n = n - skip < len - have ? n - skip : len - have;
		memcpy(data + have, piece + skip, n);
		have += n;
	}
	return have == len ? 0 : -MX_ECORRUPT;
}

static int
decode(struct pg *pg, unsigned stmt, unsigned row, unsigned column, uint64_t id,
    struct envelope **env)
{
	size_t len;
	const void *data = pg_get(pg, stmt, row, column, &len);

	return store_record_decode(id, data, len, env);
}

static void
take_load(struct pg *pg, unsigned stmt, struct store_get *g)
{
	int rc;

	if (pg_rows(pg, stmt) == 0) {
		g->rc = -MX_ENOENT;
		return;
	}
	if ((g->rc = decode(pg, stmt, 0, 0, g->id, &g->envs[0])) < 0)
		return;
	g->body = g->envs[0]->body;
	store_get_room(g);
	if ((rc = take_body(pg, stmt + 1, 0, g->data, g->len)) == 0)
		rc = store_get_check(g);
	store_get_answer(g, rc);
}

/* Runs the statements; once more if the connection was lost, since reading
 * twice is harmless. */
static int
run(struct pg *pg, struct mx_errbuf *eb)
{
	unsigned tries = 0;
	int rc;

	do {
		rc = pg_up(pg, clock_now() + ENGINE_UP_MS * CLOCK_MS, eb);
		if (rc == 0)
			rc = pg_run(pg, clock_now() + ENGINE_READ_MS * CLOCK_MS,
			    eb);
	} while (rc == -MX_ENET && ++tries < 2);
	return rc;
}

static int
ask(struct engine_reader *rd)
{
	static struct log_limit limit;
	struct mx_errbuf eb;
	int rc = run(rd->pg, &eb);

	rd->away = rc == -MX_ENET;
	if (rc == 0)
		return 0;
	if (log_limit_ok(&limit, 10))
		log_warn("store", "event=engine_unread error=%s",
		    log_q(eb.text));
	return -MX_EIO;
}

/* The same for reads that the daemon cannot go on without: waits for the
 * engine. */
static int
ask_and_wait(struct engine_reader *rd)
{
	int rc;

	while ((rc = ask(rd)) < 0 && rd->away && !rd->hurry)
		(void)poll(NULL, 0, ENGINE_RETRY_MS);
	return rc;
}

/* Is it still there? Content of a part removed meanwhile is gone, not
 * damaged. */
static void
look_again(struct engine_reader *rd, struct store_get *g)
{
	pg_int8(pg_add(rd->pg, &part_get), (int64_t)g->id);
	if (ask(rd) < 0 || pg_rows(rd->pg, 0) > 0)
		return;
	g->rc = -MX_ENOENT;
	envelope_destroy(&g->envs[0]);
}

static void
do_loads(struct engine_reader *rd, struct store_get **gets, unsigned n)
{
	unsigned i;
	int rc;

	for (i = 0; i < n; i++) {
		gets[i]->envs = mem_array(1, sizeof(struct envelope *));
		gets[i]->n = 1;
		pg_int8(pg_add(rd->pg, &part_get), (int64_t)gets[i]->id);
		ask_body(rd->pg, gets[i]->id, 0, gets[i]->len);
	}
	rc = ask(rd);
	for (i = 0; i < n; i++)
		if (rc == 0)
			take_load(rd->pg, 2 * i, gets[i]);
		else
			gets[i]->rc = rc;
	for (i = 0; i < n; i++)
		if (gets[i]->rc == -MX_ECORRUPT)
			look_again(rd, gets[i]);
}

static void
do_read(struct engine_reader *rd, struct store_get *g)
{
	int rc;

	store_get_room(g);
	ask_body(rd->pg, g->body.segment, g->offset, g->len);
	if ((rc = ask(rd)) == 0)
		rc = take_body(rd->pg, 0, g->offset, g->data, g->len);
	store_get_answer(g, rc);
}

static void
do_fetch(struct engine_reader *rd, struct store_get *g)
{
	struct pg_args *a = pg_add(rd->pg, &part_some);
	uint64_t id;
	unsigned i, k;

	g->envs = mem_array(g->n, sizeof(struct envelope *));
	pg_array(a, PG_INT8);
	for (i = 0; i < g->n; i++)
		pg_array_int8(a, (int64_t)g->ids[i]);
	if (ask(rd) < 0)
		return;
	for (i = 0; i < pg_rows(rd->pg, 0); i++) {
		id = (uint64_t)pg_get_int8(rd->pg, 0, i, 0);
		for (k = 0; k < g->n && g->ids[k] != id; k++)
			;
		if (k < g->n && g->envs[k] == NULL)
			(void)decode(rd->pg, 0, i, 1, id, &g->envs[k]);
	}
}

static void
scan_one(struct engine_reader *rd, struct store_get *g, unsigned row)
{
	uint64_t id = (uint64_t)pg_get_int8(rd->pg, 0, row, 0);
	size_t len;
	const void *data = pg_get(rd->pg, 0, row, 1, &len);

	g->id = id + 1;
	store_get_brief(g, id, data, len);
}

static void
do_scan(struct engine_reader *rd, struct store_get *g)
{
	struct pg_args *a = pg_add(rd->pg, &part_from);
	unsigned i, rows = 0;

	g->briefs = mem_grow(NULL, STORE_FETCH_MAX, sizeof(*g->briefs));
	pg_int8(a, (int64_t)g->id);
	pg_int8(a, (int64_t)g->last);
	pg_int8(a, STORE_FETCH_MAX);
	if ((g->rc = ask_and_wait(rd)) == 0)
		rows = pg_rows(rd->pg, 0);
	for (i = 0; i < rows; i++)
		scan_one(rd, g, i);
	g->end = rows < STORE_FETCH_MAX;
}

/* A page of messages of several domains, as many as fit. */
static void
do_scan_domains(struct engine_reader *rd, struct store_get *g)
{
	unsigned picked[ENGINE_LOADS], n = 0, rows, i, k;
	struct pg_args *a;
	const void *data;
	uint64_t id;
	size_t len;

	for (i = 0; i < g->nnames && n < ENGINE_LOADS; i++)
		if (g->after[i] != UINT64_MAX)
			picked[n++] = i;
	for (k = 0; k < n; k++) {
		a = pg_add(rd->pg, &part_of);
		pg_text(a, g->names[picked[k]]);
		pg_int8(a, (int64_t)g->after[picked[k]]);
		pg_int8(a, STORE_FETCH_MAX / n);
	}
	if ((g->rc = ask(rd)) < 0)
		return; /* the request is repeated */
	g->briefs = mem_grow(NULL, STORE_FETCH_MAX, sizeof(*g->briefs));
	for (k = 0; k < n; k++) {
		rows = pg_rows(rd->pg, k);
		for (i = 0; i < rows; i++) {
			id = (uint64_t)pg_get_int8(rd->pg, k, i, 0);
			data = pg_get(rd->pg, k, i, 1, &len);
			store_get_brief(g, id, data, len);
			g->after[picked[k]] = id;
		}
		if (rows < STORE_FETCH_MAX / n)
			g->after[picked[k]] = UINT64_MAX;
	}
	g->end = true;
	for (i = 0; i < g->nnames; i++)
		g->end = g->end && g->after[i] == UINT64_MAX;
}

/* ---- the thread */

static void
answer(struct engine_reader *rd, struct store_get *g)
{
	g->away = g->rc == -MX_EIO && rd->away;
	mailbox_post(rd->out, &g->mail);
}

static void
reader_list(struct engine_reader *rd, struct mail_list *list)
{
	struct store_get *gets[ENGINE_LOADS], *g;
	struct mail *m;
	unsigned n = 0, i;

	while ((m = STAILQ_FIRST(list)) != NULL || n > 0) {
		g = (struct store_get *)m;
		if (g != NULL && m->kind == STORE_LOAD && n < ENGINE_LOADS) {
			STAILQ_REMOVE_HEAD(list, link);
			gets[n++] = g;
			continue;
		}
		if (n > 0) {
			do_loads(rd, gets, n);
			for (i = 0; i < n; i++)
				answer(rd, gets[i]);
			n = 0;
			continue;
		}
		STAILQ_REMOVE_HEAD(list, link);
		if (m->kind == STORE_QUIT) {
			rd->quit = true;
			store_get_free(g);
			continue;
		}
		if (m->kind == STORE_READ)
			do_read(rd, g);
		else if (m->kind == STORE_FETCH)
			do_fetch(rd, g);
		else if (m->kind == STORE_SCAN_DOMAINS)
			do_scan_domains(rd, g);
		else
			do_scan(rd, g);
		answer(rd, g);
	}
}

static void *
engine_reader_main(void *arg)
{
	struct engine_reader *rd = arg;
	struct mail_list list;

	while (!rd->quit) {
		(void)mailbox_wait(rd->in, &list, -1);
		reader_list(rd, &list);
	}
	return NULL;
}

void
engine_reader_hurry(struct engine_reader *rd)
{
	rd->hurry = true;
	pg_hurry(rd->pg);
}

void
engine_reader_post(struct engine_reader *rd, struct mail_list *list)
{
	mailbox_post_list(rd->in, list);
}

void
engine_reader_stop(struct engine_reader **rp)
{
	struct engine_reader *rd = *rp;

	if (rd == NULL)
		return;
	store_reader_end(rd->thread, &rd->in);
	pg_destroy(&rd->pg);
	mem_free(rp);
}

struct engine_reader *
engine_reader_start(const char *conninfo, struct mailbox *out)
{
	struct engine_reader *rd = mem_alloc(sizeof(*rd));

	rd->pg = pg_create(conninfo, "mxwatchd");
	rd->out = out;
	rd->in = mailbox_create();
	if (thread_start(&rd->thread, engine_reader_main, rd) != 0) {
		mailbox_destroy(&rd->in, NULL);
		pg_destroy(&rd->pg);
		mem_free(&rd);
	}
	return rd;
}

/* ---- small state, on the caller's thread */

bool
engine_states(struct pg *pg, int32_t node, const char *prefix,
    const char *after, unsigned max,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg)
{
	size_t plen = strlen(prefix), klen, len;
	char key[STORE_KEY_MAX + 1];
	struct mx_errbuf eb;
	const void *value;
	struct pg_args *a;
	const char *k;
	unsigned i, rows;

	a = pg_add(pg, &state_from);
	pg_bytes(a, after, strlen(after));
	pg_bytes(a, prefix, plen);
	pg_int8(a, (int64_t)max);
	pg_int4(a, node);
	if (run(pg, &eb) < 0) {
		log_warn("store", "event=state_unread error=%s",
		    log_q(eb.text));
		return false;
	}
	rows = pg_rows(pg, 0);
	for (i = 0; i < rows; i++) {
		k = pg_get(pg, 0, i, 0, &klen);
		value = pg_get(pg, 0, i, 1, &len);
		if (klen > STORE_KEY_MAX || klen < plen ||
		    memcmp(k, prefix, plen) != 0)
			return false; /* past the prefix */
		memcpy(key, k, klen);
		key[klen] = '\0';
		one(arg, key, value, len);
	}
	return rows == max;
}

void
engine_owners(struct pg *pg,
    void (*one)(void *arg, const char *domain, unsigned node), void *arg)
{
	char last[512] = "";
	struct mx_errbuf eb;
	const char *name;
	unsigned rows;
	size_t len;

	do {
		pg_text(pg_add(pg, &unit_from), last);
		if (run(pg, &eb) < 0) {
			log_warn("store", "event=owners_unread error=%s",
			    log_q(eb.text));
			return;
		}
		rows = pg_rows(pg, 0);
		for (unsigned i = 0; i < rows; i++) {
			name = pg_get(pg, 0, i, 0, &len);
			one(arg, name, (unsigned)pg_get_int8(pg, 0, i, 1));
			(void)strlcpy(last, name, sizeof(last));
		}
	} while (rows > 0);
}
