/* SPDX-License-Identifier: ISC
 * sim_store: see sim_store.h. Operations stand in one line with the time at
 * which each is done; one timer serves its head. */
#include "tests/sim/sim_store.h"

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/idmap.h"
#include "base/mem.h"

struct state {
	LIST_ENTRY(state) link;
	char *key;
	void *data;
	size_t len;
};

struct op {
	TAILQ_ENTRY(op) link;
	enum {
		OP_COMMIT,
		OP_UPDATE,
		OP_REMOVE,
		OP_FETCH,
		OP_LOAD,
		OP_READ,
		OP_STATE,
		OP_SCAN
	} kind;
	int64_t at; /* ns */
	uint64_t request; /* of reads */
	uint64_t id, token;
	struct envelope **envs; /* commit, update */
	uint64_t *ids; /* fetch */
	unsigned n;
	void *arg;
	char *key;
	void *data;
	size_t len;
	uint64_t offset;
	store_commit_cb *commit;
	store_done_cb *done;
	store_fetch_cb *fetch;
	store_load_cb *load;
	store_read_cb *read;
	void (*scan_one)(void *, const struct envelope_brief *);
	void (*scan_done)(void *, int, uint64_t);
};

struct store {
	struct loop *loop;
	struct loop_timer *timer;
	TAILQ_HEAD(, op) ops;
	uint64_t last_request;
};

struct store_tx {
	struct store *store;
	uint64_t id;
};

/* The disk. */
static struct idmap records;
static LIST_HEAD(, state) states = LIST_HEAD_INITIALIZER(states);
static uint64_t last_number;
static struct sim_store_hooks hooks;
static int64_t delay_ms;
static bool crashing;

static void
record_free(uint64_t id, void *value, void *arg)
{
	struct envelope *env = value;

	(void)id;
	(void)arg;
	envelope_destroy(&env);
}

static void
state_free(struct state *s)
{
	LIST_REMOVE(s, link);
	free(s->key);
	free(s->data);
	free(s);
}

void
sim_store_format(const struct sim_store_hooks *h, int64_t ms)
{
	struct state *s;

	idmap_each(&records, record_free, NULL);
	idmap_fini(&records);
	idmap_init(&records);
	while ((s = LIST_FIRST(&states)) != NULL)
		state_free(s);
	last_number = 1000;
	hooks = *h;
	delay_ms = ms;
	crashing = false;
}

size_t
sim_store_count(void)
{
	return idmap_len(&records);
}

void
sim_store_crash(void)
{
	crashing = true;
}

void
sim_store_each(void (*fn)(uint64_t, void *, void *), void *arg)
{
	idmap_each(&records, fn, arg);
}

static void
op_free(struct op *op)
{
	for (unsigned i = 0; op->envs != NULL && i < op->n; i++)
		envelope_destroy(&op->envs[i]);
	free(op->envs);
	free(op->ids);
	free(op->key);
	free(op->data);
	free(op);
}

/* ---- bodies: some lines, of which only their number is kept */

static const char line[] = "What it says.\r\n";
#define LINE (sizeof(line) - 1)

static struct body_ref
body_of(uint64_t id)
{
	uint64_t lines = 1 + (id * UINT64_C(0x9e3779b97f4a7c15) >> 58);

	return (struct body_ref){ .segment = 1, .len = lines * LINE };
}

static char *
body_piece(uint64_t offset, size_t len)
{
	char *data = mem_alloc(len + 1);

	for (size_t i = 0; i < len; i++)
		data[i] = line[(offset + i) % LINE];
	return data;
}

/* ---- what is done when its time has come */

static void
do_commit(struct op *op)
{
	struct envelope **envs = op->envs;

	for (unsigned i = 0; i < op->n; i++) {
		envs[i]->body = body_of(envs[0]->id);
		idmap_put(&records, envs[i]->id, envelope_copy(envs[i]));
		hooks.committed(envs[i]);
	}
	op->envs = NULL; /* the callee destroys each */
	op->commit(op->arg, op->token, 0, envs, op->n);
	free(envs);
}

static int
do_update(struct op *op)
{
	struct envelope *old = idmap_take(&records, op->envs[0]->id);

	if (old == NULL)
		return -MX_ENOENT;
	hooks.updated(old, op->envs[0]);
	envelope_destroy(&old);
	idmap_put(&records, op->envs[0]->id, op->envs[0]);
	op->envs[0] = NULL;
	return 0;
}

