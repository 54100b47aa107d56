/* SPDX-License-Identifier: ISC
 * learn: what was learned of the recipients of the domains (learned.h), in the
 * queue's hands: who may teach it, how much is kept, and the disk. Each name is a
 * record of its own, "learned/DOMAIN/LOCAL", written when there is news of it; the
 * domain's is "learned/DOMAIN/". They are read back in slices behind the start.
 *
 * What is long is done by a timer, LEARN_STEP names a turn: the reading, and behind
 * it names that a cut undoes and those of a domain that does not learn any more. A
 * cut lies on disk before the first of its names goes: after a kill the reading goes
 * on with it. Loop thread. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/queue/queue_int.h"

#define LEARNED_PREFIX "learned/"
#define LEARN_STEP     200 /* names a turn */
#define EVIDENCE_MS    1000 /* it is weighed so often */

/* One domain's. It stays while it has names, though nothing is learned any more. */
struct learn {
	struct learned table;
	struct dest *dest;
	TAILQ_ENTRY(learn) link; /* in queue.learn.work */
	bool working;
	char *swept; /* the cut was undone up to this name; NULL: no sweep */
	int64_t weighed_ms; /* wall; 0: weigh the evidence anew */
	bool doubted;
};

static uint32_t
seconds(int64_t ms)
{
	return ms > 1000 ? (uint32_t)(ms / 1000) : 1;
}

static bool
is_learning(const struct dest *d)
{
	return d->learn != NULL && d->configured && d->policy.learn_max > 0;
}

/* ---- the disk */

/* False: the key would be too long, and such names are not learned. */
static bool
key_of(const struct dest *d, const char *local, char key[STORE_KEY_MAX + 1])
{
	return strlcpy(key, LEARNED_PREFIX, STORE_KEY_MAX + 1) <=
	    STORE_KEY_MAX &&
	    strlcat(key, d->name, STORE_KEY_MAX + 1) <= STORE_KEY_MAX &&
	    strlcat(key, "/", STORE_KEY_MAX + 1) <= STORE_KEY_MAX &&
	    strlcat(key, local, STORE_KEY_MAX + 1) <= STORE_KEY_MAX;
}

static void
put(struct dest *d, const char *local, const void *data, size_t len)
{
	char key[STORE_KEY_MAX + 1];

	if (key_of(d, local, key))
		record_state_at(d->queue, key, data, len);
}

static void
put_name(struct dest *d, const struct learned_name *e)
{
	uint8_t record[LEARNED_RECORD];

	learned_save(e, record);
	put(d, e->local, record, sizeof(record));
}

static void
put_head(struct dest *d)
{
	uint8_t record[LEARNED_HEAD];

	learned_head_save(&d->learn->table, record);
	put(d, "", record, sizeof(record));
}

/* ---- its names */

static void
changed(struct dest *d, struct learned_name *e)
{
	heap_change(&d->queue->learn.all, &e->all, e->turn.key);
	stats_touch(d->queue->stats, d->name);
}

/* In memory only. */
static void
forget(struct dest *d, struct learned_name **e)
{
	heap_remove(&d->queue->learn.all, &(*e)->all);
	learned_drop(&d->learn->table, e);
}

static void
erase(struct dest *d, struct learned_name *e)
{
	put(d, e->local, NULL, 0);
	forget(d, &e);
	stats_touch(d->queue->stats, d->name);
}

static struct dest *
dest_of(const struct learned_name *e)
{
	/* The table is the first of its struct. */
	return ((struct learn *)(void *)e->of)->dest;
}

/* The one that is missed least goes; false: it is missed more than a bad one. */
static bool
give_way(struct learned_name *least, bool bad)
{
	if (least == NULL || (bad && !learned_is_bad(least)))
		return false;
	erase(dest_of(least), least);
	return true;
}

static bool
make_room(struct dest *d, bool bad)
{
	struct heap *all = &d->queue->learn.all;
	struct learned *l = &d->learn->table;

	if (l->n >= d->policy.learn_max && !give_way(learned_least(l), bad))
		return false;
	return all->len < d->queue->conf.learned_names ||
	    (heap_min(all) != NULL &&
		give_way(HEAP_ENTRY(heap_min(all), struct learned_name, all),
		    bad));
}

static struct learned_name *
add(struct dest *d, const char *local)
{
	struct learned_name *e = learned_add(&d->learn->table, local);

	heap_insert(&d->queue->learn.all, &e->all, e->turn.key);
	return e;
}

/* The mailbox as the domain's rules name it, without what its owner may write into
 * it himself, and its local part as it is kept. */
