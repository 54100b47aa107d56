/* SPDX-License-Identifier: ISC
 * test_config: every message that a wrong configuration can earn, word for
 * word with its line; the sample of the design; where values come from; and
 * that what the table says of itself is a configuration. Files are made in a
 * folder of their own under TMPDIR; nothing else is touched. */
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/diff.h"
#include "config/removed.h"

#define NAME "mxwatch.conf"

/* In front of most cases, on one line, so that theirs begin at line 2. */
#define PREAMBLE                                                               \
	"hostname = \"mx2.test\"  domain \"d.test\" { primary = \"p.test\" "   \
	"}\n"

#include "config_wrong.h"

static char dir[128]; /* of the files that a test makes */

/* The findings as mxwatchd prints them, "mxwatch.conf:" left out. */
static char *
findings(const struct conf_errors *errs)
{
	const char *file;
	size_t i, size;
	char *text;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	for (i = 0; i < errs->n; i++) {
		file = errs->e[i].file;
		if (strncmp(file, dir, strlen(dir)) == 0)
			file += strlen(dir) + 1;
		fprintf(f, "%s", i > 0 ? "\n" : "");
		if (strcmp(file, NAME) != 0)
			fprintf(f, "%s:", file);
		fprintf(f, "%u: %s: %s", errs->e[i].line,
		    errs->e[i].warning ? "warning" : "error", errs->e[i].text);
	}
	fclose(f);
	return text;
}

static struct config *
parse(const char *text, struct conf_errors *errs)
{
	return config_parse(NAME, text, strlen(text), errs);
}

/* A text that has to be right. */
static struct config *
parse_good(const char *text)
{
	struct conf_errors errs;
	struct config *c = parse(text, &errs);
	char *found = findings(&errs);

	if (c == NULL)
		fail_msg("%s", found);
	free(found);
	conf_errors_fini(&errs);
	return c;
}

static void
run_cases(const char *preamble, const struct bad_case *t, size_t n, bool good)
{
	struct conf_errors errs;
	struct config *c;
	char *text, *found;
	size_t i;

	for (i = 0; i < n; i++) {
		text = mem_printf("%s%s", preamble, t[i].text);
		c = parse(text, &errs);
		found = findings(&errs);
		if (strcmp(found, t[i].findings) != 0 || (c != NULL) != good)
			fail_msg("%s:\n%s\ngot:\n%s\nwanted:\n%s", t[i].name,
			    t[i].text, found, t[i].findings);
		free(found);
		mem_free(&text);
		conf_errors_fini(&errs);
		config_unref(&c);
	}
}

static void
test_wrong(void **state MX_UNUSED)
{
	run_cases(PREAMBLE, wrong, MX_COUNT(wrong), false);
	run_cases("", whole, MX_COUNT(whole), false);
}

static void
test_doubtful(void **state MX_UNUSED)
{
	run_cases(PREAMBLE, doubtful, MX_COUNT(doubtful), true);
}

