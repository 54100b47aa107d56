/* SPDX-License-Identifier: ISC
 * pg: see pg.h. The connection is non-blocking and polled, so that a server
 * that hangs costs no more than the deadline. */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "engine/pg.h"

#define PG_BATCH_MAX 32 /* statements */
#define PG_ARGS_MAX  8
#define PG_KNOWN_MAX 64 /* prepared in a connection */
#define PG_LOOK_MS   250 /* interval of checks for pg_hurry() */

/* Object identifiers of types: pg_type.dat, which never changes. */
static const struct {
	Oid one, array;
} oids[] = {
	[PG_INT4] = { 23, 1007 },
	[PG_INT8] = { 20, 1016 },
	[PG_TEXT] = { 25, 1009 },
	[PG_BYTES] = { 17, 1001 },
};

struct pg_args {
	const struct pg_stmt *stmt;
	struct buf data;
	unsigned n;
	Oid types[PG_ARGS_MAX];
	size_t at[PG_ARGS_MAX]; /* in data */
	size_t count_at; /* position of the length of the array being filled */
	unsigned count;
};

struct pg {
	PGconn *conn; /* NULL: none */
	char *conninfo, *who;
	const struct pg_stmt *known[PG_KNOWN_MAX];
	unsigned nknown;
	struct pg_args batch[PG_BATCH_MAX];
	PGresult *results[PG_BATCH_MAX];
	unsigned n;
	bool done; /* the batch was run: pg_add() begins another */
	bool warned;
	char state[6]; /* SQLSTATE of the first error; "": none */
	_Atomic bool hurry;
	int64_t hurry_until; /* monotonic; 0: not noticed yet */
};

static void
on_notice(void *arg, const PGresult *r)
{
	struct pg *p = arg;
	const char *severity =
	    PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (severity != NULL && strcmp(severity, "WARNING") == 0)
		p->warned = true;
}

struct pg *
pg_create(const char *conninfo, const char *who)
{
	struct pg *p = mem_alloc(sizeof(*p));
	unsigned i;

	p->conninfo = mem_strdup(conninfo);
	p->who = mem_strdup(who);
	for (i = 0; i < PG_BATCH_MAX; i++)
		buf_init(&p->batch[i].data, SIZE_MAX / 4);
	return p;
}

static void
results_clear(struct pg *p)
{
	unsigned i;

	for (i = 0; i < p->n; i++) {
		PQclear(p->results[i]);
		p->results[i] = NULL;
	}
	p->warned = false;
}

static void
batch_clear(struct pg *p)
{
	unsigned i;

	results_clear(p);
	for (i = 0; i < p->n; i++)
		buf_clear(&p->batch[i].data);
	p->n = 0;
	p->done = false;
}

void
pg_drop(struct pg *p)
{
	if (p->conn != NULL)
		PQfinish(p->conn);
	p->conn = NULL;
	p->nknown = 0;
}

void
pg_destroy(struct pg **pp)
{
	struct pg *p = *pp;
	unsigned i;

	if (p == NULL)
		return;
	batch_clear(p);
	for (i = 0; i < PG_BATCH_MAX; i++)
		buf_fini(&p->batch[i].data);
	pg_drop(p);
	free(p->conninfo);
	free(p->who);
	mem_free(pp);
}

bool
pg_is_up(const struct pg *p)
{
	return p->conn != NULL && PQstatus(p->conn) == CONNECTION_OK;
}

/* The server's message, on one line. */
static int
failed(enum mx_err err, const char *text, struct mx_errbuf *eb)
{
	size_t len = strcspn(text, "\n");

	return mx_fail(eb, err, "%.*s", (int)(len < 400 ? len : 400), text);
}

/* Time left to wait, in short steps. */
static int64_t
time_left(struct pg *p, int64_t until)
{
	int64_t now = clock_now();

	if (p->hurry && p->hurry_until == 0)
		p->hurry_until = now + PG_HURRY_MS * CLOCK_MS;
	if (p->hurry && p->hurry_until < until)
		until = p->hurry_until;
	return until - now;
}

/* Waits for the socket; false: the deadline has passed. */
static bool
await(struct pg *p, short events, int64_t until)
{
	struct pollfd pfd = { PQsocket(p->conn), events, 0 };
	int64_t left;
	int n = 0;

	while (n == 0 && (left = time_left(p, until)) >= 0) {
		if (left > PG_LOOK_MS * CLOCK_MS)
			left = PG_LOOK_MS * CLOCK_MS;
		n = poll(&pfd, 1, (int)((left + CLOCK_MS - 1) / CLOCK_MS));
		if (n < 0 && errno == EINTR)
			n = 0;
	}
	return n > 0;
}

