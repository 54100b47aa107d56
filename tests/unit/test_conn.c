/* SPDX-License-Identifier: ISC
 * test_conn: a connection in clear, and the loop that is late for it. */
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
#include "tests/unit/conn_pair.h"

static const struct end *wait_second;

static bool
second_eof(void)
{
	return strchr(wait_second->events, 'E') != NULL;
}

static bool
client_got_x(void)
{
	return strcmp(client.text, "x") == 0;
}

static bool
client_timed_out(void)
{
	return strchr(client.events, 't') != NULL;
}

static void
on_busy(void *ms)
{
	usleep((useconds_t) * (int *)ms * 1000);
}

static void
on_reply(void *arg MX_UNUSED)
{
	conn_write(server.c, "x", 1);
}

/* The loop was late for longer than the limit: that is not the peer's. */
static void
test_late(void **state)
{
	static int ms = 400;
	struct loop_timer *busy = loop_timer_create(loop, on_busy, &ms),
			  *reply = loop_timer_create(loop, on_reply, NULL);
	int64_t late;

	(void)state;
	dial();
	late = loop_late_ns(loop);
	conn_timeout(client.c, 300);
	loop_timer_set(busy, 10);
	loop_timer_set(reply, 480);
	assert_true(run_until(client_got_x));
	assert_string_equal(client.events, "CR");
	late = loop_late_ns(loop) - late;
	assert_true(late >= 400 * CLOCK_MS);
	loop_timer_destroy(&busy);
	loop_timer_destroy(&reply);
}

/* A task that takes 2 ms and wants to go on, again and again. */
static struct loop_task *endless;
static unsigned went_on;

static void
on_endless(void *arg MX_UNUSED)
{
	int64_t end = clock_now() + 2 * CLOCK_MS;

	while (clock_now() < end)
		;
	went_on++;
	loop_task_schedule(endless);
}

static bool
task_seen(void)
{
	return went_on > 0;
}

/* It has its turn, and then others have theirs. */
static void
test_long_tasks(void **state)
{
	(void)state;
	went_on = 0;
	endless = loop_task_create(loop, on_endless, NULL);
	loop_task_schedule(endless);
	assert_true(run_until(task_seen));
	assert_in_range(went_on, 1, 20);
	loop_task_destroy(&endless);
}

static void
on_handshake(void *arg MX_UNUSED)
{
	int64_t end = clock_now() + 2 * CLOCK_MS;

	while (clock_now() < end)
		;
	went_on++;
}

/* A crowd that waits in line has a few milliseconds of a turn, together. */
static void
test_crowd(void **state)
{
	struct loop_task *t[20];

	(void)state;
	went_on = 0;
	for (size_t i = 0; i < MX_COUNT(t); i++) {
		t[i] = loop_task_create(loop, on_handshake, NULL);
		loop_task_wait(t[i]);
	}
	assert_true(run_until(task_seen));
	assert_in_range(went_on, 1, 8);
	while (went_on < MX_COUNT(t))
		assert_true(run_until(task_seen));
	for (size_t i = 0; i < MX_COUNT(t); i++)
		loop_task_destroy(&t[i]);
}

static void
on_long_mail(struct mail *m, void *arg MX_UNUSED)
{
	int64_t end = clock_now() + 2 * CLOCK_MS;

	while (clock_now() < end)
		;
	assert_int_equal(m->kind, went_on++);
	free(m);
}

static bool
all_seen(void)
{
	return went_on == 100;
}

/* Neither does a full mailbox keep others from their turn; its order is kept. */
static void
test_long_mails(void **state)
{
	struct mailbox *mb = mailbox_create();
	struct loop_io *io;
	struct mail *m;

	(void)state;
	went_on = 0;
	for (unsigned i = 0; i < 100; i++) {
		m = mem_alloc(sizeof(*m));
		m->kind = (int)i;
		mailbox_post(mb, m);
	}
	io = loop_mailbox(loop, mb, on_long_mail, NULL);
	assert_true(run_until(task_seen));
	assert_in_range(went_on, 1, 20);
	assert_true(run_until(all_seen));
	loop_io_destroy(&io);
	mailbox_destroy(&mb, NULL);
}

/* However late we are, silence has an end: a limit is at most doubled. */
static void
on_ever_busy(void *arg)
{
	struct loop_timer **t = arg;

	usleep(40 * 1000);
	loop_timer_set(*t, 1);
}

static void
test_ever_late(void **state)
{
	struct loop_timer *busy = NULL;

	(void)state;
	busy = loop_timer_create(loop, on_ever_busy, &busy);
	dial();
	conn_timeout(client.c, 200);
	loop_timer_set(busy, 1);
	assert_true(run_until(client_timed_out));
	loop_timer_destroy(&busy);
}

static int pair[2];

static void
on_send(void *arg MX_UNUSED)
{
	assert_int_equal(send(pair[1], "x", 1, 0), 1);
}

/* What lies in the socket when the limit has passed is taken: both timers are
 * due in one turn, and the first one makes the socket readable. */
