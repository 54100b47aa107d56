/* SPDX-License-Identifier: ISC
 * test_fetch: how a source is written, and how what comes becomes a file. */
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
#include "base/source_spec.h"
#include "fetch/download.h"

static void
test_specs(void **state MX_UNUSED)
{
	static const struct {
		const char *spec;
		bool is, ok;
		const char *name;
	} rows[] = {
		{ "/etc/mxwatch/a", false, false, "/etc/mxwatch/a" },
		{ "/srv/a?b://c", false, false, "/srv/a?b://c" },
		{ "https://a.test/l", true, true, "https://a.test/l" },
		{ "https://a.test", true, true, "https://a.test" },
		{ "https://a.test:8443/l?k=s", true, true,
		    "https://a.test:8443/l" },
		{ "https://[2001:db8::1]/l", true, true,
		    "https://[2001:db8::1]/l" },
		{ "https://a.test?k=s", true, true, "https://a.test" },
		{ "https://a.test/u@v", true, true, "https://a.test/u@v" },
		{ "https://u:p@a.test/l", true, false, NULL },
		{ "https://a.test/l#f", true, false, NULL },
		{ "https://a.test/l m", true, false, NULL },
		{ "https://a.test/l\r\nX: y", true, false, NULL },
		{ "https://a.test/\xc3\xa4", true, false, NULL },
		{ "https://", true, false, NULL },
		{ "https:///l", true, false, NULL },
		{ "https://:443/l", true, false, NULL },
		{ "HTTPS://a.test/l", true, false, NULL },
		{ "http://a.test/l", true, false, NULL },
		{ "file:///etc/passwd", true, false, NULL },
		{ "exec:/bin/l", true, true, "exec:/bin/l" },
		{ "exec:/bin/l a?b", true, true, "exec:/bin/l a?b" },
		{ "exec:l", true, false, NULL },
		{ "exec: /bin/l", true, false, NULL },
		{ "exec:", true, false, NULL },
	};
	struct mx_errbuf eb;
	char *name;

	for (size_t i = 0; i < MX_COUNT(rows); i++) {
		assert_int_equal(spec_is_source(rows[i].spec), rows[i].is);
		if (!rows[i].is)
			assert_false(spec_is_exec(rows[i].spec));
		else
			assert_int_equal(spec_check(rows[i].spec, &eb) == 0,
			    rows[i].ok);
		if (rows[i].name == NULL)
			continue;
		name = spec_name(rows[i].spec);
		assert_string_equal(name, rows[i].name);
		mem_free(&name);
	}
}

static void
test_arguments(void **state MX_UNUSED)
{
	struct strlist l = spec_argv("exec:/bin/l  a 'b c' $HOME ");

	assert_int_equal(l.n, 5);
	assert_string_equal(l.s[0], "/bin/l");
	assert_string_equal(l.s[2], "'b");
	assert_string_equal(l.s[4], "$HOME");
	strlist_fini(&l);
	assert_int_equal(l.n, 0);
}

/* ---- downloads */

struct place {
	char dir[32], path[64];
	struct download *d;
	char said[128];
	struct send_result r;
};

static void
begin(struct place *p, uint64_t max)
{
	memset(&p->r, 0, sizeof(p->r));
	p->said[0] = '\0';
	p->d = download_begin(p->path, max);
}

static bool
add(struct place *p, const char *text)
{
	return download_add(p->d, text, strlen(text), p->said, sizeof(p->said));
}

static void
assert_file(const struct place *p, const char *want)
{
	struct buf got = BUF_INIT(65536);
	char beside[80];

	if (want == NULL)
		assert_int_equal(access(p->path, F_OK), -1);
	else {
		assert_int_equal(file_load(p->path, &got, NULL), 0);
		assert_string_equal(buf_str(&got), want);
	}
	buf_fini(&got);
	snprintf(beside, sizeof(beside), "%s.new", p->path);
	assert_int_equal(access(beside, F_OK), -1);
}

static void
fetch(struct place *p, const char *text, const char *etag)
{
	begin(p, 1000);
	if (etag != NULL)
		download_tag(p->d, TAG_ETAG, etag, strlen(etag));
	if (text[0] != '\0')
		assert_true(add(p, text));
	download_result(&p->d, &p->r);
	assert_null(p->d);
}

