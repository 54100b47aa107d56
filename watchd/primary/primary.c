/* SPDX-License-Identifier: ISC
 * primary: the table, and what a session changes in the facts about a host. */
#include "primary/primary.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/route.h"

#define SMOOTH 8 /* weight of a new greeting: an eighth */

RB_HEAD(primary_tree, primary);

struct primary_table {
	struct primary_tree tree;
	struct host_memory *memory;
	unsigned n;
};

static int
primary_cmp(const struct primary *a, const struct primary *b)
{
	return strcmp(a->label, b->label);
}

RB_GENERATE_INTERNAL(primary_tree, primary, node, primary_cmp, static MX_UNUSED)

struct primary_table *
primary_table_create(void)
{
	struct primary_table *t = mem_alloc(sizeof(*t));

	RB_INIT(&t->tree);
	return t;
}

void
primary_table_destroy(struct primary_table **tp)
{
	if (*tp == NULL)
		return;
	MX_ASSERT((*tp)->n == 0);
	mem_free(tp);
}

void
primary_table_remember(struct primary_table *t, struct host_memory *memory)
{
	t->memory = memory;
}

struct primary *
primary_find(const struct primary_table *t, const char *label)
{
	struct primary key = { .label = (char *)(uintptr_t)label };

	return RB_FIND(primary_tree, (struct primary_tree *)(uintptr_t)&t->tree,
	    &key);
}

struct primary *
primary_get(struct primary_table *t, const char *name, uint16_t port,
    int64_t now, int64_t wall)
{
	static const struct health_conf once = { 1, 1, 0 };
	char label[PRIMARY_LABEL_MAX];
	struct primary *p = primary_find(t, route_label(name, port, label));

	if (p == NULL) {
		p = mem_alloc(sizeof(*p));
		p->label = mem_strdup(label);
		p->name = mem_strdup(name);
		p->port = port;
		health_init(&p->reach, &once, now);
		p->reach_since = wall;
		LIST_INIT(&p->watches);
		p->memory = t->memory;
		host_memory_recall_primary(p->memory, label, &p->tls_last,
		    &p->fallback_since);
		(void)RB_INSERT(primary_tree, &t->tree, p);
		t->n++;
	}
	p->refs++;
	return p;
}

void
primary_put(struct primary_table *t, struct primary **pp)
{
	struct primary *p = *pp;

	*pp = NULL;
	if (p == NULL || --p->refs > 0)
		return;
	RB_REMOVE(primary_tree, &t->tree, p);
	t->n--;
	bounds_fini(&p->connections);
	snap_server_unref(&p->shown);
	mem_free(&p->label);
	mem_free(&p->name);
	mem_free(&p);
}

unsigned
primary_count(const struct primary_table *t)
{
	return t->n;
}

struct primary *
primary_next(struct primary_table *t, struct primary *p)
{
	return p == NULL ? RB_MIN(primary_tree, &t->tree) :
			   RB_NEXT(primary_tree, &t->tree, p);
}

/* ---- a session */

char *
primary_cause(const struct primary_session *s, char *dst, size_t size)
{
	const char *text =
	    s->text != NULL && s->text[0] != '\0' ? s->text : "no reason given";
	char code[8], whole[1024];

	(void)snprintf(code, sizeof(code), "%u", s->code);
	/* An error text of our own that quotes the reply begins with its
	 * code. */
	if (s->code != 0 && strncmp(text, code, strlen(code)) != 0)
		(void)snprintf(whole, sizeof(whole), "%s: %u %s",
		    smtp_phase_name(s->phase), s->code, text);
	else
		(void)snprintf(whole, sizeof(whole), "%s: %s",
		    smtp_phase_name(s->phase), text);
	return text_cut(dst, size, whole);
}

