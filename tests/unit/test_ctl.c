/* SPDX-License-Identifier: ISC
 * test_ctl: what mxwatchctl prints for given answers: the listing in the
 * form of Postfix to the letter, tables that fit 100 columns, and nothing
 * that would steer a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/ctl_format.h"

#define NOW 1795368000 /* Sun Nov 22 17:20:00 2026 UTC */

/* The lines (JSON, one a line) as text. */
static char *
print_as(struct format f, const char *lines)
{
	const char *end = lines;
	char *text = NULL;
	size_t size = 0;
	cJSON *o;

	f.out = open_memstream(&text, &size);
	assert_non_null(f.out);
	while (*end != '\0') {
		o = cJSON_ParseWithOpts(end, &end, false);
		assert_non_null(o);
		format_line(&f, o);
		cJSON_Delete(o);
		end += *end == '\n';
	}
	fclose(f.out);
	return text;
}

static char *
print(enum control_verb verb, bool one, const char *lines)
{
	return print_as((struct format){ .verb = verb, .now = NOW, .one = one },
	    lines);
}

#define FINDING(domain, check, severity, text, remedy)                         \
	"{\"domain\":\"" domain "\",\"check\":\"" check                        \
	"\",\"severity\":\"" severity "\",\"text\":\"" text                    \
	"\",\"remedy\":\"" remedy "\",\"checked\":1795364400}\n"
#define DONE "{\"done\":true,\"rc\":0"
#define STATUS                                                                 \
	"{\"time\":1795368000,\"started\":1795281600,\"ready\":true,"          \
	"\"not_ready\":\"\",\"spool\":{\"state\":\"ok\",\"accepting\":true,"   \
	"\"free_bytes\":1073741824},\"smtpd\":{\"sessions\":3,\"sessions_"     \
	"max\":4,"                                                             \
	"\"stress\":true},"                                                    \
	"\"delivery\":{\"connections\":2},\"config\":{\"reload_ok\":true},"    \
	"\"domains\":[{\"domain\":\"example.org\",\"configured\":true,"        \
	"\"state\":\"recovering\",\"state_since\":1795367910,"                 \
	"\"cause\":\"connection \\u001b[2J refused\",\"queue\":{"              \
	"\"messages\":118,\"active\":1,\"deferred\":117,\"held\":0,"           \
	"\"recipients\":120,\"bytes\":4096,\"oldest_age_seconds\":259200,"     \
	"\"lifetime_seconds\":2592000,\"lifetime_used_ratio\":0.1,"            \
	"\"extended_seconds\":604800,\"next_expiry\":1797700800,"              \
	"\"next_try\":1795368060,\"on_hold\":false},\"flush\":{"               \
	"\"running\":true,\"total\":200,\"remaining\":118,\"rate\":4.25,"      \
	"\"eta_seconds\":28},\"primaries\":[{\"primary\":\"mx1.example.org\"," \
	"\"probed\":true,\"healthy\":false,\"last_run\":1795367988,"           \
	"\"last_success\":null,\"failed_phase\":\"connect\","                  \
	"\"text\":\"refused\\u0007\",\"phase_seconds\":{\"connect\":0.0125}}," \
	"{\"primary\":\"a-very-long-name-of-a-primary.mx.example.org\","       \
	"\"probed\":false}]},{\"domain\":"                                     \
	"\"a-domain-with-a-name-longer-than-its-column.example\","             \
	"\"configured\":true,\"state\":\"up\",\"state_since\":null,"           \
	"\"cause\":\"\",\"queue\":{\"messages\":0,\"on_hold\":true,"           \
	"\"next_expiry\":null},\"flush\":null,\"primaries\":[]}]}"
#define CLUSTER_DOMAIN(name, owner)                                            \
	"{\"domain\":\"" name "\",\"state\":\"up\",\"queue\":{\"messages\":0," \
	"\"next_expiry\":null},\"flush\":null,\"primaries\":[]," owner "}"
#define CLUSTER(away)                                                                                  \
	"{\"started\":1795281600,\"ready\":true,\"spool\":{\"state\":\"ok\","                          \
	"\"accepting\":true,\"free_bytes\":1073741824},\"config\":{"                                   \
	"\"reload_ok\":true},\"cluster\":{\"node\":\"mx2\",\"left\":false,"                            \
	"\"fenced\":false,\"engine\":{\"away_since\":" away                                            \
	",\"synchronous\":false,\"require_sync\":true},\"local\":{"                                    \
	"\"messages\":7,\"oldest\":1795367910},\"domains\":{\"all\":3,"                                \
	"\"ours\":1,\"unowned\":1,\"leaving\":2},\"nodes\":[{\"node\":"                                \
	"\"mx2\",\"state\":\"live\",\"us\":true,\"up\":true,"                                          \
	"\"silent_seconds\":0.2,\"domains\":1,\"version\":\"1.0.0\","                                  \
	"\"config_differs\":false},{\"node\":\"mx3\\u0007\",\"state\":"                                \
	"\"dead\",\"us\":false,\"up\":false,\"silent_seconds\":31.4,"                                  \
	"\"domains\":1,\"version\":\"1.0.0\",\"config_differs\":true}]},"                              \
	"\"domains\":[" CLUSTER_DOMAIN("a.example",                                                    \
	    "\"owner\":\"mx2\",\"ours\":true,\"local_messages\":7,"                                    \
	    "\"verdicts\":[{\"node\":\"mx2\",\"state\":\"down\",\"since\":"                            \
	    "1795367910,\"cause\":\"no\\u001b answer\"},{\"node\":\"mx3\","                            \
	    "\"state\":\"up\",\"since\":null,\"cause\":\"\"}]") "," CLUSTER_DOMAIN("b.example",        \
	    "\"owner\":\"mx3\\u0007\",\"ours\":false,\"verdicts\":[]") "," CLUSTER_DOMAIN("c.example", \
	    "\"owner\":\"\",\"ours\":false,\"verdicts\":[]") "]}"
