/* SPDX-License-Identifier: ISC
 * verdicts: each node's view of a primary, and the number of nodes that send to
 * it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cluster/cluster_int.h"

RB_GENERATE(judged_tree, judged, link, judged_cmp)

int
judged_cmp(const struct judged *a, const struct judged *b)
{
	return strcmp(a->label, b->label);
}

struct judged *
judged_find(const struct cluster *cl, const char *label)
{
	struct judged *p = RB_ROOT(&cl->primaries);
	int c;

	while (p != NULL && (c = strcmp(label, p->label)) != 0)
		p = c < 0 ? RB_LEFT(p, link) : RB_RIGHT(p, link);
	return p;
}

struct judged *
judged_get(struct cluster *cl, const char *label)
{
	struct judged *p = judged_find(cl, label);
	size_t len = strlen(label) + 1;

	if (p != NULL)
		return p;
	p = mem_alloc(sizeof(*p) + len);
	memcpy(p->label, label, len);
	RB_INSERT(judged_tree, &cl->primaries, p);
	return p;
}

void
judged_fini(struct cluster *cl)
{
	struct judged *p;
	struct seen *s;

	while ((p = RB_ROOT(&cl->primaries)) != NULL) {
		RB_REMOVE(judged_tree, &cl->primaries, p);
		while ((s = SLIST_FIRST(&p->seen)) != NULL) {
			SLIST_REMOVE_HEAD(&p->seen, link);
			free(s->cause);
			free(s);
		}
		free(p);
	}
}

/* ---- reports */

static struct seen *
seen_find(const struct judged *p, unsigned node)
{
	struct seen *s;

	SLIST_FOREACH (s, &p->seen, link)
		if (s->node == node)
			return s;
	return NULL;
}

static struct seen *
seen_get(struct judged *p, unsigned node)
{
	struct seen *s = seen_find(p, node);

	if (s != NULL)
		return s;
	s = mem_alloc(sizeof(*s));
	s->node = (uint8_t)node;
	s->state = HEALTH_STATE_MAX; /* none so far */
	SLIST_INSERT_HEAD(&p->seen, s, link);
	return s;
}

/* The same state since another time: it changed in between. */
static void
seen_set(struct seen *s, enum health_state state, int64_t since,
    const char *cause)
{
	if (s->state != state || s->since != since)
		s->heard_ns = clock_now();
	if (s->state == HEALTH_DOWN && state != HEALTH_DOWN)
		s->down_ns = clock_now();
	s->state = (uint8_t)state;
	s->since = since;
	free(s->cause);
	s->cause = *cause != '\0' ? mem_strndup(cause, CAUSE_MAX - 1) : NULL;
}

/* "STATE SINCE CAUSE" */
void
verdict_told(struct cluster *cl, const char *rest, const void *data, size_t len)
{
	char text[CAUSE_MAX + 40], *end;
	const char *label;
	unsigned node = key_node(rest, &label);
	long state;
	long long since;

	if (node == 0 || node == cl->us || *label == '\0' || len == 0)
		return;
	if (len >= sizeof(text))
		len = sizeof(text) - 1;
	memcpy(text, data, len);
	text[len] = '\0';
	state = strtol(text, &end, 10);
	since = strtoll(end, &end, 10);
	if (state < 0 || state >= HEALTH_STATE_MAX)
		return;
	text_ascii(end);
	seen_set(seen_get(judged_get(cl, label), node),
	    (enum health_state)state, since, *end == ' ' ? end + 1 : "");
	cl->ops.judged(cl->ops.arg, label);
}

void
cluster_see(struct cluster *cl, const char *label, enum health_state state,
    int64_t since, const char *cause)
{
	const struct judged *p = judged_find(cl, label);
	struct seen *s = p != NULL ? seen_find(p, cl->us) : NULL;
	char key[KEY_MAX], text[CAUSE_MAX + 40];
	int n;

	if (s != NULL && s->state == state && !s->untold)
		return;
	if (strlen(label) + 20 >= sizeof(key) || cl->fenced || cl->stopped)
		return;
	s = seen_get(judged_get(cl, label), cl->us);
	seen_set(s, state, since, cause);
	s->untold = false;
	(void)snprintf(key, sizeof(key), "verdict/%u/%s", cl->us, label);
	n = snprintf(text, sizeof(text), "%d %lld %.*s", (int)state,
	    (long long)since, CAUSE_MAX - 1, cause);
	put_state(cl, key, text, (size_t)n);
	cl->ops.judged(cl->ops.arg, label);
}

