/* SPDX-License-Identifier: ISC
 * test_redirect: which hosts a redirect takes, its record, sets of them, and
 * what a redirected configuration shares with the one below it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "config/diff.h"
#include "config/elsewhere.h"
#include "config/redirect.h"
#include "config/removed.h"

#define FILE_TEXT                                                              \
	"hostname = \"mx2.test\" self = {\"us.test\"}\n"                       \
	"smtpd { listen = {\"127.0.0.1:10025\"} }\n"                           \
	"domain \"a.test\" { primary = {\"mx1.test\"} lifetime = 9d }\n"       \
	"domain \"b.test\" { primary = {\"mx1.test\", \"mx2.b.test\"} }\n"     \
	"domain \"c.test\" {}\n"                                               \
	"domain \"pin.test\" { primary = {\"192.0.2.1\"} "                     \
	"primary_networks = {\"192.0.2.0/24\"} }\n"

static struct config *base;

static int
setup(void **state)
{
	struct conf_errors errs;

	(void)state;
	base =
	    config_parse("mxwatch.conf", FILE_TEXT, strlen(FILE_TEXT), &errs);
	assert_non_null(base);
	conf_errors_fini(&errs);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	config_unref(&base);
	return 0;
}

/* `hosts`: separated by commas. */
static struct redirect *
make(const char *domain, const char *hosts, struct mx_errbuf *eb)
{
	char *text = mem_strdup(hosts), *rest = text;
	char *host[REDIRECT_HOSTS_MAX + 2];
	struct redirect *r;
	size_t n = 0;

	while (rest != NULL && n < MX_COUNT(host))
		host[n++] = strsep(&rest, ",");
	r = redirect_create(domain, host, n, eb);
	mem_free(&text);
	return r;
}

static struct redirect_set *
set_of(const char *a, const char *a_to, const char *b, const char *b_to)
{
	const char *domain[] = { a, b }, *to[] = { a_to, b_to };
	struct redirect_set *set = NULL, *more;
	struct redirect *r;

	for (size_t i = 0; i < 2 && domain[i] != NULL; i++) {
		r = make(domain[i], to[i], NULL);
		assert_non_null(r);
		more = redirect_set_with(set, r);
		redirect_set_unref(&set);
		redirect_unref(&r);
		set = more;
	}
	return set;
}

static const char *
hosts_of(const struct strlist *list)
{
	static char text[REDIRECT_HOSTS_TEXT];

	return redirect_hosts(list, text, sizeof(text));
}

static const struct {
	const char *hosts, *taken; /* NULL: refused, for `why` */
	const char *why;
} host_cases[] = {
	{ "MX9.Example.NET:2525", "mx9.example.net:2525", NULL },
	{ "mx9.test:25,[192.0.2.7]:25", "mx9.test, [192.0.2.7]:25", NULL },
	{ "[2001:db8::1]:26,192.0.2.7", "[2001:db8::1]:26, 192.0.2.7", NULL },
	{ "a,b,c,d,e,f,g,h", "a, b, c, d, e, f, g, h", NULL },
	{ "a,b,c,d,e,f,g,h,i", NULL, "from 1 to 8 hosts" },
	{ "", NULL, "is not a host" },
	{ "mx9.test,", NULL, "is not a host" },
	{ "mx9.test,no host,neither this", NULL, "\"no host\" is not a host" },
	{ "mx9.test:0", NULL, "is not a host" },
	{ "mx9.test\n", NULL, "is not a host" },
};

static void
test_hosts(void **state)
{
	struct mx_errbuf eb;
	struct redirect *r;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(host_cases); i++) {
		eb.text[0] = '\0';
		r = make("a.test", host_cases[i].hosts, &eb);
		if (host_cases[i].taken == NULL) {
			assert_null(r);
			assert_non_null(strstr(eb.text, host_cases[i].why));
			continue;
		}
		assert_non_null(r);
		assert_string_equal(hosts_of(&r->to), host_cases[i].taken);
		redirect_unref(&r);
	}
	assert_null(redirect_create("a.test", NULL, 0, &eb));
}

static const struct {
	const char *domain, *host, *why; /* NULL: allowed */
} allowed_cases[] = {
	{ "a.test", "mx9.test", NULL },
	{ "a.test", "127.0.0.1:26", NULL },
	{ "a.test", "mx2.test", NULL }, /* not at a port of ours */
	{ "a.test", "127.0.0.1:10025", "is this server" },
	{ "a.test", "mx2.test:10025", "is this server" },
	{ "a.test", "US.test:10025", "is this server" },
	{ "a.test", "mx9.test,us.test:10025", "is this server" },
	{ "pin.test", "192.0.2.9", NULL },
	{ "pin.test", "name.test", NULL }, /* judged by its addresses */
	{ "pin.test", "198.51.100.1", "is outside primary_networks" },
	{ "pin.test", "[::1]:26", "is the loopback" },
};

