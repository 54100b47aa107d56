/* SPDX-License-Identifier: ISC
 * store_kit: see store_kit.h. */
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#ifdef HAVE_LIBPQ
#include "engine/schema.h"
#endif
#include "tests/unit/store_kit.h"

#define KIT_DEADLINE_MS 60000 /* a busy machine, and a server that is started */

static void
kit_late(void *arg)
{
	(void)arg;
	fprintf(stderr, "store_kit: no completion within the deadline\n");
	abort();
}

void
kit_wait(struct kit *k, const bool *flag)
{
	loop_timer_set(k->deadline, KIT_DEADLINE_MS);
	while (!*flag)
		loop_run(k->loop);
	loop_timer_cancel(k->deadline);
}

void
kit_wait_state(struct kit *k, enum store_state state)
{
	loop_timer_set(k->deadline, KIT_DEADLINE_MS);
	while (k->state != state)
		loop_run(k->loop);
	loop_timer_cancel(k->deadline);
}

static void
kit_done(struct kit *k)
{
	k->done = true;
	loop_stop(k->loop);
}

void
kit_stop(void *arg)
{
	struct kit *k = arg;

	loop_stop(k->loop);
}

void
kit_turn(struct kit *k)
{
	struct loop_timer *t;

	t = loop_timer_create(k->loop, kit_stop, k);
	loop_timer_set(t, 10);
	loop_run(k->loop);
	loop_timer_destroy(&t);
}

void
kit_one_done(struct kit *k)
{
	if (--k->waiting == 0)
		kit_done(k);
}

void
kit_wait_all(struct kit *k)
{
	k->done = k->waiting == 0;
	kit_wait(k, &k->done);
}

static void
kit_state(void *arg, enum store_state state, const char *why)
{
	struct kit *k = arg;

	(void)why;
	k->state = state;
	loop_stop(k->loop);
}

static void
kit_committed(void *arg, double seconds, unsigned messages)
{
	struct kit *k = arg;

	(void)seconds;
	k->commits++;
	if (messages > k->largest)
		k->largest = messages;
}

static void
kit_error(void *arg, enum store_op op, int err)
{
	struct kit *k = arg;

	(void)op;
	(void)err;
	k->errors++;
}

static void
kit_writable(void *arg, bool yes)
{
	struct kit *k = arg;

	k->unwritable = !yes;
	loop_stop(k->loop);
}

static void
kit_arrived(void *arg, const struct envelope_brief *b)
{
	struct kit *k = arg;

	if (k->arrived != NULL)
		k->arrived(k->arrived_arg, b);
}

static void
kit_told(void *arg, const char *key, const void *value, size_t len)
{
	struct kit *k = arg;

	if (k->told != NULL)
		k->told(k->told_arg, key, value, len);
}

void
kit_wait_writable(struct kit *k)
{
	loop_timer_set(k->deadline, KIT_DEADLINE_MS);
	while (k->unwritable)
		loop_run(k->loop);
	loop_timer_cancel(k->deadline);
}

void
kit_attach(struct kit *k, const char *dir)
{
	*k = (struct kit){ 0 };
	(void)strlcpy(k->dir, dir, sizeof(k->dir));
	k->loop = loop_create();
	k->deadline = loop_timer_create(k->loop, kit_late, k);
	k->conf = (struct store_conf){ .dir = getenv("KIT_ENGINE") == NULL ?
		    k->dir :
		    NULL, /* kit_both() */
		.map_size = 64u << 20,
		.segment_size = 1u << 20,
		.behind_max = 1u << 20,
		.behind_ms = 10,
		.group_max = 200,
		.engine = getenv("KIT_ENGINE"),
		.node = "kit",
		.instance = k->dir,
		.lease_ms = 30000,
		.wait_ms = 10000 };
}

void
kit_both(struct kit *k)
{
	k->conf.dir = k->dir;
}

#ifdef HAVE_LIBPQ
/* Once more where the connection is lost: a test of that may ask, too. */
int64_t
kit_sql(const char *sql)
{
	int64_t until = clock_now() + KIT_DEADLINE_MS * CLOCK_MS, n = 0;
	struct pg *pg = pg_create(getenv("KIT_ENGINE"), "store_kit");
	struct pg_stmt s = { "", sql };
	struct mx_errbuf eb;
	int rc;

	do {
		rc = pg_up(pg, until, &eb);
		if (rc == 0) {
			(void)pg_add(pg, &s);
			rc = pg_run(pg, until, &eb);
		}
	} while (rc == -MX_ENET && clock_now() < until);
	if (rc != 0) {
		fprintf(stderr, "store_kit: %s: %s\n", sql, eb.text);
		abort();
	}
	if (pg_rows(pg, 0) > 0)
		n = pg_get_int8(pg, 0, 0, 0);
	pg_destroy(&pg);
	return n;
}

