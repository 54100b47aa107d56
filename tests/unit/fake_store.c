/* SPDX-License-Identifier: ISC
 * fake_store: see fake_store.h. Records lie in an idmap and in an array by
 * arrival at the store; pending completions are one list in order. */
#include <stdlib.h>
#include <string.h>

#include "base/idmap.h"
#include "base/mem.h"
#include "tests/unit/fake_store.h"

struct fake_state {
	LIST_ENTRY(fake_state) link;
	char *key;
	void *data;
	size_t len;
};

struct fake_op {
	TAILQ_ENTRY(fake_op) link;
	enum fake_kind {
		FAKE_COMMIT,
		FAKE_UPDATE,
		FAKE_REMOVE,
		FAKE_FETCH,
		FAKE_LOAD,
		FAKE_READ,
		FAKE_STATE,
		FAKE_SCAN,
		FAKE_SCAN_DOMAINS,
		FAKE_MOVE,
		FAKE_CALL,
	} kind;
	uint64_t request; /* of reads */
	uint64_t id, token;
	struct envelope **envs; /* commit, update */
	uint64_t *ids; /* fetch */
	struct envelope **seen; /* scan of domains: when it was asked */
	unsigned nseen;
	unsigned n;
	void *arg;
	char *key;
	void *data;
	size_t len;
	store_commit_cb *commit;
	store_done_cb *done;
	store_fetch_cb *fetch;
	store_load_cb *load;
	store_read_cb *read;
	void (*scan_one)(void *, const struct envelope_brief *);
	void (*scan_done)(void *, int, uint64_t);
};

struct store {
	struct idmap records;
	uint64_t *order; /* ids as they came; removed ones stay here */
	size_t norder, size;
	LIST_HEAD(, fake_state) states;
	TAILQ_HEAD(fake_ops, fake_op) ops;
	int fail_commit, fail_update, fail_remove;
	uint64_t last_number, last_request;
	unsigned updates;
	const uint64_t *damaged;
	unsigned ndamaged;
	uint64_t all_damaged;
	/* sharing */
	bool shared, away, lost; /* lost: `holds` is false */
	struct idmap locals; /* what landed here */
	int fail_move, fail_scan;
	unsigned scans, moves, puts;
	bool (*ours)(void *arg, const char *domain, bool now);
	void *ours_arg;
};

struct store_tx {
	struct store *store;
	uint64_t id, len;
};

struct store *
fake_store_create(void)
{
	struct store *st = mem_alloc(sizeof(*st));

	idmap_init(&st->records);
	idmap_init(&st->locals);
	LIST_INIT(&st->states);
	TAILQ_INIT(&st->ops);
	st->last_number = 1000;
	return st;
}

static void
op_free(struct store *st, struct fake_op *op)
{
	TAILQ_REMOVE(&st->ops, op, link);
	for (unsigned i = 0; op->envs != NULL && i < op->n; i++)
		envelope_destroy(&op->envs[i]);
	for (unsigned i = 0; i < op->nseen; i++)
		envelope_destroy(&op->seen[i]);
	free(op->seen);
	free(op->envs);
	free(op->ids);
	free(op->key);
	free(op->data);
	free(op);
}

void
fake_store_restart(struct store *st)
{
	struct fake_op *op;

	while ((op = TAILQ_FIRST(&st->ops)) != NULL)
		op_free(st, op);
}

static void
record_free(uint64_t id, void *value, void *arg)
{
	struct envelope *env = value;

	(void)id;
	(void)arg;
	envelope_destroy(&env);
}

void
fake_store_destroy(struct store *st)
{
	struct fake_state *s;

	fake_store_restart(st);
	while ((s = LIST_FIRST(&st->states)) != NULL) {
		LIST_REMOVE(s, link);
		free(s->key);
		free(s->data);
		free(s);
	}
	idmap_each(&st->records, record_free, NULL);
	idmap_fini(&st->records);
	idmap_fini(&st->locals);
	free(st->order);
	free(st);
}

