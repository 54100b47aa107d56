/* SPDX-License-Identifier: ISC
 * test_elsewhere: what a source of domains may say, as JSON and as a configuration's
 * text, that both mean the same, that nothing of the file is touched by it, and
 * the copy that a start goes by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "config/diff.h"
#include "config/elsewhere.h"
#include "config/removed.h"

#define LOCAL                                                                  \
	"hostname = \"mx2.test\" domains_from = \"/from\" "                    \
	"domains_from_networks = {\"192.0.2.0/24\", \"2001:db8::/32\"}\n"      \
	"smtpd { listen = \"127.0.0.1:10025\" }\n"                             \
	"defaults { lifetime = 9d  probe { fall = 7 } }\n"                     \
	"domain \"own.test\" { primary = \"127.0.0.1\" }\n"

static struct config *local;

static int
setup(void **state)
{
	struct conf_errors errs;

	(void)state;
	local = config_parse("mxwatch.conf", LOCAL, strlen(LOCAL), &errs);
	assert_non_null(local);
	conf_errors_fini(&errs);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	config_unref(&local);
	return 0;
}

static struct domain_texts *
texts_of(const char *text)
{
	struct domain_texts *t = domain_texts_create("/from");

	assert_int_equal(domain_texts_add(t, "x", text, strlen(text)), 0);
	return t;
}

/* NULL, and the first finding into `why`. */
static struct config *
join(const char *text, bool kept, char *why, size_t size)
{
	struct domain_texts *t = texts_of(text);
	struct conf_errors errs;
	struct config *c = elsewhere_join(local, t, kept, &errs);

	if (why != NULL)
		snprintf(why, size, "%s:%u: %s",
		    errs.n > 0 ? errs.e[0].file : "",
		    errs.n > 0 ? errs.e[0].line : 0,
		    errs.n > 0 ? errs.e[0].text : "");
	assert_true((c == NULL) == (errs.nfatal > 0));
	conf_errors_fini(&errs);
	domain_texts_unref(&t);
	return c;
}

#define AS_CONF                                                                \
	"domain \"a.test\" {\n"                                                \
	" primary = {\"mx1.a.test\", \"[192.0.2.7]:2525\"}\n"                  \
	" lifetime = 10d delay_warning = {}\n"                                 \
	" recipient_delimiter = \"+\" recipient_batv = yes\n"                  \
	" admission = outage\n"                                                \
	" probe { interval = 45s fall = 4 rcpt = \"p@a.test\" }\n"             \
	" deliver { tls = require connections = 3 }\n"                         \
	" retry { first = 1m } vault { keep = 0s }\n"                          \
	"}\n"                                                                  \
	"domain \"xn--bcher-kva.test\" { }\n"
#define AS_JSON                                                                \
	"\n {\"domains\": [\n"                                                 \
	" {\"primary\": [\"mx1.a.test\", \"[192.0.2.7]:2525\"],\n"             \
	"  \"lifetime\": \"10d\", \"delay_warning\": [],\n"                    \
	"  \"recipient_delimiter\": \"\\u002b\", \"recipient_batv\": true,\n"  \
	"  \"admission\": \"out\\u0061ge\",\n"                                 \
	"  \"probe\": {\"interval\": \"45s\", \"fall\": 4,\n"                  \
	"   \"rcpt\": \"p@a.test\"},\n"                                        \
	"  \"deliver\": {\"tls\": \"require\", \"connections\": 3},\n"         \
	"  \"retry\": {\"first\": \"1m\"}, \"vault\": {\"keep\": \"0s\"},\n"   \
	"  \"name\": \"A.test\"},\n"                                           \
	" {\"name\": \"b\\u00fccher.test\", \"probe\": {}}\n"                  \
	"]}\n"

