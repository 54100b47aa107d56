/* SPDX-License-Identifier: ISC
 * test_log: escaping, cutting, levels, what leaves when, and rotation. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"

static char dir[] = "/tmp/test_log.XXXXXX";
static char path[64], moved[64];
static char text[1 << 20];

static const struct {
	const char *name, *in;
	size_t len;
	const char *out;
} values[] = {
	{ "plain", "mx1.example:25", 14, "mx1.example:25" },
	{ "empty", "", 0, "\"\"" },
	{ "blank", "a b", 3, "\"a b\"" },
	{ "equals", "a=b", 3, "\"a=b\"" },
	{ "quote", "a\"b", 3, "\"a\\\"b\"" },
	{ "backslash", "a\\b", 3, "\"a\\\\b\"" },
	{ "line ends", "a\r\nb\t", 5, "\"a\\r\\nb\\t\"" },
	{ "escape", "\033[2J", 4, "\"\\x1b[2J\"" },
	{ "NUL", "a\0b", 3, "\"a\\x00b\"" },
	{ "DEL", "\177", 1, "\"\\x7f\"" },
	{ "UTF-8", "\303\274", 2, "\"\\xc3\\xbc\"" },
};

static const struct {
	const char *in, *out;
} masked[] = {
	{ "ada@a.test", "*@a.test" },
	{ "<ada@a.test>: no", "\"<*@a.test>: no\"" },
	{ "no \"a b\"@a.test here", "\"no *@a.test here\"" },
	{ "\"ada@a.test\"@b.test", "*@b.test" },
	{ "two a@x, b@y", "\"two *@x, *@y\"" },
	{ "a@b@c", "*@c" },
	{ "@a.test", "@a.test" },
	{ "nobody", "nobody" },
	{ "", "\"\"" },
};

static void
test_recipients_are_masked(void **state)
{
	char big[400];

	(void)state;
	log_recipients_set(false);
	for (size_t i = 0; i < MX_COUNT(masked); i++) {
		print_message("%s\n", masked[i].in);
		assert_string_equal(log_rcpt(masked[i].in), masked[i].out);
		assert_string_equal(log_peer(masked[i].in), masked[i].out);
	}
	assert_string_equal(log_reply("no such user ada"), "-");
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	big[198] = big[390] = '@';
	assert_null(strstr(log_peer(big), "aaaaaaaa@"));
	log_recipients_set(true);
	assert_string_equal(log_rcpt("ada@a.test"), "ada@a.test");
	assert_string_equal(log_reply("no ada"), "\"no ada\"");
}

static void
test_values(void **state)
{
	char big[300], want[1024];
	const char *first;
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(values); i++) {
		print_message("%s\n", values[i].name);
		assert_string_equal(log_qn(values[i].in, values[i].len),
		    values[i].out);
		if (strlen(values[i].in) == values[i].len)
			assert_string_equal(log_q(values[i].in), values[i].out);
	}
	assert_string_equal(log_q(NULL), "\"\"");

	memset(big, 'x', sizeof(big));
	big[200] = '\0';
	assert_string_equal(log_q(big), big); /* 200 are not cut */
	big[200] = 'x';
	snprintf(want, sizeof(want), "\"%.200s...\"", big);
	assert_string_equal(log_qn(big, 201), want);
	memset(big, '\001', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(strlen(log_q(big)), 200 * 4 + 5);

	first = log_q("first"); /* eight values may stand in one line */
	for (i = 0; i < 7; i++)
		(void)log_q(big);
	assert_string_equal(first, "first");
}

