/* SPDX-License-Identifier: ISC
 * fetch_outcome: see fetch_outcome.h. */
#include "tests/unit/fetch_outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

#define WAIT_SEC 20

void
outcome_note(void *arg, const struct send_result *r, void *owner)
{
	struct outcome *o = arg;

	assert_null(owner);
	o->n++;
	o->r = *r;
}

void
outcome_drop(void *arg)
{
	struct outcome *o = arg;

	o->dropped++;
}

void
outcome_wait(struct transport *tp, struct outcome *o, unsigned n)
{
	int64_t end = clock_now() + WAIT_SEC * CLOCK_SEC;

	while (o->n < n && clock_now() < end)
		transport_poll(tp, -1, 1000);
	assert_int_equal(o->n, n);
}
