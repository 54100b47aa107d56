/* SPDX-License-Identifier: ISC
 * conn_pair: see conn_pair.h. */
#include <sys/resource.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "net/conn.h"
#include "tests/unit/conn_pair.h"

struct loop *loop;
struct loop_io *listener;
int listen_fd = -1;
struct net_addr listen_addr;
struct end client, server;
struct tls_ctx *server_ctx, *client_ctx, *strict_ctx;

void
on_event(struct conn *c, enum conn_event event, void *arg)
{
	struct end *e = arg;
	size_t len = strlen(e->events), n, space;
	char letter = "CRDTE!t"[event];
	const char *data;

	assert_ptr_equal(c, e->c);
	if (len + 1 < sizeof(e->events) &&
	    (letter != 'R' || len == 0 || e->events[len - 1] != 'R'))
		e->events[len] = letter;
	if (letter == e->destroy_at) {
		conn_destroy(&e->c);
		return;
	}
	if (event != CONN_READ || e->keep)
		return;
	if (e->rearm_ms > 0)
		conn_timeout(c, e->rearm_ms);
	n = conn_input(c, &data);
	assert_true(n > 0);
	space = sizeof(e->text) - 1 - strlen(e->text);
	memcpy(e->text + strlen(e->text), data, n < space ? n : space);
	e->got += n;
	if (e->echo)
		conn_write(c, data, n);
	if (e->starttls != NULL && strstr(e->text, e->starttls) != NULL) {
		e->starttls = NULL;
		e->text[0] = '\0';
		conn_write(c, "220\r\n", 5);
		assert_int_equal(conn_tls_start(c, server_ctx, NULL), 0);
		assert_int_equal(conn_input(c, &data), 0);
		return;
	}
	conn_consume(c, n);
}

static void
on_accept(unsigned ready MX_UNUSED, void *arg MX_UNUSED)
{
	struct net_addr peer;
	int fd;

	peer.len = sizeof(peer.u);
	fd = accept4(listen_fd, &peer.u.sa, &peer.len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	assert_null(server.c);
	server.c = conn_accept(loop, fd, &peer, 8192, on_event, &server);
}

/* Waiting: a timer looks at the condition every few milliseconds. */
static bool (*wait_for)(void);
static int64_t wait_end;
static struct loop_timer *wait_timer;

static void
on_wait(void *arg MX_UNUSED)
{
	if (wait_for() || clock_now() > wait_end)
		loop_stop(loop);
	else
		loop_timer_set(wait_timer, 2);
}

bool
run_until(bool (*condition)(void))
{
	wait_for = condition;
	wait_end = clock_now() + 10 * CLOCK_SEC;
	loop_timer_set(wait_timer, 0);
	loop_run(loop);
	return condition();
}

bool
both_there(void)
{
	return server.c != NULL && strchr(client.events, 'C') != NULL;
}

bool
client_eof(void)
{
	return strchr(client.events, 'E') != NULL;
}

bool
client_error(void)
{
	return strchr(client.events, '!') != NULL;
}

bool
server_ended(void)
{
	return strpbrk(server.events, "E!") != NULL;
}

bool
both_tls(void)
{
	return strchr(client.events, 'T') != NULL &&
	    strchr(server.events, 'T') != NULL;
}

void
dial(void)
{
	client.c =
	    conn_connect(loop, &listen_addr, NULL, 8192, on_event, &client);
	assert_string_equal(client.events, "");
	assert_true(run_until(both_there));
}

int
pair_setup(void **state)
{
	(void)state;
	memset(&client, 0, sizeof(client));
	memset(&server, 0, sizeof(server));
	loop = loop_create();
	wait_timer = loop_timer_create(loop, on_wait, NULL);
	assert_int_equal(addr_parse(&listen_addr, "127.0.0.1", 0, ':'), 0);
	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(listen_fd >= 0);
	assert_int_equal(bind(listen_fd, &listen_addr.u.sa, listen_addr.len),
	    0);
	assert_int_equal(listen(listen_fd, 8), 0);
	assert_int_equal(
	    getsockname(listen_fd, &listen_addr.u.sa, &listen_addr.len), 0);
	listener = loop_io_create(loop, listen_fd, on_accept, NULL);
	loop_io_want(listener, LOOP_READ);
	return 0;
}

int
pair_teardown(void **state)
{
	(void)state;
	conn_destroy(&client.c);
	conn_destroy(&server.c);
	loop_io_destroy(&listener);
	close(listen_fd);
	loop_timer_destroy(&wait_timer);
	loop_destroy(&loop);
	return 0;
}

bool
server_full(void)
{
	const char *data;

	return conn_input(server.c, &data) == 8192;
}

void
write_big(struct conn *c)
{
	char *big = mem_alloc(BIG);

	memset(big, 'x', BIG);
	conn_write(c, big, BIG);
	mem_free(&big);
}

bool
client_sent(void)
{
	return conn_backlog(client.c) == 0;
}

int64_t later;

bool
a_while(void)
{
	return clock_now() > later;
}
