/* SPDX-License-Identifier: ISC
 * loading: the slow part of a reload, a job of the helper thread. A
 * configuration is read from its file, or made of the one in force and a
 * source's domains, or other redirects; it is checked, prepared for smtpd, and
 * compared with the one in force. Afterwards the helper frees the rest, above all the previous
 * configuration. */
#ifndef MX_DAEMON_LOADING_H
#define MX_DAEMON_LOADING_H

#include "config/diff.h"
#include "daemon/daemon_int.h"

/* What is new; the rest is that of the configuration in force. */
enum loading_kind {
	LOADING_FILE,
	LOADING_SOURCE, /* the domains of the source */
	LOADING_REDIRECTS, /* nothing but the redirects, which all of them have */
};

/* The helper's until `done`, then the reload's. */
struct loading {
	struct helper_job job; /* first */
	struct daemon *d;
	struct config *old; /* in force when it began; a reference */
	enum loading_kind kind;
	struct domain_texts *texts; /* of the source; NULL: none */
	struct redirect_set *redirects;
	struct conf_errors errs;
	struct config *conf; /* NULL: see errs */
	struct conf_diff *diff;
	struct smtpd_setup *setup;
	struct self *self;
};

/* `texts`: the source's domains, for LOADING_SOURCE. `done` is called on the
 * loop, unless the helper ends before. */
struct loading *loading_begin(struct daemon *, enum loading_kind,
    struct domain_texts *texts, void (*done)(struct helper_job *));
/* After it was put into force, or refused; the helper frees it. */
void loading_drop(struct loading *);
/* Frees it at once, when there is no helper any more. */
void loading_free(struct helper_job *);

#endif
