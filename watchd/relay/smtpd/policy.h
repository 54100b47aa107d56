/* SPDX-License-Identifier: ISC
 * policy: who may send what to whom. A policy is one configuration with the
 * recipients files of its domains and the replies that are the same for every
 * session; a session keeps the one that it began with. Loop thread. */
#ifndef MX_SMTPD_POLICY_H
#define MX_SMTPD_POLICY_H

#include "relay/smtpd/client_limit.h"
#include "relay/smtpd/recipients.h"
#include "relay/smtpd/smtpd.h"
#include "smtp/command.h"

struct policy {
	unsigned refs;
	struct config *conf;
	struct recipients **files; /* of conf->domain[i]; NULL: any recipient */
	struct prefix_list *trusted;
	struct prefix_list *etrn;
	char *banner; /* "220 ..." */
	char *ehlo, *ehlo_starttls;
	char *helo;
};

/* Takes a reference to the configuration. Files that `old` (NULL: none) has
 * open are shared; others are read at once when `wait`. */
struct policy *policy_create(struct loop *, struct config *,
    const struct policy *old, bool wait);
struct policy *policy_ref(struct policy *);
void policy_unref(struct policy **);

/* What is said to a RCPT. */
struct policy_verdict {
	const struct conf_domain *domain; /* NULL: not ours */
	enum smtpd_rcpt rcpt;
	uint16_t code; /* 250, or why not: */
	enum smtpd_reason reason;
	char reply[320]; /* the whole line; only with code != 250 */
};

/* A bare <postmaster> is made that of the first configured domain (in the
 * order of names: the configuration keeps no other), in *path. */
void policy_rcpt(const struct policy *, const struct smtpd_ops *,
    struct smtp_path *path, struct policy_verdict *);

#endif
