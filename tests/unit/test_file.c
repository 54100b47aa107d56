/* SPDX-License-Identifier: ISC
 * test_file: a file as a whole, and what stands in its way. */
#include <errno.h>
#include <setjmp.h>
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

static char dir[] = "/tmp/mxwatch-file-XXXXXX";
static char path[64], fresh[64];

/* Whose daemon this is: the one that file.c finds. */
static gid_t our_group;

gid_t
getegid(void)
{
	return our_group;
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/f", dir);
	snprintf(fresh, sizeof(fresh), "%s/f.new", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	(void)unlink(fresh);
	return rmdir(dir);
}

static void
replaces_and_loads(void **state)
{
	struct buf b = BUF_INIT(100000);
	struct mx_errbuf eb = { "" };
	char big[20000];
	struct stat st;

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(file_load(path, &b, &eb), -MX_ENOENT);
	assert_int_equal(file_replace(path, 0600, "", 0, &eb), 0);
	assert_int_equal(file_load(path, &b, &eb), 0);
	assert_int_equal(b.len, 0);
	assert_int_equal(file_replace(path, 0600, big, sizeof(big), &eb), 0);
	assert_int_equal(file_load(path, &b, &eb), 0);
	assert_int_equal(b.len, sizeof(big));
	assert_memory_equal(b.data, big, sizeof(big));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(access(fresh, F_OK), -1);
	buf_fini(&b);
}

/* A secret is its owner's, and that of the daemon's group. */
static void
secrets(void **state)
{
	static const struct {
		mode_t mode;
		bool our_group;
		const char *why; /* NULL: it is one */
	} rows[] = {
		{ 0600, false, NULL },
		{ 0400, false, NULL },
		{ 0640, true, NULL },
		{ 0660, true, NULL },
		{ 0640, false, "accessible to its group" },
		{ 0620, false, "accessible to its group" },
		{ 0610, false, "accessible to its group" },
		{ 0604, true, "accessible to users other" },
		{ 0602, true, "accessible to users other" },
		{ 0601, true, "accessible to users other" },
		{ 0644, false, "accessible to users other" },
	};
	struct buf b = BUF_INIT(100);
	struct mx_errbuf eb;
	struct stat st;
	int rc;

	(void)state;
	assert_int_equal(file_replace(path, 0600, "x", 1, &eb), 0);
	assert_int_equal(stat(path, &st), 0);
	for (size_t i = 0; i < MX_COUNT(rows); i++) {
		assert_int_equal(chmod(path, rows[i].mode), 0);
		our_group = rows[i].our_group ? st.st_gid : st.st_gid + 1;
		rc = file_load_secret(path, &b, &eb);
		if ((rc == 0) != (rows[i].why == NULL) ||
		    (rc != 0 && strstr(eb.text, rows[i].why) == NULL))
			fail_msg("%04o, ours %d: %d %s", (unsigned)rows[i].mode,
			    rows[i].our_group, rc, rc != 0 ? eb.text : "");
		if (rows[i].mode != 0400)
			assert_int_equal(file_load(path, &b, &eb), 0);
	}
	assert_int_equal(chmod(path, 0600), 0);
	buf_fini(&b);
}

static void
bounds(void **state)
{
	struct buf b = BUF_INIT(5);
	struct mx_errbuf eb;

	(void)state;
	assert_int_equal(file_replace(path, 0600, "12345", 5, NULL), 0);
	assert_int_equal(file_load(path, &b, &eb), 0);
	buf_clear(&b);
	assert_int_equal(file_replace(path, 0600, "123456", 6, NULL), 0);
	assert_int_equal(file_load(path, &b, &eb), -MX_ETOOBIG);
	assert_string_equal(eb.text, "it is larger than 5 bytes");
	buf_fini(&b);
}

/* A link that somebody put there is not followed; a FIFO, which nobody
 * writes to, is not waited for; a folder is no file. */
static void
in_the_way(void **state)
{
	struct buf b = BUF_INIT(100);
	struct mx_errbuf eb;

	(void)state;
	assert_int_equal(symlink("elsewhere", fresh), 0);
	assert_int_equal(file_replace(path, 0600, "1", 1, NULL), 0);
	assert_int_equal(file_load(path, &b, NULL), 0);
	assert_int_equal(b.len, 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_load(path, &b, &eb), -MX_ESYS);
	assert_string_equal(eb.text, "it is not a file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(file_load(path, &b, &eb), -MX_ESYS);
	assert_int_equal(file_replace(path, 0600, "1", 1, &eb), -MX_ESYS);
	assert_int_equal(access(fresh, F_OK), -1); /* nothing is left lying */
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(file_replace("/nonexistent/x", 0600, "1", 1, &eb),
	    -MX_ESYS);
	buf_fini(&b);
}

static int
print_twice(FILE *f, const void *arg)
{
	return fprintf(f, "%s%s", (const char *)arg, (const char *)arg) > 0 ?
	    0 :
	    -1;
}

static int
print_half(FILE *f, const void *arg)
{
	(void)fputs(arg, f);
	errno = EDOM;
	return -1;
}

static int
print_full(FILE *f, const void *arg)
{
	(void)arg;
	if (freopen("/dev/full", "w", f) == NULL)
		return -1;
	(void)fputs("x", f);
	return 0;
}

/* What cannot be written to its end replaces nothing and leaves nothing. */
static void
prints_all_or_nothing(void **state)
{
	struct buf b = BUF_INIT(100);
	struct mx_errbuf eb;

	(void)state;
	assert_int_equal(file_print(path, 0600, print_twice, "ab", &eb), 0);
	assert_int_equal(file_print(path, 0600, print_half, "cd", &eb),
	    -MX_ESYS);
	assert_int_equal(errno, EDOM);
	assert_int_equal(access(fresh, F_OK), -1);
	assert_int_equal(file_print(path, 0600, print_full, "", &eb), -MX_ESYS);
	assert_int_equal(access(fresh, F_OK), -1);
	assert_int_equal(file_load(path, &b, &eb), 0);
	assert_string_equal(buf_str(&b), "abab");
	buf_fini(&b);
}

/* Of an open file, what is still to come; from a pipe, too. */
static void
reads_the_rest(void **state)
{
	struct buf b = BUF_INIT(50000);
	struct mx_errbuf eb;
	char some[20000], got[30000];
	int fd[2];

	(void)state;
	memset(some, 'y', sizeof(some));
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(file_write_all(fd[1], some, sizeof(some)), 0);
	close(fd[1]);
	assert_int_equal(file_fill(fd[0], got, 5), 5);
	assert_int_equal(file_read(fd[0], &b, &eb), 0);
	assert_int_equal(b.len, sizeof(some) - 5);
	assert_int_equal(file_fill(fd[0], got, sizeof(got)), 0);
	close(fd[0]);
	assert_int_equal(file_fill(-1, got, 1), -1);
	assert_int_equal(file_write_all(-1, got, 1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(file_read(-1, &b, &eb), -MX_ESYS);
	buf_fini(&b);
}

static void
folders(void **state)
{
	static const struct {
		const char *path, *folder;
	} c[] = { { "/a/b/c", "/a/b" }, { "/a", "/" }, { "a", "." },
		{ "a/b", "a" }, { "./a", "." }, { "", "." } };
	char *folder;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(c); i++) {
		folder = file_folder(c[i].path);
		assert_string_equal(folder, c[i].folder);
		mem_free(&folder);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces_and_loads),
		cmocka_unit_test(secrets),
		cmocka_unit_test(bounds),
		cmocka_unit_test(in_the_way),
		cmocka_unit_test(prints_all_or_nothing),
		cmocka_unit_test(reads_the_rest),
		cmocka_unit_test(folders),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
