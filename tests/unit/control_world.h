/* SPDX-License-Identifier: ISC
 * control_world: what the tests of the control socket share: the server over its
 * real socket, in one loop with its clients, and the daemon faked
 * (control_fake.h). setup() and teardown() are cmocka's. */
#ifndef MX_TESTS_CONTROL_WORLD_H
#define MX_TESTS_CONTROL_WORLD_H

#include "base/buf.h"
#include "control_fake.h"

#define CLIENTS	 4
#define LIMIT_MS 20000

extern char dir[64], path[96]; /* of the socket */
extern struct loop *loop;
extern struct control *control;
extern struct fake fake;

int setup(void **state);
int teardown(void **state);
/* Another server, with fake.ops as they are now. */
void restart(void);

struct peer {
	int fd;
	struct loop_io *io;
	struct buf got;
	bool eof;
};

void peer_open(struct peer *);
void peer_say(struct peer *, const void *data, size_t len);
/* All that came until the server closed. Fails the test after LIMIT_MS. */
const char *peer_wait(struct peer *);
void peer_close(struct peer *);
/* The whole answer to one request; the peer is to be closed. */
const char *ask(struct peer *, const char *request);

/* Lets the server work for a moment in which nothing is to happen. */
void idle(int64_t ms);
void assert_has(const char *text, const char *part);
unsigned count(const char *text, const char *part);

#endif
