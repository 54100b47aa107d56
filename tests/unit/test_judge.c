/* SPDX-License-Identifier: ISC
 * Levels, words and numbers over made-up status documents; the HTTP reader
 * over made-up answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "contrib/nagios/fetch.h"
#include "contrib/nagios/judge.h"

/* The time is 1000000; down.test is down for 2d4h with mail that has used
 * half of its five days, up.test is fine. */
#define DOWN                                                                   \
	"{\"domain\":\"down.test\",\"state\":\"down\",\"state_since\":812800," \
	"\"cause\":\"connect: refused | really\",\"queue\":{\"messages\":212," \
	"\"bytes\":2048,\"oldest_age_seconds\":223200,"                        \
	"\"lifetime_seconds\":432000,\"next_expiry\":1172800},\"flush\":null," \
	"\"counters\":{\"delivered\":80,\"bounced\":15,\"expired\":5},"        \
	"\"recent\":{\"1h\":{\"delivered\":6,\"bounced\":4,\"expired\":0},"    \
	"\"1d\":{\"delivered\":70,\"bounced\":14,\"expired\":3}},"             \
	"\"primaries\":[{\"primary\":\"mx.down.test\",\"probed\":true,"        \
	"\"healthy\":false,\"text\":\"bad\\u001b[31m|\"}]}"
#define UP                                                                     \
	"{\"domain\":\"up.test\",\"state\":\"up\",\"state_since\":999990,"     \
	"\"queue\":{\"messages\":0,\"bytes\":0,\"oldest_age_seconds\":0,"      \
	"\"lifetime_seconds\":432000,\"next_expiry\":null},"                   \
	"\"flush\":{\"running\":true,\"total\":10,\"remaining\":4,\"rate\":2," \
	"\"eta_seconds\":120},\"counters\":{\"delivered\":100},\"primaries\":" \
	"[{\"primary\":\"mx.up.test\",\"probed\":true,\"healthy\":true,"       \
	"\"phase_seconds\":{\"connect\":0.25,\"ehlo\":0.5}}]}"
#define HEAD(ready, accepting)                                                 \
	"{\"time\":1000000,\"ready\":" ready ",\"not_ready\":\"indexing\","    \
	"\"spool\":{\"state\":\"ok\",\"accepting\":" accepting ","             \
	"\"size_bytes\":10737418240,\"free_bytes\":3221225472,"                \
	"\"reserve_bytes\":1073741824},\"started\":999000,\"heartbeats\":["    \
	"{\"heartbeat\":\"hc\",\"last_success\":999940},"                      \
	"{\"heartbeat\":\"new\",\"last_success\":null}],"                      \
	"\"config\":{\"reload_ok\":true},\"domains\":"
#define BOTH HEAD("true", "true") "[" DOWN "," UP "]}"

#define EXTENDED                                                               \
	"{\"domain\":\"ext.test\",\"state\":\"down\",\"queue\":{"              \
	"\"messages\":2,\"oldest_age_seconds\":223200,"                        \
	"\"lifetime_seconds\":432000,\"extended_seconds\":460800,"             \
	"\"lifetime_used_ratio\":0.25}}"

/* Down since 2h with a recovery in between; recovering for 2h after 10m. */
#define AGAIN                                                                  \
	"{\"domain\":\"again.test\",\"state\":\"down\",\"state_since\":"       \
	"999940,\"unwell_since\":992800}"
#define RECOVERING                                                             \
	"{\"domain\":\"back.test\",\"state\":\"recovering\",\"state_since\":"  \
	"992800,\"unwell_since\":992200}"
/* Two nodes, in the state that is given; the time is 1000000. */
#define CLUSTER(away, sync, required, local, oldest, live, missing, differing, \
    fenced, unowned)                                                           \
	"{\"time\":1000000,\"ready\":true,\"spool\":{\"state\":\"ok\","        \
	"\"accepting\":true},\"config\":{\"reload_ok\":true},\"cluster\":{"    \
	"\"node\":\"mx1\",\"fenced\":" fenced                                  \
	",\"engine\":{\"away_since\":" away ",\"synchronous\":" sync           \
	",\"require_sync\":" required "},\"local\":{"                          \
	"\"messages\":" local ",\"oldest\":" oldest "},\"live\":" live         \
	",\"missing\":" missing ",\"differing\":" differing ",\"domains\":{"   \
	"\"all\":8,\"ours\":3,\"unowned\":" unowned "},\"nodes\":[{\"node\":"  \
	"\"mx1\",\"state\":\"live\"},{\"node\":\"m|2\",\"state\":\"dead\"}]}," \
	"\"domains\":[" UP "]}"
