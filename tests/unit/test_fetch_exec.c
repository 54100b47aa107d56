/* SPDX-License-Identifier: ISC
 * test_fetch_exec: programs that are fed or whose output is wanted: how they end,
 * what they leave behind, and the thread that carries all of it. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/spawn.h"
#include "fetch/fetch.h"
#include "tests/unit/fetch_outcome.h"

#define WAIT_MS 20000

static char dir[] = "/tmp/mxwatch-exec-XXXXXX";
static char into[64], other[64];
static struct spawner *sp;
static struct transport *tp;

static bool
allowed(const char *const *argv, void *arg MX_UNUSED)
{
	return strcmp(argv[0], "/bin/sh") == 0 || argv[0][1] == 'n';
}

static int
group_setup(void **state MX_UNUSED)
{
	static const struct spawn_ops ops = { NULL, allowed, NULL };
	struct mx_errbuf eb;

	(void)signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(into, sizeof(into), "%s/list", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	return (sp = spawner_create(&ops, false, &eb)) == NULL;
}

static int
group_teardown(void **state MX_UNUSED)
{
	char *cmd = mem_printf("rm -rf %s", dir);
	int rc = system(cmd);

	spawner_destroy(&sp);
	mem_free(&cmd);
	return rc;
}

static int
setup(void **state MX_UNUSED)
{
	tp = transport_create(sp, outcome_note, NULL);
	return 0;
}

static int
teardown(void **state MX_UNUSED)
{
	transport_destroy(&tp);
	(void)unlink(into);
	(void)unlink(other);
	return 0;
}

struct order {
	const char *program, *script; /* NULL: /bin/sh -c */
	size_t body; /* so many bytes, of thousands */
	bool wanted; /* its output */
	int64_t timeout_ms; /* 0: long */
};

static void
make(struct message *m, struct carry *c, const struct order *od,
    struct outcome *o)
{
	static const char block[1000] = "x";

	message_init(m, CARRY_EXEC);
	*c = (struct carry){ .timeout_ms =
				 od->timeout_ms != 0 ? od->timeout_ms : WAIT_MS,
		.arg = o,
		.drop = outcome_drop };
	while (m->body.len < od->body)
		assert_int_equal(buf_add(&m->body, block, sizeof(block)), 0);
	strlist_add(&c->argv,
	    mem_strdup(od->program != NULL ? od->program : "/bin/sh"));
	if (od->script != NULL) {
		strlist_add(&c->argv, mem_strdup("-c"));
		strlist_add(&c->argv, mem_strdup(od->script));
	}
	if (od->wanted) {
		c->into = mem_strdup(into);
		c->into_max = 1000;
	}
}

static void
send_to(const struct order *od, struct outcome *o)
{
	struct message m;
	struct carry c;

	memset(o, 0, sizeof(*o));
	make(&m, &c, od, o);
	transport_send(tp, &m, &c);
}

static void
run(const struct order *od, struct outcome *o)
{
	send_to(od, o);
	outcome_wait(tp, o, 1);
	assert_int_equal(o->dropped, 0);
}

static void
assert_file(const char *path, const char *text)
{
	struct buf b = BUF_INIT(1000);

	assert_int_equal(file_load(path, &b, NULL), 0);
	assert_string_equal(buf_str(&b), text);
	buf_fini(&b);
}

/* ---- how they end */

static const struct {
	const char *name;
	struct order order;
	enum carry_result result;
	const char *text;
} ends[] = {
	{ "well", { .script = "exit 0" }, CARRY_SENT, "exit code 0" },
	{ "with a code", { .script = "exit 3" }, CARRY_RETRY, "exit code 3" },
	{ "with the last code", { .script = "exit 255" }, CARRY_RETRY,
	    "exit code 255" },
	{ "by a signal", { .script = "kill -9 $$" }, CARRY_RETRY,
	    "ended by signal 9" },
	{ "by another one", { .script = "kill -15 $$" }, CARRY_RETRY,
	    "ended by signal 15" },
	{ "having read nothing", { .script = "exit 0", .body = 300000 },
	    CARRY_SENT, "exit code 0" },
	{ "having closed its input",
	    { .script = "exec <&-; exit 4", .body = 300000 }, CARRY_RETRY,
	    "exit code 4" },
	{ "having read all",
	    { .script = "test $(wc -c) = 300000", .body = 300000 }, CARRY_SENT,
	    "exit code 0" },
	{ "no body at all", { .script = "test $(wc -c) = 0" }, CARRY_SENT,
	    "exit code 0" },
	{ "with others left behind", { .script = "sleep 20 & exit 0" },
	    CARRY_SENT, "exit code 0" },
	{ "not in time", { .script = "sleep 600", .timeout_ms = 100 },
	    CARRY_RETRY, "timed out" },
	{ "not in time, with a body nobody reads",
	    { .script = "sleep 600", .body = 300000, .timeout_ms = 100 },
	    CARRY_RETRY, "timed out" },
	{ "nothing that there is", { .program = "/nonexistent" }, CARRY_RETRY,
	    "No such file or directory" },
	{ "nothing that is named", { .program = "/bin/true" }, CARRY_RETRY,
	    NULL },
};

