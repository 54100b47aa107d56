/* SPDX-License-Identifier: ISC
 * source: what is kept elsewhere (base/source_spec.h) is kept as a file here: the
 * content of an address, or what a program prints. It is asked for at once, and then each interval, with what is
 * there already as a condition (download.h). What fails is tried again sooner,
 * and leaves the file as it is. Whether a new content makes sense is for whoever
 * reads the file. Loop thread; nothing blocks. */
#ifndef MX_FETCH_SOURCE_H
#define MX_FETCH_SOURCE_H

#include "net/loop.h"

struct fetcher;
struct source;
struct source_set;

/* For all of a set. */
struct source_conf {
	int64_t interval_ms, timeout_ms;
	uint64_t size_max;
	unsigned connections; /* under way at once */
	const char *ca_file; /* NULL: the system's; copied */
};

struct source_state {
	bool tried; /* else nothing else here is known */
	int64_t confirmed_ms; /* wall: when the file was last known to be what
			       * the source has; 0: never */
	unsigned failures; /* in a row */
	char error[128]; /* the last one; "" when there are none */
};

struct source_set *source_set_create(struct loop *);
/* Once: from here on they are asked. We are who we will be by then, for files are
 * made. */
void source_set_start(struct source_set *, struct fetcher *);
/* Sources have no references left. */
void source_set_destroy(struct source_set **);
void source_set_conf(struct source_set *, const struct source_conf *);
/* How many requests there were, by what came of them. */
struct source_counts {
	uint64_t changed, unchanged, failed;
};
struct source_counts source_set_counts(const struct source_set *);

/* Its content goes to `path`, whose folder is made if need be. `token_file`: of
 * a bearer token, or NULL. `told` after each attempt, from the loop. */
struct source *
source_begin(struct source_set *, const char *spec, const char *path,
    const char *token_file, void (*told)(void *arg), void *arg);
/* What is under way for it is not waited for. */
void source_end(struct source **);
/* An operator asks: now, with that token from here on. */
void source_ask(struct source *, const char *token_file);
const struct source_state *source_state(const struct source *);

#endif