static void
test_both_ways(void **state)
{
	char why[400];
	struct config *a = join(AS_CONF, false, why, sizeof(why));
	struct config *b = join(AS_JSON, false, why, sizeof(why));
	const struct conf_domain *d;
	struct conf_diff *diff;

	(void)state;
	if (a == NULL || b == NULL)
		fail_msg("%s", why);
	assert_int_equal(elsewhere_count(a), 2);
	assert_int_equal(a->ndomains, 3);
	diff = conf_diff_create(a, b);
	assert_int_equal(diff->n, 0);
	conf_diff_destroy(&diff);
	d = config_domain(b, "a.test");
	assert_string_equal(d->primary.s[1], "[192.0.2.7]:2525");
	assert_int_equal(d->probe.interval_ms, 45000);
	assert_int_equal(d->probe.rise, local->defaults.probe.rise);
	assert_true(d->elsewhere && d->pin != NULL);
	d = config_domain(b, "xn--bcher-kva.test");
	assert_non_null(d);
	assert_int_equal(d->probe.fall, 7); /* of the file's defaults */
	d = config_domain(b, "own.test");
	assert_true(!d->elsewhere && d->pin == NULL);
	/* the file's part is shared and outlives whoever had it first */
	assert_ptr_equal(elsewhere_local(b), local);
	assert_ptr_equal(b->hostname, local->hostname);
	diff = conf_diff_create(local, b);
	assert_int_equal(diff->n, 2);
	conf_diff_destroy(&diff);
	config_unref(&a);
	config_unref(&b);
	assert_string_equal(local->hostname, "mx2.test");
}

/* What names a file, a program, an address of ours, a secret or anything that is no
 * domain: whoever adds an option decides. */
static const struct {
	const char *text, *why;
} bad[] = {
	{ "domain \"a.test\" { recipients = \"/x\" }",
	    "/from/x:1: domain \"a.test\": recipients is not allowed in a "
	    "source of domains_from" },
	{ "domain \"a.test\" { recipients_token_file = \"/x\" }",
	    "/from/x:1: domain \"a.test\": recipients_token_file is not "
	    "allowed in a source of domains_from" },
	{ "domain \"a.test\" { probe { sender = \"a@b.test\" } }",
	    "/from/x:1: domain \"a.test\": probe: sender is not allowed in a "
	    "source of domains_from" },
	{ "domain \"a.test\" {\n deliver {\n source = \"192.0.2.1\" } }",
	    "/from/x:3: domain \"a.test\": deliver: source is not allowed in a "
	    "source of domains_from" },
	{ "domain \"a.test\" { elsewhere = no }",
	    "/from/x:1: domain \"a.test\": unknown option \"elsewhere\"" },
	{ "spool = \"/x\"",
	    "/from/x:1: spool is not allowed in a source of "
	    "domains_from" },
	{ "fetch { interval = 1h }",
	    "/from/x:1: section fetch is not allowed in a source of "
	    "domains_from; only domain is" },
	{ "include \"/x\"",
	    "/from/x:1: include is not allowed in a source of domains_from" },
	{ "{\"domains\": [{\"name\": \"a.test\",\n"
	  "\"lifetime\": 30}]}",
	    "/from/x:2: domain \"a.test\": lifetime \"30\" has no unit; write "
	    "\"30d\" (days), or \"30h\" (hours), or \"30s\" (seconds)" },
	{ "{\"domains\": [{\"name\": \"a.test\",\n"
	  "\"primary\": [\"mx1.test\",\n\"mx 2\"]}]}",
	    "/from/x:3: domain \"a.test\": primary \"mx 2\" is not a host; "
	    "write it like \"mx1.example.org\" or \"[192.0.2.7]:25\"" },
	{ "domain \"a.test\" { lifetime = 1c }",
	    "/from/x:1: domain \"a.test\": lifetime \"1c\" is not a time; "
	    "write "
	    "a number with a unit, such as \"30d\" or \"12h\"" },
	{ "domain \"own.test\" { }",
	    "/from/x:1: domain \"own.test\" is in the configuration file as "
	    "well; remove it from one of them" },
	{ "domain \"a.test\" { primary = \"127.0.0.1\" }",
	    "/from/x:1: domain \"a.test\": primary \"127.0.0.1\" is the "
	    "loopback" },
	{ "domain \"a.test\" { primary = \"[::ffff:127.0.0.1]:26\" }",
	    "/from/x:1: domain \"a.test\": primary \"127.0.0.1\" is the "
	    "loopback" },
	{ "domain \"a.test\" { primary = \"[2001:db9::1]\" }",
	    "/from/x:1: domain \"a.test\": primary \"2001:db9::1\" is outside "
	    "domains_from_networks" },
	{ "domain \"a.test\" { primary = \"mx2.test:10025\" }",
	    "/from/x:1: domain \"a.test\": primary \"mx2.test:10025\" is this "
	    "server; name the server that the mail is for" },
	{ "{\"domains\": [{\"name\": \"a.test\", \"recipients\": \"/x\"}]}",
	    "/from/x:1: domain \"a.test\": recipients is not allowed in a "
	    "source of domains_from" },
	{ "{\"domains\": [{\"name\": \"a.test\",\n\"lifetime\": \"1c\"}]}",
	    "/from/x:2: domain \"a.test\": lifetime \"1c\" is not a time; "
	    "write "
	    "a number with a unit, such as \"30d\" or \"12h\"" },
	{ "{\"domains\": [{\"name\": \"a.test\", \"probe\": {\"fall\": 2, "
	  "\"fall\": 3}}]}",
	    "/from/x:1: domain \"a.test\": probe: fall is set twice (first at "
	    "/from/x:1)" },
	{ "{\"domains\": [{\"name\": \"a.test\"}, {\"name\": \"a.test\"}]}",
	    "/from/x:1: domain \"a.test\" is listed twice (first at "
	    "/from/x:1)" },
	{ "{\"domains\": [{\"name\": \"a\\u0000b\"}]}",
	    "/from/x:1: a domain: a string has a control character" },
	{ "{\"domains\": [{\"name\": \"a\\ud800\"}]}",
	    "/from/x:1: a domain: a string has an invalid escape" },
	{ "{\"domains\": [{\"name\": \"a.test\", \"probe\": 3}]}",
	    "/from/x:1: domain \"a.test\": unknown option \"probe\"" },
	{ "{\"domains\": [{\"name\": \"a.test\", \"primary\": [[\"b\"]]}]}",
	    "/from/x:1: domain \"a.test\": a list may contain only strings and "
	    "numbers" },
	{ "{\"domains\": [{\"name\": \"a.test\"}]} x",
	    "/from/x:1: neither a string nor a number" },
	{ "{\"domains\": [{\"name\": \"a.test\"}]} 1",
	    "/from/x:1: extra text after the end" },
	{ "{\"domains\": [{\"name\": \"a.test\"} {}]}",
	    "/from/x:1: domains: a comma or a bracket is missing" },
	{ "{\"domains\": [{\"name\": \"a.test\", \"x\": {]}]}",
	    "/from/x:1: domain \"a.test\": unknown option \"x\"" },
	{ "{\"domains\": [{\"name\": tru}]}",
	    "/from/x:1: a domain: neither a string nor a number" },
	{ "{\"domains\": {}}", "/from/x:1: domains: they are not an array" },
	{ "{}", "/from/x:1: the name of an option is missing" },
	{ "{", "/from/x:1: the text is incomplete" },
};

