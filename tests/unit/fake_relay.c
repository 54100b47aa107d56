/* SPDX-License-Identifier: ISC
 * fake_relay: see fake_relay.h. */
#include "tests/unit/fake_relay.h"

#include <string.h>

#include "base/mem.h"

struct fake_relay fake;

struct queue_intake {
	uint64_t id;
	struct buf body;
	void (*space)(void *arg);
	void *arg;
};

struct fake_commit {
	struct fake_commit *next;
	uint64_t id, token;
	queue_commit_cb *done;
	void *arg;
};

static void
complete(void *arg MX_UNUSED)
{
	struct fake_commit *c;

	while ((c = fake.commits) != NULL) {
		fake.commits = c->next;
		c->done(c->arg, c->token, fake.commit_rc, c->id);
		mem_free(&c);
	}
}

void
fake_relay_init(struct loop *loop)
{
	memset(&fake, 0, sizeof(fake));
	fake.loop = loop;
	fake.timer = loop_timer_create(loop, complete, NULL);
	fake.last_id = UINT64_C(0x6a1f03c2b400);
}

void
fake_relay_forget(void)
{
	unsigned i, j;

	for (i = 0; i < fake.nmessages; i++) {
		struct fake_message *m = &fake.message[i];

		buf_fini(&m->body);
		for (j = 0; j < m->n; j++)
			envelope_destroy(&m->part[j]);
		mem_free(&m->part);
	}
	fake.nmessages = 0;
}

void
fake_relay_fini(void)
{
	complete(NULL);
	fake_relay_forget();
	loop_timer_destroy(&fake.timer);
}

void
fake_relay_space(void)
{
	struct queue_intake *tx = fake.waiting;

	fake.congested = false;
	fake.waiting = NULL;
	if (tx != NULL)
		tx->space(tx->arg);
}

struct queue_intake *
queue_begin(struct queue *q MX_UNUSED)
{
	struct queue_intake *tx = mem_alloc(sizeof(*tx));

	tx->id = fake.last_id += 256;
	buf_init(&tx->body, 64 << 20);
	fake.begun++;
	return tx;
}

uint64_t
queue_intake_id(const struct queue_intake *tx)
{
	return tx->id;
}

int
queue_append(struct queue_intake *tx, const void *data, size_t len)
{
	if (fake.append_limit > 0 && tx->body.len + len > fake.append_limit)
		return fake.append_rc;
	return buf_add(&tx->body, data, len);
}

bool
queue_congested(struct queue_intake *tx, void (*space)(void *arg), void *arg)
{
	if (!fake.congested)
		return false;
	tx->space = space;
	tx->arg = arg;
	fake.waiting = tx;
	return true;
}

void
queue_abort(struct queue_intake **txp)
{
	if (*txp == NULL)
		return;
	fake.aborted++;
	if (fake.waiting == *txp)
		fake.waiting = NULL;
	buf_fini(&(*txp)->body);
	mem_free(txp);
}

unsigned
queue_pressure(const struct queue *q MX_UNUSED)
{
	return fake.pressure;
}

bool
queue_away(const struct queue *q)
{
	(void)q;
	return false;
}

int
queue_accepting(const struct queue *q MX_UNUSED, uint64_t size MX_UNUSED)
{
	if (fake.accepting == 0 && fake.queue_full)
		return -MX_EFULL;
	return fake.accepting;
}

void
queue_intake_by(struct queue_intake *in MX_UNUSED, const char *module MX_UNUSED,
    const char *fields MX_UNUSED)
{
}

void
queue_commit(struct queue_intake **txp, struct envelope **parts, unsigned n,
    queue_commit_cb *done, void *arg, uint64_t token)
{
	struct fake_commit *c = mem_alloc(sizeof(*c)), **end;
	struct queue_intake *tx = *txp;
	struct fake_message *m;
	unsigned i;

	*txp = NULL;
	c->id = tx->id;
	c->token = token;
	c->done = done;
	c->arg = arg;
	for (end = &fake.commits; *end != NULL; end = &(*end)->next)
		continue;
	*end = c;
	if (fake.commit_rc == 0 && fake.nmessages < FAKE_MESSAGES) {
		m = &fake.message[fake.nmessages++];
		m->id = tx->id;
		m->body = tx->body;
		m->n = n;
		m->part = mem_dup(parts, n * sizeof(struct envelope *));
	} else {
		buf_fini(&tx->body);
		for (i = 0; i < n; i++)
			envelope_destroy(&parts[i]);
	}
	mem_free(&tx);
	loop_timer_set(fake.timer, fake.commit_ms);
}
