/* SPDX-License-Identifier: ISC
 * Basic authentication: the file, the header, what is remembered and what is
 * limited. The hashes have bcrypt's lowest cost, to be quick. */
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
#include <crypt.h>
#include <gnutls/gnutls.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "exporters/http_auth.h"

/* "secret" and "other", by htpasswd -nbB -C 4. */
#define SECRET "$2y$04$trd9GTkn3LRBjhfdUm9uhutnBB63TiMFbAxUiOapAnCH/KBlXGnKe"
#define OTHER  "$2y$04$KPKIecl9OyWZdT1gerSSq.z2aXeIhgrPNi82ijYFZHeRo5eePzjI2"
#define MIN_NS (60 * CLOCK_SEC)

/* The one that http_auth.c finds: how often it has run, and what happens while
 * it does. */
static unsigned hashed;
static void (*meanwhile)(void);

char *
crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
	hashed++;
	if (meanwhile != NULL)
		meanwhile();
	return crypt_rn(phrase, setting, data, (int)sizeof(*data));
}

static const struct {
	const char *name, *text;
	size_t users; /* 0: refused */
	const char *why;
} file_cases[] = {
	{ "one", "ann:" SECRET "\n", 1, NULL },
	{ "no line end", "ann:" SECRET, 1, NULL },
	{ "DOS line ends", "ann:" SECRET "\r\nbob:" OTHER "\r\n", 2, NULL },
	{ "comments and blank lines", "# who\n\nann:" SECRET "\n\n#\n", 1,
	    NULL },
	{ "a blank in a name", "ann lee:" SECRET "\n", 1, NULL },
	{ "$2a$ and $2b$",
	    "a:$2a$04$trd9GTkn3LRBjhfdUm9uhutnBB63TiMFbAxUiOapAnCH/"
	    "KBlXGnKe\nb:$2b$04$trd9GTkn3LRBjhfdUm9uhutnBB63TiMFbAxUiOapAnCH/"
	    "KBlXGnKe\n",
	    2, NULL },
	{ "empty", "", 0, "no user" },
	{ "only comments", "# nobody\n", 0, "no user" },
	{ "no colon", "ann\n", 0, "line 1: not USER:HASH" },
	{ "no name", ":" SECRET "\n", 0, "line 1: not USER:HASH" },
	{ "a control character", "a\001b:" SECRET "\n", 0, "line 1: not USER" },
	{ "MD5", "ann:" SECRET "\nbob:$apr1$salt$hash\n", 0,
	    "line 2: the hash is not bcrypt" },
	{ "plain", "ann:secret\n", 0, "line 1: the hash is not bcrypt" },
	{ "cut", "ann:$2y$04$tooshort\n", 0, "line 1: the hash is not bcrypt" },
	{ "something behind it", "ann:" SECRET " \n", 0, "not bcrypt" },
	{ "twice", "ann:" SECRET "\nbob:" OTHER "\nann:" OTHER "\n", 0,
	    "line 3: the user is listed twice" },
	{ "too costly",
	    "ann:$2y$15$trd9GTkn3LRBjhfdUm9uhutnBB63TiMFbAxUiOapAnCH/"
	    "KBlXGnKe\n",
	    0, "line 1: cost 15" },
	{ "absurd cost",
	    "ann:$2y$99$trd9GTkn3LRBjhfdUm9uhutnBB63TiMFbAxUiOapAnCH/"
	    "KBlXGnKe\n",
	    0, "not bcrypt" },
};

static void
files(void **state)
{
	(void)state;
	for (size_t i = 0; i < MX_COUNT(file_cases); i++) {
		struct mx_errbuf eb = { "" };
		struct auth_users *u = auth_users_parse(file_cases[i].text,
		    strlen(file_cases[i].text), &eb);

		if ((u != NULL ? auth_users_count(u) : 0) !=
		    file_cases[i].users)
			fail_msg("%s: %s", file_cases[i].name, eb.text);
		if (u == NULL && strstr(eb.text, file_cases[i].why) == NULL)
			fail_msg("%s: %s", file_cases[i].name, eb.text);
		auth_users_destroy(&u);
	}
}

