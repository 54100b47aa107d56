/* SPDX-License-Identifier: ISC
 * Every format against what it has to look like, to the byte; lengths; text
 * of peers that would like to be more than text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alerts/format.h"
#include "alerts/identity.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/hmac.h"

#define T0 INT64_C(1800000000000) /* 2027-01-15T08:00:00Z */

static struct conf_receiver conf;
static struct format_ctx x = { .conf = &conf,
	.hostname = "mx2.test",
	.instance = "mx2.test",
	.shared = "mx2.test",
	.url = "http://h.test/p",
	.routing_key = "KEY",
	.now_ms = T0 + 60000,
	.phase_ms = T0 + 30000 };

static struct note
note_of(unsigned domains, const char *summary)
{
	struct note n = { .kind = ALERT_primary_down,
		.group = "mx1.test",
		.primary = "mx1.test" };
	char name[16];

	for (unsigned i = 0; i < domains; i++) {
		snprintf(name, sizeof(name), "%c.test", 'a' + (int)(i % 26));
		note_add(&n, name, ALERT_SEV_CRITICAL, T0, summary);
	}
	return n;
}

static struct message
make(enum conf_receiver_type type, struct note n, bool resolve)
{
	struct message m;

	conf.type = type;
	conf.name = mem_strdup("r");
	if (resolve)
		note_end(&n, T0 + 30000);
	receiver_type(type)->note(&x, &n, resolve, &m);
	note_fini(&n);
	mem_free(&conf.name);
	return m;
}

static void
expect(struct message m, const char *body)
{
	assert_string_equal(buf_str(&m.body), body);
	message_fini(&m);
}

static void
pagerduty(void **st)
{
	(void)st;
	expect(make(RECEIVER_PAGERDUTY, note_of(1, "refused"), false),
	    "{\"routing_key\":\"KEY\",\"event_action\":\"trigger\","
	    "\"dedup_key\":\"mxwatch/mx2.test/primary_down/mx1.test\","
	    "\"payload\":{\"summary\":\"mx2.test: the primary is down "
	    "(critical): a.test: refused\",\"source\":\"mx2.test\","
	    "\"severity\":\"critical\",\"timestamp\":\"2027-01-15T08:00:00Z\","
	    "\"component\":\"a.test\",\"group\":\"mx1.test\","
	    "\"class\":\"primary_down\",\"custom_details\":{"
	    "\"primary\":\"mx1.test\",\"domains\":1,"
	    "\"next\":\"mxwatchctl why a.test\",\"alerts\":[{"
	    "\"domain\":\"a.test\",\"summary\":\"refused\","
	    "\"since\":\"2027-01-15T08:00:00Z\"}]}},\"client\":\"mxwatch\"}");
	expect(make(RECEIVER_PAGERDUTY, note_of(1, "refused"), true),
	    "{\"routing_key\":\"KEY\",\"event_action\":\"resolve\","
	    "\"dedup_key\":\"mxwatch/mx2.test/primary_down/mx1.test\"}");
}

static void
webhook(void **st)
{
	struct message m;
	char hex[HMAC_HEX_MAX], *want;

	(void)st;
	x.hmac_key = "k3y";
	x.token = "t0ken";
	m = make(RECEIVER_WEBHOOK, note_of(1, "refused"), true);
	want = mem_printf("X-Mxwatch-Signature: sha256=%s",
	    hmac_sha256_hex("k3y", 3, m.body.data, m.body.len, hex));
	assert_int_equal(m.header.n, 3);
	assert_string_equal(m.header.s[1], "Authorization: Bearer t0ken");
	assert_string_equal(m.header.s[2], want);
	mem_free(&want);
	x.hmac_key = x.token = NULL;
	expect(m,
	    "{\"version\":\"4\",\"groupKey\":\"mxwatch/mx2.test/primary_down/"
	    "mx1.test\",\"truncatedAlerts\":0,\"status\":\"resolved\","
	    "\"receiver\":\"r\",\"groupLabels\":{\"alertname\":"
	    "\"MxwatchPrimaryDown\",\"primary\":\"mx1.test\"},"
	    "\"commonLabels\":{\"alertname\":\"MxwatchPrimaryDown\","
	    "\"domain\":\"a.test\",\"instance\":\"mx2.test\","
	    "\"job\":\"mxwatch\",\"primary\":\"mx1.test\","
	    "\"severity\":\"critical\"},\"commonAnnotations\":{\"title\":"
	    "\"mx2.test: resolved after 30s: the primary is down: a.test\"},"
	    "\"externalURL\":\"\",\"alerts\":[{\"status\":\"resolved\","
	    "\"labels\":{\"alertname\":\"MxwatchPrimaryDown\","
	    "\"domain\":\"a.test\",\"instance\":\"mx2.test\","
	    "\"job\":\"mxwatch\",\"primary\":\"mx1.test\","
	    "\"severity\":\"critical\"},\"annotations\":{\"summary\":"
	    "\"the primary is down\",\"description\":\"refused\"},"
	    "\"startsAt\":\"2027-01-15T08:00:00Z\",\"endsAt\":"
	    "\"2027-01-15T08:00:30Z\",\"generatorURL\":\"\","
	    "\"fingerprint\":\"9e91401d48638162\"}]}");
}