static void
put_file(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

#ifdef HAVE_CURL
/* Section 3 of the design as it stands, but for the folder. */
static const char sample[] =
    "hostname = \"mx2.example.net\"\n"
    "spool    = \"/var/spool/mxwatch\"\n"
    "control  = \"/run/mxwatch/control.sock\"\n"
    "user     = \"mxwatch\"                        # after binding; ignored "
    "when not started as root\n"
    "resolver = {\"127.0.0.1\"}                     # default: the system's; "
    "\"ADDR@PORT\" allowed\n"
    "\n"
    "smtpd {\n"
    "    listen       = {\"0.0.0.0:25\", \"[::]:25\"}\n"
    "    tls_cert     = \"/etc/mxwatch/tls/cert.pem\"   # both: STARTTLS is "
    "offered\n"
    "    tls_key      = \"/etc/mxwatch/tls/key.pem\"\n"
    "    message_size = \"50M\"\n"
    "    max_sessions = 1000\n"
    "    per_client   = 50\n"
    "}\n"
    "web  { listen = {\"127.0.0.1:10125\"} }\n"
    "snmp { agentx = \"unix:/var/agentx/master\" }      # section left out: no "
    "subagent\n"
    "\n"
    "defaults { lifetime = \"30d\" }                    # any option of a "
    "domain section\n"
    "\n"
    "domain \"example.org\" {\n"
    "    primary     = {\"mx1.example.org\", \"[192.0.2.7]:2525\"}  # order = "
    "preference; left out: MX records better than ours\n"
    "    recipients  = \"/etc/mxwatch/example.org.recipients\"      # left "
    "out: any recipient of the domain\n"
    "    lifetime    = \"30d\"\n"
    "    delay_warning = {\"4h\", \"1d\"}\n"
    "    admission   = \"always\"                        # or \"outage\": 451 "
    "4.3.0 while the primary is up\n"
    "    probe {\n"
    "        interval = \"30s\"  timeout = \"10s\"  fall = 3  rise = 2\n"
    "        depth    = \"rcpt\"                         # connect | banner | "
    "ehlo | starttls | rcpt\n"
    "        rcpt     = \"postmaster@example.org\"\n"
    "    }\n"
    "    deliver { connections = 20  tls = \"may\" }    # may | require | dane "
    "| none\n"
    "    retry   { first = \"5m\"  max = \"2h\" }         # of what a primary "
    "that is up deferred; jittered\n"
    "}\n"
    "\n"
    "receiver \"oncall\" { type = \"pagerduty\"  routing_key_file = "
    "\"/etc/mxwatch/pd.key\" }   # url: the public one, or another region's\n"
    "receiver \"am\"     { type = \"alertmanager\"  url = "
    "{\"http://127.0.0.1:9093\"} }\n"
    "receiver \"hook\"   { type = \"webhook\"  url = "
    "{\"https://ops.example.net/hook\"} }\n"
    "receiver \"mail\"   { type = \"email\"  smarthost = "
    "\"smtp://out.example.com:587\"  to = {\"ops@example.com\"} }\n"
    "receiver \"sms\"    { type = \"exec\"  command = {\"/bin/true\"} "
    "}\n"
    "alert \"queue_age\" { warn = \"50%\"  crit = \"80%\"  for = \"1m\"  "
    "receivers = {\"oncall\", \"am\"} }\n"
    "heartbeat \"hc\"    { url = \"https://hc.example.net/uuid\"  interval = "
    "\"60s\" }\n";

static char *
replace(const char *text, const char *what, const char *by)
{
	const char *p;
	size_t size;
	char *out;
	FILE *f = open_memstream(&out, &size);

	assert_non_null(f);
	for (; (p = strstr(text, what)) != NULL; text = p + strlen(what))
		fprintf(f, "%.*s%s", (int)(p - text), text, by);
	fprintf(f, "%s", text);
	fclose(f);
	return out;
}

static void
test_design(void **state MX_UNUSED)
{
	char *text = replace(sample, "/etc/mxwatch", dir), tls[300];
	const struct conf_domain *d;
	struct conf_errors errs;
	struct config *c;
	size_t i;

	snprintf(tls, sizeof(tls), "%s/tls", dir);
	assert_int_equal(mkdir(tls, 0700), 0);
	put_file("tls/cert.pem", "");
	put_file("tls/key.pem", "");
	put_file("example.org.recipients", "");
	snprintf(tls, sizeof(tls), "%s/tls/key.pem", dir);
	assert_int_equal(chmod(tls, 0600), 0);
	put_file("pd.key", "secret");
	snprintf(tls, sizeof(tls), "%s/pd.key", dir);
	assert_int_equal(chmod(tls, 0600), 0);
	c = parse(text, &errs);
	for (i = 0; i < errs.n; i++)
		if (strstr(errs.e[i].text, "not served") == NULL)
			fail_msg("%u: %s", errs.e[i].line, errs.e[i].text);
	assert_int_equal(errs.n, 0);
	assert_int_equal(c->nreceivers, 5);
	assert_string_equal(c->receiver[0].name, "am");
	assert_int_equal(c->receiver[3].type, RECEIVER_PAGERDUTY);
	assert_false(c->alert[ALERT_queue_age].everybody);
	assert_int_equal(c->alert[ALERT_queue_age].receivers.n, 2);
	assert_true(c->alert[ALERT_queue_age].warn.value == 50);
	assert_true(c->alert[ALERT_queue_expiry].everybody);
	assert_int_equal(c->alert[ALERT_queue_expiry].repeat_ms, 3600000);
	assert_false(c->alert[ALERT_cert_expiry].enabled);
	assert_int_equal(c->nheartbeats, 1);
	assert_int_equal(c->heartbeat[0].interval_ms, 60000);
	assert_non_null(c);
	assert_string_equal(c->hostname, "mx2.example.net");
	assert_string_equal(c->user, "mxwatch");
	assert_int_equal(c->nresolver, 1);
	assert_int_equal(addr_port(&c->resolver[0]), 53);
	assert_int_equal(c->smtpd.listen.n, 2);
	assert_false(c->smtpd.listen.usual);
	assert_string_equal(c->smtpd.listen.a[1].text, "[::]:25");
	assert_int_equal(c->smtpd.message_size, 50 << 20);
	assert_string_equal(c->snmp.agentx, "unix:/var/agentx/master");
	assert_true(c->snmp.present);
	d = config_domain(c, "example.org");
	assert_non_null(d);
	assert_int_equal(d->primary.n, 2);
	assert_string_equal(d->primary.s[1], "[192.0.2.7]:2525");
	assert_int_equal(d->lifetime_ms, 30ll * 86400000);
	assert_int_equal(d->ndelay_warning, 2);
	assert_int_equal(d->delay_warning_ms[0], 4 * 3600000);
	assert_int_equal(d->probe.timeout_ms, 10000);
	assert_int_equal(d->probe.depth, DEPTH_RCPT);
	assert_string_equal(d->probe.rcpt, "postmaster@example.org");
	assert_int_equal(d->deliver.connections, 20);
	assert_int_equal(d->deliver.tls, CONF_TLS_MAY);
	assert_int_equal(d->retry.max_ms, 7200000);
	conf_errors_fini(&errs);
	config_unref(&c);
	free(text);
}
#endif

static void
test_maintenance(void **state MX_UNUSED)
{
	struct conf_errors errs;
	struct config *c =
	    parse("hostname = mx2.test\n"
		  "domain \"d.test\" { primary = \"p.test\" }\n"
		  "maintenance \"z\" { domains = {\"D.test\"}\n"
		  "every = \"mon-fri 22:00\"  for = 23h }\n"
		  "maintenance \"patch tuesday\" {\n"
		  "primaries = {\"P.test\", \"p.test:2525\"}\n"
		  "every = \"2nd tue 02:00\"  for = 2h  hold = yes\n"
		  "reason = \"updates\" }\n",
		&errs);

	assert_non_null(c);
	assert_int_equal(errs.n, 0);
	assert_int_equal(c->maintenance_max, 1000);
	assert_int_equal(c->nmaintenances, 2);
	assert_string_equal(c->maintenance[0].name, "patch tuesday");
	assert_int_equal(c->maintenance[0].primaries.n, 2);
	assert_string_equal(c->maintenance[0].primaries.s[0], "p.test");
	assert_string_equal(c->maintenance[0].primaries.s[1], "p.test:2525");
	assert_string_equal(c->maintenance[0].every, "2nd tue 02:00");
	assert_int_equal(c->maintenance[0].for_ms, 7200000);
	assert_true(c->maintenance[0].hold);
	assert_string_equal(c->maintenance[0].reason, "updates");
	assert_string_equal(c->maintenance[1].domains.s[0], "d.test");
	assert_false(c->maintenance[1].hold);
	assert_null(c->maintenance[1].reason);
	config_unref(&c);
	conf_errors_fini(&errs);
}

static void
test_defaults(void **state MX_UNUSED)
{
	struct config *c = parse_good(PREAMBLE);
	const struct conf_domain *d = &c->domain[0];

	assert_string_equal(c->spool, MX_SPOOL_DIR);
	assert_string_equal(c->control, MX_CONTROL_SOCKET);
	assert_int_equal(c->log, CONF_LOG_STDERR);
	assert_int_equal(c->nresolver, 0);
	assert_int_equal(c->drain_ms, 25000);
	assert_int_equal(c->smtpd.listen.n, 2);
	assert_true(c->smtpd.listen.usual);
	assert_null(c->smtpd.tls_cert);
	assert_string_equal(c->smtpd.banner, "");
	assert_int_equal(c->smtpd.session_ms, 1800000);
	assert_int_equal(c->smtpd.bare_newline, NEWLINE_NORMALIZE);
	assert_int_equal(c->smtpd.trusted.n, 2);
	assert_int_equal(c->queue.map_size, 16ull << 30);
	assert_int_equal(c->queue.group_max, 512);
	assert_string_equal(c->dsn.postmaster, "postmaster@mx2.test");
	assert_null(c->dsn.smarthost);
	assert_int_equal(c->web.listen.n, 1);
	assert_int_equal(addr_port(&c->web.listen.a[0].addr), 10125);
	assert_false(c->snmp.present);
	assert_string_equal(d->name, "d.test");
	assert_null(d->recipients);
	assert_int_equal(d->recipients_shrink, 50);
	assert_int_equal(d->admission, ADMISSION_ALWAYS);
	assert_int_equal(d->ndelay_warning, 2);
	assert_true(d->probe.enabled);
	assert_null(d->probe.rcpt);
	assert_string_equal(d->probe.sender, "");
	assert_int_equal(d->probe.port, 25);
	assert_int_equal(d->deliver.idle_ms, 2000);
	assert_int_equal(d->retry.first_ms, 300000);
	config_unref(&c);
}

static void
test_forms(void **state MX_UNUSED)
{
	struct config *c = parse_good(
	    "hostname = MX2.Test.  # a word\r\n"
	    "resolver = {127.0.0.1, \"[::1]@5353\",}\n"
	    "self = { \"Nat.TEST\", 192.0.2.1 }\n"
	    "log = /var/log/mx.log\n"
	    "web { listen = {} }\n"
	    "smtpd { banner = \"say \\\"hi\\\" \\\\ \"  timeout = 90s\n"
	    "  trusted = {\"[2001:db8::]/32\", 10.0.0.1} }\n"
	    "domain \"B\xc3\xbc"
	    "cher.test\" { primary = P.test:2525 }");

	assert_string_equal(c->hostname, "mx2.test");
	assert_int_equal(c->nresolver, 2);
	assert_int_equal(addr_port(&c->resolver[1]), 5353);
	assert_string_equal(c->self.s[0], "nat.test");
	assert_int_equal(c->log, CONF_LOG_FILE);
	assert_string_equal(c->log_file, "/var/log/mx.log");
	assert_int_equal(c->web.listen.n, 0);
	assert_string_equal(c->smtpd.banner, "say \"hi\" \\ ");
	assert_int_equal(c->smtpd.timeout_ms, 90000);
	assert_string_equal(c->smtpd.trusted.s[0], "2001:db8::/32");
	assert_string_equal(c->domain[0].name, "xn--bcher-kva.test");
	assert_string_equal(c->domain[0].primary.s[0], "p.test:2525");
	config_unref(&c);
}

static void
test_inherit(void **state MX_UNUSED)
{
	struct config *c = parse_good(
	    "hostname = mx2.test\n"
	    "domain \"a.test\" { lifetime = 1d  probe { fall = 9 } }\n"
	    "defaults { lifetime = 2d  primary = {\"p.test\", \"q.test\"}\n"
	    "  delay_warning = {1h}  probe { fall = 7  rise = 8 }\n"
	    "  deliver { source = 127.0.0.1  tls = none } }\n"
	    "domain \"b.test\" { primary = \"r.test\"  delay_warning = {}\n"
	    "  probe { enabled = no } }\n");
	const struct conf_domain *a = config_domain(c, "a.test");
	const struct conf_domain *b = config_domain(c, "b.test");

	assert_int_equal(a->lifetime_ms, 86400000);
	assert_int_equal(a->primary.n, 2);
	assert_string_equal(a->primary.s[1], "q.test");
	assert_int_equal(a->ndelay_warning, 1);
	assert_int_equal(a->probe.fall, 9);
	assert_int_equal(a->probe.rise, 8);
	assert_true(a->probe.enabled);
	assert_int_equal(a->deliver.source_addr.u.sa.sa_family, AF_INET);
	assert_int_equal(b->lifetime_ms, 2 * 86400000);
	assert_int_equal(b->primary.n, 1);
	assert_int_equal(b->ndelay_warning, 0);
	assert_int_equal(b->probe.fall, 7);
	assert_false(b->probe.enabled);
	assert_int_equal(b->deliver.tls, CONF_TLS_NONE);
	assert_string_equal(b->deliver.source, "127.0.0.1");
	config_unref(&c);
}

/* Errors beyond the cap are counted, not shown; warnings hide none. */
static void
test_cap(void **state MX_UNUSED)
{
	struct conf_errors errs;
	struct config *c;
	size_t i, size, warnings = 0;
	char *text;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	fputs(PREAMBLE, f);
	for (i = 0; i < 150; i++)
		fprintf(f, "domain \"d%zu.test\" { probe { interval = 1s } }\n",
		    i);
	for (i = 0; i < 150; i++)
		fprintf(f, "bad%zu = 1\n", i);
	fclose(f);
	c = parse(text, &errs);
	assert_null(c);
	assert_int_equal(errs.nfatal, 150);
	assert_int_equal(errs.n, 202);
	for (i = 0; i < errs.n; i++)
		warnings += errs.e[i].warning;
	assert_int_equal(warnings, 101);
	assert_int_equal(errs.e[199].line, 251);
	assert_string_equal(errs.e[200].text, "further warnings not shown");
	assert_string_equal(errs.e[201].text, "further errors not shown");
	conf_errors_fini(&errs);
	free(text);
}

static void
check_big(const char *head, char fill, size_t n, const char *tail,
    const char *want)
{
	struct conf_errors errs;
	size_t size = strlen(head) + n + strlen(tail);
	char *text = mem_array(size + 1, 1);
	struct config *c;

	memcpy(text, head, strlen(head));
	memset(text + strlen(head), fill, n);
	memcpy(text + strlen(head) + n, tail, strlen(tail));
	c = config_parse(NAME, text, size, &errs);
	if (want == NULL) {
		assert_non_null(c);
	} else {
		assert_null(c);
		assert_int_equal(errs.n, 1);
		assert_string_equal(errs.e[0].text, want);
	}
	conf_errors_fini(&errs);
	config_unref(&c);
	mem_free(&text);
}

static void
test_sizes(void **state MX_UNUSED)
{
	struct conf_errors errs;
	struct config *c;
	size_t i, n, size;
	char *text;
	FILE *f;

	check_big(PREAMBLE "spool = \"", 'a', 4096, "\"\n", NULL);
	check_big(PREAMBLE "spool = \"", 'a', 4097, "\"\n",
	    "spool: a string is longer than 4096 bytes");
	check_big(PREAMBLE "spool = ", 'a', 4097, "\n",
	    "spool: a word is longer than 4096 bytes");
	check_big(PREAMBLE, '\n', (16 << 20) - sizeof(PREAMBLE) + 1, "", NULL);
	check_big(PREAMBLE, '\n', 16 << 20, "", "is larger than 16 MiB");
	for (n = 1024; n <= 1025; n++) {
		f = open_memstream(&text, &size);
		assert_non_null(f);
		fputs(PREAMBLE "self = {", f);
		for (i = 0; i < n; i++)
			fprintf(f, "h%zu.test,\n", i);
		fputs("}\n", f);
		fclose(f);
		c = parse(text, &errs);
		assert_int_equal(c != NULL, n == 1024);
		if (n > 1024)
			assert_string_equal(errs.e[0].text,
			    "self: the list has more than 1024 items");
		conf_errors_fini(&errs);
		config_unref(&c);
		free(text);
	}
}

static void
test_lookup(void **state MX_UNUSED)
{
	struct config *c;
	size_t i, size;
	char *text, name[32];
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	fputs("hostname = mx2.test\n", f);
	for (i = 0; i < 1000; i++)
		fprintf(f, "domain \"D%zu.Test.\" { lifetime = %zus }\n",
		    i * 7919 % 1000, i * 7919 % 1000 + 1);
	fclose(f);
	c = parse_good(text);
	assert_int_equal(c->ndomains, 1000);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "d%zu.test", i);
		assert_non_null(config_domain(c, name));
		assert_int_equal(config_domain(c, name)->lifetime_ms,
		    (i + 1) * 1000);
	}
	assert_null(config_domain(c, "d1000.test"));
	assert_null(config_domain(c, "x.d1.test"));
	assert_null(config_domain(c, ""));
	config_unref(&c);
	free(text);
}

