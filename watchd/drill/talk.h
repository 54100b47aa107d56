/* SPDX-License-Identifier: ISC
 * talk: the session by which a drill hands its message to one of our own
 * listeners, as any client would: connection, greeting, EHLO, STARTTLS where it
 * is offered, MAIL, RCPT, DATA. It uses the engine and the way of deliveries
 * (smtp/client.h, primary/reach.h), with limits of its own, and an address book
 * of its own, since what is learned of a listener of ours is not about a
 * primary. The certificate is not verified. Loop thread. */
#ifndef MX_DRILL_TALK_H
#define MX_DRILL_TALK_H

#include "primary/reach.h"

struct drill_talk;

struct drill_hello { /* borrowed until the callback */
	const struct conf_listen *listen; /* the listener */
	const char *helo; /* our name */
	const char *recipient, *mark;
	const char *data; /* the message */
	size_t len;
};

struct drill_heard {
	bool ok; /* 250 to the final dot */
	enum smtp_phase phase; /* of the reply or the failure */
	uint16_t code; /* 0: no reply */
	const char *text; /* the reply, or what went wrong */
	const char *addr; /* of the listener */
	const char *tls; /* the protocol's version; "": in clear */
	int64_t durable_ms; /* from the final dot to the reply */
};
/* Called once, from the loop, never from inside drill_talk_start(). The talk is
 * freed behind it: forget the pointer. */
typedef void drill_talk_cb(const struct drill_heard *, void *arg);

/* Where a session reaches that listener: of a wildcard address the loopback. */
void drill_talk_addr(const struct conf_listen *, struct net_addr *);
struct drill_talk *drill_talk_start(const struct reach_env *,
    const struct drill_hello *, drill_talk_cb *, void *arg);
/* Cancels it; the callback is not called. NULL is fine. */
void drill_talk_cancel(struct drill_talk **);

#endif
