/* SPDX-License-Identifier: ISC
 * smtpd as a service: listeners and client limits, stress and shutdown,
 * recipients files that change, STARTTLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/smtpd/listener.h"
#include "relay/smtpd/recipients_keep.h"
#include "tests/unit/smtpd_world.h"

/* ---- connections */

static bool
heard_354(struct talk *t)
{
	return strstr(t->out, "354 ") != NULL;
}

static unsigned
greeting(const char *from, int *fd)
{
	memset(&talk, 0, sizeof(talk));
	talk.fd = *fd = connect_pair(from);
	talk.keep_open = true;
	talk_on(&talk, 30);
	return (unsigned)strtoul(talk.out, NULL, 10);
}

static void
client_limits(void **state MX_UNUSED)
{
	int fd[8], i;

	begin("max_sessions = 4 per_client = 2", "");
	assert_int_equal(greeting("192.0.2.7", &fd[0]), 220);
	assert_int_equal(greeting("192.0.2.7", &fd[1]), 220);
	assert_int_equal(greeting("192.0.2.7", &fd[2]), 421);
	assert_non_null(strstr(talk.out, "421 4.7.0"));
	assert_int_equal(greeting("192.0.2.8", &fd[3]), 220);
	close(fd[1]);
	assert_int_equal(greeting("192.0.2.9", &fd[1]), 220);
	assert_int_equal(greeting("192.0.2.7", &fd[4]), 220);
	assert_int_equal(greeting("192.0.2.10", &fd[5]), 421);
	assert_non_null(strstr(talk.out, "421 4.3.2"));
	assert_int_equal(smtpd_sessions(w.smtpd), 4);
	assert_int_equal(w.stats->g.rejected[SMTPD_REJECT_LIMIT], 1);
	assert_int_equal(w.stats->g.rejected[SMTPD_REJECT_PER_CLIENT], 1);
	assert_int_equal(w.stats->g.connections, 7);
	for (i = 0; i < 6; i++)
		close(fd[i]);
	end();
	begin("client_rate = 1 trusted = {\"192.0.2.9\"}", "");
	assert_int_equal(greeting("192.0.2.7", &fd[0]), 220);
	assert_int_equal(greeting("192.0.2.7", &fd[1]), 421);
	assert_int_equal(greeting("192.0.2.9", &fd[2]), 220);
	assert_int_equal(greeting("192.0.2.9", &fd[3]), 220);
	for (i = 0; i < 4; i++)
		close(fd[i]);
	end();
}

/* D9: near the limit who is idle already has ten seconds left. */
static void
stress(void **state MX_UNUSED)
{
	int fd[10], i;

	begin("max_sessions = 10", "");
	for (i = 0; i < 9; i++)
		assert_int_equal(greeting("192.0.2.7", &fd[i]), 220);
	assert_true(w.smtpd->stress);
	assert_in_range(LIST_FIRST(&w.smtpd->sessions)->line_deadline,
	    clock_now(), clock_now() + 10 * CLOCK_SEC);
	for (i = 0; i < 3; i++)
		close(fd[i]);
	assert_int_equal(greeting("192.0.2.7", &fd[9]), 220);
	assert_false(w.smtpd->stress);
	for (i = 3; i < 10; i++)
		close(fd[i]);
	end();
}

static void
on_idle(void *arg)
{
	*(bool *)arg = true;
}

