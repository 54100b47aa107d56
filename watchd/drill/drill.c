/* SPDX-License-Identifier: ISC
 * drill: see drill.h. An entry for each domain that has a schedule or a record;
 * a heap orders them by what is due next: the deadline of the drill under way,
 * or the begin of the next one. */
#include "drill/drill.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "drill/drill_int.h"
#include "drill/mail.h"

#define TURN_MAX     20 /* entries looked at in a turn */
#define TIMER_MAX_MS 60000 /* the wall clock may be set */
#define PERIOD_LEAST 1000
#define AGAIN_MS     1000 /* until a session is free */
#define OBSTACLE_MS  300000 /* until an obstacle is looked at again */
#define REMOVE_MS    10000 /* until a removal is ordered again */

/* ---- entries */

static int
drill_cmp(const struct drill *a, const struct drill *b)
{
	return strcmp(a->domain, b->domain);
}

RB_PROTOTYPE(drill_tree, drill, node, drill_cmp)
RB_GENERATE(drill_tree, drill, node, drill_cmp)

/* Open-coded, because RB_FIND would need a whole struct drill. */
struct drill *
drill_find(const struct drill_set *ds, const char *domain)
{
	struct drill *d = RB_ROOT(&ds->tree);
	int c;

	while (d != NULL && (c = strcmp(domain, d->domain)) != 0)
		d = c < 0 ? RB_LEFT(d, node) : RB_RIGHT(d, node);
	return d;
}

static struct drill *
drill_get(struct drill_set *ds, const char *domain)
{
	struct drill *d = drill_find(ds, domain);
	size_t len = strlen(domain) + 1;

	if (d != NULL)
		return d;
	d = mem_alloc(sizeof(*d) + len);
	memcpy(d->domain, domain, len);
	d->set = ds;
	RB_INSERT(drill_tree, &ds->tree, d);
	return d;
}

static void
arm(struct drill_set *ds)
{
	const struct heap_node *n = heap_min(&ds->due);
	int64_t ms;

	if (n == NULL) {
		loop_timer_cancel(ds->timer);
		return;
	}
	ms = n->key - clock_wall_ms();
	ms = ms < 0 ? 0 : ms > TIMER_MAX_MS ? TIMER_MAX_MS : ms;
	loop_timer_set(ds->timer, ms);
}

static void
drill_due(struct drill *d, int64_t wall_ms)
{
	struct heap *due = &d->set->due;

	if (wall_ms == INT64_MAX)
		heap_remove(due, &d->due);
	else if (heap_holds(&d->due))
		heap_change(due, &d->due, wall_ms);
	else
		heap_insert(due, &d->due, wall_ms);
	arm(d->set);
}

/* What is due next for a domain. */
static void
settle(struct drill *d)
{
	drill_due(d,
	    d->run != NULL ?
		d->run->deadline_ms :
		drill_record_next(&d->record, d->period_ms,
		    hash_text(HASH_INIT, d->domain), clock_wall_ms()));
}

static void
drill_drop(struct drill *d)
{
	if (d->run != NULL)
		drill_run_free(d->run);
	heap_remove(&d->set->due, &d->due);
	RB_REMOVE(drill_tree, &d->set->tree, d);
	arm(d->set);
	mem_free(&d->recipient);
	mem_free(&d);
}

void
drill_put(struct drill *d)
{
	const struct drill_ops *ops = &d->set->ops;
	struct buf text = BUF_INIT(DRILL_RECORD_MAX);

	drill_record_write(&d->record, &text);
	ops->put(ops->arg, d->domain, text.data, text.len);
	buf_fini(&text);
}

static void
tell_changed(struct drill *d, enum drill_change what)
{
	const struct drill_ops *ops = &d->set->ops;

	ops->changed(ops->arg, d->domain, what, &d->record);
}

/* ---- the end of one */

void
drill_end(struct drill_run *run, bool ok, const char *text)
{
	struct drill *d = run->drill;
	struct drill_step s = { .kind = DRILL_END,
		.outcome = ok ? DRILL_OK : DRILL_FAILED };
	int64_t now = clock_wall_ms();

	(void)text_cut(s.text, sizeof(s.text), text);
	drill_run_say(run, &s);
	d->record = (struct drill_record){ .ended_ms = now,
		.ok = ok,
		.took_ms = now > run->began_ms ? now - run->began_ms : 0 };
	(void)strlcpy(d->record.text, s.text, sizeof(d->record.text));
	drill_run_retire(run);
	drill_put(d);
	settle(d);
	(ok ? log_notice : log_warn)("drill", "domain=%s ok=%d text=%s",
	    d->domain, ok, log_peer(s.text));
	tell_changed(d, DRILL_ENDED);
}