static void
alertmanager(void **st)
{
	struct instance i = { .kind = ALERT_queue_age,
		.domain = "a.test",
		.primary = "mx1.test",
		.summary = "old" };
	struct am_alert list[] = { { &i, ALERT_SEV_WARNING, T0, 0 },
		{ &i, ALERT_SEV_CRITICAL, T0, T0 + 5000 } };
	struct message m;

	(void)st;
	x.url = "http://am.test:9093//";
	receiver_alertmanager.state(&x, list, 2, &m);
	x.url = "http://h.test/p";
	assert_string_equal(m.url, "http://am.test:9093/api/v2/alerts");
	expect(m,
	    "[{\"labels\":{\"alertname\":\"MxwatchQueueAge\",\"severity\":"
	    "\"warning\",\"job\":\"mxwatch\",\"instance\":\"mx2.test\","
	    "\"domain\":\"a.test\",\"primary\":\"mx1.test\"},\"annotations\":{"
	    "\"summary\":\"mail is getting old\",\"description\":\"old\","
	    "\"next\":\"mxwatchctl why a.test; more time: mxwatchctl extend "
	    "a.test +7d\"},"
	    "\"startsAt\":\"2027-01-15T08:00:00Z\",\"endsAt\":"
	    "\"2027-01-15T08:06:00Z\"},"
	    "{\"labels\":{\"alertname\":\"MxwatchQueueAge\",\"severity\":"
	    "\"critical\",\"job\":\"mxwatch\",\"instance\":\"mx2.test\","
	    "\"domain\":\"a.test\",\"primary\":\"mx1.test\"},\"annotations\":{"
	    "\"summary\":\"mail is getting old\",\"description\":\"old\","
	    "\"next\":\"mxwatchctl why a.test; more time: mxwatchctl extend "
	    "a.test +7d\"},"
	    "\"startsAt\":\"2027-01-15T08:00:00Z\",\"endsAt\":"
	    "\"2027-01-15T08:00:05Z\"}]");
}

/* A thousand domains that are all down, and more, go into one request. */
static void
alertmanager_of_thousands(void **st)
{
	struct am_alert *list = mem_array(AM_ALERTS_MAX, sizeof(*list));
	struct instance i = { .kind = ALERT_primary_down };
	struct message m;

	(void)st;
	memset(i.domain, 'd', sizeof(i.domain) - 1);
	memset(i.primary, 'p', sizeof(i.primary) - 1);
	memset(i.summary, '"', sizeof(i.summary) - 1);
	for (size_t k = 0; k < AM_ALERTS_MAX; k++)
		list[k] = (struct am_alert){ &i, ALERT_SEV_CRITICAL, T0, 0 };
	receiver_alertmanager.state(&x, list, AM_ALERTS_MAX, &m);
	assert_true(m.body.len > AM_ALERTS_MAX * 1000);
	assert_int_equal(m.body.data[m.body.len - 1], ']');
	message_fini(&m);
	mem_free(&list);
}