static void
how_they_end(void **state)
{
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(ends); i++) {
		run(&ends[i].order, &o);
		if (o.r.result != ends[i].result ||
		    (ends[i].text != NULL &&
			strcmp(o.r.text, ends[i].text) != 0))
			fail_msg("%s: %d, %s", ends[i].name, (int)o.r.result,
			    o.r.text);
	}
	assert_non_null(strstr(o.r.text, "is not in the configuration file"));
}

/* ---- what they print */

static const struct {
	const char *name, *script;
	enum carry_result result;
	const char *text, *file; /* text NULL: any; file: then */
} prints[] = {
	{ "a list", "echo list", CARRY_SENT, NULL, "list\n" },
	{ "the same list", "echo list", CARRY_SENT, NULL, "list\n" },
	{ "all, then a failure", "echo bad; exit 1", CARRY_RETRY, "exit code 1",
	    "list\n" },
	{ "all, then a signal", "echo bad; kill -9 $$", CARRY_RETRY,
	    "ended by signal 9", "list\n" },
	{ "nothing", "exit 0", CARRY_RETRY, "it is empty", "list\n" },
	{ "too much", "yes bad", CARRY_RETRY,
	    "it is larger than 1000 bytes (size_max)", "list\n" },
	{ "too much, and it ends", "printf %01001d 7", CARRY_RETRY,
	    "it is larger than 1000 bytes (size_max)", "list\n" },
	{ "errors, which are not wanted", "echo bad >&2; echo list", CARRY_SENT,
	    NULL, "list\n" },
	{ "no input to read", "cat; echo new", CARRY_SENT, NULL, "new\n" },
	/* who was left behind holds the pipe, and does not count */
	{ "with others left behind", "sleep 20 & echo newer", CARRY_SENT, NULL,
	    "newer\n" },
	{ "its output closed first", "echo newest; exec >&-; exit 0",
	    CARRY_SENT, NULL, "newest\n" },
};

static void
what_they_print(void **state)
{
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(prints); i++) {
		struct order od = { .script = prints[i].script,
			.wanted = true };

		run(&od, &o);
		if (o.r.result != prints[i].result ||
		    (prints[i].text != NULL &&
			strcmp(o.r.text, prints[i].text) != 0))
			fail_msg("%s: %d, %s", prints[i].name, (int)o.r.result,
			    o.r.text);
		assert_int_equal(o.r.unchanged,
		    strcmp(prints[i].file, "list\n") == 0 && i > 0 &&
			o.r.result == CARRY_SENT);
		assert_file(into, prints[i].file);
	}
}

/* ---- kill */