static bool
name_of(const struct dest *d, const char *mailbox, char *as, char *local)
{
	const struct queue_ops *ops = &d->queue->ops;

	if (ops->known_as != NULL)
		ops->known_as(ops->arg, d->name, mailbox, as);
	else
		(void)strlcpy(as, mailbox, PATH_MAILBOX_MAX);
	return learned_local(as, local);
}

/* ---- what is long, in turns */

static void
work(struct dest *d)
{
	struct queue *q = d->queue;

	if (d->learn->working)
		return;
	d->learn->working = true;
	TAILQ_INSERT_TAIL(&q->learn.work, d->learn, link);
	loop_timer_set(q->learn.timer, 0);
}

static void
work_ends(struct learn *l)
{
	if (!l->working)
		return;
	l->working = false;
	TAILQ_REMOVE(&l->dest->queue->learn.work, l, link);
}

static void
sweep_begins(struct dest *d)
{
	put_head(d);
	mem_free(&d->learn->swept);
	d->learn->swept = mem_strdup("");
	work(d);
}

static void
trim(struct dest *d, struct learned_name *e)
{
	int rc = learned_trim(e);

	if (rc < 0) {
		erase(d, e);
	} else if (rc > 0) {
		changed(d, e);
		put_name(d, e);
	}
}

/* Some names more, without what was cut of them; true: that was the last. */
static bool
sweep(struct dest *d, unsigned *budget)
{
	struct learn *l = d->learn;
	struct learned_name *e = learned_next(&l->table, l->swept), *next;

	for (; e != NULL && *budget > 0; e = next, --*budget) {
		next = RB_NEXT(learned_tree, &l->table.names, e);
		if (next == NULL || *budget == 1) {
			mem_free(&l->swept);
			l->swept = mem_strdup(e->local);
		}
		trim(d, e);
	}
	if (e != NULL)
		return false;
	mem_free(&l->swept);
	l->table.cut_from = l->table.cut_to = 0;
	put_head(d);
	return true;
}

/* All names of a domain that does not learn any more; true: that was all. */
static bool
leave(struct dest *d, unsigned *budget)
{
	struct learned *l = &d->learn->table;

	for (; *budget > 0 && l->n > 0; --*budget)
		erase(d, learned_least(l));
	if (l->n > 0)
		return false;
	put(d, "", NULL, 0);
	learn_fini(d);
	dest_touch(d);
	return true;
}

static void
work_some(struct dest *d, unsigned *budget)
{
	struct learned *l = &d->learn->table;

	if (!is_learning(d)) {
		(void)leave(d, budget);
		return;
	}
	for (; *budget > 0 && l->n > d->policy.learn_max; --*budget)
		erase(d, learned_least(l));
	if (l->n <= d->policy.learn_max &&
	    (d->learn->swept == NULL || sweep(d, budget)))
		work_ends(d->learn);
}

struct reading {
	struct queue *q;
	char *last;
};

static void
read_name(struct dest *d, const char *local, const void *data, size_t len)
{
	struct learned_name *e = learned_find(&d->learn->table, local);
	bool known = e != NULL;

	if (known) /* since the start: newer */
		return;
	e = add(d, local);
	if (learned_load(e, data, len) != 0 || learned_trim(e) < 0) {
		erase(d, e);
		return;
	}
	changed(d, e);
	if (d->learn->table.n > d->policy.learn_max)
		erase(d, learned_least(&d->learn->table));
	else if (d->queue->learn.all.len > d->queue->conf.learned_names)
		(void)give_way(HEAP_ENTRY(heap_min(&d->queue->learn.all),
				   struct learned_name, all),
		    false);
}

/* "learned/DOMAIN/LOCAL"; a domain has no slash. */
static void
read_one(void *arg, const char *key, const void *data, size_t len)
{
	const char *name = key + strlen(LEARNED_PREFIX);
	const char *slash = strchr(name, '/');
	char domain[TEXT_DOMAIN_MAX];
	struct reading *r = arg;
	struct dest *d = NULL;

	mem_free(&r->last);
	r->last = mem_strdup(key);
	if (slash != NULL && (size_t)(slash - name) < sizeof(domain)) {
		memcpy(domain, name, (size_t)(slash - name));
		domain[slash - name] = '\0';
		d = dest_find(r->q, domain);
	}
	if (d == NULL || !is_learning(d))
		record_state_at(r->q, key, NULL, 0);
	else if (slash[1] != '\0')
		read_name(d, slash + 1, data, len);
	else if (d->learn->table.tested == 0 && d->learn->table.cut_to == 0 &&
	    learned_head_load(&d->learn->table, data, len) == 0 &&
	    d->learn->table.cut_to != 0)
		sweep_begins(d); /* once more, to its end */
}

