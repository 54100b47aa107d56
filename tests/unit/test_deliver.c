/* SPDX-License-Identifier: ISC
 * The deliverer, connection by connection and reply by reply. */
#include <sys/socket.h>

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "deliver_world.h"

static void
recipients(void **state)
{
	struct fake_job *j = add("ok@example.org later@example.org "
				 "bad@example.org");

	(void)state;
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(j->tried, 1);
	assert_int_equal(j->env->rcpts[0].state, RCPT_DELIVERED);
	assert_int_equal(j->env->rcpts[1].state, RCPT_PENDING);
	assert_int_equal(j->env->rcpts[1].code, 451);
	assert_int_equal(j->env->rcpts[2].state, RCPT_FAILED);
	assert_true(j->env->rcpts[2].reported);
	assert_string_equal(j->env->host, "mx1.example.org");
	assert_int_equal(sink.len, strlen(TEXT));
	assert_memory_equal(sink.body, TEXT, sink.len);
	assert_int_equal(fake.nnotes, 1);
	assert_string_equal(fake.note[0].env->domain, "sender.example");
	assert_string_equal(fake.note[0].env->sender, "");
	assert_int_equal(fake.note[0].env->flags, ENV_DSN);
	assert_string_equal(fake.note[0].env->rcpts[0].mailbox,
	    "s@sender.example");
	assert_non_null(strstr(fake.note[0].text, "bad@example.org"));
	assert_null(strstr(fake.note[0].text, "later@example.org"));
	assert_int_equal(t.stats->g.dsn_generated[0], 1);
	assert_int_equal(t.ok, 1);
}

/* What is in a message is no matter of the address it says to be from. */
static void
content_is_not_reported(void **state)
{
	struct fake_job *j = add("a@example.org b@example.org");

	(void)state;
	sink.dot = "554 5.7.1 spam\r\n";
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(j->env->rcpts[1].state, RCPT_FAILED);
	assert_true(j->env->rcpts[1].reported);
	assert_int_equal(fake.nnotes, 0);
	assert_int_equal(t.stats->g.dsn_suppressed[DSN_SUPPRESS_POLICY], 1);
}

static void
suspect(void **state)
{
	struct fake_job *j = add("bad@example.org");

	(void)state;
	fake.suspect = true;
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(j->env->rcpts[0].state, RCPT_PENDING);
	assert_int_equal(j->env->rcpts[0].code, 550);
	assert_int_equal(fake.nnotes, 0);
}

/* A server with DSN is told what the sender asked for, and the rest is its
 * business; one without is not, and the rest is ours (RFC 3461 5.2). */
