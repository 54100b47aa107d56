/* SPDX-License-Identifier: ISC
 * maintenance: the set of windows and their edges: begin, end, next occurrence.
 * Active windows are entered by subject in maintenance_cover.c. */
#include "daemon/maintenance.h"

#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/mem.h"
#include "config/elsewhere.h"
#include "daemon/maintenance_int.h"

#define STEP_WORK 2000 /* subjects in a step; one window may exceed it */

/* ---- edges */

static int64_t
length_of(const struct maintenance *m)
{
	return m->until - m->from;
}

static size_t
set_active(struct maintenance_set *s, struct maintenance_window *w, bool yes)
{
	size_t work = cover_all(s, &w->m, yes);

	w->m.state = yes ? MAINTENANCE_ACTIVE : MAINTENANCE_TO_COME;
	if (yes)
		w->done = w->m.from;
	if (s->ops.edge != NULL)
		s->ops.edge(s->ops.arg, &w->m, yes);
	return work;
}

/* Sets the occurrence that contains `now`, or the next one, skipping those that
 * were done. */
static void
place(struct maintenance_window *w, int64_t now)
{
	int64_t length = w->m.conf->for_ms / 1000, after = now - length;

	if (w->done > now + length) /* recorded by a wrong clock */
		w->done = INT64_MIN;
	if (w->done > after)
		after = w->done;
	w->m.from = recurrence_next(&w->when, after);
	w->m.until = w->m.from + length;
}

static bool
is_over(const struct maintenance_window *w, int64_t now)
{
	const struct maintenance *m = &w->m;

	return now >= m->until ||
	    (m->conf != NULL && now < m->from - length_of(m));
}

static void
drop(struct maintenance_set *s, size_t i)
{
	struct maintenance_window *w = s->window[i];

	s->window[i] = s->window[--s->n];
	s->once -= w->m.conf == NULL;
	if (w->m.conf == NULL && s->ops.gone != NULL)
		s->ops.gone(s->ops.arg, w->m.id);
	mem_free(&w);
}

/* Executes the due edge of one window, which may be dropped. Returns the work
 * done, in subjects. */
static size_t
settle(struct maintenance_set *s, size_t i, int64_t now)
{
	struct maintenance_window *w = s->window[i];
	size_t work = 0;

	if (w->m.state == MAINTENANCE_ACTIVE) {
		if (!is_over(w, now))
			return 0;
		work = set_active(s, w, false);
	}
	if (w->m.conf != NULL)
		place(w, now);
	else if (now >= w->m.until) {
		drop(s, i);
		return work + 1;
	}
	if (now >= w->m.from)
		work += set_active(s, w, true);
	return work;
}

static int64_t
edge_of(const struct maintenance_window *w)
{
	return w->m.state == MAINTENANCE_ACTIVE ? w->m.until : w->m.from;
}

bool
maintenance_step(struct maintenance_set *s, int64_t now)
{
	bool back = now < s->now, more = false;
	size_t work = 0, n;

	if (now < s->next && !back)
		return false;
	s->next = INT64_MAX;
	for (size_t i = 0; i < s->n;) {
		n = s->n;
		if (now >= edge_of(s->window[i]) || back) {
			more = work >= STEP_WORK;
			if (more)
				break;
			work += settle(s, i, now);
		}
		if (s->n < n) /* another window has taken its place */
			continue;
		if (edge_of(s->window[i]) < s->next)
			s->next = edge_of(s->window[i]);
		i++;
	}
	if (more)
		s->next = now; /* a clock set back is noticed again */
	else
		s->now = now;
	return more;
}

/* ---- windows */

static void
add(struct maintenance_set *s, struct maintenance_window *w)
{
	s->window =
	    mem_grow(s->window, s->n + 1, sizeof(struct maintenance_window *));
	s->window[s->n++] = w;
	if (edge_of(w) < s->next)
		s->next = edge_of(w);
}

#define NODES 32

/* Nodes of a cluster assign ids from disjoint sets: the remainder is the
 * node. */
static uint64_t
next_id(struct maintenance_set *s)
{
	uint64_t id = s->last_id + 1;

	if (s->node != 0)
		id += (NODES + s->node - id % NODES) % NODES;
	s->last_id = id;
	return id;
}

void
maintenance_node(struct maintenance_set *s, unsigned node)
{
	s->node = node;
}

int
maintenance_add(struct maintenance_set *s, struct maintenance *m, int64_t now)
{
	struct maintenance_window *w;

	if (m->until <= m->from || m->until <= now)
		return -MX_ESYNTAX;
	if (m->id == 0) {
		if (s->conf != NULL && s->once >= s->conf->maintenance_max)
			return -MX_EFULL;
		m->id = next_id(s);
	} else if (m->id > s->last_id) {
		s->last_id = m->id;
	}
	w = mem_alloc(sizeof(*w));
	w->m = *m;
	w->m.conf = NULL;
	w->m.state = MAINTENANCE_TO_COME;
	w->done = INT64_MIN;
	s->once++;
	add(s, w);
	return 0;
}

static bool
is_meant(const struct maintenance_window *w, const char *which)
{
	int64_t id;

	if (w->m.conf != NULL)
		return strcmp(w->m.conf->name, which) == 0;
	return text_int(which, 1, INT64_MAX, &id) == 0 &&
	    (uint64_t)id == w->m.id;
}