void
fake_store_fail(struct store *st, int commit, int update, int remove)
{
	st->fail_commit = commit;
	st->fail_update = update;
	st->fail_remove = remove;
}

void
fake_store_damage(struct store *st, const uint64_t *ids, unsigned n,
    uint64_t all)
{
	st->damaged = ids;
	st->ndamaged = n;
	st->all_damaged = all;
}

void
fake_store_put(struct store *st, const struct envelope *env)
{
	struct envelope *old = idmap_take(&st->records, env->id);

	envelope_destroy(&old);
	idmap_put(&st->records, env->id, envelope_copy(env));
	if (st->norder == st->size) {
		st->size = st->size == 0 ? 64 : st->size * 2;
		st->order = mem_grow(st->order, st->size, sizeof(uint64_t));
	}
	st->order[st->norder++] = env->id;
}

const struct envelope *
fake_store_get(struct store *st, uint64_t id)
{
	return idmap_get(&st->records, id);
}

struct each {
	void (*fn)(uint64_t, const struct envelope *, void *);
	void *arg;
};

static void
each_one(uint64_t id, void *value, void *arg)
{
	const struct each *e = arg;

	e->fn(id, value, e->arg);
}

void
fake_store_each(const struct store *st,
    void (*fn)(uint64_t, const struct envelope *, void *), void *arg)
{
	struct each e = { fn, arg };

	idmap_each(&st->records, each_one, &e);
}

void
fake_store_take(struct store *st, uint64_t id)
{
	struct envelope *old = idmap_take(&st->records, id);

	envelope_destroy(&old);
}

size_t
fake_store_count(const struct store *st)
{
	return idmap_len(&st->records);
}

unsigned
fake_store_updates(const struct store *st)
{
	return st->updates;
}

static struct fake_op *
op_add(struct store *st, enum fake_kind kind, void *arg, uint64_t token)
{
	struct fake_op *op = mem_alloc(sizeof(*op));

	op->kind = kind;
	op->arg = arg;
	op->token = token;
	op->request = ++st->last_request;
	TAILQ_INSERT_TAIL(&st->ops, op, link);
	return op;
}

static void
pump_commit(struct store *st, struct fake_op *op)
{
	struct envelope **envs = op->envs;

	for (unsigned i = 0; st->fail_commit == 0 && i < op->n; i++) {
		fake_store_put(st, envs[i]);
		if (st->away)
			fake_store_land(st, envs[i]->id);
	}
	op->envs = NULL; /* the callee destroys each */
	op->commit(op->arg, op->token, st->fail_commit, envs, op->n);
	free(envs);
}

static bool
is_ours(struct store *st, uint64_t id, bool now)
{
	const struct envelope *env = idmap_get(&st->records, id);

	return st->ours == NULL || env == NULL || store_is_local(st, id) ||
	    st->ours(st->ours_arg, env->domain, now);
}

static int
pump_update(struct store *st, struct fake_op *op)
{
	struct envelope *old;

	if (st->fail_update != 0)
		return st->fail_update;
	if (!is_ours(st, op->envs[0]->id, true))
		return -MX_ENOENT;
	old = idmap_take(&st->records, op->envs[0]->id);
	if (old == NULL)
		return -MX_ENOENT;
	envelope_destroy(&old);
	idmap_put(&st->records, op->envs[0]->id, op->envs[0]);
	op->envs[0] = NULL;
	st->updates++;
	return 0;
}

static int
pump_remove(struct store *st, struct fake_op *op)
{
	struct envelope *old;

	if (st->fail_remove != 0)
		return st->fail_remove;
	if (!is_ours(st, op->id, true))
		return -MX_ENOENT;
	old = idmap_take(&st->records, op->id);
	if (old == NULL)
		return -MX_ENOENT;
	envelope_destroy(&old);
	(void)idmap_take(&st->locals, op->id);
	return 0;
}

