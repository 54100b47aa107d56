/* SPDX-License-Identifier: ISC
 * ledger_file: the file of the ledger, SPOOL/outages: lines, each preceded by
 * its hash,
 *
 *	mxwatch-outages 1
 *	8c3f... {"id":17,"kind":"primary","name":"mx1.example.org",...}
 *	02ab... {"known":"mx1.example.org","since":1700000000,...}
 *
 * of which the last one with an id is valid. New ones are appended, so that a
 * crash costs the last line at most; invalid lines are skipped, and counted.
 * The helper thread writes and syncs; what could not be written stays in
 * memory, and is written when the file is next rewritten as a whole. The
 * modification time of the file is when the daemon was last alive. Loop
 * thread. */
#ifndef MX_LEDGER_LEDGER_FILE_H
#define MX_LEDGER_LEDGER_FILE_H

#include "ledger/kept.h"
#include "net/helper.h"

#define LEDGER_FILE_MAX (256u << 20)

struct ledger_file;

/* Does not touch the file. The helper is borrowed. */
struct ledger_file *ledger_file_create(struct helper *, const char *path);
/* To be called after the helper is destroyed: writes the pending lines, waiting
 * for the disk. */
void ledger_file_destroy(struct ledger_file **);

struct ledger_file_read {
	unsigned lines; /* valid ones */
	unsigned bad;
	int64_t alive; /* wall seconds; 0: there is no file */
};
/* Passes each valid line to fn, in order. Blocks: for the start. 0, also
 * without a file; -MX_ECORRUPT: another kind of file; or the result of
 * file_load(). */
int ledger_file_load(const char *path,
    void (*fn)(void *arg, const char *line, size_t len), void *arg,
    struct ledger_file_read *) MX_NODISCARD;
/* The same from text. */
int ledger_file_parse(const char *text, size_t len,
    void (*fn)(void *arg, const char *line, size_t len), void *arg,
    struct ledger_file_read *) MX_NODISCARD;

/* Queues a line for the next ledger_file_tick(). */
void ledger_file_add(struct ledger_file *, const char *line, size_t len);
/* True when it should be rewritten: an append failed, or most of it is
 * outdated. Nothing is appended until then. */
bool ledger_file_wants_all(const struct ledger_file *);
/* Rewrites it with these lines; frees the array, drops the references to the
 * lines. */
void ledger_file_all(struct ledger_file *, struct kept_line **, unsigned n);
/* To be called once a second. `living`: the number of valid lines, from which
 * the outdated ones follow. */
void ledger_file_tick(struct ledger_file *, unsigned living, int64_t now);
bool ledger_file_failing(const struct ledger_file *);
/* At the start: how many lines it has. */
void ledger_file_holds(struct ledger_file *, unsigned lines);
/* Makes it be rewritten. */
void ledger_file_renew(struct ledger_file *);
/* At the end, after the helper is destroyed: as ledger_file_all(), waiting for
 * the disk. */
void ledger_file_all_now(struct ledger_file *, struct kept_line **, unsigned n);
/* True when ledger_file_all_now() is needed. */
bool ledger_file_lacks(const struct ledger_file *);

#endif
