/* SPDX-License-Identifier: ISC
 * test_store: the store over a real directory: what was committed is there,
 * also after it was opened again; what was aborted or removed is not, and
 * neither is its space; what is damaged is said to be. */
#include <sys/resource.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"
#include "relay/store/db.h"
#include "tests/unit/store_kit.h"

#define LARGE (5u << 20)

static int
setup(void **state)
{
	struct kit *k = mem_alloc(sizeof(*k));

	kit_init(k, NULL);
	*state = k;
	return kit_open(k) ? 0 : -1;
}

static int
teardown(void **state)
{
	kit_fini(*state);
	mem_free(state);
	return 0;
}

static void
reopen(struct kit *k)
{
	kit_close(k);
	if (!kit_open(k))
		fail_msg("%s", k->eb.text);
}

static void
test_commit(void **state)
{
	static const size_t sizes[] = { 0, 1, 4096, 7999, 8000, 8001, 16000,
		262143, 262144, 262145, LARGE };
	enum { LAST = MX_COUNT(sizes) - 1 };
	uint64_t ids[MX_COUNT(sizes)];
	struct kit *k = *state;
	size_t i;
	int round;

	for (i = 0; i < MX_COUNT(sizes); i++) {
		ids[i] = kit_commit(k, sizes[i], i, 1);
		assert_true(ids[i] != 0);
		assert_true(i == 0 || ids[i] > ids[i - 1]);
	}
	for (round = 0; round < 2; round++) {
		for (i = 0; i < MX_COUNT(sizes); i++)
			assert_int_equal(kit_verify(k, ids[i], sizes[i], i), 0);
		assert_int_equal(kit_load(k, ids[LAST], 1000), 0);
		assert_int_equal(k->loaded.len, 1000);
		assert_string_equal(k->loaded.env->sender,
		    "sender@example.com");
		assert_int_equal(kit_load(k, ids[LAST] + 1, 10), -MX_ENOENT);
		reopen(k);
		assert_int_equal(kit_scan(k), MX_COUNT(sizes));
		assert_int_equal(k->damaged, 0);
	}
	if (getenv("KIT_ENGINE") !=
	    NULL) /* rows that fit a page: SCHEMA_PIECE */
		assert_int_equal(kit_sql("SELECT max(octet_length(data)) "
					 "FROM mxwatch.body"),
		    8000);
	assert_true(kit_commit(k, 10, 0, 1) > ids[LAST]);
}

struct piece {
	struct kit *kit;
	const char *want;
	size_t len;
};

static void
on_piece(void *arg, int rc, char *data, size_t len)
{
	struct piece *p = arg;

	assert_int_equal(rc, 0);
	assert_int_equal(len, p->len);
	assert_memory_equal(data, p->want, len);
	free(data);
	p->kit->done = true;
	loop_stop(p->kit->loop);
}

/* From anywhere in what was too long for a load, whatever pieces it is kept in. */
static void
test_read(void **state)
{
	static const size_t from[] = { 0, 1, 7999, 8000, 8001, 262143, 262144,
		262145, 1000000, LARGE - 1 };
	struct kit *k = *state;
	uint64_t id = kit_commit(k, LARGE, 3, 1);
	char *body = mem_alloc(LARGE);
	struct piece p = { .kit = k };

	kit_fill(body, LARGE, 3);
	assert_int_equal(kit_load(k, id, 1000), 0);
	for (size_t i = 0; i < MX_COUNT(from); i++) {
		p.want = body + from[i];
		p.len = LARGE - from[i] < 300000 ? LARGE - from[i] : 300000;
		k->done = false;
		(void)store_read(k->store, &k->loaded.env->body, from[i], p.len,
		    on_piece, &p);
		kit_wait(k, &k->done);
	}
	free(body);
}

static void
test_parts_share_a_body(void **state)
{
	struct kit *k = *state;
	uint64_t id = kit_commit(k, LARGE, 3, 3);
	unsigned i;

	assert_true(id != 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(kit_verify(k, id | i, LARGE, 3), 0);
		kit_settle(k);
		assert_int_equal(kit_bodies(k), 1);
		assert_int_equal(kit_remove(k, id | i), 0);
		assert_int_equal(kit_load(k, id | i, 0), -MX_ENOENT);
		assert_int_equal(kit_remove(k, id | i), -MX_ENOENT);
	}
	kit_settle(k);
	assert_int_equal(kit_bodies(k), 0);
	reopen(k);
	assert_int_equal(kit_bodies(k), 0);
	assert_int_equal(kit_scan(k), 0);
}