static void
drains(void **state MX_UNUSED)
{
	static const char in[] = START "DATA\r\n";
	static const char rest[] = BODY DOT;
	static struct talk busy;
	bool idle = false;
	int fd;

	begin("", "");
	assert_int_equal(greeting("192.0.2.7", &fd), 220);
	memset(&busy, 0, sizeof(busy));
	busy.fd = connect_pair("192.0.2.8");
	busy.in = in;
	busy.len = busy.step = sizeof(in) - 1;
	busy.keep_open = true;
	busy.stop = heard_354;
	talk_on(&busy, 5000);
	smtpd_drain(w.smtpd, on_idle, &idle);
	talk_on(&talk, 5000);
	assert_true(talk.gone);
	assert_non_null(strstr(talk.out, "421 4.3.2"));
	assert_false(idle);
	busy.in = rest;
	busy.off = 0;
	busy.len = busy.step = sizeof(rest) - 1;
	busy.stop = NULL;
	talk_on(&busy, 5000);
	assert_true(busy.gone);
	assert_non_null(strstr(busy.out, "250 2.0.0 Ok: queued as "));
	assert_int_equal(fake.nmessages, 1);
	assert_true(idle);
	close(busy.fd);
	close(fd);
	assert_int_equal(greeting("192.0.2.7", &fd), 421);
	close(fd);
	end();
}

static void
listens(void **state MX_UNUSED)
{
	struct config *conf, *none;
	struct listener *l;
	struct mx_errbuf eb;
	struct net_addr to;
	char taken[128], text[ADDR_TEXT_MAX];
	int fd;

	begin("", "");
	conf = make_config("", "");
	assert_int_equal(smtpd_listen(w.smtpd, conf, &eb), 0);
	l = LIST_FIRST(&w.smtpd->listeners);
	assert_non_null(l);
	assert_int_equal(smtpd_listen(w.smtpd, conf, &eb), 0);
	assert_ptr_equal(l, LIST_FIRST(&w.smtpd->listeners)); /* kept */
	to = l->bound;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, &to.u.sa, to.len), 0);
	memset(&talk, 0, sizeof(talk));
	talk.fd = fd;
	talk.in = START "DATA\r\n" BODY DOT QUIT;
	talk.len = talk.step = strlen(talk.in);
	talk_on(&talk, 5000);
	assert_true(talk.gone);
	assert_int_equal(fake.nmessages, 1);
	close(fd);
	/* an address that somebody has: all stays as it was */
	snprintf(taken, sizeof(taken), "listen = {\"127.0.0.1:0\", \"%s\"}",
	    addr_text_port(&to, text));
	none = make_config(taken, "");
	assert_int_equal(smtpd_listen(w.smtpd, none, &eb), -MX_ENET);
	assert_non_null(strstr(eb.text, text));
	assert_ptr_equal(l, LIST_FIRST(&w.smtpd->listeners));
	assert_null(LIST_NEXT(l, link));
	config_unref(&none);
	none = make_config("listen = {\"[::1]:0\"}", "");
	if (smtpd_listen(w.smtpd, none, &eb) == 0) {
		l = LIST_FIRST(&w.smtpd->listeners);
		assert_int_equal(l->bound.u.sa.sa_family, AF_INET6);
		assert_null(LIST_NEXT(l, link));
	}
	config_unref(&none);
	config_unref(&conf);
	end();
}

/* ---- ETRN */

static void
ask(enum smtpd_etrn did, const char *arg, const char *want)
{
	char line[128];

	w.etrn = did;
	snprintf(line, sizeof(line), "ETRN %s\r\n", arg);
	expect_last(EHLO, line, 1, "", want);
}

static void
etrn(void **state MX_UNUSED)
{
	begin("etrn = {\"192.0.2.0/24\"}", "");
	ask(SMTPD_ETRN_STARTED, "Backed.Test.", "253:2.0.0");
	assert_non_null(strstr(talk.out,
	    "253 2.0.0 7 pending messages for "
	    "backed.test started\r\n"));
	assert_non_null(strstr(talk.out, "250-ETRN\r\n"));
	assert_non_null(strstr(talk.out, "250 XMXWATCH\r\n"));
	ask(SMTPD_ETRN_EMPTY, "@backed.test", "251:2.0.0");
	ask(SMTPD_ETRN_RUNNING, "backed.test", "252:2.0.0");
	ask(SMTPD_ETRN_HELD, "backed.test", "458:4.2.1");
	ask(SMTPD_ETRN_STARTED, "other.test", "459:4.7.1");
	ask(SMTPD_ETRN_STARTED, "#backed.test", "459:4.7.1");
	ask(SMTPD_ETRN_STARTED, "backed.test x", "459:4.7.1");
	ask(SMTPD_ETRN_STARTED, "", "501:5.5.4");
	expect_last("", "ETRN backed.test\r\n", 1, "", "503:5.5.1");
	expect_last(EHLO MAIL, "ETRN backed.test\r\n", 1, "", "503:5.5.1");
	end();
	begin("etrn = {\"198.51.100.0/24\"}", "");
	ask(SMTPD_ETRN_STARTED, "backed.test", "459:4.7.1");
	end();
}

