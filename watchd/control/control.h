/* SPDX-License-Identifier: ISC
 * control: the operator's socket. One request a connection: a line of JSON
 * {"verb": "flush", "domain": "example.org", "reason": "..."}; the answer is
 * lines of JSON, the last of which has "done": true and "rc" (0, 1, 2) and,
 * when rc is not 0, "error". mxwatchctl turns them into text, or passes them
 * on with --json. protocol.h lists verbs and fields. Who may connect is the
 * socket's mode (0660, group of the daemon); what changes something is logged
 * with the peer's uid and the reason. Loop thread. */
#ifndef MX_CONTROL_CONTROL_H
#define MX_CONTROL_CONTROL_H

#include "base/err.h"
#include "config/config.h"
#include "net/loop.h"
#include "relay/relay.h"
#include "status/snapshot.h"

struct control;

/* What daemon.c gives. Domains are canonical. */
struct control_ops {
	/* A snapshot made now; a reference for the caller. */
	struct snapshot *(*snapshot)(void *arg);
	/* One round of probes now; -MX_ENOENT. The outcome is in later
	 * snapshots (last_run of its primaries). */
	int (*probe)(void *arg, const char *domain);
	/* Reads the configuration again; the findings go to *errs. 0 when it
	 * is in force, -MX_ESYNTAX when the old one stays. */
	int (*reload)(void *arg, struct conf_errors *errs);
	/* What RCPT would say to that mailbox now: "250", "550 5.1.1 ..." */
	void (*rcpt)(void *arg, const char *mailbox, char *dst, size_t size);
	void *arg;
};

/* Binds `path` (an old socket is replaced when nobody listens on it). At most
 * `clients` at once; more are told to come later. */
struct control *
control_create(struct loop *, const char *path, unsigned clients,
    const struct relay *, const struct control_ops *, struct mx_errbuf *);
void control_destroy(struct control **); /* removes the socket */

#endif