/* Equal texts and lists are one: 50,000 domains on 500 primaries. */
static void
test_shared(void **state MX_UNUSED)
{
	struct config *c = parse_good(
	    "hostname = mx2.test\n"
	    "defaults { probe { sender = \"p@mx2.test\" } }\n"
	    "domain \"a.test\" { primary = {\"p.test\", \"q.test\"} }\n"
	    "domain \"b.test\" { primary = {\"p.test\", \"q.test\"} }\n"
	    "domain \"c.test\" { primary = {\"q.test\", \"p.test\"}\n"
	    "  probe { sender = \"p@mx2.test\" } }\n");
	const struct conf_domain *d = c->domain;

	assert_ptr_equal(d[0].primary.s, d[1].primary.s);
	assert_ptr_not_equal(d[0].primary.s, d[2].primary.s);
	assert_ptr_equal(d[0].primary.s[0], d[2].primary.s[1]);
	assert_ptr_equal(d[0].probe.sender, d[2].probe.sender);
	assert_string_equal(d[2].primary.s[1], "p.test");
	assert_string_equal(d[2].name, "c.test");
	config_unref(&c);
}

/* One option of b.test changes; each kind of them has its turn. */
static void
test_diff(void **state MX_UNUSED)
{
	static const struct {
		const char *old, *new;
		bool same;
	} t[] = {
		{ "", "", true },
		{ "", "lifetime = 30d", true },
		{ "", "lifetime = 29d", false },
		{ "primary = {\"a.x\"}", "primary = {\"a.x:25\"}", true },
		{ "primary = {\"a.x\"}", "primary = {\"a.x\",\"b.x\"}", false },
		{ "primary = {\"a.x\"}", "primary = {\"b.x\"}", false },
		{ "primary = {\"a.x\"}", "", false },
		{ "delay_warning = {1h}", "delay_warning = {60m}", true },
		{ "delay_warning = {1h}", "delay_warning = {1h,2h}", false },
		{ "", "probe { sender = \"\" }", true },
		{ "", "probe { sender = \"x@y.test\" }", false },
		{ "", "probe { enabled = no }", false },
		{ "", "deliver { tls = none }", false },
		{ "", "deliver { source = 127.0.0.1 }", false },
	};
	char *text;

	for (size_t i = 0; i < MX_COUNT(t); i++) {
		struct config *old, *new;
		struct conf_diff *d;

		text = mem_printf("hostname = mx2.test\n"
				  "domain \"a.test\" { }\n"
				  "domain \"b.test\" { %s }\n",
		    t[i].old);
		old = parse_good(text);
		mem_free(&text);
		text = mem_printf("hostname = mx2.test\n"
				  "domain \"b.test\" { %s }\n"
				  "domain \"c.test\" { }\n"
				  "domain \"d.test\" { }\n",
		    t[i].new);
		new = parse_good(text);
		mem_free(&text);
		d = conf_diff_create(old, new);
		if (d->n != (t[i].same ? 3 : 4))
			fail_msg("%s -> %s: %zu", t[i].old, t[i].new, d->n);
		assert_string_equal(d->change[0].was->name, "a.test");
		assert_null(d->change[0].is);
		if (!t[i].same) {
			assert_ptr_equal(d->change[1].was, &old->domain[1]);
			assert_ptr_equal(d->change[1].is, &new->domain[0]);
		}
		assert_null(d->change[d->n - 1].was);
		assert_string_equal(d->change[d->n - 1].is->name, "d.test");
		conf_diff_destroy(&d);
		d = conf_diff_create(NULL, new);
		assert_int_equal(d->n, 3);
		conf_diff_destroy(&d);
		config_unref(&old);
		config_unref(&new);
	}
}

