/* SPDX-License-Identifier: ISC
 * maintenance_cover: active windows by subject: a tree of the domains and
 * primaries that an active window names, each with its windows; and the
 * look-up. */
#include <string.h>

#include "base/mem.h"
#include "daemon/maintenance_int.h"
#include "net/addr.h"
#include "net/route.h"

/* A subject of active windows. */
struct covered_subject {
	RB_ENTRY(covered_subject) node;
	char name[MAINTENANCE_SUBJECT_MAX];
	bool is_primary;
	const struct maintenance **by;
	size_t n;
};

static int
covered_cmp(const struct covered_subject *a, const struct covered_subject *b)
{
	if (a->is_primary != b->is_primary)
		return a->is_primary ? 1 : -1;
	return strcmp(a->name, b->name);
}

/* RB_GENERATE_STATIC needs an attribute that libbsd does not define here. */
RB_GENERATE_INTERNAL(covered_tree, covered_subject, node, covered_cmp,
    static MX_UNUSED)

const char *
maintenance_name(const struct maintenance *m)
{
	return m->conf != NULL ? m->conf->name : "";
}

/* A primary's label, whichever way the configuration writes the name. */
static const char *
label_of(const char *text, char dst[MAINTENANCE_SUBJECT_MAX])
{
	char host[TEXT_DOMAIN_MAX];
	uint16_t port;

	if (addr_split_host(text, host, &port, 25) != 0)
		(void)strlcpy(dst, text, MAINTENANCE_SUBJECT_MAX);
	else
		route_label(host, port, dst);
	return dst;
}

const char *
maintenance_subject(const struct maintenance *m, size_t n, bool *is_primary,
    char dst[MAINTENANCE_SUBJECT_MAX])
{
	const struct conf_maintenance *c = m->conf;

	*is_primary = m->is_primary;
	if (c == NULL)
		return n == 0 ? m->subject : NULL;
	*is_primary = n >= c->domains.n;
	if (!*is_primary)
		return c->domains.s[n];
	n -= c->domains.n;
	return n < c->primaries.n ? label_of(c->primaries.s[n], dst) : NULL;
}

static struct covered_subject *
covered_find(const struct covered_tree *t, const char *name, bool is_primary)
{
	struct covered_subject key = { .is_primary = is_primary };

	(void)strlcpy(key.name, name, sizeof(key.name));
	return RB_FIND(covered_tree, (struct covered_tree *)(uintptr_t)t, &key);
}

static void
tell(struct maintenance_set *s, const struct covered_subject *c, bool begins,
    const struct maintenance *m)
{
	if (c->is_primary && s->ops.primary != NULL)
		s->ops.primary(s->ops.arg, c->name, begins, m);
}

static void
cover(struct maintenance_set *s, const struct maintenance *m, const char *name,
    bool is_primary)
{
	struct covered_subject *c = covered_find(&s->covered, name, is_primary);

	if (c == NULL) {
		c = mem_alloc(sizeof(*c));
		(void)strlcpy(c->name, name, sizeof(c->name));
		c->is_primary = is_primary;
		RB_INSERT(covered_tree, &s->covered, c);
		tell(s, c, true, m);
	}
	c->by = mem_grow(c->by, c->n + 1, sizeof(const struct maintenance *));
	c->by[c->n++] = m;
}

static void
uncover(struct maintenance_set *s, const struct maintenance *m,
    const char *name, bool is_primary)
{
	struct covered_subject *c = covered_find(&s->covered, name, is_primary);
	size_t i;

	for (i = 0; c->by[i] != m; i++)
		;
	c->by[i] = c->by[--c->n];
	if (c->n > 0)
		return;
	tell(s, c, false, m);
	RB_REMOVE(covered_tree, &s->covered, c);
	mem_free(&c->by);
	mem_free(&c);
}

size_t
cover_all(struct maintenance_set *s, const struct maintenance *m, bool yes)
{
	char dst[MAINTENANCE_SUBJECT_MAX];
	const char *name;
	bool is_primary;
	size_t n;

	for (n = 0;
	     (name = maintenance_subject(m, n, &is_primary, dst)) != NULL; n++)
		(yes ? cover : uncover)(s, m, name, is_primary);
	return n;
}

/* ---- look-up */

static void
widen(struct maintenance_view *v, const struct maintenance *m)
{
	v->hold |= m->hold;
	if (v->active && v->until >= m->until)
		return;
	v->active = true;
	v->by = m;
	v->from = m->from;
	v->until = m->until;
}

static bool
look(const struct maintenance_set *s, const char *name, bool is_primary,
    struct maintenance_view *v)
{
	const struct covered_subject *c =
	    covered_find(&s->covered, name, is_primary);

	memset(v, 0, sizeof(*v));
	for (size_t i = 0; c != NULL && i < c->n; i++)
		widen(v, c->by[i]);
	return v->active;
}

bool
maintenance_of_primary(const struct maintenance_set *s, const char *label,
    struct maintenance_view *v)
{
	return look(s, label, true, v);
}

/* A window over all primaries of a domain lasts while each of them is in
 * one. */
static bool
look_primaries(const struct maintenance_set *s, const char *const *labels,
    unsigned n, struct maintenance_view *v)
{
	struct maintenance_view one;

	memset(v, 0, sizeof(*v));
	for (unsigned i = 0; i < n; i++) {
		if (!look(s, labels[i], true, &one))
			return false;
		if (i == 0) {
			*v = one;
			continue;
		}
		one.hold &= v->hold; /* held only if all primaries are held */
		if (one.until > v->until) {
			one.until = v->until;
			one.by = v->by;
		}
		if (one.from < v->from)
			one.from = v->from;
		*v = one;
	}
	return n > 0;
}

bool
maintenance_of_domain(const struct maintenance_set *s, const char *domain,
    const char *const *labels, unsigned n, struct maintenance_view *v)
{
	struct maintenance_view by;

	if (!maintenance_any(s)) {
		memset(v, 0, sizeof(*v));
		return false;
	}
	look(s, domain, false, v);
	if (!look_primaries(s, labels, n, &by))
		return v->active;
	by.hold |= v->hold;
	v->hold = by.hold;
	if (!v->active || by.until > v->until)
		*v = by;
	return true;
}

bool
maintenance_any(const struct maintenance_set *s)
{
	return !RB_EMPTY(&s->covered);
}

void
covered_free(struct covered_tree *t)
{
	struct covered_subject *c, *next;

	RB_FOREACH_SAFE (c, covered_tree, t, next) {
		RB_REMOVE(covered_tree, t, c);
		mem_free(&c->by);
		mem_free(&c);
	}
}