static int
do_remove(struct op *op)
{
	struct envelope *old = idmap_take(&records, op->id);

	if (old == NULL)
		return -MX_ENOENT;
	hooks.removed(old);
	envelope_destroy(&old);
	return 0;
}

static struct envelope *
record_copy(uint64_t id)
{
	const struct envelope *env = idmap_get(&records, id);

	return env != NULL ? envelope_copy(env) : NULL;
}

static void
do_fetch(struct op *op)
{
	struct envelope **envs = mem_array(op->n, sizeof(*envs));

	for (unsigned i = 0; i < op->n; i++)
		envs[i] = record_copy(op->ids[i]);
	op->fetch(op->arg, envs, op->n);
	free(envs);
}

static void
do_load(struct op *op)
{
	struct store_loaded l = { 0 };

	l.env = record_copy(op->id);
	l.rc = l.env != NULL ? 0 : -MX_ENOENT;
	if (l.env != NULL && l.env->body.len <= op->len) {
		l.len = (size_t)l.env->body.len;
		l.data = body_piece(0, l.len);
	}
	op->load(op->arg, &l);
}

/* They ascend, as in a database. */
static void
state_insert(struct state *s)
{
	struct state *at, *before = NULL;

	LIST_FOREACH (at, &states, link) {
		if (strcmp(at->key, s->key) > 0)
			break;
		before = at;
	}
	if (before == NULL)
		LIST_INSERT_HEAD(&states, s, link);
	else
		LIST_INSERT_AFTER(before, s, link);
}

static void
do_state(struct op *op)
{
	struct state *s;

	LIST_FOREACH (s, &states, link)
		if (strcmp(s->key, op->key) == 0)
			break;
	if (s != NULL)
		state_free(s);
	if (op->len == 0)
		return;
	s = mem_alloc(sizeof(*s));
	s->key = mem_strdup(op->key);
	s->data = mem_dup(op->data, op->len);
	s->len = op->len;
	state_insert(s);
}

static void
collect(uint64_t id, void *env, void *arg)
{
	uint64_t **end = arg;

	(void)env;
	*(*end)++ = id;
}

static int
id_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
do_scan(struct op *op)
{
	size_t n = idmap_len(&records);
	uint64_t *ids = mem_array(n + 1, sizeof(*ids)), *end = ids;
	struct envelope_brief brief;

	idmap_each(&records, collect, &end);
	qsort(ids, n, sizeof(*ids), id_cmp);
	for (size_t i = 0; i < n; i++) {
		envelope_brief(idmap_get(&records, ids[i]), &brief);
		op->scan_one(op->arg, &brief);
	}
	free(ids);
	op->scan_done(op->arg, 0, 0);
}

static void
op_run(struct op *op)
{
	int rc = 0;

	switch (op->kind) {
	case OP_COMMIT:
		do_commit(op);
		return;
	case OP_FETCH:
		do_fetch(op);
		return;
	case OP_LOAD:
		do_load(op);
		return;
	case OP_READ:
		op->read(op->arg, 0, body_piece(op->offset, op->len), op->len);
		return;
	case OP_SCAN:
		do_scan(op);
		return;
	case OP_UPDATE:
		rc = do_update(op);
		break;
	case OP_REMOVE:
		rc = do_remove(op);
		break;
	case OP_STATE:
		do_state(op);
		break;
	}
	if (op->done != NULL)
		op->done(op->arg, op->token, rc);
}

static void
arm(struct store *st)
{
	const struct op *op = TAILQ_FIRST(&st->ops);

	if (op != NULL)
		loop_timer_set(st->timer,
		    (op->at - loop_now(st->loop) + CLOCK_MS - 1) / CLOCK_MS);
}

static void
on_timer(void *arg)
{
	struct store *st = arg;
	struct op *op;

	while ((op = TAILQ_FIRST(&st->ops)) != NULL &&
	    op->at <= loop_now(st->loop)) {
		TAILQ_REMOVE(&st->ops, op, link);
		op_run(op);
		op_free(op);
	}
	arm(st);
}

static struct op *
op_add(struct store *st, int kind, void *arg, uint64_t token)
{
	struct op *op = mem_alloc(sizeof(*op));
	bool first = TAILQ_EMPTY(&st->ops);

	op->kind = kind;
	op->arg = arg;
	op->token = token;
	op->request = ++st->last_request;
	op->at = loop_now(st->loop) + delay_ms * CLOCK_MS;
	TAILQ_INSERT_TAIL(&st->ops, op, link);
	if (first)
		arm(st);
	return op;
}

/* ---- store.h */