static int
pump_move(struct store *st, const struct fake_op *op)
{
	if (st->fail_move != 0)
		return st->fail_move;
	MX_ASSERT(idmap_take(&st->locals, op->id) != NULL);
	st->moves++;
	return 0;
}

static void
pump_scan_domains(struct store *st, struct fake_op *op)
{
	struct envelope_brief brief;

	for (unsigned i = 0; st->fail_scan == 0 && i < op->nseen; i++) {
		envelope_brief(op->seen[i], &brief);
		op->scan_one(op->arg, &brief);
	}
	op->scan_done(op->arg, st->fail_scan, 0);
}

static struct envelope *
record_copy(struct store *st, uint64_t id)
{
	const struct envelope *env = idmap_get(&st->records, id);

	return env != NULL ? envelope_copy(env) : NULL;
}

static void
pump_fetch(struct store *st, struct fake_op *op)
{
	struct envelope **envs = mem_array(op->n, sizeof(*envs));

	for (unsigned i = 0; i < op->n; i++)
		envs[i] = record_copy(st, op->ids[i]);
	op->fetch(op->arg, envs, op->n);
	free(envs);
}

static void
pump_load(struct store *st, struct fake_op *op)
{
	struct store_loaded l = { 0 };

	l.env = record_copy(st, op->id);
	l.rc = l.env != NULL ? 0 : -MX_ENOENT;
	if (l.env != NULL)
		l.data = mem_strdup("");
	op->load(op->arg, &l);
}

/* Bodies are not kept: what is read is as long as it should be. */
static void
pump_read(struct fake_op *op)
{
	char *data = mem_array(op->len + 1, 1);

	memset(data, 'x', op->len);
	op->read(op->arg, 0, data, op->len);
}

/* They ascend, as in a database. */
static void
state_insert(struct store *st, struct fake_state *s)
{
	struct fake_state *at, *before = NULL;

	LIST_FOREACH (at, &st->states, link) {
		if (strcmp(at->key, s->key) > 0)
			break;
		before = at;
	}
	if (before == NULL)
		LIST_INSERT_HEAD(&st->states, s, link);
	else
		LIST_INSERT_AFTER(before, s, link);
}

static void
pump_state(struct store *st, struct fake_op *op)
{
	struct fake_state *s;

	LIST_FOREACH (s, &st->states, link)
		if (strcmp(s->key, op->key) == 0)
			break;
	if (s != NULL) {
		LIST_REMOVE(s, link);
		free(s->key);
		free(s->data);
		free(s);
	}
	if (op->len == 0)
		return;
	s = mem_alloc(sizeof(*s));
	s->key = mem_strdup(op->key);
	s->data = mem_dup(op->data, op->len);
	s->len = op->len;
	state_insert(st, s);
}

static void
pump_scan(struct store *st, struct fake_op *op)
{
	struct envelope_brief brief;
	struct envelope *env;

	for (size_t i = 0; i < st->norder; i++) {
		if ((env = idmap_get(&st->records, st->order[i])) == NULL)
			continue;
		if (st->shared && !store_is_local(st, env->id))
			continue;
		envelope_brief(env, &brief);
		op->scan_one(op->arg, &brief);
	}
	op->scan_done(op->arg, 0, st->all_damaged);
}

static void
op_run(struct store *st, struct fake_op *op)
{
	int rc = 0;

	switch (op->kind) {
	case FAKE_COMMIT:
		pump_commit(st, op);
		return;
	case FAKE_FETCH:
		pump_fetch(st, op);
		return;
	case FAKE_LOAD:
		pump_load(st, op);
		return;
	case FAKE_READ:
		pump_read(op);
		return;
	case FAKE_SCAN:
		pump_scan(st, op);
		return;
	case FAKE_SCAN_DOMAINS:
		pump_scan_domains(st, op);
		return;
	case FAKE_MOVE:
		rc = pump_move(st, op);
		break;
	case FAKE_UPDATE:
		rc = pump_update(st, op);
		break;
	case FAKE_REMOVE:
		rc = pump_remove(st, op);
		break;
	case FAKE_STATE:
		pump_state(st, op);
		break;
	case FAKE_CALL:
		break;
	}
	if (op->done != NULL)
		op->done(op->arg, op->token, rc);
}