void
pg_hurry(struct pg *p)
{
	p->hurry = true;
}

/* ---- connecting */

/* The added statements are dropped, unless pg_run() is called for them
 * again. */
static int
gone(struct pg *p, const char *why, struct mx_errbuf *eb)
{
	int rc;

	p->done = true;
	if (why == NULL)
		why = PQerrorMessage(p->conn);
	rc =
	    failed(MX_ENET, *why != '\0' ? why : "the connection was lost", eb);
	pg_drop(p);
	return rc;
}

/* All statements read a few rows of many by index, in its order. From the
 * statistics of a table that fills and empties within a minute the planner
 * would choose to read all of it, and keep that plan. */
static const char settings[] =
    "SET enable_seqscan = off; SET enable_bitmapscan = off; "
    "SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET enable_sort = off; SET jit = off; "
    "SET plan_cache_mode = force_generic_plan";

static bool next_result(struct pg *p, int64_t until, PGresult **out);

static bool
settle(struct pg *p, int64_t until)
{
	PGresult *r = NULL;
	bool ok = PQsendQuery(p->conn, settings) == 1;

	while (ok && next_result(p, until, &r) && r != NULL) {
		ok = PQresultStatus(r) == PGRES_COMMAND_OK;
		PQclear(r);
		r = NULL;
	}
	return ok && pg_is_up(p);
}

/* Has the server, or the network, ended an idle connection? A batch sent now
 * would be in doubt for as long as the server is away. Unsolicited messages are
 * read. */
static bool
is_over(struct pg *p)
{
	struct pollfd pfd = { PQsocket(p->conn), POLLIN, 0 };
	unsigned tries = 0;

	while (tries++ < 4 && poll(&pfd, 1, 0) > 0)
		if (PQconsumeInput(p->conn) != 1)
			break;
	return PQstatus(p->conn) != CONNECTION_OK;
}

int
pg_up(struct pg *p, int64_t until, struct mx_errbuf *eb)
{
	const char *keys[] = { "dbname", "fallback_application_name",
		"client_encoding", NULL };
	const char *values[] = { p->conninfo, p->who, "SQL_ASCII", NULL };
	PostgresPollingStatusType st = PGRES_POLLING_WRITING;

	if (pg_is_up(p) && !is_over(p))
		return 0;
	pg_drop(p);
	p->conn = PQconnectStartParams(keys, values, 1);
	if (p->conn == NULL) {
		p->done = true;
		return mx_fail(eb, MX_ENET, "no memory for a connection");
	}
	while (st != PGRES_POLLING_OK) {
		if (PQstatus(p->conn) == CONNECTION_BAD ||
		    st == PGRES_POLLING_FAILED)
			return gone(p, NULL, eb);
		if (!await(p, st == PGRES_POLLING_READING ? POLLIN : POLLOUT,
			until))
			return gone(p, "timeout while connecting", eb);
		st = PQconnectPoll(p->conn);
	}
	PQsetNoticeReceiver(p->conn, on_notice, p);
	if (PQsetnonblocking(p->conn, 1) != 0 || !settle(p, until) ||
	    PQenterPipelineMode(p->conn) != 1)
		return gone(p, NULL, eb);
	return 0;
}

/* ---- values: big-endian, after their length (PQsendQueryParams, "binary") */

static void
put(struct pg_args *a, const void *data, size_t len)
{
	MX_ASSERT(buf_add(&a->data, data, len) == 0);
}