static void
files_are_bounded(void **state)
{
	struct buf b = BUF_INIT(2 * HTTP_AUTH_FILE_MAX);
	struct mx_errbuf eb = { "" };
	struct auth_users *u;
	char line[100];

	(void)state;
	for (unsigned i = 0; i < HTTP_AUTH_USERS_MAX; i++) {
		snprintf(line, sizeof(line), "u%u:%s\n", i, SECRET);
		assert_int_equal(buf_add(&b, line, strlen(line)), 0);
	}
	u = auth_users_parse(buf_str(&b), b.len, &eb);
	assert_int_equal(auth_users_count(u), HTTP_AUTH_USERS_MAX);
	auth_users_destroy(&u);
	assert_int_equal(buf_add(&b, "x:" SECRET, strlen("x:" SECRET)), 0);
	assert_null(auth_users_parse(buf_str(&b), b.len, &eb));
	assert_string_equal(eb.text, "more than 1000 users");
	buf_clear(&b);
	while (b.len <= HTTP_AUTH_FILE_MAX)
		assert_int_equal(buf_add(&b, "# comment\n", 10), 0);
	assert_null(auth_users_parse(buf_str(&b), b.len, &eb));
	assert_string_equal(eb.text, "the file is larger than 1M");
	buf_fini(&b);
}

static const struct {
	const char *header, *user, *password; /* NULL: refused */
} header_cases[] = {
	{ "Basic YW5uOnNlY3JldA==", "ann", "secret" },
	{ "basic  YW5uOnNlY3JldA==", "ann", "secret" },
	{ "Basic YW5uOg==", "ann", "" },
	{ "Basic OnNlY3JldA==", "", "secret" },
	{ "Basic YTpiOmM=", "a", "b:c" },
	{ "Basic w6Q6w7Y=", "\303\244", "\303\266" },
	{ "Basic YW5u", NULL, NULL }, /* no colon */
	{ "Basic ", NULL, NULL },
	{ "Basic", NULL, NULL },
	{ "", NULL, NULL },
	{ "Bearer YW5uOnNlY3JldA==", NULL, NULL },
	{ "Basic YW5uOnNlY3JldA=", NULL, NULL },
	{ "Basic YW5uOnNlY3JldA", NULL, NULL },
	{ "Basic YW5uO=NlY3JldA=", NULL, NULL },
	{ "Basic ====", NULL, NULL },
	{ "Basic YW5uOnNlY3JldA== x", NULL, NULL },
	{ "Basic YW5uAHg6eQ==", NULL, NULL }, /* a NUL in it */
	{ "Basic \377\377\377\377", NULL, NULL },
};

static void
headers(void **state)
{
	char text[64], longest[512];
	const char *password;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(header_cases); i++) {
		int rc = auth_header_parse(header_cases[i].header, text,
		    sizeof(text), &password);

		if ((rc == 0) != (header_cases[i].user != NULL))
			fail_msg("%s", header_cases[i].header);
		if (rc != 0)
			continue;
		assert_string_equal(text, header_cases[i].user);
		assert_string_equal(password, header_cases[i].password);
	}
	memset(longest, 'A', sizeof(longest) - 1);
	memcpy(longest, "Basic ", 6);
	longest[6 + 400] = '\0';
	assert_int_not_equal(
	    auth_header_parse(longest, text, sizeof(text), &password), 0);
}

#define ANN_RIGHT "Basic YW5uOnNlY3JldA==" /* ann:secret */
#define ANN_WRONG "Basic YW5uOndyb25n" /* ann:wrong */
#define BOB_RIGHT "Basic Ym9iOm90aGVy" /* bob:other */
#define NOBODY	  "Basic ZXZlOnNlY3JldA==" /* eve:secret */

static struct auth_users *
users(const char *text)
{
	struct mx_errbuf eb = { "" };
	struct auth_users *u = auth_users_parse(text, strlen(text), &eb);

	assert_non_null(u);
	return u;
}

static struct http_auth *
make(const char *text)
{
	struct auth_users *u = users(text);
	struct http_auth *a;

	a = http_auth_create(&u);
	assert_null(u);
	return a;
}