/* One of three domains is up again: who keeps them apart sees it. */
static void
partly_over(void **st)
{
	struct note n = note_of(3, "refused"), now = note_of(2, "refused");
	struct message m;
	char name[] = "r";
	cJSON *o, *alerts;

	(void)st;
	note_told(&n);
	note_update(&n, &now, T0 + 20000);
	conf.type = RECEIVER_WEBHOOK;
	conf.name = name;
	receiver_webhook.note(&x, &n, false, &m);
	o = cJSON_Parse(buf_str(&m.body));
	assert_string_equal(json_get_text(o, "status"), "firing");
	assert_int_equal(json_get_int(o, "truncatedAlerts"), 0);
	assert_non_null(strstr(buf_str(&m.body), "2 domains"));
	alerts = json_get(o, "alerts");
	assert_int_equal(cJSON_GetArraySize(alerts), 3);
	assert_string_equal(
	    json_get_text(cJSON_GetArrayItem(alerts, 1), "status"), "firing");
	assert_string_equal(
	    json_get_text(cJSON_GetArrayItem(alerts, 2), "status"), "resolved");
	assert_string_equal(
	    json_get_text(cJSON_GetArrayItem(alerts, 2), "endsAt"),
	    "2027-01-15T08:00:20Z");
	cJSON_Delete(o);
	message_fini(&m);
	note_fini(&now);
	note_end(&n, T0 + 30000);
	receiver_webhook.note(&x, &n, true, &m);
	assert_non_null(strstr(buf_str(&m.body), "3 domains"));
	message_fini(&m);
	note_fini(&n);
}

/* A list in the DNS is no domain. */
static void
about_a_list(void **st)
{
	static const enum conf_receiver_type type[] = { RECEIVER_WEBHOOK,
		RECEIVER_PAGERDUTY };
	struct message m;

	(void)st;
	for (unsigned i = 0; i < MX_COUNT(type); i++) {
		struct note n = { .kind = ALERT_dnsbl_broken };

		note_add(&n, "bl.test", ALERT_SEV_WARNING, T0, "mute");
		m = make(type[i], n, false);
		assert_null(strstr(buf_str(&m.body), "\"domain\""));
		assert_non_null(
		    strstr(buf_str(&m.body), "\"list\":\"bl.test\""));
		message_fini(&m);
	}
}

/* What has no domain and no primary has no such labels. */
static void
about_the_daemon(void **st)
{
	struct note n = { .kind = ALERT_spool_low };
	struct message m;

	(void)st;
	note_add(&n, "", ALERT_SEV_CRITICAL, T0, "full");
	m = make(RECEIVER_WEBHOOK, n, false);
	assert_null(strstr(buf_str(&m.body), "\"domain\""));
	assert_null(strstr(buf_str(&m.body), "\"primary\""));
	message_fini(&m);
	memset(&n, 0, sizeof(n));
	n.kind = ALERT_spool_low;
	note_add(&n, "", ALERT_SEV_CRITICAL, T0, "full");
	m = make(RECEIVER_PAGERDUTY, n, false);
	assert_null(strstr(buf_str(&m.body), "\"component\""));
	assert_null(strstr(buf_str(&m.body), "\"group\""));
	message_fini(&m);
}

static void
email(void **st)
{
	char *to[] = { mem_strdup("ops@x.test"), mem_strdup("boss@x.test") };
	struct message m;

	(void)st;
	conf.to = (struct strlist){ 2, to };
	conf.smarthost = mem_strdup("smtp://out.test:587/");
	x.from = "mxwatch@mx2.test";
	m = make(RECEIVER_EMAIL, note_of(1, "bad\r\n.\r\nRCPT TO:<x>"), false);
	assert_int_equal(m.carrier, CARRY_SMTP);
	/* the name that curl says in EHLO */
	assert_string_equal(m.url, "smtp://out.test:587/mx2.test");
	mem_free(&conf.smarthost);
	mem_free(&to[0]);
	mem_free(&to[1]);
	expect(m,
	    "Date: Fri, 15 Jan 2027 08:01:00 +0000\r\n"
	    "From: <mxwatch@mx2.test>\r\n"
	    "To: <ops@x.test>,\r\n    <boss@x.test>\r\n"
	    "Subject: mx2.test: the primary is down (critical): a.test: "
	    "bad??.??RCPT TO:<x>\r\n"
	    "Message-ID: "
	    "<1800000030000.ef4ccecd22c5ac74b31d7949a85d2c6b.t@mx2.test>\r\n"
	    "References: <ef4ccecd22c5ac74b31d7949a85d2c6b@mx2.test>\r\n"
	    "In-Reply-To: <ef4ccecd22c5ac74b31d7949a85d2c6b@mx2.test>\r\n"
	    "Auto-Submitted: auto-generated\r\n"
	    "X-Mxwatch-Key: mxwatch/mx2.test/primary_down/mx1.test\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n\r\n"
	    "a.test: bad??.??RCPT TO:<x>\r\n  since 2027-01-15T08:00:00Z\r\n"
	    "next: mxwatchctl why a.test\r\n"
	    "\r\n-- \r\nmxwatch on mx2.test\r\n");
}

