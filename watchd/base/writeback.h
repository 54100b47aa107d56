/* SPDX-License-Identifier: ISC
 * writeback: texts that somebody else is to have under their keys, and does not
 * have yet. One write of a key at a time: what it is to be next goes when the one
 * before is answered, so that an answer is about what is known. What failed goes
 * again, unless there is something newer. Each key once, with its last text. Pure;
 * one thread. */
#ifndef MX_BASE_WRITEBACK_H
#define MX_BASE_WRITEBACK_H

#include "base/defs.h"

struct writeback;

struct writeback_ops {
	bool (*ready)(void *arg); /* is it any use to try again? */
	/* Answered by writeback_done(). NULL: the key is to be gone. */
	void (*put)(void *arg, const char *key, const char *text, uint64_t);
	void *arg;
};

struct writeback *writeback_create(const struct writeback_ops *);
void writeback_destroy(struct writeback **);

/* Waits for its turn. The text is taken; NULL: gone. */
void writeback_put(struct writeback *, const char *key, char *text);
/* What waits under that key goes now, ready or not. */
void writeback_send(struct writeback *, const char *key);
void writeback_done(struct writeback *, uint64_t token, int rc);
/* Puts up to `max` of what waits, each once. */
void writeback_tick(struct writeback *, unsigned max);
bool writeback_has(const struct writeback *, const char *key); /* yet */
unsigned writeback_count(const struct writeback *);

#endif
