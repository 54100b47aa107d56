/* SPDX-License-Identifier: ISC
 * content: reads a stored body in pieces, to show or copy a message. Each piece
 * is a request of its own, so that a slow client sets the pace, and nothing is
 * held between two pieces. Loop thread. */
#include <stdlib.h>

#include "relay/queue/queue_int.h"

static void
answer(struct queue_request *r, int rc, const char *data, size_t len)
{
	r->content(r->arg, rc, data, len, &r->of);
}

static void
piece_read(void *arg, int rc, char *data, size_t len)
{
	struct queue_request *r = arg;

	r->store_id = 0;
	answer(r, rc, data, rc == 0 ? len : 0);
	free(data);
	request_destroy(r);
}

/* The envelope has the body's place in the store. */
static void
place_found(struct queue_request *r, struct envelope **envs, unsigned n)
{
	const struct body_ref *b =
	    n == 1 && envs[0] != NULL ? &envs[0]->body : NULL;
	struct queue_request *piece;
	uint64_t left;

	if (b == NULL) {
		answer(r, -MX_ENOENT, NULL, 0);
		return;
	}
	r->of = (struct relay_content){ .size = b->len, .crc = b->crc };
	if (r->next >= b->len) {
		answer(r, 0, NULL, 0);
		return;
	}
	left = b->len - r->next;
	piece = request_create(r->queue, r->ids, 1);
	piece->content = r->content;
	piece->arg = r->arg;
	piece->of = r->of;
	piece->store_id = store_read(r->queue->store, b, r->next,
	    left < r->max ? (size_t)left : r->max, piece_read, piece);
}

void
content_read(void *self, uint64_t id, uint64_t offset, size_t max,
    relay_content_cb *cb, void *arg)
{
	struct queue_request *r = request_create(self, &id, 1);

	r->answer = place_found;
	r->content = cb;
	r->arg = arg;
	r->next = offset;
	r->max = max;
	request_send(r);
}