/* ---- recipients files that change */

static bool
answers_now(struct talk *t MX_UNUSED)
{
	return smtpd_rcpt_check(w.smtpd, "new@backed.test") == SMTPD_RCPT_OK;
}

static void
wait_for_reread(int64_t ms)
{
	int fd = connect_pair("192.0.2.77");

	memset(&talk, 0, sizeof(talk));
	talk.fd = fd;
	talk.keep_open = true;
	talk.stop = answers_now;
	talk_on(&talk, ms);
	close(fd);
}

static enum smtpd_rcpt
check_user(void)
{
	return smtpd_rcpt_check(w.smtpd, "user@backed.test");
}

static void
recipients_change(void **state MX_UNUSED)
{
	begin("", "");
	assert_int_equal(check_user(), SMTPD_RCPT_OK);
	assert_int_equal(smtpd_rcpt_check(w.smtpd, "gone@backed.test"),
	    SMTPD_RCPT_REJECTED);
	assert_int_equal(smtpd_rcpt_check(w.smtpd, "new@backed.test"),
	    SMTPD_RCPT_UNKNOWN);
	assert_int_equal(smtpd_rcpt_check(w.smtpd, "u@elsewhere.test"),
	    SMTPD_RCPT_NO_DOMAIN);
	/* by itself, within two seconds and a bit */
	put_file("rcpt",
	    "new@backed.test OK\nuser@backed.test OK\n"
	    "a@backed.test OK\nb@backed.test OK\n"
	    "c@backed.test OK\n");
	wait_for_reread(6000);
	assert_true(answers_now(NULL));
	/* broken, then far shorter, then gone: the last good one stays */
	put_file("rcpt", "other@backed.test OK\nbroken@backed.test\n");
	configure("", "");
	assert_true(answers_now(NULL));
	put_file("rcpt", "");
	configure("", "");
	assert_true(answers_now(NULL));
	put_file("rcpt", "other@backed.test OK\n");
	configure("", "");
	assert_true(answers_now(NULL));
	assert_int_equal(smtpd_rcpt_check(w.smtpd, "other@backed.test"),
	    SMTPD_RCPT_UNKNOWN);
	end();
}

/* It cannot be opened at the moment it is found changed: the next look tries
 * again, although it did not change once more. */