/* The header for "user:password". */
static void
basic(const char *raw, char *dst, size_t size)
{
	gnutls_datum_t in = { (unsigned char *)(uintptr_t)raw,
		(unsigned)strlen(raw) },
		       out;

	assert_int_equal(gnutls_base64_encode2(&in, &out), 0);
	snprintf(dst, size, "Basic %.*s", (int)out.size,
	    (const char *)out.data);
	gnutls_free(out.data);
}

static void
verdicts(void **state)
{
	struct http_auth *a = make("ann:" SECRET "\nbob:" OTHER "\n");
	int64_t now = CLOCK_SEC;

	(void)state;
	assert_int_equal(http_auth_check(a, NULL, 1, now), AUTH_WRONG);
	assert_int_equal(http_auth_check(a, "Basic ?", 1, now), AUTH_WRONG);
	assert_int_equal(http_auth_check(a, ANN_RIGHT, 1, now), AUTH_OK);
	assert_int_equal(http_auth_check(a, BOB_RIGHT, 2, now), AUTH_OK);
	assert_int_equal(http_auth_check(a, ANN_WRONG, 3, now), AUTH_WRONG);
	assert_int_equal(http_auth_check(a, NOBODY, 4, now), AUTH_WRONG);
	http_auth_destroy(&a);
}

/* Who guesses is stopped, after some tries from one place and after more
 * from many; who was right before is not locked out by that. */
static void
guessing_is_limited(void **state)
{
	struct http_auth *a = make("ann:" SECRET "\nbob:" OTHER "\n");
	int64_t now = CLOCK_SEC;
	unsigned tried = 0;

	(void)state;
	assert_int_equal(http_auth_check(a, ANN_RIGHT, 7, now), AUTH_OK);
	for (unsigned i = 0; i < 100; i++)
		tried += http_auth_check(a, ANN_WRONG, 7, now) == AUTH_WRONG;
	assert_in_range(tried, 1, 3);
	assert_int_equal(http_auth_check(a, BOB_RIGHT, 7, now), AUTH_TOO_MANY);
	assert_int_equal(http_auth_check(a, ANN_RIGHT, 7, now), AUTH_OK);
	for (unsigned i = 0; i < 100; i++)
		tried += http_auth_check(a, ANN_WRONG, 1000 + i * 77, now) ==
		    AUTH_WRONG;
	assert_in_range(tried, 4, 8);
	/* Even when what is remembered has become old. */
	now += 6 * MIN_NS;
	for (unsigned i = 0; i < 100; i++)
		(void)http_auth_check(a, ANN_WRONG, i * 77, now);
	assert_int_equal(http_auth_check(a, BOB_RIGHT, 5, now), AUTH_TOO_MANY);
	assert_int_equal(http_auth_check(a, ANN_RIGHT, 5, now), AUTH_OK);
	/* And the limit goes away. */
	now += MIN_NS;
	assert_int_equal(http_auth_check(a, BOB_RIGHT, 5, now), AUTH_OK);
	http_auth_destroy(&a);
}

/* For five minutes, and no longer: a user that is out of the file is out within
 * that time even where the file was not read again. */
static void
remembered_is_quick_and_ages(void **state)
{
	struct http_auth *a = make("ann:" SECRET "\n");
	int64_t now = CLOCK_SEC;

	(void)state;
	hashed = 0;
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(http_auth_check(a, ANN_RIGHT, 1, now),
		    AUTH_OK);
	assert_int_equal(hashed, 1);
	now += 5 * MIN_NS - 1;
	assert_int_equal(http_auth_check(a, ANN_RIGHT, 1, now), AUTH_OK);
	assert_int_equal(hashed, 1);
	now++;
	assert_int_equal(http_auth_check(a, ANN_RIGHT, 1, now), AUTH_OK);
	assert_int_equal(hashed, 2);
	/* from then on anew, in the same place */
	now += MIN_NS;
	assert_int_equal(http_auth_check(a, ANN_RIGHT, 1, now), AUTH_OK);
	assert_int_equal(hashed, 2);
	http_auth_destroy(&a);
}