static void
assert_had(struct place *p, const char *etag)
{
	begin(p, 1000);
	if (etag == NULL)
		assert_null(download_had(p->d, TAG_ETAG));
	else
		assert_string_equal(download_had(p->d, TAG_ETAG), etag);
	assert_int_equal(download_is_conditional(p->d), etag != NULL);
	download_drop(&p->d);
}

static struct place *
place(void)
{
	struct place *p = mem_alloc(sizeof(*p));

	strlcpy(p->dir, "/tmp/mxt-fetch.XXXXXX", sizeof(p->dir));
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/in/list", p->dir);
	return p;
}

static void
leave(struct place **pp)
{
	char *cmd = mem_printf("rm -rf %s", (*pp)->dir);

	assert_int_equal(system(cmd), 0);
	mem_free(&cmd);
	mem_free(pp);
}

/* The old content, or all of the new one; the same content is not a new file. */
static void
test_replaces(void **state MX_UNUSED)
{
	struct place *p = place();
	struct stat was, is;

	fetch(p, "one", " \"a\"\r\n");
	assert_int_equal(p->r.result, CARRY_SENT);
	assert_false(p->r.unchanged);
	assert_file(p, "one");
	assert_had(p, "\"a\"");
	assert_int_equal(stat(p->path, &was), 0);
	fetch(p, "one", "\"b\"");
	assert_true(p->r.unchanged);
	assert_int_equal(stat(p->path, &is), 0);
	assert_int_equal(was.st_ino, is.st_ino);
	assert_had(p, "\"b\"");
	fetch(p, "two", NULL);
	assert_false(p->r.unchanged);
	assert_file(p, "two");
	assert_had(p, NULL); /* that of another version would keep this one */
	leave(&p);
}

/* What does not come whole, or not at all, leaves all as it was. */
static void
test_leaves(void **state MX_UNUSED)
{
	struct place *p = place();
	char large[601];

	memset(large, 'x', 600);
	large[600] = '\0';
	begin(p, 1000);
	assert_true(add(p, "half"));
	download_drop(&p->d);
	assert_file(p, NULL);
	fetch(p, "one", "\"a\"");
	begin(p, 1000);
	assert_true(add(p, large));
	assert_false(add(p, large));
	assert_string_equal(p->said, "it is larger than 1000 bytes (size_max)");
	download_drop(&p->d);
	assert_file(p, "one");
	fetch(p, "", "\"b\"");
	assert_int_equal(p->r.result, CARRY_RETRY);
	assert_string_equal(p->r.text, "it is empty");
	assert_file(p, "one");
	assert_had(p, "\"a\"");
	leave(&p);
}

/* What could end a header line, or is too long for one, is not kept. */
static void
test_tags_are_hostile(void **state MX_UNUSED)
{
	static const char *const bad[] = { "\"a\"\r\nHost: b", "a\tb", "\x01",
		"\xff", "   " };
	struct place *p = place();
	char large[DOWNLOAD_TAG_MAX + 1];
	char *tag;

	for (size_t i = 0; i < MX_COUNT(bad); i++) {
		fetch(p, i % 2 == 0 ? "one" : "two", bad[i]);
		assert_int_equal(p->r.result, CARRY_SENT);
		assert_had(p, NULL);
	}
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	fetch(p, "one", large);
	assert_had(p, NULL);
	/* Nor from a file that somebody else has written, or without the list. */
	fetch(p, "one", "\"a\"");
	tag = mem_printf("%s.tag", p->path);
	assert_int_equal(file_replace(tag, 0600, "\"a\x01\n\n", 5, NULL), 0);
	assert_had(p, NULL);
	assert_int_equal(file_replace(tag, 0600, "\"a\"", 3, NULL), 0);
	assert_had(p, NULL);
	fetch(p, "one", "\"a\"");
	assert_had(p, "\"a\"");
	assert_int_equal(unlink(p->path), 0);
	assert_had(p, NULL);
	mem_free(&tag);
	leave(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_specs),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_replaces),
		cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_tags_are_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