#define WELL                                                                   \
	CLUSTER("null", "true", "false", "0", "null", "2", "0", "0", "false",  \
	    "0")
#define OLD_LOCAL                                                              \
	CLUSTER("null", "true", "false", "7", "999000", "2", "0", "0",         \
	    "false", "0")

#define SHORT                                                                  \
	"{\"domain\":\"short.test\",\"state\":\"down\",\"queue\":{"            \
	"\"messages\":2,\"oldest_age_seconds\":3600,\"lifetime_seconds\":"     \
	"86400,\"next_expiry\":1082800}}"

static const struct {
	const char *name, *document;
	enum check_mode mode;
	const char *warning, *critical, *domain;
	enum level level;
	const char *says, *perf;
} cases[] = {
	{ "depth, no thresholds", BOTH, CHECK_QUEUE, NULL, NULL, NULL, LEVEL_OK,
	    "2 domains, worst down.test: 212 messages",
	    "'down.test_msgs'=212;;;0; 'up.test_msgs'=0;;;0; "
	    "'total_msgs'=212;;;0;" },
	{ "depth, warning", BOTH, CHECK_QUEUE, "100", "500", NULL,
	    LEVEL_WARNING, "down.test: 212 messages", "=212;100;500;0;" },
	{ "depth, critical", BOTH, CHECK_QUEUE, "100", "200", NULL,
	    LEVEL_CRITICAL, "down.test: 212", "=212;100;200;0;" },
	{ "depth of the other", BOTH, CHECK_QUEUE, "100", "200", "up.test",
	    LEVEL_OK, "up.test: 0 messages", "'up.test_msgs'=0;100;200;0;" },
	{ "age in percent", BOTH, CHECK_AGE, "50%", "80%", NULL, LEVEL_WARNING,
	    "down.test: 212 messages, oldest 2d14h (52% of lifetime)",
	    "'down.test_age'=223200s;216000;345600;0;432000" },
	{ "age, absolute", BOTH, CHECK_AGE, "1d", "2d", NULL, LEVEL_CRITICAL,
	    "52% of lifetime", ";86400;172800;0;432000" },
	{ "expiry", BOTH, CHECK_EXPIRY, "172800:", "1d:", NULL, LEVEL_OK,
	    "down.test: first message expires in 2d",
	    "'down.test_expiry'=172800s;172800:;86400:;0;" },
	{ "expiry, in percent of the lifetime", BOTH, CHECK_EXPIRY,
	    "50%:", "20%:", NULL, LEVEL_WARNING, "down.test: first",
	    "=172800s;216000:;86400:;0;" },
	{ "expiry, an empty queue has no number", BOTH, CHECK_EXPIRY, "2d:",
	    "1d:", "up.test", LEVEL_OK, "up.test: nothing to expire", "" },
	{ "expiry, a day's lifetime has just begun",
	    HEAD("true", "true") "[" SHORT "]}", CHECK_EXPIRY,
	    "40%:", "20%:", NULL, LEVEL_OK, "first message expires in 23h",
	    "=82800s;34560:;17280:;0;" },
	{ "expiry is near", BOTH, CHECK_EXPIRY, "3d:", "1d:", NULL,
	    LEVEL_WARNING, "down.test: first", "=172800s;259200:;86400:;0;" },
	{ "primary", BOTH, CHECK_PRIMARY, NULL, NULL, NULL, LEVEL_WARNING,
	    "down.test: primary down 2d4h: connect: refused ! really",
	    "'down.test_down'=187200s;;;0; 'up.test_down'=0s;;;0;" },
	{ "primary down for too long", BOTH, CHECK_PRIMARY, "1h", "2d", NULL,
	    LEVEL_CRITICAL, "down.test: primary down 2d4h", ";3600;172800;" },
	{ "primary down for a while", BOTH, CHECK_PRIMARY, "3d", "4d", NULL,
	    LEVEL_OK, "down.test: primary down", ";259200;345600;" },
	{ "primary, in percent of the lifetime", BOTH, CHECK_PRIMARY, "5m",
	    "40%", NULL, LEVEL_CRITICAL, "down.test: primary down 2d4h",
	    "=187200s;300;172800;0;" },
	{ "primary, down again a minute ago",
	    HEAD("true", "true") "[" AGAIN "]}", CHECK_PRIMARY, "5m", "1h",
	    NULL, LEVEL_CRITICAL, "again.test: primary down 2h",
	    "'again.test_down'=7200s;" },
	{ "primary, it recovers: neither over nor longer",
	    HEAD("true", "true") "[" RECOVERING "]}", CHECK_PRIMARY, "5m", "1h",
	    NULL, LEVEL_WARNING, "back.test: primary recovering 2h",
	    "'back.test_down'=600s;" },
	{ "primary, it recovers, no thresholds",
	    HEAD("true", "true") "[" RECOVERING "]}", CHECK_PRIMARY, NULL, NULL,
	    NULL, LEVEL_WARNING, "back.test: primary recovering", "=600s;" },
	{ "probe time", BOTH, CHECK_PROBE_TIME, "500ms", "1s", NULL,
	    LEVEL_WARNING, "up.test: probe of mx.up.test took 0.750s",
	    "'up.test_probe'=0.75s;0.5;1;0;" },
	{ "bounces in percent", BOTH, CHECK_BOUNCES, "10%", "20%", NULL,
	    LEVEL_WARNING, "down.test: 15 recipients bounced",
	    "'down.test_bounced'=15c;10;20;0;" },
	{ "expired", BOTH, CHECK_EXPIRED, "0", "4", NULL, LEVEL_CRITICAL,
	    "down.test: 5 recipients expired", "=5c;0;4;0;" },
	{ "flush", BOTH, CHECK_FLUSH, "1m", "1h", NULL, LEVEL_WARNING,
	    "up.test: flush: 6 of 10 done, 2.0/s, 2m left",
	    "'up.test_eta'=120s;60;3600;0;" },
	{ "age, extended", HEAD("true", "true") "[" EXTENDED "]}", CHECK_AGE,
	    "50%", "80%", NULL, LEVEL_OK, "oldest 2d14h (25% of lifetime)",
	    "'ext.test_age'=223200s;446400;714240;0;892800" },
	{ "spool", BOTH, CHECK_SPOOL, "4G:", "2G:", NULL, LEVEL_WARNING,
	    "spool ok, ", "'spool_free'=3221225472B;4294967296:;" },
	{ "spool, in percent", BOTH, CHECK_SPOOL, "40%:", "10%:", NULL,
	    LEVEL_WARNING, "spool ok, 3.0GB free (30%), 1.0GB in reserve",
	    "=3221225472B;4294967296:;1073741824:;0;10737418240" },
	{ "heartbeats", BOTH, CHECK_HEARTBEAT, NULL, NULL, NULL, LEVEL_OK,
	    "new: no success since the start 16m40s ago",
	    "'hc_heartbeat'=60s;;;0; 'new_heartbeat'=1000s;;;0;" },
	{ "a heartbeat is late", BOTH, CHECK_HEARTBEAT, "30s", "5m", NULL,
	    LEVEL_CRITICAL, "2 not well, worst new: no success",
	    "'hc_heartbeat'=60s;30;300;0;" },
	{ "spool of an older daemon, in percent",
	    "{\"spool\":{\"state\":\"ok\",\"accepting\":true},\"domains\":[]}",
	    CHECK_SPOOL, "20%:", NULL, NULL, LEVEL_UNKNOWN,
	    "does not say how large", "" },
	{ "no heartbeats", "{\"time\":1,\"domains\":[]}", CHECK_HEARTBEAT, NULL,
	    NULL, NULL, LEVEL_UNKNOWN, "no heartbeat is configured", "" },
	{ "spool is full", HEAD("true", "false") "[]}", CHECK_SPOOL, NULL, NULL,
	    NULL, LEVEL_CRITICAL, "NO NEW MAIL", "spool_free" },
	{ "all", BOTH, CHECK_ALL, "50%", "80%", NULL, LEVEL_WARNING,
	    "down.test: 212 messages, oldest 2d14h (52% of lifetime), "
	    "primary down 2d4h",
	    "'down.test_msgs'=212;;;0;" },
	{ "all, the good one", BOTH, CHECK_ALL, "50%", "80%", "up.test",
	    LEVEL_OK, "up.test: no messages, primary up 10s", "up.test_age" },
	{ "all, not ready", HEAD("false", "true") "[" UP "]}", CHECK_ALL, NULL,
	    NULL, NULL, LEVEL_CRITICAL, "not ready: indexing", "spool_free" },
	{ "a cluster", WELL, CHECK_CLUSTER, NULL, NULL, NULL, LEVEL_OK,
	    "cluster: mx1 of 2 live nodes, 3 of 8 domains are its own",
	    "'cluster_away'=0s;;;0; 'cluster_synchronous'=1;;;0; "
	    "'cluster_live'=2;;;0; 'cluster_missing'=0;;;0; "
	    "'cluster_differing'=0;;;0; 'cluster_fenced'=0;;;0; "
	    "'cluster_unowned'=0;;;0; 'cluster_local_msgs'=0;;;0; "
	    "'cluster_local'=0s;;;0;" },
	{ "no cluster", BOTH, CHECK_CLUSTER, NULL, NULL, NULL, LEVEL_UNKNOWN,
	    "no node of a cluster", "" },
	{ "engine away",
	    CLUSTER("999700", "false", "true", "7", "999900", "2", "0", "0",
		"false", "0"),
	    CHECK_CLUSTER, NULL, NULL, NULL, LEVEL_CRITICAL,
	    "cluster: the engine is unreachable for 5m",
	    "'cluster_away'=300s" },
	{ "not synchronous",
	    CLUSTER("null", "false", "false", "0", "null", "2", "0", "0",
		"false", "0"),
	    CHECK_CLUSTER, NULL, NULL, NULL, LEVEL_WARNING,
	    "no synchronous standby", "'cluster_synchronous'=0;" },
	{ "not synchronous, and required",
	    CLUSTER("null", "false", "true", "0", "null", "2", "0", "0",
		"false", "0"),
	    CHECK_CLUSTER, NULL, NULL, NULL, LEVEL_CRITICAL, "takes no mail",
	    "" },
	{ "a node is missing",
	    CLUSTER("null", "true", "false", "0", "null", "2", "1", "0",
		"false", "0"),
	    CHECK_CLUSTER, NULL, NULL, NULL, LEVEL_WARNING,
	    "cluster: 1 of its nodes missing, m!2 is dead",
	    "'cluster_missing'=1;" },
	{ "one is left",
	    CLUSTER("null", "true", "false", "0", "null", "1", "1", "0",
		"false", "0"),
	    CHECK_CLUSTER, NULL, NULL, NULL, LEVEL_CRITICAL, "missing",
	    "'cluster_live'=1;" },
	{ "configurations differ",
	    CLUSTER("null", "true", "false", "0", "null", "2", "0", "1",
		"false", "0"),
	    CHECK_CLUSTER, NULL, NULL, NULL, LEVEL_WARNING,
	    "another configuration", "'cluster_differing'=1;" },
	{ "fenced",
	    CLUSTER("null", "true", "false", "0", "null", "2", "0", "0", "true",
		"0"),
	    CHECK_CLUSTER, NULL, NULL, NULL, LEVEL_WARNING, "declared dead",
	    "'cluster_fenced'=1;" },
	{ "domains of nobody",
	    CLUSTER("null", "true", "false", "0", "null", "2", "0", "0",
		"false", "2"),
	    CHECK_CLUSTER, NULL, NULL, NULL, LEVEL_WARNING,
	    "2 domains without a node", "'cluster_unowned'=2;" },
	{ "local mail is old", OLD_LOCAL, CHECK_CLUSTER, NULL, NULL, NULL,
	    LEVEL_WARNING,
	    "7 messages at this node alone, the oldest 16m40s old",
	    "'cluster_local_msgs'=7;;;0; 'cluster_local'=1000s" },
	{ "local mail, thresholds", OLD_LOCAL, CHECK_CLUSTER, "20m", "1h", NULL,
	    LEVEL_OK, "live nodes", "'cluster_local'=1000s;1200;3600;0;" },
	{ "local mail, critical", OLD_LOCAL, CHECK_CLUSTER, "5m", "15m", NULL,
	    LEVEL_CRITICAL, "at this node alone", "=1000s;300;900;0;" },
	{ "two things of a cluster",
	    CLUSTER("999700", "false", "false", "7", "999000", "2", "0", "0",
		"false", "0"),
	    CHECK_CLUSTER, NULL, NULL, NULL, LEVEL_CRITICAL,
	    "2 not well, worst cluster: the engine is unreachable", "" },
	{ "all, of a cluster", OLD_LOCAL, CHECK_ALL, "50%", "80%", NULL,
	    LEVEL_WARNING, "cluster: 7 messages at this node alone",
	    "'up.test_msgs'=0;" },
	{ "all, of a cluster that is well", WELL, CHECK_ALL, "50%", "80%", NULL,
	    LEVEL_OK, "up.test: no messages", "" },
	{ "no such domain", BOTH, CHECK_QUEUE, NULL, NULL, "x.test",
	    LEVEL_UNKNOWN, "x.test: no such domain", "" },
	{ "no domains", HEAD("true", "true") "[]}", CHECK_QUEUE, "1", "1", NULL,
	    LEVEL_OK, "0 domains", "'total_msgs'=0;;;0;" },
	{ "no document", "{\"error\":1}", CHECK_QUEUE, NULL, NULL, NULL,
	    LEVEL_CRITICAL, "no status document", "" },
	{ "wrong types", "{\"time\":\"x\",\"domains\":[1,null,{\"queue\":[]}]}",
	    CHECK_ALL, NULL, NULL, NULL, LEVEL_CRITICAL, "", "" },
};