/* Reports made while another had our place were not accepted. */
void
verdicts_again(struct cluster *cl)
{
	struct judged *p;
	struct seen *s;

	RB_FOREACH (p, judged_tree, &cl->primaries)
		if ((s = seen_find(p, cl->us)) != NULL)
			s->untold = true;
}

/* ---- consequences */

static int
rank(enum health_state s)
{
	static const int ranks[HEALTH_STATE_MAX] = { [HEALTH_UP] = 4,
		[HEALTH_RECOVERING] = 3,
		[HEALTH_SUSPECT] = 2,
		[HEALTH_DOWN] = 1 };

	return ranks[s];
}

static const struct seen *
best(const struct cluster *cl, unsigned node, const char *const *labels,
    unsigned n)
{
	const struct seen *s, *found = NULL;
	const struct judged *p;

	for (unsigned i = 0; i < n; i++) {
		p = judged_find(cl, labels[i]);
		s = p != NULL ? seen_find(p, node) : NULL;
		if (s != NULL &&
		    (found == NULL || rank(s->state) > rank(found->state)))
			found = s;
	}
	return found;
}

/* An owner loses the domain as soon as it sees the primary down; a node that is
 * to get it, or get it back, must have seen it up for a while. */
enum choose_sees
verdict_sees(const struct cluster *cl, unsigned node, unsigned owner,
    const char *const *labels, unsigned n)
{
	const struct seen *s = best(cl, node, labels, n);
	int64_t now = clock_now(), hold = cl->conf.hold_ms * CLOCK_MS;

	if (s == NULL)
		return CHOOSE_UNKNOWN;
	if (s->state == HEALTH_DOWN)
		return CHOOSE_DOWN;
	if (s->state == HEALTH_UP &&
	    (node == cl->us || now - s->heard_ns >= hold))
		return CHOOSE_UP;
	if (node != owner && s->down_ns != 0 && now - s->down_ns < hold)
		return CHOOSE_DOWN;
	return CHOOSE_UNKNOWN;
}

unsigned
cluster_verdicts(const struct cluster *cl, const char *domain,
    struct cluster_verdict *out, unsigned max)
{
	const char *labels[LABELS_MAX];
	unsigned n = cl->ops.labels(cl->ops.arg, domain, labels, LABELS_MAX);
	const struct seen *s;
	unsigned k = 0;

	for (unsigned i = 1; i < NODES && k < max; i++) {
		s = cl->node[i].known ? best(cl, i, labels, n) : NULL;
		if (s != NULL)
			out[k++] = (struct cluster_verdict){ i,
				(enum health_state)s->state, s->since,
				s->cause != NULL ? s->cause : "" };
	}
	return k;
}

/* ---- senders */

void
judged_count(struct cluster *cl, struct judged *p, bool first, unsigned owner)
{
	if (p->walk != cl->walk) {
		if (p->walk == cl->complete) {
			p->domains = p->domains_now;
			p->owners = p->owners_now;
		} else {
			p->domains = 0;
			p->owners = 0;
		}
		p->domains_now = 0;
		p->owners_now = 0;
		p->walk = cl->walk;
	}
	p->domains_now += first;
	if (owner != 0)
		p->owners_now |= UINT32_C(1) << owner;
}

/* A move: the next walk counts it; until then it counts as one more. */
void
judged_owner(struct cluster *cl, struct judged *p, unsigned owner)
{
	uint32_t before = cluster_senders(cl, p->label);

	judged_count(cl, p, false, owner);
	p->owners |= UINT32_C(1) << owner;
	if (cluster_senders(cl, p->label) != before)
		cl->ops.judged(cl->ops.arg, p->label);
}

/* A walk has been completed since: nobody owns a domain of it any more. */
static bool
is_past(const struct cluster *cl, const struct judged *p)
{
	return p->walk < cl->complete;
}

unsigned
judged_domains(const struct cluster *cl, const struct judged *p)
{
	if (is_past(cl, p))
		return 0;
	return p->walk == cl->complete ? p->domains_now : p->domains;
}

/* By the previous walk, and this one so far. */
uint32_t
cluster_senders(const struct cluster *cl, const char *label)
{
	const struct judged *p = judged_find(cl, label);

	return p != NULL && !is_past(cl, p) ? p->owners | p->owners_now : 0;
}
