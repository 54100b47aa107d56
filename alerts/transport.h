/* SPDX-License-Identifier: ISC
 * transport: carries messages: HTTP and SMTP over one libcurl multi handle,
 * and programs. Everything has two time limits, libcurl's and our own, since
 * a library that forgot its own has been seen (curl#23025). Addresses and
 * bodies hold secrets: what is reported is a code and a status, never those.
 * No proxy, no redirect, no cookie, no .netrc: what the configuration does
 * not say does not happen. One thread. */
#ifndef MX_ALERTS_TRANSPORT_H
#define MX_ALERTS_TRANSPORT_H

#include "alerts/format.h"
#include "alerts/outbox.h"

struct spawner;
struct transport;

struct send_result {
	enum outbox_result result;
	int64_t retry_after_ms; /* 0: not said */
	bool partly; /* sent, but somebody did not get it: see text */
	char text[128]; /* "HTTP 202", "timed out" */
};

/* Besides the message; copied. */
struct carry {
	int64_t timeout_ms;
	const char *ca_file; /* NULL: the system's */
	bool get; /* HTTP: without a body */
	const char *from, *user, *password; /* SMTP */
	const struct strlist *to;
	const struct strlist *argv; /* a program */
	void *arg; /* given to `done` */
};

/* `spawner` starts programs; borrowed. */
struct transport *transport_create(struct spawner *,
    void (*done)(void *arg, const struct send_result *, void *owner),
    void *owner);
void transport_destroy(struct transport **); /* what runs is dropped: `drop` */
void transport_on_drop(struct transport *, void (*drop)(void *arg));

/* Takes what the message holds. `done` is called once, from a later
 * transport_poll(). */
void transport_send(struct transport *, struct message *, const struct carry *);
/* Works for at most that long; returns early when anything happened, or when
 * `fd` (-1: none) became readable. */
void transport_poll(struct transport *, int fd, int timeout_ms);
unsigned transport_running(const struct transport *);

#endif