/* All options of a domain that its mail goes by, none of them the default, and some
 * that come from `defaults`; recipients and admission are for new mail. */
#define RICH                                                                   \
	"primary = {\"mx1.a.test\", \"[2001:db8::7]:2525\"}\n"                 \
	"lifetime = \"13h\" refusal_grace = \"90m\"\n"                         \
	"delay_warning = {\"1h\", \"1500ms\"}\n"                               \
	"probe { enabled = no interval = \"7s\" timeout = \"3s\" fall = 4 "    \
	"rise = 5 hold = \"1s\" depth = \"starttls\" "                         \
	"rcpt = \"p@a.test\" sender = \"x@y.test\" "                           \
	"port = 26 }\n"                                                        \
	"deliver { connections = 3 tls = \"none\" max_messages = 9 "           \
	"pipeline_depth = 3 "                                                  \
	"max_age = \"2m\" idle = \"4s\" connect = \"6s\" "                     \
	"source = \"192.0.2.9\" }\n"                                           \
	"retry { first = \"11s\" max = \"12m\" }\n"                            \
	"vault { keep = \"3d\" }\n"

static struct config *
parse_domains(const char *defaults, const char *domains)
{
	char *text = mem_printf("hostname = \"mx2.test\"\n"
				"defaults { %s }\n%s",
	    defaults, domains);
	struct config *c = parse_good(text);

	mem_free(&text);
	return c;
}

