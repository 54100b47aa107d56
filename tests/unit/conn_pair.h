/* SPDX-License-Identifier: ISC
 * conn_pair: two ends of a connection in one loop over 127.0.0.1, for the tests
 * of connections in clear and in TLS. Each end writes down the events that it is
 * told; each test waits for a condition, with a deadline. */
#ifndef MX_TESTS_CONN_PAIR_H
#define MX_TESTS_CONN_PAIR_H

#include "net/conn.h"

#define BIG 8000000 /* more than two socket buffers take */

struct end {
	struct conn *c;
	char events[64]; /* a letter each: C R D T E ! t */
	size_t got; /* bytes taken */
	char text[256]; /* the first of them */
	bool keep; /* leaves the input where it is */
	bool echo;
	char destroy_at; /* the event in which it destroys itself */
	int64_t rearm_ms; /* a time-out set at each CONN_READ */
	const char *starttls; /* server: starts TLS when it reads this */
};

extern struct loop *loop;
extern struct loop_io *listener;
extern int listen_fd;
extern struct net_addr listen_addr;
extern struct end client, server;
extern struct tls_ctx *server_ctx, *client_ctx,
    *strict_ctx; /* NULL: in clear */

int pair_setup(void **state); /* of each test */
int pair_teardown(void **state);
void on_event(struct conn *, enum conn_event, void *end);
void dial(void); /* until both are there */
/* True when it came to be within the deadline. */
bool run_until(bool (*condition)(void));
bool both_there(void);
bool both_tls(void);
bool client_eof(void);
bool client_error(void);
bool server_ended(void);
bool server_full(void); /* its window */
bool client_sent(void);
extern int64_t later; /* until then... */
bool a_while(void); /* ...this waits */
void write_big(struct conn *); /* BIG bytes */

#endif
