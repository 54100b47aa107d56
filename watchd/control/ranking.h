/* SPDX-License-Identifier: ISC
 * ranking: the first N of all messages, in some order, while they go by one by one
 * and in another: what is further behind than N others is dropped at once, so a
 * queue of a million costs the memory of N lines. Loop thread. */
#ifndef MX_CONTROL_RANKING_H
#define MX_CONTROL_RANKING_H

#include "status/json.h"
#include "status/view.h"

#define RANKING_LIMIT	  1000 /* when nothing else is said */
#define RANKING_LIMIT_MAX 10000

enum ranking_order {
	RANKING_AGE, /* the oldest first */
	RANKING_SIZE, /* the largest */
	RANKING_EXPIRY, /* what expires next; what does not, last */
	RANKING_NEXT, /* what is tried next; the same */
	RANKING_TRIES, /* what was tried most often */
	RANKING_DOMAIN, /* by name */
	RANKING_SENDER,
	RANKING_MAX,
};
/* RANKING_MAX: there is none of that name. */
enum ranking_order ranking_parse(const char *name);
const char *ranking_list(void); /* "age, size, ..." */

struct ranking;
struct ranking *ranking_create(enum ranking_order, bool reverse, unsigned max);
void ranking_destroy(struct ranking **);
/* `make` is asked for the line only when the message is among the first. */
void ranking_offer(struct ranking *, const struct msg_view *,
    cJSON *(*make)(const struct msg_view *));
/* Nothing is offered any more: the lines from the first on, one a call; NULL: that
 * was the last. *key sorts as the line does, by strcmp(), or the other way round
 * when it is reversed; it can stand in JSON. Both are lent until the next call. */
const char *ranking_next(struct ranking *, const char **key);

#endif