static void
test_removed(void **state MX_UNUSED)
{
	struct config *old = parse_domains("vault { keep = \"5d\" }",
	    "domain \"rich.test\" {" RICH "admission = \"outage\" }\n"
	    "domain \"plain.test\" { }\n");
	struct config *new = parse_domains("lifetime = \"2h\"\n"
					   "probe { fall = 9 }",
	    "domain \"other.test\" { }\n");
	struct config *builtin = config_builtin();
	struct buf text = BUF_INIT(1 << 16), again = BUF_INIT(1 << 16);
	const struct conf_domain *d;
	struct mx_errbuf eb = { "" };

	for (size_t i = 0; i < old->ndomains; i++)
		assert_int_equal(removed_text(&old->domain[i], builtin, &text),
		    0);
	assert_true(removed_is_valid(text.data, text.len, &eb));
	if (removed_attach(new, text.data, text.len, &eb) != 0)
		fail_msg("%s", eb.text);
	assert_null(config_domain(new, "rich.test"));
	d = config_settings(new, "rich.test");
	assert_non_null(d);
	assert_int_equal(d->admission, ADMISSION_ALWAYS);
	assert_int_equal(d->lifetime_ms, 13 * 3600000);
	assert_string_equal(d->probe.rcpt, "p@a.test");
	assert_string_equal(d->primary.s[1], "[2001:db8::7]:2525");
	d = config_settings(new, "plain.test");
	assert_int_equal(d->lifetime_ms,
	    config_domain(old, "plain.test")->lifetime_ms);
	assert_int_equal(d->vault_keep_ms, INT64_C(5) * 86400000);
	assert_int_equal(d->probe.fall, old->defaults.probe.fall);
	/* The same words come out of it: nothing was lost. */
	for (size_t i = 0; i < old->ndomains; i++) {
		d = config_settings(new, old->domain[i].name);
		assert_int_equal(removed_text(d, builtin, &again), 0);
	}
	assert_string_equal(again.data, text.data);
	buf_fini(&text);
	buf_fini(&again);
	config_unref(&builtin);
	config_unref(&old);
	config_unref(&new);
}