static void
setup(struct check *c, size_t i)
{
	const unsigned units = mode_info[cases[i].mode].units;

	*c = (struct check){ .mode = cases[i].mode };
	if (cases[i].warning != NULL)
		assert_int_equal(
		    range_parse(cases[i].warning, units, &c->warning, NULL), 0);
	if (cases[i].critical != NULL)
		assert_int_equal(
		    range_parse(cases[i].critical, units, &c->critical, NULL),
		    0);
	if (cases[i].domain != NULL)
		c->only[c->nonly++] = cases[i].domain;
}

static void
the_cases(void **state)
{
	struct verdict v;
	struct check c;
	cJSON *doc;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(cases); i++) {
		setup(&c, i);
		doc = cJSON_Parse(cases[i].document);
		assert_non_null(doc);
		judge(&c, doc, &v);
		if (v.level != cases[i].level ||
		    strstr(buf_str(&v.line), cases[i].says) == NULL ||
		    strstr(buf_str(&v.perf), cases[i].perf) == NULL ||
		    strstr(buf_str(&v.perf), "=U") != NULL)
			fail_msg("%s: %s: %s | %s", cases[i].name,
			    level_name(v.level), buf_str(&v.line),
			    buf_str(&v.perf));
		verdict_fini(&v);
		cJSON_Delete(doc);
	}
}