static void
put_be(struct pg_args *a, uint64_t v, unsigned bytes)
{
	uint8_t raw[8];
	unsigned i;

	for (i = 0; i < bytes; i++)
		raw[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
	put(a, raw, bytes);
}

static void
begin_value(struct pg_args *a, Oid type)
{
	MX_ASSERT(a->n < PG_ARGS_MAX);
	a->types[a->n] = type;
	a->at[a->n++] = a->data.len;
}

struct pg_args *
pg_add(struct pg *p, const struct pg_stmt *stmt)
{
	struct pg_args *a;

	if (p->done)
		batch_clear(p);
	MX_ASSERT(p->n < PG_BATCH_MAX);
	a = &p->batch[p->n++];
	a->stmt = stmt;
	a->n = 0;
	return a;
}

void
pg_int4(struct pg_args *a, int32_t v)
{
	begin_value(a, oids[PG_INT4].one);
	put_be(a, (uint32_t)v, 4);
}

void
pg_int8(struct pg_args *a, int64_t v)
{
	begin_value(a, oids[PG_INT8].one);
	put_be(a, (uint64_t)v, 8);
}

void
pg_text(struct pg_args *a, const char *text)
{
	begin_value(a, oids[PG_TEXT].one);
	put(a, text, strlen(text));
}

void
pg_bytes(struct pg_args *a, const void *data, size_t len)
{
	begin_value(a, oids[PG_BYTES].one);
	put(a, data, len);
}

/* One dimension with lower bound 1, without NULLs (array_recv()). */
void
pg_array(struct pg_args *a, enum pg_type type)
{
	begin_value(a, oids[type].array);
	put_be(a, 1, 4);
	put_be(a, 0, 4);
	put_be(a, oids[type].one, 4);
	a->count_at = a->data.len;
	a->count = 0;
	put_be(a, 0, 4);
	put_be(a, 1, 4);
}

static void
one_more(struct pg_args *a)
{
	unsigned i;

	a->count++;
	for (i = 0; i < 4; i++)
		a->data.data[a->count_at + i] = (char)(a->count >> 8 * (3 - i));
}

void
pg_array_int4(struct pg_args *a, int32_t v)
{
	one_more(a);
	put_be(a, 4, 4);
	put_be(a, (uint32_t)v, 4);
}

void
pg_array_int8(struct pg_args *a, int64_t v)
{
	one_more(a);
	put_be(a, 8, 4);
	put_be(a, (uint64_t)v, 8);
}

void
pg_array_bytes(struct pg_args *a, const void *data, size_t len)
{
	one_more(a);
	put_be(a, len, 4);
	put(a, data, len);
}

/* ---- running a batch */

static bool
is_known(const struct pg *p, const struct pg_stmt *s)
{
	unsigned i;

	for (i = 0; i < p->nknown; i++) /* unnamed ones are not kept */
		if (p->known[i] == s)
			return true;
	return false;
}

static bool
send_one(struct pg *p, struct pg_args *a, bool prepare)
{
	const char *values[PG_ARGS_MAX];
	int lens[PG_ARGS_MAX], formats[PG_ARGS_MAX];
	unsigned i;
	size_t end;

	if (prepare &&
	    PQsendPrepare(p->conn, a->stmt->name, a->stmt->sql, (int)a->n,
		a->types) != 1)
		return false;
	for (i = 0; i < a->n; i++) {
		end = i + 1 < a->n ? a->at[i + 1] : a->data.len;
		values[i] = a->data.data != NULL ? a->data.data + a->at[i] : "";
		lens[i] = (int)(end - a->at[i]);
		formats[i] = 1;
	}
	return PQsendQueryPrepared(p->conn, a->stmt->name, (int)a->n, values,
		   lens, formats, 1) == 1;
}

/* The next result, or NULL where libpq separates two statements; false: the
 * deadline has passed, or the connection broke. */
static bool
next_result(struct pg *p, int64_t until, PGresult **out)
{
	int rc;

	for (;;) {
		if ((rc = PQflush(p->conn)) < 0)
			return false;
		if (!PQisBusy(p->conn)) {
			*out = PQgetResult(p->conn);
			return PQstatus(p->conn) == CONNECTION_OK;
		}
		if (!await(p, rc > 0 ? POLLIN | POLLOUT : POLLIN, until) ||
		    PQconsumeInput(p->conn) != 1)
			return false;
	}
}

static const struct {
	const char *sqlstate; /* prefix */
	enum mx_err err;
} classes[] = {
	{ "53", MX_EFULL }, /* insufficient resources */
	{ "22012", MX_EBUSY }, /* division by zero: "not so" */
	{ "22003", MX_EFULL }, /* out of range: "not now" */
	{ "40", MX_ECANCELED }, /* serialization, deadlock */
	{ "55", MX_ECANCELED }, /* not in the state that is needed */
	{ "23", MX_EEXIST }, /* a constraint */
	{ "42", MX_ENOENT }, /* no such table, column */
	{ "3D", MX_ENOENT }, /* no such database */
	{ "3F", MX_ENOENT }, /* no such schema */
	{ "57", MX_ENET }, /* shut down, cancelled */
	{ "08", MX_ENET },
};

static int
result_rc(struct pg *p, const PGresult *r, struct mx_errbuf *eb)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	enum mx_err err = MX_EIO;
	unsigned i;

	for (i = 0; state != NULL && i < MX_COUNT(classes); i++)
		if (strncmp(state, classes[i].sqlstate,
			strlen(classes[i].sqlstate)) == 0) {
			err = classes[i].err;
			break;
		}
	(void)strlcpy(p->state, state != NULL ? state : "", sizeof(p->state));
	return failed(err, PQresultErrorMessage(r), eb);
}