static void
test_last_look(void **state)
{
	struct loop_timer *t = loop_timer_create(loop, on_send, NULL);

	(void)state;
	client.rearm_ms = 5000;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	client.c =
	    conn_accept(loop, pair[0], &listen_addr, 8192, on_event, &client);
	loop_timer_set(t, 20);
	conn_timeout(client.c, 20);
	assert_true(run_until(client_got_x));
	assert_string_equal(client.events, "R");
	/* Without one to make it anew the limit stands. */
	client.text[0] = client.events[0] = '\0';
	client.rearm_ms = 0;
	loop_timer_set(t, 20);
	conn_timeout(client.c, 20);
	assert_true(run_until(client_timed_out));
	assert_string_equal(client.events, "Rt");
	close(pair[1]);
	loop_timer_destroy(&t);
}

/* The new owner is told, the old one is not. */
static void
test_owner(void **state)
{
	static struct end second;

	(void)state;
	dial();
	second.c = client.c;
	conn_owner(client.c, on_event, &second);
	conn_write(server.c, "x", 1);
	conn_finish(&server.c, 1000);
	wait_second = &second;
	assert_true(run_until(second_eof));
	assert_string_equal(client.events, "C");
	assert_string_equal(second.events, "RE");
	assert_string_equal(second.text, "x");
}

static void
test_refused(void **state)
{
	(void)state;
	loop_io_want(listener, 0);
	close(listen_fd);
	listen_fd = -1;
	client.c =
	    conn_connect(loop, &listen_addr, NULL, 8192, on_event, &client);
	assert_string_equal(client.events, "");
	assert_true(run_until(client_error));
	assert_string_equal(client.events, "!");
	assert_string_equal(conn_error(client.c), "connection refused");
	assert_false(conn_error_is_tls(client.c));
	assert_false(conn_error_is_local(client.c));
	conn_write(client.c, "x", 1);
	assert_int_equal(conn_backlog(client.c), 0);
}

/* Whose fault it is decides whether a primary is down. */
static void
test_local_trouble(void **state)
{
	struct net_addr from;
	struct rlimit had, none;
	int fd = dup(STDERR_FILENO); /* the lowest that is free */

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
	none = (struct rlimit){ (rlim_t)fd, had.rlim_max };
	close(fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	client.c =
	    conn_connect(loop, &listen_addr, NULL, 8192, on_event, &client);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	assert_true(run_until(client_error));
	assert_true(conn_error_is_local(client.c));
	conn_destroy(&client.c);
	memset(&client, 0, sizeof(client));
	assert_int_equal(addr_parse(&from, "192.0.2.1", 0, ':'), 0);
	client.c =
	    conn_connect(loop, &listen_addr, &from, 8192, on_event, &client);
	assert_true(run_until(client_error));
	assert_true(conn_error_is_local(client.c));
}

static bool
client_got_ping(void)
{
	return strcmp(client.text, "ping 1\r\n") == 0;
}

static void
test_echo(void **state)
{
	(void)state;
	server.echo = true;
	dial();
	assert_true(
	    addr_port(conn_peer(server.c)) == addr_port(conn_local(client.c)));
	assert_true(addr_equal_host(conn_local(server.c), &listen_addr));
	conn_printf(client.c, "ping %d\r\n", 1);
	assert_true(run_until(client_got_ping));
	assert_string_equal(client.events, "CDR");
	assert_string_equal(server.events, "R");
	assert_null(conn_tls_info(client.c));
}

static bool
server_got_all(void)
{
	return server.got == BIG;
}

static bool
client_drained(void)
{
	return strchr(client.events, 'D') != NULL;
}

static void
test_window(void **state)
{
	int small = 65536;

	(void)state;
	(void)setsockopt(listen_fd, SOL_SOCKET, SO_RCVBUF, &small,
	    sizeof(small));
	server.keep = true;
	dial();
	write_big(client.c);
	assert_true(run_until(server_full)); /* and never more */
	assert_true(conn_backlog(client.c) > 0);
	assert_false(client_drained());
	server.keep = false;
	server.got = 8192;
	conn_consume(server.c, 8192);
	assert_true(run_until(server_got_all));
	assert_true(run_until(client_drained));
	assert_int_equal(conn_backlog(client.c), 0);
}

/* Who sees a backlog and waits has to be told, also when the socket takes all
 * of it at once: nothing else brings him back. */
static void
test_backlog_is_told(void **state)
{
	(void)state;
	dial();
	conn_printf(client.c, "ping\r\n");
	assert_int_equal(conn_backlog(client.c), 6);
	assert_true(run_until(client_drained));
	assert_int_equal(conn_backlog(client.c), 0);
	assert_string_equal(client.events, "CD");
}

static bool
server_read(void)
{
	return server.got > 0;
}

static void
test_pause(void **state)
{
	(void)state;
	dial();
	conn_pause(server.c);
	conn_write(client.c, "abc", 3);
	assert_true(run_until(client_sent));
	later = clock_now() + 20 * CLOCK_MS;
	assert_true(run_until(a_while));
	assert_string_equal(server.events, "");
	conn_resume(server.c);
	assert_true(run_until(server_read));
	assert_string_equal(server.text, "abc");
}

/* Memory that is given away leaves in its place between copies, with nothing
 * before it, with something, and out of a connection that is no more. */
static void
test_write_owned(void **state)
{
	(void)state;
	dial();
	conn_write_owned(client.c, mem_strdup("ab"), 2);
	conn_write(client.c, "cd", 2);
	conn_write_owned(client.c, mem_strdup("ef"), 2);
	conn_write_owned(client.c, mem_strdup(""), 0);
	later = clock_now() + 20 * CLOCK_MS;
	assert_true(run_until(server_read) && run_until(a_while));
	assert_string_equal(server.text, "abcdef");
	conn_write_owned(client.c, mem_strdup("gh"), 2);
	later = clock_now() + 20 * CLOCK_MS;
	assert_true(run_until(a_while));
	assert_string_equal(server.text, "abcdefgh");
	conn_destroy(&server.c);
	assert_true(run_until(client_eof));
	conn_write_owned(client.c, mem_strdup("ij"), 2);
}

/* What is left in the window is offered again after a resume. */
static void
test_resume_offers(void **state)
{
	(void)state;
	server.keep = true;
	dial();
	conn_write(client.c, "abc", 3);
	later = clock_now() + 20 * CLOCK_MS;
	assert_true(run_until(a_while));
	assert_string_equal(server.events, "R");
	conn_pause(server.c);
	server.keep = false;
	conn_resume(server.c);
	assert_int_equal(server.got, 0);
	assert_true(run_until(server_read));
	assert_string_equal(server.text, "abc");
}

static bool
server_gone(void)
{
	return server.c == NULL;
}

static void
test_destroy_in_callback(void **state)
{
	static const char at[] = "RE";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(at) - 1; i++) {
		memset(&client, 0, sizeof(client));
		memset(&server, 0, sizeof(server));
		server.destroy_at = at[i];
		dial();
		conn_write(client.c, "abc", 3);
		conn_finish(&client.c, 1000);
		assert_null(client.c);
		assert_true(run_until(server_gone));
	}
	memset(&client, 0, sizeof(client));
	client.destroy_at = 'C';
	client.c =
	    conn_connect(loop, &listen_addr, NULL, 8192, on_event, &client);
	while (client.c != NULL)
		assert_true(run_until(a_while));
	assert_string_equal(client.events, "C");
}