static void
found_without_descriptor(const char *text)
{
	struct rlimit had, none;
	int fd;

	begin("", "");
	put_file("rcpt", text);
	fd = dup(STDERR_FILENO); /* the lowest that is free */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
	none = (struct rlimit){ (rlim_t)fd, had.rlim_max };
	close(fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	configure("", "");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	assert_false(answers_now(NULL));
	wait_for_reread(6000);
	assert_true(answers_now(NULL));
	end();
}

static void
recipients_no_descriptor(void **state MX_UNUSED)
{
	char *large = repeat(rcpt_file, "# 4567890123456789012345678901234\n",
	    40000, "new@backed.test OK\n");

	found_without_descriptor("new@backed.test OK\nuser@backed.test OK\n"
				 "a@backed.test OK\nb@backed.test OK\n"
				 "c@backed.test OK\n");
	found_without_descriptor(large);
	mem_free(&large);
}

static void
recipients_never_read(void **state MX_UNUSED)
{
	struct mx_errbuf eb;
	struct config *conf;
	char path[128];

	begin("", "");
	conf = make_config("", "");
	snprintf(path, sizeof(path), "%s/rcpt", w.dir);
	smtpd_destroy(&w.smtpd);
	unlink(path);
	w.smtpd = smtpd_create(w.loop, NULL, w.stats, &world_ops);
	assert_int_equal(smtpd_configure(w.smtpd, conf, &eb), 0);
	config_unref(&conf);
	assert_int_equal(smtpd_files_unread(w.smtpd), 1);
	assert_int_equal(check_user(), SMTPD_RCPT_UNAVAILABLE);
	wait_read();
	assert_int_equal(check_user(), SMTPD_RCPT_UNAVAILABLE);
	expect_last(EHLO MAIL, RCPT, 1, "", "451:4.3.0");
	assert_int_equal(smtpd_rcpt_check(w.smtpd, "postmaster@backed.test"),
	    SMTPD_RCPT_OK);
	put_file("rcpt", rcpt_file);
	configure("", "");
	assert_int_equal(check_user(), SMTPD_RCPT_OK);
	end();
}

/* What decides, in words. */
static const struct {
	const char *mailbox, *reply, *says;
} rules[] = {
	{ "user@backed.test", "250", "It is in the list " },
	{ "USER@backed.test", "250", "It is in the list " },
	{ "user+x@backed.test", "550 5.1.1", "It is not in the list " },
	{ "gone@backed.test", "550 5.1.6", "rcpt refuses gone@backed.test." },
	{ "any%x@backed.test", "554 5.7.1", "could take its local part" },
	{ "ok%other.test@backed.test", "250", "It is in the list " },
	{ "-user@backed.test", "501 5.1.3", "begins with \"-\"" },
	{ "postmaster@backed.test", "250", "Postmaster is always accepted." },
	{ "who@any.test", "250", "has no list" },
	{ "who@else.test", "554 5.7.1", "no section" },
	{ "patient@patient.test", "250", "has no list" },
	{ "no address", "553 5.1.3", "" },
};

static void
rcpt_rules(void **state MX_UNUSED)
{
	char reply[160];

	begin("", "");
	for (size_t i = 0; i < MX_COUNT(rules); i++) {
		struct buf rule = BUF_INIT(4096);

		smtpd_rcpt_reply(w.smtpd, rules[i].mailbox, reply,
		    sizeof(reply), &rule);
		if (strncmp(reply, rules[i].reply, strlen(rules[i].reply)) !=
			0 ||
		    strstr(buf_str(&rule), rules[i].says) == NULL)
			fail_msg("%s: %s: %s", rules[i].mailbox, reply,
			    buf_str(&rule));
		buf_fini(&rule);
	}
	end();
}

/* ---- copies of what was good */

static char kept[96], list[96];

/* smtpd anew, with that list; NULL: it goes while the configuration is read. */
static void
restart(const char *text)
{
	struct config *conf;
	struct mx_errbuf eb;

	smtpd_destroy(&w.smtpd);
	put_file("rcpt", text != NULL ? text : "");
	conf = make_config("", "");
	if (text == NULL)
		unlink(list);
	w.smtpd = smtpd_create(w.loop, NULL, w.stats, &world_ops);
	smtpd_keep_lists(w.smtpd, kept, NULL);
	assert_int_equal(smtpd_configure(w.smtpd, conf, &eb), 0);
	config_unref(&conf);
	wait_read();
}

static bool
copy_is(const char *want)
{
	struct buf b = BUF_INIT(1 << 20);
	bool same = keep_load(kept, list, &b, NULL) == 0 &&
	    strcmp(buf_str(&b), want) == 0;

	buf_fini(&b);
	return same;
}

static void
wait_copy(const char *want)
{
	int64_t end = clock_now() + 10 * CLOCK_SEC;

	while (!copy_is(want) && clock_now() < end)
		usleep(5000);
	assert_true(copy_is(want));
}

static void
recipients_over_restarts(void **state MX_UNUSED)
{
	char stray[128], other[128];
	int64_t until;

	begin("", "");
	snprintf(kept, sizeof(kept), "%s/kept", w.dir);
	snprintf(list, sizeof(list), "%s/rcpt", w.dir);
	restart(rcpt_file);
	wait_copy(rcpt_file);
	/* gone, broken, far shorter: what was in use before is in use */
	restart(NULL);
	assert_int_equal(check_user(), SMTPD_RCPT_OK);
	assert_int_equal(smtpd_rcpt_check(w.smtpd, "new@backed.test"),
	    SMTPD_RCPT_UNKNOWN);
	restart("user@backed.test\n");
	assert_int_equal(check_user(), SMTPD_RCPT_OK);
	restart("new@backed.test OK\n");
	assert_int_equal(check_user(), SMTPD_RCPT_OK);
	assert_int_equal(smtpd_rcpt_check(w.smtpd, "new@backed.test"),
	    SMTPD_RCPT_UNKNOWN);
	/* one that was refused is no copy, however long it is there */
	for (int i = 0; i < 60; i++, usleep(5000))
		assert_true(copy_is(rcpt_file));
	/* a good one is the next copy, and its own judge at the next start */
	restart("a@backed.test OK\nb@backed.test OK\nuser@backed.test OK\n");
	assert_int_equal(check_user(), SMTPD_RCPT_OK);
	wait_copy("a@backed.test OK\nb@backed.test OK\nuser@backed.test OK\n");
	restart("user@backed.test OK\nnew@backed.test OK\n");
	assert_int_equal(smtpd_rcpt_check(w.smtpd, "new@backed.test"),
	    SMTPD_RCPT_OK);
	wait_copy("user@backed.test OK\nnew@backed.test OK\n");
	/* a copy that is none is left out of it; what no list owns goes */
	assert_int_equal(keep_store(kept, list, "nonsense", 8, NULL), 0);
	snprintf(stray, sizeof(stray), "%s/0123456789abcdef.list", kept);
	snprintf(other, sizeof(other), "%s/notes", kept);
	put_file("kept/0123456789abcdef.list", "x");
	put_file("kept/notes", "x");
	restart("new@backed.test OK\n");
	assert_int_equal(check_user(), SMTPD_RCPT_UNKNOWN);
	assert_int_equal(smtpd_rcpt_check(w.smtpd, "new@backed.test"),
	    SMTPD_RCPT_OK);
	until = clock_now() + 10 * CLOCK_SEC;
	while (access(stray, F_OK) == 0 && clock_now() < until)
		usleep(5000);
	assert_int_equal(access(stray, F_OK), -1);
	assert_int_equal(access(other, F_OK), 0);
	end();
}

/* A recipients file for each of many domains, as it is at a provider: nothing
 * waits for them, each is in force when it was read, and one that is asked for
 * and given up before its turn comes leaves nothing behind. */
static void
recipients_many(void **state MX_UNUSED)
{
	enum { N = 300 };
	struct smtpd_setup *up;
	struct conf_errors errs;
	struct config *conf;
	struct mx_errbuf eb;
	char name[64], user[64], *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	begin("", "");
	fputs("hostname = mx2.test\n", f);
	for (unsigned i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "rcpt.%u", i);
		snprintf(user, sizeof(user), "u%u@d%u.test OK\n", i, i);
		put_file(name, user);
		fprintf(f, "domain \"d%u.test\" { recipients = \"%s/%s\" }\n",
		    i, w.dir, name);
		fprintf(f,
		    "domain \"e%u.test\" { recipients = \"%s/%s\"\n"
		    "  recipients_shrink = 7 }\n",
		    i, w.dir, name);
	}
	fclose(f);
	conf = config_parse("test", text, strlen(text), &errs);
	conf_errors_fini(&errs);
	free(text);
	assert_non_null(conf);
	up = smtpd_setup_create(conf, &eb);
	assert_non_null(up);
	smtpd_setup_open(w.smtpd, up);
	smtpd_setup_destroy(&up); /* before the thread can be through */
	assert_int_equal(smtpd_configure(w.smtpd, conf, &eb), 0);
	assert_int_equal(smtpd_rcpt_check(w.smtpd, "u7@d7.test"),
	    SMTPD_RCPT_UNAVAILABLE);
	wait_read();
	for (unsigned i = 0; i < N; i++) {
		snprintf(user, sizeof(user), "u%u@d%u.test", i, i);
		assert_int_equal(smtpd_rcpt_check(w.smtpd, user),
		    SMTPD_RCPT_OK);
		user[0] = 'x';
		assert_int_equal(smtpd_rcpt_check(w.smtpd, user),
		    SMTPD_RCPT_UNKNOWN);
		/* a list that has nobody of a domain is none for it */
		snprintf(user, sizeof(user), "u%u@e%u.test", i, i);
		assert_int_equal(smtpd_rcpt_check(w.smtpd, user),
		    SMTPD_RCPT_UNAVAILABLE);
	}
	/* Once more: nothing has changed, and nothing is read. */
	assert_int_equal(smtpd_configure(w.smtpd, conf, &eb), 0);
	assert_int_equal(smtpd_rcpt_check(w.smtpd, "u7@d7.test"),
	    SMTPD_RCPT_OK);
	wait_read();
	assert_int_equal(smtpd_rcpt_check(w.smtpd, "u7@d7.test"),
	    SMTPD_RCPT_OK);
	config_unref(&conf);
	end();
}

