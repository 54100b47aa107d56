/* SPDX-License-Identifier: ISC
 * control_int: a request that is being answered, as shared by control.c
 * (sockets, lines, time limits), page.c (calls without a socket) and the verbs.
 * A verb never destroys a call and never waits: it sends lines, and then is
 * done, or asks for its step to be called again when the client has taken them
 * (call_continue) or later (call_wait). A late callback finds the call by its
 * id, or finds that it is gone. Loop thread. */
#ifndef MX_CONTROL_CONTROL_INT_H
#define MX_CONTROL_CONTROL_INT_H

#include <sys/types.h>

#include "control/control.h"
#include "control/protocol.h"
#include "net/conn.h"
#include "status/json.h"

enum call_state {
	CALL_REQUEST, /* reading the request line */
	CALL_ANSWER, /* the verb runs */
	CALL_DONE, /* the last line is being sent */
};

struct call {
	struct control *ctl;
	uint64_t id;
	struct conn *conn; /* the answer goes to the socket, */
	struct page *page; /* or into the page; the other is NULL */
	struct loop_task *pump;
	struct loop_timer *timer; /* of call_wait() */
	enum call_state state;
	bool ready; /* call step when the output has been taken */
	/* The client: its node ("": it is at our socket) and its ids there. */
	char node[CONTROL_NODE_NAME];
	uint64_t number; /* of the call, at that node */
	uid_t uid;
	pid_t pid;
	/* This node's part of a gathered answer: no other node is asked, and
	 * something missing here is no failure yet. */
	bool part;
	bool audited; /* a line of audit.h is due */
	char target[TEXT_DOMAIN_MAX]; /* for audit.h; "": as in the request */

	/* The request, checked. */
	cJSON *request;
	enum control_verb verb;
	uint64_t fields; /* FIELD_*: those given (booleans: and true) */
	char domain[TEXT_DOMAIN_MAX]; /* canonical */
	uint64_t msg; /* FIELD_ID */
	bool all_parts;
	const char *address; /* in request */
	int64_t add_ms, since_ms;

	/* For a verb with more input than its request: called with each further
	 * line, which is borrowed. NULL: no more input. */
	void (*input)(struct call *, const char *line, size_t len);
	bool input_waits; /* call_input_wait() */

	void (*step)(struct call *);
	void *work; /* the verb's; freed with the call */
	void (*work_free)(void *work); /* NULL: plain memory */
};

/* control.c */
struct call *call_create(struct control *); /* without a socket */
void call_destroy(struct call *);
struct call *call_find(uint64_t id); /* NULL: it is gone */
struct loop *control_loop(const struct control *);
const struct control_cluster_ops *control_cluster(const struct control *);
const struct relay *call_relay(const struct call *);
bool call_is_dry(const struct call *); /* it is only to be counted */
const struct control_ops *call_ops(const struct call *);
struct happened;
struct happened *call_happened(const struct call *);
int64_t call_now(const struct call *); /* monotonic ns */
void call_send(struct call *, cJSON *line); /* takes ownership */
/* Part of a line; the caller sends the line feed. */
void call_send_part(struct call *, const char *text, size_t len);
void call_continue(struct call *);
void call_wait(struct call *, int64_t ms);
/* Reads no more input until there is room for its contents. */
void call_input_wait(struct call *, bool wait);
/* Sends the last line; takes `more` (NULL: none), adds "done" and "rc". */
void call_done(struct call *, enum control_rc, cJSON *more);
void
call_fail(struct call *, enum control_rc, const char *fmt, ...) MX_PRINTF(3, 4);
/* The same with CONTROL_FAILED, for something that is missing here but may be
 * at another node. */
void call_missing(struct call *, const char *fmt, ...) MX_PRINTF(2, 3);
/* For callbacks of the relay: call_of_ticket() is NULL when the client went
 * away. The id travels in the pointer, so nothing leaks whichever ends
 * first. */
void *call_ticket(const struct call *);
struct call *call_of_ticket(void *ticket);

#endif