static void
test_removed_and_ended(void **state MX_UNUSED)
{
	static const char good[] = "domain \"b.test\" { lifetime = \"9h\" }\n"
				   "domain \"a.test\" { lifetime = \"8h\" "
				   "elsewhere = yes }\n";
	static const char bad[] = "domain \"c.test\" { lifetyme = \"8h\" }\n";
	struct config *c = parse_domains("", "domain \"b.test\" { }\n");
	struct mx_errbuf eb = { "" };

	assert_false(removed_is_valid(bad, strlen(bad), &eb));
	assert_non_null(strstr(eb.text, "lifetyme"));
	assert_true(removed_attach(c, bad, strlen(bad), &eb) < 0);
	assert_int_equal(removed_count(c), 0);
	assert_false(removed_is_kept(c, "a.test"));
	assert_int_equal(removed_attach(c, good, strlen(good), &eb), 0);
	assert_int_equal(removed_count(c), 1); /* b.test is its own */
	assert_string_equal(removed_at(c, 0)->name, "a.test");
	assert_true(removed_at(c, 0)->elsewhere);
	assert_true(removed_is_kept(c, "a.test"));
	assert_false(removed_is_kept(c, "b.test"));
	assert_ptr_equal(config_settings(c, "b.test"), &c->domain[0]);
	removed_end(c, "a.test");
	removed_end(c, "nobody.test");
	assert_null(config_settings(c, "a.test"));
	assert_int_equal(removed_count(c), 1);
	config_unref(&c);
}