#define MESSAGE(id, state, sender, rcpts)                                      \
	"{\"id\":\"" id "\",\"domain\":\"example.org\",\"sender\":\"" sender   \
	"\",\"state\":\"" state "\",\"size\":2048,\"arrival\":1795360000,"     \
	"\"next_try\":1795368300,\"expiry\":1797873600,\"last_try\":null,"     \
	"\"attempts\":3,\"dsn\":false,\"host\":\"\",\"recipients\":2,"         \
	"\"rcpts\":[" rcpts "]}\n"
#define RCPT(address, state, reply)                                            \
	"{\"address\":\"" address "\",\"state\":\"" state                      \
	"\",\"reply\":\"" reply "\"}"

/* The same with what the server said. */
#define SAID(address, code, enhanced, reply)                                   \
	"{\"address\":\"" address "\",\"state\":\"pending\",\"code\":" code    \
	",\"enhanced\":\"" enhanced "\",\"reply\":\"" reply "\"}"

#define OUTAGE	    OUTAGE_OF("17", "")
#define OUTAGE_BOTH OUTAGE_OF("6401", ",\"nodes\":[\"mx1\",\"mx2\"]")
#define OUTAGE_OF(id, nodes)                                                   \
	"{\"id\":" id ",\"kind\":\"primary\",\"name\":\"mx1.example.org\","    \
	"\"state\":\"over\",\"primary\":\"\",\"part_of\":null,\"gone\":false," \
	"\"phase\":\"connect\",\"reply\":\"=1+1,\\\"\\u001b\",\"seen\":"       \
	"\"probe\","                                                           \
	"\"failed\":1795360800,\"detected\":1795360860,\"recovered\":"         \
	"1795364460,\"first_delivery\":1795364461,\"drained\":1795364470,"     \
	"\"detected_after_seconds\":60,\"down_seconds\":3660,\"drain_"         \
	"seconds\":"                                                           \
	"10,\"unwatched_seconds\":0,\"maintenance_seconds\":0,\"flaps\":1,"    \
	"\"domains\":2,\"recorded\":1,\"unrecorded\":0,\"accepted\":7,"        \
	"\"refused\":3,\"delivered\":7,\"returned\":1,\"expired\":2,"          \
	"\"depth\":7,"                                                         \
	"\"age_seconds\":3600,\"marks_lost\":0,\"peak_rate\":2.5,\"marks\":["  \
	"{\"at\":1795360863,\"what\":\"told\",\"who\":\"pager\",\"text\":"     \
	"\"primary_down, trigger\"}]" nodes "}\n"
#define ABSENCE                                                                \
	"{\"id\":65,\"kind\":\"daemon\",\"name\":\"mxwatchd\",\"state\":"      \
	"\"over\",\"failed\":1795360800,\"recovered\":1795364400,"             \
	"\"unwatched_seconds\":60,\"nodes\":[\"mx1\"]}\n"