static void
test_bad(void **state)
{
	unsigned wrong = 0;
	struct config *c;
	char why[400];

	(void)state;
	for (size_t i = 0; i < MX_COUNT(bad); i++) {
		c = join(bad[i].text, false, why, sizeof(why));
		if (c != NULL || strcmp(why, bad[i].why) != 0)
			wrong++;
		if (c != NULL || strcmp(why, bad[i].why) != 0)
			print_error("%s\nsays %s\n", bad[i].text, why);
		config_unref(&c);
	}
	assert_int_equal(wrong, 0);
}

static void
test_empty(void **state)
{
	static const char *const text[] = { "", " \n# nothing\n",
		"{\"domains\": []}" };
	struct config *c;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(text); i++) {
		c = join(text[i], false, NULL, 0);
		assert_non_null(c);
		assert_int_equal(elsewhere_count(c), 0);
		assert_int_equal(c->ndomains, 1);
		config_unref(&c);
	}
}

/* Depth costs nothing, and neither does length beyond what is there. */
static void
test_deep(void **state)
{
	const size_t n = 4 << 20;
	char *text = mem_array(n + 64, 1), why[400];
	struct config *c;

	(void)state;
	(void)snprintf(text, n, "%s",
	    "{\"domains\": [{\"name\": \"a.test\", \"x\": ");
	memset(text + strlen(text), '[', n);
	c = join(text, false, why, sizeof(why));
	assert_null(c);
	assert_string_equal(why,
	    "/from/x:1: domain \"a.test\": unknown option \"x\"");
	mem_free(&text);
}

