/* SPDX-License-Identifier: ISC
 * verdicts: what each node sees of a primary, and how many nodes send to it. */
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

	while ((p = RB_ROOT(&cl->primaries)) != NULL) {
		RB_REMOVE(judged_tree, &cl->primaries, p);
		for (unsigned i = 0; i < NODES; i++)
			free(p->seen[i]);
		free(p);
	}
}

/* ---- what is told */

static void
seen_set(struct cluster *cl, unsigned node, const char *label,
    enum health_state state, int64_t since, const char *cause)
{
	struct judged *p = judged_get(cl, label);
	struct seen *s = p->seen[node];

	if (s == NULL)
		s = p->seen[node] = mem_alloc(sizeof(*s));
	else if (s->state == state)
		goto cause;
	s->state = state;
	s->since = since;
	s->heard_ns = clock_now();
cause:
	(void)strlcpy(s->cause, cause, sizeof(s->cause));
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
	seen_set(cl, node, label, (enum health_state)state, since,
	    *end == ' ' ? end + 1 : "");
	cl->ops.judged(cl->ops.arg, label);
}

void
cluster_see(struct cluster *cl, const char *label, enum health_state state,
    int64_t since, const char *cause)
{
	const struct judged *p = judged_find(cl, label);
	char key[KEY_MAX], text[CAUSE_MAX + 40];
	int n;

	if (p != NULL && p->seen[cl->us] != NULL &&
	    p->seen[cl->us]->state == state)
		return;
	if (strlen(label) + 20 >= sizeof(key) || cl->fenced || cl->stopped)
		return;
	seen_set(cl, cl->us, label, state, since, cause);
	(void)snprintf(key, sizeof(key), "verdict/%u/%s", cl->us, label);
	n = snprintf(text, sizeof(text), "%d %lld %.*s", (int)state,
	    (long long)since, CAUSE_MAX - 1, cause);
	put_state(cl, key, text, (size_t)n);
	cl->ops.judged(cl->ops.arg, label);
}

/* ---- what follows */

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
		s = p != NULL ? p->seen[node] : NULL;
		if (s != NULL &&
		    (found == NULL || rank(s->state) > rank(found->state)))
			found = s;
	}
	return found;
}

enum choose_sees
verdict_sees(const struct cluster *cl, unsigned node, const char *const *labels,
    unsigned n)
{
	const struct seen *s = best(cl, node, labels, n);

	if (s == NULL)
		return CHOOSE_UNKNOWN;
	if (s->state == HEALTH_DOWN)
		return CHOOSE_DOWN;
	if (s->state == HEALTH_UP &&
	    (node == cl->us ||
		clock_now() - s->heard_ns >= cl->conf.hold_ms * CLOCK_MS))
		return CHOOSE_UP;
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
			out[k++] = (struct cluster_verdict){ i, s->state,
				s->since, s->cause };
	}
	return k;
}

/* ---- who sends to it */

void
judged_count(struct cluster *cl, struct judged *p, bool first, unsigned owner)
{
	if (p->walk != cl->walk) {
		if (p->walk == cl->complete) {
			p->domains = p->domains_now;
			p->owners = p->owners_now;
		}
		p->domains_now = 0;
		p->owners_now = 0;
		p->walk = cl->walk;
	}
	p->domains_now += first;
	if (owner != 0)
		p->owners_now |= UINT32_C(1) << owner;
}

unsigned
judged_domains(const struct cluster *cl, const struct judged *p)
{
	return p->walk == cl->complete ? p->domains_now : p->domains;
}

/* As the walk before counted, and this one so far. */
uint32_t
cluster_senders(const struct cluster *cl, const char *label)
{
	const struct judged *p = judged_find(cl, label);

	return p != NULL ? p->owners | p->owners_now : 0;
}

unsigned
cluster_sharers(const struct cluster *cl, const char *label)
{
	unsigned n = 0;

	for (uint32_t m = cluster_senders(cl, label); m != 0; m &= m - 1)
		n++;
	return n > 0 ? n : 1;
}