static void
reading_ends(struct queue *q)
{
	q->learn.reading = false;
	mem_free(&q->learn.read);
	log_info("queue", "event=learned_loaded names=%u", q->learn.all.len);
}

static void
read_some(struct queue *q)
{
	struct reading r = { .q = q };
	const char *after = q->learn.read != NULL ? q->learn.read : "";

	if (store_state_some(q->store, LEARNED_PREFIX, after, LEARN_STEP,
		read_one, &r)) {
		mem_free(&q->learn.read);
		q->learn.read = r.last;
		return;
	}
	mem_free(&r.last);
	reading_ends(q);
}

static void
on_timer(void *arg)
{
	struct queue *q = arg;
	unsigned budget = LEARN_STEP;
	struct learn *l;

	if (q->learn.reading) {
		read_some(q);
	} else {
		while (
		    budget > 0 && (l = TAILQ_FIRST(&q->learn.work)) != NULL) {
			budget--;
			work_some(l->dest, &budget);
		}
	}
	if (q->learn.reading || !TAILQ_EMPTY(&q->learn.work))
		loop_timer_set(q->learn.timer, 0);
}

/* ---- life */

void
learn_init(struct queue *q)
{
	heap_init(&q->learn.all);
	TAILQ_INIT(&q->learn.work);
	q->learn.timer = loop_timer_create(q->loop, on_timer, q);
}

void
learn_end(struct queue *q)
{
	loop_timer_destroy(&q->learn.timer);
	heap_fini(&q->learn.all);
	mem_free(&q->learn.read);
}

void
learn_load(struct queue *q)
{
	q->learn.reading = true;
	loop_timer_set(q->learn.timer, 0);
}

/* Its policy is another one, or it left the configuration. */
void
learn_policy(struct dest *d)
{
	if (d->configured && d->policy.learn_max > 0 && d->learn == NULL) {
		d->learn = mem_alloc(sizeof(*d->learn));
		d->learn->dest = d;
		learned_init(&d->learn->table, 0);
	} else if (d->learn != NULL &&
	    (!is_learning(d) || d->learn->table.n > d->policy.learn_max)) {
		work(d);
	}
	if (is_learning(d))
		d->learn->table.apart = seconds(d->policy.learn_apart_ms);
}

/* From memory. */
void
learn_fini(struct dest *d)
{
	struct learned_name *e;

	if (d->learn == NULL)
		return;
	while ((e = learned_least(&d->learn->table)) != NULL)
		forget(d, &e);
	work_ends(d->learn);
	learned_fini(&d->learn->table);
	mem_free(&d->learn->swept);
	mem_free(&d->learn);
}

/* ---- learning */

/* Weighing takes some time, and RCPTs ask. */
static bool
has_evidence(struct dest *d, int64_t now)
{
	struct learn *l = d->learn;
	int64_t age = now - l->weighed_ms;

	if (d->broken || d->primary != NULL || queue_clock_doubt(d->queue) > 0)
		return true;
	if (age >= 0 && age < EVIDENCE_MS)
		return l->doubted;
	l->weighed_ms = now;
	return l->doubted = refusal_put_off(d, now) > 0;
}

bool
queue_learn_doubts(struct queue *q, const char *domain, const char *label)
{
	struct dest *d = dest_find(q, domain);

	return d == NULL || !is_learning(d) ||
	    has_evidence(d, clock_wall_ms()) ||
	    breaker_primary_closed(q, label) ||
	    breaker_primary_refused(d, label) > 0;
}

/* The evidence has changed. */
void
learn_weigh(struct dest *d)
{
	if (d->learn != NULL)
		d->learn->weighed_ms = 0;
}

/* The breaker closes: what was refused since then (0: ever) teaches nothing. */
void
learn_cut(struct dest *d, int64_t since_ms, int64_t now)
{
	if (!is_learning(d))
		return;
	learned_cut(&d->learn->table, seconds(since_ms), seconds(now));
	sweep_begins(d);
}

static void
test_ended(struct dest *d, bool catch_all, int64_t now)
{
	struct learned *l = &d->learn->table;

	if (l->catch_all != catch_all)
		log_notice("queue", "domain=%s event=catch_all state=%s",
		    d->name, catch_all ? "yes" : "no");
	learned_tested(l, catch_all, seconds(now));
	if (catch_all)
		sweep_begins(d);
	else
		put_head(d);
	stats_touch(d->queue->stats, d->name);
}

/* A refusal teaches of exactly that name, and only while nothing is doubted. */
static bool
may_refuse(struct dest *d, const char *mailbox, const char *as, int64_t now)
{
	return !d->learn->table.catch_all && strcmp(mailbox, as) == 0 &&
	    !has_evidence(d, now);
}

