/* SPDX-License-Identifier: ISC
 * test_control_redirect: redirects through the operator's socket: what is asked
 * of the daemon, and how its answers are passed on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_world.h"

#define TO "{\"verb\":\"redirect\",\"domain\":\"Example.ORG\",\"to\":"

static const struct {
	const char *name, *request;
	const char *has[4]; /* as in test_control.c */
} requests[] = {
	{ "they are listed", "{\"verb\":\"redirect\"}",
	    { "{\"domain\":\"example.org\",\"to\":[\"mx9.example.net:26\"],"
	      "\"instead_of\":[\"mx1.example.org\"],\"in_force\":true,"
	      "\"since\":1700000000,\"until\":1700007200,\"uid\":0,"
	      "\"reason\":\"a?[2Jmove\"}",
		"{\"domain\":\"gone.example\",\"to\":[\"mx9.example.net:26\"],"
		"\"instead_of\":null,\"in_force\":false,\"since\":1700000000,"
		"\"until\":null,\"uid\":null,\"reason\":\"\"}",
		"{\"done\":true,\"rc\":0}" } },
	{ "one is ordered",
	    TO "\"MX9.example.net:26,[192.0.2.7]:25\",\"for\":\"7d\","
	       "\"reason\":\"a move\"}",
	    { "{\"severity\":\"warning\",\"text\":\"it is far away\"}\n",
		"{\"done\":true,\"rc\":0,\"event\":\"begin\",\"domain\":"
		"\"example.org\",\"to\":[\"mx9.example.net:26\","
		"\"[192.0.2.7]:25\"],\"until\":",
		"\"instead_of\":[\"mx1.example.org\"],\"messages\":3}",
		"=redirect example.org mx9.example.net:26, [192.0.2.7]:25 "
		"604800 dry=0 by=us reason=a move" } },
	{ "until it is ended", TO "\"mx9.example.net\"}",
	    { "\"until\":null",
		"=redirect example.org mx9.example.net 0 dry=0 by=us "
		"reason=" } },
	{ "a dry run", TO "\"mx9.example.net\",\"dry_run\":true}",
	    { "\"event\":\"dry_run\"", "\"to\":[\"mx9.example.net\"]",
		"=redirect example.org mx9.example.net 0 dry=1 by=us "
		"reason=" } },
	{ "one ends", "{\"verb\":\"redirect\",\"end\":\"Example.ORG\"}",
	    { "{\"done\":true,\"rc\":0,\"event\":\"end\",\"domain\":"
	      "\"example.org\",\"instead_of\":[\"mx1.example.org\"],"
	      "\"messages\":3}",
		"=redirect end example.org dry=0" } },
	{ "no host", TO "\"\"}", { "\"rc\":2", "is not a host" } },
	{ "too many hosts", TO "\"a,b,c,d,e,f,g,h,i,j,k\"}",
	    { "\"rc\":2", "from 1 to 8 hosts" } },
	{ "no time", TO "\"mx9\",\"for\":\"soon\"}",
	    { "\"rc\":2", "is not a time of up to 366 days" } },
	{ "too long a time", TO "\"mx9\",\"for\":\"367d\"}",
	    { "\"rc\":2", "is not a time of up to 366 days" } },
	{ "no domain", "{\"verb\":\"redirect\",\"end\":\"a b\"}",
	    { "\"rc\":2", "is not a domain name" } },
	{ "without hosts", "{\"verb\":\"redirect\",\"domain\":\"example.org\"}",
	    { "\"rc\":2", "usage: redirect" } },
	{ "without a domain", "{\"verb\":\"redirect\",\"to\":\"mx9\"}",
	    { "\"rc\":2", "usage: redirect" } },
	{ "an end for a time",
	    "{\"verb\":\"redirect\",\"end\":\"example.org\",\"for\":\"1h\"}",
	    { "\"rc\":2", "usage: redirect" } },
	{ "nothing, dry", "{\"verb\":\"redirect\",\"dry_run\":true}",
	    { "\"rc\":2", "usage: redirect" } },
};

static void
requests_are_answered(void **state)
{
	const char *has, *answer;
	struct peer p;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(requests); i++) {
		fake.last[0] = '\0';
		answer = ask(&p, requests[i].request);
		for (size_t k = 0; k < MX_COUNT(requests[i].has) &&
		     (has = requests[i].has[k]) != NULL;
		     k++) {
			if (has[0] == '=')
				assert_string_equal(fake.last, has + 1);
			else
				assert_has(answer, has);
		}
		peer_close(&p);
	}
}

static void
the_daemon_refuses(void **state)
{
	static const struct {
		int rc;
		const char *answer;
	} cases[] = {
		{ -MX_ESYNTAX, "\"rc\":2,\"error\":\"because\"" },
		{ -MX_ENOENT, "\"rc\":2,\"error\":\"because\"" },
		{ -MX_EFULL, "\"rc\":1,\"error\":\"because\"" },
		{ -MX_EIO, "\"rc\":1,\"error\":\"because\"" },
	};
	struct peer p;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(cases); i++) {
		fake.redirect_rc = cases[i].rc;
		assert_has(ask(&p, TO "\"mx9\"}"), cases[i].answer);
		peer_close(&p);
	}
	fake.redirect_rc = 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_are_answered),
		TEST(the_daemon_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
