/* SPDX-License-Identifier: ISC
 * ledger_store: what a node of a cluster has to write into the ledger that all share,
 * and has not written yet: of each key what it is to be, some of them on their way at a
 * time. What fails is tried again; nothing of it blocks, and a line is the one that
 * `kept` has, so that an engine that is away costs no more memory than the ledger does.
 * Pure but for ops; loop thread. */
#ifndef MX_LEDGER_LEDGER_STORE_H
#define MX_LEDGER_LEDGER_STORE_H

#include "ledger/kept.h"

#define LEDGER_KEY_MAX (OUTAGE_NAME_MAX + 32)

struct ledger_store;

/* Writes the key, or (NULL) removes it; ledger_store_done() is called for it, later
 * or at once. */
typedef void
ledger_put_cb(void *arg, const char *key, const char *text, uint64_t token);

struct ledger_store *ledger_store_create(ledger_put_cb *, void *arg);
void ledger_store_destroy(struct ledger_store **);

/* The line is referenced; NULL: it is to be gone. */
void
ledger_store_put(struct ledger_store *, const char *key, struct kept_line *);
void ledger_store_done(struct ledger_store *, uint64_t token, int rc);
/* Once a second: what failed is tried again. */
void ledger_store_tick(struct ledger_store *);
/* Hands in all that waits: the store is about to end. What it does not take is in
 * ledger_store_left(). */
void ledger_store_flush(struct ledger_store *);
/* What waits is not to be written any more. */
void ledger_store_forget(struct ledger_store *);

unsigned ledger_store_waiting(const struct ledger_store *);
bool ledger_store_waits(const struct ledger_store *, const char *key);
bool ledger_store_failing(const struct ledger_store *); /* the last one did */
/* References to the lines that wait, in an array; NULL: there are none. */
struct kept_line **ledger_store_left(const struct ledger_store *, unsigned *n);

#endif