static void
note(struct dest *d, const char *local, enum learned_what what, int64_t now)
{
	struct learned_name *e = learned_find(&d->learn->table, local);
	char key[STORE_KEY_MAX + 1];

	if (e == NULL) {
		if (!key_of(d, local, key) ||
		    !make_room(d, what == LEARN_REFUSED))
			return;
		e = add(d, local);
	}
	if (!learned_note(e, what, seconds(now)))
		return;
	changed(d, e);
	put_name(d, e);
}

void
queue_learn(struct queue *q, const char *domain, const char *mailbox,
    enum learned_what what, int64_t now)
{
	char as[PATH_MAILBOX_MAX], local[PATH_LOCAL_MAX + 1];
	struct dest *d = dest_find(q, domain);

	if (d == NULL || !is_learning(d))
		return;
	if (what == LEARN_CATCH_ALL || what == LEARN_NO_CATCH_ALL) {
		test_ended(d, what == LEARN_CATCH_ALL, now);
		return;
	}
	if (!name_of(d, mailbox, as, local) ||
	    (what == LEARN_REFUSED && !may_refuse(d, mailbox, as, now)))
		return;
	note(d, local, what, now);
}

/* ---- asking */

static void
view_of(struct dest *d, const struct learned_name *e, bool doubted, int64_t now,
    struct learned_view *v)
{
	const struct learned *l = &d->learn->table;

	v->word = learned_judge(l, e, doubted, seconds(now));
	v->tested_ms = (int64_t)l->tested * 1000;
	if (e == NULL)
		return;
	v->taken_ms = (int64_t)e->taken * 1000;
	v->passed_ms = (int64_t)e->passed * 1000;
	v->refused_ms = (int64_t)e->refused * 1000;
	v->refused_first_ms = (int64_t)e->first * 1000;
}

bool
queue_learned(struct queue *q, const char *domain, const char *mailbox,
    int64_t now, struct learned_view *v)
{
	struct dest *d = dest_find(q, domain);
	char local[PATH_LOCAL_MAX + 1];

	*v = (struct learned_view){ .word = LEARNED_UNKNOWN };
	if (d == NULL || !is_learning(d))
		return false;
	if (name_of(d, mailbox, v->mailbox, local))
		view_of(d, learned_find(&d->learn->table, local),
		    has_evidence(d, now), now, v);
	v->due = learned_is_due(&d->learn->table, v, now);
	return true;
}

bool
queue_learned_each(struct queue *q, const char *domain, const char *after,
    unsigned max, int64_t now, queue_learned_cb *fn, void *arg)
{
	struct dest *d = dest_find(q, domain);
	struct learned_view v;
	struct learned_name *e;
	bool doubted;

	if (d == NULL || !is_learning(d))
		return false;
	doubted = has_evidence(d, now);
	e = learned_next(&d->learn->table, after);
	for (; e != NULL && max > 0; max--) {
		v = (struct learned_view){ .word = LEARNED_UNKNOWN };
		view_of(d, e, doubted, now, &v);
		fn(arg, e->local, &v);
		e = RB_NEXT(learned_tree, &d->learn->table.names, e);
	}
	return e != NULL;
}

struct listing_to {
	void (*fn)(void *arg, const char *local, const struct relay_learned *);
	void *arg;
};

static void
list_one(void *arg, const char *local, const struct learned_view *v)
{
	const struct listing_to *to = arg;
	const struct relay_learned l = { .known = learned_word_name(v->word),
		.exists = v->word == LEARNED_TAKEN ||
		    v->word == LEARNED_PASSED || v->word == LEARNED_CATCH_ALL,
		.taken_ms = v->taken_ms,
		.passed_ms = v->passed_ms,
		.refused_ms = v->refused_ms,
		.refused_first_ms = v->refused_first_ms };

	to->fn(to->arg, local, &l);
}

bool
learn_list(void *self, const char *domain, const char *after, unsigned max,
    void (*fn)(void *arg, const char *local, const struct relay_learned *),
    void *arg)
{
	struct listing_to to = { fn, arg };

	return queue_learned_each(self, domain, after, max, clock_wall_ms(),
	    list_one, &to);
}

void
learn_summary(const struct dest *d, struct relay_domain *out)
{
	const struct learned *l;

	if (!is_learning(d))
		return;
	l = &d->learn->table;
	out->learns = true;
	out->learned_good = l->n - l->nbad;
	out->learned_bad = l->nbad;
	out->catch_all = l->catch_all;
	out->tested_ms = (int64_t)l->tested * 1000;
}