static void
test_static(void **state MX_UNUSED)
{
	static const struct {
		const char *text;
		const char *changes;
	} t[] = {
		{ "", "" },
		{ "log = syslog\nsmtpd { max_sessions = 7 }\n", "log" },
		{ "spool = /a\n", "spool" },
		{ "control = /b\nuser = c\n", "control, user" },
		{ "smtpd { listen = 127.0.0.1:25 }\nweb { listen = {} }\n",
		    "" },
		{ "smtpd { listen = {\"0.0.0.0\", \"::\"} }\n", "" },
		{ "queue { map_size = 1G }\n", "queue.map_size" },
		{ "snmp { agentx = \"x\" mta_mib = yes }\n", "" },
	};
	struct config *old = parse_good(PREAMBLE), *new;
	char *text, dst[64], small[8];
	size_t i;

	for (i = 0; i < MX_COUNT(t); i++) {
		text = mem_printf(PREAMBLE "%s", t[i].text);
		new = parse_good(text);
		assert_string_equal(
		    config_static_changes(old, new, dst, sizeof(dst)),
		    t[i].changes);
		config_static_changes(old, new, small, sizeof(small));
		assert_true(strlen(small) < sizeof(small));
		config_unref(&new);
		mem_free(&text);
	}
	config_unref(&old);
}

static void
test_refs(void **state MX_UNUSED)
{
	struct config *a = parse_good(PREAMBLE), *b = config_ref(a);

	config_unref(&a);
	assert_null(a);
	assert_string_equal(b->hostname, "mx2.test");
	config_unref(&b);
	config_unref(&b);
}

/* Loads NAME in dir and compares the findings. */
static void
load_case(const char *want, size_t domains)
{
	char path[512], *found;
	struct conf_errors errs;
	struct config *c;

	snprintf(path, sizeof(path), "%s/" NAME, dir);
	c = config_load(path, &errs);
	found = findings(&errs);
	assert_string_equal(found, want);
	assert_int_equal(c != NULL ? c->ndomains : 0, domains);
	free(found);
	conf_errors_fini(&errs);
	config_unref(&c);
}

static void
test_include(void **state MX_UNUSED)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/conf.d", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	put_file(NAME,
	    PREAMBLE "include \"conf.d/*.conf\"\n"
		     "include \"empty.d/*\"\n");
	load_case("2: warning: include: no file matches \"conf.d/*.conf\"\n"
		  "3: warning: include: no file matches \"empty.d/*\"",
	    1);
	put_file(NAME, PREAMBLE "include \"conf.d/*.conf\"\n");
	put_file("conf.d/b.conf", "domain \"b.test\" { }\n");
	put_file("conf.d/a.conf",
	    "domain \"a.test\" { }\n"
	    "defaults { lifetime = 1d }\n");
	load_case("", 3);
	put_file("conf.d/b.conf",
	    "\ndomain \"a.test\" { lifetime = 1x }\n"
	    "defaults { lifetime = 2d }\n}\n");
	snprintf(path, sizeof(path),
	    "conf.d/b.conf:2: error: domain \"a.test\": lifetime \"1x\" is not"
	    " a time; write a number with a unit, such as \"30d\" or \"12h\"\n"
	    "conf.d/b.conf:2: error: domain \"a.test\" is listed twice (first "
	    "at %s/conf.d/a.conf:1)\n"
	    "conf.d/b.conf:3: error: defaults: lifetime is set twice (first at "
	    "%s/conf.d/a.conf:2)\n"
	    "conf.d/b.conf:4: error: this } closes no section; remove it",
	    dir, dir);
	load_case(path, 0);
	put_file("conf.d/b.conf", "include \"../" NAME "\"\n");
	snprintf(path, sizeof(path),
	    "conf.d/b.conf:1: error: include:"
	    " \"%s/conf.d/../" NAME "\" includes itself",
	    dir);
	load_case(path, 0);
	put_file("conf.d/b.conf", "include \"/\"\n");
	load_case("conf.d/b.conf:1: error: include: \"/\" is not a file", 0);
}