/* A start goes by what was good under another file. */
static void
test_kept(void **state)
{
	char why[400];
	struct config *c = join("domain \"own.test\" { lifetime = 1d }\n"
				"domain \"b.test\" { primary = \"10.0.0.1\" "
				"lifetime = 60 }",
	    true, why, sizeof(why));

	(void)state;
	assert_non_null(c);
	assert_non_null(strstr(why,
	    "is in the configuration file as well, "
	    "which"));
	assert_int_equal(elsewhere_count(c), 1);
	assert_false(config_domain(c, "own.test")->elsewhere);
	assert_true(config_domain(c, "b.test")->elsewhere);
	/* taken before a unit was asked for */
	assert_int_equal(config_domain(c, "b.test")->lifetime_ms, 60000);
	config_unref(&c);
}

static void
test_lost(void **state)
{
	struct config *a = join("domain \"a.test\" {} domain \"b.test\" {} "
				"domain \"c.test\" {}",
	    false, NULL, 0);
	struct config *b =
	    join("domain \"b.test\" {} domain \"d.test\" {}", false, NULL, 0);

	(void)state;
	assert_int_equal(elsewhere_lost(a, b), 2);
	assert_int_equal(elsewhere_lost(b, a), 1);
	assert_int_equal(elsewhere_lost(a, local), 3);
	assert_int_equal(elsewhere_lost(local, a), 0);
	config_unref(&a);
	config_unref(&b);
}

/* It stays one of the source's, with its pin, when only its text is left. */
static void
test_removed(void **state)
{
	struct config *c = join(AS_CONF, false, NULL, 0), *b = config_builtin();
	struct buf text = BUF_INIT(65536);
	struct mx_errbuf eb = { "" };
	struct config *now = join("", false, NULL, 0);
	const struct conf_domain *d;

	(void)state;
	assert_int_equal(removed_text(config_domain(c, "a.test"), b, &text), 0);
	assert_non_null(strstr(text.data, "elsewhere = yes"));
	assert_int_equal(removed_attach(now, text.data, text.len, &eb), 0);
	d = config_settings(now, "a.test");
	assert_non_null(d);
	assert_true(d->elsewhere);
	assert_int_equal(pin_cmp(d->pin, config_domain(c, "a.test")->pin), 0);
	buf_fini(&text);
	config_unref(&c);
	config_unref(&b);
	config_unref(&now);
}

static void
test_copy(void **state)
{
	char path[] = "/tmp/mx-elsewhere-XXXXXX";
	struct domain_texts *t = domain_texts_create("https://x.test/a"), *u;
	struct buf b = BUF_INIT(65536);
	struct mx_errbuf eb = { "" };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(domain_texts_add(t, "", "", 0), 0);
	assert_int_equal(domain_texts_add(t, "b\nc", "x\ny", 3), 0);
	assert_int_equal(domain_texts_save(t, path, &eb), 0);
	u = domain_texts_load(path, &eb);
	assert_non_null(u);
	assert_string_equal(domain_texts_source(u), "https://x.test/a");
	assert_int_equal(domain_texts_count(u), 2);
	assert_false(domain_texts_same(t, u)); /* that newline */
	domain_texts_unref(&t);
	t = domain_texts_ref(u);
	assert_true(domain_texts_same(t, u));
	domain_texts_unref(&t);
	domain_texts_unref(&u);
	/* any byte that is another one, and any cut */
	assert_int_equal(file_load(path, &b, &eb), 0);
	for (size_t i = 0; i < b.len; i++) {
		b.data[i] ^= 1;
		assert_int_equal(file_replace(path, 0600, b.data, b.len, &eb),
		    0);
		assert_null(domain_texts_load(path, &eb));
		assert_string_equal(eb.text, "it is damaged");
		b.data[i] ^= 1;
	}
	assert_int_equal(file_replace(path, 0600, b.data, b.len - 1, &eb), 0);
	assert_null(domain_texts_load(path, &eb));
	(void)unlink(path);
	eb.text[0] = '\0';
	assert_null(domain_texts_load(path, &eb));
	assert_string_equal(eb.text, "");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_copy),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