static void
ntfy_and_slack(void **st)
{
	struct message m = make(RECEIVER_NTFY, note_of(2, "refused"), false);

	(void)st;
	assert_string_equal(m.header.s[1],
	    "Title: mx2.test: the primary is down (critical): mx1.test, 2 "
	    "domains");
	assert_string_equal(m.header.s[2], "Priority: 5");
	expect(m,
	    "a.test: refused\n  since 2027-01-15T08:00:00Z\n"
	    "b.test: refused\n  since 2027-01-15T08:00:00Z\n"
	    "next: mxwatchctl why DOMAIN\n");
	expect(make(RECEIVER_SLACK, note_of(1, "<!channel> & co"), true),
	    "{\"text\":\"mx2.test: resolved after 30s: the primary is down: "
	    "a.test\\na.test: it was: &lt;!channel&gt; &amp; co\\n"
	    "  since 2027-01-15T08:00:00Z until 2027-01-15T08:00:30Z, "
	    "for 30s\\n\"}");
}

/* Each type of the table has a file that tells notes or the state, and what an
 * answer means reaches the operator, whole words of it. */
static void
every_type(void **st)
{
	struct send_result r;
	const struct receiver_type *t;

	(void)st;
	for (unsigned i = 0; i < RECEIVER_TYPE_MAX; i++) {
		t = receiver_type((enum conf_receiver_type)i);
		assert_non_null(t);
		assert_true((t->note != NULL) != (t->state != NULL));
		r = (struct send_result){ .result = CARRY_SENT,
			.status = 202,
			.text = "HTTP 202" };
		format_answer(t, &r);
		assert_int_equal(r.result, CARRY_SENT);
		assert_string_equal(r.text, "HTTP 202");
	}
	r = (struct send_result){ .status = 403, .text = "HTTP 403" };
	format_answer(&receiver_ntfy, &r);
	assert_int_equal(r.result, CARRY_REJECTED);
	assert_string_equal(r.text,
	    "HTTP 403: the token may not publish there");
}