int
store_open(struct store **out, struct loop *loop, const struct store_conf *conf,
    const struct store_events *ev, struct mx_errbuf *eb)
{
	struct store *st = mem_alloc(sizeof(*st));

	(void)conf;
	(void)ev;
	(void)eb;
	st->loop = loop;
	st->timer = loop_timer_create(loop, on_timer, st);
	TAILQ_INIT(&st->ops);
	crashing = false;
	*out = st;
	return 0;
}

void
store_close(struct store **stp)
{
	struct store *st = *stp;
	struct op *op;

	if (st == NULL)
		return;
	while ((op = TAILQ_FIRST(&st->ops)) != NULL) {
		TAILQ_REMOVE(&st->ops, op, link);
		if (!crashing)
			op_run(op);
		else if (op->kind == OP_COMMIT || op->done != NULL) {
			/* Its owner frees what it has in hand. */
			if (op->kind == OP_COMMIT) {
				op->commit(op->arg, op->token, -MX_EIO,
				    op->envs, op->n);
				free(op->envs);
				op->envs = NULL;
			} else {
				op->done(op->arg, op->token, -MX_EIO);
			}
		}
		op_free(op);
	}
	loop_timer_destroy(&st->timer);
	mem_free(stp);
}

struct store_tx *
store_tx_begin(struct store *st)
{
	struct store_tx *tx = mem_alloc(sizeof(*tx));

	tx->store = st;
	tx->id = ++last_number << 8;
	return tx;
}

uint64_t
store_tx_id(const struct store_tx *tx)
{
	return tx->id;
}

int
store_tx_append(struct store_tx *tx, const void *data, size_t len)
{
	(void)tx;
	(void)data;
	(void)len;
	return 0;
}

bool
store_tx_congested(struct store_tx *tx, void (*space)(void *), void *arg)
{
	(void)tx;
	(void)space;
	(void)arg;
	return false;
}

void
store_tx_abort(struct store_tx **txp)
{
	if (*txp != NULL)
		mem_free(txp);
}

void
store_tx_commit(struct store_tx **txp, struct envelope **parts, unsigned n,
    store_commit_cb *cb, void *arg, uint64_t token)
{
	struct store_tx *tx = *txp;
	struct op *op = op_add(tx->store, OP_COMMIT, arg, token);

	op->envs = mem_array(n, sizeof(*op->envs));
	op->n = n;
	op->commit = cb;
	for (unsigned i = 0; i < n; i++) {
		op->envs[i] = parts[i];
		parts[i]->id = tx->id | i;
	}
	mem_free(txp);
}

void
store_update(struct store *st, const struct envelope *env, store_done_cb *done,
    void *arg, uint64_t token)
{
	struct op *op = op_add(st, OP_UPDATE, arg, token);

	op->envs = mem_array(1, sizeof(*op->envs));
	op->envs[0] = envelope_copy(env);
	op->n = 1;
	op->done = done;
}

void
store_remove(struct store *st, uint64_t id, store_done_cb *done, void *arg,
    uint64_t token)
{
	struct op *op = op_add(st, OP_REMOVE, arg, token);

	op->id = id;
	op->done = done;
}

uint64_t
store_load(struct store *st, uint64_t id, size_t body_max, store_load_cb *load,
    void *arg)
{
	struct op *op = op_add(st, OP_LOAD, arg, 0);

	op->id = id;
	op->len = body_max;
	op->load = load;
	return op->request;
}

uint64_t
store_read(struct store *st, const struct body_ref *body, uint64_t offset,
    size_t len, store_read_cb *read, void *arg)
{
	struct op *op = op_add(st, OP_READ, arg, 0);

	(void)body;
	op->offset = offset;
	op->len = len;
	op->read = read;
	return op->request;
}

uint64_t
store_fetch(struct store *st, const uint64_t *ids, unsigned n,
    store_fetch_cb *fetch, void *arg)
{
	struct op *op = op_add(st, OP_FETCH, arg, 0);

	MX_ASSERT(n > 0 && n <= 1000);
	op->ids = mem_dup(ids, n * sizeof(*ids));
	op->n = n;
	op->fetch = fetch;
	return op->request;
}

void
store_cancel(struct store *st, uint64_t request)
{
	struct op *op;

	TAILQ_FOREACH (op, &st->ops, link)
		if (op->request == request)
			break;
	if (op == NULL)
		return;
	TAILQ_REMOVE(&st->ops, op, link);
	op_free(op);
}

uint32_t
store_crc(uint32_t crc, const void *data, size_t len)
{
	(void)data;
	(void)len;
	return crc;
}