static void
test_abort_leaves_nothing(void **state)
{
	struct kit *k = *state;
	struct store_tx *tx = store_tx_begin(k->store);
	char *data = mem_alloc(LARGE);
	uint64_t id = store_tx_id(tx);

	assert_int_equal(store_tx_append(tx, data, LARGE), 0);
	mem_free(&data);
	assert_true(store_tx_congested(tx, NULL, NULL));
	store_tx_abort(&tx);
	assert_null(tx);
	store_tx_abort(&tx);
	assert_true(kit_commit(k, 10, 0, 1) != 0); /* behind it in the queue */
	assert_int_equal(kit_bodies(k), 0);
	assert_int_equal(kit_load(k, id, 10), -MX_ENOENT);
}

static void
room(void *arg)
{
	struct kit *k = arg;

	loop_stop(k->loop);
}

/* What a client left behind counts until it is on the disk, and whoever sends
 * then waits, however little he has sent himself. */
static void
test_bound_over_all(void **state)
{
	struct kit *k = *state;
	struct store_conf conf = k->conf;
	struct store_tx *gone, *tx = store_tx_begin(k->store), *other;
	struct store_info info;
	char *data = mem_alloc(LARGE);

	conf.waiting_max = 1u << 20;
	store_reconfigure(k->store, &conf);
	assert_false(store_tx_congested(tx, room, k));
	gone = store_tx_begin(k->store);
	assert_int_equal(store_tx_append(gone, data, LARGE), 0);
	store_tx_abort(&gone);
	store_info(k->store, &info);
	assert_true(info.waiting_bytes >= conf.waiting_max);
	assert_int_equal(store_accepting(k->store, 1), -MX_EFULL);
	assert_true(store_tx_congested(tx, room, k));
	other = store_tx_begin(k->store);
	assert_true(store_tx_congested(other, NULL, NULL));
	store_tx_abort(&other); /* he is not called, for he is gone */
	loop_run(k->loop);
	assert_int_equal(store_accepting(k->store, 1), 0);
	assert_false(store_tx_congested(tx, room, k));
	store_tx_abort(&tx);
	assert_true(kit_commit(k, 10, 0, 1) != 0); /* behind it in the queue */
	store_info(k->store, &info);
	assert_int_equal(info.waiting_bytes, 0);
	mem_free(&data);
}

static void
done(void *arg, uint64_t token, int rc)
{
	*(int *)arg = rc == 0 ? (int)token : rc;
}

static void
test_update(void **state)
{
	struct kit *k = *state;
	uint64_t id = kit_commit(k, 5000, 1, 2);
	struct envelope *e;
	int got = 0;

	assert_int_equal(kit_load(k, id | 1, 0), 0);
	e = envelope_copy(k->loaded.env);
	e->attempts = 7;
	rcpt_set(&e->rcpts[0], RCPT_DELIVERED, 250, NULL, "2.0.0 ok");
	store_update(k->store, e, done, &got, 42);
	reopen(k); /* completes what was handed in */
	assert_int_equal(got, 42);
	assert_int_equal(kit_verify(k, id | 1, 5000, 1), 0);
	assert_int_equal(k->loaded.env->attempts, 7);
	assert_string_equal(k->loaded.env->rcpts[0].reply, "2.0.0 ok");
	assert_int_equal(kit_verify(k, id, 5000, 1), 0);
	assert_int_equal(k->loaded.env->attempts, 0);
	/* an update of what is gone does not bring it back */
	assert_int_equal(kit_remove(k, id | 1), 0);
	store_update(k->store, e, done, &got, 42);
	envelope_destroy(&e);
	reopen(k);
	assert_int_equal(got, -MX_ENOENT);
	assert_int_equal(kit_load(k, id | 1, 0), -MX_ENOENT);
	assert_int_equal(kit_verify(k, id, 5000, 1), 0);
}

static void
state_one(void *arg, const char *key, const void *data, size_t len)
{
	struct buf *b = arg;

	assert_int_equal(buf_addf(b, "%s=", key), 0);
	assert_int_equal(buf_add(b, data, len), 0);
	assert_int_equal(buf_adds(b, ";"), 0);
}