static void
options(void **state)
{
	struct check c = { .mode = CHECK_QUEUE, .sum = true };
	cJSON *doc = cJSON_Parse(BOTH);
	struct verdict v;

	(void)state;
	assert_int_equal(range_parse("200", 0, &c.critical, NULL), 0);
	judge(&c, doc, &v);
	assert_int_equal(v.level, LEVEL_CRITICAL);
	assert_string_equal(buf_str(&v.line), "2 domains, 212 messages");
	assert_non_null(strstr(buf_str(&v.perf), "'total_msgs'=212;;200;0;"));
	verdict_fini(&v);

	c.except[c.nexcept++] = "down.test";
	judge(&c, doc, &v);
	assert_int_equal(v.level, LEVEL_OK);
	assert_null(strstr(buf_str(&v.perf), "down.test"));
	verdict_fini(&v);

	c = (struct check){ .mode = CHECK_PRIMARY, .primary_critical = true };
	c.verbose = 2;
	judge(&c, doc, &v);
	assert_int_equal(v.level, LEVEL_CRITICAL);
	assert_non_null(strstr(buf_str(&v.more), "OK: up.test: primary up"));
	/* Nothing of a peer steers a terminal or begins perfdata. */
	assert_non_null(strstr(buf_str(&v.more), "failed: bad?[31m!"));
	verdict_fini(&v);
	cJSON_Delete(doc);
}