/* ---- the session */

/* A message that was stored although its client was told else is removed. */
static void
refused_here(struct drill_run *run, const struct drill_heard *h)
{
	const struct drill_ops *ops = &run->drill->set->ops;
	char code[8] = "", why[2 * DRILL_TEXT_MAX];

	if (run->id != 0)
		(void)ops->remove(ops->arg, run->id);
	if (h->code != 0)
		(void)snprintf(code, sizeof(code), "%u ", h->code);
	(void)snprintf(why, sizeof(why),
	    "not accepted by this server at %s: %s%s",
	    smtp_phase_name(h->phase), code, h->text);
	drill_end(run, false, why);
}

static void
on_talked(const struct drill_heard *h, void *arg)
{
	struct drill_run *run = arg;
	const struct drill_ops *ops = &run->drill->set->ops;
	struct drill_step s = { .kind = DRILL_INTAKE,
		.outcome = h->ok ? DRILL_OK : DRILL_FAILED,
		.code = h->code };

	run->talk = NULL;
	run->drill->set->talks--;
	(void)text_cut(s.text, sizeof(s.text), h->text);
	(void)strlcpy(s.addr, h->addr, sizeof(s.addr));
	(void)strlcpy(s.tls, h->tls, sizeof(s.tls));
	drill_run_say(run, &s);
	if (!h->ok) {
		refused_here(run, h);
		return;
	}
	if (run->id == 0) {
		drill_end(run, false,
		    "another server answers at this listener");
		return;
	}
	s = (struct drill_step){ .kind = DRILL_SPOOL,
		.id = run->id,
		.bytes = run->mail.len,
		.ms = h->durable_ms };
	drill_run_say(run, &s);
	if (run->over) {
		drill_end(run, run->over_ok, run->over_text);
		return;
	}
	s = (struct drill_step){ .kind = DRILL_DELIVERY,
		.outcome = DRILL_NOT_TRIED };
	if (ops->obstacle(ops->arg, run->drill->domain, s.text, sizeof(s.text)))
		drill_run_say(run, &s);
}

static void
begin(struct drill *d, const char *recipient, int64_t length_ms)
{
	struct drill_run *run = drill_run_create(d);

	run->began_ms = clock_wall_ms();
	run->deadline_ms = run->began_ms + length_ms;
	drill_mark(rnd_u64(), rnd_u64(), run->mark);
	if (recipient != NULL)
		(void)strlcpy(run->recipient, recipient,
		    sizeof(run->recipient));
	else
		(void)snprintf(run->recipient, sizeof(run->recipient),
		    "postmaster@%s", d->domain);
	drill_run_talk(run, on_talked);
	settle(d);
	tell_changed(d, DRILL_BEGAN);
}

static int
has_room(const struct drill_set *ds)
{
	if (ds->conf->smtpd.listen.n == 0)
		return -MX_ENOENT;
	return ds->active < DRILL_ACTIVE_MAX ? 0 : -MX_EFULL;
}

int
drill_start(struct drill_set *ds, const struct conf_domain *cd,
    const char *domain, const char *recipient, uint64_t *number)
{
	struct drill *d = drill_find(ds, domain);
	int rc = d != NULL && d->run != NULL ? -MX_EBUSY : has_room(ds);

	if (rc == 0) {
		d = drill_get(ds, domain);
		begin(d, recipient != NULL ? recipient : cd->drill_recipient,
		    cd->drill_deadline_ms);
	}
	if (d != NULL && d->run != NULL)
		*number = d->run->number;
	return rc;
}

/* ---- time */

static void
overdue(struct drill_run *run)
{
	const struct drill_ops *ops = &run->drill->set->ops;
	int rc = -MX_ENOENT;

	if (!ops->ours(ops->arg, run->drill->domain)) {
		drill_due(run->drill, clock_wall_ms() + OBSTACLE_MS);
		return;
	}
	run->overdue = true;
	if (run->id != 0)
		rc = ops->remove(ops->arg, run->id);
	if (rc == -MX_ENOENT)
		drill_end(run, false,
		    run->id != 0 ? "it is no longer queued; the log says more" :
				   "the session with this server did not end");
	else
		drill_due(run->drill, clock_wall_ms() + REMOVE_MS);
}

