/* SPDX-License-Identifier: ISC
 * ask: requests to other nodes. A request is a key of the store that the other node
 * is told of; its answer comes as keys with pieces, the first letter of which says
 * whether there are more. Who asked removes them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "cluster/cluster_int.h"

#define ASKS_MAX  64 /* at once, ours and theirs */
#define PIECE_MAX 60000

struct ask {
	LIST_ENTRY(ask) link;
	struct cluster *cl;
	struct loop_timer *timer;
	uint64_t number;
	unsigned node, part; /* the next piece */
	bool sent;
	cluster_said_cb *cb;
	void *arg;
};

struct asked {
	LIST_ENTRY(asked) link;
	uint64_t ticket, number;
	unsigned node, part;
};

static void
remove_key(struct cluster *cl, const char *key)
{
	put_state(cl, key, NULL, 0);
}

/* ---- ours */

static void
ask_end(struct ask *a)
{
	char key[KEY_MAX];

	if (a->sent) {
		(void)snprintf(key, sizeof(key), "ask/%u/%u/%" PRIu64, a->node,
		    a->cl->us, a->number);
		remove_key(a->cl, key);
	}
	LIST_REMOVE(a, link);
	loop_timer_destroy(&a->timer);
	a->cl->ask.nasks--;
	free(a);
}

static void
on_late(void *arg)
{
	struct ask *a = arg;
	cluster_said_cb *cb = a->cb;
	void *cb_arg = a->arg;

	ask_end(a);
	cb(cb_arg, -MX_ENET, NULL, 0, true);
}

uint64_t
cluster_ask(struct cluster *cl, unsigned node, const char *line,
    cluster_said_cb *cb, void *arg)
{
	struct ask *a = mem_alloc(sizeof(*a));
	size_t len = strlen(line);
	char key[KEY_MAX];

	a->cl = cl;
	a->number = ++cl->ask.last;
	a->node = node;
	a->cb = cb;
	a->arg = arg;
	a->timer = loop_timer_create(cl->loop, on_late, a);
	LIST_INSERT_HEAD(&cl->ask.asks, a, link);
	if (++cl->ask.nasks > ASKS_MAX || len > CLUSTER_LINE_MAX ||
	    !node_is_live(cl, node) || node == cl->us) {
		loop_timer_set(a->timer, 0);
		return a->number;
	}
	a->sent = true;
	(void)snprintf(key, sizeof(key), "ask/%u/%u/%" PRIu64, node, cl->us,
	    a->number);
	put_state(cl, key, line, len);
	loop_timer_set(a->timer, CLUSTER_ASK_MS);
	return a->number;
}

static struct ask *
ask_find(const struct cluster *cl, uint64_t number)
{
	struct ask *a;

	LIST_FOREACH (a, &cl->ask.asks, link)
		if (a->number == number)
			return a;
	return NULL;
}

void
cluster_forget(struct cluster *cl, uint64_t ticket)
{
	struct ask *a = ask_find(cl, ticket);

	if (a != NULL)
		ask_end(a);
}

/* "FROM/NUMBER/PART", to us. */
static void
ask_said(struct cluster *cl, const char *rest, const char *data, size_t len)
{
	unsigned node = key_node(rest, &rest);
	uint64_t number = strtoull(rest, NULL, 10);
	struct ask *a = ask_find(cl, number);
	const char *slash = strchr(rest, '/');
	cluster_said_cb *cb;
	char key[KEY_MAX];
	void *arg;

	if (slash == NULL || len == 0)
		return;
	(void)snprintf(key, sizeof(key), "said/%u/%u/%s", cl->us, node, rest);
	remove_key(cl, key);
	/* pieces come in their order; an older one is of nobody any more */
	if (a == NULL || a->node != node ||
	    strtoul(slash + 1, NULL, 10) != a->part)
		return;
	a->part++;
	loop_timer_set(a->timer, CLUSTER_ASK_MS);
	cb = a->cb;
	arg = a->arg;
	if (*data == 'e')
		ask_end(a);
	cb(arg, 0, data + 1, len - 1, *data == 'e');
}