int
maintenance_end(struct maintenance_set *s, const char *which, int64_t now)
{
	struct maintenance_window *w;
	size_t i;

	for (i = 0; i < s->n && !is_meant(s->window[i], which); i++)
		;
	if (i == s->n)
		return -MX_ENOENT;
	w = s->window[i];
	if (w->m.conf != NULL && w->m.state != MAINTENANCE_ACTIVE)
		return -MX_EBUSY;
	if (w->m.state == MAINTENANCE_ACTIVE)
		set_active(s, w, false);
	if (w->m.conf == NULL) {
		drop(s, i);
		return 0;
	}
	place(w, now);
	s->next = w->m.from < s->next ? w->m.from : s->next;
	return 0;
}

void
maintenance_ended(struct maintenance_set *s, const char *name, int64_t until)
{
	s->ended = mem_grow(s->ended, s->nended + 1, sizeof(*s->ended));
	s->ended[s->nended++] =
	    (struct maintenance_ended_early){ mem_strdup(name), until };
}

/* Carries the state of the previous configuration's window over: an active
 * occurrence goes on if the window is unchanged. */
static void
inherit(struct maintenance_set *s, struct maintenance_window *w,
    struct maintenance_window *old)
{
	const struct conf_maintenance *a = old->m.conf, *b = w->m.conf;

	w->done = old->done;
	if (old->m.state != MAINTENANCE_ACTIVE)
		return;
	if (strcmp(a->every, b->every) != 0 || a->for_ms != b->for_ms) {
		w->done = INT64_MIN;
		return;
	}
	w->m.from = old->m.from;
	w->m.until = old->m.until;
	w->m.state = MAINTENANCE_ACTIVE;
	cover_all(s, &w->m, true);
	cover_all(s, &old->m, false);
	/* It has been taken over: replace() must not end it. */
	old->m.state = MAINTENANCE_TO_COME;
}

static struct maintenance_window *
window_of(struct maintenance_set *s, const struct conf_maintenance *c)
{
	struct maintenance_window *w = mem_alloc(sizeof(*w));
	int rc = recurrence_parse(c->every, &w->when);

	MX_ASSERT(rc == 0); /* the configuration was checked */
	w->m.conf = c;
	w->m.hold = c->hold;
	w->m.uid = -1;
	if (c->reason != NULL)
		(void)strlcpy(w->m.reason, c->reason, sizeof(w->m.reason));
	w->done = INT64_MIN;
	for (size_t i = 0; i < s->nended; i++)
		if (strcmp(s->ended[i].name, c->name) == 0)
			w->done = s->ended[i].until - c->for_ms / 1000;
	return w;
}

static void
forget_ended(struct maintenance_set *s)
{
	for (size_t i = 0; i < s->nended; i++)
		mem_free(&s->ended[i].name);
	mem_free(&s->ended);
	s->nended = 0;
}

static int
name_cmp(const void *name, const void *conf)
{
	return strcmp(name, ((const struct conf_maintenance *)conf)->name);
}

/* Windows of the previous configuration, which are among the first `n`, hand
 * their state to those of the same name after them, and are freed. */
static void
replace(struct maintenance_set *s, size_t n)
{
	const struct config *c = s->conf;
	const struct conf_maintenance *same;
	struct maintenance_window *w;
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		w = s->window[i];
		if (i >= n || w->m.conf == NULL) {
			s->window[kept++] = w;
			continue;
		}
		same = bsearch(w->m.conf->name, c->maintenance,
		    c->nmaintenances, sizeof(*same), name_cmp);
		if (same != NULL)
			inherit(s,
			    s->window[n + (size_t)(same - c->maintenance)], w);
		if (w->m.state == MAINTENANCE_ACTIVE)
			set_active(s, w, false);
		mem_free(&w);
	}
	s->n = kept;
}

void
maintenance_configure(struct maintenance_set *s, struct config *conf,
    int64_t now)
{
	struct config *old = s->conf, *local = elsewhere_local(conf);
	size_t n = s->n;

	if (local == old)
		return; /* only domains of the source have changed */
	s->conf = config_ref(local);
	for (size_t i = 0; i < local->nmaintenances; i++)
		add(s, window_of(s, &local->maintenance[i]));
	replace(s, n);
	for (size_t i = s->n - local->nmaintenances; i < s->n; i++)
		if (s->window[i]->m.state != MAINTENANCE_ACTIVE)
			place(s->window[i], now);
	s->next = INT64_MIN;
	forget_ended(s);
	config_unref(&old);
}

static int
window_cmp(const void *va, const void *vb)
{
	const struct maintenance *a =
	    &(*(struct maintenance_window *const *)va)->m;
	const struct maintenance *b =
	    &(*(struct maintenance_window *const *)vb)->m;

	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return strcmp(maintenance_name(a), maintenance_name(b));
}

void
maintenance_each(struct maintenance_set *s,
    void (*fn)(const struct maintenance *, void *arg), void *arg)
{
	if (s->n > 0)
		qsort(s->window, s->n, sizeof(struct maintenance_window *),
		    window_cmp);
	for (size_t i = 0; i < s->n; i++)
		fn(&s->window[i]->m, arg);
}

/* ---- create and destroy */

struct maintenance_set *
maintenance_create(const struct maintenance_ops *ops)
{
	struct maintenance_set *s = mem_alloc(sizeof(*s));

	s->ops = *ops;
	s->next = INT64_MAX;
	RB_INIT(&s->covered);
	return s;
}

void
maintenance_destroy(struct maintenance_set **sp)
{
	struct maintenance_set *s = *sp;

	if (s == NULL)
		return;
	covered_free(&s->covered);
	for (size_t i = 0; i < s->n; i++)
		mem_free(&s->window[i]);
	mem_free(&s->window);
	forget_ended(s);
	config_unref(&s->conf);
	mem_free(sp);
}
