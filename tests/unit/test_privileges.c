/* SPDX-License-Identifier: ISC
 * test_privileges: what root gives up, in which order, and what is said when it
 * cannot. The system's calls are those below. */
#include <sys/prctl.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/privileges.h"

/* ---- the system: user "mail" has uid 8 and gid 9, "toor" is root */

static char calls[512];
static const char *fails; /* the call that does */
static uid_t real, effective;

static int
call(const char *name, unsigned a, unsigned b, unsigned c)
{
	size_t len = strlen(calls);

	snprintf(calls + len, sizeof(calls) - len, "%s %u %u %u\n", name, a, b,
	    c);
	errno = EPERM;
	return fails != NULL && strcmp(fails, name) == 0 ? -1 : 0;
}

uid_t
getuid(void)
{
	return real;
}

uid_t
geteuid(void)
{
	return effective;
}

struct passwd *
getpwnam(const char *name)
{
	static struct passwd mail = { .pw_uid = 8, .pw_gid = 9 }, toor;

	return strcmp(name, "mail") == 0 ? &mail :
	    strcmp(name, "toor") == 0	 ? &toor :
					   NULL;
}

int
initgroups(const char *user, gid_t gid)
{
	assert_string_equal(user, "mail");
	return call("initgroups", gid, 0, 0);
}

int
setegid(gid_t gid)
{
	return call("setegid", gid, 0, 0);
}

int
seteuid(uid_t uid)
{
	int rc = call("seteuid", uid, 0, 0);

	if (rc == 0)
		effective = uid;
	return rc;
}

int
setresgid(gid_t a, gid_t b, gid_t c)
{
	return call("setresgid", a, b, c);
}

int
setresuid(uid_t a, uid_t b, uid_t c)
{
	int rc = call("setresuid", a, b, c);

	if (rc == 0)
		real = effective = a;
	return rc;
}

int
prctl(int option, ...)
{
	return call("prctl", (unsigned)option, 0, 0);
}

/* ---- the tests */

static char mail[] = "mail", toor[] = "toor", nobody[] = "no-such-user";
static struct config conf;

static int
setup(void **state)
{
	(void)state;
	calls[0] = '\0';
	fails = NULL;
	real = effective = 0;
	conf.user = mail;
	return 0;
}

static void
assert_calls(const char *want)
{
	assert_string_equal(calls, want);
	calls[0] = '\0';
}

#define NO_NEW "prctl 38 0 0\n"

/* The groups of root go first, while we may still change them. */
static void
drops_all(void **state)
{
	struct mx_errbuf eb;

	(void)state;
	assert_int_equal(PR_SET_NO_NEW_PRIVS, 38);
	assert_int_equal(privileges_drop(&conf, &eb), 0);
	assert_calls("initgroups 9 0 0\n"
		     "setresgid 9 9 9\n"
		     "setresuid 8 8 8\n" NO_NEW);
	/* and again it is nobody's business */
	assert_int_equal(privileges_drop(&conf, &eb), 0);
	assert_calls(NO_NEW);
	assert_int_equal(privileges_lower(&conf, &eb), 0);
	assert_int_equal(privileges_raise(), 0);
	assert_calls("");
}

static void
lowers_and_raises(void **state)
{
	struct mx_errbuf eb;

	(void)state;
	assert_int_equal(privileges_lower(&conf, &eb), 0);
	assert_calls("initgroups 9 0 0\nsetegid 9 0 0\nseteuid 8 0 0\n");
	assert_int_equal(privileges_raise(), 0);
	assert_calls("seteuid 0 0 0\n");
	assert_int_equal(privileges_raise(), 0);
	assert_calls("");
	assert_int_equal(privileges_read_as(&conf, &eb), 0);
	privileges_read_back();
	assert_calls("initgroups 9 0 0\nsetegid 9 0 0\nseteuid 8 0 0\n"
		     "seteuid 0 0 0\n");
	/* for good, also while we are somebody else for now */
	assert_int_equal(privileges_lower(&conf, &eb), 0);
	calls[0] = '\0';
	assert_int_equal(privileges_drop(&conf, &eb), 0);
	assert_calls("initgroups 9 0 0\n"
		     "setresgid 9 9 9\n"
		     "setresuid 8 8 8\n" NO_NEW);
}

/* A step that fails ends it: never half of it, and never silently. */
static void
every_step_counts(void **state)
{
	static const char *const drop[] = { "initgroups", "setresgid",
		"setresuid", "prctl" };
	static const char *const lower[] = { "initgroups", "setegid",
		"seteuid" };
	struct mx_errbuf eb;

	for (size_t i = 0; i < MX_COUNT(drop); i++) {
		setup(state);
		fails = drop[i];
		assert_int_equal(privileges_drop(&conf, &eb), -MX_ESYS);
		assert_string_equal(eb.text,
		    i == 3 ?
			"cannot set no_new_privs: Operation not permitted" :
			"cannot become user \"mail\": Operation not permitted");
	}
	for (size_t i = 0; i < MX_COUNT(lower); i++) {
		setup(state);
		fails = lower[i];
		assert_int_equal(privileges_lower(&conf, &eb), -MX_ESYS);
		assert_string_equal(eb.text,
		    "cannot become user \"mail\": Operation not permitted");
	}
}

static void
users_that_are_none(void **state)
{
	struct mx_errbuf eb;

	(void)state;
	conf.user = nobody;
	assert_int_equal(privileges_check(&conf, &eb), -MX_ENOENT);
	assert_int_equal(privileges_read_as(&conf, &eb), -MX_ENOENT);
	assert_int_equal(privileges_lower(&conf, &eb), -MX_ENOENT);
	assert_int_equal(privileges_drop(&conf, &eb), -MX_ENOENT);
	assert_string_equal(eb.text, "user \"no-such-user\" no longer exists");
	assert_calls("");
	/* who is to stay root */
	conf.user = toor;
	assert_int_equal(privileges_check(&conf, &eb), 0);
	assert_int_equal(privileges_drop(&conf, &eb), 0);
	assert_calls(NO_NEW);
	/* and who never was */
	conf.user = nobody;
	real = effective = 1000;
	assert_int_equal(privileges_check(&conf, &eb), 0);
	assert_int_equal(privileges_drop(&conf, &eb), 0);
	assert_int_equal(privileges_lower(&conf, &eb), 0);
	assert_int_equal(privileges_raise(), 0);
	assert_calls(NO_NEW);
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(drops_all),
		TEST(lowers_and_raises),
		TEST(every_step_counts),
		TEST(users_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
