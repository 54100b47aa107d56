/* SPDX-License-Identifier: ISC
 * alert_share: see alert_share.h. One write of a key at a time. */
#include "daemon/alert_share.h"

#include <sys/tree.h>

#include <string.h>

#include "base/log.h"
#include "base/mem.h"

struct share_entry {
	RB_ENTRY(share_entry) link;
	uint64_t token; /* of the write that is under way; 0: none */
	bool due; /* `text` is not written yet */
	char *text; /* NULL: it is to be gone */
	char key[];
};
RB_HEAD(shared_tree, share_entry);

struct alert_share {
	struct store *store;
	struct shared_tree tree;
	unsigned n;
	uint64_t last;
};

static int
shared_compare(const struct share_entry *a, const struct share_entry *b)
{
	return strcmp(a->key, b->key);
}

RB_PROTOTYPE(shared_tree, share_entry, link, shared_compare)
RB_GENERATE(shared_tree, share_entry, link, shared_compare)

/* By hand: RB_FIND would need an entry with the key in it. */
static struct share_entry *
shared_find(struct alert_share *a, const char *key)
{
	struct share_entry *s = RB_ROOT(&a->tree);
	int c;

	while (s != NULL && (c = strcmp(key, s->key)) != 0)
		s = c < 0 ? RB_LEFT(s, link) : RB_RIGHT(s, link);
	return s;
}

static struct share_entry *
shared_add(struct alert_share *a, const char *key)
{
	static struct log_limit limit;
	size_t len = strlen(key) + 1;
	struct share_entry *s;

	if (a->n >= ALERT_SHARE_MAX) {
		if (log_limit_ok(&limit, 300))
			log_warn("alerts",
			    "problem=\"too much to share with other nodes\"");
		return NULL;
	}
	s = mem_alloc(sizeof(*s) + len);
	memcpy(s->key, key, len);
	RB_INSERT(shared_tree, &a->tree, s);
	a->n++;
	return s;
}

static void
shared_remove(struct alert_share *a, struct share_entry *s)
{
	RB_REMOVE(shared_tree, &a->tree, s);
	mem_free(&s->text);
	mem_free(&s);
	a->n--;
}

static void on_written(void *arg, uint64_t token, int rc);

static void
write_now(struct alert_share *a, struct share_entry *s)
{
	s->due = false;
	s->token = ++a->last;
	store_state_put(a->store, s->key, s->text,
	    s->text != NULL ? strlen(s->text) : 0, on_written, a, s->token);
}

static struct share_entry *
by_token(struct alert_share *a, uint64_t token)
{
	struct share_entry *s;

	RB_FOREACH (s, shared_tree, &a->tree)
		if (s->token == token)
			break;
	return s;
}

static void
on_written(void *arg, uint64_t token, int rc)
{
	struct alert_share *a = arg;
	struct share_entry *s = by_token(a, token);

	if (s == NULL)
		return;
	s->token = 0;
	if (s->due) /* it is another meanwhile */
		write_now(a, s);
	else if (rc != 0)
		s->due = true; /* by the tick */
	else
		shared_remove(a, s);
}

void
alert_share_put(const char *key, const char *text, void *arg)
{
	struct alert_share *a = arg;
	struct share_entry *s = shared_find(a, key);

	if (s == NULL && (s = shared_add(a, key)) == NULL)
		return;
	mem_free(&s->text);
	s->text = text != NULL ? mem_strdup(text) : NULL;
	s->due = true;
	if (s->token == 0)
		write_now(a, s);
}

void
alert_share_tick(struct alert_share *a)
{
	struct store_info si;
	struct share_entry *s, *next;

	if (a->n == 0)
		return;
	store_info(a->store, &si);
	if (si.away_ms != 0 || si.fenced)
		return;
	RB_FOREACH_SAFE (s, shared_tree, &a->tree, next)
		if (s->due && s->token == 0)
			write_now(a, s);
}

struct alert_share *
alert_share_create(struct store *store)
{
	struct alert_share *a = mem_alloc(sizeof(*a));

	a->store = store;
	RB_INIT(&a->tree);
	return a;
}

void
alert_share_destroy(struct alert_share **ap)
{
	struct alert_share *a = *ap;
	struct share_entry *s;

	if (a == NULL)
		return;
	while ((s = RB_MIN(shared_tree, &a->tree)) != NULL)
		shared_remove(a, s);
	mem_free(ap);
}
