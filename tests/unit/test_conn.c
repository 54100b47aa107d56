/* SPDX-License-Identifier: ISC
 * test_conn: two ends of a connection in one loop over 127.0.0.1, in clear
 * and in TLS with a certificate made here. Each end writes down the events
 * it is told; each test waits for a condition, with a deadline. */
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

static struct loop *loop;
static struct loop_io *listener;
static int listen_fd = -1;
static struct net_addr listen_addr;
static struct end client, server;
static struct tls_ctx *server_ctx, *client_ctx, *strict_ctx;
static char cert_file[64], key_file[64];

static void
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

static bool
run_until(bool (*condition)(void))
{
	wait_for = condition;
	wait_end = clock_now() + 10 * CLOCK_SEC;
	loop_timer_set(wait_timer, 0);
	loop_run(loop);
	return condition();
}

static bool
both_there(void)
{
	return server.c != NULL && strchr(client.events, 'C') != NULL;
}

static bool
client_eof(void)
{
	return strchr(client.events, 'E') != NULL;
}

static bool
client_error(void)
{
	return strchr(client.events, '!') != NULL;
}

static bool
server_ended(void)
{
	return strpbrk(server.events, "E!") != NULL;
}

static bool
both_tls(void)
{
	return strchr(client.events, 'T') != NULL &&
	    strchr(server.events, 'T') != NULL;
}

static void
dial(void)
{
	client.c =
	    conn_connect(loop, &listen_addr, NULL, 8192, on_event, &client);
	assert_string_equal(client.events, "");
	assert_true(run_until(both_there));
}

static int
setup(void **state)
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

