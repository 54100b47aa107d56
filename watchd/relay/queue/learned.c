/* SPDX-License-Identifier: ISC
 * learned: see learned.h. The order of eviction is the key of a heap: the time
 * at which a name was last noted, plus an offset beyond all times for a good
 * one. */
#include "relay/queue/learned.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "relay/le.h"

#define VERSION	    1
#define GOOD_BEHIND (INT64_C(1) << 33) /* beyond any time */

int
learned_name_cmp(const struct learned_name *a, const struct learned_name *b)
{
	return strcmp(a->local, b->local);
}

RB_GENERATE(learned_tree, learned_name, link, learned_name_cmp)

const char *
learned_word_name(enum learned_word w)
{
	static const char *const names[] = {
		[LEARNED_UNKNOWN] = "unknown",
		[LEARNED_TAKEN] = "taken",
		[LEARNED_PASSED] = "passed",
		[LEARNED_CATCH_ALL] = "catch-all",
		[LEARNED_REFUSED] = "refused",
		[LEARNED_DOUBTED] = "doubted",
	};

	return names[w];
}

void
learned_init(struct learned *l, uint32_t apart)
{
	*l = (struct learned){ .apart = apart };
	RB_INIT(&l->names);
	heap_init(&l->turns);
}

void
learned_fini(struct learned *l)
{
	MX_ASSERT(l->n == 0);
	heap_fini(&l->turns);
}