static const struct {
	const char *name;
	enum control_verb verb;
	bool one;
	const char *lines, *text;
} golden[] = {
	{ "primaries", VERB_status, false,
	    "{\"primaries\":[{\"primary\":\"mx1.example.org\",\"reach\":\"up\","
	    "\"reach_since\":1795367910,\"domains\":300,\"probed\":true,"
	    "\"healthy\":true,\"last_run\":1795367988,\"delivery\":{"
	    "\"window\":6,\"connections\":4,\"ceiling\":5,\"max_messages\":"
	    "100,\"max_recipients\":50,\"gap_seconds\":0.4}},{\"primary\":"
	    "\"mx2.example.org\",\"reach\":\"unknown\",\"domains\":1}]}",
	    "PRIMARY                        REACH    SINCE  DOMAINS PROBE    "
	    "CONN    NOTE\n"
	    "mx1.example.org                up       1m30s      300 ok 12s   "
	    "4/6    \n"
	    "  takes 5 connections, 100 messages each, 50 recipients, 0.4s "
	    "between\n"
	    "mx2.example.org                unknown  -            1 -        "
	    "-      \n" },
	{ "maintenance windows", VERB_maintenance, false,
	    "{\"id\":7,\"name\":null,\"every\":null,\"domains\":["
	    "\"example.org\"],\"primaries\":[],\"active\":true,\"from\":"
	    "1795368000,\"until\":1795375200,\"hold\":true,\"uid\":4294900,"
	    "\"reason\":\"a \\u001b disk\"}\n"
	    "{\"id\":null,\"name\":\"patch day\",\"every\":\"2nd tue 02:00\","
	    "\"domains\":[\"a.example\",\"b.example\"],\"primaries\":["
	    "\"mx.example\"],\"active\":false,\"from\":1795375200,\"until\":"
	    "1795375260,\"hold\":false,\"uid\":null,\"reason\":\"\"}\n" DONE
	    "}",
	    "ID    STATE   FROM             UNTIL            MAIL  WHAT\n"
	    "7     active  2026-11-22 17:20 2026-11-22 19:20 held  "
	    "example.org\n"
	    "      by uid 4294900: a ? disk\n"
	    "-     to come 2026-11-22 19:20 2026-11-22 19:21 flows 2 domains, "
	    "1 "
	    "primary\n"
	    "      \"patch day\", 2nd tue 02:00\n" },
	{ "what the doctor found", VERB_doctor, false,
	    FINDING("", "ptr", "warning",
		"192.0.2.25 has no PTR record that names a host: many servers "
		"refuse mail from such an address",
		"Have it set.") FINDING("", "helo", "ok", "\\u001b[31mred", "")
		FINDING("a.test", "eightbitmime", "info", "", "") DONE
	    ",\"errors\":0,\"warnings\":1,\"infos\":1,\"checked\":"
	    "1795364400}",
	    "this host\n"
	    "  warning ptr           192.0.2.25 has no PTR record that names a "
	    "host: many\n"
	    "                        servers refuse mail from such an address\n"
	    "                        -> Have it set.\n"
	    "  ok      helo          ?[31mred\n"
	    "a.test\n"
	    "  info    eightbitmime  (details: mxwatchctl doctor DOMAIN)\n"
	    "0 errors, 1 warning, 1 info; last full check 1h ago\n" },
	{ "a drill", VERB_drill, false,
	    "{\"step\":\"intake\",\"state\":\"accepted\",\"seconds\":0.01,"
	    "\"recipient\":\"postmaster@a.test\",\"rule\":\"Always.\","
	    "\"listener\":\"127.0.0.1:25\",\"tls\":null,\"code\":250,"
	    "\"reply\":\"2.0.0 Ok\"}\n"
	    "{\"step\":\"spool\",\"state\":\"durable\",\"seconds\":0.003,"
	    "\"id\":\"6A1F\",\"bytes\":612}\n"
	    "{\"step\":\"delivery\",\"state\":\"deferred\",\"seconds\":1,"
	    "\"host\":\"mx1.a.test\",\"address\":\"192.0.2.10:25\",\"tls\":"
	    "\"TLSv1.3\",\"tls_by\":\"dane\",\"code\":451,\"reply\":"
	    "\"4.7.1 later\\u001b[31m\"}\n"
	    "{\"step\":\"end\",\"state\":\"delivered\",\"seconds\":62.34,"
	    "\"reply\":\"250 Ok\",\"until\":null}\n" DONE "}",
	    "intake    127.0.0.1:25, in clear: 250 2.0.0 Ok\n"
	    "          to postmaster@a.test: Always.\n"
	    "spool     6A1F, 612 bytes, durable after 3 ms\n"
	    "delivery  mx1.a.test 192.0.2.10:25, TLSv1.3 (dane): 451 4.7.1 "
	    "later?[31m\n"
	    "end       delivered after 62.3 s\n" },
	{ "a drill that waits", VERB_drill, false,
	    "{\"step\":\"spool\",\"state\":\"durable\",\"seconds\":0,\"id\":"
	    "\"6A1F\",\"bytes\":null}\n"
	    "{\"step\":\"delivery\",\"state\":\"not_tried\",\"seconds\":0,"
	    "\"host\":null,\"address\":null,\"tls\":null,\"tls_by\":null,"
	    "\"code\":null,\"reply\":\"mx1 is down\"}\n"
	    "{\"step\":\"end\",\"state\":\"waiting\",\"seconds\":0,\"reply\":"
	    "\"\",\"until\":1795368000}\n" DONE "}",
	    "spool     6A1F, queued before mxwatchd was started\n"
	    "delivery  not tried: mx1 is down\n"
	    "end       not delivered yet\n"
	    "          It goes on until 2026-11-22 17:20; the same command "
	    "follows it.\n" },
	{ "the doctor is refused", VERB_doctor, false,
	    "{\"done\":true,\"rc\":1,\"error\":\"busy\"}", "" },
	{ "no maintenance window", VERB_maintenance, false, DONE "}",
	    "there is no maintenance window\n" },
	{ "a maintenance window is ordered", VERB_maintenance, false,
	    DONE ",\"id\":8,\"from\":1795368000,\"until\":1795375200}",
	    "maintenance 8, from 2026-11-22 17:20 until 2026-11-22 19:20\n" },
	{ "a maintenance window is ended", VERB_maintenance, false,
	    DONE ",\"ended\":true}", "ended\n" },
	{ "redirects", VERB_redirect, false,
	    "{\"domain\":\"example.org\",\"to\":[\"mx9.example.net:2525\","
	    "\"mx10.example.net\"],\"instead_of\":[\"mx1.example.org\"],"
	    "\"in_force\":true,\"since\":1795368000,\"until\":1795375200,"
	    "\"uid\":4294900,\"reason\":\"a \\u001b move\"}\n"
	    "{\"domain\":\"gone.example\",\"to\":[\"mx9\"],\"instead_of\":"
	    "null,\"in_force\":false,\"since\":1795368000,\"until\":null,"
	    "\"uid\":null,\"reason\":\"\"}\n"
	    "{\"domain\":\"mx.example\",\"to\":[\"mx9\"],\"instead_of\":[],"
	    "\"in_force\":true,\"since\":1795368000,\"until\":null,"
	    "\"uid\":null,\"reason\":\"\"}\n"
	    "{\"domain\":\"same.example\",\"to\":[\"mx9\"],\"instead_of\":"
	    "[\"mx9\"],\"in_force\":false,\"since\":1795368000,\"until\":null,"
	    "\"uid\":null,\"reason\":\"\"}\n" DONE "}",
	    "DOMAIN                   UNTIL            TO\n"
	    "example.org              2026-11-22 19:20 mx9.example.net:2525, "
	    "mx10.example.net\n"
	    "      instead of mx1.example.org\n"
	    "      since 2026-11-22 17:20 by uid 4294900: a ? move\n"
	    "gone.example             it is ended      mx9\n"
	    "      without effect: it is not configured\n"
	    "      since 2026-11-22 17:20\n"
	    "mx.example               it is ended      mx9\n"
	    "      instead of its MX records\n"
	    "      since 2026-11-22 17:20\n"
	    "same.example             it is ended      mx9\n"
	    "      as it is in the configuration\n"
	    "      since 2026-11-22 17:20\n" },
	{ "no redirect", VERB_redirect, false, DONE "}",
	    "no domain is redirected\n" },
	{ "a redirect is ordered", VERB_redirect, false,
	    "{\"severity\":\"warning\",\"text\":\"it is\\u001b far\"}\n" DONE
	    ",\"event\":\"begin\",\"domain\":\"example.org\",\"to\":["
	    "\"mx9.example.net:2525\"],\"until\":1795375200,\"instead_of\":["
	    "\"mx1.example.org\"],\"messages\":214}",
	    "warning: it is? far\n"
	    "example.org: 214 messages, and all new mail, go to "
	    "mx9.example.net:2525 until 2026-11-22 19:20\n"
	    "(instead of mx1.example.org); `mxwatchctl redirect --end "
	    "example.org` ends it\n" },
	{ "a redirect would be ordered", VERB_redirect, false,
	    DONE ",\"event\":\"dry_run\",\"domain\":\"example.org\",\"to\":["
		 "\"mx9\"],\"until\":null,\"instead_of\":[],\"messages\":1}",
	    "example.org: 1 message, and all new mail, would go to mx9 until "
	    "it is ended\n(instead of its MX records)\n" },
	{ "a redirect ends", VERB_redirect, false,
	    DONE ",\"event\":\"end\",\"domain\":\"example.org\",\"instead_of\":"
		 "[\"mx1.example.org\"],\"messages\":null}",
	    "example.org: all mail goes to mx1.example.org again\n" },
	{ "a redirect without effect ends", VERB_redirect, false,
	    DONE ",\"event\":\"end\",\"domain\":\"gone.example\","
		 "\"instead_of\":null,\"messages\":null}",
	    "gone.example: its redirect has no effect, and is ended\n" },
	{ "a cluster", VERB_cluster, false,
	    "{\"node\":\"mx1\",\"state\":\"live\",\"us\":true,"
	    "\"silent_seconds\":0.3,\"domains\":5000,\"version\":\"1.0\","
	    "\"config_differs\":false}\n"
	    "{\"node\":\"a-node-with-a-name-that-is-too-long\",\"state\":"
	    "\"silent\",\"us\":false,\"silent_seconds\":12.5,\"domains\":"
	    "50000,\"version\":\"1.0\\u001b\",\"config_differs\":"
	    "true}\n"
	    "{\"node\":\"mx3\",\"state\":\"stopped\",\"us\":false,"
	    "\"silent_seconds\":7200,\"domains\":0,\"version\":\"\","
	    "\"config_differs\":false}\n"
	    "{\"done\":true,\"rc\":1,\"node\":\"mx1\",\"left\":false,"
	    "\"domains\":{\"all\":55001,\"ours\":5000,\"unowned\":1,"
	    "\"leaving\":7},\"differing\":1,\"engine\":{\"away_since\":null,"
	    "\"synchronous\":false,\"require_sync\":false},\"local\":{"
	    "\"messages\":3,\"oldest\":1795367910},\"error\":\"x\"}",
	    "  NODE                       STATE    SILENT   DOMAINS CONFIG  "
	    "VERSION\n"
	    "* mx1                        live     0s          5000 same    "
	    "1.0\n"
	    "  a-node-with-a-name-that-i~ silent   12s        50000 differs "
	    "1.0?\n"
	    "  mx3                        stopped  2h             0 -       -\n"
	    "engine: connected, without a synchronous standby\n"
	    "domains: 55001, 5000 on this node, 1 without a node, 7 moving\n"
	    "messages on this node only: 3, the oldest 1m30s old\n"
	    "configurations differ: reload the nodes that have the old one\n" },
	{ "a cluster without its engine", VERB_cluster, false,
	    "{\"done\":true,\"rc\":1,\"left\":true,\"domains\":{\"all\":1,"
	    "\"ours\":1,\"unowned\":0,\"leaving\":0},\"differing\":0,"
	    "\"engine\":{\"away_since\":1795367910,\"synchronous\":true,"
	    "\"require_sync\":true},\"local\":{\"messages\":0}}",
	    "engine: unreachable for 1m30s; new mail stays on this node\n"
	    "domains: 1, 1 on this node, 0 without a node, 0 moving\n"
	    "this node was removed from the cluster; to add it: mxwatchctl "
	    "cluster join\n" },
	{ "a domain moves", VERB_cluster, false,
	    DONE ",\"node\":\"mx3\",\"domain\":\"example.org\"}",
	    "example.org moves to mx3, and stays there\n" },
	{ "a node is released", VERB_cluster, false, DONE ",\"node\":\"mx3\"}",
	    "requested; mxwatchctl cluster shows the progress\n" },
	{ "an alert of another node", VERB_alerts, false,
	    "{\"node\":\"mx3\",\"severity\":\"critical\",\"alert\":"
	    "\"spool_low\",\"state\":\"firing\",\"since\":1795367910,"
	    "\"summary\":\"little room\"}\n" DONE "}",
	    "critical spool_low             for 1m30s, by node mx3\n"
	    "    little room\n" },
	{ "recipients, learned", VERB_recipients, false,
	    "{\"address\":\"ada@example.org\",\"known\":\"taken\",\"taken\":"
	    "1795367910,\"passed\":null,\"refused\":null}\n"
	    "{\"address\":\"bob\\u001b@example.org\",\"known\":\"refused\","
	    "\"passed\":null,\"refused\":1795367910,\"refused_first\":"
	    "1795364310}\n" DONE
	    ",\"domain\":\"example.org\",\"recipients_learned\":{\"good\":1,"
	    "\"bad\":1,\"catch_all\":false,\"tested\":1795364310}}",
	    "RECIPIENT                                  KNOWN     BY       "
	    "LAST    REFUSED\n"
	    "ada@example.org                            taken     delivery "
	    "1m30s   -\n"
	    "bob?@example.org                           refused   refusal  "
	    "1m30s   1h1m\n"
	    "example.org: learned, 1 known, 1 refused; not a catch-all, tested "
	    "1h1m ago\n" },
	{ "recipients, a list", VERB_recipients, false,
	    DONE ",\"domain\":\"example.org\",\"recipients_list\":{"
		 "\"source\":\"/etc/rcpt\",\"entries\":12}}",
	    "example.org: from its list, /etc/rcpt, 12 entries\n" },
	{ "outages", VERB_outages, false,
	    OUTAGE DONE ",\"shown\":1,\"availability\":[{\"primary\":"
			"\"mx1.example.org\",\"known_since\":1795000000,"
			"\"availability_30d\":0.9975,\"availability_365d\":"
			"null}]}",
	    "ID   KIND    NAME                   FAILED (UTC)     DOWN   DRAIN "
	    " "
	    " MAIL STATE\n"
	    "17   primary mx1.example.org        2026-11-22 15:20 1h1m   10s   "
	    "     7 over\n"
	    "\n"
	    "PRIMARY                              KNOWN SINCE         30 DAYS  "
	    " "
	    "365 DAYS\n"
	    "mx1.example.org                      2026-11-18 11:06   99.7500%  "
	    " "
	    "       -\n" },
	{ "outages, of nodes", VERB_outages, false,
	    OUTAGE_BOTH DONE ",\"shown\":1,\"availability\":[]}",
	    "ID     KIND    NAME               FAILED (UTC)     DOWN    MAIL "
	    "STATE    NODES\n"
	    "6401   primary mx1.example.org    2026-11-22 15:20 1h1m       7 "
	    "over     mx1,mx2\n" },
	{ "outages, one that others did not see", VERB_outages, true,
	    "{\"id\":65,\"kind\":\"primary\",\"name\":\"mx1.example.org\","
	    "\"state\":\"over\",\"failed\":1795360800,\"detected\":1795360860,"
	    "\"recovered\":1795364400,\"detected_after_seconds\":60,"
	    "\"reply\":\"connect: timeout\",\"seen\":\"probe\","
	    "\"down_seconds\":0,\"nodes\":[\"mx1\"]}\n" DONE ",\"shown\":1}",
	    "outage 65 of primary mx1.example.org: over\n"
	    "  failed     2026-11-22 15:20:00 connect: timeout\n"
	    "                                  seen by a probe\n"
	    "  down       2026-11-22 15:21:00 1m after the first failure\n"
	    "  nodes      mx1\n"
	    "  recovered  2026-11-22 16:20:00 up for the other nodes "
	    "throughout\n"
	    "  delivery   -                   the first one after it\n"
	    "  drained    -                   in -, 0.0 messages a second at "
	    "most\n"
	    "  messages   0 accepted, 0 delivered; at most 0 queued, - old\n"
	    "  recipients 0 refused, 0 returned, 0 expired\n" },
	{ "outages, a node's absence", VERB_outages, true,
	    ABSENCE DONE ",\"shown\":1}",
	    "outage 65: mxwatchd of mx1 did not run, and not watched for 1m of "
	    "it\n"
	    "  alive      2026-11-22 15:20:00 the last time\n"
	    "  started    2026-11-22 16:20:00 1h later\n" },
	{ "outages, none", VERB_outages, false, DONE ",\"shown\":0}",
	    "no outage is on record\n" },
	{ "outages, one", VERB_outages, true, OUTAGE DONE ",\"shown\":1}",
	    "outage 17 of primary mx1.example.org: over\n"
	    "  failed     2026-11-22 15:20:00 =1+1,\"?\n"
	    "                                  seen by a probe\n"
	    "  down       2026-11-22 15:21:00 1m after the first failure\n"
	    "  recovered  2026-11-22 16:21:00 down for 1h1m, with 1 flap\n"
	    "  delivery   2026-11-22 16:21:01 the first one after it\n"
	    "  drained    2026-11-22 16:21:10 in 10s, 2.5 messages a second at "
	    "most\n"
	    "  messages   7 accepted, 7 delivered; at most 7 queued, 1h old\n"
	    "  recipients 3 refused, 1 returned, 2 expired\n"
	    "  domains    2 name it, 1 have a record, 0 have none for lack of "
	    "room\n"
	    "  2026-11-22 15:21:03 told        pager: primary_down, "
	    "trigger\n" },
	{ "mailq, empty", VERB_mailq, false,
	    DONE ",\"messages\":0,\"bytes\":0}", "Mail queue is empty\n" },
	{ "mailq", VERB_mailq, false,
	    MESSAGE("6A1F03C2B47", "active", "a@sender.example",
		RCPT("x@example.org", "pending", "")) MESSAGE("6A2", "held", "",
		RCPT("gone@example.org", "delivered",
		    "250 ok") "," RCPT("u@example.org", "pending",
		    "450 try\\u001b later") "," RCPT("v@example.org", "pending",
		    "450 try\\u001b later")) MESSAGE("6A3.2", "deferred",
		"b@sender.example", RCPT("y@example.org", "pending", "")) DONE
	    ",\"messages\":3,\"bytes\":126000}",
	    "-Queue ID-  --Size-- ----Arrival Time---- "
	    "-Sender/Recipient-------\n"
	    "6A1F03C2B47*     2048 Sun Nov 22 15:06:40  a@sender.example\n"
	    "                                          x@example.org\n"
	    "\n"
	    "6A2!            2048 Sun Nov 22 15:06:40  MAILER-DAEMON\n"
	    "                                                              "
	    "(450 try? later)\n"
	    "                                          u@example.org\n"
	    "                                          v@example.org\n"
	    "\n"
	    "6A3.2           2048 Sun Nov 22 15:06:40  b@sender.example\n"
	    "                                          y@example.org\n"
	    "\n"
	    "-- 123 Kbytes in 3 Requests.\n" },
	{ "ages, of two nodes", VERB_ages, false,
	    "{\"domain\":\"\",\"messages\":2,\"counts\":[2,0,0,0,0,0,0,0,0,0]}"
	    "\n"
	    "{\"domain\":\"b.example\",\"messages\":1,\"counts\":"
	    "[0,1,0,0,0,0,0,0,0,0]}\n"
	    "{\"domain\":\"a-domain-with-a-long-name.example\",\"messages\":"
	    "12345,\"counts\":[0,0,0,0,0,0,0,0,0,12345]}\n"
	    "{\"domain\":\"b.example\",\"messages\":2,\"counts\":"
	    "[0,0,2,0,0,0,0,0,0,0]}\n" DONE ",\"domains\":3}",
	    "DOMAIN                      T   5m  20m   1h   4h  12h   1d   2d  "
	    " "
	    "5d  10d 10d+\n"
	    "TOTAL                   12350    2    1    2    0    0    0    0  "
	    "  "
	    "0    0  12k\n"
	    "a-domain-with-a-long-~  12345    0    0    0    0    0    0    0  "
	    "  "
	    "0    0  12k\n"
	    "b.example                   3    0    1    2    0    0    0    0  "
	    "  "
	    "0    0    0\n"
	    "(others)                    2    2    0    0    0    0    0    0  "
	    "  "
	    "0    0    0\n" },
	{ "bounced, but two", VERB_bounce, false,
	    "{\"done\":true,\"rc\":1,\"messages\":41,\"selected\":43,"
	    "\"in_hand\":2,\"bytes\":1258291,\"next_expiry\":1795641600,"
	    "\"next_expiry_domain\":\"example.net\\u0007\"}",
	    "bounced 41 of 43 messages, 1.2M; 2 are being delivered; next "
	    "expiry in 3d4h (example.net?)\n" },
	{ "held", VERB_hold, false,
	    DONE ",\"messages\":1,\"selected\":1,\"in_hand\":0,\"bytes\":"
		 "2048,\"next_expiry\":null,\"next_expiry_domain\":\"\"}",
	    "held 1 message, 2.0K\n" },
	{ "hold of a domain", VERB_hold, false,
	    DONE ",\"domain\":\"example.org\"}", "example.org is held\n" },
	{ "a dry run", VERB_remove, false,
	    DONE
	    ",\"dry_run\":true,\"messages\":12,\"selected\":12,\"in_hand\":"
	    "0,\"bytes\":2048,\"oldest\":1795360000,\"ids\":[\"6A1\","
	    "\"6A2.1\"],\"next_expiry\":null}",
	    "would remove 12 messages, 2.0K; the oldest came 2h13m ago: 6A1, "
	    "6A2.1 and 10 more\n" },
	{ "extended", VERB_extend, false,
	    DONE
	    ",\"messages\":12,\"selected\":12,\"in_hand\":0,\"bytes\":2048,"
	    "\"domains\":3,\"add_seconds\":86400,\"next_expiry\":null}",
	    "extended 12 messages (3 domains), 2.0K\n" },
	{ "mailq: what a server said", VERB_mailq, false,
	    "{\"id\":\"6A4\",\"domain\":\"example.org\",\"sender\":\"a@b\","
	    "\"state\":\"deferred\",\"size\":1,\"arrival\":1795360000,"
	    "\"host\":\"mx1.example.org\",\"rcpts\":[" SAID("x@example.org",
		"452", "4.2.2", "Mailbox full") "," SAID("y@example.org", "452",
		"4.2.2", "Mailbox full") "," SAID("z@example.org", "null",
		"4.4.1", "connection refused") "]}\n",
	    "-Queue ID-  --Size-- ----Arrival Time---- "
	    "-Sender/Recipient-------\n"
	    "6A4                1 Sun Nov 22 15:06:40  a@b\n"
	    "                           (host mx1.example.org said: 452 "
	    "4.2.2 Mailbox full)\n"
	    "                                          x@example.org\n"
	    "                                          y@example.org\n"
	    "                                                          "
	    "(connection refused)\n"
	    "                                          z@example.org\n"
	    "\n" },
	{ "queue", VERB_queue, false,
	    MESSAGE("6A1", "deferred", "a@sender.example", "") DONE
	    ",\"messages\":1,\"bytes\":2048}",
	    "ID             STATE    AGE      SIZE TRIES NEXT    EXPIRES "
	    "DOMAIN             SENDER\n"
	    "6A1            deferred 2h13m    2.0K     3 5m      29d     "
	    "example.org        <a@sender.example>\n"
	    "1 message, 2.0K\n" },
	{ "flush", VERB_flush, false,
	    "{\"event\":\"begin\",\"domain\":\"example.org\",\"total\":3,"
	    "\"bytes\":2048}\n"
	    "{\"event\":\"progress\",\"domain\":\"example.org\",\"total\":3,"
	    "\"remaining\":1,\"delivered\":2,\"deferred\":0,\"failed\":0,"
	    "\"rate\":1.5,\"eta_seconds\":60}\n"
	    "{\"event\":\"end\",\"domain\":\"example.org\",\"total\":3,"
	    "\"remaining\":1,\"delivered\":2,\"deferred\":0,\"failed\":0}\n",
	    "example.org: flushing 3 messages, 2.0K\n"
	    "example.org: 2 of 3 done (2 delivered, 0 deferred, 0 failed), "
	    "1.5/s, 1m left\n"
	    "example.org: 2 of 3 done (2 delivered, 0 deferred, 0 failed), "
	    "cut off\n" },
	{ "reload", VERB_reload, false,
	    "{\"file\":\"mx.conf\",\"line\":7,\"severity\":\"error\","
	    "\"text\":\"unknown option\"}\n"
	    "{\"file\":\"mx.conf\",\"line\":0,\"severity\":\"warning\","
	    "\"text\":\"no domain\"}\n{\"done\":true,\"rc\":2}",
	    "mx.conf:7: error: unknown option\n"
	    "mx.conf: warning: no domain\n" },
	{ "stats", VERB_stats, false,
	    "{\"name\":\"mxwatch_x\",\"labels\":{\"domain\":\"a\"},\"value\":"
	    "null}\n{\"name\":\"mxwatch_h\",\"labels\":{},\"buckets\":[{"
	    "\"le\":0.5,\"count\":1},{\"le\":null,\"count\":2}],\"count\":2,"
	    "\"sum\":3.5}",
	    "mxwatch_x{domain=\"a\"} +Inf\n"
	    "mxwatch_h_bucket{le=\"0.5\"} 1\n"
	    "mxwatch_h_bucket{le=\"+Inf\"} 2\n"
	    "mxwatch_h_count 2\n"
	    "mxwatch_h_sum 3.5\n" },
	{ "status, a cluster", VERB_status, false, CLUSTER("null"),
	    "DOMAIN                   STATE      SINCE   QUEUED OLDEST      "
	    "EXPIRES PRIMARY             PROBE\n"
	    "a.example                up         -            0 -           -  "
	    "     -\n"
	    "b.example                up         -            0 -           -  "
	    "     -\n"
	    "  its mail is at mx3?\n"
	    "c.example                up         -            - -           -  "
	    "     -\n"
	    "  its mail is at NO NODE\n"
	    "\n"
	    "3 domains, 1 with a problem; 0 messages; no alert fires\n"
	    "spool ok, 1.0G free; 0 sessions in, 0 out; up 1d\n"
	    "\n"
	    "  NODE                       STATE    SILENT   DOMAINS CONFIG  "
	    "VERSION\n"
	    "* mx2                        live     0s             1 same    "
	    "1.0.0\n"
	    "  mx3?                       dead     31s            1 differs "
	    "1.0.0\n"
	    "engine: connected, without a synchronous standby; new mail stays "
	    "on this node\n"
	    "domains: 3, 1 on this node, 1 without a node, 2 moving\n"
	    "messages on this node only: 7, the oldest 1m30s old\n" },
	{ "status", VERB_status, false, STATUS,
	    "DOMAIN                   STATE      SINCE   QUEUED OLDEST      "
	    "EXPIRES PRIMARY             PROBE\n"
	    "example.org              recovering 1m30s      118 3d 10%      "
	    "27d     mx1.example.org     bad 12s\n"
	    "                                                                  "
	    "     a-very-long-name-o~ -\n"
	    "  flush: 82 of 200 done, 4.2/s, 28s left\n"
	    "a-domain-with-a-name-longer-than-its-column.example\n"
	    "                         on hold    -            0 -           -  "
	    "     -\n"
	    "\n"
	    "2 domains, 2 with a problem; 118 messages, 4.0K; no alert fires\n"
	    "spool ok, 1.0G free; 3 sessions in, 2 out; up 1d\n"
	    "STRESS: 3 of 4 sessions in; timeouts are shortened\n" },
};