void
store_scan(struct store *st, void (*one)(void *, const struct envelope_brief *),
    void (*done)(void *, int, uint64_t), void *arg)
{
	struct op *op = op_add(st, OP_SCAN, arg, 0);

	op->scan_one = one;
	op->scan_done = done;
}

const uint64_t *
store_damaged(const struct store *st, unsigned *n)
{
	(void)st;
	*n = 0; /* nothing is damaged here */
	return NULL;
}

int64_t
store_id_ms(uint64_t id)
{
	return (int64_t)(id >> 8);
}

void
store_state_put(struct store *st, const char *key, const void *data, size_t len,
    store_done_cb *done, void *arg, uint64_t token)
{
	struct op *op = op_add(st, OP_STATE, arg, token);

	op->key = mem_strdup(key);
	op->data = len > 0 ? mem_dup(data, len) : NULL;
	op->len = len;
	op->done = done;
}

bool
store_state_some(struct store *st, const char *prefix, const char *after,
    unsigned max, void (*one)(void *, const char *, const void *, size_t),
    void *arg)
{
	struct state *s;

	(void)st;
	LIST_FOREACH (s, &states, link) {
		if (strncmp(s->key, prefix, strlen(prefix)) != 0 ||
		    strcmp(s->key, after) <= 0)
			continue;
		if (max-- == 0)
			return true;
		one(arg, s->key, s->data, s->len);
	}
	return false;
}

void
store_state_each(struct store *st, const char *prefix,
    void (*one)(void *, const char *, const void *, size_t), void *arg)
{
	struct state *s;

	(void)st;
	LIST_FOREACH (s, &states, link)
		if (strncmp(s->key, prefix, strlen(prefix)) == 0)
			one(arg, s->key, s->data, s->len);
}

/* It is nobody else's. */
unsigned
store_node(const struct store *st MX_UNUSED)
{
	return 0;
}

bool
store_holds(const struct store *st MX_UNUSED, uint64_t id MX_UNUSED)
{
	return true;
}

bool
store_is_local(const struct store *st MX_UNUSED, uint64_t id MX_UNUSED)
{
	return false;
}

void
store_move(struct store *st MX_UNUSED, uint64_t id MX_UNUSED,
    store_done_cb *done MX_UNUSED, void *arg MX_UNUSED,
    uint64_t token MX_UNUSED)
{
	abort(); /* never shared */
}

void
store_scan_domains(struct store *st MX_UNUSED,
    const char *const *domains MX_UNUSED, unsigned n MX_UNUSED,
    void (*one)(void *, const struct envelope_brief *) MX_UNUSED,
    void (*done)(void *, int, uint64_t) MX_UNUSED, void *arg MX_UNUSED)
{
	abort(); /* never shared */
}

void
store_info(const struct store *st, struct store_info *info)
{
	(void)st;
	*info = (struct store_info){ .state = STORE_OK,
		.size_bytes = UINT64_C(1) << 40,
		.free_bytes = UINT64_C(1) << 39,
		.free_inodes = 1000000 };
}

unsigned
store_pressure(const struct store *s MX_UNUSED)
{
	return 0;
}

int
store_accepting(const struct store *st, uint64_t size)
{
	(void)st;
	(void)size;
	return 0;
}

void
store_reconfigure(struct store *st, const struct store_conf *conf)
{
	(void)st;
	(void)conf;
}

/* ---- never shared here: there is one node */

void
store_owners(struct store *st MX_UNUSED,
    void (*one)(void *arg, const char *domain, unsigned node) MX_UNUSED,
    void *arg MX_UNUSED)
{
}

void
store_give(struct store *st MX_UNUSED, const char *const *domains MX_UNUSED,
    unsigned n MX_UNUSED, unsigned node MX_UNUSED, store_own_cb *cb MX_UNUSED,
    void *arg MX_UNUSED)
{
	abort();
}

void
store_take(struct store *st MX_UNUSED, const char *const *domains MX_UNUSED,
    unsigned n MX_UNUSED, store_own_cb *cb MX_UNUSED, void *arg MX_UNUSED)
{
	abort();
}

void
store_fence(struct store *st MX_UNUSED, const struct store_node *n MX_UNUSED,
    store_done_cb *cb MX_UNUSED, void *arg MX_UNUSED, uint64_t token MX_UNUSED)
{
	abort();
}

void
store_join(struct store *st MX_UNUSED, store_done_cb *cb MX_UNUSED,
    void *arg MX_UNUSED, uint64_t token MX_UNUSED)
{
	abort();
}
