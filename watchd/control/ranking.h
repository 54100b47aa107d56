/* SPDX-License-Identifier: ISC
 * ranking: the first N of all messages in some order, while they come one by
 * one in another. A message behind N others is dropped at once, so a queue of a
 * million costs the memory of N lines. Loop thread. */
#ifndef MX_CONTROL_RANKING_H
#define MX_CONTROL_RANKING_H

#include "status/json.h"
#include "status/view.h"

#define RANKING_LIMIT	  1000 /* default */
#define RANKING_LIMIT_MAX 10000

enum ranking_order {
	RANKING_AGE, /* the oldest first */
	RANKING_SIZE, /* the largest */
	RANKING_EXPIRY, /* by expiry; those that do not expire last */
	RANKING_NEXT, /* by next try; those without one last */
	RANKING_TRIES, /* most attempts first */
	RANKING_DOMAIN, /* by name */
	RANKING_SENDER,
	RANKING_MAX,
};
/* RANKING_MAX: unknown name. */
enum ranking_order ranking_parse(const char *name);
const char *ranking_list(void); /* "age, size, ..." */

struct ranking;
struct ranking *ranking_create(enum ranking_order, bool reverse, unsigned max);
void ranking_destroy(struct ranking **);
/* Offers a message; `make` is called only if it is among the first. */
void ranking_offer(struct ranking *, const struct msg_view *,
    cJSON *(*make)(const struct msg_view *));
/* After the last offer: the lines in order, one a call; NULL: no more. *key
 * orders the lines by strcmp() (descending when reversed) and is valid within a
 * JSON string. Both are borrowed until the next call. */
const char *ranking_next(struct ranking *, const char **key);

#endif
