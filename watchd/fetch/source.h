/* SPDX-License-Identifier: ISC
 * source: keeps a local file equal to something elsewhere (base/source_spec.h):
 * the content of an address, or the output of a program. It is requested at
 * once, and then at each interval, conditionally on the present file
 * (download.h). A failure is retried sooner, and leaves the file unchanged.
 * Readers of the file validate its content. Loop thread; nothing blocks. */
#ifndef MX_FETCH_SOURCE_H
#define MX_FETCH_SOURCE_H

#include "net/loop.h"

struct fetcher;
struct source;
struct source_set;

/* Settings for all of a set. */
struct source_conf {
	int64_t interval_ms, timeout_ms;
	uint64_t size_max;
	unsigned connections; /* requests under way at once */
	const char *ca_file; /* NULL: the system's CAs; copied */
};

struct source_state {
	bool tried; /* false: nothing else here is known */
	/* wall: last time that the file was known to equal the source; 0:
	 * never */
	int64_t confirmed_ms;
	unsigned failures; /* failures in a row */
	char error[128]; /* the last one; "" when there are none */
};

struct source_set *source_set_create(struct loop *);
/* To be called once: starts the requests. The user of the process must be
 * final, because files are created. */
void source_set_start(struct source_set *, struct fetcher *);
/* All sources must have been ended. */
void source_set_destroy(struct source_set **);
void source_set_conf(struct source_set *, const struct source_conf *);
/* Requests by result. */
struct source_counts {
	uint64_t changed, unchanged, failed;
};
struct source_counts source_set_counts(const struct source_set *);

/* Stores the content at `path`, whose folder is created if necessary.
 * `token_file`: with a bearer token, or NULL. `told` is called after each
 * attempt, from the loop. */
struct source *
source_begin(struct source_set *, const char *spec, const char *path,
    const char *token_file, void (*told)(void *arg), void *arg);
/* Does not wait for its request under way. */
void source_end(struct source **);
/* By an operator: requests it now, from now on with that token. */
void source_ask(struct source *, const char *token_file);
const struct source_state *source_state(const struct source *);

#endif