static void
answers_look_right(void **state)
{
	char *text, *line, *rest;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(golden); i++) {
		text = print(golden[i].verb, golden[i].one, golden[i].lines);
		assert_string_equal(text, golden[i].text);
		rest = text;
		while ((line = strsep(&rest, "\n")) != NULL)
			assert_true(strlen(line) <= 100);
		free(text);
	}
}

/* On a terminal the progress stays on its line, and what follows it replaces
 * it. */
static void
progress_in_place(void **state)
{
	struct format f = { .verb = VERB_flush,
		.now = NOW,
		.one = true,
		.terminal = true };
	static const char *const lines[] = {
		"{\"event\":\"begin\",\"domain\":\"a\",\"total\":1,"
		"\"bytes\":1}",
		"{\"event\":\"progress\",\"domain\":\"a\",\"total\":1,"
		"\"remaining\":1,\"rate\":0.5,\"eta_seconds\":null}",
		"{\"event\":\"end\",\"domain\":\"a\",\"total\":1,"
		"\"remaining\":0,\"delivered\":1}"
	};
	char *text = NULL;
	size_t size = 0;
	cJSON *o;

	(void)state;
	f.out = open_memstream(&text, &size);
	assert_non_null(f.out);
	for (size_t i = 0; i < MX_COUNT(lines); i++) {
		o = cJSON_Parse(lines[i]);
		assert_non_null(o);
		format_line(&f, o);
		assert_int_equal(f.in_place, i == 1);
		cJSON_Delete(o);
	}
	fclose(f.out);
	assert_string_equal(text,
	    "a: flushing 1 message, 1\n"
	    "a: 0 of 1 done (0 delivered, 0 deferred, 0 failed), 0.5/s"
	    "\r\033[K"
	    "a: 1 of 1 done (1 delivered, 0 deferred, 0 failed), through\n");
	free(text);
}