static void
test_state(void **state)
{
	struct kit *k = *state;
	struct buf b = BUF_INIT(1000);
	int got;

	store_state_put(k->store, "hold/b", "2", 1, NULL, NULL, 0);
	store_state_put(k->store, "hold/a", "1", 1, NULL, NULL, 0);
	store_state_put(k->store, "hold/ab", "3", 1, NULL, NULL, 0);
	store_state_put(k->store, "other", "x", 1, NULL, NULL, 0);
	store_state_put(k->store, "never", "", 0, done, &got, 5);
	reopen(k);
	assert_int_equal(got, 5);
	store_state_each(k->store, "hold/", state_one, &b);
	assert_string_equal(buf_str(&b), "hold/a=1;hold/ab=3;hold/b=2;");
	buf_clear(&b);
	store_state_put(k->store, "hold/a", "", 0, NULL, NULL, 0);
	reopen(k);
	store_state_each(k->store, "hold/", state_one, &b);
	assert_string_equal(buf_str(&b), "hold/ab=3;hold/b=2;");
	buf_clear(&b);
	assert_true(store_state_some(k->store, "hold/", "", 1, state_one, &b));
	assert_string_equal(buf_str(&b), "hold/ab=3;");
	buf_clear(&b);
	assert_false(
	    store_state_some(k->store, "hold/", "hold/ab", 9, state_one, &b));
	assert_string_equal(buf_str(&b), "hold/b=2;");
	buf_clear(&b);
	store_state_each(k->store, "", state_one, &b);
	assert_string_equal(buf_str(&b), "hold/ab=3;hold/b=2;other=x;");
	buf_fini(&b);
}

static void
test_second_open(void **state)
{
	struct kit *k = *state;
	struct kit second = *k;
	char pid[32];

	assert_false(kit_open(&second));
	snprintf(pid, sizeof(pid), "pid %ld,", (long)getpid());
	assert_non_null(strstr(second.eb.text, pid));
	assert_true(kit_commit(k, 10, 0, 1) != 0);
}

static void
test_space_comes_back(void **state)
{
	struct kit *k = *state;
	uint64_t ids[100], before, after;
	unsigned i, files;

	for (i = 0; i < 100; i++)
		ids[i] = kit_commit(k, 65536, i, 1);
	files = kit_segments(k, &before);
	assert_true(files >= 6); /* of 1 MiB */
	for (i = 0; i < 100; i++)
		if (i % 16 != 5)
			assert_int_equal(kit_remove(k, ids[i]), 0);
	kit_settle(k);
	(void)kit_segments(k, &after);
	if (after > before / 2) /* holes are not to be had everywhere */
		print_message("no holes here: %lu of %lu blocks\n",
		    (unsigned long)after, (unsigned long)before);
	for (i = 5; i < 100; i += 16) {
		assert_int_equal(kit_verify(k, ids[i], 65536, i), 0);
		assert_int_equal(kit_remove(k, ids[i]), 0);
	}
	kit_settle(k);
	assert_true(kit_segments(k, &after) <= 1); /* the current one */
	reopen(k);
	assert_int_equal(kit_segments(k, &after), 0);
}

/* A record that cannot be found is no proof that nobody needs its body. */
static void
test_a_lost_record_keeps_its_body(void **state)
{
	struct kit *k = *state;
	struct mx_errbuf eb;
	struct db *db;
	struct db_txn *t;
	uint64_t ids[8], at;
	char path[320], want[20000], got[20000];
	unsigned i;
	int fd;

	for (i = 0; i < 8; i++)
		ids[i] = kit_commit(k, sizeof(want), i, 1 + i % 2);
	assert_int_equal(kit_load(k, ids[7], 0), 0);
	snprintf(path, sizeof(path), "%s/seg/%016llx", k->dir,
	    (unsigned long long)k->loaded.env->body.segment);
	at = k->loaded.env->body.offset;
	kit_fill(want, sizeof(want), 7);
	kit_close(k);
	snprintf(got, sizeof(got), "%s/db", k->dir);
	assert_int_equal(db_open(&db, got, k->conf.map_size, &eb), 0);
	assert_int_equal(db_begin(db, true, &t), 0);
	assert_int_equal(db_record_del(t, ids[7]), 0);
	assert_int_equal(db_record_del(t, ids[7] | 1), 0);
	assert_int_equal(db_commit(&t), 0);
	db_close(&db);
	assert_true(kit_open(k));
	for (i = 0; i < 6; i++) {
		assert_int_equal(kit_remove(k, ids[i]), 0);
		if (i % 2 == 1)
			assert_int_equal(kit_remove(k, ids[i] | 1), 0);
	}
	kit_settle(k);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, got, sizeof(got), (off_t)at), sizeof(got));
	close(fd);
	assert_memory_equal(got, want, sizeof(want));
}

