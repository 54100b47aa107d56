/* SPDX-License-Identifier: ISC
 * deliver_world: what the tests of delivery share: deliverer and bouncer over
 * real connections to a scripted server (deliver_sink.h), the rest of the
 * daemon faked (fake_delivery.h). setup() and teardown() are cmocka's; the
 * latter checks that every job taken was ended once. */
#ifndef MX_TESTS_DELIVER_WORLD_H
#define MX_TESTS_DELIVER_WORLD_H

#include "deliver_sink.h"
#include "fake_delivery.h"
#include "relay/deliver/bounce.h"
#include "relay/deliver/deliver.h"

#define TEXT "Subject: x\r\n\r\n.dot\r\nbody\r\n"

struct world {
	struct loop *loop;
	struct stats *stats;
	struct bounce *bounce;
	struct deliver *deliver;
	struct reach_env reach;
	struct loop_timer *poll;
	bool (*cond)(void);
	int64_t deadline;
	unsigned ok, bad, dns, self; /* outcomes */
	unsigned backups; /* outcomes, bad or with more hosts to come */
	enum smtp_phase phase; /* of the last bad one */
	uint16_t code;
	bool drained;
	unsigned most, most_at; /* deliver_ops.connections, .connections_at */
	bool counts;
	const char *down; /* the host that deliver_ops.down names */
};
extern struct world t;
extern struct sink sink;
extern const struct route_self self;

int setup(void **state);
int teardown(void **state);
void start(void); /* the server, and the wish for connections */
void restart(void); /* another deliverer, with the same memory of hosts */
/* A message with the body TEXT for the addresses, separated by blanks. */
struct fake_job *add(const char *rcpts);
void on_want(void *deliver, const char *domain, unsigned n);

/* Runs the loop until the condition holds, 20 s at most. */
bool wait_for(bool (*cond)(void));
#define WAIT_FOR(cond) assert_true(wait_for(cond))
bool all_quiet(void); /* no job ready or out, no notice under way */
bool nothing_pending(void); /* no notice under way */
bool failed_once(void); /* an outcome that is not ok */
bool no_connections(void);
bool got_dot(void); /* a whole message */

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