static void
recipients_large(void **state MX_UNUSED)
{
	char *text = repeat(rcpt_file, "# 4567890123456789012345678901234\n",
	    40000, "new@backed.test OK\n");
	struct config *conf;
	struct mx_errbuf eb;

	begin("", "");
	put_file("rcpt", text);
	wait_for_reread(10000);
	assert_true(answers_now(NULL));
	put_file("rcpt", text);
	conf = make_config("", "");
	assert_int_equal(smtpd_configure(w.smtpd, conf, &eb), 0);
	config_unref(&conf);
	end(); /* destroyed while it reads */
	mem_free(&text);
}

/* ---- TLS */

struct tls_talk {
	struct conn *conn;
	struct tls_ctx *ctx;
	const char *clear; /* said at first, STARTTLS and more */
	const char *inside; /* said under TLS */
	bool started, up, gone;
	char out[4096];
	size_t len;
	struct loop_timer *timer;
};

static void
tls_event(struct conn *c, enum conn_event ev, void *arg)
{
	struct tls_talk *t = arg;
	const char *p;
	size_t n = conn_input(c, &p);

	if (ev == CONN_READ) {
		assert_true(t->len + n < sizeof(t->out));
		memcpy(t->out + t->len, p, n);
		t->len += n;
		conn_consume(c, n);
		if (!t->started && strstr(t->out, "220 2.0.0") != NULL) {
			t->started = true;
			t->len = 0;
			memset(t->out, 0, sizeof(t->out));
			assert_int_equal(conn_tls_start(c, t->ctx, "mx2.test"),
			    0);
		}
	} else if (ev == CONN_TLS_UP) {
		t->up = true;
		conn_write(c, t->inside, strlen(t->inside));
	} else if (ev == CONN_EOF || ev == CONN_ERROR) {
		t->gone = true;
		loop_stop(w.loop);
	}
}

