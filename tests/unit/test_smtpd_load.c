/* SPDX-License-Identifier: ISC
 * smtpd under load: whose turn it is, what counts against the limits and for
 * how long, and when it is stricter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/conn_int.h"
#include "tests/unit/smtpd_world.h"

static struct {
	unsigned busy; /* questions of who says much */
	unsigned before; /* of them, before that of who says little */
	bool asked;
} order;

static bool
primary_up(void *arg MX_UNUSED, const char *domain)
{
	if (strcmp(domain, "outage.test") == 0) {
		order.busy++;
	} else {
		order.asked = true;
		order.before = order.busy;
	}
	return true;
}

static bool
both_done(struct talk *t MX_UNUSED)
{
	return order.asked && order.busy == 300;
}

/* Both are readable in the same turn, the one with 300 recipients first. */
static void
turns(void **state MX_UNUSED)
{
	static const char little[] = EHLO MAIL "RCPT TO:<a@patient.test>\r\n";
	char *much = repeat(EHLO MAIL, "RCPT TO:<a@outage.test>\r\n", 300, "");
	size_t len = strlen(much);
	int fd[2];

	begin("max_commands = 1000", "");
	memset(&order, 0, sizeof(order));
	w.smtpd->ops.primary_up = primary_up;
	fd[0] = connect_pair("192.0.2.7");
	fd[1] = connect_pair("192.0.2.8");
	assert_int_equal(send(fd[0], much, len, 0), (ssize_t)len);
	assert_true(send(fd[1], little, sizeof(little) - 1, 0) > 0);
	memset(&talk, 0, sizeof(talk));
	talk.fd = fd[0];
	talk.keep_open = true;
	talk.stop = both_done;
	talk_on(&talk, 20000);
	assert_true(both_done(&talk)); /* all of them have had theirs... */
	assert_in_range(order.before, 0, 10); /* ...but not at once */
	close(fd[0]);
	close(fd[1]);
	mem_free(&much);
	end();
}

/* The end of what a client sends does not cut off what waits for its turn. */
static void
turns_to_the_end(void **state MX_UNUSED)
{
	begin("max_commands = 1000", "");
	expect_last("", "NOOP\r\n", 500, "RSET x\r\n", "501");
	end();
}

static bool
heard_221(struct talk *t)
{
	return strstr(t->out, "221 ") != NULL;
}

static void
greeted(const char *from, int *fd, const char *want)
{
	memset(&talk, 0, sizeof(talk));
	talk.fd = *fd = connect_pair(from);
	talk.keep_open = true;
	talk_on(&talk, 30);
	assert_memory_equal(talk.out, want, strlen(want));
}

static unsigned left;

static bool
are_left(struct talk *t MX_UNUSED)
{
	return smtpd_sessions(w.smtpd) == left;
}

static void
wait_until_left(unsigned n)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	memset(&talk, 0, sizeof(talk));
	talk.fd = fd[0];
	talk.keep_open = true;
	left = n;
	talk.stop = are_left;
	talk_on(&talk, 10000);
	assert_int_equal(smtpd_sessions(w.smtpd), n);
	close(fd[0]);
	close(fd[1]);
}

/* Who says goodbye and stays has a descriptor, and counts. */
static void
lingering(void **state MX_UNUSED)
{
	static const char bye[] = "QUIT\r\nNOOP\r\n";
	int fd[3], i;

	begin("per_client = 2 max_sessions = 3", "");
	for (i = 0; i < 2; i++) {
		greeted("192.0.2.7", &fd[i], "220");
		assert_true(send(fd[i], bye, sizeof(bye) - 1, 0) > 0);
		talk.stop = heard_221;
		talk_on(&talk, 10000);
		assert_true(heard_221(&talk));
	}
	assert_true(LIST_EMPTY(&w.smtpd->sessions));
	assert_int_equal(smtpd_sessions(w.smtpd), 2);
	greeted("192.0.2.7", &fd[2], "421 4.7.0");
	close(fd[2]);
	for (i = 0; i < 2; i++)
		close(fd[i]);
	wait_until_left(0);
	greeted("192.0.2.7", &fd[2], "220");
	assert_int_equal(smtpd_sessions(w.smtpd), 1);
	/* what lingers when smtpd goes must not find it */
	assert_true(send(fd[2], bye, sizeof(bye) - 1, 0) > 0);
	talk.stop = heard_221;
	talk_on(&talk, 10000);
	end();
	close(fd[2]);
}

/* The limit of the process is a limit of sessions; near it a command is awaited
 * for ten seconds; and back. */