/* The answer to a PREPARE, or (`own`) to the statement itself. */
static int
one_answer(struct pg *p, unsigned i, bool own, int64_t until, int rc,
    struct mx_errbuf *eb)
{
	PGresult *r, *none;
	ExecStatusType st;

	if (!next_result(p, until, &r))
		return -MX_ENET;
	st = PQresultStatus(r);
	if (rc == 0 && st == PGRES_FATAL_ERROR)
		rc = result_rc(p, r, eb);
	if (own) {
		p->results[i] = r;
	} else {
		if (st == PGRES_COMMAND_OK && *p->batch[i].stmt->name != '\0')
			p->known[p->nknown++] = p->batch[i].stmt;
		PQclear(r);
	}
	if (!next_result(p, until, &none) || none != NULL)
		return -MX_ENET;
	return rc;
}

/* The end of the batch, with the commit. */
static int
sync_answer(struct pg *p, int64_t until, int rc, struct mx_errbuf *eb)
{
	PGresult *r;
	ExecStatusType st;

	do {
		if (!next_result(p, until, &r))
			return -MX_ENET;
		st = PQresultStatus(r);
		if (rc == 0 && st == PGRES_FATAL_ERROR)
			rc = result_rc(p, r, eb);
		PQclear(r);
	} while (st != PGRES_PIPELINE_SYNC);
	return rc;
}

/* It is prepared earlier in this batch. */
static bool
is_prepared(const struct pg *p, unsigned i)
{
	for (unsigned k = 0; k < i && *p->batch[i].stmt->name != '\0'; k++)
		if (p->batch[k].stmt == p->batch[i].stmt)
			return true;
	return false;
}

static int
batch_send(struct pg *p, bool *prepare, struct mx_errbuf *eb)
{
	unsigned i, fresh = 0;

	for (i = 0; i < p->n; i++) {
		prepare[i] =
		    !is_known(p, p->batch[i].stmt) && !is_prepared(p, i);
		fresh += prepare[i];
		MX_ASSERT(p->nknown + fresh <= PG_KNOWN_MAX);
		if (!send_one(p, &p->batch[i], prepare[i]))
			return gone(p, NULL, eb);
	}
	if (FAULT("engine.send") != 0)
		return gone(p, "cut before the end of a batch", eb);
	return PQpipelineSync(p->conn) == 1 ? 0 : gone(p, NULL, eb);
}

/* All of the batch was sent, and its answer is lost. */
static int
cut(struct pg *p, int64_t until, struct mx_errbuf *eb)
{
	while (PQflush(p->conn) == 1 && await(p, POLLOUT, until))
		;
	return gone(p, "cut before the answer", eb);
}

int
pg_run(struct pg *p, int64_t until, struct mx_errbuf *eb)
{
	bool prepare[PG_BATCH_MAX];
	unsigned i;
	int rc;

	p->done = true;
	p->state[0] = '\0';
	results_clear(p);
	if (!pg_is_up(p))
		return mx_fail(eb, MX_ENET, "not connected");
	if ((rc = batch_send(p, prepare, eb)) < 0)
		return rc;
	if (FAULT("engine.answer") != 0)
		return cut(p, until, eb);
	for (i = 0; i < p->n && rc != -MX_ENET; i++) {
		if (prepare[i])
			rc = one_answer(p, i, false, until, rc, eb);
		if (rc != -MX_ENET)
			rc = one_answer(p, i, true, until, rc, eb);
	}
	if (rc != -MX_ENET)
		rc = sync_answer(p, until, rc, eb);
	if (rc == -MX_ENET)
		return gone(p,
		    clock_now() >= until ? "timeout while waiting for an "
					   "answer" :
					   NULL,
		    eb);
	return rc;
}

const char *
pg_sqlstate(const struct pg *p)
{
	return p->state;
}

bool
pg_warned(const struct pg *p)
{
	return p->warned;
}

/* ---- the answers */

unsigned
pg_rows(const struct pg *p, unsigned stmt)
{
	return (unsigned)PQntuples(p->results[stmt]);
}

int64_t
pg_get_int8(const struct pg *p, unsigned stmt, unsigned row, unsigned column)
{
	size_t len;
	const uint8_t *v = pg_get(p, stmt, row, column, &len);
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < len && i < 8; i++)
		n = n << 8 | v[i];
	return len == 4 ? (int32_t)(uint32_t)n : (int64_t)n;
}

const void *
pg_get(const struct pg *p, unsigned stmt, unsigned row, unsigned column,
    size_t *len)
{
	const PGresult *r = p->results[stmt];

	*len = (size_t)PQgetlength(r, (int)row, (int)column);
	return PQgetvalue(r, (int)row, (int)column);
}
