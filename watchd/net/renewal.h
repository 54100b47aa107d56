/* SPDX-License-Identifier: ISC
 * renewal: files that somebody may replace at any time, and what was read of
 * them: certificates and lists of users. The helper thread looks whether they
 * are others than those that were read, and reads them; the loop takes what it
 * found. What cannot be used is not taken: what is there stays, until the files
 * are others again, so that a key whose certificate is still to come only
 * waits for it. Loop thread, but for renewal_kind.load and renewal_load(). */
#ifndef MX_NET_RENEWAL_H
#define MX_NET_RENEWAL_H

#include "base/err.h"
#include "net/helper.h"

#define RENEWAL_FILES 3

struct renewal;

struct renewal_kind {
	/* All that the files hold (path[i] NULL: there is none), or NULL and
	 * *eb. Any thread. */
	void *(*load)(const char *const *path, struct mx_errbuf *eb);
	void (*drop)(void *fresh); /* nobody has taken it */
	void (*take)(void *arg, void *fresh);
	/* They are others, and of no use. Once for each time that they change. */
	void (*refuse)(void *arg, const char *why);
};

/* The paths are copied; NULL for one that is not configured. */
struct renewal *
renewal_create(const struct renewal_kind *, const char *const *path);
/* For the start, by who may wait. Before any look. */
void *renewal_load(struct renewal *, struct mx_errbuf *eb) MX_NODISCARD;
/* Every second or so. `arg` is for `take` and `refuse`, and lives as long as
 * the renewal. */
void renewal_look(struct renewal *, struct helper *, void *arg, int64_t now);
/* Whether the files that are there now were refused. False for NULL. */
bool renewal_refused(const struct renewal *);
/* What is under way is dropped. */
void renewal_destroy(struct renewal **);

#endif
