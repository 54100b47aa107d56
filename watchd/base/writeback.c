/* SPDX-License-Identifier: ISC
 * writeback: entries by key, and the list of those that are queued. */
#include "base/writeback.h"

#include <sys/queue.h>
#include <sys/tree.h>

#include <string.h>

#include "base/idmap.h"
#include "base/mem.h"

struct writeback_entry {
	RB_ENTRY(writeback_entry) link;
	TAILQ_ENTRY(writeback_entry)
	turn; /* while `due` and not being written */
	uint64_t token; /* of the write under way; 0: none */
	bool due;
	char *text; /* NULL: delete the key */
	char key[];
};
RB_HEAD(writeback_tree, writeback_entry);
TAILQ_HEAD(writeback_list, writeback_entry);

struct writeback {
	struct writeback_ops ops;
	struct writeback_tree tree;
	struct writeback_list turn;
	struct idmap busy; /* by token */
	unsigned n;
	uint64_t last;
};

static int
entry_cmp(const struct writeback_entry *a, const struct writeback_entry *b)
{
	return strcmp(a->key, b->key);
}
RB_GENERATE_INTERNAL(writeback_tree, writeback_entry, link, entry_cmp,
    static MX_UNUSED)

/* Open-coded, because RB_FIND would need an entry with the key in it. */
static struct writeback_entry *
entry_find(const struct writeback *o, const char *key)
{
	struct writeback_entry *e = RB_ROOT(&o->tree);
	int c;

	while (e != NULL && (c = strcmp(key, e->key)) != 0)
		e = c < 0 ? RB_LEFT(e, link) : RB_RIGHT(e, link);
	return e;
}

static struct writeback_entry *
entry_get(struct writeback *o, const char *key)
{
	struct writeback_entry *e = entry_find(o, key);
	size_t len = strlen(key) + 1;

	if (e != NULL)
		return e;
	e = mem_alloc(sizeof(*e) + len);
	memcpy(e->key, key, len);
	RB_INSERT(writeback_tree, &o->tree, e);
	o->n++;
	return e;
}

static void
entry_free(struct writeback *o, struct writeback_entry *e)
{
	RB_REMOVE(writeback_tree, &o->tree, e);
	o->n--;
	mem_free(&e->text);
	mem_free(&e);
}

static bool
is_waiting(const struct writeback_entry *e)
{
	return e->due && e->token == 0;
}

/* Appends it to the queue, unless it is in there. */
static void
wait_turn(struct writeback *o, struct writeback_entry *e)
{
	if (!is_waiting(e) && e->token == 0)
		TAILQ_INSERT_TAIL(&o->turn, e, turn);
	e->due = true;
}

static void
put_now(struct writeback *o, struct writeback_entry *e)
{
	TAILQ_REMOVE(&o->turn, e, turn);
	e->due = false;
	e->token = ++o->last;
	idmap_put(&o->busy, e->token, e);
	o->ops.put(o->ops.arg, e->key, e->text, e->token);
}

void
writeback_put(struct writeback *o, const char *key, char *text)
{
	struct writeback_entry *e = entry_get(o, key);

	mem_free(&e->text);
	e->text = text;
	wait_turn(o, e);
}

void
writeback_send(struct writeback *o, const char *key)
{
	struct writeback_entry *e = entry_find(o, key);

	if (e != NULL && is_waiting(e))
		put_now(o, e);
}

void
writeback_done(struct writeback *o, uint64_t token, int rc)
{
	struct writeback_entry *e = idmap_take(&o->busy, token);
	bool newer;

	if (e == NULL)
		return;
	newer = e->due;
	e->token = 0;
	e->due = false;
	if (!newer && rc == 0) {
		entry_free(o, e);
		return;
	}
	wait_turn(o, e);
	if (newer)
		put_now(o, e);
}

void
writeback_tick(struct writeback *o, unsigned max)
{
	struct writeback_entry *e, *stop = TAILQ_LAST(&o->turn, writeback_list);
	bool last = false;

	if (stop == NULL || !o->ops.ready(o->ops.arg))
		return;
	while (!last && max-- > 0 && (e = TAILQ_FIRST(&o->turn)) != NULL) {
		last = e == stop;
		put_now(o, e);
	}
}

bool
writeback_has(const struct writeback *o, const char *key)
{
	return entry_find(o, key) != NULL;
}

unsigned
writeback_count(const struct writeback *o)
{
	return o->n;
}

struct writeback *
writeback_create(const struct writeback_ops *ops)
{
	struct writeback *o = mem_alloc(sizeof(*o));

	o->ops = *ops;
	RB_INIT(&o->tree);
	TAILQ_INIT(&o->turn);
	idmap_init(&o->busy);
	return o;
}

void
writeback_destroy(struct writeback **op)
{
	struct writeback *o = *op;
	struct writeback_entry *e;

	if (o == NULL)
		return;
	while ((e = RB_ROOT(&o->tree)) != NULL)
		entry_free(o, e);
	idmap_fini(&o->busy);
	mem_free(op);
}
