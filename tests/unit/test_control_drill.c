/* SPDX-License-Identifier: ISC
 * test_control_drill: what an operator is told of a drill, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/defs.h"
#include "control_world.h"

static char asked[200]; /* of the drills, last */
static unsigned nsteps; /* that are there */
static bool down;
static int start_rc;

/* ---- a drill, to ann@example.org */

static int
on_drill_start(void *arg, const char *domain, const char *recipient,
    uint64_t *number)
{

	(void)arg;
	(void)snprintf(asked, sizeof(asked), "drill %s%s%s", domain,
	    recipient != NULL ? " " : "", recipient != NULL ? recipient : "");
	*number = 17;
	return start_rc;
}

static bool
on_drill_step(void *arg, uint64_t number, unsigned i, struct drill_step *s)
{
	static const struct drill_step steps[] = {
		{ .kind = DRILL_INTAKE,
		    .ms = 2,
		    .addr = "127.0.0.1:25",
		    .code = 250,
		    .text = "2.0.0 Ok" },
		{ .kind = DRILL_SPOOL, .ms = 3, .id = 0x100, .bytes = 612 },
		{ .kind = DRILL_DELIVERY,
		    .outcome = DRILL_DEFERRED,
		    .ms = 500,
		    .host = "mx1.example.org",
		    .addr = "192.0.2.10:25",
		    .tls = "TLSv1.3",
		    .tls_by = "dane",
		    .code = 451,
		    .text = "4.7.1 later\033[31m" },
		{ .kind = DRILL_END,
		    .outcome = DRILL_FAILED,
		    .ms = 9000,
		    .text = "refused" },
	};

	(void)arg;
	if (number != 17 || i >= nsteps)
		return false;
	*s = steps[i];
	return true;
}

static int
on_drill_look(void *arg, uint64_t number, struct drill_view *v)
{
	(void)arg;
	*v = (struct drill_view){ .id = number,
		.deadline_ms = INT64_C(1795371600000),
		.recipient = "ann@example.org" };
	return 0;
}

static bool
on_drill_obstacle(void *arg, const char *domain, char *dst, size_t size)
{

	(void)arg;
	(void)domain;
	(void)strlcpy(dst, "it is down", size);
	return down;
}

static int
setup_drill(void **state)
{
	if (setup(state) != 0)
		return -1;
	fake.ops.drill = (struct control_drill_ops){ .start = on_drill_start,
		.step = on_drill_step,
		.look = on_drill_look,
		.obstacle = on_drill_obstacle };
	restart();
	start_rc = 0;
	return 0;
}

/* The steps as they come, in lines; the end, or that it goes on. */
static void
drill_says_its_steps(void **state)
{
	static const struct {
		const char *request;
		unsigned steps; /* so many are there */
		bool down;
		const char *asked, *has[4];
	} rows[] = {
		{ "{\"verb\":\"drill\",\"domain\":\"Example.org\"}", 4, false,
		    "drill example.org",
		    { "{\"step\":\"intake\",\"state\":\"accepted\","
		      "\"seconds\":0.002,\"recipient\":\"ann@example.org\","
		      "\"rule\":",
			"{\"step\":\"spool\",\"state\":\"durable\",",
			"{\"step\":\"delivery\",\"state\":\"deferred\","
			"\"seconds\":0.5,\"host\":\"mx1.example.org\","
			"\"address\":\"192.0.2.10:25\",\"tls\":\"TLSv1.3\","
			"\"tls_by\":\"dane\",\"code\":451,\"reply\":"
			"\"4.7.1 later?[31m\"}",
			"{\"step\":\"end\",\"state\":\"failed\",\"seconds\":9,"
			"\"reply\":\"refused\",\"until\":null}\n"
			"{\"done\":true,\"rc\":1,\"domain\":\"example.org\","
			"\"error\":\"example.org: the drill has failed\"}" } },
		{ "{\"verb\":\"drill\",\"domain\":\"example.org\","
		  "\"wait_for\":\"0s\",\"recipient\":\"bob@example.org\"}",
		    2, true, "drill example.org bob@example.org",
		    { "{\"step\":\"end\",\"state\":\"waiting\",\"seconds\":0,"
		      "\"reply\":\"it is down\",\"until\":1795371600}\n",
			"\"rc\":1", "example.org: not delivered yet" } },
	};
	const char *answer;
	struct peer p;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(rows); i++) {
		asked[0] = '\0';
		nsteps = rows[i].steps;
		down = rows[i].down;
		answer = ask(&p, rows[i].request);
		assert_string_equal(asked, rows[i].asked);
		for (size_t j = 0; j < MX_COUNT(rows[i].has); j++)
			if (rows[i].has[j] != NULL)
				assert_has(answer, rows[i].has[j]);
		peer_close(&p);
	}
}

static void
drill_is_refused(void **state)
{
	static const struct {
		int rc; /* of the start */
		const char *more, *has[2];
	} rows[] = {
		{ -MX_EFULL, "", { "\"rc\":1", "too many drills" } },
		{ -MX_ENOENT, "", { "\"rc\":1", "smtpd { listen } is empty" } },
		{ -MX_EBUSY, ",\"recipient\":\"bob@example.org\"",
		    { "\"rc\":1", "to ann@example.org is under way" } },
		{ 0, ",\"recipient\":\"bob@example.net\"",
		    { "\"rc\":2", "not an ASCII address in example.org" } },
		{ 0, ",\"recipient\":\"example.org\"",
		    { "\"rc\":2", "not an ASCII address" } },
		{ 0, ",\"wait_for\":\"2h\"", { "\"rc\":2", "1h at most" } },
		{ 0, ",\"wait_for\":\"-1s\"", { "\"rc\":2", "1h at most" } },
	};
	const char *answer;
	char request[200];
	struct peer p;

	(void)state;
	for (size_t i = 0; i < MX_COUNT(rows); i++) {
		start_rc = rows[i].rc;
		(void)snprintf(request, sizeof(request),
		    "{\"verb\":\"drill\",\"domain\":\"example.org\"%s}",
		    rows[i].more);
		answer = ask(&p, request);
		assert_has(answer, rows[i].has[0]);
		assert_has(answer, rows[i].has[1]);
		peer_close(&p);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup_drill, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(drill_says_its_steps),
		TEST(drill_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
