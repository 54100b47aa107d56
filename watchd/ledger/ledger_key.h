/* SPDX-License-Identifier: ISC
 * ledger_key: what nodes of a cluster tell each other of their ledgers is small state
 * of the store: its keys, and its values. Pure. */
#ifndef MX_LEDGER_LEDGER_KEY_H
#define MX_LEDGER_LEDGER_KEY_H

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

/* A value, "NUMBER LINE"; the caller's. */
char *ledger_value_print(int64_t number, const struct kept_line *);
/* Takes it apart; false: it is none. *line is in it. */
bool ledger_value_parse(const void *data, size_t len, int64_t *number,
    const char **line, size_t *line_len);

#endif
