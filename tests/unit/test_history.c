/* SPDX-License-Identifier: ISC
 * The last day of the domains: what a point keeps, what a clock that jumps
 * does to it, domains that come and go, and a reader beside the feeder. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "primary/health.h"
#include "status/history.h"

#define STEP_MS (HISTORY_STEP_SEC * INT64_C(1000))
#define START	(INT64_C(6000000) * STEP_MS)

/* Names separated by blanks; the first domain has the given figures. */
static void
feed(struct history *h, int64_t now_ms, const char *names, uint64_t depth,
    double probe, unsigned health)
{
	struct snapshot *s = snapshot_create();
	char copy[256], *p = copy, *name;
	unsigned n = 0;

	strlcpy(copy, names, sizeof(copy));
	while ((name = strsep(&p, " ")) != NULL && *name != '\0') {
		struct snap_domain *d = snapshot_add(s, name, 1);

		d->state = n == 0 ? health : HEALTH_UP;
		d->deferred = n == 0 ? depth : 0;
		if (n == 0 && probe >= 0) {
			d->primary[0].probed = true;
			d->primary[0].phase_seconds[SMTP_PHASE_CONNECT] = probe;
		}
		n++;
	}
	s->wall_ms = now_ms;
	history_feed(h, s);
	snapshot_unref(&s);
}

static void
assert_json(struct history *h, const char *domains)
{
	char *text = history_json(h, START), *p = strstr(text, "\"domains\":");

	assert_non_null(p);
	assert_string_equal(p + strlen("\"domains\":"), domains);
	free(text);
}

static void
a_point_keeps_the_worst(void **state)
{
	struct history *h = history_create();

	(void)state;
	assert_json(h, "[]}");
	feed(h, START, "a.test", 3, -1, HEALTH_UNKNOWN);
	assert_json(h,
	    "[{\"domain\":\"a.test\",\"depth\":[3],"
	    "\"probe_ms\":[null],\"state\":\"?\"}]}");
	feed(h, START + 1000, "a.test", 9, 0.0125, HEALTH_DOWN);
	feed(h, START + 2000, "a.test", 1, 0.002, HEALTH_UP);
	assert_json(h,
	    "[{\"domain\":\"a.test\",\"depth\":[9],"
	    "\"probe_ms\":[13],\"state\":\"d\"}]}");
	feed(h, START + STEP_MS, "a.test", 1, 0.002, HEALTH_UP);
	assert_json(h,
	    "[{\"domain\":\"a.test\",\"depth\":[9,1],"
	    "\"probe_ms\":[13,2],\"state\":\"du\"}]}");
	history_destroy(&h);
}

static void
letters_are_the_states(void **state)
{
	static const char letters[] = "?usdrx";

	(void)state;
	assert_int_equal(HEALTH_STATE_MAX, sizeof(letters) - 1);
	for (unsigned i = 0; i < HEALTH_STATE_MAX; i++) {
		struct history *h = history_create();
		char want[128];

		feed(h, START, "a.test", 0, -1, i);
		snprintf(want, sizeof(want),
		    "[{\"domain\":\"a.test\",\"depth\":[0],"
		    "\"probe_ms\":[null],\"state\":\"%c\"}]}",
		    letters[i]);
		assert_json(h, want);
		history_destroy(&h);
	}
}

/* Some of them by name; who is not there is left out. */
static void
some_domains(void **state)
{
	static const char *const some[] = { "b.test", "x.test", "a.test" };
	struct history *h = history_create();
	char *text;

	(void)state;
	text = history_json_of(h, some, 3, START);
	assert_non_null(strstr(text, "\"domains\":[]}"));
	free(text);
	feed(h, START, "a.test", 1, -1, HEALTH_UP);
	text = history_json_of(h, some, 3, START);
	assert_non_null(strstr(text,
	    "\"domains\":[{\"domain\":\"a.test\",\"depth\":[1],"
	    "\"probe_ms\":[null],\"state\":\"u\"}]}"));
	free(text);
	text = history_json_of(h, some, 2, START);
	assert_non_null(strstr(text, "\"domains\":[]}"));
	free(text);
	text = history_json_of(h, NULL, 0, START);
	assert_non_null(strstr(text, "\"domains\":[]}"));
	free(text);
	history_destroy(&h);
}