static void
passes_on(void **state)
{
	struct fake_job *j;

	for (unsigned dsn = 0; dsn < 2; dsn++) {
		if (dsn > 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
		sink.ehlo = dsn ? "250-sink\r\n250 DSN\r\n" : NULL;
		j = add("a@example.org");
		j->env->rcpts[0].notify = NOTIFY_GIVEN | NOTIFY_SUCCESS;
		start();
		WAIT_FOR(all_quiet);
		assert_int_equal(j->env->rcpts[0].state, RCPT_DELIVERED);
		assert_true(j->env->rcpts[0].reported);
		assert_int_equal(strstr(sink.last_rcpt, "NOTIFY=SUCCESS") != 0,
		    dsn);
		assert_int_equal(fake.nnotes, !dsn);
	}
}

/* The server goes away at each step, with a close and with a reset: the job
 * comes back, and the second connection delivers it. */
static void
closes(void **state)
{
	struct fake_job *j;
	unsigned step, rst;
	char big[4000];

	memset(big, 'x', sizeof(big));
	memcpy(big + sizeof(big) - 2, "\r\n", 2);
	for (step = AT_GREETING; step < AT_MAX; step++)
		for (rst = 0; rst < 2; rst++) {
			if (step + rst > AT_GREETING) {
				teardown(state);
				assert_int_equal(setup(state), 0);
			}
			sink.close_at = (enum step)step;
			sink.close_conns = 1;
			sink.rst = rst;
			fake.again = true;
			j = fake_add("s@sender.example", "a@example.org", big,
			    sizeof(big));
			start();
			WAIT_FOR(all_quiet);
			assert_int_equal(j->env->rcpts[0].state,
			    RCPT_DELIVERED);
			assert_int_equal(j->lost,
			    step >= AT_MAIL && step <= AT_DOT);
			assert_int_equal(sink.messages, 1);
			assert_int_equal(t.bad, step < AT_MAIL);
			assert_true(fake_balanced());
		}
}

static const struct {
	const char *name;
	const char *greeting, *ehlo;
	enum smtp_phase phase;
	uint16_t code;
} broken_cases[] = {
	{ "greeting 554", "554 5.7.1 go away\r\n", NULL, SMTP_PHASE_GREETING,
	    554 },
	{ "greeting 421", "421 busy\r\n", NULL, SMTP_PHASE_GREETING, 421 },
	{ "greeting no digits", "2x0 hello\r\n", NULL, SMTP_PHASE_GREETING, 0 },
	{ "greeting 999", "999 hello\r\n", NULL, SMTP_PHASE_GREETING, 0 },
	{ "ehlo 421", NULL, "421 4.3.2 later\r\n", SMTP_PHASE_EHLO, 421 },
};

static void
broken(void **state)
{
	struct fake_job *j;
	size_t i;

	for (i = 0; i < MX_COUNT(broken_cases); i++) {
		if (i > 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
		sink.greeting = broken_cases[i].greeting;
		sink.ehlo = broken_cases[i].ehlo;
		j = add("a@example.org");
		start();
		WAIT_FOR(failed_once);
		if (t.phase != broken_cases[i].phase ||
		    t.code != broken_cases[i].code)
			fail_msg("%s: phase %s code %u", broken_cases[i].name,
			    smtp_phase_name(t.phase), (unsigned)t.code);
		assert_int_equal(j->taken, 0);
		assert_int_equal(fake.connect_failed, 1);
	}
}

static void
endless_reply(void **state)
{
	static char flood[200000];
	size_t i;

	(void)state;
	for (i = 0; i + 9 < sizeof(flood); i += 9)
		memcpy(flood + i, "250-xxx\r\n", 9);
	sink.ehlo = flood;
	add("a@example.org");
	start();
	WAIT_FOR(failed_once);
	assert_int_equal(t.phase, SMTP_PHASE_EHLO);
}

static void
helo(void **state)
{
	struct fake_job *j = add("a@example.org");

	(void)state;
	sink.ehlo = "502 5.5.1 what\r\n";
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(j->env->rcpts[0].state, RCPT_DELIVERED);
}

static const char *const starttls_cases[] = {
	NULL, /* garbage instead of a handshake */
	"", /* closes */
	"220 go\r\n250 and more in clear\r\n",
};

/* What goes wrong twice with TLS that is optional is tried without. */
static void
tls_may(void **state)
{
	struct fake_job *j;
	size_t i;

	for (i = 0; i < MX_COUNT(starttls_cases); i++) {
		if (i > 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
		sink.ehlo = "250-sink\r\n250 STARTTLS\r\n";
		sink.starttls = starttls_cases[i];
		j = add("a@example.org");
		start();
		WAIT_FOR(all_quiet);
		assert_int_equal(j->env->rcpts[0].state, RCPT_DELIVERED);
		assert_int_equal(sink.conns, 3);
		assert_int_equal(t.bad, 0);
	}
}

static void
tls_require(void **state)
{
	struct fake_job *j = add("a@example.org");

	(void)state;
	fake.domain.deliver.tls = CONF_TLS_REQUIRE;
	sink.ehlo = "250-sink\r\n250 STARTTLS\r\n";
	start();
	WAIT_FOR(failed_once);
	assert_int_equal(t.phase, SMTP_PHASE_STARTTLS);
	assert_int_equal(j->taken, 0);
	assert_int_equal(sink.messages, 0);
}

/* Not offered at all is no better. */
static void
tls_missing(void **state)
{
	(void)state;
	fake.domain.deliver.tls = CONF_TLS_REQUIRE;
	add("a@example.org");
	start();
	WAIT_FOR(failed_once);
	assert_int_equal(t.phase, SMTP_PHASE_STARTTLS);
	assert_int_equal(sink.messages, 0);
}

static bool
one_idle(void)
{
	return fake_idle() && deliver_connections(t.deliver) == 1;
}

/* A reload: an idle connection is closed, a busy one ends its message, and
 * what is left goes to wherever the new configuration says. */
static void
reload_ends_sessions(void **state)
{
	struct config other;

	(void)state;
	fake.domain.deliver.idle_ms = 60000;
	sink.dot_delay_ms = 50;
	for (int i = 0; i < 3; i++)
		add("a@example.org");
	start();
	WAIT_FOR(got_dot);
	other = fake.conf;
	deliver_configure(t.deliver, &other, &self);
	WAIT_FOR(one_idle);
	assert_int_equal(sink.messages, 3);
	assert_int_equal(sink.conns, 2);
	assert_int_equal(fake.job[0].tried, 1);
	assert_int_equal(fake.job[0].lost + fake.job[1].lost, 0);
	deliver_configure(t.deliver, &fake.conf, &self);
	WAIT_FOR(no_connections);
}

static void
idle_quits(void **state)
{
	(void)state;
	fake.domain.deliver.idle_ms = 10;
	add("a@example.org");
	start();
	WAIT_FOR(all_quiet);
	WAIT_FOR(no_connections);
	assert_int_equal(sink.messages, 1);
}

/* While one reply is awaited the next message is loaded; order is kept. */
static void
prefetches(void **state)
{
	unsigned i;

	(void)state;
	sink.dot_delay_ms = 20;
	for (i = 0; i < 4; i++)
		add("a@example.org");
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(sink.conns, 1);
	assert_int_equal(fake.out_max, 2);
	assert_int_equal(t.stats->other.attempts, 4);
}

static bool
one_taken(void)
{
	return sink.messages == 1 && fake_balanced() && fake.out == 0;
}

/* What was loaded ahead is not offered when the gate has been closed. */
static void
closed_meanwhile(void **state)
{
	(void)state;
	sink.dot_delay_ms = 50;
	for (unsigned i = 0; i < 3; i++)
		add("a@example.org");
	start();
	WAIT_FOR(got_dot);
	fake.closed = true;
	deliver_want(t.deliver, "example.org", 0);
	WAIT_FOR(one_taken);
	assert_int_equal(sink.dots, 1);
	assert_int_equal(fake.job[1].returned, 1);
}

static char *
big_body(size_t len)
{
	char *body = malloc(len);
	size_t i;

	assert_non_null(body);
	for (i = 0; i < len; i++)
		body[i] = ".line of text 3456789\r\n"[i % 23];
	memcpy(body + len - 2, "\r\n", 2);
	if (body[len - 3] == '\r')
		body[len - 3] = 'x';
	return body;
}

static void
streams(void **state)
{
	size_t len = (5u << 20) + 7;
	char *body = big_body(len);
	struct fake_job *j =
	    fake_add("s@sender.example", "a@example.org", body, len);

	(void)state;
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(j->env->rcpts[0].state, RCPT_DELIVERED);
	assert_int_equal(sink.len, len);
	assert_memory_equal(sink.body, body, len);
	assert_true(fake.reads >= 10);
	free(body);
}

/* A body that does not hold is never finished with a dot. */
static void
damaged(void **state)
{
	size_t len = 2u << 20;
	char *body = big_body(len);
	struct fake_job *j =
	    fake_add("s@sender.example", "a@example.org", body, len);

	(void)state;
	fake.read_damage = 3;
	start();
	WAIT_FOR(all_quiet);
	WAIT_FOR(no_connections);
	assert_int_equal(j->damaged, 1);
	assert_int_equal(sink.dots, 0);
	free(body);
}

/* Our disk errs: no reason to hold the message until somebody looks. */
static void
unread(void **state)
{
	size_t len = 2u << 20;
	char *body = big_body(len);
	struct fake_job *j =
	    fake_add("s@sender.example", "a@example.org", body, len);

	(void)state;
	fake.read_rc = -MX_EIO;
	start();
	WAIT_FOR(all_quiet);
	WAIT_FOR(no_connections);
	assert_int_equal(j->damaged, 0);
	assert_int_equal(j->tried, 1);
	assert_int_equal(sink.dots, 0);
	free(body);
}

static const struct {
	const char *name, *mail, *data, *dot;
	enum rcpt_state state;
	unsigned bad;
} reply_cases[] = {
	/* For the breaker; the primary is none the worse for it. */
	{ "mail blocked", "550 5.7.1 blocked\r\n", NULL, NULL, RCPT_PENDING,
	    0 },
	{ "mail out of order", "503 5.5.1 what?\r\n", NULL, NULL, RCPT_PENDING,
	    1 },
	{ "mail sender bad", "553 5.1.8 bad\r\n", NULL, NULL, RCPT_FAILED, 0 },
	{ "mail SPF", "550 5.7.23 SPF\r\n", NULL, NULL, RCPT_FAILED, 0 },
	{ "mail DMARC", "550 5.7.1 DMARC\r\n", NULL, NULL, RCPT_FAILED, 0 },
	{ "mail later", "451 4.3.0 later\r\n", NULL, NULL, RCPT_PENDING, 0 },
	{ "mail 421", "421 4.3.0 later\r\n", NULL, NULL, RCPT_PENDING, 0 },
	{ "data refused", NULL, "554 5.6.0 no\r\n", NULL, RCPT_FAILED, 0 },
	{ "data later", NULL, "451 4.3.0 later\r\n", NULL, RCPT_PENDING, 0 },
	{ "dot refused", NULL, NULL, "554 5.6.0 no\r\n", RCPT_FAILED, 0 },
	{ "dot too big", NULL, NULL, "552 5.3.4 big\r\n", RCPT_FAILED, 0 },
	{ "dot storage", NULL, NULL, "452 4.3.1 full\r\n", RCPT_PENDING, 0 },
};

static void
reply_to_all(void **state)
{
	struct fake_job *j;
	size_t i;

	for (i = 0; i < MX_COUNT(reply_cases); i++) {
		if (i > 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
		sink.mail = reply_cases[i].mail;
		sink.data = reply_cases[i].data;
		sink.dot = reply_cases[i].dot;
		fake.conf.dsn.content = true;
		j = add("a@example.org b@example.org");
		start();
		WAIT_FOR(all_quiet);
		if (j->env->rcpts[0].state != reply_cases[i].state ||
		    j->env->rcpts[1].state != reply_cases[i].state ||
		    (t.bad > 0) != (reply_cases[i].bad > 0) ||
		    j->env->rcpts[0].code == 0)
			fail_msg("%s: state %d bad %u", reply_cases[i].name,
			    (int)j->env->rcpts[0].state, t.bad);
		assert_int_equal(fake.nnotes,
		    reply_cases[i].state == RCPT_FAILED);
	}
}

static void
too_big(void **state)
{
	struct fake_job *j = add("a@example.org");

	(void)state;
	sink.ehlo = "250-sink\r\n250 SIZE 10\r\n";
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(j->env->rcpts[0].state, RCPT_FAILED);
	assert_int_equal(j->env->rcpts[0].status.detail, 4);
	assert_int_equal(sink.rcpts, 0);
	assert_int_equal(fake.nnotes, 1);
}

/* The first host refuses connections: the second one is used. */
static void
second_host(void **state)
{
	struct fake_job *j = add("a@example.org");

	(void)state;
	fake.route.n = 0;
	fake_host("mx0.example.org", 1, 5);
	fake_host("mx1.example.org", sink.port, 10);
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(j->env->rcpts[0].state, RCPT_DELIVERED);
	assert_string_equal(j->env->host, "mx1.example.org");
	assert_int_equal(t.bad, 0);
	assert_int_equal(fake.connect_failed, 0);
}

#define SAYS_BACKUP "250-peer.test\r\n250-PIPELINING\r\n250 XMXWATCH\r\n"

/* A backup gets nothing, also when no other host is left. */
static void
backup_gets_nothing(void **state)
{
	struct fake_job *j = add("a@example.org");

	(void)state;
	sink.ehlo = SAYS_BACKUP;
	start();
	WAIT_FOR(failed_once);
	assert_int_equal(t.backups, 1);
	assert_int_equal(t.phase, SMTP_PHASE_EHLO);
	assert_int_equal(t.code, 0);
	assert_int_equal(sink.rcpts + sink.messages, 0);
	assert_int_equal(j->env->rcpts[0].state, RCPT_PENDING);
	assert_int_equal(fake.connect_failed, 1);
}

/* It is passed over for a worse host that is none. */
static void
backup_before_a_primary(void **state)
{
	static struct sink peer;
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	struct fake_job *j = add("a@example.org");

	(void)state;
	memset(&peer, 0, offsetof(struct sink, body));
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	peer.lfd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(peer.lfd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(peer.lfd, 8), 0);
	assert_int_equal(getsockname(peer.lfd, (struct sockaddr *)&in, &len),
	    0);
	peer.ehlo = SAYS_BACKUP;
	assert_int_equal(pthread_create(&peer.thread, NULL, sink_serve, &peer),
	    0);
	fake.route.n = 0;
	fake_host("peer.example.org", ntohs(in.sin_port), 5);
	fake_host("mx1.example.org", sink.port, 10);
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(j->env->rcpts[0].state, RCPT_DELIVERED);
	assert_string_equal(j->env->host, "mx1.example.org");
	assert_int_equal(t.backups, 1);
	assert_int_equal(t.bad, 0);
	assert_int_equal(fake.connect_failed, 0);
	shutdown(peer.lfd, SHUT_RDWR);
	pthread_join(peer.thread, NULL);
	close(peer.lfd);
	assert_int_equal(peer.conns, 1);
	assert_int_equal(peer.rcpts + peer.messages, 0);
}

static void
backup_that_may_be_one(void **state)
{
	struct fake_job *j = add("a@example.org");

	(void)state;
	fake.domain.primary_may_be_backup = true;
	sink.ehlo = SAYS_BACKUP;
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(j->env->rcpts[0].state, RCPT_DELIVERED);
	assert_int_equal(t.backups, 0);
}

/* A report to somebody else's domain: how that is backed up is its business. */
static void
backup_of_others(void **state)
{
	struct fake_job *j =
	    fake_add("", "a@elsewhere.example", TEXT, strlen(TEXT));

	(void)state;
	sink.ehlo = SAYS_BACKUP;
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(j->env->rcpts[0].state, RCPT_DELIVERED);
	assert_int_equal(t.backups, 0);
}

/* Nothing answers; later the route says something else (E21). */
static void
moved(void **state)
{
	struct fake_job *j = add("a@example.org");

	(void)state;
	fake.route.n = 0;
	fake_host("mx1.example.org", 1, 10);
	start();
	WAIT_FOR(failed_once);
	assert_int_equal(t.phase, SMTP_PHASE_CONNECT);
	assert_int_equal(fake.connect_failed, 1);
	fake.route.n = 0;
	fake_host("mx1.example.org", sink.port, 10);
	WAIT_FOR(all_quiet);
	assert_int_equal(j->env->rcpts[0].state, RCPT_DELIVERED);
	assert_int_equal(fake.lookups, 2);
}

static const struct {
	enum route_status status;
	unsigned bad, dns, self, connect_failed;
} route_cases[] = {
	{ ROUTE_DNS_FAIL, 0, 1, 0, 0 },
	{ ROUTE_SELF, 0, 0, 1, 1 },
	{ ROUTE_NULL_MX, 1, 0, 0, 1 },
	{ ROUTE_NO_HOST, 1, 0, 0, 1 },
};

static void
no_route(void **state)
{
	struct fake_job *j;
	size_t i;

	for (i = 0; i < MX_COUNT(route_cases); i++) {
		if (i > 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
		fake.route.status = route_cases[i].status;
		j = add("a@example.org");
		start();
		WAIT_FOR(failed_once);
		assert_int_equal(t.bad, route_cases[i].bad);
		assert_int_equal(t.dns, route_cases[i].dns);
		assert_int_equal(t.self, route_cases[i].self);
		assert_int_equal(fake.connect_failed,
		    route_cases[i].connect_failed);
		assert_int_equal(j->taken, 0);
	}
}

/* A domain of somebody else that takes no mail: given up at once. */
static void
null_mx(void **state)
{
	struct fake_job *j =
	    fake_add("", "a@elsewhere.example", TEXT, strlen(TEXT));

	(void)state;
	j->env->flags = ENV_DSN;
	fake.route.status = ROUTE_NULL_MX;
	start();
	WAIT_FOR(all_quiet);
	assert_int_equal(j->env->rcpts[0].state, RCPT_FAILED);
	assert_int_equal(j->env->rcpts[0].status.detail, 10);
	assert_true(j->env->rcpts[0].reported);
	assert_int_equal(fake.nnotes, 0);
	assert_int_equal(t.stats->g.dsn_suppressed[DSN_SUPPRESS_NULL_SENDER],
	    1);
}

static void
on_drained(void *arg)
{
	(void)arg;
	t.drained = true;
}

static bool
is_drained(void)
{
	return t.drained;
}

/* The message under way is finished, nothing else is begun. */
static void
drains(void **state)
{
	unsigned i;

	(void)state;
	sink.dot_delay_ms = 50;
	for (i = 0; i < 10; i++)
		add("a@example.org");
	start();
	WAIT_FOR(got_dot);
	deliver_drain(t.deliver, on_drained, NULL);
	WAIT_FOR(is_drained);
	assert_true(fake_balanced());
	assert_int_equal(sink.messages, 1);
	assert_int_equal(fake.job[0].tried, 1);
}

/* Torn down in the middle: what was begun is lost, the rest returned. */
static void
torn_down(void **state)
{
	(void)state;
	sink.dot_delay_ms = 50;
	add("a@example.org");
	add("a@example.org");
	start();
	WAIT_FOR(got_dot);
	fake.want = NULL;
	deliver_destroy(&t.deliver);
	assert_true(fake_balanced());
	assert_int_equal(fake.job[0].lost, 1);
	assert_int_equal(fake.job[1].returned, fake.job[1].taken);
}

/* The queue wished for nothing for a while, the domain was down: when it
 * wishes again nobody waits for our own pause, a minute by now. */
static void
wanted_again(void **state)
{
	int64_t start_ns;

	(void)state;
	fake_add("s@sender.example", "a@example.org", TEXT, strlen(TEXT));
	close(sink.lfd); /* refused at once */
	sink.lfd = -1;
	for (int i = 0; i < 4; i++) {
		deliver_want(t.deliver, "example.org", 0);
		t.bad = 0;
		deliver_want(t.deliver, "example.org", 1);
		start_ns = clock_now();
		WAIT_FOR(failed_once);
		assert_true(clock_now() - start_ns < 10 * CLOCK_SEC);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(recipients),
		T(content_is_not_reported),
		T(suspect),
		T(passes_on),
		T(closes),
		T(broken),
		T(endless_reply),
		T(helo),
		T(tls_may),
		T(tls_require),
		T(tls_missing),
		T(reload_ends_sessions),
		T(idle_quits),
		T(prefetches),
		T(closed_meanwhile),
		T(streams),
		T(damaged),
		T(unread),
		T(reply_to_all),
		T(too_big),
		T(second_host),
		T(backup_gets_nothing),
		T(backup_before_a_primary),
		T(backup_that_may_be_one),
		T(backup_of_others),
		T(moved),
		T(no_route),
		T(null_mx),
		T(drains),
		T(torn_down),
		T(wanted_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