static void
test_allowed(void **state)
{
	struct mx_errbuf eb;
	struct redirect *r;
	int rc;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(allowed_cases); i++) {
		r = make(allowed_cases[i].domain, allowed_cases[i].host, NULL);
		assert_non_null(r);
		rc = redirect_check(r, base, config_domain(base, r->domain),
		    &eb);
		if (allowed_cases[i].why == NULL) {
			assert_int_equal(rc, 0);
		} else {
			assert_int_equal(rc, -MX_ESYNTAX);
			assert_non_null(strstr(eb.text, allowed_cases[i].why));
		}
		redirect_unref(&r);
	}
}

static void
test_record(void **state)
{
	struct redirect *r = make("a.test", "mx9.test:26,[2001:db8::1]", NULL);
	struct buf text = BUF_INIT(REDIRECT_RECORD_MAX);
	struct redirect *again;

	(void)state;
	r->since = 1795364400;
	r->until = 1795368000;
	r->uid = -1;
	(void)strlcpy(r->reason, "it  moved: \"b\"", sizeof(r->reason));
	redirect_write(r, &text);
	assert_string_equal(buf_str(&text),
	    "1 1795364400 1795368000 -1 2 mx9.test:26 [2001:db8::1] "
	    "it  moved: \"b\"");
	again = redirect_read("a.test", text.data, text.len);
	assert_non_null(again);
	assert_string_equal(again->domain, "a.test");
	assert_string_equal(hosts_of(&again->to), "mx9.test:26, [2001:db8::1]");
	assert_int_equal(again->since, r->since);
	assert_int_equal(again->until, r->until);
	assert_int_equal(again->uid, -1);
	assert_string_equal(again->reason, r->reason);
	redirect_unref(&again);
	assert_null(redirect_read("A.test", text.data, text.len));
	/* whatever is cut off, but the reason, is missed */
	for (size_t n = 0; n < text.len; n++) {
		again = redirect_read("a.test", text.data, n);
		assert_int_equal(again != NULL,
		    n >= text.len - strlen(r->reason));
		redirect_unref(&again);
	}
	text.data[0] = '2';
	assert_null(redirect_read("a.test", text.data, text.len));
	text.data[0] = '1';
	text.data[2] = '\0';
	assert_null(redirect_read("a.test", text.data, text.len));
	redirect_unref(&r);
	buf_fini(&text);
}

/* The longest redirect fits in a record. */
static void
test_longest(void **state)
{
	char host[TEXT_DOMAIN_MAX + 8], *hosts[REDIRECT_HOSTS_MAX];
	struct buf text = BUF_INIT(REDIRECT_RECORD_MAX);
	struct redirect *r, *again;

	(void)state;
	memset(host, 'a', 253);
	for (size_t i = 63; i < 253; i += 64)
		host[i] = '.';
	(void)strlcpy(host + 253, ":65535", 8);
	for (size_t i = 0; i < MX_COUNT(hosts); i++)
		hosts[i] = host;
	r = redirect_create("a.test", hosts, MX_COUNT(hosts), NULL);
	assert_non_null(r);
	r->since = r->until = r->uid = INT64_MAX;
	memset(r->reason, 'r', sizeof(r->reason) - 1);
	redirect_write(r, &text);
	again = redirect_read("a.test", text.data, text.len);
	assert_non_null(again);
	assert_int_equal(strlen(hosts_of(&again->to)),
	    MX_COUNT(hosts) * (strlen(host) + 2) - 2);
	redirect_unref(&r);
	redirect_unref(&again);
	buf_fini(&text);
}

static void
test_sets(void **state)
{
	struct redirect_set *ca = set_of("c.test", "x", "a.test", "y"), *more;
	struct redirect_set *less;
	struct redirect *r = make("b.test", "z", NULL);

	(void)state;
	assert_null(redirect_set_find(NULL, "a.test"));
	assert_int_equal(ca->n, 2);
	more = redirect_set_with(ca, r);
	assert_int_equal(more->n, 3);
	for (size_t i = 0; i < more->n; i++)
		assert_int_equal(more->r[i]->domain[0], 'a' + (int)i);
	assert_ptr_equal(redirect_set_find(more, "b.test"), r);
	assert_null(redirect_set_find(ca, "b.test"));
	assert_null(redirect_set_find(more, "bb.test"));
	redirect_unref(&r);
	r = make("b.test", "other", NULL);
	less = redirect_set_with(more, r);
	assert_int_equal(less->n, 3);
	assert_ptr_equal(redirect_set_find(less, "b.test"), r);
	redirect_set_unref(&more);
	more = redirect_set_without(less, "d.test");
	assert_int_equal(more->n, 3);
	redirect_set_unref(&more);
	more = redirect_set_without(ca, "c.test");
	redirect_set_unref(&less);
	less = redirect_set_without(more, "a.test");
	assert_null(less);
	redirect_unref(&r);
	redirect_set_unref(&more);
	redirect_set_unref(&ca);
}

