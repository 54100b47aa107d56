/* SPDX-License-Identifier: ISC
 * ledger_store: a tree by key, and a list of those that are to go next. */
#include "ledger/ledger_store.h"

#include <sys/queue.h>
#include <sys/tree.h>

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#define UNDER_WAY 64 /* at once */

struct ledger_write {
	RB_ENTRY(ledger_write) node;
	TAILQ_ENTRY(ledger_write) link; /* of `due`, or of `sent` */
	uint64_t token; /* 0: it is not under way */
	bool again; /* it is another one meanwhile */
	struct kept_line *line; /* NULL: it is to be gone */
	char key[];
};
RB_HEAD(ledger_write_tree, ledger_write);
TAILQ_HEAD(ledger_write_list, ledger_write);

struct ledger_store {
	ledger_put_cb *put;
	void *arg;
	struct ledger_write_tree tree;
	struct ledger_write_list due, sent;
	unsigned n, nsent, most; /* most: under way */
	uint64_t last;
	bool failed, ended;
};

static int
key_cmp(const struct ledger_write *a, const struct ledger_write *b)
{
	return strcmp(a->key, b->key);
}
RB_GENERATE_INTERNAL(ledger_write_tree, ledger_write, node, key_cmp,
    static MX_UNUSED)

/* By hand: RB_FIND would need an entry with the key in it. */
static struct ledger_write *
write_find(const struct ledger_store *s, const char *key)
{
	struct ledger_write *w = s->tree.rbh_root;
	int c;

	while (w != NULL && (c = strcmp(key, w->key)) != 0)
		w = c < 0 ? RB_LEFT(w, node) : RB_RIGHT(w, node);
	return w;
}

static struct ledger_write *
write_add(struct ledger_store *s, const char *key)
{
	size_t len = strlen(key) + 1;
	struct ledger_write *w = mem_alloc(sizeof(*w) + len);

	memcpy(w->key, key, len);
	RB_INSERT(ledger_write_tree, &s->tree, w);
	TAILQ_INSERT_TAIL(&s->due, w, link);
	s->n++;
	return w;
}

static void
write_remove(struct ledger_store *s, struct ledger_write *w)
{
	RB_REMOVE(ledger_write_tree, &s->tree, w);
	if (w->token != 0) {
		TAILQ_REMOVE(&s->sent, w, link);
		s->nsent--;
	} else {
		TAILQ_REMOVE(&s->due, w, link);
	}
	s->n--;
	kept_line_unref(&w->line);
	mem_free(&w);
}

/* Completions may come within the call; what fails then is not tried again in it. */
static void
send_some(struct ledger_store *s)
{
	unsigned left = s->n - s->nsent;
	struct ledger_write *w;

	while (s->nsent < s->most && left-- > 0 &&
	    (w = TAILQ_FIRST(&s->due)) != NULL) {
		TAILQ_REMOVE(&s->due, w, link);
		TAILQ_INSERT_TAIL(&s->sent, w, link);
		s->nsent++;
		w->token = ++s->last;
		w->again = false;
		s->put(s->arg, w->key, w->line != NULL ? w->line->text : NULL,
		    w->token);
	}
}

static void
judge(struct ledger_store *s, int rc)
{
	if (rc != 0 && !s->failed)
		log_warn("ledger",
		    "problem=%s effect=\"outages are not shared yet\" "
		    "waiting=%u",
		    log_q(mx_strerror(rc)), s->n);
	else if (rc == 0 && s->failed)
		log_notice("ledger", "shared=1");
	s->failed = rc != 0;
}

void
ledger_store_done(struct ledger_store *s, uint64_t token, int rc)
{
	struct ledger_write *w;

	TAILQ_FOREACH (w, &s->sent, link)
		if (w->token == token)
			break;
	if (w == NULL) /* it was forgotten */
		return;
	judge(s, rc);
	if (rc == 0 && !w->again) {
		write_remove(s, w);
	} else {
		TAILQ_REMOVE(&s->sent, w, link);
		TAILQ_INSERT_TAIL(&s->due, w, link);
		s->nsent--;
		w->token = 0;
	}
	if (rc == 0 && !s->ended) /* else by the tick */
		send_some(s);
}

void
ledger_store_put(struct ledger_store *s, const char *key,
    struct kept_line *line)
{
	struct ledger_write *w = write_find(s, key);

	if (w == NULL)
		w = write_add(s, key);
	kept_line_unref(&w->line);
	w->line = line != NULL ? kept_line_ref(line) : NULL;
	w->again = w->token != 0;
	if (!s->failed && !s->ended)
		send_some(s);
}

void
ledger_store_tick(struct ledger_store *s)
{
	if (!s->ended)
		send_some(s);
}

void
ledger_store_flush(struct ledger_store *s)
{
	s->most = s->n;
	send_some(s);
	s->ended = true;
}

void
ledger_store_forget(struct ledger_store *s)
{
	while (!RB_EMPTY(&s->tree))
		write_remove(s, RB_ROOT(&s->tree));
	s->failed = false;
}

unsigned
ledger_store_waiting(const struct ledger_store *s)
{
	return s->n;
}

bool
ledger_store_waits(const struct ledger_store *s, const char *key)
{
	return write_find(s, key) != NULL;
}

bool
ledger_store_failing(const struct ledger_store *s)
{
	return s->failed;
}

struct kept_line **
ledger_store_left(const struct ledger_store *s, unsigned *np)
{
	struct ledger_write_tree *tree =
	    (struct ledger_write_tree *)(uintptr_t)&s->tree;
	struct kept_line **line;
	struct ledger_write *w;
	unsigned n = 0;

	*np = 0;
	if (s->n == 0)
		return NULL;
	line = mem_array(s->n, sizeof(struct kept_line *));
	RB_FOREACH (w, ledger_write_tree, tree)
		if (w->line != NULL)
			line[n++] = kept_line_ref(w->line);
	*np = n;
	return line;
}

struct ledger_store *
ledger_store_create(ledger_put_cb *put, void *arg)
{
	struct ledger_store *s = mem_alloc(sizeof(*s));

	s->put = put;
	s->arg = arg;
	s->most = UNDER_WAY;
	RB_INIT(&s->tree);
	TAILQ_INIT(&s->due);
	TAILQ_INIT(&s->sent);
	return s;
}

void
ledger_store_destroy(struct ledger_store **sp)
{
	if (*sp == NULL)
		return;
	ledger_store_forget(*sp);
	mem_free(sp);
}
