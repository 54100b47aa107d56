/* SPDX-License-Identifier: ISC
 * ledger_share: see ledger_share.h. One write of a key at a time: what it is to be
 * next waits for the answer, so that an answer is about what is known. */
#include "ledger/ledger_share.h"

#include <sys/queue.h>
#include <sys/tree.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/idmap.h"
#include "base/mem.h"
#include "base/text.h"
#include "ledger/joint.h"

struct ledger_due {
	RB_ENTRY(ledger_due) link;
	TAILQ_ENTRY(ledger_due) turn; /* while it is `due` and not under way */
	uint64_t token; /* of the write that is under way; 0: none */
	bool due;
	int64_t number;
	struct kept_line *line; /* NULL: it is to be gone */
	char key[];
};
RB_HEAD(ledger_due_tree, ledger_due);
TAILQ_HEAD(ledger_due_list, ledger_due);

struct ledger_share {
	struct ledger_share_ops ops;
	struct ledger_due_tree tree;
	struct ledger_due_list turn;
	struct idmap busy; /* by token */
	unsigned n;
	uint64_t last;
};

/* ---- keys */

#define KNOWN "known/"
#define ALIVE "alive"

const char *
ledger_key_print(const struct ledger_key *k, char key[LEDGER_KEY_SIZE])
{
	if (k->label != NULL)
		(void)snprintf(key, LEDGER_KEY_SIZE,
		    LEDGER_PREFIX "%u/" KNOWN "%s", k->node, k->label);
	else if (k->id != 0)
		(void)snprintf(key, LEDGER_KEY_SIZE,
		    LEDGER_PREFIX "%u/%" PRIu64, k->node, k->id);
	else
		(void)snprintf(key, LEDGER_KEY_SIZE, LEDGER_PREFIX "%u/" ALIVE,
		    k->node);
	return key;
}

bool
ledger_key_parse(struct ledger_key *k, const char *key)
{
	unsigned n = 0;
	int64_t id;

	*k = (struct ledger_key){ 0 };
	if (strncmp(key, LEDGER_PREFIX, strlen(LEDGER_PREFIX)) != 0)
		return false;
	key += strlen(LEDGER_PREFIX);
	for (; *key >= '0' && *key <= '9' && n < JOINT_NODES; key++)
		n = n * 10 + (unsigned)(*key - '0');
	if (n == 0 || n >= JOINT_NODES || *key++ != '/')
		return false;
	k->node = n;
	if (strncmp(key, KNOWN, strlen(KNOWN)) == 0)
		k->label = key + strlen(KNOWN);
	else if (text_int(key, 1, INT64_MAX, &id) == 0)
		k->id = (uint64_t)id;
	k->alive = strcmp(key, ALIVE) == 0;
	return true;
}

/* ---- what waits */

static int
ledger_due_cmp(const struct ledger_due *a, const struct ledger_due *b)
{
	return strcmp(a->key, b->key);
}
RB_GENERATE_INTERNAL(ledger_due_tree, ledger_due, link, ledger_due_cmp,
    static MX_UNUSED)

/* By hand: RB_FIND would need an entry with the key in it. */
static struct ledger_due *
due_find(struct ledger_share *s, const char *key)
{
	struct ledger_due *d = RB_ROOT(&s->tree);
	int c;

	while (d != NULL && (c = strcmp(key, d->key)) != 0)
		d = c < 0 ? RB_LEFT(d, link) : RB_RIGHT(d, link);
	return d;
}

static struct ledger_due *
due_get(struct ledger_share *s, const char *key)
{
	struct ledger_due *d = due_find(s, key);
	size_t len = strlen(key) + 1;

	if (d != NULL)
		return d;
	d = mem_alloc(sizeof(*d) + len);
	memcpy(d->key, key, len);
	RB_INSERT(ledger_due_tree, &s->tree, d);
	s->n++;
	return d;
}

static void
due_free(struct ledger_share *s, struct ledger_due *d)
{
	RB_REMOVE(ledger_due_tree, &s->tree, d);
	s->n--;
	kept_line_unref(&d->line);
	mem_free(&d);
}

/* Behind those that wait, unless it is one of them. */
static void
wait_turn(struct ledger_share *s, struct ledger_due *d)
{
	bool waits = d->due && d->token == 0;

	d->due = true;
	if (!waits && d->token == 0)
		TAILQ_INSERT_TAIL(&s->turn, d, turn);
}

void
ledger_share_put(struct ledger_share *s, const char *key, int64_t number,
    struct kept_line *line)
{
	struct ledger_due *d = due_get(s, key);
	struct kept_line *old = d->line;

	d->number = number;
	d->line = line != NULL ? kept_line_ref(line) : NULL;
	kept_line_unref(&old);
	wait_turn(s, d);
}

static void
put_now(struct ledger_share *s, struct ledger_due *d)
{
	char *text = NULL;

	TAILQ_REMOVE(&s->turn, d, turn);
	d->due = false;
	d->token = ++s->last;
	idmap_put(&s->busy, d->token, d);
	if (d->line != NULL)
		text = mem_printf("%" PRId64 " %s", d->number, d->line->text);
	s->ops.put(s->ops.arg, d->key, text, text != NULL ? strlen(text) : 0,
	    d->token);
	mem_free(&text);
}

void
ledger_share_done(struct ledger_share *s, uint64_t token, int rc)
{
	struct ledger_due *d = idmap_take(&s->busy, token);

	if (d == NULL)
		return;
	d->token = 0;
	if (d->due || rc != 0) {
		d->due = false;
		wait_turn(s, d);
	} else {
		due_free(s, d);
	}
}

void
ledger_share_tick(struct ledger_share *s, unsigned max)
{
	struct ledger_due *d, *stop = TAILQ_LAST(&s->turn, ledger_due_list);
	bool last = false;

	if (stop == NULL || !s->ops.ready(s->ops.arg))
		return;
	/* one that is refused at once has its turn at the next tick */
	while (!last && max-- > 0 && (d = TAILQ_FIRST(&s->turn)) != NULL) {
		last = d == stop;
		put_now(s, d);
	}
}

unsigned
ledger_share_count(const struct ledger_share *s)
{
	return s->n;
}

bool
ledger_share_parse(const void *data, size_t len, int64_t *number,
    const char **line, size_t *line_len)
{
	const char *text = data, *blank = memchr(text, ' ', len);
	char digits[24];
	size_t n;

	if (blank == NULL || (n = (size_t)(blank - text)) >= sizeof(digits))
		return false;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (text_int(digits, 0, INT64_MAX, number) != 0)
		return false;
	*line = blank + 1;
	*line_len = len - n - 1;
	return *line_len <= OUTAGE_LINE_MAX &&
	    memchr(*line, '\0', *line_len) == NULL;
}

struct ledger_share *
ledger_share_create(const struct ledger_share_ops *ops)
{
	struct ledger_share *s = mem_alloc(sizeof(*s));

	s->ops = *ops;
	RB_INIT(&s->tree);
	TAILQ_INIT(&s->turn);
	idmap_init(&s->busy);
	return s;
}

void
ledger_share_destroy(struct ledger_share **sp)
{
	struct ledger_share *s = *sp;
	struct ledger_due *d;

	if (s == NULL)
		return;
	while ((d = RB_ROOT(&s->tree)) != NULL)
		due_free(s, d);
	idmap_fini(&s->busy);
	mem_free(sp);
}