static void
test_redirected(void **state)
{
	struct redirect_set *set =
	    set_of("a.test", "mx9.test:26", "c.test", "mx9.test");
	struct config *c = config_redirected(base, set), *again;
	const struct conf_domain *a = config_domain(c, "a.test");
	struct conf_diff *diff = conf_diff_create(base, c);

	(void)state;
	assert_int_equal(c->ndomains, base->ndomains);
	assert_string_equal(hosts_of(&a->primary), "mx9.test:26");
	assert_string_equal(hosts_of(config_own_primary(a)), "mx1.test");
	assert_int_equal(a->lifetime_ms, INT64_C(9) * 24 * 3600 * 1000);
	assert_ptr_equal(a->redirect, redirect_set_find(set, "a.test"));
	assert_string_equal(
	    hosts_of(config_own_primary(config_domain(c, "c.test"))),
	    "its MX records");
	assert_null(config_domain(c, "b.test")->redirect);
	assert_null(config_domain(base, "a.test")->redirect);
	assert_int_equal(diff->n, 2);
	assert_string_equal(diff->change[0].is->name, "a.test");
	assert_string_equal(diff->change[1].is->name, "c.test");
	conf_diff_destroy(&diff);
	assert_ptr_equal(config_base(c), base);
	assert_ptr_equal(config_base(base), base);
	assert_ptr_equal(elsewhere_local(c), base);
	assert_int_equal(elsewhere_count(c), 0);
	/* with the same redirects: nothing differs, whatever is below */
	again = config_redirected(base, set);
	diff = conf_diff_create(c, again);
	assert_int_equal(diff->n, 0);
	conf_diff_destroy(&diff);
	config_unref(&again);
	again = config_redirected(config_base(c), NULL);
	diff = conf_diff_create(c, again);
	assert_int_equal(diff->n, 2);
	conf_diff_destroy(&diff);
	diff = conf_diff_create(base, again);
	assert_int_equal(diff->n, 0);
	conf_diff_destroy(&diff);
	config_unref(&again);
	redirect_set_unref(&set);
	config_unref(&c); /* the set lived as long */
}

/* What the configuration says itself is not redirected. */
static void
test_becomes_the_configuration(void **state)
{
	struct redirect_set *set =
	    set_of("b.test", "mx1.test,mx2.b.test", "a.test", "MX1.test:25");
	struct config *c = config_redirected(base, set);

	(void)state;
	assert_null(config_domain(c, "a.test")->redirect);
	assert_null(config_domain(c, "b.test")->redirect);
	assert_true(redirect_is_configured(redirect_set_find(set, "b.test"),
	    config_domain(c, "b.test")));
	assert_false(redirect_is_configured(redirect_set_find(set, "b.test"),
	    config_domain(c, "a.test")));
	redirect_set_unref(&set);
	config_unref(&c);
}

/* A removed domain keeps its own settings as text, and its redirect besides. */
static void
test_removed_is_redirected(void **state)
{
	struct redirect_set *set = set_of("gone.test", "mx9.test", NULL, NULL);
	struct config *with = config_redirected(base, set), *without;
	struct config *builtin = config_builtin();
	static const char text[] =
	    "domain \"gone.test\" { primary = {\"mx1.test\"} }\n";
	struct buf b = BUF_INIT(4096);
	const struct conf_domain *d;
	struct conf_diff *diff;
	struct mx_errbuf eb = { "" };

	(void)state;
	assert_int_equal(removed_attach(with, text, strlen(text), &eb), 0);
	d = config_settings(with, "gone.test");
	assert_string_equal(hosts_of(&d->primary), "mx9.test");
	assert_int_equal(removed_text(d, builtin, &b), 0);
	assert_string_equal(buf_str(&b),
	    "domain \"gone.test\" { primary = {\"mx1.test\"} }\n");
	without = config_redirected(base, NULL);
	assert_int_equal(removed_attach(without, b.data, b.len, &eb), 0);
	diff = conf_diff_create(with, without);
	assert_int_equal(diff->n, 0);
	conf_diff_removed(diff);
	assert_int_equal(diff->n, 1);
	assert_string_equal(hosts_of(&diff->change[0].is->primary), "mx1.test");
	assert_string_equal(hosts_of(&diff->change[0].was->primary),
	    "mx9.test");
	conf_diff_destroy(&diff);
	buf_fini(&b);
	redirect_set_unref(&set);
	config_unref(&builtin);
	config_unref(&with);
	config_unref(&without);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_redirected),
		cmocka_unit_test(test_becomes_the_configuration),
		cmocka_unit_test(test_removed_is_redirected),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
