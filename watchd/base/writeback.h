/* SPDX-License-Identifier: ISC
 * writeback: texts to be stored under keys somewhere else, and not stored yet.
 * One write of a key at a time: the next text is written when the previous
 * write was answered, so that it is known what an answer refers to. A failed
 * write is repeated, unless there is a newer text. Each key is written once,
 * with its last text. Pure; one thread. */
#ifndef MX_BASE_WRITEBACK_H
#define MX_BASE_WRITEBACK_H

#include "base/defs.h"

struct writeback;

struct writeback_ops {
	bool (*ready)(void *arg); /* is another try useful now? */
	/* To be answered by writeback_done(). text NULL: delete the key. */
	void (*put)(void *arg, const char *key, const char *text, uint64_t);
	void *arg;
};

struct writeback *writeback_create(const struct writeback_ops *);
void writeback_destroy(struct writeback **);

/* Queues the text, which is consumed; NULL: delete. */
void writeback_put(struct writeback *, const char *key, char *text);
/* Writes the queued text of that key now, ready or not. */
void writeback_send(struct writeback *, const char *key);
void writeback_done(struct writeback *, uint64_t token, int rc);
/* Writes up to `max` queued texts, one of each key. */
void writeback_tick(struct writeback *, unsigned max);
/* is one queued? */
bool writeback_has(const struct writeback *, const char *key);
unsigned writeback_count(const struct writeback *);

#endif
