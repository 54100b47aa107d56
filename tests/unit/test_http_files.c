/* SPDX-License-Identifier: ISC
 * test_http_files: passwords and certificates over real connections, and that
 * another file is taken while the server goes on, or is not. */
#include "tests/unit/http_world.h"

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

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

/* "secret" and "other", by htpasswd -nbB -C 4. */
#define ANN    "ann:$2y$04$trd9GTkn3LRBjhfdUm9uhutnBB63TiMFbAxUiOapAnCH/KBlXGnKe\n"
#define BOB    "bob:$2y$04$KPKIecl9OyWZdT1gerSSq.z2aXeIhgrPNi82ijYFZHeRo5eePzjI2\n"
#define ANN_IS "Authorization: Basic YW5uOnNlY3JldA==\r\n"
#define BOB_IS "Authorization: Basic Ym9iOm90aGVy\r\n"
#define WRONG  "Authorization: Basic YW5uOndyb25n\r\n"

/* ---- files, and a helper that looks at them */

static char dir[32], cert[64], key[64], ca[64], users[64];
static struct identity authority, stranger, server, second, friend_, foe, tool;
static struct loop *loop;
static struct helper *helper;
static int64_t now;

static void
put(const char *path, const char *text)
{
	assert_int_equal(file_replace(path, 0600, text, strlen(text), NULL), 0);
}

static int
group_setup(void **state MX_UNUSED)
{
	identity_make(&authority, "an authority", NULL, NULL, -DAY, DAY);
	identity_make(&stranger, "another one", NULL, NULL, -DAY, DAY);
	identity_make(&server, "one.test", &authority, NULL, -DAY, DAY);
	identity_make(&second, "two.test", &authority, NULL, -DAY, DAY);
	identity_make(&friend_, "friend.test", &authority, "clientAuth", -DAY,
	    DAY);
	identity_make(&tool, "tool.test", &authority, "serverAuth", -DAY, DAY);
	identity_make(&foe, "foe.test", &stranger, NULL, -DAY, DAY);
	return 0;
}

static int
group_teardown(void **state MX_UNUSED)
{
	struct identity *all[] = { &authority, &stranger, &server, &second,
		&friend_, &foe, &tool };

	for (size_t i = 0; i < MX_COUNT(all); i++)
		identity_fini(all[i]);
	return 0;
}

