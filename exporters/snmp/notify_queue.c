/* SPDX-License-Identifier: ISC
 * notify_queue: two lists, first in, first out. */
#include "exporters/snmp/notify_queue.h"

#include "base/clock.h"
#include "base/mem.h"

#define AGAIN_FIRST CLOCK_SEC
#define AGAIN_MAX   (30 * CLOCK_SEC)

struct notify_item {
	TAILQ_ENTRY(notify_item) link;
	struct notify_list *list;
	struct index_entry *domain; /* refers back to this; NULL: none */
	int64_t since; /* monotonic ns */
	struct wire_notice notice;
};

void
notify_queue_init(struct notify_queue *q)
{
	*q = (struct notify_queue){ .again = AGAIN_FIRST };
	TAILQ_INIT(&q->urgent);
	TAILQ_INIT(&q->usual);
}

static void
item_remove(struct notify_queue *q, struct notify_item *it)
{
	TAILQ_REMOVE(it->list, it, link);
	if (it->domain != NULL)
		it->domain->change = NULL;
	if (q->sent == it)
		q->sent = NULL;
	q->n--;
	mem_free(&it);
}

void
notify_queue_fini(struct notify_queue *q)
{
	struct notify_item *it;

	while ((it = TAILQ_FIRST(&q->urgent)) != NULL ||
	    (it = TAILQ_FIRST(&q->usual)) != NULL)
		item_remove(q, it);
}

void
notify_queue_limit(struct notify_queue *q, unsigned max, unsigned rate,
    int64_t lifetime_ms)
{
	q->max = max;
	q->spacing = CLOCK_SEC / (rate > 0 ? rate : 1);
	q->lifetime = lifetime_ms * CLOCK_MS;
}

static bool
is_urgent(const struct wire_notice *n)
{
	switch ((enum wire_event)n->event) {
	case WIRE_PRIMARY_DOWN:
	case WIRE_PRIMARY_UP:
	case WIRE_AGE_CRITICAL:
	case WIRE_MAIL_EXPIRED:
	case WIRE_SPOOL_REFUSING:
	case WIRE_SPOOL_ACCEPTING:
	case WIRE_BREAKER_TRIPPED:
	case WIRE_BREAKER_RESET:
		return true;
	default:
		return false;
	}
}

bool
notify_queue_room(const struct notify_queue *q, const struct wire_notice *n,
    enum notify_worth worth)
{
	if (worth == NOTIFY_COURTESY)
		return q->n < q->max / 2;
	return q->n < (is_urgent(n) ? q->max : q->max - q->max / 4);
}

void
notify_queue_add(struct notify_queue *q, const struct wire_notice *n,
    enum notify_worth worth, struct index_entry *domain, int64_t now)
{
	struct notify_item *it = domain != NULL ? domain->change : NULL;

	if (it != NULL && it != q->sent) {
		it->notice = *n;
		return;
	}
	if (!notify_queue_room(q, n, worth)) {
		q->dropped += worth == NOTIFY_NEWS;
		return;
	}
	if (it != NULL) /* the one under way is sent as it is */
		it->domain = NULL;
	it = mem_alloc(sizeof(*it));
	it->notice = *n;
	it->since = now;
	it->domain = domain;
	if (domain != NULL)
		domain->change = it;
	it->list = is_urgent(n) ? &q->urgent : &q->usual;
	TAILQ_INSERT_TAIL(it->list, it, link);
	q->n++;
}

static void
drop_old(struct notify_queue *q, struct notify_list *list, int64_t now)
{
	struct notify_item *it;

	while ((it = TAILQ_FIRST(list)) != NULL && it != q->sent &&
	    now - it->since > q->lifetime) {
		item_remove(q, it);
		q->dropped++;
	}
}

static struct notify_item *
first(const struct notify_queue *q)
{
	return !TAILQ_EMPTY(&q->urgent) ? TAILQ_FIRST(&q->urgent) :
					  TAILQ_FIRST(&q->usual);
}

const struct wire_notice *
notify_queue_next(struct notify_queue *q, int64_t now, int64_t *wait_ns)
{
	struct notify_item *it;

	drop_old(q, &q->urgent, now);
	drop_old(q, &q->usual, now);
	it = first(q);
	*wait_ns = -1;
	if (it == NULL || q->sent != NULL)
		return NULL;
	if (now < q->next_at) {
		*wait_ns = q->next_at - now;
		return NULL;
	}
	return &it->notice;
}

void
notify_queue_sent(struct notify_queue *q)
{
	q->sent = first(q);
}

void
notify_queue_answer(struct notify_queue *q, bool taken, int64_t now)
{
	if (q->sent == NULL)
		return;
	if (taken) {
		item_remove(q, q->sent);
		q->next_at = now + q->spacing;
		q->again = AGAIN_FIRST;
		return;
	}
	q->sent = NULL;
	q->next_at = now + q->again;
	q->again = q->again < AGAIN_MAX / 2 ? q->again * 2 : AGAIN_MAX;
}