bool
learned_local(const char *mailbox, char *local)
{
	char plain[PATH_MAILBOX_MAX];
	const char *from = mailbox, *at;
	size_t n;

	if (strlen(mailbox) < sizeof(plain) && smtp_unquote(mailbox, plain) > 0)
		from = plain;
	at = strrchr(from, '@');
	n = at != NULL ? (size_t)(at - from) : 0;
	if (n == 0 || n > PATH_LOCAL_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		local[i] = from[i] >= 'A' && from[i] <= 'Z' ?
		    (char)(from[i] + 32) :
		    from[i];
	local[n] = '\0';
	return true;
}

/* Without RB_FIND, which would need a whole struct for the name. */
struct learned_name *
learned_find(const struct learned *l, const char *local)
{
	struct learned_name *e = RB_ROOT(&l->names);
	int c;

	while (e != NULL && (c = strcmp(local, e->local)) != 0)
		e = c < 0 ? RB_LEFT(e, link) : RB_RIGHT(e, link);
	return e;
}

struct learned_name *
learned_next(const struct learned *l, const char *after)
{
	struct learned_name *e = RB_ROOT(&l->names), *found = NULL;

	while (e != NULL)
		if (strcmp(after, e->local) < 0) {
			found = e;
			e = RB_LEFT(e, link);
		} else {
			e = RB_RIGHT(e, link);
		}
	return found;
}

bool
learned_is_bad(const struct learned_name *e)
{
	return e->taken == 0 && e->passed == 0;
}

static int64_t
turn_of(const struct learned_name *e)
{
	uint32_t good = e->taken > e->passed ? e->taken : e->passed;

	return learned_is_bad(e) ? e->refused : good + GOOD_BEHIND;
}

/* leave() and enter() enclose each change of a name: they keep the count of bad
 * names and the order of eviction. */
static void
leave(struct learned_name *e)
{
	e->of->nbad -= learned_is_bad(e);
}

static void
enter(struct learned_name *e)
{
	e->of->nbad += learned_is_bad(e);
	heap_change(&e->of->turns, &e->turn, turn_of(e));
}

struct learned_name *
learned_add(struct learned *l, const char *local)
{
	size_t len = strlen(local) + 1;
	struct learned_name *e = mem_alloc(sizeof(*e) + len);

	memcpy(e->local, local, len);
	e->of = l;
	(void)RB_INSERT(learned_tree, &l->names, e);
	heap_insert(&l->turns, &e->turn, 0);
	l->n++;
	enter(e);
	return e;
}

void
learned_drop(struct learned *l, struct learned_name **ep)
{
	struct learned_name *e = *ep;

	*ep = NULL;
	leave(e);
	l->n--;
	RB_REMOVE(learned_tree, &l->names, e);
	heap_remove(&l->turns, &e->turn);
	free(e);
}

struct learned_name *
learned_least(const struct learned *l)
{
	struct heap_node *n = heap_min(&l->turns);

	return n != NULL ? HEAP_ENTRY(n, struct learned_name, turn) : NULL;
}

/* Whether what was noted at `was` is worth noting again: it is old enough, or
 * the clock was set back. */
static bool
is_news(uint32_t was, uint32_t now, uint32_t apart)
{
	return was == 0 || now < was || now - was >= apart;
}

static bool
note_good(struct learned_name *e, uint32_t *at, uint32_t now)
{
	if (!is_news(*at, now, LEARNED_AGAIN) && e->refused == 0)
		return false;
	*at = now;
	e->refused = e->first = 0;
	return true;
}

/* A series of refusals ends after a gap as long as a refusal is believed, or
 * when the clock was set back. */
static bool
note_refused(struct learned_name *e, uint32_t now)
{
	if (e->of->catch_all || !is_news(e->refused, now, e->of->apart))
		return false;
	if (is_news(e->refused, now, LEARNED_YOUNG))
		e->first = now;
	e->refused = now;
	return true;
}

bool
learned_note(struct learned_name *e, enum learned_what what, uint32_t now)
{
	bool changed = false;

	leave(e);
	(void)learned_trim(e);
	if (what == LEARN_TAKEN)
		changed = note_good(e, &e->taken, now);
	else if (what == LEARN_PASSED)
		changed = note_good(e, &e->passed, now);
	else if (what == LEARN_REFUSED)
		changed = note_refused(e, now);
	enter(e);
	return changed;
}

void
learned_cut(struct learned *l, uint32_t from, uint32_t to)
{
	l->cut_from = l->cut_to == 0 || from < l->cut_from ? from : l->cut_from;
	l->cut_to = to > l->cut_to ? to : l->cut_to;
}

void
learned_tested(struct learned *l, bool catch_all, uint32_t now)
{
	l->tested = now;
	l->catch_all = catch_all;
	if (catch_all)
		learned_cut(l, 1, now);
}

static bool
is_cut(const struct learned_name *e)
{
	return e->refused != 0 && e->refused >= e->of->cut_from &&
	    e->refused <= e->of->cut_to;
}

int
learned_trim(struct learned_name *e)
{
	if (!is_cut(e))
		return 0;
	e->refused = e->first = 0;
	return learned_is_bad(e) ? -1 : 1;
}

static bool
is_believed(const struct learned_name *e, uint32_t now)
{
	uint32_t apart = e->of->apart;

	if (!learned_is_bad(e) && apart < LEARNED_BEATEN)
		apart = LEARNED_BEATEN;
	return !is_cut(e) && e->refused >= e->first &&
	    e->refused - e->first >= apart &&
	    !is_news(e->refused, now, LEARNED_YOUNG);
}

enum learned_word
learned_judge(const struct learned *l, const struct learned_name *e,
    bool doubted, uint32_t now)
{
	if (l->catch_all)
		return e != NULL && e->taken != 0 ? LEARNED_TAKEN :
						    LEARNED_CATCH_ALL;
	if (e == NULL)
		return LEARNED_UNKNOWN;
	if (!doubted && is_believed(e, now))
		return LEARNED_REFUSED;
	if (!learned_is_bad(e))
		return e->taken != 0 ? LEARNED_TAKEN : LEARNED_PASSED;
	return e->refused == 0 || is_cut(e) ? LEARNED_UNKNOWN : LEARNED_DOUBTED;
}

/* Longer ago than that, or never, or in the future since the clock was set
 * back. */
static bool
is_old(int64_t ms, int64_t now_ms, uint32_t seconds)
{
	return ms == 0 || ms > now_ms || now_ms - ms >= (int64_t)seconds * 1000;
}

bool
learned_is_due(const struct learned *l, const struct learned_view *v,
    int64_t now_ms)
{
	if (is_old(v->tested_ms, now_ms, LEARNED_AGAIN))
		return true;
	if (v->word == LEARNED_CATCH_ALL)
		return false;
	if (v->refused_ms != 0)
		return is_old(v->refused_ms, now_ms, l->apart);
	return is_old(v->taken_ms, now_ms, LEARNED_AGAIN) &&
	    is_old(v->passed_ms, now_ms, LEARNED_AGAIN);
}

/* ---- stored forms: a version, then times, little endian */

void
learned_save(const struct learned_name *e, uint8_t dst[LEARNED_RECORD])
{
	dst[0] = VERSION;
	le_put(dst + 1, e->taken, 4);
	le_put(dst + 5, e->passed, 4);
	le_put(dst + 9, e->refused, 4);
	le_put(dst + 13, e->first, 4);
}

int
learned_load(struct learned_name *e, const void *data, size_t len)
{
	const uint8_t *p = data;

	if (len != LEARNED_RECORD || p[0] != VERSION)
		return -MX_ECORRUPT;
	leave(e);
	e->taken = (uint32_t)le_get(p + 1, 4);
	e->passed = (uint32_t)le_get(p + 5, 4);
	e->refused = (uint32_t)le_get(p + 9, 4);
	e->first = (uint32_t)le_get(p + 13, 4);
	enter(e);
	return 0;
}

void
learned_head_save(const struct learned *l, uint8_t dst[LEARNED_HEAD])
{
	dst[0] = VERSION;
	dst[1] = l->catch_all;
	le_put(dst + 2, l->tested, 4);
	le_put(dst + 6, l->cut_from, 4);
	le_put(dst + 10, l->cut_to, 4);
}

int
learned_head_load(struct learned *l, const void *data, size_t len)
{
	const uint8_t *p = data;

	if (len != LEARNED_HEAD || p[0] != VERSION || p[1] > 1)
		return -MX_ECORRUPT;
	l->catch_all = p[1] != 0;
	l->tested = (uint32_t)le_get(p + 2, 4);
	l->cut_from = (uint32_t)le_get(p + 6, 4);
	l->cut_to = (uint32_t)le_get(p + 10, 4);
	return 0;
}