static int
setup(void **state)
{
	strlcpy(dir, "/tmp/mxwatch-web-XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(cert, sizeof(cert), "%s/cert", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	snprintf(ca, sizeof(ca), "%s/ca", dir);
	snprintf(users, sizeof(users), "%s/users", dir);
	loop = loop_create();
	helper = helper_create(loop);
	now = clock_now();
	return web_setup(state);
}

static int
teardown(void **state)
{
	char *all[] = { cert, key, ca, users };

	web_teardown(state);
	helper_destroy(&helper);
	loop_destroy(&loop);
	for (size_t i = 0; i < MX_COUNT(all); i++)
		(void)unlink(all[i]);
	return rmdir(dir);
}

/* The last job of the helper: what was asked for before is through. */
static void
run(struct helper_job *j MX_UNUSED)
{
}

static void
stop(struct helper_job *j MX_UNUSED)
{
	loop_stop(loop);
}

/* As if so much time had passed. */
static void
look(int64_t later)
{
	struct helper_job last = { .run = run, .done = stop, .drop = stop };

	now += later;
	http_tick(web.http, helper, now);
	helper_do(helper, &last);
	loop_run(loop);
}

static char settings[512];

static const char *
with_users(void)
{
	snprintf(settings, sizeof(settings), "basic_auth_file = \"%s\"", users);
	return settings;
}

static const char *
with_pair(void)
{
	snprintf(settings, sizeof(settings),
	    "tls_cert = \"%s\" tls_key = \"%s\" timeout = 1s", cert, key);
	return settings;
}

static const char *
with_ca(void)
{
	snprintf(settings, sizeof(settings),
	    "tls_cert = \"%s\" tls_key = \"%s\" client_ca = \"%s\"", cert, key,
	    ca);
	return settings;
}

static void
open_with(const char *text)
{
	web_open(text, "");
	snapshot_box_put(web.box, web_snapshot(1));
}

/* The files as they are now. */
static void
refuses(const char *why)
{
	struct mx_errbuf eb = { "" };

	if (web_start(&eb))
		fail_msg("it took what is to be refused: %s", why);
	if (strstr(eb.text, why) == NULL)
		fail_msg("%s, not: %s", eb.text, why);
}

/* ---- passwords */

static void
passwords(void **state)
{
	struct reply r;

	(void)state;
	put(users, ANN);
	open_with(with_users());
	assert_int_equal(web_ask("GET /", "", &r), 401);
	assert_string_equal(reply_header(&r, "WWW-Authenticate"),
	    "Basic realm=\"mxwatch\", charset=\"UTF-8\"");
	assert_string_equal(buf_str(&r.body), "a password is required\n");
	reply_fini(&r);
	assert_int_equal(web_ask("GET /-/ready", ANN_IS, NULL), 200);
	assert_int_equal(web_ask("POST /", ANN_IS, NULL), 405);
	/* nothing is told to whom nothing may be told */
	assert_int_equal(web_ask("GET /nowhere", "", NULL), 401);
	assert_int_equal(web_ask("POST /", "", NULL), 401);
	assert_int_equal(web_ask("GET /-/healthy", "", NULL), 401);
	/* three guesses, then one each four seconds; who is right is in */
	for (unsigned i = 0; i < 20; i++)
		(void)web_ask("GET /", WRONG, NULL);
	assert_int_equal(web_ask("GET /", WRONG, &r), 429);
	assert_string_equal(reply_header(&r, "Retry-After"), "10");
	assert_null(reply_header(&r, "WWW-Authenticate"));
	reply_fini(&r);
	assert_int_equal(web_ask("GET /-/ready", ANN_IS, NULL), 200);
}

static void
other_users(void **state)
{
	(void)state;
	put(users, ANN);
	open_with(with_users());
	assert_int_equal(web_ask("GET /-/ready", ANN_IS, NULL), 200);
	put(users, BOB);
	look(0);
	assert_int_equal(web_ask("GET /-/ready", BOB_IS, NULL), 200);
	assert_int_equal(web_ask("GET /-/ready", ANN_IS, NULL), 401);
	/* no look within five seconds; who guesses too much is another */
	clients_from(2);
	put(users, ANN BOB);
	look(5 * CLOCK_SEC - 1);
	assert_int_equal(web_ask("GET /-/ready", ANN_IS, NULL), 401);
	look(1);
	assert_int_equal(web_ask("GET /-/ready", ANN_IS, NULL), 200);
	/* one that is of no use is not taken, and said once */
	put(users, "ann:plain\n");
	look(5 * CLOCK_SEC);
	assert_true(http_files_refused(web.http));
	assert_int_equal(web_ask("GET /-/ready", ANN_IS, NULL), 200);
	look(5 * CLOCK_SEC);
	assert_true(http_files_refused(web.http));
	/* one that is away for a moment is no other one */
	assert_int_equal(unlink(users), 0);
	look(5 * CLOCK_SEC);
	assert_true(http_files_refused(web.http));
	put(users, BOB);
	look(5 * CLOCK_SEC);
	assert_false(http_files_refused(web.http));
	assert_int_equal(web_ask("GET /-/ready", ANN_IS, NULL), 401);
	assert_false(http_files_refused(NULL));
}

static void
users_that_are_none(void **state)
{
	(void)state;
	put(users, ANN);
	web_configure(with_users(), "");
	put(users, "ann:plain\n");
	refuses("users: line 1: the hash is not");
	put(users, ANN);
	assert_int_equal(chmod(users, 0644), 0);
	refuses("users: it is accessible to users other");
	assert_int_equal(unlink(users), 0);
	refuses("users: No such file");
}

/* ---- certificates */

#define PAIR "tls_cert = \"%s\" tls_key = \"%s\" timeout = 1s%s"
/* 0: no connection came about. The name that the server showed goes into
 * `name`. */
static unsigned
ask_tls(const struct identity *own, char *name, size_t size)
{
	struct client c;
	struct reply r = { .status = 0 };
	X509 *cert_of;
	unsigned status = 0;

	client_open(&c);
	if (client_tls(&c, own)) {
		cert_of = SSL_get1_peer_certificate(c.ssl);
		X509_NAME_get_text_by_NID(X509_get_subject_name(cert_of),
		    NID_commonName, name, (int)size);
		X509_free(cert_of);
		client_say(&c,
		    "GET /-/ready HTTP/1.1\r\nHost: localhost\r\n"
		    "Connection: close\r\n\r\n");
		client_reply(&c, &r, false);
		status = r.status;
		reply_fini(&r);
	}
	client_close(&c);
	return status;
}

static void
assert_shows(const char *want)
{
	char name[64] = "";

	assert_int_equal(ask_tls(NULL, name, sizeof(name)), 200);
	assert_string_equal(name, want);
}

static void
tls(void **state)
{
	struct client c;
	struct reply r;

	(void)state;
	identity_write(&server, cert, key);
	open_with(with_pair());
	assert_shows("one.test");
	/* in clear there is nothing */
	client_open(&c);
	client_say(&c, "GET /-/ready HTTP/1.0\r\n\r\n");
	client_reply(&c, &r, false);
	assert_int_equal(r.status, 0);
	reply_fini(&r);
	client_close(&c);
	assert_shows("one.test");
	/* nor over what is no longer safe */
	client_open(&c);
	c.ssl = NULL;
	assert_true(client_tls(&c, NULL));
	assert_true(SSL_version(c.ssl) >= TLS1_2_VERSION);
	client_close(&c);
}

static void
ask_on(struct client *c)
{
	struct reply r;

	client_say(c, "GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n");
	client_reply(c, &r, false);
	assert_int_equal(r.status, 200);
	reply_fini(&r);
}

/* New connections see the new certificate; those that there are go on. */
static void
another_certificate(void **state)
{
	struct client c;
	struct reply r;

	(void)state;
	identity_write(&server, cert, key);
	open_with(with_pair());
	client_open(&c);
	assert_true(client_tls(&c, NULL));
	ask_on(&c);
	identity_write(&second, cert, key);
	look(0);
	assert_shows("two.test");
	ask_on(&c);
	assert_non_null(web.http->server[0].retired);
	/* at the longest for as long as a connection may be silent */
	now = web.http->server[0].retired_until;
	look(0);
	assert_null(web.http->server[0].retired);
	client_reply(&c, &r, false);
	assert_int_equal(r.status, 0);
	reply_fini(&r);
	client_close(&c);
	assert_shows("two.test");
	/* nobody is left: the server before ends at once */
	identity_write(&server, cert, key);
	look(5 * CLOCK_SEC);
	assert_shows("one.test");
	now = web.http->server[0].retired_until - 1;
	look(0);
	assert_null(web.http->server[0].retired);
	/* twice in a row, with the first still there */
	client_open(&c);
	assert_true(client_tls(&c, NULL));
	ask_on(&c);
	identity_write(&second, cert, key);
	look(5 * CLOCK_SEC);
	now = web.http->server[0].retired_until - 1;
	identity_write(&server, cert, key);
	look(0);
	assert_shows("one.test");
	client_close(&c);
}

/* A pair that is only half there waits for its other half. */
static void
certificates_of_no_use(void **state)
{
	(void)state;
	identity_write(&server, cert, key);
	open_with(with_pair());
	identity_write(&second, cert, NULL);
	look(0);
	assert_true(http_files_refused(web.http));
	assert_shows("one.test");
	identity_write(&second, NULL, key);
	look(5 * CLOCK_SEC);
	assert_false(http_files_refused(web.http));
	assert_shows("two.test");
	put(cert, "nonsense\n");
	look(5 * CLOCK_SEC);
	assert_true(http_files_refused(web.http));
	assert_shows("two.test");
}

static void
certificates_that_are_none(void **state)
{
	(void)state;
	identity_write(&server, cert, key);
	identity_write(&authority, ca, NULL);
	web_configure(with_ca(), "");
	assert_int_equal(unlink(cert), 0);
	refuses("cert: No such file");
	identity_write(&server, cert, NULL);
	assert_int_equal(unlink(key), 0);
	refuses("key: No such file");
	identity_write(&second, NULL, key);
	refuses("do not match");
	put(key, "nonsense\n");
	refuses("key: no private key: ");
	put(key, "");
	refuses("key: the file is empty");
	identity_write(&server, NULL, key);
	put(cert, "nonsense\n");
	refuses("cert: no certificate: ");
	identity_write(&server, cert, NULL);
	assert_int_equal(chmod(key, 0644), 0);
	refuses("key: it is accessible to users other");
	assert_int_equal(chmod(key, 0600), 0);
	put(ca, "nonsense\n");
	refuses("ca: no certificate: ");
}

static void
client_certificates(void **state)
{
	const struct {
		const struct identity *who;
		unsigned status;
	} rows[] = { { &friend_, 200 }, { NULL, 403 }, { &foe, 403 },
		{ &tool, 403 } };
	char name[64];

	(void)state;
	identity_write(&server, cert, key);
	identity_write(&authority, ca, NULL);
	open_with(with_ca());
	for (size_t i = 0; i < MX_COUNT(rows); i++)
		assert_int_equal(ask_tls(rows[i].who, name, sizeof(name)),
		    rows[i].status);
	/* another authority */
	identity_write(&stranger, ca, NULL);
	look(0);
	assert_int_equal(ask_tls(&foe, name, sizeof(name)), 200);
	assert_int_equal(ask_tls(&friend_, name, sizeof(name)), 403);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(passwords),
		TEST(other_users),
		TEST(users_that_are_none),
		TEST(tls),
		TEST(another_certificate),
		TEST(certificates_of_no_use),
		TEST(certificates_that_are_none),
		TEST(client_certificates),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
