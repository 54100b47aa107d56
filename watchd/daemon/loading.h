/* SPDX-License-Identifier: ISC
 * loading: the part of a reload that takes its time, a job of the helper thread: a
 * configuration is read from its file, or made of what is in force and of what a
 * source has; it is checked, made ready for smtpd, and compared with the one in
 * force. Afterwards what is left of it, the configuration of before above all, is
 * the helper's to free. */
#ifndef MX_DAEMON_LOADING_H
#define MX_DAEMON_LOADING_H

#include "config/diff.h"
#include "daemon/daemon_int.h"

/* The helper's until `done`, then the reload's. */
struct loading {
	struct helper_job job; /* first */
	struct daemon *d;
	struct config *old; /* in force when it began; a reference */
	bool source; /* not the file: it is asked for by its domains */
	struct domain_texts *texts; /* of the source; NULL: none */
	struct conf_errors errs;
	struct config *conf; /* NULL: see errs */
	struct conf_diff *diff;
	struct smtpd_setup *setup;
	struct self *self;
};

/* `texts`: of the source, whose turn it is; NULL: it is the file's. `done` is called
 * on the loop, unless the helper ends before. */
struct loading *loading_begin(struct daemon *, struct domain_texts *texts,
    void (*done)(struct helper_job *));
/* It was put into force, or was not; the helper frees it. */
void loading_drop(struct loading *);
/* The same at once, when there is no helper any more. */
void loading_free(struct helper_job *);

#endif