static void
bound(void **state MX_UNUSED)
{
	static const char start[] = START "DATA\r\n";
	struct session *s, *data;
	int fd[5], i;

	begin("max_sessions = 100", "");
	smtpd_bound(w.smtpd, 4);
	assert_int_equal(smtpd_sessions_max(w.smtpd), 4);
	greeted("192.0.2.7", &fd[0], "220");
	assert_true(send(fd[0], start, sizeof(start) - 1, 0) > 0);
	data = idmap_get(&w.smtpd->by_id, w.smtpd->next_id - 1);
	greeted("192.0.2.7", &fd[1], "220");
	assert_int_equal(data->state, ST_DATA);
	assert_true(data->conn->deadline > clock_now() + 60 * CLOCK_SEC);
	s = idmap_get(&w.smtpd->by_id, w.smtpd->next_id - 1);
	for (i = 2; i < 4; i++)
		greeted("192.0.2.7", &fd[i], "220");
	assert_true(smtpd_stress(w.smtpd));
	assert_in_range(s->line_deadline, 1, clock_now() + 10 * CLOCK_SEC);
	assert_in_range(data->conn->deadline, 1, clock_now() + 10 * CLOCK_SEC);
	greeted("192.0.2.7", &fd[4], "421 4.3.2");
	close(fd[4]);
	close(fd[2]);
	close(fd[3]);
	close(fd[0]);
	wait_until_left(1);
	assert_false(smtpd_stress(w.smtpd));
	assert_true(s->line_deadline > clock_now() + 60 * CLOCK_SEC);
	close(fd[1]);
	/* the same near the bound of what waits for the disk */
	fake.pressure = 90;
	greeted("192.0.2.7", &fd[0], "220");
	assert_true(smtpd_stress(w.smtpd));
	fake.pressure = 80;
	greeted("192.0.2.7", &fd[1], "220");
	assert_true(smtpd_stress(w.smtpd));
	fake.pressure = 79;
	close(fd[0]);
	wait_until_left(1);
	assert_false(smtpd_stress(w.smtpd));
	close(fd[1]);
	end();
}

static bool
begins_tls(struct talk *t MX_UNUSED)
{
	struct session *s;

	s = idmap_get(&w.smtpd->by_id, w.smtpd->next_id - 1);
	return s != NULL && s->state == ST_TLS;
}

/* A handshake that does not go on is given ten seconds near the limit, whether
 * it had begun before or begins then. */
static void
bound_in_handshake(void **state MX_UNUSED)
{
	static const char start[] = EHLO "STARTTLS\r\n";
	struct session *s;
	int fd[4], i;

	begin("", "");
	configure(put_certificate(), "");
	smtpd_bound(w.smtpd, 4);
	for (i = 0; i < 4; i++) {
		greeted("192.0.2.7", &fd[i], "220");
		assert_int_equal(smtpd_stress(w.smtpd), i == 3);
		if (i == 1 || i == 2)
			continue;
		assert_true(send(fd[i], start, sizeof(start) - 1, 0) > 0);
		talk.stop = begins_tls;
		talk_on(&talk, 10000);
		assert_true(begins_tls(&talk));
		s = idmap_get(&w.smtpd->by_id, w.smtpd->next_id - 1);
		if (i == 0)
			assert_true(
			    s->conn->deadline > clock_now() + 30 * CLOCK_SEC);
		else
			assert_in_range(s->conn->deadline, 1,
			    clock_now() + 10 * CLOCK_SEC);
	}
	s = idmap_get(&w.smtpd->by_id, w.smtpd->next_id - 4);
	assert_int_equal(s->state, ST_TLS);
	assert_in_range(s->conn->deadline, 1, clock_now() + 10 * CLOCK_SEC);
	/* that it comes near again gives nobody more */
	conn_timeout(s->conn, 2000);
	close(fd[3]);
	close(fd[2]);
	wait_until_left(2);
	assert_false(smtpd_stress(w.smtpd));
	for (i = 2; i < 4; i++)
		greeted("192.0.2.7", &fd[i], "220");
	assert_true(smtpd_stress(w.smtpd));
	assert_in_range(s->conn->deadline, 1, clock_now() + 2 * CLOCK_SEC);
	for (i = 0; i < 4; i++)
		close(fd[i]);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns),
		cmocka_unit_test(turns_to_the_end),
		cmocka_unit_test(lingering),
		cmocka_unit_test(bound),
		cmocka_unit_test(bound_in_handshake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
