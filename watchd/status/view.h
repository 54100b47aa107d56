/* SPDX-License-Identifier: ISC
 * view: a queued message as an operator is shown it, without any type of the
 * queue or the store. Times are wall milliseconds, 0 for none. Pure. */
#ifndef MX_STATUS_VIEW_H
#define MX_STATUS_VIEW_H

#include "base/defs.h"

enum msg_state { MSG_DEFERRED, MSG_ACTIVE, MSG_HELD, MSG_VAULT };
const char *msg_state_name(enum msg_state);

struct rcpt_view {
	const char *mailbox;
	const char *state; /* "pending", "delivered", "failed", "expired" */
	const char *reply; /* last reply or reason, peer text; "" none */
	unsigned code; /* of that reply; 0: no server said it */
	char status[16]; /* x.y.z (RFC 3463); "" none */
	const char *orcpt; /* as it was given (RFC 3461); NULL none */
	unsigned notify; /* NOTIFY_* of smtp/command.h */
};

/* The reply as a server gives it: "452 4.2.2 Mailbox full"; what we found ourselves
 * is without a code. Peer text, cut. dst holds RCPT_SAID_MAX. */
#define RCPT_SAID_MAX 560
char *rcpt_said(const struct rcpt_view *, char *dst);

struct msg_view {
	uint64_t id;
	const char *domain;
	const char *sender; /* "" for <> */
	enum msg_state state;
	uint64_t size;
	int64_t arrival_ms, last_try_ms;
	int64_t due_ms; /* of the next attempt */
	int64_t expiry_ms; /* 0 also while it is held: then it does not */
	int64_t notice_ms; /* nothing is tried any more; its sender is told */
	uint32_t attempts;
	int64_t vault_ms; /* since when it is in the vault */
	const char *envid; /* as it was given (RFC 3461); NULL none */
	bool body8, utf8; /* BODY=8BITMIME, SMTPUTF8 */
	bool dsn;
	bool replayed; /* out of the vault */
	bool damaged; /* its record or body does not hold; perhaps nothing but
		       * id, domain, size and arrival is known */
	bool unreadable; /* since the start: not even domain and size */
	const char *helo, *client; /* who brought it */
	const char *host; /* of the last attempt; "" none */
	/* Of the first recipient that waits and was refused; NULL: of none. */
	const struct rcpt_view *last;
	unsigned nrcpts; /* all of them, also when not listed */
	const struct rcpt_view *rcpts;
};

#endif