static const char *
slurp(const char *name)
{
	FILE *f = fopen(name, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* Until it is there: a line that nobody had to flush. */
static const char *
slurp_for(const char *name, const char *what)
{
	int64_t until = clock_now() + 10 * CLOCK_SEC;

	while (strstr(slurp(name), what) == NULL && clock_now() < until)
		(void)poll(NULL, 0, 1);
	return text;
}

static void
drained(void)
{
	assert_true(log_drain(10000));
}

static void
test_lines(void **state)
{
	const char *p;

	(void)state;
	assert_int_equal(log_open(LOG_DEST_FILE, path, LOG_LEVEL_INFO), 0);
	log_info("queue", "id=%d", 1);
	log_trace("queue", "id=%d", 2);
	assert_string_equal(slurp(path), "");
	log_flush();
	p = slurp_for(path, "id=1\n");
	assert_int_equal(strlen(p),
	    strlen("2026-11-22T16:42:00Z info queue "
		   "id=1\n"));
	assert_int_equal(p[10], 'T');
	assert_string_equal(p + 19, "Z info queue id=1\n");
	log_info("queue", "id=%d", 3);
	log_warn("queue", "id=%d", 4); /* at once, and in order */
	p = slurp_for(path, "warn queue id=4\n");
	assert_true(strstr(p, "info queue id=3\n") < strstr(p, "warn queue"));
	assert_true(log_enabled(LOG_LEVEL_INFO));
	assert_false(log_enabled(LOG_LEVEL_TRACE));
	log_level_set(LOG_LEVEL_ERROR);
	log_warn("queue", "gone=1");
	log_error("x", "forged=%s", "a\nb\033");
	drained();
	assert_null(strstr(slurp(path), "gone=1"));
	assert_non_null(strstr(text, "error x forged=a?b?\n"));
}

/* What waits goes first, and a date like any other's. */
static void
test_last_words(void **state)
{
	char before[32], after[32], *p;

	(void)state;
	log_level_set(LOG_LEVEL_INFO);
	log_info("queue", "waits=1");
	text_date_3339(clock_wall(), before, sizeof(before));
	log_last_words("store", "event=end");
	text_date_3339(clock_wall(), after, sizeof(after));
	slurp(path);
	assert_non_null(strstr(text, "waits=1\n"));
	p = strstr(text, " error store event=end\n");
	assert_non_null(p);
	*p = '\0';
	p = strrchr(text, '\n') + 1;
	assert_true(strcmp(before, p) <= 0 && strcmp(p, after) <= 0);
}

static void
test_long_lines(void **state)
{
	static char big[5000];
	const char *p;
	int i;

	(void)state;
	log_level_set(LOG_LEVEL_INFO);
	memset(big, 'x', sizeof(big) - 1);
	log_error("x", "long=%s", big);
	drained();
	p = slurp(path);
	assert_int_equal(strcmp(p + strlen(p) - 5, "x...\n"), 0);
	/* more than half of what may wait: it leaves by itself, whole lines */
	for (i = 0; i < 300; i++)
		log_info("fill", "i=%03d text=%.500s", i, big);
	p = strstr(slurp_for(path, "i=000"), "i=000");
	assert_non_null(p);
	drained();
	for (i = 0, p = strstr(slurp(path), "info fill"); p != NULL; i++) {
		assert_int_equal(strtol(p + 12, NULL, 10), i);
		p = strstr(p + 1, "info fill");
	}
	assert_int_equal(i, 300);
}

static void
test_rotation(void **state)
{
	struct log_limit limit = { 0 };

	(void)state;
	log_info("x", "before=1");
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(log_reopen(), 0);
	log_error("x", "after=1");
	drained();
	assert_non_null(strstr(slurp(moved), "before=1"));
	assert_null(strstr(text, "after=1"));
	assert_non_null(strstr(slurp(path), "after=1"));
	assert_null(strstr(text, "before=1"));
	assert_int_equal(
	    log_open(LOG_DEST_FILE, "/nowhere/at/all", LOG_LEVEL_INFO),
	    -MX_ESYS);
	log_error("x", "still=1");
	drained();
	assert_non_null(strstr(slurp(path), "still=1"));
	log_error("x", "last=1");
	log_close(); /* has all of it */
	assert_non_null(strstr(slurp(path), "last=1"));

	assert_true(log_limit_ok(&limit, 3600));
	assert_false(log_limit_ok(&limit, 3600));
}

#define STUCK_LINES 20000

/* Is the line in the file, soon, and without another one or anybody's help? */
static bool
comes(const char *line)
{
	int64_t until = clock_now() + 10 * CLOCK_SEC;

	while (strstr(slurp(path), line) == NULL)
		if (clock_now() > until)
			return false;
		else
			(void)poll(NULL, 0, 1);
	return true;
}

/* What came right behind a write has its turn, and what is urgent takes along
 * what waits. */
static void
test_pace(void **state)
{
	(void)state;
	assert_int_equal(log_open(LOG_DEST_FILE, path, LOG_LEVEL_INFO), 0);
	log_info("x", "first=1");
	log_flush();
	assert_true(comes("first=1"));
	log_info("x", "second=1");
	log_flush();
	log_info("x", "third=1"); /* its turn goes on: nobody flushes it yet */
	assert_true(comes("second=1"));
	log_flush();
	assert_true(comes("third=1"));
	log_info("x", "fourth=1");
	log_warn("x", "fifth=1");
	assert_true(comes("fourth=1") && comes("fifth=1"));
	log_close();
}

/* What comes out of the pipe: how many lines, in order, and how many the
 * log says are missing. */
static void
read_stuck(int fd, unsigned *seen, unsigned *missing)
{
	FILE *f = fdopen(fd, "r");
	unsigned n, next = 0;
	char line[1024];
	const char *p;

	assert_non_null(f);
	*seen = *missing = 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		if ((p = strstr(line, "warn log dropped=")) != NULL) {
			n = (unsigned)strtoul(p + 17, NULL, 10);
			*missing += n;
			next += n;
		} else if ((p = strstr(line, "info fill i=")) != NULL) {
			/* where they are missing, not somewhere */
			assert_int_equal(strtoul(p + 12, NULL, 10), next);
			next++;
			++*seen;
		}
	}
	fclose(f);
}

/* Standard error is a pipe that nobody reads: the caller never waits, and the
 * reader that comes at last sees what is missing. The child plays the daemon,
 * for the log is one of the process. */
static void
test_stuck(void **state)
{
	unsigned seen, missing;
	int fds[2], told[2], status = -1;
	int64_t took = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pipe(told), 0);
	if ((pid = fork()) == 0) {
		if (dup2(fds[1], STDERR_FILENO) < 0)
			_exit(9);
		close(fds[0]);
		close(fds[1]);
		if (log_open(LOG_DEST_STDERR, NULL, LOG_LEVEL_INFO) != 0)
			_exit(8);
		took = clock_now();
		for (int i = 0; i < STUCK_LINES; i++)
			log_info("fill", "i=%d text=%0100d", i, 0);
		took = clock_now() - took;
		if (log_dropped() == 0 ||
		    write(told[1], &took, sizeof(took)) != sizeof(took))
			_exit(7);
		(void)log_drain(20000);
		log_info("x", "all=1");
		log_close();
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(read(told[0], &took, sizeof(took)), sizeof(took));
	assert_true(took < 10 * CLOCK_SEC);
	read_stuck(fds[0], &seen, &missing);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(missing > 0);
	assert_int_equal(seen + missing, STUCK_LINES);
	close(told[0]);
	close(told[1]);
}

/* Nobody ever reads: the end comes all the same. */
static void
test_stuck_at_the_end(void **state)
{
	int fds[2], status = -1;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	if ((pid = fork()) == 0) {
		if (dup2(fds[1], STDERR_FILENO) < 0)
			_exit(9);
		alarm(60);
		if (log_open(LOG_DEST_STDERR, NULL, LOG_LEVEL_INFO) != 0)
			_exit(8);
		for (int i = 0; i < STUCK_LINES; i++)
			log_info("fill", "i=%d text=%0100d", i, 0);
		log_close();
		log_error("x", "to nobody");
		if (log_open(LOG_DEST_FILE, path, LOG_LEVEL_INFO) == 0)
			_exit(6); /* its thread still stands there */
		_exit(log_dropped() > 0 ? 0 : 7);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fds[0]);
	close(fds[1]);
}

/* A disk without room: lines are lost, counted, and it goes on. */
static void
test_no_room(void **state)
{
	uint64_t before = log_dropped();

	(void)state;
	if (access("/dev/full", W_OK) != 0)
		skip();
	assert_int_equal(log_open(LOG_DEST_FILE, "/dev/full", LOG_LEVEL_INFO),
	    0);
	log_error("x", "lost=1");
	log_error("x", "lost=2");
	drained();
	assert_int_equal(log_dropped(), before + 2);
	log_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_recipients_are_masked),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_pace),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_stuck_at_the_end),
		cmocka_unit_test(test_no_room),
	};
	int rc;

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(moved, sizeof(moved), "%s/log.1", dir);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	(void)unlink(moved);
	(void)rmdir(dir);
	return rc;
}
