/* SPDX-License-Identifier: ISC
 * tx: one message being received, on the loop. A small body is kept in memory
 * until its commit; one that grows above STORE_SMALL_MAX is sent to the writer
 * in chunks from then on, with at most STORE_WAITING_MAX of it under way: above
 * that the session is told to stop reading. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay/store/store_int.h"

#define TX_FIRST 8000 /* of a body: two pages with the overhead of malloc */

struct store_tx {
	TAILQ_ENTRY(store_tx) link; /* in s->crowd, if `crowded` */
	struct store *s;
	bool crowded;
	uint64_t id;
	struct buf body; /* small: all of it; large: the chunk being filled */
	uint64_t waiting; /* bytes sent to the writer and not yet written */
	bool large;
	int rc; /* latched */
	void (*space)(void *arg);
	void *arg;
};

struct store_tx *
store_tx_begin(struct store *s)
{
	struct store_tx *tx = mem_alloc(sizeof(*tx));

	tx->s = s;
	tx->id = store_next_id(s);
	buf_init(&tx->body, STORE_SMALL_MAX);
	return tx;
}

uint64_t
store_tx_id(const struct store_tx *tx)
{
	return tx->id;
}

static void
tx_send_chunk(struct store_tx *tx)
{
	struct store_req *r;

	if (tx->body.len == 0)
		return;
	r = mem_alloc(sizeof(*r));
	r->mail.kind = STORE_CHUNK_WRITE;
	r->id = tx->id;
	r->len = tx->body.len;
	r->data = buf_take(&tx->body);
	tx->waiting += r->len;
	if (!tx->large) /* the writer has answers for it from now on */
		idmap_put(&tx->s->txs, tx->id, tx);
	tx->large = true;
	store_post(tx->s, r);
}

/* Allocates enough for most bodies, or for a chunk, at once: a doubling buffer
 * copies its content each time. */
static int
tx_add(struct store_tx *tx, const void *data, size_t len)
{
	int rc = 0;

	if (tx->body.size == 0)
		rc = buf_reserve(&tx->body, tx->large ? STORE_CHUNK : TX_FIRST);
	return rc < 0 ? rc : buf_add(&tx->body, data, len);
}

int
store_tx_append(struct store_tx *tx, const void *data, size_t len)
{
	const char *p = data;
	size_t n, cap;

	if (tx->rc == 0 && tx->s->info.state == STORE_FAILED)
		tx->rc = -MX_EIO;
	while (tx->rc == 0 && len > 0) {
		cap = tx->large ? STORE_CHUNK : STORE_SMALL_MAX;
		n = cap - tx->body.len;
		n = len < n ? len : n;
		tx->rc = tx_add(tx, p, n);
		p += n;
		len -= n;
		/* a small body may just fit: wait for one more byte */
		if (tx->body.len < cap || (!tx->large && len == 0))
			continue;
		if (tx->s->info.state == STORE_FULL)
			tx->rc = -MX_EFULL; /* large ones would fill the rest */
		else
			tx_send_chunk(tx);
	}
	return tx->rc;
}

bool
store_tx_congested(struct store_tx *tx, void (*space)(void *arg), void *arg)
{
	if (tx->rc < 0)
		return false;
	if (tx->s->waiting >= tx->s->waiting_max) {
		if (!tx->crowded)
			TAILQ_INSERT_TAIL(&tx->s->crowd, tx, link);
		tx->crowded = true;
	} else if (tx->waiting <= STORE_WAITING_MAX) {
		return false;
	}
	tx->space = space;
	tx->arg = arg;
	return true;
}

static void
tx_leave_crowd(struct store_tx *tx)
{
	if (tx->crowded)
		TAILQ_REMOVE(&tx->s->crowd, tx, link);
	tx->crowded = false;
}

/* Tells a waiting session to go on. */
static void
tx_wake(struct store_tx *tx)
{
	void (*space)(void *arg) = tx->space;

	if (space == NULL || tx->crowded ||
	    (tx->rc == 0 && tx->waiting > STORE_WAITING_GOOD))
		return;
	tx->space = NULL;
	space(tx->arg);
}

/* The longest waiting sessions go on first, as long as there is room. */
void
store_tx_crowd(struct store *s)
{
	struct store_tx *tx;

	while (s->waiting < s->waiting_max &&
	    (tx = TAILQ_FIRST(&s->crowd)) != NULL) {
		tx_leave_crowd(tx);
		tx_wake(tx);
	}
}

void
store_tx_wrote(struct store *s, struct store_req *r)
{
	struct store_tx *tx = idmap_get(&s->txs, r->id);

	if (tx == NULL)
		return; /* committed or aborted meanwhile */
	tx->waiting -= r->len;
	if (tx->rc == 0)
		tx->rc = r->rc;
	if (tx->rc < 0)
		tx_leave_crowd(tx);
	tx_wake(tx);
}

static void
tx_destroy(struct store_tx **txp)
{
	tx_leave_crowd(*txp);
	if ((*txp)->large)
		(void)idmap_take(&(*txp)->s->txs, (*txp)->id);
	buf_fini(&(*txp)->body);
	mem_free(txp);
}

void
store_tx_abort(struct store_tx **txp)
{
	struct store_tx *tx = *txp;
	struct store_req *r;

	if (tx == NULL)
		return;
	if (tx->large) {
		r = mem_alloc(sizeof(*r));
		r->mail.kind = STORE_DISCARD;
		r->quiet = true;
		r->id = tx->id;
		store_post(tx->s, r);
	}
	tx_destroy(txp);
}

void
store_tx_commit(struct store_tx **txp, struct envelope **parts, unsigned n,
    store_commit_cb *cb, void *arg, uint64_t token)
{
	struct store_tx *tx = *txp;
	struct store_req *r = mem_alloc(sizeof(*r));
	unsigned i;

	MX_ASSERT(n > 0 && n <= ENVELOPE_PART_MAX);
	r->mail.kind = STORE_COMMIT;
	r->id = tx->id;
	r->rc = tx->rc;
	r->token = token;
	r->cb.commit = cb;
	r->arg = arg;
	r->parts = mem_dup(parts, n * sizeof(struct envelope *));
	r->nparts = n;
	for (i = 0; i < n; i++) {
		r->parts[i]->id = tx->id | i;
		r->parts[i]->body = (struct body_ref){ 0 };
	}
	r->theirs = sharing_theirs(tx->s, parts, n);
	r->large = tx->large;
	if (tx->large)
		tx_send_chunk(tx);
	else {
		r->len = tx->body.len;
		r->data = buf_take(&tx->body);
	}
	store_submit(tx->s, r);
	tx_destroy(txp);
}