static void
one_domain_says_everything(void **state)
{
	static const char *const parts[] = {
		"cause     connection ?[2J refused",
		"oldest    3d 10% of 30d and 7d more",
		"probe     failed, 12s ago, at connect; never good since",
		"reply     refused?", "connect 12.5ms", "not probed yet",
		"a-very-long-name-of-a-primary.mx.example.org"
	};
	char *text = print(VERB_status, true, STATUS);

	(void)state;
	for (size_t i = 0; i < MX_COUNT(parts); i++)
		if (strstr(text, parts[i]) == NULL)
			fail_msg("no %s in %s", parts[i], text);
	free(text);
}

/* Whose its mail is, and who sees what. */
static void
one_domain_of_a_cluster(void **state)
{
	static const char *const lines[] = {
		"node      mx2, this one\n"
		"  mx2 sees it down for 1m30s: no? answer\n"
		"  mx3 sees it up for -\n"
		"  7 messages are on this node only\n",
		"node      mx3?\n",
		"node      NO NODE\n",
		"\nengine: unreachable for 1m30s; new mail stays on ",
	};
	char *text = print(VERB_status, true, CLUSTER("1795367910"));

	(void)state;
	for (size_t i = 0; i < MX_COUNT(lines); i++)
		if (strstr(text, lines[i]) == NULL)
			fail_msg("no \"%s\" in %s", lines[i], text);
	assert_null(strstr(text, "SYNCHRONOUS"));
	free(text);
}

