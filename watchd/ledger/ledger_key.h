/* SPDX-License-Identifier: ISC
 * ledger_key: the keys and values of small state by which the nodes of a
 * cluster report their ledgers. Pure. */
#ifndef MX_LEDGER_LEDGER_KEY_H
#define MX_LEDGER_LEDGER_KEY_H

#include "ledger/kept.h"

/* The keys of a ledger (ledger_ops): for an account, for the time since when a
 * primary is known, or for the node being alive. */
#define LEDGER_PREFIX	"outage/"
#define LEDGER_KEY_SIZE (OUTAGE_NAME_MAX + 64)
struct ledger_key {
	unsigned node;
	uint64_t id; /* of the account; 0: another kind of key */
	const char *label; /* points into the key; NULL */
	bool alive;
};
const char *
ledger_key_print(const struct ledger_key *, char key[LEDGER_KEY_SIZE]);
/* False: not a ledger's. A key of an unknown kind has none of the three. */
bool ledger_key_parse(struct ledger_key *, const char *key);

/* A value, "NUMBER LINE"; owned by the caller. */
char *ledger_value_print(int64_t number, const struct kept_line *);
/* Parses a value; false: malformed. *line points into it. */
bool ledger_value_parse(const void *data, size_t len, int64_t *number,
    const char **line, size_t *line_len);

#endif