/* 40 % of what was decided in the last hour. */
static void
windows(void **state)
{
	struct check c = { .mode = CHECK_BOUNCES, .window = "1h" };
	cJSON *doc = cJSON_Parse(BOTH);
	struct verdict v;

	(void)state;
	assert_int_equal(range_parse("39%", RANGE_PERCENT, &c.critical, NULL),
	    0);
	judge(&c, doc, &v);
	assert_int_equal(v.level, LEVEL_CRITICAL);
	assert_string_equal(buf_str(&v.line),
	    "2 domains, down.test: 4 recipients bounced in 1h");
	/* No counter: it goes down, too. */
	assert_non_null(
	    strstr(buf_str(&v.perf), "'down.test_bounced'=4;;3.9;0;"));
	verdict_fini(&v);
	c.window = "1d";
	judge(&c, doc, &v);
	assert_int_equal(v.level, LEVEL_OK);
	verdict_fini(&v);
	cJSON_Delete(doc);
}

static void
many_domains(void **state)
{
	struct check c = { .mode = CHECK_QUEUE };
	struct buf text = BUF_INIT(1 << 20);
	struct verdict v;
	unsigned lines = 1;
	cJSON *doc;

	(void)state;
	assert_int_equal(buf_adds(&text, HEAD("true", "true") "["), 0);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(buf_addf(&text,
				     "%s{\"domain\":\"d%u.test\",\"queue\":{"
				     "\"messages\":%u}}",
				     i > 0 ? "," : "", i, i),
		    0);
	assert_int_equal(buf_adds(&text, "]}"), 0);
	doc = cJSON_Parse(buf_str(&text));
	assert_int_equal(range_parse("49", 0, &c.warning, NULL), 0);
	judge(&c, doc, &v);
	assert_int_equal(v.level, LEVEL_WARNING);
	assert_string_equal(buf_str(&v.line),
	    "250 not well, worst d299.test: 299 messages");
	assert_string_equal(buf_str(&v.perf), "'total_msgs'=44850;;;0;");
	for (const char *p = buf_str(&v.more); *p != '\0'; p++)
		lines += *p == '\n';
	assert_int_equal(lines, JUDGE_LINES + 1);
	assert_non_null(strstr(buf_str(&v.more), "and 150 more"));
	verdict_fini(&v);
	cJSON_Delete(doc);
	buf_fini(&text);
}