static void
scheduled(struct drill *d)
{
	const struct drill_ops *ops = &d->set->ops;

	if (!ops->ours(ops->arg, d->domain) ||
	    !ops->may_begin(ops->arg, d->domain))
		drill_due(d,
		    clock_wall_ms() +
			(d->period_ms < OBSTACLE_MS ? d->period_ms :
						      OBSTACLE_MS));
	else if (d->set->talks >= DRILL_TALKS_MAX || has_room(d->set) != 0)
		drill_due(d, clock_wall_ms() + AGAIN_MS);
	else
		begin(d, d->recipient, d->length_ms);
}

static void
on_timer(void *arg)
{
	struct drill_set *ds = arg;
	struct heap_node *n;
	struct drill *d;

	for (unsigned i = 0; i < TURN_MAX; i++) {
		n = heap_min(&ds->due);
		if (n == NULL || n->key > clock_wall_ms())
			break;
		d = HEAP_ENTRY(n, struct drill, due);
		if (d->run != NULL)
			overdue(d->run);
		else
			scheduled(d);
	}
	arm(ds);
}

/* ---- records and schedules */

void
drill_told(struct drill_set *ds, const char *domain, const void *data,
    size_t len)
{
	struct drill *d = drill_get(ds, domain);
	struct drill_record r = { 0 };
	struct drill_step s = { .kind = DRILL_SPOOL };

	if (len > 0 && drill_record_read(&r, data, len) != 0)
		log_error("drill",
		    "domain=%s problem=\"its record does not hold\"", domain);
	if (d->run != NULL && d->run->id != r.id)
		drill_run_retire(d->run);
	d->record = r;
	if (r.id != 0 && d->run == NULL) {
		drill_run_create(d);
		d->run->id = s.id = r.id;
		d->run->began_ms = r.began_ms;
		d->run->deadline_ms = r.deadline_ms;
		drill_run_say(d->run, &s);
	}
	settle(d);
	tell_changed(d, DRILL_READ);
}

void
drill_domain(struct drill_set *ds, const struct conf_domain *cd)
{
	struct drill *d = drill_find(ds, cd->name);

	if (cd->drill_ms <= 0 && d == NULL)
		return;
	d = drill_get(ds, cd->name);
	d->period_ms = cd->drill_ms;
	if (d->period_ms > 0 && d->period_ms < PERIOD_LEAST)
		d->period_ms = PERIOD_LEAST;
	d->length_ms = cd->drill_deadline_ms;
	mem_free(&d->recipient);
	if (cd->drill_recipient != NULL)
		d->recipient = mem_strdup(cd->drill_recipient);
	settle(d);
}

void
drill_stop(struct drill_set *ds, const char *domain)
{
	struct drill *d = drill_find(ds, domain);

	if (d == NULL)
		return;
	d->period_ms = 0;
	settle(d);
}

void
drill_forget(struct drill_set *ds, const char *domain)
{
	struct drill *d = drill_find(ds, domain);

	if (d == NULL)
		return;
	if (d->record.ended_ms != 0 || d->record.id != 0)
		ds->ops.put(ds->ops.arg, domain, "", 0);
	drill_drop(d);
}

/* ---- life */

struct drill_set *
drill_create(const struct reach_env *env, const struct drill_ops *ops)
{
	struct drill_set *ds = mem_alloc(sizeof(*ds));

	ds->env = *env;
	ds->env.book = address_book_create(DRILL_BOOK_MAX);
	ds->env.memory = NULL;
	ds->ops = *ops;
	ds->timer = loop_timer_create(env->loop, on_timer, ds);
	heap_init(&ds->due);
	RB_INIT(&ds->tree);
	TAILQ_INIT(&ds->runs);
	return ds;
}

void
drill_destroy(struct drill_set **dsp)
{
	struct drill_set *ds = *dsp;
	struct drill_run *run;
	struct drill *d;

	if (ds == NULL)
		return;
	while ((d = RB_ROOT(&ds->tree)) != NULL)
		drill_drop(d);
	while ((run = TAILQ_FIRST(&ds->runs)) != NULL)
		drill_run_free(run);
	loop_timer_destroy(&ds->timer);
	heap_fini(&ds->due);
	address_book_destroy(&ds->env.book);
	config_unref(&ds->conf);
	mem_free(dsp);
}

void
drill_configure(struct drill_set *ds, struct config *conf)
{
	config_ref(conf);
	config_unref(&ds->conf);
	ds->conf = conf;
}
