/* SPDX-License-Identifier: ISC
 * joint: the accounts, by id and by name, and when records are remade. */
#include "ledger/joint_int.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define MAKE_MAX 100 /* accounts of the records remade in a tick */
#define WALK_MAX 2000 /* names examined in a tick */
#define OPEN_MS	 60000 /* greatest age of the figures of an open one */
#define OLD_MAX	 200 /* accounts that joint_old() examines */

static int
u64_cmp(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int
account_cmp(const struct joint_account *a, const struct joint_account *b)
{
	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	return u64_cmp(a->id, b->id);
}
RB_GENERATE_INTERNAL(joint_by_id, joint_account, by_id, account_cmp,
    static MX_UNUSED)

int
joint_time_cmp(const struct joint_account *a, const struct joint_account *b)
{
	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	return account_cmp(a, b);
}
RB_GENERATE(joint_by_time, joint_account, by_time, joint_time_cmp)

static int
part_cmp(const struct joint_account *a, const struct joint_account *b)
{
	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	if (a->part_of != b->part_of)
		return u64_cmp(a->part_of, b->part_of);
	return u64_cmp(a->id, b->id);
}
RB_GENERATE_INTERNAL(joint_by_part, joint_account, by_part, part_cmp,
    static MX_UNUSED)

int
joint_name_cmp(const struct joint_name *a, const struct joint_name *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return strcmp(a->name, b->name);
}
RB_GENERATE(joint_names, joint_name, by_name, joint_name_cmp)

uint64_t
joint_id(unsigned node, uint64_t id)
{
	return id * JOINT_NODES + node;
}

/* ---- names */

struct joint_name *
joint_name_find(const struct joint *j, enum outage_kind kind, const char *name)
{
	struct joint_name key = { .kind = kind,
		.name = (char *)(uintptr_t)name };

	return RB_FIND(joint_names, (struct joint_names *)(uintptr_t)&j->names,
	    &key);
}

static struct joint_name *
name_get(struct joint *j, enum outage_kind kind, const char *name)
{
	struct joint_name *nm = joint_name_find(j, kind, name);

	if (nm != NULL)
		return nm;
	nm = mem_alloc(sizeof(*nm));
	nm->kind = kind;
	nm->name = mem_strdup(name);
	RB_INIT(&nm->accounts);
	nm->again = JOINT_OPEN;
	RB_INSERT(joint_names, &j->names, nm);
	return nm;
}

void
joint_name_open(struct joint *j, struct joint_name *nm, bool open,
    int64_t now_ms)
{
	if (nm->is_open)
		TAILQ_REMOVE(&j->open, nm, open);
	nm->is_open = open;
	nm->made_ms = now_ms;
	if (open)
		TAILQ_INSERT_TAIL(&j->open, nm, open);
}

void
joint_name_free(struct joint *j, struct joint_name *nm)
{
	if (j->walk == nm)
		j->walk = RB_NEXT(joint_names, &j->names, nm);
	RB_REMOVE(joint_names, &j->names, nm);
	if (nm->is_dirty)
		TAILQ_REMOVE(&j->dirty, nm, dirty);
	joint_name_open(j, nm, false, 0);
	mem_free(&nm->shown);
	mem_free(&nm->name);
	mem_free(&nm);
}

void
joint_again(struct joint *j, struct joint_name *nm, int64_t from)
{
	if (from < nm->again)
		nm->again = from;
	if (nm->is_dirty)
		return;
	nm->is_dirty = true;
	TAILQ_INSERT_TAIL(&j->dirty, nm, dirty);
}

/* A walk that is under way starts again. */
void
joint_all_again(struct joint *j, int64_t from)
{
	if (!j->walking || from < j->walk_from)
		j->walk_from = from;
	j->walking = true;
	j->walk = RB_MIN(joint_names, &j->names);
}

/* ---- accounts */

struct joint_account *
joint_account_find(const struct joint *j, unsigned node, uint64_t id)
{
	struct joint_account key = { .node = node, .id = id };

	return RB_FIND(joint_by_id,
	    (struct joint_by_id *)(uintptr_t)&j->accounts, &key);
}

struct joint_account *
joint_account_next(const struct joint *j, const struct joint_account *key)
{
	return RB_NFIND(joint_by_id,
	    (struct joint_by_id *)(uintptr_t)&j->accounts,
	    (struct joint_account *)(uintptr_t)key);
}

int64_t
joint_end(const struct joint *j, const struct joint_account *a)
{
	int64_t end = a->to;

	if (end == 0 && joint_lives(j, a->node))
		return JOINT_OPEN;
	if (end == 0) {
		end = a->said_ms / 1000;
		if (j->node[a->node].said > end)
			end = j->node[a->node].said;
	}
	return end > a->from ? end : a->from; /* clocks may be set back */
}

/* Accounts whose domain waited for this record are remade. */
void
joint_parts_again(struct joint *j, const struct joint_account *a)
{
	struct joint_account key = { .node = a->node, .part_of = a->id };
	struct joint_account *p = RB_NFIND(joint_by_part, &j->parts, &key);

	for (; p != NULL && p->node == a->node && p->part_of == a->id;
	     p = RB_NEXT(joint_by_part, &j->parts, p))
		joint_again(j, p->name, p->from);
}

static void
account_in(struct joint *j, struct joint_account *a, struct joint_name *nm)
{
	a->name = nm;
	RB_INSERT(joint_by_time, &nm->accounts, a);
	if (a->part_of != 0)
		RB_INSERT(joint_by_part, &j->parts, a);
	joint_again(j, nm, a->from);
	/* Accounts of other nodes during an absence count differently. */
	if (nm->kind == OUTAGE_DAEMON)
		joint_all_again(j, a->from);
}

static void
account_out(struct joint *j, struct joint_account *a)
{
	if (a->name == NULL)
		return;
	RB_REMOVE(joint_by_time, &a->name->accounts, a);
	if (a->part_of != 0)
		RB_REMOVE(joint_by_part, &j->parts, a);
	joint_again(j, a->name, a->from);
	if (a->name->kind == OUTAGE_DAEMON)
		joint_all_again(j, a->from);
	a->name = NULL;
}

static struct joint_account *
account_get(struct joint *j, unsigned node, uint64_t id)
{
	static struct log_limit limit;
	struct joint_account *a = joint_account_find(j, node, id);

	if (a != NULL)
		return a;
	if (j->n >= JOINT_MAX) {
		if (log_limit_ok(&limit, 3600))
			log_warn("ledger",
			    "problem=\"too many outages on all nodes\" max=%u "
			    "effect=\"some are not shown\"",
			    JOINT_MAX);
		return NULL;
	}
	a = mem_alloc(sizeof(*a));
	a->node = node;
	a->id = id;
	RB_INSERT(joint_by_id, &j->accounts, a);
	j->node[node].things++;
	j->n++;
	return a;
}

bool
joint_put_outage(struct joint *j, unsigned node, const struct outage *o,
    int64_t said, struct kept_line *line)
{
	struct joint_account *a;

	if (node == 0 || node >= JOINT_NODES ||
	    (a = account_get(j, node, o->id)) == NULL)
		return false;
	account_out(j, a);
	a->part_of = o->kind == OUTAGE_DOMAIN ? o->part_of : 0;
	a->said_ms = said;
	a->state = o->state;
	a->from = o->failed;
	a->to = o->state == OUTAGE_DOWN ? 0 :
	    o->recovered != 0		? o->recovered :
					  o->failed;
	kept_line_unref(&a->line);
	a->line = kept_line_ref(line);
	account_in(j, a, name_get(j, o->kind, o->name));
	return true;
}

bool
joint_put(struct joint *j, unsigned node, uint64_t id, int64_t said,
    struct kept_line *line)
{
	struct outage o;
	bool ok;

	if (outage_parse(&o, line->text, line->len) != 0)
		return false;
	ok = o.id == id && joint_put_outage(j, node, &o, said, line);
	outage_fini(&o);
	return ok;
}

void
joint_drop(struct joint *j, unsigned node, uint64_t id)
{
	struct joint_account *a = joint_account_find(j, node, id);

	if (a == NULL)
		return;
	joint_parts_again(j, a);
	account_out(j, a);
	RB_REMOVE(joint_by_id, &j->accounts, a);
	j->node[node].things--;
	j->n--;
	kept_line_unref(&a->line);
	mem_free(&a);
}

/* ---- time */

static void
walk(struct joint *j, unsigned max)
{
	while (j->walk != NULL && max-- > 0) {
		if (j->walk->last >= j->walk_from)
			joint_again(j, j->walk, j->walk_from);
		j->walk = RB_NEXT(joint_names, &j->names, j->walk);
	}
	j->walking = j->walk != NULL;
}

/* Open outages get longer. They are remade when there is nothing else to do:
 * changes do not wait for that. */
static void
open_again(struct joint *j, int64_t now_ms)
{
	struct joint_name *nm;
	unsigned n = MAKE_MAX;

	if (!TAILQ_EMPTY(&j->dirty))
		return;
	while (n-- > 0 && (nm = TAILQ_FIRST(&j->open)) != NULL &&
	    (now_ms - nm->made_ms >= OPEN_MS || now_ms < nm->made_ms)) {
		joint_again(j, nm, JOINT_OPEN);
		joint_name_open(j, nm, true, now_ms);
	}
}

static void
make_some(struct joint *j, unsigned budget, int64_t now_ms)
{
	struct joint_name *nm;

	while (budget > 0 && (nm = TAILQ_FIRST(&j->dirty)) != NULL)
		budget = joint_name_make(j, nm, budget, now_ms);
}

void
joint_tick(struct joint *j, int64_t wall_ms)
{
	joint_watch_look(j);
	walk(j, WALK_MAX);
	open_again(j, wall_ms);
	make_some(j, MAKE_MAX, wall_ms);
}

void
joint_settle(struct joint *j, int64_t wall_ms)
{
	joint_watch_look(j);
	walk(j, UINT32_MAX);
	while (!TAILQ_EMPTY(&j->dirty))
		make_some(j, UINT32_MAX, wall_ms);
}

/* ---- old data */

void
joint_old(struct joint *j, int64_t wall,
    void (*old)(void *arg, unsigned node, uint64_t id, const char *label),
    void *arg)
{
	struct joint_account key = { .node = j->old_node, .id = j->old_id + 1 };
	struct joint_account *a = RB_NFIND(joint_by_id, &j->accounts, &key);
	struct joint_account *next;
	unsigned n = OLD_MAX;

	for (; a != NULL && n-- > 0; a = next) {
		next = RB_NEXT(joint_by_id, &j->accounts, a);
		j->old_node = a->node;
		j->old_id = a->id;
		if (joint_end(j, a) < wall)
			old(arg, a->node, a->id, NULL);
	}
	if (a != NULL)
		return;
	j->old_node = 0;
	j->old_id = 0;
	joint_watch_old(j, wall, old, arg);
}

/* ---- life */

unsigned
joint_count(const struct joint *j)
{
	return j->n;
}

struct joint *
joint_create(struct kept *view, const struct joint_ops *ops)
{
	struct joint *j = mem_alloc(sizeof(*j));

	j->view = view;
	j->ops = *ops;
	RB_INIT(&j->accounts);
	RB_INIT(&j->parts);
	RB_INIT(&j->names);
	RB_INIT(&j->known);
	TAILQ_INIT(&j->dirty);
	TAILQ_INIT(&j->open);
	return j;
}

void
joint_destroy(struct joint **jp)
{
	struct joint *j = *jp;
	struct joint_account *a;

	if (j == NULL)
		return;
	while ((a = RB_ROOT(&j->accounts)) != NULL)
		joint_drop(j, a->node, a->id);
	while (!RB_EMPTY(&j->names))
		joint_name_free(j, RB_ROOT(&j->names));
	joint_watch_fini(j);
	mem_free(jp);
}
