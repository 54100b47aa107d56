/* SPDX-License-Identifier: ISC
 * ledger_world: see ledger_world.h. */
#include "tests/unit/ledger_world.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

struct loop *loop;
struct ledger *ledger;
static char folder[] = "/tmp/test_ledger.XXXXXX";
char *path;
struct conf_ledger conf;
const char *missing; /* a name that is not watched any more */

/* The helper: runs what it is given at once, unless the disk is slow. */
struct helper_job *waiting;
bool slow;

void
helper_do(struct helper *h MX_UNUSED, struct helper_job *job)
{
	if (slow) {
		assert_null(waiting);
		waiting = job;
		return;
	}
	job->run(job);
	job->done(job);
}

static bool
on_exists(void *arg MX_UNUSED, enum outage_kind kind MX_UNUSED,
    const char *name)
{
	return missing == NULL || strcmp(name, missing) != 0;
}

struct book_time
world_now(void)
{
	return (struct book_time){ clock_now(), clock_wall_ms() };
}

void
world_start(void)
{
	struct ledger_ops ops = { .exists = on_exists };
	struct book_time t = world_now();

	ledger = ledger_create(&conf, folder, NULL, &ops, &t);
}

void
world_stop(void)
{
	struct book_time t = world_now();

	ledger_destroy(&ledger, &t);
}

/* What is on the disk now stays there; what the end would write is undone. */
void
world_kill(void)
{
	struct buf was = BUF_INIT(64u << 20);
	struct timespec alive[2];

	assert_int_equal(file_load(path, &was, NULL), 0);
	world_stop();
	assert_int_equal(file_replace(path, 0600, was.data, was.len, NULL), 0);
	buf_fini(&was);
	alive[0].tv_sec = alive[1].tv_sec = clock_wall();
	alive[0].tv_nsec = alive[1].tv_nsec = 0;
	assert_int_equal(utimensat(AT_FDCWD, path, alive, 0), 0);
}

/* The file has the time of the real clock: that of the tests instead. */
void
world_alive_now(void)
{
	struct timespec at[2] = { { .tv_sec = clock_wall() },
		{ .tv_sec = clock_wall() } };

	assert_int_equal(utimensat(AT_FDCWD, path, at, 0), 0);
}

void
world_pass(unsigned seconds)
{
	struct book_time t;

	while (seconds-- > 0) {
		fake_loop_advance(loop, 1000);
		t = world_now();
		ledger_tick(ledger, &t);
	}
}

int
world_setup(void **state MX_UNUSED)
{
	fake_time_reset();
	conf = (struct conf_ledger){ .keep_ms = 730 * DAY_SEC * 1000,
		.merge_ms = 600000,
		.max = 10000,
		.open = 1000 };
	slow = false;
	waiting = NULL;
	missing = NULL;
	loop = loop_create();
	(void)unlink(path);
	world_start();
	return 0;
}

int
world_teardown(void **state MX_UNUSED)
{
	if (ledger != NULL)
		world_stop();
	loop_destroy(&loop);
	return 0;
}

/* ---- what goes in */

void
primary_of(const char *label, enum health_state state, const char *reply,
    bool by_delivery)
{
	struct book_verdict v = { .label = label,
		.state = state,
		.phase =
		    state == HEALTH_UP ? SMTP_PHASE_NONE : SMTP_PHASE_CONNECT,
		.reply = reply,
		.by_delivery = by_delivery,
		.domains = 2 };
	struct book_time t = world_now();

	ledger_primary(ledger, &v, &t);
}

void
primary_is(enum health_state state)
{
	primary_of(PRIMARY, state,
	    state == HEALTH_UP ? "" : "connect: Connection refused", false);
}

void
domain_tell(struct world_domain *d)
{
	struct book_time t = world_now();

	ledger_domain(ledger, d->was, d->is, &t);
	snap_domain_unref(&d->was);
	d->was = snap_domain_copy(d->is);
}

void
domain_state(struct world_domain *d, enum health_state state)
{
	if (d->is->state != state)
		d->is->state_since = clock_wall();
	d->is->state = state;
}

void
domain_create(struct world_domain *d, const char *name)
{
	*d = (struct world_domain){ .is = snap_domain_create(name, 1) };
	d->is->primary[0].label = PRIMARY;
	domain_state(d, HEALTH_UP);
	domain_tell(d);
}

void
domain_free(struct world_domain *d)
{
	snap_domain_unref(&d->was);
	snap_domain_unref(&d->is);
}

void
mail_comes(struct world_domain *d, unsigned n)
{
	d->is->count.accepted_messages += n;
	d->is->deferred += n;
	if (d->is->oldest_ms == 0)
		d->is->oldest_ms = d->is->oldest_live_ms = clock_wall_ms();
}

void
mail_goes(struct world_domain *d, unsigned n)
{
	d->is->count.delivered_messages += n;
	d->is->deferred -= n;
	if (d->is->deferred == 0)
		d->is->oldest_ms = d->is->oldest_live_ms = 0;
}

/* ---- what is kept */

cJSON *
records(const char *name)
{
	struct buf out = BUF_INIT(64u << 20);
	struct kept_query q = { .name = &name,
		.nnames = name != NULL,
		.limit = 100000 };
	uint64_t before = 0;
	cJSON *list;
	size_t n;

	assert_int_equal(buf_adds(&out, "["), 0);
	assert_false(ledger_page(ledger, &q, ",", &out, &before));
	n = out.len > 1 ? out.len - 1 : 1;
	out.data[n] = ']';
	list = cJSON_ParseWithLength(out.data, n + 1);
	assert_non_null(list);
	buf_fini(&out);
	return list;
}

int
count(const char *name)
{
	cJSON *list = records(name);
	int n = cJSON_GetArraySize(list);

	cJSON_Delete(list);
	return n;
}

/* The newest record of that name; the caller frees it. */
cJSON *
record(const char *name)
{
	cJSON *list = records(name), *r;

	assert_true(cJSON_GetArraySize(list) > 0);
	r = cJSON_DetachItemFromArray(list, 0);
	cJSON_Delete(list);
	return r;
}

void
check_num(const cJSON *r, const char *key, double want)
{
	double is = json_get_num(r, key);

	if (is < want - .001 || is > want + .001)
		fail_msg("%s is %f, not %f", key, is, want);
}

void
check_text(const cJSON *r, const char *key, const char *want)
{
	assert_string_equal(json_get_text(r, key), want);
}

void
check_state(const char *name, const char *want)
{
	cJSON *r = record(name);

	check_text(r, "state", want);
	cJSON_Delete(r);
}

int
world_begin(void)
{
	if (mkdtemp(folder) == NULL)
		return -1;
	path = mem_printf("%s/outages", folder);
	return 0;
}

void
world_end(void)
{
	(void)unlink(path);
	(void)rmdir(folder);
	mem_free(&path);
}