void
primary_record(struct primary_record *r, const struct primary_session *s,
    int64_t wall)
{
	r->probed = true;
	r->ok = s->ok;
	r->phase = s->ok ? SMTP_PHASE_NONE : s->phase;
	r->code = s->code;
	(void)strlcpy(r->text, s->text != NULL ? s->text : "", sizeof(r->text));
	for (unsigned i = 0; s->phase_ns != NULL && i < SMTP_PHASE_MAX; i++)
		r->phase_seconds[i] = (float)((double)s->phase_ns[i] / 1e9);
	r->probes++;
	r->last_run = wall;
	if (s->tls_by != NULL) {
		r->tls_by = s->tls_by;
		r->tls_why = s->tls_why;
	}
	if (s->cert_not_after != 0 || s->ok)
		r->cert_not_after = s->cert_not_after;
	if (s->ok) {
		r->last_success = wall;
	} else {
		r->failures++;
		r->failures_phase[s->phase]++;
	}
}

static bool
offer_equal(const struct primary_offer *a, const struct primary_offer *b)
{
	return a->ext == b->ext && a->size == b->size &&
	    a->limits.mails == b->limits.mails &&
	    a->limits.rcpts == b->limits.rcpts;
}

static void
take_offer(struct primary *p, const struct primary_offer *offer, int64_t wall)
{
	if (offer == NULL ||
	    (p->offer.since != 0 && offer_equal(&p->offer, offer)))
		return;
	if (p->offer.since != 0)
		p->before = p->offer;
	p->offer = *offer;
	p->offer.since = wall;
}

/* A host that never did TLS cannot lose it. */
static void
take_tls(struct primary *p, const struct primary_session *s, int64_t wall)
{
	if (s->cert_not_after != 0) {
		p->tls_last = wall;
		p->fallback_since = 0;
	} else if (s->clear) {
		p->fallbacks++;
		if (p->tls_last != 0 && p->fallback_since == 0)
			p->fallback_since = wall;
	}
}

/* Reached: EHLO was answered. A later failure concerns the policy only. */
static bool
session_reached(const struct primary_session *s)
{
	return s->ok || s->offer != NULL || s->phase > SMTP_PHASE_EHLO;
}

static void
take_reach(struct primary *p, const struct primary_session *s,
    const struct health_conf *conf, int64_t now, int64_t wall)
{
	bool reached = session_reached(s), changed;
	struct health_change c;

	health_conf_set(&p->reach, conf);
	changed = health_feed(&p->reach,
	    s->backup	? HEALTH_IN_NO_PRIMARY :
		reached ? HEALTH_IN_OK :
			  HEALTH_IN_FAIL,
	    now, &c);
	/* `reach` has no flush to wait for: recovering is up at once. */
	if (changed && c.to == HEALTH_RECOVERING)
		(void)health_feed(&p->reach, HEALTH_IN_FLUSHED, now, &c);
	if (changed)
		p->reach_since = wall;
	if (s->backup)
		(void)strlcpy(p->cause, s->text, sizeof(p->cause));
	else if (!reached)
		(void)primary_cause(s, p->cause, sizeof(p->cause));
	else if (p->reach.state == HEALTH_UP)
		p->cause[0] = '\0';
}

void
primary_session(struct primary *p, const struct primary_session *s,
    const struct health_conf *conf, int64_t now, int64_t wall)
{
	int64_t greeting;

	primary_record(&p->last, s, wall);
	if (s->neutral)
		return;
	take_reach(p, s, conf, now, wall);
	take_offer(p, s->offer, wall);
	take_tls(p, s, wall);
	host_memory_primary(p->memory, p->label, p->tls_last, p->fallback_since,
	    now);
	greeting = s->phase_ns != NULL ? s->phase_ns[SMTP_PHASE_GREETING] : 0;
	if (session_reached(s) && greeting > 0)
		p->greeting_ns += p->greeting_ns == 0 ?
		    greeting :
		    (greeting - p->greeting_ns) / SMOOTH;
}
