/* SPDX-License-Identifier: ISC
 * ledger_file: the file of the ledger, SPOOL/outages: lines, each behind the hash
 * of itself,
 *
 *	mxwatch-outages 1
 *	8c3f... {"id":17,"kind":"primary","name":"mx1.example.org",...}
 *	02ab... {"known":"mx1.example.org","since":1700000000,...}
 *
 * of which the last one with an id holds. New ones are appended, so that a crash
 * costs the last line at most; what does not hold is passed over, and counted. The
 * helper thread writes and syncs; what could not be written is in memory, and goes
 * with all the rest when the file is written anew. Its time of modification is
 * when the daemon was last alive. Loop thread. */
#ifndef MX_LEDGER_LEDGER_FILE_H
#define MX_LEDGER_LEDGER_FILE_H

#include "ledger/kept.h"
#include "net/helper.h"

#define LEDGER_FILE_MAX (256u << 20)

struct ledger_file;

/* The file is not touched. The helper is borrowed. */
struct ledger_file *ledger_file_create(struct helper *, const char *path);
/* After the helper: writes what waits, waiting for the disk. */
void ledger_file_destroy(struct ledger_file **);

struct ledger_file_read {
	unsigned lines; /* that held */
	unsigned bad;
	int64_t alive; /* wall seconds; 0: there is no file */
};
/* Gives each line that holds to fn, in order. Blocks: for the start. 0, also when
 * there is no file; -MX_ECORRUPT: it is another kind of file; or what file_load()
 * says. */
int ledger_file_load(const char *path,
    void (*fn)(void *arg, const char *line, size_t len), void *arg,
    struct ledger_file_read *) MX_NODISCARD;
/* The same of a text. */
int ledger_file_parse(const char *text, size_t len,
    void (*fn)(void *arg, const char *line, size_t len), void *arg,
    struct ledger_file_read *) MX_NODISCARD;

/* To be appended with the next ledger_file_tick(). */
void ledger_file_add(struct ledger_file *, const char *line, size_t len);
/* It ought to be written anew: an append failed, or most of it is old. Nothing is
 * appended until then. */
bool ledger_file_wants_all(const struct ledger_file *);
/* Writes it anew with these lines; the array is freed, the lines unreferenced. */
void ledger_file_all(struct ledger_file *, struct kept_line **, unsigned n);
/* Once a second. `living`: how many lines hold, to see what is old. */
void ledger_file_tick(struct ledger_file *, unsigned living, int64_t now);
bool ledger_file_failing(const struct ledger_file *);
/* At the start: how many lines it has. */
void ledger_file_holds(struct ledger_file *, unsigned lines);
/* Have it written anew. */
void ledger_file_renew(struct ledger_file *);
/* At the end, after the helper: the same as ledger_file_all(), waiting for the
 * disk. */
void ledger_file_all_now(struct ledger_file *, struct kept_line **, unsigned n);
/* Whether ledger_file_all_now() is called for. */
bool ledger_file_lacks(const struct ledger_file *);

#endif