static void
tls_late(void *arg MX_UNUSED)
{
	loop_stop(w.loop);
}

static void
tls_converse(struct tls_talk *t, const char *clear, const char *inside)
{
	struct net_addr peer;
	struct mx_errbuf eb;

	memset(t, 0, sizeof(*t));
	t->inside = inside;
	t->ctx = tls_client_create(&eb);
	assert_non_null(t->ctx);
	assert_int_equal(addr_parse(&peer, "192.0.2.1:25", 25, ':'), 0);
	t->conn = conn_accept(w.loop, connect_pair("192.0.2.7"), &peer, 4096,
	    tls_event, t);
	conn_write(t->conn, clear, strlen(clear));
	t->timer = loop_timer_create(w.loop, tls_late, t);
	loop_timer_set(t->timer, 10000);
	loop_run(w.loop);
	loop_timer_destroy(&t->timer);
	conn_destroy(&t->conn);
	tls_ctx_destroy(&t->ctx);
}

static void
starttls(void **state MX_UNUSED)
{
	struct tls_talk *t = mem_alloc(sizeof(*t));
	const char *conf;
	char got[512];

	begin("", "");
	configure(conf = put_certificate(), "");
	converse(EHLO QUIT, strlen(EHLO QUIT), 100);
	assert_non_null(strstr(talk.out, "STARTTLS\r\n"));
	tls_converse(t, EHLO "STARTTLS\r\n",
	    MAIL EHLO "STARTTLS\r\n" MAIL RCPT "DATA\r\n" BODY DOT QUIT);
	assert_true(t->up && t->gone);
	replies(t->out, got, sizeof(got));
	assert_true(
	    replies_match(got, "503:5.5.1 250 503:5.5.1 250 250 354 250 221"));
	assert_null(strstr(t->out, "STARTTLS\r\n"));
	assert_int_equal(fake.nmessages, 1);
	assert_non_null(strstr(fake.message[0].body.data, "with ESMTPS id"));
	assert_int_equal(w.stats->g.tls_sessions[TLS_1_3], 1);
	/* B6: what was said in clear behind STARTTLS is never answered */
	tls_converse(t, EHLO "STARTTLS\r\nRSET\r\n" MAIL, EHLO QUIT);
	assert_true(t->up);
	replies(t->out, got, sizeof(got));
	assert_true(replies_match(got, "250 221"));
	/* a certificate that cannot be read changes nothing */
	put_file("cert", "nonsense");
	{
		struct config *c = make_config(conf, "");
		struct mx_errbuf eb;

		assert_int_equal(smtpd_configure(w.smtpd, c, &eb), -MX_ETLS);
		config_unref(&c);
	}
	tls_converse(t, EHLO "STARTTLS\r\n", EHLO QUIT);
	assert_true(t->up);
	end();
	mem_free(&t);
}