/* A sentence is broken at blanks, once, by the width of the terminal; elsewhere
 * it is one line, for grep. */
static void
sentences_fit_a_terminal(void **state)
{
	static const char line[] =
	    "{\"explain\":[\"short\",\"0123456789 0123456789 0123456789 "
	    "0123456789 x 0123456789 \\u001b[2J\"]}";
	static const struct {
		int columns; /* 0: no terminal */
		const char *text;
	} widths[] = {
		{ 24,
		    "short\n0123456789 0123456789\n"
		    "    0123456789\n    0123456789 x\n"
		    "    0123456789 ?[2J\n" },
		{ 60,
		    "short\n0123456789 0123456789 0123456789 0123456789 x "
		    "0123456789\n    ?[2J\n" },
		{ 200,
		    "short\n0123456789 0123456789 0123456789 0123456789 x "
		    "0123456789 ?[2J\n" },
		{ 0,
		    "short\n0123456789 0123456789 0123456789 0123456789 x "
		    "0123456789 ?[2J\n" },
	};
	cJSON *o = cJSON_Parse(line);

	(void)state;
	for (size_t i = 0; i < MX_COUNT(widths); i++) {
		struct format f = { .verb = VERB_why,
			.columns = widths[i].columns,
			.terminal = widths[i].columns > 0 };
		char *text = NULL;
		size_t size = 0;

		f.out = open_memstream(&text, &size);
		format_line(&f, o);
		fclose(f.out);
		assert_string_equal(text, widths[i].text);
		free(text);
	}
	cJSON_Delete(o);
}