static void
long_things(void **st)
{
	char big[RULES_SUMMARY], name[300];
	struct message m;
	cJSON *o;
	char *key;
	struct note n;

	(void)st;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	m = make(RECEIVER_PAGERDUTY, note_of(500, big), false);
	o = cJSON_Parse(buf_str(&m.body));
	assert_non_null(o);
	assert_int_equal(
	    cJSON_GetArraySize(cJSON_GetObjectItem(
		cJSON_GetObjectItem(cJSON_GetObjectItem(o, "payload"),
		    "custom_details"),
		"alerts")),
	    NOTE_MEMBERS_MAX);
	cJSON_Delete(o);
	message_fini(&m);
	m = make(RECEIVER_NTFY, note_of(500, big), false);
	assert_true(m.body.len <= 4096);
	message_fini(&m);
	n = note_of(1, "");
	memset(name, 'h', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	x.instance = name;
	key = format_key(&x, &n);
	x.instance = "mx2.test";
	assert_int_equal(strlen(key), 64);
	mem_free(&key);
	note_fini(&n);
}

/* Links lead to the domain, to what a primary has, or to all of it; and only
 * where there is a page. */
static void
links(void **st)
{
	static const struct {
		const char *page, *about, *link;
	} t[] = {
		{ NULL, "a.test", "" },
		{ "", "a.test", "" },
		{ "https://m.test", "a.test", "https://m.test/#a.test" },
		{ "https://m.test/", "", "https://m.test/" },
		{ "https://m.test/mx//", "a.test",
		    "https://m.test/mx/#a.test" },
		{ "https://m.test", "[2001:db8::1]:25",
		    "https://m.test/#%5B2001:db8::1%5D:25" },
	};
	char *link;

	(void)st;
	for (size_t i = 0; i < MX_COUNT(t); i++) {
		x.page_url = t[i].page;
		link = format_link(&x, t[i].about);
		assert_string_equal(link, t[i].link);
		mem_free(&link);
	}
	x.page_url = NULL;
}

/* Every type has them, each in the place that its other side knows. */
static void
linked(void **st)
{
	static const char page[] = "https://m.test/#a.test",
			  book[] = "https://book.test/#primary_down";
	static const struct {
		enum conf_receiver_type type;
		const char *part;
	} t[] = {
		{ RECEIVER_PAGERDUTY,
		    "\"client\":\"mxwatch\","
		    "\"client_url\":\"https://m.test/#a.test\",\"links\":["
		    "{\"href\":\"https://m.test/#a.test\",\"text\":\"status "
		    "page\"},{\"href\":\"https://book.test/#primary_down\","
		    "\"text\":\"runbook\"}]" },
		{ RECEIVER_WEBHOOK, "\"externalURL\":\"https://m.test/\"" },
		{ RECEIVER_WEBHOOK,
		    "\"generatorURL\":\"https://m.test/#a.test\"" },
		{ RECEIVER_WEBHOOK,
		    "\"runbook_url\":\"https://book.test/#primary_down\"" },
		{ RECEIVER_EXEC,
		    "\"generatorURL\":\"https://m.test/#a.test\"" },
		{ RECEIVER_NTFY, "page: https://m.test/#a.test\n" },
		{ RECEIVER_SLACK, "page: https://m.test/#a.test\\n" },
	};
	struct message m;

	(void)st;
	x.page_url = "https://m.test/";
	x.runbook_url = "https://book.test/";
	for (size_t i = 0; i < MX_COUNT(t); i++) {
		m = make(t[i].type, note_of(1, "refused"), false);
		if (strstr(buf_str(&m.body), t[i].part) == NULL)
			fail_msg("%zu: %s", i, buf_str(&m.body));
		assert_non_null(strstr(buf_str(&m.body), page));
		assert_non_null(strstr(buf_str(&m.body), book));
		message_fini(&m);
		/* A test is about nothing that a runbook has. */
		m = make(t[i].type, (struct note){ .kind = NOTE_TEST }, false);
		assert_null(strstr(buf_str(&m.body), "book.test"));
		message_fini(&m);
	}
	m = make(RECEIVER_NTFY, note_of(1, "refused"), true);
	assert_string_equal(m.header.s[4], "Click: https://m.test/#a.test");
	message_fini(&m);
	x.page_url = x.runbook_url = NULL;
}

/* What finds no room is counted, and never cut. */
static void
room(void **st)
{
	struct note n = note_of(40, "refused by a long sentence of it");
	struct buf out = BUF_INIT(8192);
	unsigned members = 0, more = 0;
	const char *p;

	(void)st;
	x.page_url = "https://m.test/";
	for (size_t max = 120; max < 5000; max += 61) {
		buf_clear(&out);
		format_lines(&x, &n, max, &out);
		assert_true(out.len <= max);
		members = 0;
		for (p = buf_str(&out);
		     (p = strstr(p, "since 2027-01-15T")) != NULL; p++)
			members++;
		p = strstr(buf_str(&out), "and ");
		more = p != NULL ? (unsigned)strtoul(p + 4, NULL, 10) : 0;
		assert_int_equal(members + more, 40);
		assert_non_null(strstr(buf_str(&out),
		    "next: mxwatchctl why DOMAIN\npage: "));
	}
	assert_int_equal(more, 0);
	x.page_url = NULL;
	buf_fini(&out);
	note_fini(&n);
}

/* A resolve whose trigger never arrived says so; it is all that they get. */
static void
untold(void **st)
{
	struct message m;

	(void)st;
	x.untold = true;
	m = make(RECEIVER_NTFY, note_of(1, "refused"), true);
	x.untold = false;
	assert_string_equal(m.header.s[1],
	    "Title: mx2.test: resolved after 30s, could not be sent earlier: "
	    "the primary is down: a.test");
	assert_non_null(strstr(buf_str(&m.body), "it was: refused"));
	message_fini(&m);
}

/* Of two servers that share a greeting each has keys of its own. */
static void
identity(void **st)
{
	static const struct {
		const char *instance, *node, *name;
	} t[] = {
		{ NULL, "mx2", "mx2.test" },
		{ NULL, "MX2", "mx2.test" },
		{ NULL, "mx2.test", "mx2.test" },
		{ NULL, "", "mx2.test" },
		{ NULL, "localhost.localdomain", "mx2.test" },
		{ NULL, "node-a", "mx2.test/node-a" },
		{ NULL, "mx2.dc1.test", "mx2.test/mx2.dc1.test" },
		{ NULL, "mx", "mx2.test/mx" },
		{ "fra", "node-a", "fra" },
	};
	char host[] = "mx2.test", name[IDENTITY_MAX], *instance;
	struct config c = { .hostname = host };

	(void)st;
	for (size_t i = 0; i < MX_COUNT(t); i++) {
		instance =
		    t[i].instance != NULL ? mem_strdup(t[i].instance) : NULL;
		c.alerts.instance = instance;
		identity_name(&c, t[i].node, name);
		assert_string_equal(name, t[i].name);
		mem_free(&instance);
	}
}

/* A spool that another machine has used is told of once, whoever has it then. */
static void
moved(void **st)
{
	char path[] = "instance.XXXXXX";
	int fd = mkstemp(path);

	(void)st;
	assert_true(fd >= 0);
	close(fd);
	assert_false(identity_moved(path, "mx2", "aaaa"));
	assert_false(identity_moved(path, "mx2", "aaaa"));
	assert_true(identity_moved(path, "mx2", "bbbb"));
	assert_false(identity_moved(path, "mx2", "bbbb"));
	/* under another name it closes nobody's */
	assert_false(identity_moved(path, "mx3", "cccc"));
	assert_true(identity_moved(path, "mx3", "aaaa"));
	unlink(path);
	assert_false(identity_moved(path, "mx3", "bbbb"));
	unlink(path);
}

/* A signed token is longer than a line was once thought to be. */
static void
long_token(void **st)
{
	char *token = mem_alloc(SECRET_MAX + 1), *want;
	struct message m;

	(void)st;
	memset(token, 't', SECRET_MAX);
	x.token = token;
	m = make(RECEIVER_WEBHOOK, note_of(1, "refused"), false);
	x.token = NULL;
	want = mem_printf("Authorization: Bearer %s", token);
	assert_string_equal(m.header.s[1], want);
	message_fini(&m);
	mem_free(&want);
	mem_free(&token);
}

static void
digests(void **st)
{
	char hex[HMAC_HEX_MAX];

	(void)st;
	/* RFC 4231, test case 2 */
	assert_string_equal(
	    hmac_sha256_hex("Jefe", 4, "what do ya want for nothing?", 28, hex),
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	assert_string_equal(sha256_hex("abc", 3, hex),
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pagerduty),
		cmocka_unit_test(webhook),
		cmocka_unit_test(alertmanager),
		cmocka_unit_test(alertmanager_of_thousands),
		cmocka_unit_test(partly_over),
		cmocka_unit_test(about_a_list),
		cmocka_unit_test(about_the_daemon),
		cmocka_unit_test(email),
		cmocka_unit_test(ntfy_and_slack),
		cmocka_unit_test(every_type),
		cmocka_unit_test(long_things),
		cmocka_unit_test(links),
		cmocka_unit_test(linked),
		cmocka_unit_test(room),
		cmocka_unit_test(untold),
		cmocka_unit_test(identity),
		cmocka_unit_test(moved),
		cmocka_unit_test(long_token),
		cmocka_unit_test(digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