static void
starttls_garbage(void **state MX_UNUSED)
{
	begin("", "");
	configure(put_certificate(), "");
	memset(&talk, 0, sizeof(talk));
	talk.fd = connect_pair("192.0.2.7");
	talk.in = EHLO "STARTTLS\r\n" MAIL RCPT QUIT;
	talk.len = strlen(talk.in);
	talk.step = 8; /* some of it arrives during the handshake */
	talk_on(&talk, 5000);
	assert_true(talk.gone);
	assert_null(strstr(talk.out, "250 2.1.0"));
	assert_int_equal(w.stats->g.sessions_lost[SMTPD_LOST_STARTTLS], 1);
	close(talk.fd);
	end();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_limits),
		cmocka_unit_test(stress),
		cmocka_unit_test(drains),
		cmocka_unit_test(listens),
		cmocka_unit_test(etrn),
		cmocka_unit_test(recipients_change),
		cmocka_unit_test(recipients_no_descriptor),
		cmocka_unit_test(recipients_never_read),
		cmocka_unit_test(rcpt_rules),
		cmocka_unit_test(recipients_over_restarts),
		cmocka_unit_test(recipients_many),
		cmocka_unit_test(recipients_large),
		cmocka_unit_test(starttls),
		cmocka_unit_test(starttls_garbage),
	};

	log_level_set(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