static int
teardown(void **state)
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
server_full(void)
{
	const char *data;

	return conn_input(server.c, &data) == 8192;
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
write_big(struct conn *c)
{
	char *big = mem_alloc(BIG);

	memset(big, 'x', BIG);
	conn_write(c, big, BIG);
	mem_free(&big);
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
client_sent(void)
{
	return conn_backlog(client.c) == 0;
}

static int64_t later;

static bool
a_while(void)
{
	return clock_now() > later;
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

static bool
client_got_220(void)
{
	return strcmp(client.text, "220\r\n") == 0;
}

static bool resumes; /* start_tls() may go on with a session */

static void
start_tls(struct tls_ctx *ctx, const char *name)
{
	server.starttls = "STARTTLS";
	dial();
	conn_printf(client.c, "STARTTLS\r\nRSET injected\r\n");
	assert_true(run_until(client_got_220));
	client.text[0] = '\0';
	assert_int_equal(
	    (resumes ? conn_tls_resume : conn_tls_start)(client.c, ctx, name),
	    0);
}

static bool
client_got_big(void)
{
	return client.got >= BIG;
}

static void
test_tls(void **state)
{
	const struct tls_info *info;

	(void)state;
	start_tls(client_ctx, "mx.example");
	assert_true(run_until(both_tls));
	assert_string_equal(server.text, ""); /* nothing injected */
	info = conn_tls_info(client.c);
	assert_non_null(info);
	assert_string_equal(info->version, "TLSv1.3");
	assert_true(info->cipher[0] != '\0');
	assert_false(info->verified);
	assert_non_null(strstr(info->verify_error, "self"));
	assert_true(info->not_after > clock_wall());
	assert_true(info->not_after <= clock_wall() + 86400);
	assert_non_null(conn_tls_info(server.c));
	server.text[0] = client.text[0] = '\0';
	server.got = client.got = 0;
	server.echo = true;
	write_big(client.c); /* there and back, through small windows */
	assert_true(run_until(client_got_big));
	assert_int_equal(server.got, BIG);
	conn_finish(&client.c, 5000);
	assert_true(run_until(server_ended));
	assert_non_null(strchr(server.events, 'E'));
}

static bool
server_got_four(void)
{
	return strcmp(server.text, "abcd") == 0;
}

#define RECORD 12000 /* more than the window, less than a record holds */

static bool
server_got_record(void)
{
	return server.got == RECORD;
}

/* What OpenSSL has taken off the socket is offered when there is room again,
 * though no descriptor becomes readable for it. */
static void
test_tls_window(void **state)
{
	char text[RECORD];

	(void)state;
	start_tls(client_ctx, NULL);
	assert_true(run_until(both_tls));
	server.keep = true;
	memset(text, 'x', sizeof(text));
	conn_write(client.c, text, sizeof(text));
	assert_true(run_until(server_full));
	later = clock_now() + 20 * CLOCK_MS;
	assert_true(run_until(a_while));
	server.keep = false;
	server.got = 8192;
	conn_consume(server.c, 8192);
	assert_true(run_until(server_got_record));
}

/* Two records that came in one read are two answers. */
static void
test_tls_two_records(void **state)
{
	(void)state;
	start_tls(client_ctx, NULL);
	assert_true(run_until(both_tls));
	memset(server.text, 0, sizeof(server.text));
	conn_pause(server.c);
	conn_write(client.c, "ab", 2);
	assert_true(run_until(client_sent));
	conn_write(client.c, "cd", 2);
	assert_true(run_until(client_sent));
	conn_resume(server.c);
	assert_true(run_until(server_got_four));
	assert_string_equal(server.text, "abcd");
}

static bool
client_got_echo(void)
{
	return strstr(client.text, "echo") != NULL;
}

static bool forgets; /* is_resumed() has TLS fail at its end */

/* A connection with something said inside TLS, so that tickets have come. Was
 * it resumed? */
static bool
is_resumed(const char *name, bool full)
{
	bool resumed;

	resumes = !full;
	start_tls(client_ctx, name);
	resumes = false;
	assert_true(run_until(both_tls));
	server.echo = true;
	conn_printf(client.c, "echo\r\n");
	assert_true(run_until(client_got_echo));
	resumed = conn_tls_info(client.c)->resumed;
	assert_false(conn_tls_info(client.c)->verified);
	assert_non_null(strstr(conn_tls_info(client.c)->verify_error, "self"));
	if (forgets)
		conn_tls_forget(client.c);
	conn_destroy(&client.c);
	conn_destroy(&server.c);
	memset(&client, 0, sizeof(client));
	memset(&server, 0, sizeof(server));
	return resumed;
}

/* A session is gone on with under the same name alone; what was found of the
 * certificate stays known; what failed is not tried again. */
static void
test_tls_resumes(void **state)
{
	(void)state;
	assert_false(is_resumed("mx.example", false));
	assert_true(is_resumed("mx.example", false));
	assert_true(is_resumed("mx.example", false));
	assert_false(is_resumed("mx.example", true));
	assert_false(is_resumed("other.example", false));
	assert_false(is_resumed(NULL, false));
	assert_true(is_resumed("mx.example", false));
	forgets = true;
	assert_true(is_resumed("mx.example", false));
	assert_false(is_resumed("mx.example", false));
}

static void
test_tls_strict(void **state)
{
	(void)state;
	start_tls(strict_ctx, "mx.example");
	assert_true(run_until(client_error));
	assert_true(conn_error_is_tls(client.c));
	assert_non_null(strstr(conn_error(client.c), "self"));
	assert_true(run_until(server_ended));
}

static void
test_tls_strict_needs_name(void **state)
{
	(void)state;
	dial();
	assert_int_equal(conn_tls_start(client.c, strict_ctx, NULL), -MX_ETLS);
}

/* Clear text where a handshake should be fails the connection. */
static void
test_tls_garbage(void **state)
{
	(void)state;
	server.starttls = "STARTTLS";
	dial();
	conn_printf(client.c, "STARTTLS\r\n");
	assert_true(run_until(client_got_220));
	conn_printf(client.c, "MAIL FROM:<a@b.example>\r\n");
	assert_true(run_until(server_ended));
	assert_non_null(strchr(server.events, '!'));
	assert_true(conn_error_is_tls(server.c));
}

static void
test_tls_files(void **state)
{
	struct mx_errbuf eb;

	(void)state;
	assert_null(tls_server_create("/nowhere/cert.pem", key_file, &eb));
	assert_non_null(strstr(eb.text, "/nowhere/cert.pem: "));
	assert_non_null(strstr(eb.text, "No such file"));
	assert_null(tls_server_create(cert_file, "/nowhere/key.pem", &eb));
	assert_non_null(strstr(eb.text, "/nowhere/key.pem: No such file"));
	assert_null(tls_server_create(key_file, key_file, &eb));
	assert_non_null(strstr(eb.text, key_file));
}

static void
make_certificate(EVP_PKEY **key, X509 **cert)
{
	X509_NAME *name;

	*key = EVP_EC_gen("P-256");
	*cert = X509_new();
	assert_true(*key != NULL && *cert != NULL);
	X509_set_version(*cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(*cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(*cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(*cert), 3600);
	X509_set_pubkey(*cert, *key);
	name = X509_get_subject_name(*cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"mx.example", -1, -1, 0);
	X509_set_issuer_name(*cert, name);
	assert_true(X509_sign(*cert, *key, EVP_sha256()) > 0);
}

static int
setup_tls(void **state)
{
	static char dir[] = "/tmp/test_conn.XXXXXX", other[64];
	struct mx_errbuf eb;
	EVP_PKEY *key, *key2;
	X509 *cert, *cert2;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(cert_file, sizeof(cert_file), "%s/cert.pem", dir);
	snprintf(key_file, sizeof(key_file), "%s/key.pem", dir);
	snprintf(other, sizeof(other), "%s/other.pem", dir);
	make_certificate(&key, &cert);
	make_certificate(&key2, &cert2);
	f = fopen(cert_file, "w");
	assert_true(f != NULL && PEM_write_X509(f, cert) == 1);
	fclose(f);
	f = fopen(key_file, "w");
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	assert_true(f != NULL &&
	    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(f);
	f = fopen(other, "w");
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	assert_true(f != NULL &&
	    PEM_write_PrivateKey(f, key2, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(f);
	server_ctx = tls_server_create(cert_file, key_file, &eb);
	client_ctx = tls_client_create(&eb);
	strict_ctx = tls_client_strict_create(&eb);
	assert_true(
	    server_ctx != NULL && client_ctx != NULL && strict_ctx != NULL);
	assert_null(tls_server_create(cert_file, other, &eb));
	assert_non_null(strstr(eb.text, "mismatch"));
	assert_non_null(strstr(eb.text, other));
	unlink(other);
	EVP_PKEY_free(key);
	EVP_PKEY_free(key2);
	X509_free(cert);
	X509_free(cert2);
	return 0;
}

static int
teardown_tls(void **state)
{
	(void)state;
	tls_ctx_destroy(&server_ctx);
	tls_ctx_destroy(&client_ctx);
	tls_ctx_destroy(&strict_ctx);
	unlink(cert_file);
	unlink(key_file);
	*strrchr(key_file, '/') = '\0';
	rmdir(key_file);
	return 0;
}

#define CONN_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CONN_TEST(test_late),
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
		CONN_TEST(test_tls),
		CONN_TEST(test_tls_window),
		CONN_TEST(test_tls_two_records),
		CONN_TEST(test_tls_resumes),
		CONN_TEST(test_tls_strict),
		CONN_TEST(test_tls_strict_needs_name),
		CONN_TEST(test_tls_garbage),
		CONN_TEST(test_tls_files),
	};

	return cmocka_run_group_tests(tests, setup_tls, teardown_tls);
}