static void
clocks_that_jump(void **state)
{
	struct history *h = history_create();
	char *text;

	(void)state;
	feed(h, START, "a.test", 1, -1, HEALTH_UP);
	feed(h, START + 3 * STEP_MS, "a.test", 2, -1, HEALTH_UP);
	assert_json(h,
	    "[{\"domain\":\"a.test\",\"depth\":[1,null,null,2],"
	    "\"probe_ms\":[null,null,null,null],"
	    "\"state\":\"u--u\"}]}");
	/* Back: into the newest point. */
	feed(h, START - 99 * STEP_MS, "a.test", 5, -1, HEALTH_UP);
	assert_json(h,
	    "[{\"domain\":\"a.test\",\"depth\":[1,null,null,5],"
	    "\"probe_ms\":[null,null,null,null],"
	    "\"state\":\"u--u\"}]}");
	/* Years ahead: at once, and nothing of before is left. */
	feed(h, START * 3, "a.test", 7, -1, HEALTH_UP);
	assert_json(h,
	    "[{\"domain\":\"a.test\",\"depth\":[7],"
	    "\"probe_ms\":[null],\"state\":\"u\"}]}");
	for (unsigned i = 1; i <= 2 * HISTORY_POINTS; i++)
		feed(h, START * 3 + i * STEP_MS, "a.test", i, -1, HEALTH_UP);
	text = history_json(h, START);
	assert_non_null(strstr(text, "\"depth\":[289,290,"));
	assert_non_null(strstr(text, ",576],"));
	free(text);
	history_destroy(&h);
}

static void
domains_come_and_go(void **state)
{
	struct history *h = history_create();

	(void)state;
	feed(h, START, "b.test", 4, -1, HEALTH_UP);
	feed(h, START + STEP_MS, "a.test b.test c.test", 1, -1, HEALTH_UP);
	assert_json(h,
	    "[{\"domain\":\"a.test\",\"depth\":[1],\"probe_ms\":[null],"
	    "\"state\":\"u\"},"
	    "{\"domain\":\"b.test\",\"depth\":[4,0],\"probe_ms\":[null,null],"
	    "\"state\":\"uu\"},"
	    "{\"domain\":\"c.test\",\"depth\":[0],\"probe_ms\":[null],"
	    "\"state\":\"u\"}]}");
	feed(h, START + STEP_MS, "c.test", 8, -1, HEALTH_UP);
	assert_json(h,
	    "[{\"domain\":\"c.test\",\"depth\":[8],\"probe_ms\":[null],"
	    "\"state\":\"u\"}]}");
	feed(h, START + STEP_MS, "", 0, -1, HEALTH_UP);
	assert_json(h, "[]}");
	history_destroy(&h);
}

static void *
read_on(void *arg)
{
	char *text;

	for (unsigned i = 0; i < 200; i++) {
		text = history_json(arg, START);
		assert_string_equal(text + strlen(text) - 2, "]}");
		free(text);
	}
	return NULL;
}

static void
a_reader_beside_the_feeder(void **state)
{
	struct history *h = history_create();
	pthread_t reader;

	(void)state;
	assert_int_equal(pthread_create(&reader, NULL, read_on, h), 0);
	for (unsigned i = 0; i < 2000; i++)
		feed(h, START + i * STEP_MS / 3,
		    i % 7 == 0 ? "a.test" : "a.test b.test", i, 0.1, i % 6);
	pthread_join(reader, NULL);
	history_destroy(&h);
}

/* Of many domains a slice a call, and fewer while they are new: all of them have a point after some calls,
 * also when one is added in the middle meanwhile, and no ring is of another
 * domain. */
static void
many_domains_take_turns(void **state)
{
	struct history *h = history_create();
	struct snapshot *s;
	unsigned n = 2500, points = 0;
	char name[16], *text;

	(void)state;
	for (unsigned call = 0; call < 20; call++) {
		s = snapshot_create();
		s->wall_ms = START;
		for (unsigned i = 0; i < n; i++) {
			struct snap_domain *d;

			if (i == 1700 && call >= 2) {
				d = snapshot_add(s, "d1699a", 0);
				d->deferred = 77777;
				d->state = HEALTH_UP;
			}
			snprintf(name, sizeof(name), "d%04u", i);
			d = snapshot_add(s, name, 0);
			d->deferred = 10000 + i;
			d->state = HEALTH_UP;
		}
		history_feed(h, s);
		snapshot_unref(&s);
	}
	text = history_json(h, START);
	for (char *p = text; (p = strstr(p, "\"depth\":[")) != NULL; points++)
		p++;
	assert_int_equal(points, n + 1);
	assert_non_null(strstr(text, "\"d1699a\",\"depth\":[77777]"));
	assert_non_null(strstr(text, "\"d0000\",\"depth\":[10000]"));
	assert_non_null(strstr(text, "\"d1700\",\"depth\":[11700]"));
	assert_non_null(strstr(text, "\"d2499\",\"depth\":[12499]"));
	free(text);
	history_destroy(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_point_keeps_the_worst),
		cmocka_unit_test(letters_are_the_states),
		cmocka_unit_test(some_domains),
		cmocka_unit_test(clocks_that_jump),
		cmocka_unit_test(domains_come_and_go),
		cmocka_unit_test(a_reader_beside_the_feeder),
		cmocka_unit_test(many_domains_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