/* Reads the end of who has its other side open: a FIFO that the script opens. */
static int
life_line(void)
{
	assert_int_equal(mkfifo(other, 0600), 0);
	return open(other, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static void
wait_gone(int fd)
{
	struct pollfd pfd = { fd, POLLIN, 0 };
	char c;

	do
		assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	while (read(fd, &c, 1) == 1);
	close(fd);
}

/* At its limit, with all that it has started. It has begun long before. */
static void
who_takes_too_long_is_killed(void **state)
{
	char *script =
	    mem_printf("exec 9>%s; echo >&9; sleep 600 & wait", other);
	struct order od = { .script = script, .timeout_ms = 100 };
	struct outcome o;
	int fd = life_line();
	char c;

	(void)state;
	do { /* until it came so far within its time */
		od.timeout_ms *= 2;
		assert_in_range(od.timeout_ms, 0, WAIT_MS);
		run(&od, &o);
		assert_string_equal(o.r.text, "timed out");
	} while (read(fd, &c, 1) != 1);
	wait_gone(fd);
	mem_free(&script);
}

/* What floods is killed, too, and what runs when the transport goes. */
static void
nobody_is_left(void **state)
{
	char *flood = mem_printf("exec 9>%s; echo >&9; yes", other);
	char *hang = mem_printf("exec 9>%s; echo >&9; sleep 600", other);
	struct order floods = { .script = flood, .wanted = true },
		     hangs = { .script = hang };
	struct pollfd pfd;
	struct outcome o;
	int fd = life_line();

	(void)state;
	run(&floods, &o);
	assert_non_null(strstr(o.r.text, "larger than"));
	wait_gone(fd);
	assert_int_equal(unlink(other), 0);
	fd = life_line();
	send_to(&hangs, &o);
	pfd = (struct pollfd){ fd, POLLIN, 0 };
	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	transport_destroy(&tp);
	wait_gone(fd);
	assert_int_equal(o.n, 0);
	assert_int_equal(o.dropped, 1);
	setup(state);
	mem_free(&flood);
	mem_free(&hang);
}

/* More than their descriptors have room for: all end, none is lost. */
static void
many_at_once(void **state)
{
	struct order od = { .script = "head -c 1 >/dev/null", .body = 300000 };
	struct outcome o = { .n = 0 };
	struct message m;
	struct carry c;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		make(&m, &c, &od, &o);
		transport_send(tp, &m, &c);
	}
	outcome_wait(tp, &o, 50);
	assert_int_equal(o.r.result, CARRY_SENT);
}

/* ---- the thread */

enum { ANSWER = 7 };

static struct fetch_answer *
answer_of(struct mailbox *box)
{
	struct mail_list list;
	struct fetch_answer *a;

	assert_true(mailbox_wait(box, &list, WAIT_MS));
	a = (struct fetch_answer *)STAILQ_FIRST(&list);
	assert_null(STAILQ_NEXT(&a->mail, link));
	assert_int_equal(a->mail.kind, ANSWER);
	return a;
}

static void
the_thread_answers(void **state)
{
	struct mailbox *box = mailbox_create();
	struct fetcher *f = fetcher_create(sp);
	struct fetch_client *cl = fetch_client_create(f, box, ANSWER);
	struct order od = { .script = "exit 0", .body = 1000 };
	struct fetch_answer *a;
	struct outcome o = { .n = 0 };
	struct message m;
	struct carry c;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		make(&m, &c, &od, &o);
		c.token = 5 + i;
		fetch_send(cl, &m, &c);
		assert_non_null(c.argv.s); /* ours still */
		carry_fini(&c);
		a = answer_of(box);
		assert_int_equal(a->token, 5 + i);
		assert_ptr_equal(a->arg, &o);
		assert_int_equal(a->result.result, CARRY_SENT);
		if (i == 0)
			fetch_answer_free(&a);
		else
			fetch_answer_drop(&a);
		assert_null(a);
		assert_int_equal(o.dropped, i);
	}
	fetch_client_destroy(&cl);
	assert_null(cl);
	fetch_client_destroy(&cl);
	fetcher_destroy(&f);
	assert_null(f);
	mailbox_destroy(&box, NULL);
}

/* Nobody hears of what runs for a client that has gone, nor of what runs, or
 * waits to, when the thread ends; whose it is gets it back. */
static void
who_has_gone_hears_nothing(void **state)
{
	struct mailbox *box = mailbox_create();
	struct fetcher *f = fetcher_create(sp);
	struct fetch_client *gone = fetch_client_create(f, box, ANSWER),
			    *cl = fetch_client_create(f, box, ANSWER);
	char *hang = mem_printf("exec 9>%s; echo >&9; sleep 600", other);
	struct order quick = { .script = "exit 0" }, hangs = { .script = hang };
	struct outcome o = { .n = 0 }, last = { .n = 0 };
	struct mail_list list;
	struct fetch_answer *a;
	struct pollfd pfd;
	struct message m;
	struct carry c;

	(void)state;
	pfd = (struct pollfd){ life_line(), POLLIN, 0 };
	make(&m, &c, &hangs, &o);
	fetch_send(gone, &m, &c);
	carry_fini(&c);
	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1); /* it runs */
	fetch_client_destroy(&gone);
	make(&m, &c, &quick, &last);
	fetch_send(cl, &m, &c);
	carry_fini(&c);
	a = answer_of(box);
	assert_ptr_equal(a->arg, &last);
	fetch_answer_free(&a);
	assert_int_equal(o.dropped, 0);
	make(&m, &c, &hangs, &last);
	fetch_send(cl, &m, &c);
	carry_fini(&c);
	fetch_client_destroy(&cl);
	fetcher_destroy(&f);
	assert_int_equal(o.dropped, 1);
	assert_int_equal(last.dropped, 1);
	wait_gone(pfd.fd);
	assert_false(mailbox_take(box, &list));
	mailbox_destroy(&box, NULL);
	mem_free(&hang);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(how_they_end),
		TEST(what_they_print),
		TEST(who_takes_too_long_is_killed),
		TEST(nobody_is_left),
		TEST(many_at_once),
		TEST(the_thread_answers),
		TEST(who_has_gone_hears_nothing),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
