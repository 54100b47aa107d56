/* SPDX-License-Identifier: ISC
 * view: a queued message as shown to an operator, without any type of the queue
 * or the store. Times are wall milliseconds, 0 for none. Pure. */
#ifndef MX_STATUS_VIEW_H
#define MX_STATUS_VIEW_H

#include "base/defs.h"

enum msg_state { MSG_DEFERRED, MSG_ACTIVE, MSG_HELD, MSG_VAULT };
const char *msg_state_name(enum msg_state);

struct rcpt_view {
	const char *mailbox;
	const char *state; /* "pending", "delivered", "failed", "expired" */
	const char *reply; /* last reply or reason, peer text; "" none */
	unsigned code; /* of that reply; 0: not from a server */
	char status[16]; /* x.y.z (RFC 3463); "" none */
	const char *orcpt; /* as it was given (RFC 3461); NULL none */
	unsigned notify; /* NOTIFY_* of smtp/command.h */
};

/* The reply as the server gave it: "452 4.2.2 Mailbox full"; a local reason has
 * no code. Peer text, cut. dst holds RCPT_SAID_MAX. */
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
	/* 0 also while it is held: it does not expire then */
	int64_t expiry_ms;
	int64_t notice_ms; /* only a notification is due, at this time */
	uint32_t attempts;
	int64_t vault_ms; /* since when it is in the vault */
	const char *envid; /* as it was given (RFC 3461); NULL none */
	const char *ret; /* "FULL" or "HDRS" (RFC 3461); NULL none */
	bool body8, utf8; /* BODY=8BITMIME, SMTPUTF8 */
	bool dsn;
	bool replayed; /* queued again from the vault */
	/* its record or body is damaged; perhaps only id, domain, size and
	 * arrival are known */
	bool damaged;
	/* since the start: not even domain and size are known */
	bool unreadable;
	const char *helo, *client; /* of the sending client */
	const char *host; /* of the last attempt; "" none */
	/* The first pending recipient that was refused; NULL: none. */
	const struct rcpt_view *last;
	unsigned nrcpts; /* total, also when they are not listed */
	const struct rcpt_view *rcpts;
};

#endif