/* Each link leads back to the folder: four of them are a million ways. */
static void
test_include_search(void **state MX_UNUSED)
{
	char link[1024];

	snprintf(link, sizeof(link), "%s/loops.d", dir);
	assert_int_equal(mkdir(link, 0700), 0);
	for (unsigned i = 0; i < 32; i++) {
		snprintf(link, sizeof(link), "%s/loops.d/%u", dir, i);
		assert_int_equal(symlink(".", link), 0);
	}
	put_file("loops.d/a.conf", "");
	put_file(NAME, PREAMBLE "include \"loops.d/*/*/*.conf\"\n");
	load_case("", 1);
	put_file(NAME, PREAMBLE "include \"loops.d/*/*/*/*/*.conf\"\n");
	load_case(
	    "2: error: include: searching \"loops.d/*/*/*/*/*.conf\" "
	    "took more than 5 s or 100000 folder entries; use a folder that "
	    "has only these files",
	    0);
	for (unsigned i = 0; i < 32; i++) {
		snprintf(link, sizeof(link), "%s/loops.d/%u", dir, i);
		assert_int_equal(unlink(link), 0);
	}
}

static void
test_include_depth(void **state MX_UNUSED)
{
	char name[32], text[512];
	unsigned i;

	put_file(NAME, PREAMBLE "include d1.inc\n");
	for (i = 1; i <= 4; i++) {
		snprintf(name, sizeof(name), "d%u.inc", i);
		snprintf(text, sizeof(text), "include \"d%u.inc\"\n", i + 1);
		put_file(name, i < 4 ? text : "domain \"x.test\" { }\n");
	}
	load_case("", 2);
	put_file("d4.inc", "include \"d5.inc\"\n");
	put_file("d5.inc", "");
	snprintf(text, sizeof(text),
	    "d4.inc:1: error: include: \"%s/d5.inc\" is nested more than 4 "
	    "files deep",
	    dir);
	load_case(text, 0);
}

static void
test_unreadable(void **state MX_UNUSED)
{
	struct conf_errors errs;
	struct config *c = config_load("/nonexistent/x.conf", &errs);

	assert_null(c);
	assert_int_equal(errs.n, 1);
	assert_int_equal(errs.e[0].line, 0);
	assert_string_equal(errs.e[0].text,
	    "\"/nonexistent/x.conf\" cannot be"
	    " read: No such file or directory");
	conf_errors_fini(&errs);
	c = config_load("/", &errs);
	assert_null(c);
	assert_int_equal(errs.n, 1);
	conf_errors_fini(&errs);
}

/* What the table writes of itself is right as it stands, and so is every
 * line of it that is commented out. */
static void
test_sample(void **state MX_UNUSED)
{
	struct conf_errors errs;
	struct config *c;
	size_t size, i, receivers = 0;
	char *text, *p, *end;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	config_write_sample(f);
	fclose(f);
	c = parse_good(text);
	assert_int_equal(c->ndomains, 1);
	config_unref(&c);
	for (p = text; *p != '\0'; p = end + 1) {
		end = strchr(p, '\n');
		assert_non_null(end);
		p += strspn(p, " ");
		*end = '\0';
		if (strncmp(p, "# ", 2) == 0 &&
		    (strstr(p, " = ") != NULL || end[-1] == '{' ||
			strcmp(p, "# }") == 0)) {
			*p = ' ';
			if (strncmp(p + strspn(p, " #"), "}", 1) != 0 &&
			    p[2] == '#')
				p[2] = ' ';
		}
		*end = '\n';
	}
	c = parse(text, &errs);
	assert_null(c);
	for (i = 0; i < errs.n; i++) {
		/* No receiver takes what all types take together. */
		if (strstr(errs.e[i].text, "receiver \"name\": ") != NULL ||
		    strstr(errs.e[i].text, "without libcurl") != NULL) {
			receivers++;
			assert_null(strstr(errs.e[i].text, "unknown"));
			assert_null(strstr(errs.e[i].text, "write it"));
			continue;
		}
		if (!errs.e[i].warning &&
		    strstr(errs.e[i].text, "cannot be read") == NULL)
			fail_msg("%u: %s", errs.e[i].line, errs.e[i].text);
	}
	assert_true(receivers > 0);
	conf_errors_fini(&errs);
	free(text);
}

static int
setup(void **state MX_UNUSED)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/mxwatch-test.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
teardown(void **state MX_UNUSED)
{
	static const char *const names[] = { NAME, "d1.inc", "d2.inc", "d3.inc",
		"d4.inc", "d5.inc", "tls/cert.pem", "tls/key.pem", "tls",
		"example.org.recipients", "pd.key", "conf.d/a.conf",
		"conf.d/b.conf", "conf.d", "loops.d/a.conf", "loops.d" };
	char path[512];
	size_t i;

	for (i = 0; i < MX_COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path);
	}
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_doubtful),
#ifdef HAVE_CURL
		cmocka_unit_test(test_design),
#endif
		cmocka_unit_test(test_maintenance),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_inherit),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_static),
		cmocka_unit_test(test_refs),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_removed_and_ended),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_include_depth),
		cmocka_unit_test(test_include_search),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_sample),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