/* What the completions hand in waits for the next call. */
unsigned
fake_store_pump(struct store *st)
{
	struct fake_op *op, *last = TAILQ_LAST(&st->ops, fake_ops);
	unsigned n = 0;

	while ((op = TAILQ_FIRST(&st->ops)) != NULL) {
		bool end = op == last;

		/* Off the list first: a completion may cancel others. */
		TAILQ_REMOVE(&st->ops, op, link);
		op_run(st, op);
		TAILQ_INSERT_HEAD(&st->ops, op, link);
		op_free(st, op);
		n++;
		if (end)
			break;
	}
	return n;
}

struct store_tx *
store_tx_begin(struct store *st)
{
	struct store_tx *tx = mem_alloc(sizeof(*tx));

	tx->store = st;
	tx->id = ++st->last_number << 8;
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
	(void)data;
	tx->len += len;
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
	struct fake_op *op = op_add(tx->store, FAKE_COMMIT, arg, token);

	op->envs = mem_array(n, sizeof(*op->envs));
	op->n = n;
	op->commit = cb;
	for (unsigned i = 0; i < n; i++) {
		op->envs[i] = parts[i];
		parts[i]->id = tx->id | i;
		parts[i]->body.len = tx->len;
	}
	mem_free(txp);
}

void
store_info(const struct store *s, struct store_info *info)
{
	(void)s;
	*info = (struct store_info){ .state = STORE_OK };
}

unsigned
store_pressure(const struct store *s MX_UNUSED)
{
	return 0;
}

int
store_accepting(const struct store *st, uint64_t size)
{
	(void)size;
	return st->fail_commit;
}

void
store_update(struct store *st, const struct envelope *env, store_done_cb *done,
    void *arg, uint64_t token)
{
	struct fake_op *op = op_add(st, FAKE_UPDATE, arg, token);

	MX_ASSERT(is_ours(st, env->id, false));
	op->envs = mem_array(1, sizeof(*op->envs));
	op->envs[0] = envelope_copy(env);
	op->n = 1;
	op->done = done;
}

void
store_remove(struct store *st, uint64_t id, store_done_cb *done, void *arg,
    uint64_t token)
{
	struct fake_op *op = op_add(st, FAKE_REMOVE, arg, token);

	MX_ASSERT(is_ours(st, id, false));
	op->id = id;
	op->done = done;
}

uint64_t
store_load(struct store *st, uint64_t id, size_t body_max, store_load_cb *load,
    void *arg)
{
	struct fake_op *op = op_add(st, FAKE_LOAD, arg, 0);

	(void)body_max;
	op->id = id;
	op->load = load;
	return op->request;
}

uint64_t
store_fetch(struct store *st, const uint64_t *ids, unsigned n,
    store_fetch_cb *fetch, void *arg)
{
	struct fake_op *op = op_add(st, FAKE_FETCH, arg, 0);

	MX_ASSERT(n > 0 && n <= 1000);
	op->ids = mem_dup(ids, n * sizeof(*ids));
	op->n = n;
	op->fetch = fetch;
	return op->request;
}

uint64_t
store_read(struct store *st, const struct body_ref *body, uint64_t offset,
    size_t len, store_read_cb *read, void *arg)
{
	struct fake_op *op = op_add(st, FAKE_READ, arg, 0);

	MX_ASSERT(len > 0 && offset + len <= body->len);
	op->len = len;
	op->read = read;
	return op->request;
}