static void
forgotten_with_the_file(void **state)
{
	struct http_auth *a = make("ann:" SECRET "\n");
	struct auth_users *u = users("ann:" OTHER "\n");

	(void)state;
	assert_int_equal(http_auth_check(a, ANN_RIGHT, 1, CLOCK_SEC), AUTH_OK);
	http_auth_replace(a, &u);
	assert_null(u);
	assert_int_equal(http_auth_check(a, ANN_RIGHT, 1, CLOCK_SEC),
	    AUTH_WRONG);
	http_auth_destroy(&a);
}

static struct http_auth *hashing;

static void
replace_users(void)
{
	struct auth_users *u = users("ann:" OTHER "\n");

	meanwhile = NULL;
	http_auth_replace(hashing, &u);
}

/* The file is another one while a password of the file before is judged: the
 * one who asked is let in by the file that he came under, and is not known
 * afterwards. */
static void
file_changes_while_a_hash_is_made(void **state)
{
	struct http_auth *a = make("ann:" SECRET "\n");

	(void)state;
	hashing = a;
	meanwhile = replace_users;
	assert_int_equal(http_auth_check(a, ANN_RIGHT, 1, CLOCK_SEC), AUTH_OK);
	assert_null(meanwhile);
	assert_int_equal(http_auth_check(a, ANN_RIGHT, 1, CLOCK_SEC),
	    AUTH_WRONG);
	http_auth_destroy(&a);
}

/* 64 are remembered; the one that was right longest ago makes room. */
static void
the_oldest_is_forgotten(void **state)
{
	char name[16], text[100], header[64], raw[32];
	struct auth_users *u;
	struct buf file = BUF_INIT(100000);
	struct mx_errbuf eb;
	struct http_auth *a;

	(void)state;
	for (unsigned i = 0; i < 65; i++) {
		snprintf(text, sizeof(text), "u%02u:%s\n", i, SECRET);
		assert_int_equal(buf_add(&file, text, strlen(text)), 0);
	}
	u = auth_users_parse(buf_str(&file), file.len, &eb);
	assert_int_equal(auth_users_count(u), 65);
	a = http_auth_create(&u);
	hashed = 0;
	for (unsigned i = 0; i <= 65; i++) {
		/* The last asks again for u01, which is remembered. */
		snprintf(name, sizeof(name), "u%02u", i < 65 ? i : 1);
		snprintf(raw, sizeof(raw), "%s:secret", name);
		basic(raw, header, sizeof(header));
		assert_int_equal(
		    http_auth_check(a, header, i, (i + 1) * CLOCK_SEC),
		    AUTH_OK);
	}
	assert_int_equal(hashed, 65);
	basic("u00:secret", header, sizeof(header));
	assert_int_equal(http_auth_check(a, header, 99, 66 * CLOCK_SEC),
	    AUTH_OK);
	assert_int_equal(hashed, 66);
	http_auth_destroy(&a);
	buf_fini(&file);
}

static char dir[] = "/tmp/mxwatch-auth-XXXXXX";

static void
loads_what_only_it_may_read(void **state)
{
	struct mx_errbuf eb = { "" };
	struct auth_users *u;
	char path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/users", dir);
	assert_null(auth_users_load(path, &eb));
	assert_non_null(strstr(eb.text, "users: No such file"));
	assert_int_equal(file_replace(path, 0600, "ann:" SECRET "\n",
			     strlen("ann:" SECRET "\n"), &eb),
	    0);
	u = auth_users_load(path, &eb);
	assert_int_equal(auth_users_count(u), 1);
	auth_users_destroy(&u);
	assert_int_equal(chmod(path, 0604), 0);
	assert_null(auth_users_load(path, &eb));
	assert_non_null(strstr(eb.text, "accessible to users other"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files),
		cmocka_unit_test(files_are_bounded),
		cmocka_unit_test(headers),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(guessing_is_limited),
		cmocka_unit_test(remembered_is_quick_and_ages),
		cmocka_unit_test(forgotten_with_the_file),
		cmocka_unit_test(file_changes_while_a_hash_is_made),
		cmocka_unit_test(the_oldest_is_forgotten),
		cmocka_unit_test(loads_what_only_it_may_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
