/* SPDX-License-Identifier: ISC
 * loading: the slow part of a reload, a job of the helper thread. A
 * configuration is read from its file, or made of the one in force and a
 * source's domains; it is checked, prepared for smtpd, and compared with the
 * one in force. Afterwards the helper frees the rest, above all the previous
 * configuration. */
#ifndef MX_DAEMON_LOADING_H
#define MX_DAEMON_LOADING_H

#include "config/diff.h"
#include "daemon/daemon_int.h"

/* The helper's until `done`, then the reload's. */
struct loading {
	struct helper_job job; /* first */
	struct daemon *d;
	struct config *old; /* in force when it began; a reference */
	bool source; /* a reload of the source's domains, not of the file */
	struct domain_texts *texts; /* of the source; NULL: none */
	struct conf_errors errs;
	struct config *conf; /* NULL: see errs */
	struct conf_diff *diff;
	struct smtpd_setup *setup;
	struct self *self;
};

/* `texts`: the source's domains to load; NULL: the file is loaded. `done` is
 * called on the loop, unless the helper ends before. */
struct loading *loading_begin(struct daemon *, struct domain_texts *texts,
    void (*done)(struct helper_job *));
/* After it was put into force, or refused; the helper frees it. */
void loading_drop(struct loading *);
/* Frees it at once, when there is no helper any more. */
void loading_free(struct helper_job *);

#endif
