/* SPDX-License-Identifier: ISC
 * smtpd: takes mail in (RFC 5321). Listens, bounds and serves sessions:
 * bytes -> smtp/command -> sequence check -> admission (policy.h) -> effect
 * -> reply. 250 to the final dot leaves only from the queue's completion.
 * Loop thread only. */
#ifndef MX_SMTPD_SMTPD_H
#define MX_SMTPD_SMTPD_H

#include "config/config.h"
#include "net/conn.h"
#include "relay/queue/queue.h"

struct smtpd;

enum smtpd_etrn { /* what became of it */
	SMTPD_ETRN_STARTED,
	SMTPD_ETRN_RUNNING, /* a flush is under way already */
	SMTPD_ETRN_EMPTY,
	SMTPD_ETRN_HELD, /* the operator holds the domain */
};

struct smtpd_ops {
	/* Is the domain's primary up? For admission = "outage". */
	bool (*primary_up)(void *arg, const char *domain);
	/* The client, who may, asks for what waits for the domain (ETRN). *n
	 * messages, once it is begun. */
	enum smtpd_etrn (*etrn)(void *arg, const char *domain,
	    const char *client, uint64_t *n);
	void *arg;
};

struct smtpd *smtpd_create(struct loop *, struct queue *, struct stats *,
    const struct smtpd_ops *);
/* Closes listeners and sessions at once. */
void smtpd_destroy(struct smtpd **);

/* Binds what is new, closes what is gone, keeps the rest: a failure leaves
 * all as it was (-MX_ENET, *eb names the address and why). Before privileges
 * are dropped for low ports. */
int smtpd_listen(struct smtpd *, const struct config *,
    struct mx_errbuf *) MX_NODISCARD;
/* New sessions use it; takes a reference. Loads certificates and recipients
 * files: an unreadable certificate fails (-MX_ETLS) and nothing changes. */
int smtpd_configure(struct smtpd *, struct config *,
    struct mx_errbuf *) MX_NODISCARD;

/* Shutdown: no new connections, 421 to idle sessions, messages under way may
 * finish; `idle` when the last session is gone. */
void smtpd_drain(struct smtpd *, void (*idle)(void *arg), void *arg);
unsigned smtpd_sessions(const struct smtpd *);

/* Recipient validity by the domain's file, for `why` and tests. */
enum smtpd_rcpt {
	SMTPD_RCPT_OK,
	SMTPD_RCPT_UNKNOWN,
	SMTPD_RCPT_REJECTED,
	SMTPD_RCPT_NO_DOMAIN,
	SMTPD_RCPT_UNAVAILABLE /* its file was never readable: answered 451 */
};
enum smtpd_rcpt smtpd_rcpt_check(struct smtpd *, const char *mailbox);

#endif