/* Fields of another version, or of a liar, do no harm. */
#define LONG "a-domain-with-a-name-that-is-longer-than-any-column.example"

/* Whatever its width, no line is longer than a terminal, and the header stands above
 * its columns; what is coloured takes no more room. */
static void
tables_fit_a_terminal(void **state)
{
	static const char *const lines[] = { STATUS,
		MESSAGE("32CD1CB003000", "deferred",
		    "somebody.with.a.long.name@" LONG, "") MESSAGE("6A3.2",
		    "held", "", "") DONE ",\"messages\":2,\"bytes\":2048}" };
	static const enum control_verb verbs[] = { VERB_status, VERB_queue };
	char *text, *rest, *line;

	(void)state;
	for (int columns = 60; columns <= 200; columns++) {
		for (size_t i = 0; i < MX_COUNT(lines); i++) {
			text = print_as((struct format){ .verb = verbs[i],
					    .now = NOW,
					    .terminal = true,
					    .columns = columns },
			    lines[i]);
			rest = text;
			assert_true(
			    strncmp(text, i == 0 ? "DOMAIN" : "ID", 2) == 0);
			while ((line = strsep(&rest, "\n")) != NULL)
				assert_true((int)strlen(line) <= columns);
			free(text);
		}
	}
}

static void
strange_answers_are_survived(void **state)
{
	static const char *const lines[] = { "{}",
		"{\"domains\":7,\"spool\":[],\"labels\":{\"a\":1}}",
		"{\"domains\":[7,null,\"x\",[]],\"rcpts\":[1,{}],"
		"\"buckets\":[3],\"explain\":[1]}",
		"{\"id\":3,\"size\":-1,\"arrival\":1e300,\"expiry\":-5,"
		"\"state\":null}",
		"{\"done\":true}" };

	(void)state;
	for (unsigned v = 0; v < VERB_MAX; v++)
		for (size_t i = 0; i < MX_COUNT(lines); i++)
			free(print((enum control_verb)v, i % 2, lines[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_look_right),
		cmocka_unit_test(one_domain_says_everything),
		cmocka_unit_test(one_domain_of_a_cluster),
		cmocka_unit_test(progress_in_place),
		cmocka_unit_test(sentences_fit_a_terminal),
		cmocka_unit_test(tables_fit_a_terminal),
		cmocka_unit_test(strange_answers_are_survived),
	};

	setenv("TZ", "UTC0", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