void
kit_engine_reset(void)
{
	int64_t until = clock_now() + KIT_DEADLINE_MS * CLOCK_MS;
	struct pg *pg = pg_create(getenv("KIT_ENGINE"), "store_kit");
	struct mx_errbuf eb;
	int version;

	(void)kit_sql("DROP SCHEMA IF EXISTS mxwatch CASCADE");
	while (pg_up(pg, until, &eb) != 0 ||
	    schema_init(pg, &version, until, &eb) != 0)
		MX_ASSERT(clock_now() < until);
	pg_destroy(&pg);
}
#else
/* Without libpq no test has an engine to ask. */
int64_t
kit_sql(const char *sql)
{
	fprintf(stderr, "store_kit: %s: this build has no libpq\n", sql);
	abort();
}
#endif

void
kit_init(struct kit *k, const char *parent)
{
	char dir[256];

	if (parent == NULL)
		parent = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%s/mxstore.XXXXXX",
	    parent != NULL ? parent : ".");
	MX_ASSERT(mkdtemp(dir) != NULL);
	kit_attach(k, dir);
#ifdef HAVE_LIBPQ
	if (k->conf.engine != NULL)
		kit_engine_reset();
#endif
}

bool
kit_open(struct kit *k)
{
	struct store_events ev = { .state = kit_state,
		.commit = kit_committed,
		.error = kit_error,
		.writable = kit_writable,
		.arrived = kit_arrived,
		.told = kit_told,
		.arg = k };

	k->rc = store_open(&k->store, k->loop, &k->conf, &ev, &k->eb);
	return k->rc == 0;
}

static void
loaded_free(struct kit *k)
{
	envelope_destroy(&k->loaded.env);
	free(k->loaded.data);
	k->loaded = (struct store_loaded){ 0 };
}

void
kit_close(struct kit *k)
{
	loaded_free(k);
	store_close(&k->store);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
kit_remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void
kit_fini(struct kit *k)
{
	kit_close(k);
	loop_timer_destroy(&k->deadline);
	loop_destroy(&k->loop);
	kit_remove_tree(k->dir);
}

struct envelope *
kit_envelope(const char *domain)
{
	struct envelope *e = envelope_create();

	(void)strlcpy(e->domain, domain, sizeof(e->domain));
	mem_free(&e->sender);
	e->sender = mem_strdup("sender@example.com");
	(void)envelope_add_rcpt(e, "user@example.org");
	return e;
}

void
kit_fill(char *data, size_t len, uint64_t seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		data[i] = (char)(seed >> 56);
	}
}

static void
kit_on_commit(void *arg, uint64_t token, int rc, struct envelope **parts,
    unsigned n)
{
	struct kit *k = arg;
	unsigned i;

	(void)token;
	for (i = 0; i < n; i++)
		envelope_destroy(&parts[i]);
	k->rc = rc;
	kit_done(k);
}

static void
kit_space(void *arg)
{
	kit_done(arg);
}

uint64_t
kit_commit(struct kit *k, size_t len, uint64_t seed, unsigned nparts)
{
	struct store_tx *tx = store_tx_begin(k->store);
	struct envelope *parts[ENVELOPE_PART_MAX];
	uint64_t id = store_tx_id(tx);
	char *data = mem_alloc(len + 1), domain[64];
	size_t at, n;
	unsigned i;
	int rc = 0;

	kit_fill(data, len, seed);
	for (at = 0; at < len && rc == 0; at += n) {
		n = len - at < 10000 ? len - at : 10000;
		rc = store_tx_append(tx, data + at, n);
		k->done = false;
		if (store_tx_congested(tx, kit_space, k))
			kit_wait(k, &k->done);
	}
	mem_free(&data);
	for (i = 0; i < nparts; i++) {
		snprintf(domain, sizeof(domain), "d%u.example", i);
		parts[i] = kit_envelope(domain);
	}
	k->done = false;
	store_tx_commit(&tx, parts, nparts, kit_on_commit, k, seed);
	kit_wait(k, &k->done);
	return k->rc == 0 ? id : 0;
}

static void
kit_on_done(void *arg, uint64_t token, int rc)
{
	struct kit *k = arg;

	(void)token;
	k->rc = rc;
	kit_done(k);
}

int
kit_remove(struct kit *k, uint64_t id)
{
	k->done = false;
	store_remove(k->store, id, kit_on_done, k, 0);
	kit_wait(k, &k->done);
	return k->rc;
}

