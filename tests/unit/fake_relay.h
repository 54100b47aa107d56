/* SPDX-License-Identifier: ISC
 * fake_relay: the queue as smtpd sees it, in memory and under the test's
 * command. Linked instead of relay/queue and relay/store. Commits complete from the loop, as the real ones do. */
#ifndef MX_TESTS_FAKE_RELAY_H
#define MX_TESTS_FAKE_RELAY_H

#include "base/buf.h"
#include "relay/queue/queue.h"

#define FAKE_MESSAGES 64

struct fake_message {
	uint64_t id;
	struct buf body; /* our Received line included */
	struct envelope **part;
	unsigned n;
};

struct fake_relay {
	struct loop *loop;
	int accepting; /* what queue_accepting() says, but for... */
	bool queue_full; /* ...max_messages */
	unsigned pressure; /* percent */
	int append_rc; /* of the append that... */
	size_t append_limit; /* ...goes beyond this; 0: never */
	int commit_rc;
	int64_t commit_ms; /* how long a commit takes */
	bool congested; /* until fake_relay_space() */
	unsigned begun, aborted; /* transactions */
	unsigned nmessages;
	struct fake_message message[FAKE_MESSAGES];
	struct loop_timer *timer; /* private, as is the rest */
	struct fake_commit *commits;
	struct queue_intake *waiting;
	uint64_t last_id;
};
extern struct fake_relay fake;

void fake_relay_init(struct loop *);
void fake_relay_fini(void);
void fake_relay_forget(void); /* the messages */
/* The disk has caught up: calls who waits. */
void fake_relay_space(void);

#endif