/* ---- theirs */

/* "FROM/NUMBER" */
static void
ask_came(struct cluster *cl, const char *rest, const char *data, size_t len)
{
	unsigned node = key_node(rest, &rest);
	uint64_t number = strtoull(rest, NULL, 10);
	struct asked *a;
	char *line;

	if (node == 0 || node == cl->us)
		return;
	LIST_FOREACH (a, &cl->ask.asked, link)
		if (a->node == node && a->number == number)
			break;
	if (len == 0) { /* who asked does not wait any more */
		if (a != NULL) {
			LIST_REMOVE(a, link);
			cl->ask.nasked--;
			free(a);
		}
		return;
	}
	if (a != NULL || cl->ask.nasked >= ASKS_MAX || len > CLUSTER_LINE_MAX)
		return;
	a = mem_alloc(sizeof(*a));
	a->ticket = ++cl->ask.last;
	a->number = number;
	a->node = node;
	LIST_INSERT_HEAD(&cl->ask.asked, a, link);
	cl->ask.nasked++;
	line = mem_alloc(len + 1);
	memcpy(line, data, len);
	cl->ops.asked(cl->ops.arg, a->ticket, line);
	free(line);
}

static void
say_piece(struct cluster *cl, struct asked *a, const char *text, size_t len,
    bool end)
{
	char key[KEY_MAX], *piece = mem_alloc(len + 1);

	*piece = end ? 'e' : 'm';
	if (len > 0)
		memcpy(piece + 1, text, len);
	(void)snprintf(key, sizeof(key), "said/%u/%u/%" PRIu64 "/%08u", a->node,
	    cl->us, a->number, a->part++);
	put_state(cl, key, piece, len + 1);
	free(piece);
}

void
cluster_said(struct cluster *cl, uint64_t ticket, const char *text, size_t len,
    bool end)
{
	struct asked *a;
	size_t n;

	LIST_FOREACH (a, &cl->ask.asked, link)
		if (a->ticket == ticket)
			break;
	if (a == NULL)
		return;
	for (; len > PIECE_MAX; text += n, len -= n) {
		n = PIECE_MAX;
		say_piece(cl, a, text, n, false);
	}
	say_piece(cl, a, text, len, end);
	if (!end)
		return;
	LIST_REMOVE(a, link);
	cl->ask.nasked--;
	free(a);
}

/* "TO/..." of either kind. */
void
ask_told(struct cluster *cl, bool said, const char *rest, const void *data,
    size_t len)
{
	if (key_node(rest, &rest) != cl->us)
		return;
	if (said)
		ask_said(cl, rest, data, len);
	else
		ask_came(cl, rest, data, len);
}

/* ---- life */

/* What was asked before this start is nobody's any more. */
static void
load_one(void *arg, const char *key, const void *data, size_t len)
{
	const char *rest = strchr(key, '/');
	struct cluster *cl = arg;

	(void)data;
	(void)len;
	if (rest != NULL && key_node(rest + 1, &rest) == cl->us)
		remove_key(cl, key);
}

void
ask_load(struct cluster *cl)
{
	cl->ask.last = rnd_u64() >> 8; /* not those of before */
	store_state_each(cl->store, "ask/", load_one, cl);
	store_state_each(cl->store, "said/", load_one, cl);
}

void
ask_fini(struct cluster *cl)
{
	struct asked *d;
	struct ask *a;

	while ((a = LIST_FIRST(&cl->ask.asks)) != NULL) {
		a->sent = false; /* the store is closed */
		ask_end(a);
	}
	while ((d = LIST_FIRST(&cl->ask.asked)) != NULL) {
		LIST_REMOVE(d, link);
		free(d);
	}
}