int
kit_move(struct kit *k, uint64_t id)
{
	k->done = false;
	store_move(k->store, id, kit_on_done, k, 0);
	kit_wait(k, &k->done);
	return k->rc;
}

int
kit_update(struct kit *k, uint64_t id)
{
	struct envelope *e;
	int rc = kit_load(k, id, 0);

	if (rc < 0)
		return rc;
	e = envelope_copy(k->loaded.env);
	e->attempts++;
	k->done = false;
	store_update(k->store, e, kit_on_done, k, 0);
	envelope_destroy(&e);
	kit_wait(k, &k->done);
	return k->rc;
}

static void
kit_on_load(void *arg, struct store_loaded *l)
{
	struct kit *k = arg;

	k->loaded = *l;
	kit_done(k);
}

int
kit_load(struct kit *k, uint64_t id, size_t body_max)
{
	loaded_free(k);
	k->done = false;
	(void)store_load(k->store, id, body_max, kit_on_load, k);
	kit_wait(k, &k->done);
	return k->loaded.rc;
}

int
kit_verify(struct kit *k, uint64_t id, size_t len, uint64_t seed)
{
	char *want;
	int rc = kit_load(k, id, SIZE_MAX);

	if (rc < 0)
		return rc;
	if (k->loaded.len != len || k->loaded.env->id != id ||
	    k->loaded.env->body.len != len)
		return -MX_ECORRUPT;
	want = mem_alloc(len + 1);
	kit_fill(want, len, seed);
	if (len > 0 && memcmp(want, k->loaded.data, len) != 0)
		rc = -MX_ECORRUPT;
	mem_free(&want);
	return rc;
}

struct kit_look { /* of a scan */
	struct kit *kit;
	void (*one)(void *arg, const struct envelope_brief *);
	void *arg;
};

static void
kit_on_scan(void *arg, const struct envelope_brief *e)
{
	struct kit_look *look = arg;

	look->kit->scanned++;
	if (look->one != NULL)
		look->one(look->arg, e);
}

static void
kit_on_scanned(void *arg, int rc, uint64_t damaged)
{
	struct kit *k = ((struct kit_look *)arg)->kit;

	k->rc = rc;
	k->damaged = damaged;
	kit_done(k);
}

static void
on_state(void *arg, const char *key, const void *value, size_t len)
{
	(void)arg;
	(void)key;
	(void)value;
	(void)len;
}

void
kit_states(struct kit *k)
{
	store_state_each(k->store, "", on_state, NULL);
}

uint64_t
kit_chance(uint64_t *seed, uint64_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (*seed >> 33) % below;
}

bool
kit_scan_each(struct kit *k,
    void (*one)(void *arg, const struct envelope_brief *), void *arg)
{
	struct kit_look look = { k, one, arg };

	k->scanned = 0;
	k->done = false;
	store_scan(k->store, kit_on_scan, kit_on_scanned, &look);
	kit_wait(k, &k->done);
	return k->rc == 0 && k->damaged == 0;
}

uint64_t
kit_scan(struct kit *k)
{
	(void)kit_scan_each(k, NULL, NULL);
	return k->scanned;
}

static void
wait_applied(struct kit *k)
{
	struct store_info info;
	unsigned ms;

	for (ms = 0; ms < KIT_DEADLINE_MS; ms++) {
		store_info(k->store, &info);
		if (info.behind_records == 0)
			return;
		(void)poll(NULL, 0, 1);
	}
	kit_late(k);
}

void
kit_settle(struct kit *k)
{
	wait_applied(k);
	/* a second change is applied after the space of the first is back */
	k->done = false;
	store_state_put(k->store, "kit", NULL, 0, kit_on_done, k, 0);
	kit_wait(k, &k->done);
	wait_applied(k);
}

unsigned
kit_segments(struct kit *k, uint64_t *blocks)
{
	char path[300];
	struct dirent *e;
	struct stat st;
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/seg", k->dir);
	MX_ASSERT((d = opendir(path)) != NULL);
	*blocks = 0;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		n++;
		if (fstatat(dirfd(d), e->d_name, &st, 0) == 0)
			*blocks += (uint64_t)st.st_blocks;
	}
	closedir(d);
	return n;
}

unsigned
kit_bodies(struct kit *k)
{
	uint64_t blocks;
	unsigned n;

#ifdef HAVE_LIBPQ
	if (k->conf.engine != NULL)
		return (unsigned)kit_sql("SELECT count(DISTINCT id) "
					 "FROM mxwatch.body WHERE at > 0");
#endif
	n = kit_segments(k, &blocks);
	return n > 0 ? n - 1 : 0;
}
