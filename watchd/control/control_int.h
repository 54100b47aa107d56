/* SPDX-License-Identifier: ISC
 * control_int: one request that is being answered, as control.c (sockets,
 * lines, time limits), page.c (those without a socket) and the verbs share it. A verb never destroys a call
 * and never waits: it sends lines, and then is done, or asks for its step to
 * be called again when the client has taken them (call_continue) or later
 * (call_wait). What answers later finds the call by its id, or finds that it
 * is gone. Loop thread. */
#ifndef MX_CONTROL_CONTROL_INT_H
#define MX_CONTROL_CONTROL_INT_H

#include <sys/types.h>

#include "control/control.h"
#include "control/protocol.h"
#include "net/conn.h"
#include "status/json.h"

enum call_state {
	CALL_REQUEST, /* the request line is awaited */
	CALL_ANSWER, /* the verb is at work */
	CALL_DONE, /* the last line is on its way */
};

struct call {
	struct control *ctl;
	uint64_t id;
	struct conn *conn; /* either this, */
	struct page *page; /* or that has the answer */
	struct loop_task *pump;
	struct loop_timer *timer; /* of call_wait() */
	enum call_state state;
	bool ready; /* step is to be called when the output is through */
	/* Who asks: his node ("": he is at our socket), and who he is there. */
	char node[CONTROL_NODE_NAME];
	uint64_t number; /* by which that node knows the call */
	uid_t uid;
	pid_t pid;
	/* It is a part of an answer that is gathered: what is known here, no
	 * other node is asked, and what is not here is no failure yet. */
	bool part;
	bool audited; /* a line of audit.h is due */
	char target[TEXT_DOMAIN_MAX]; /* for that; "": as the request has it */

	/* the request, checked */
	cJSON *request;
	enum control_verb verb;
	uint64_t fields; /* FIELD_*: what was given (bools: and true) */
	char domain[TEXT_DOMAIN_MAX]; /* canonical */
	uint64_t msg; /* FIELD_ID */
	bool all_parts;
	const char *address; /* in request */
	int64_t add_ms, since_ms;

	/* Of a verb to which the client says more than its request: the next
	 * line, which is lent and is not to be kept. NULL: it says no more. */
	void (*input)(struct call *, const char *line, size_t len);
	bool input_waits; /* call_input_wait() */

	void (*step)(struct call *);
	void *work; /* the verb's; freed with the call */
	void (*work_free)(void *work);
};

/* control.c */
struct call *call_create(struct control *); /* without a socket */
void call_destroy(struct call *);
struct call *call_find(uint64_t id); /* NULL: it is gone */
struct loop *control_loop(const struct control *);
const struct control_cluster_ops *control_cluster(const struct control *);
const struct relay *call_relay(const struct call *);
const struct control_ops *call_ops(const struct call *);
struct happened;
struct happened *call_happened(const struct call *);
int64_t call_now(const struct call *); /* monotonic ns */
void call_send(struct call *, cJSON *line); /* takes it */
/* Part of a line: the line feed is the caller's. */
void call_send_part(struct call *, const char *text, size_t len);
void call_continue(struct call *);
void call_wait(struct call *, int64_t ms);
/* No more lines until there is room for what they bring. */
void call_input_wait(struct call *, bool wait);
/* The last line; `more` (NULL: none) is taken, "done" and "rc" are added. */
void call_done(struct call *, enum control_rc, cJSON *more);
void
call_fail(struct call *, enum control_rc, const char *fmt, ...) MX_PRINTF(3, 4);
/* The same with CONTROL_FAILED, because it is not here; it may be at another
 * node. */
void call_missing(struct call *, const char *fmt, ...) MX_PRINTF(2, 3);
/* For callbacks of the relay: NULL when the client went away. The id travels
 * in the pointer, so nothing is left behind whoever goes first. */
void *call_ticket(const struct call *);
struct call *call_of_ticket(void *ticket);

#endif