struct burst {
	struct kit *k;
	unsigned left, failed;
	bool over;
};

static void
burst_one(void *arg, uint64_t token, int rc, struct envelope **parts,
    unsigned n)
{
	struct burst *b = arg;

	(void)token;
	(void)n;
	envelope_destroy(&parts[0]);
	b->failed += rc != 0;
	if (--b->left == 0) {
		b->over = true;
		loop_stop(b->k->loop);
	}
}

/* Many at once: they share commits, come back whole, and a scan that starts
 * meanwhile sees only what was there at the opening. */
static void
test_burst_and_scan(void **state)
{
	struct kit *k = *state;
	struct burst b = { k, 2500, 0, false };
	struct envelope *e;
	struct store_tx *tx;
	unsigned i;

	for (i = 0; i < 2500; i++) {
		tx = store_tx_begin(k->store);
		assert_int_equal(store_tx_append(tx, &i, sizeof(i)), 0);
		e = kit_envelope("example.org");
		store_tx_commit(&tx, &e, 1, burst_one, &b, i);
	}
	kit_wait(k, &b.over);
	assert_int_equal(b.failed, 0);
	assert_true(k->largest > 1 && k->largest <= 200);
	assert_int_equal(kit_scan(k), 0);
	reopen(k);
	assert_int_equal(kit_scan(k), 2500);
	assert_int_equal(k->damaged, 0);
}

static void
fetched(void *arg, struct envelope **envs, unsigned n)
{
	struct kit *k = arg;
	unsigned i;

	k->scanned = 0;
	for (i = 0; i < n; i++) {
		k->scanned = k->scanned * 2 + (envs[i] != NULL);
		envelope_destroy(&envs[i]);
	}
	k->done = true;
	loop_stop(k->loop);
}

static void
never(void *arg, struct envelope **envs, unsigned n)
{
	(void)arg;
	(void)envs;
	(void)n;
	fail();
}

static void
test_fetch_and_cancel(void **state)
{
	struct kit *k = *state;
	uint64_t ids[3];

	ids[0] = kit_commit(k, 100, 1, 1);
	ids[1] = ids[0] + 7;
	ids[2] = kit_commit(k, 100, 2, 1);
	store_cancel(k->store, store_fetch(k->store, ids, 3, never, k));
	k->done = false;
	(void)store_fetch(k->store, ids, 3, fetched, k);
	kit_wait(k, &k->done);
	assert_int_equal(k->scanned, 5); /* 1 0 1 */
}

static void
edit(struct kit *k, const char *name, off_t at, const char *text)
{
	char path[400];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", k->dir, name);
	assert_true((fd = open(path, O_RDWR)) >= 0);
	if (text == NULL)
		assert_int_equal(ftruncate(fd, at), 0);
	else
		assert_true(pwrite(fd, text, strlen(text), at) > 0);
	close(fd);
}

static void
test_damaged_body(void **state)
{
	struct kit *k = *state;
	uint64_t id = kit_commit(k, 5000, 1, 1);

	edit(k, "seg/8000000000000000", 2500, "damage");
	assert_int_equal(kit_load(k, id, SIZE_MAX), -MX_ECORRUPT);
	assert_int_equal(kit_load(k, id, 100), 0); /* the caller adds up */
	edit(k, "seg/8000000000000000", 2500, NULL);
	assert_int_equal(kit_load(k, id, SIZE_MAX), -MX_ECORRUPT);
}

static const struct refusal {
	const char *name, *file;
	off_t at;
	const char *text; /* NULL: cut there */
	const char *says;
} refusals[] = {
	{ "unknown format", "format", 14, "3", "does not support" },
	{ "database cut off", "db/data.mdb", 20480, NULL, "is truncated" },
	{ "database cut to nothing", "db/data.mdb", 0, NULL, "is missing" },
	{ "no database", "db/data.mdb", 16, "garbage garbage", "LMDB" },
};

static void
test_refusals(void **state)
{
	unsigned i, n;

	(void)state;
	for (i = 0; i < MX_COUNT(refusals); i++) {
		const struct refusal *r = &refusals[i];
		struct kit k;
		uint64_t blocks;

		kit_init(&k, NULL);
		assert_true(kit_open(&k));
		for (n = 0; n < 50; n++)
			assert_true(kit_commit(&k, 4000, n, 1) != 0);
		kit_close(&k);
		edit(&k, r->file, r->at, r->text);
		if (r->at == 16) /* both meta pages */
			edit(&k, r->file, 4096 + 16, r->text);
		if (kit_open(&k))
			fail_msg("%s: was opened", r->name);
		if (strstr(k.eb.text, r->says) == NULL)
			fail_msg("%s: %s", r->name, k.eb.text);
		/* and no body was thrown away */
		assert_int_equal(kit_segments(&k, &blocks), 1);
		kit_fini(&k);
	}
}