static const struct {
	const char *name, *answer, *body; /* NULL: refused */
	long status;
} answers[] = {
	{ "fine", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", "{}", 200 },
	{ "no length", "HTTP/1.1 200 OK\r\n\r\n{}", "{}", 200 },
	{ "no words", "HTTP/1.1 401 \r\n\r\n", "", 401 },
	{ "cut short", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}", NULL,
	    0 },
	{ "negative", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", NULL,
	    0 },
	{ "huge", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
	    NULL, 0 },
	{ "chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0",
	    NULL, 0 },
	{ "no end of head", "HTTP/1.1 200 OK\r\n", NULL, 0 },
	{ "SMTP", "220 mx ESMTP\r\n\r\n", NULL, 0 },
	{ "code", "HTTP/1.1 abc OK\r\n\r\n", NULL, 0 },
	{ "short", "HTTP/1.1 2\r\n\r\n", NULL, 0 },
	{ "nothing", "", NULL, 0 },
};

static void
http_answers(void **state)
{
	struct buf b;
	long status;
	int rc;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(answers); i++) {
		buf_init(&b, FETCH_MAX);
		assert_int_equal(buf_adds(&b, answers[i].answer), 0);
		rc = fetch_parse(&b, &status, NULL);
		if ((rc == 0) != (answers[i].body != NULL))
			fail_msg("%s: %d", answers[i].name, rc);
		if (rc == 0) {
			assert_int_equal(status, answers[i].status);
			assert_string_equal(buf_str(&b), answers[i].body);
		}
		buf_fini(&b);
	}
}

static void
base64(void **state)
{
	static const char *const pairs[][2] = { { "", "" }, { "f", "Zg==" },
		{ "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "u:\xff\xfe", "dTr//g==" } }; /* RFC 4648 10 */
	char dst[32];

	(void)state;
	for (size_t i = 0; i < MX_COUNT(pairs); i++) {
		fetch_base64(pairs[i][0], strlen(pairs[i][0]), dst);
		assert_string_equal(dst, pairs[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cases),
		cmocka_unit_test(options),
		cmocka_unit_test(windows),
		cmocka_unit_test(many_domains),
		cmocka_unit_test(http_answers),
		cmocka_unit_test(base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
