/* SPDX-License-Identifier: ISC
 * ledger_share: what of our ledger the other nodes of a cluster are to have and do not
 * have yet, by its key: put into the shared state some a tick, again until it is
 * there. While the engine is away it waits, each key once, its last value. Pure; loop
 * thread. */
#ifndef MX_LEDGER_LEDGER_SHARE_H
#define MX_LEDGER_LEDGER_SHARE_H

#include "ledger/kept.h"

/* The keys of a ledger, and what they are about (ledger_ops): an account, since when
 * a primary is known, or that the node is there. */
#define LEDGER_PREFIX	"outage/"
#define LEDGER_KEY_SIZE (OUTAGE_NAME_MAX + 64)
struct ledger_key {
	unsigned node;
	uint64_t id; /* of the account; 0: it is another key */
	const char *label; /* in the key; NULL */
	bool alive;
};
const char *
ledger_key_print(const struct ledger_key *, char key[LEDGER_KEY_SIZE]);
/* False: no ledger's. One of which we know nothing has neither of the three. */
bool ledger_key_parse(struct ledger_key *, const char *key);

struct ledger_share;

struct ledger_share_ops {
	bool (*ready)(void *arg); /* something can be put */
	/* Answered by ledger_share_done(). len 0: the key is to be gone. */
	void (*put)(void *arg, const char *key, const void *, size_t len,
	    uint64_t token);
	void *arg;
};

struct ledger_share *ledger_share_create(const struct ledger_share_ops *);
void ledger_share_destroy(struct ledger_share **);

/* The value is "NUMBER LINE"; the line is referenced. NULL: gone. */
void ledger_share_put(struct ledger_share *, const char *key, int64_t number,
    struct kept_line *);
void ledger_share_done(struct ledger_share *, uint64_t token, int rc);
/* Puts up to `max` of what waits. */
void ledger_share_tick(struct ledger_share *, unsigned max);
unsigned ledger_share_count(const struct ledger_share *); /* not there yet */

/* Takes such a value apart; false: it is none. *line is in it. */
bool ledger_share_parse(const void *data, size_t len, int64_t *number,
    const char **line, size_t *line_len);

#endif