void
store_cancel(struct store *st, uint64_t request)
{
	struct fake_op *op;

	TAILQ_FOREACH (op, &st->ops, link)
		if (op->request == request)
			break;
	if (op != NULL)
		op_free(st, op);
}

void
store_scan(struct store *st, void (*one)(void *, const struct envelope_brief *),
    void (*done)(void *, int, uint64_t), void *arg)
{
	struct fake_op *op = op_add(st, FAKE_SCAN, arg, 0);

	op->scan_one = one;
	op->scan_done = done;
}

const uint64_t *
store_damaged(const struct store *st, unsigned *n)
{
	*n = st->ndamaged;
	return st->damaged;
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
	struct fake_op *op = op_add(st, FAKE_STATE, arg, token);

	st->puts++;
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
	struct fake_state *s;

	LIST_FOREACH (s, &st->states, link) {
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
	struct fake_state *s;

	LIST_FOREACH (s, &st->states, link)
		if (strncmp(s->key, prefix, strlen(prefix)) == 0)
			one(arg, s->key, s->data, s->len);
}

/* ---- sharing */

void
fake_store_call(struct store *st, store_done_cb *fn, void *arg, uint64_t token)
{
	op_add(st, FAKE_CALL, arg, token)->done = fn;
}

void
fake_store_share(struct store *st, bool (*ours)(void *, const char *, bool),
    void *arg)
{
	st->shared = true;
	st->ours = ours;
	st->ours_arg = arg;
}

void
fake_store_away(struct store *st, bool away)
{
	st->away = away;
}

void
fake_store_land(struct store *st, uint64_t id)
{
	idmap_put(&st->locals, id, st);
}

void
fake_store_lose(struct store *st, bool lost)
{
	st->lost = lost;
}

void
fake_store_fail_sharing(struct store *st, int move, int scan)
{
	st->fail_move = move;
	st->fail_scan = scan;
}

void
fake_store_sharing(const struct store *st, struct fake_sharing *out)
{
	*out = (struct fake_sharing){ st->scans, st->moves, st->puts,
		idmap_len(&st->locals) };
}

const void *
fake_store_state(const struct store *st, const char *key, size_t *len)
{
	const struct fake_state *s;

	LIST_FOREACH (s, &st->states, link)
		if (strcmp(s->key, key) == 0) {
			*len = s->len;
			return s->data;
		}
	*len = 0;
	return NULL;
}

unsigned
store_node(const struct store *st)
{
	return st->shared;
}

bool
store_is_local(const struct store *st, uint64_t id)
{
	return idmap_get(&st->locals, id) != NULL;
}

bool
store_holds(const struct store *st, uint64_t id)
{
	return !st->lost || store_is_local(st, id);
}

void
store_move(struct store *st, uint64_t id, store_done_cb *done, void *arg,
    uint64_t token)
{
	struct fake_op *op = op_add(st, FAKE_MOVE, arg, token);

	op->id = id;
	op->done = done;
}

static bool
is_one_of(const char *name, const char *const *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* What is told later is as it was when it was asked for: by another thread. */
void
store_scan_domains(struct store *st, const char *const *domains, unsigned n,
    void (*one)(void *, const struct envelope_brief *),
    void (*done)(void *, int, uint64_t), void *arg)
{
	struct fake_op *op = op_add(st, FAKE_SCAN_DOMAINS, arg, 0);
	const struct envelope *env;

	st->scans++;
	op->scan_one = one;
	op->scan_done = done;
	op->seen = mem_array(st->norder + 1, sizeof(*op->seen));
	for (size_t i = 0; i < st->norder; i++) {
		env = idmap_get(&st->records, st->order[i]);
		if (env != NULL && !store_is_local(st, env->id) &&
		    is_one_of(env->domain, domains, n))
			op->seen[op->nseen++] = envelope_copy(env);
	}
}
