/* SPDX-License-Identifier: ISC
 * renewal: files that may be replaced at any time, and what was read from them:
 * certificates and lists of users. The helper thread checks whether they
 * changed, and reads them; the loop takes the result. Unusable files are not
 * taken: the old content stays until the files change again, so that a new key
 * may well arrive before its certificate. Loop thread, except for
 * renewal_kind.load and renewal_load(). */
#ifndef MX_NET_RENEWAL_H
#define MX_NET_RENEWAL_H

#include "base/err.h"
#include "net/helper.h"

#define RENEWAL_FILES 3

struct renewal;

struct renewal_kind {
	/* Returns the content of the files (path[i] NULL: not configured), or
	 * NULL and *eb. Any thread. */
	void *(*load)(const char *const *path, struct mx_errbuf *eb);
	void (*drop)(void *fresh); /* frees a content that was not taken */
	void (*take)(void *arg, void *fresh);
	/* The files changed and are unusable. Called once for each change. */
	void (*refuse)(void *arg, const char *why);
};

/* The paths are copied; NULL for one that is not configured. */
struct renewal *
renewal_create(const struct renewal_kind *, const char *const *path);
/* For the start, where waiting is allowed. To be called before any look. */
void *renewal_load(struct renewal *, struct mx_errbuf *eb) MX_NODISCARD;
/* To be called every second or so. `arg` is passed to `take` and `refuse`, and
 * has to live as long as the renewal. */
void renewal_look(struct renewal *, struct helper *, void *arg, int64_t now);
/* True when the present files were refused. False for NULL. */
bool renewal_refused(const struct renewal *);
/* A look under way is dropped. */
void renewal_destroy(struct renewal **);

#endif
