/* SPDX-License-Identifier: ISC
 * ask: requests to other nodes. A request is a key of the store that the other
 * node sees; its answer comes as keys with pieces, the first letter of which
 * says whether there are more. The asking node removes them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "cluster/cluster_int.h"

#define ASKS_MAX  64 /* at once, ours and those of others */
#define PIECE_MAX 60000

struct ask {
	LIST_ENTRY(ask) link;
	struct cluster *cl;
	struct loop_timer *timer;
	uint64_t number;
	unsigned node, part; /* number of the next piece */
	bool sent;
	cluster_said_cb *cb;
	void *arg;
};

/* Kept after the answer, until the asking node removes the request: it may be
 * reported again, and must not be executed twice. */
struct asked {
	TAILQ_ENTRY(asked) link;
	uint64_t ticket, number;
	unsigned node, part;
	bool ended;
};

static void
remove_key(struct cluster *cl, const char *key)
{
	put_state(cl, key, NULL, 0);
}

/* ---- our requests */

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
	if (++cl->ask.nasks > ASKS_MAX || len == 0 || len > CLUSTER_LINE_MAX ||
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

/* "FROM/NUMBER/PART" */
static void
ask_said(struct cluster *cl, const char *rest, const char *data, size_t len)
{
	unsigned node = key_node(rest, &rest);
	uint64_t number = strtoull(rest, NULL, 10);
	const char *slash = strchr(rest, '/');
	struct ask *a = ask_find(cl, number);
	cluster_said_cb *cb;
	void *arg;

	/* pieces come in order; an old one belongs to no request */
	if (a == NULL || node == 0 || a->node != node || slash == NULL ||
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

/* ---- requests of others */

static void
asked_end(struct cluster *cl, struct asked *a)
{
	TAILQ_REMOVE(&cl->ask.asked, a, link);
	cl->ask.nasked--;
	free(a);
}

/* Makes room for another one; those without an answer stay. */
static bool
asked_room(struct cluster *cl)
{
	struct asked *a;

	if (cl->ask.nasked < ASKS_MAX)
		return true;
	TAILQ_FOREACH (a, &cl->ask.asked, link)
		if (a->ended) {
			asked_end(cl, a);
			return true;
		}
	return false;
}

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
	TAILQ_FOREACH (a, &cl->ask.asked, link)
		if (a->node == node && a->number == number)
			break;
	if (len == 0) { /* the asking node has stopped waiting */
		if (a != NULL)
			asked_end(cl, a);
		return;
	}
	if (a != NULL || cl->stopped || len > CLUSTER_LINE_MAX ||
	    !asked_room(cl))
		return;
	a = mem_alloc(sizeof(*a));
	a->ticket = ++cl->ask.last;
	a->number = number;
	a->node = node;
	TAILQ_INSERT_TAIL(&cl->ask.asked, a, link);
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

	TAILQ_FOREACH (a, &cl->ask.asked, link)
		if (a->ticket == ticket)
			break;
	if (a == NULL || a->ended)
		return;
	for (; len > PIECE_MAX; text += n, len -= n) {
		n = PIECE_MAX;
		say_piece(cl, a, text, n, false);
	}
	say_piece(cl, a, text, len, end);
	a->ended = end;
}

/* Removes pieces addressed to us, whatever they are. */
void
ask_told(struct cluster *cl, const char *key, const char *rest,
    const void *data, size_t len)
{
	bool said = *key == 's';

	if (key_node(rest, &rest) != cl->us)
		return;
	if (!said) {
		ask_came(cl, rest, data, len);
	} else if (len > 0) {
		remove_key(cl, key);
		ask_said(cl, rest, data, len);
	}
}

/* It was restarted: it has forgotten our requests, and waits for nothing. */
void
ask_lost(struct cluster *cl, unsigned node)
{
	struct asked *d, *next;
	struct ask *a;

	LIST_FOREACH (a, &cl->ask.asks, link)
		if (a->node == node)
			loop_timer_set(a->timer, 0);
	for (d = TAILQ_FIRST(&cl->ask.asked); d != NULL; d = next) {
		next = TAILQ_NEXT(d, link);
		if (d->node == node)
			asked_end(cl, d);
	}
}

/* ---- life */

/* Requests from before this start are void, in both directions. */
static void
load_one(void *arg, const char *key, const void *data, size_t len)
{
	const char *rest = strchr(key, '/') + 1;
	struct cluster *cl = arg;
	unsigned to = key_node(rest, &rest);

	(void)data;
	(void)len;
	if (to == cl->us || (*key == 'a' && key_node(rest, &rest) == cl->us))
		remove_key(cl, key);
}

void
ask_load(struct cluster *cl)
{
	cl->ask.last = rnd_u64() >> 8; /* differs from earlier runs */
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
	while ((d = TAILQ_FIRST(&cl->ask.asked)) != NULL)
		asked_end(cl, d);
}