static bool
client_timeout(void)
{
	return strchr(client.events, 't') != NULL;
}

static void
test_timeout(void **state)
{
	int64_t start;

	(void)state;
	dial();
	conn_timeout(client.c, 20);
	conn_timeout(client.c, 0);
	conn_timeout(client.c, 60000);
	conn_timeout(client.c, 60); /* earlier than the armed one */
	conn_timeout(client.c, 90); /* later */
	start = clock_now();
	assert_true(run_until(client_timeout));
	assert_true(clock_now() - start >= 85 * CLOCK_MS);
	assert_true(clock_now() - start < 5 * CLOCK_SEC);
	later = clock_now() + 30 * CLOCK_MS;
	assert_true(run_until(a_while));
	assert_string_equal(client.events, "Ct"); /* once */
}

static void
test_eof_after_data(void **state)
{
	(void)state;
	dial();
	conn_write(server.c, "bye\r\n", 5);
	conn_finish(&server.c, 5000);
	assert_null(server.c);
	assert_true(run_until(client_eof));
	assert_string_equal(client.events, "CRE");
	assert_string_equal(client.text, "bye\r\n");
}

/* A big answer is delivered whole although its sender finished at once. */
static bool
client_got_all(void)
{
	return client.got == BIG && client_eof();
}

static void
test_finish_flushes(void **state)
{
	(void)state;
	dial();
	write_big(server.c);
	conn_finish(&server.c, 10000);
	assert_true(run_until(client_got_all));
}

/* A loop that ends takes lingering connections with it (leak checker). */
static void
test_finish_linger(void **state)
{
	(void)state;
	dial();
	conn_pause(client.c);
	write_big(server.c);
	conn_finish(&server.c, 60000);
	later = clock_now() + 10 * CLOCK_MS;
	assert_true(run_until(a_while));
}

#define CONN_TEST(fn)                                                          \
	cmocka_unit_test_setup_teardown(fn, pair_setup, pair_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CONN_TEST(test_late),
		CONN_TEST(test_write_owned),
		CONN_TEST(test_long_tasks),
		CONN_TEST(test_crowd),
		CONN_TEST(test_long_mails),
		CONN_TEST(test_ever_late),
		CONN_TEST(test_last_look),
		CONN_TEST(test_owner),
		CONN_TEST(test_refused),
		CONN_TEST(test_local_trouble),
		CONN_TEST(test_echo),
		CONN_TEST(test_window),
		CONN_TEST(test_backlog_is_told),
		CONN_TEST(test_pause),
		CONN_TEST(test_resume_offers),
		CONN_TEST(test_destroy_in_callback),
		CONN_TEST(test_timeout),
		CONN_TEST(test_eof_after_data),
		CONN_TEST(test_finish_flushes),
		CONN_TEST(test_finish_linger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