static void
test_open_to_others(void **state)
{
	static const mode_t open[] = { 0755, 0740, 0720, 0710, 0704, 0702,
		0701 };
	struct kit *k = *state;

	kit_close(k);
	for (size_t i = 0; i < MX_COUNT(open); i++) {
		assert_int_equal(chmod(k->dir, open[i]), 0);
		assert_false(kit_open(k));
		assert_non_null(strstr(k->eb.text, "chmod 700"));
	}
	assert_int_equal(chmod(k->dir, 0700), 0);
	assert_true(kit_open(k));
}

static void
test_accepting(void **state)
{
	struct kit *k = *state;
	struct store_info info;

	store_info(k->store, &info);
	assert_int_equal(info.state, STORE_OK);
	assert_true(info.free_bytes > 0);
	assert_int_equal(store_accepting(k->store, 1000), 0);
	assert_int_equal(store_accepting(k->store, UINT64_MAX), -MX_EFULL);
	k->conf.reserve = UINT64_MAX / 2;
	store_reconfigure(k->store, &k->conf);
	kit_wait_state(k, STORE_FULL);
	assert_int_equal(store_accepting(k->store, 1), -MX_EFULL);
	assert_true(kit_commit(k, 100, 0, 1) != 0); /* our DSNs still may */
	k->conf.reserve = 0;
	store_reconfigure(k->store, &k->conf);
	kit_wait_state(k, STORE_OK);
	assert_int_equal(store_accepting(k->store, 1), 0);
}

/* What store_info() says of the segments, over several of them. */
static void
test_segment_bytes(void **state)
{
	struct kit *k = *state;
	struct store_info info;
	uint64_t ids[20], blocks;
	unsigned i;

	k->conf.segment_size = 65536;
	store_reconfigure(k->store, &k->conf);
	for (i = 0; i < MX_COUNT(ids); i++)
		assert_true((ids[i] = kit_commit(k, 30000, i, 1)) != 0);
	/* LIMITS makes the writer look again, after the group that follows */
	store_reconfigure(k->store, &k->conf);
	assert_int_equal(kit_remove(k, ids[0]), 0);
	do {
		assert_int_equal(kit_load(k, ids[1], 0), 0);
		store_info(k->store, &info);
	} while (info.segments != 7 && i++ < 1000);
	assert_int_equal(info.segments, 7);
	assert_true(info.segment_bytes > MX_COUNT(ids) * 30000);
	kit_settle(k);
	(void)kit_segments(k, &blocks);
	assert_true(info.segment_bytes <= blocks * 512);
}

/* Clients that use up our descriptors: a new segment has to wait for one, but
 * the disk is not broken. */
