/* SPDX-License-Identifier: ISC
 * test_alert_share: what is written for the other nodes, in order, and again when it
 * failed; over a store of this file that fails as it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "daemon/alert_share.h"

static struct {
	char *key, *text;
	store_done_cb *done;
	void *arg;
	uint64_t token;
} put[64];
static unsigned nputs, ndone;
static struct store_info info;
static char state[64]; /* of "alert/mx2/a/b", as it is written; "" gone */

void
store_state_put(struct store *s MX_UNUSED, const char *key, const void *data,
    size_t len, store_done_cb *done, void *arg, uint64_t token)
{
	assert_true(nputs < MX_COUNT(put));
	put[nputs].key = mem_strdup(key);
	put[nputs].text = mem_strndup(len > 0 ? data : "", len);
	put[nputs].done = done;
	put[nputs].arg = arg;
	put[nputs++].token = token;
}

void
store_info(const struct store *s MX_UNUSED, struct store_info *si)
{
	*si = info;
}

/* All that was handed in is done. */
static void
done(int rc)
{
	unsigned end = nputs;

	for (; ndone < end; ndone++) {
		if (rc == 0)
			(void)strlcpy(state, put[ndone].text, sizeof(state));
		put[ndone].done(put[ndone].arg, put[ndone].token, rc);
		mem_free(&put[ndone].key);
		mem_free(&put[ndone].text);
	}
}

static struct alert_share *
begin(void)
{
	nputs = ndone = 0;
	state[0] = '\0';
	info = (struct store_info){ .state = STORE_OK };
	return alert_share_create(NULL);
}

static void
the_last_one_stays(void **st)
{
	struct alert_share *a = begin();

	(void)st;
	alert_share_put("alert/mx2/a/b", "1", a);
	alert_share_put("alert/mx2/a/b", "2", a);
	alert_share_put("alert/mx2/a/b", "3", a);
	assert_int_equal(nputs, 1); /* one at a time */
	done(0);
	assert_int_equal(nputs, 2);
	done(0);
	assert_string_equal(state, "3");
	alert_share_put("alert/mx2/a/b", NULL, a);
	done(0);
	assert_string_equal(state, "");
	alert_share_tick(a);
	assert_int_equal(nputs, 3);
	alert_share_destroy(&a);
}

static void
what_failed_is_tried_again(void **st)
{
	struct alert_share *a = begin();

	(void)st;
	alert_share_put("alert/mx2/a/b", "1", a);
	done(-MX_ENOENT);
	info.fenced = true;
	alert_share_tick(a);
	assert_int_equal(nputs, 1);
	info.fenced = false;
	info.away_ms = 1;
	alert_share_tick(a);
	assert_int_equal(nputs, 1);
	info.away_ms = 0;
	alert_share_tick(a);
	assert_int_equal(nputs, 2);
	alert_share_tick(a); /* it is under way */
	assert_int_equal(nputs, 2);
	done(-MX_EIO);
	alert_share_put("alert/mx2/a/b", NULL, a); /* newer */
	done(0);
	assert_string_equal(state, "");
	alert_share_tick(a);
	assert_int_equal(nputs, 3);
	alert_share_destroy(&a);
}

/* What is under way when it ends is completed by the store before. */
static void
it_ends(void **st)
{
	struct alert_share *a = begin();

	(void)st;
	alert_share_put("alert/mx2/a/b", "1", a);
	alert_share_put("alert/mx2/a/c", "1", a);
	done(-MX_EIO);
	alert_share_destroy(&a);
	assert_null(a);
	alert_share_destroy(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_one_stays),
		cmocka_unit_test(what_failed_is_tried_again),
		cmocka_unit_test(it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
