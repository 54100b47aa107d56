/* SPDX-License-Identifier: ISC
 * test_store_log: the log of the store. A child commits, and ends without a
 * word while the database is far behind; then the log is opened as it is, cut
 * short, or damaged. */
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "relay/le.h"
#include "relay/store/journal.h"
#include "relay/store/tail.h"
#include "tests/unit/store_kit.h"

#define MESSAGES 40
#define LENGTH	 3000
#define LOG	 "seg/8000000000000000"

struct world {
	struct kit kit;
	uint64_t ids[MESSAGES];
	uint64_t ends[MESSAGES]; /* where the log ends behind each */
};

static uint64_t
size_of(const struct kit *k, const char *name)
{
	char path[400];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", k->dir, name);
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Behind the last record: zeros may follow it. */
static uint64_t
end_of_log(const struct kit *k)
{
	struct journal_file f = { .number = JOURNAL_FIRST };
	struct journal_record r;
	struct buf buf = BUF_INIT(JOURNAL_REST_MAX);
	char path[400];
	uint8_t salt[8];
	uint64_t at = JOURNAL_HEAD;

	snprintf(path, sizeof(path), "%s/" LOG, k->dir);
	f.size = size_of(k, LOG);
	if ((f.fd = open(path, O_RDONLY)) < 0)
		return 0;
	if (pread(f.fd, salt, 8, JOURNAL_HEAD) == 8) {
		f.salt = le_get(salt, 8);
		while (journal_read(&f, at, &r, &buf) == 0)
			at += journal_size(&r, f.number);
	}
	close(f.fd);
	buf_fini(&buf);
	return at;
}

/* Removes every fourth as well, so that there is something that must not rise. */
static void
child(struct world *w, int out)
{
	unsigned i;

	w->kit.conf.behind_ms = 3600 * 1000;
	w->kit.conf.segment_size = 64u << 20;
	if (!kit_open(&w->kit))
		_exit(1);
	for (i = 0; i < MESSAGES; i++) {
		w->ids[i] = kit_commit(&w->kit, LENGTH, i, 1 + i % 3);
		if (w->ids[i] == 0)
			_exit(1);
		if (i % 4 == 3 && kit_remove(&w->kit, w->ids[i]) != 0)
			_exit(1);
		w->ends[i] = end_of_log(&w->kit);
	}
	if (write(out, w->ids, sizeof(w->ids)) != sizeof(w->ids) ||
	    write(out, w->ends, sizeof(w->ends)) != sizeof(w->ends))
		_exit(1);
	_exit(0);
}

static int
setup(void **state)
{
	struct world *w = mem_alloc(sizeof(*w));
	int fds[2], status;
	pid_t pid;

	kit_init(&w->kit, NULL);
	if (pipe(fds) != 0 || (pid = fork()) < 0)
		return -1;
	if (pid == 0)
		child(w, fds[1]);
	close(fds[1]);
	if (read(fds[0], w->ids, sizeof(w->ids)) != sizeof(w->ids) ||
	    read(fds[0], w->ends, sizeof(w->ends)) != sizeof(w->ends))
		return -1;
	close(fds[0]);
	*state = w;
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	kit_fini(&w->kit);
	free(w);
	return 0;
}

/* The first `n` are there, but for those that were removed; the rest is not. */
static void
assert_first(struct world *w, unsigned n)
{
	unsigned i, part;

	for (i = 0; i < MESSAGES; i++)
		for (part = 0; part < 1 + i % 3; part++) {
			int rc =
			    kit_verify(&w->kit, w->ids[i] | part, LENGTH, i);

			if (i >= n && n == MESSAGES - 1)
				continue; /* for the caller */
			if (i >= n || (i % 4 == 3 && part == 0))
				assert_int_equal(rc, -MX_ENOENT);
			else
				assert_int_equal(rc, 0);
		}
}

static void
test_replay(void **state)
{
	struct world *w = *state;

	assert_true(kit_open(&w->kit));
	assert_first(w, MESSAGES);
	kit_close(&w->kit);
	assert_true(kit_open(&w->kit)); /* once more: nothing is left to do */
	assert_first(w, MESSAGES);
	assert_int_equal(kit_scan(&w->kit), 13 + 2 * 13 + 3 * 13 + 1 - 10);
	assert_true(kit_commit(&w->kit, LENGTH, 99, 1) != 0);
}

static void
overwrite(const struct kit *k, const char *name, uint64_t at, const char *data,
    size_t len)
{
	char path[400];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", k->dir, name);
	assert_true((fd = open(path, O_WRONLY)) >= 0);
	assert_int_equal(pwrite(fd, data, len, (off_t)at), len);
	close(fd);
}

static void
edit(const struct kit *k, const char *name, uint64_t at, const char *text)
{
	char path[400];

	if (text != NULL) {
		overwrite(k, name, at, text, strlen(text));
		return;
	}
	snprintf(path, sizeof(path), "%s/%s", k->dir, name);
	assert_int_equal(truncate(path, (off_t)at), 0);
}

static void
plant(const struct kit *k, const char *name)
{
	char path[400];
	int fd;

	snprintf(path, sizeof(path), "%s/seg/%s", k->dir, name);
	assert_true((fd = open(path, O_WRONLY | O_CREAT, 0600)) >= 0);
	close(fd);
}

/* Nothing could be written behind the last number of a kind: such a file is not
 * ours, and the log goes on where it was. */
static void
test_last_number(void **state)
{
	struct world *w = *state;
	uint64_t id;

	plant(&w->kit, "ffffffffffffffff");
	plant(&w->kit, "7fffffffffffffff");
	assert_true(kit_open(&w->kit));
	assert_first(w, MESSAGES);
	id = kit_commit(&w->kit, 300000, 99, 1);
	assert_true(id != 0);
	kit_close(&w->kit);
	assert_true(kit_open(&w->kit));
	assert_first(w, MESSAGES);
	assert_int_equal(kit_verify(&w->kit, id, 300000, 99), 0);
	assert_true(size_of(&w->kit, "seg/0000000000000001") > 0);
	kit_close(&w->kit);
	/* and where the number before it was used there is no next */
	plant(&w->kit, "fffffffffffffffe");
	assert_true(kit_open(&w->kit));
	assert_first(w, MESSAGES);
	assert_int_equal(kit_commit(&w->kit, 100, 1, 1), 0);
	assert_int_equal(w->kit.rc, -MX_EIO);
}

/* Wherever the file ends, all that is whole is there. */
static void
test_cut(void **state)
{
	struct world *w = *state;

	edit(&w->kit, LOG, w->ends[30] + 100, NULL);
	assert_true(kit_open(&w->kit));
	assert_first(w, 31);
	assert_true(kit_commit(&w->kit, LENGTH, 99, 1) != 0);
	kit_close(&w->kit);
	assert_true(kit_open(&w->kit));
	assert_first(w, 31);
}

static void
test_cut_to_nothing(void **state)
{
	struct world *w = *state;

	edit(&w->kit, LOG, 10, NULL);
	assert_true(kit_open(&w->kit));
	assert_first(w, 0);
	assert_true(kit_commit(&w->kit, LENGTH, 99, 1) != 0);
}

/* A record that does not hold, and later ones that say it had been synced. */
static void
refused(struct world *w, const char *says)
{
	uint64_t blocks, size = size_of(&w->kit, LOG);

	assert_false(kit_open(&w->kit));
	assert_int_equal(w->kit.rc, -MX_ECORRUPT);
	assert_non_null(strstr(w->kit.eb.text, says));
	assert_non_null(strstr(w->kit.eb.text, "mxwatch-salvage"));
	assert_int_equal(kit_segments(&w->kit, &blocks), 1);
	assert_int_equal(size_of(&w->kit, LOG), size); /* untouched */
}

static void
test_damaged_body(void **state)
{
	struct world *w = *state;

	edit(&w->kit, LOG, w->ends[20] + 1000, "damage");
	refused(w, "is damaged at byte");
}

static void
test_damaged_record(void **state)
{
	struct world *w = *state;

	edit(&w->kit, LOG, w->ends[20] + 10, "damage");
	refused(w, "is damaged at byte");
}

static void
test_damaged_head(void **state)
{
	struct world *w = *state;

	edit(&w->kit, LOG, 2, "damage");
	refused(w, "is damaged at byte 0");
}

static void
test_file_gone(void **state)
{
	struct world *w = *state;
	char path[400];

	/* the database is at the end of it, and it was not reclaimed */
	w->kit.conf.behind_ms = 0;
	assert_true(kit_open(&w->kit));
	assert_true(kit_commit(&w->kit, LENGTH, 99, 1) != 0);
	kit_close(&w->kit);
	snprintf(path, sizeof(path), "%s/seg/8000000000000001", w->kit.dir);
	assert_int_equal(unlink(path), 0);
	assert_false(kit_open(&w->kit));
	assert_int_equal(w->kit.rc, -MX_ECORRUPT);
}

/* The database has read more of it than there is: that is no torn group. */
static void
test_file_short(void **state)
{
	struct world *w = *state;
	const char *name = "seg/8000000000000001";

	w->kit.conf.behind_ms = 0;
	assert_true(kit_open(&w->kit));
	assert_true(kit_commit(&w->kit, LENGTH, 99, 1) != 0);
	kit_close(&w->kit);
	assert_true(size_of(&w->kit, name) > LENGTH);
	edit(&w->kit, name, size_of(&w->kit, name) - 10, NULL);
	assert_false(kit_open(&w->kit));
	assert_int_equal(w->kit.rc, -MX_ECORRUPT);
	assert_non_null(strstr(w->kit.eb.text, name));
}

/* Nothing is left of the log but the head of its next file: that it was begun
 * is proof enough of what was synced before. */
static void
test_head_alone(void **state)
{
	struct world *w = *state;
	uint8_t head[JOURNAL_HEAD];
	char path[400];

	snprintf(path, sizeof(path), "%s/" LOG, w->kit.dir);
	assert_int_equal(unlink(path), 0);
	plant(&w->kit, "8000000000000001");
	journal_put_head(head, JOURNAL_FIRST + 1, MESSAGES);
	overwrite(&w->kit, "seg/8000000000000001", 0, (const char *)head,
	    sizeof(head));
	assert_false(kit_open(&w->kit));
	assert_int_equal(w->kit.rc, -MX_ECORRUPT);
	assert_non_null(strstr(w->kit.eb.text, "seg/8000000000000001"));
	/* one that begins with the next is what a crash may leave */
	journal_put_head(head, JOURNAL_FIRST + 1, 1);
	overwrite(&w->kit, "seg/8000000000000001", 0, (const char *)head,
	    sizeof(head));
	assert_true(kit_open(&w->kit));
	assert_int_equal(kit_scan(&w->kit), 0);
}

/* The last group may be torn in any way: nothing of it was promised. */
static void
test_torn_group(void **state)
{
	struct world *w = *state;

	edit(&w->kit, LOG, w->ends[MESSAGES - 1] - 10, "damage");
	assert_true(kit_open(&w->kit));
	assert_first(w, MESSAGES - 1);
	/* its removal, a group of its own */
	assert_int_equal(
	    kit_verify(&w->kit, w->ids[MESSAGES - 1], LENGTH, MESSAGES - 1), 0);
}

/* Zeros where the last group should be are a group that did not come to the disk;
 * before a record that says that it did they are damage. */
static void
test_zeros(void **state)
{
	static const char zeros[512];
	struct world *w = *state;
	uint64_t size = size_of(&w->kit, LOG);

	assert_true(size > w->ends[MESSAGES - 1]); /* written ahead */
	overwrite(&w->kit, LOG, w->ends[20], zeros, sizeof(zeros));
	refused(w, "is damaged at byte");
}

static void
test_last_is_zeros(void **state)
{
	static const char zeros[JOURNAL_RECORD];
	struct world *w = *state;
	uint64_t at = w->ends[MESSAGES - 1] - JOURNAL_RECORD;

	overwrite(&w->kit, LOG, at, zeros, sizeof(zeros)); /* a removal */
	assert_true(kit_open(&w->kit));
	assert_first(w, MESSAGES - 1);
	assert_int_equal(
	    kit_verify(&w->kit, w->ids[MESSAGES - 1], LENGTH, MESSAGES - 1), 0);
	assert_true(kit_commit(&w->kit, LENGTH, 99, 1) != 0);
	kit_close(&w->kit);
	assert_true(kit_open(&w->kit));
	assert_first(w, MESSAGES - 1);
}

/* A clean end leaves nothing that was written ahead. */
static void
test_trimmed(void **state)
{
	struct world *w = *state;
	const char *name = "seg/8000000000000001";
	uint64_t with;

	assert_true(kit_open(&w->kit));
	assert_true(kit_commit(&w->kit, LENGTH, 99, 1) != 0);
	kit_settle(&w->kit);
	with = size_of(&w->kit, name);
	kit_close(&w->kit);
	assert_true(with > 1u << 20);
	assert_true(size_of(&w->kit, name) < 2 * LENGTH);
}

/* The way back to a daemon without a log, and forward again. */
static void
test_formats(void **state)
{
	struct world *w = *state;

	assert_true(kit_open(&w->kit));
	kit_close(&w->kit);
	edit(&w->kit, "format", 0, "mxwatch spool 1\n");
	assert_true(kit_open(&w->kit));
	assert_first(w, MESSAGES);
	assert_true(kit_commit(&w->kit, LENGTH, 99, 1) != 0);
	kit_close(&w->kit);
	assert_true(kit_open(&w->kit));
	assert_first(w, MESSAGES);
	edit(&w->kit, "format", 0, "mxwatch spool 3\n");
	kit_close(&w->kit);
	assert_false(kit_open(&w->kit));
}

/* ---- the format alone */

static void
test_find(void **state)
{
	static const uint64_t salt = 0x1122334455667788u;
	struct journal_file f = { .number = JOURNAL_FIRST, .salt = salt };
	struct journal_record r = { .kind = JOURNAL_REMOVE }, got;
	struct buf buf = BUF_INIT(JOURNAL_REST_MAX);
	uint8_t raw[JOURNAL_RECORD], data[3 * 65536];
	char name[] = "mxlog.XXXXXX";
	uint64_t at;

	(void)state;
	memset(data, 'x', sizeof(data));
	r.seq = 7;
	journal_put(raw, &r, salt + 1); /* what a stranger may send */
	memcpy(data + 1000, raw, sizeof(raw));
	r.seq = 8;
	journal_put(raw, &r, salt);
	memcpy(data + 65536 - 30, raw, sizeof(raw)); /* across two reads */
	r.seq = 9;
	journal_put(raw, &r, salt);
	memcpy(data + sizeof(data) - sizeof(raw), raw, sizeof(raw));
	assert_true((f.fd = mkstemp(name)) >= 0);
	assert_int_equal(write(f.fd, data, sizeof(data)), sizeof(data));
	f.size = sizeof(data);
	assert_int_equal(journal_find(&f, 0, &got, &at), 0);
	assert_int_equal(got.seq, 8);
	assert_int_equal(at, 65536 - 30);
	assert_int_equal(journal_find(&f, at + 1, &got, &at), 0);
	assert_int_equal(got.seq, 9);
	assert_int_equal(journal_read(&f, at, &got, &buf), 0);
	assert_int_equal(got.len, 0);
	assert_int_equal(journal_find(&f, at + 1, &got, &at), -MX_ENOENT);
	assert_int_equal(journal_read(&f, f.size, &got, &buf), -MX_ENOENT);
	assert_int_equal(journal_read(&f, 5, &got, &buf), -MX_ECORRUPT);
	close(f.fd);
	(void)unlink(name);
	buf_fini(&buf);
}

static struct tail_entry *
state_entry(const char *key, const char *value)
{
	struct journal_record r = { .kind = JOURNAL_STATE };
	char *rest = mem_alloc(2 + strlen(key) + strlen(value) + 1);
	struct tail_entry *e;

	rest[0] = (char)strlen(key);
	memcpy(rest + 2, key, strlen(key));
	memcpy(rest + 2 + strlen(key), value, strlen(value));
	r.len = 2 + strlen(key) + strlen(value);
	r.rest = rest;
	e = tail_entry(&r);
	free(rest);
	return e;
}

/* The newest of each key, in order; what the database has does not count. */
static void
test_tail_states(void **state)
{
	struct tail *t = tail_create();
	struct buf key = BUF_INIT(100), value = BUF_INIT(100);

	(void)state;
	tail_add(t, state_entry("b", "1"));
	tail_add(t, state_entry("a", "1"));
	tail_add(t, state_entry("b", "2"));
	tail_add(t, state_entry("ab", ""));
	assert_int_equal(tail_state_next(t, "a", true, &key, &value),
	    TAIL_HERE);
	assert_string_equal(buf_str(&key), "a");
	buf_clear(&key);
	assert_int_equal(tail_state_next(t, "a", false, &key, &value),
	    TAIL_REMOVED);
	assert_string_equal(buf_str(&key), "ab");
	buf_clear(&key);
	buf_clear(&value);
	assert_int_equal(tail_state_next(t, "ab", false, &key, &value),
	    TAIL_HERE);
	assert_string_equal(buf_str(&value), "2");
	buf_clear(&key);
	assert_int_equal(tail_state_next(t, "b", false, &key, &value),
	    TAIL_NONE);
	tail_applied(t, 1); /* the older b: the newer one stays */
	buf_clear(&value);
	assert_int_equal(tail_state_next(t, "b", true, &key, &value),
	    TAIL_HERE);
	assert_string_equal(buf_str(&value), "2");
	tail_applied(t, 3);
	buf_clear(&key);
	assert_int_equal(tail_state_next(t, "", true, &key, &value), TAIL_NONE);
	buf_fini(&key);
	buf_fini(&value);
	tail_destroy(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_replay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_number, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_to_nothing, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_damaged_body, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_damaged_record, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_damaged_head, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_file_gone, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_file_short, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_head_alone, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_torn_group, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_zeros, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_is_zeros, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_trimmed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_formats, setup, teardown),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_tail_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