static void
test_no_descriptor(void **state)
{
	struct kit *k = *state;
	struct rlimit had, none;
	int fd = dup(STDERR_FILENO); /* the lowest that is free */
	uint64_t id;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
	none = (struct rlimit){ (rlim_t)fd, had.rlim_max };
	close(fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	id = kit_commit(k, 100, 1, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	assert_int_equal(id, 0);
	assert_int_equal(k->rc, -MX_EFULL);
	kit_wait_state(k, STORE_OK);
	assert_true((id = kit_commit(k, 100, 1, 1)) != 0);
	assert_int_equal(kit_verify(k, id, 100, 1), 0);
}

/* Records that do not decode are skipped, and their ids are kept, up to a
 * bound. */
static void
test_unreadable_records(void **state)
{
	struct kit *k = *state;
	const uint64_t *bad;
	uint64_t ids[3];
	char path[300], *data, *at;
	unsigned n;
	struct stat st;
	int fd;

	for (unsigned i = 0; i < 3; i++)
		ids[i] = kit_commit(k, 10, i, 1);
	assert_int_equal(kit_scan(k), 0);
	assert_null(store_damaged(k->store, &n));
	assert_int_equal(n, 0);
	kit_close(k);
	snprintf(path, sizeof(path), "%s/db/data.mdb", k->dir);
	fd = open(path, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	data = mem_alloc((size_t)st.st_size);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	/* a letter of every sender but the middle one's */
	for (at = data; (at = memmem(at, (size_t)(data + st.st_size - at), "\1",
			     1)) != NULL;
	     at++) {
		uint64_t id = 0;

		if (at + 9 > data + st.st_size)
			break;
		memcpy(&id, at + 1, sizeof(id));
		if (id == ids[0] || id == ids[2])
			at[20] = (char)(at[20] ^ 1);
	}
	assert_int_equal(pwrite(fd, data, (size_t)st.st_size, 0), st.st_size);
	close(fd);
	mem_free(&data);
	assert_true(kit_open(k));
	assert_int_equal(kit_scan(k), 1);
	assert_int_equal(k->damaged, 2);
	bad = store_damaged(k->store, &n);
	assert_int_equal(n, 2);
	assert_int_equal(bad[0], ids[0]);
	assert_int_equal(bad[1], ids[2]);
	assert_in_range(store_id_ms(ids[0]), clock_wall_ms() - 60000,
	    clock_wall_ms() + 1000);
}

struct closing {
	struct kit *kit;
	unsigned records, ends;
};

static void
closing_one(void *arg, const struct envelope_brief *e)
{
	struct closing *c = arg;

	(void)e;
	if (++c->records == 1000) /* a batch; the next one is on its way */
		loop_stop(c->kit->loop);
}

static void
closing_end(void *arg, int rc, uint64_t damaged)
{
	struct closing *c = arg;

	assert_int_equal(rc, -MX_ECANCELED);
	assert_int_equal(damaged, 0);
	c->ends++;
}

/* Closed at once, and between two batches: the end is told once, and nothing
 * after it. */
static void
test_close_in_scan(void **state)
{
	struct kit *k = *state;
	struct closing c = { .kit = k };

	for (unsigned i = 0; i < 5; i++)
		assert_true(kit_commit(k, 10, i, 250) != 0);
	store_scan(k->store, closing_one, closing_end, &c);
	kit_close(k);
	assert_int_equal(c.records, 0);
	assert_int_equal(c.ends, 1);

	assert_true(kit_open(k));
	store_scan(k->store, closing_one, closing_end, &c);
	loop_timer_set(k->deadline, 20000);
	loop_run(k->loop);
	loop_timer_cancel(k->deadline);
	kit_close(k);
	assert_int_equal(c.records, 1000);
	assert_int_equal(c.ends, 2);
}

static void
slow_done(void *arg, uint64_t token, int rc)
{
	struct kit *k = arg;
	int64_t end = clock_now() + 6 * CLOCK_MS; /* a turn gives out 5 ms */

	(void)rc;
	assert_int_equal(token, k->answers++);
	while (clock_now() < end)
		continue;
	loop_stop(k->loop);
}

/* The loop ends between two answers that it took together: whoever closes
 * still gets them, and does not wait for them in the mailbox. */
static void
test_close_between_answers(void **state)
{
	struct kit *k = *state;
	uint64_t i;

	k->answers = 0;
	for (i = 0; i < 3; i++)
		store_remove(k->store, 1 << 8, slow_done, k, i);
	loop_run(k->loop);
	assert_true(k->answers < 3);
	reopen(k);
	assert_int_equal(k->answers, 3);
}

int
main(void)
{
#define STORE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	/* what store.h promises, whatever keeps it */
	const struct CMUnitTest any[] = {
		STORE_TEST(test_commit),
		STORE_TEST(test_read),
		STORE_TEST(test_parts_share_a_body),
		STORE_TEST(test_abort_leaves_nothing),
		STORE_TEST(test_bound_over_all),
		STORE_TEST(test_update),
		STORE_TEST(test_state),
		STORE_TEST(test_burst_and_scan),
		STORE_TEST(test_fetch_and_cancel),
		STORE_TEST(test_close_between_answers),
		STORE_TEST(test_close_in_scan),
	};
	const struct CMUnitTest spool[] = {
		STORE_TEST(test_second_open),
		STORE_TEST(test_space_comes_back),
		STORE_TEST(test_a_lost_record_keeps_its_body),
		STORE_TEST(test_damaged_body),
		cmocka_unit_test(test_refusals),
		STORE_TEST(test_open_to_others),
		STORE_TEST(test_accepting),
		STORE_TEST(test_segment_bytes),
		STORE_TEST(test_no_descriptor),
		STORE_TEST(test_unreadable_records),
	};
	int bad = cmocka_run_group_tests(any, NULL, NULL);

	if (getenv("KIT_ENGINE") == NULL)
		bad += cmocka_run_group_tests(spool, NULL, NULL);
	return bad;
}
