/* SPDX-License-Identifier: ISC
 * store_snapshot: somebody's transaction stays open for long, as that of a dump
 * does, so that no row that was changed or removed since can be swept. Many
 * messages come and go meanwhile. What the nodes say then costs what it did before:
 * the pages that each statement touches are counted, by the server (auto_explain),
 * and none reads a table from its beginning.
 *	tests/fault/store_snapshot [GROUPS [all]]	"all": says what it counted
 * Needs KIT_ENGINE and PG_DIR, for the server's log (tests/tools/postgres). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/pg.h"
#include "tests/unit/share_kit.h"
#include "tests/unit/store_kit.h"

#define EACH	7 /* messages of a group */
#define SAMPLES 4 /* groups that are counted */
#define KINDS	64
#define SQL_MAX 200 /* of it, to tell them apart */
#define SQL_CUT 60
#define MORE	10 /* pages that nobody minds */

struct kind { /* of statement */
	char sql[SQL_MAX];
	long pages[2]; /* the most of one, before and behind */
	char plan[4000]; /* of that behind */
};

static struct kind kinds[KINDS];
static unsigned nkinds, failures;
static bool is_theirs;

static bool
ours(struct share_node *n, const char *domain)
{
	(void)n;
	(void)domain;
	return !is_theirs;
}

/* ---- what the server says */

static FILE *
log_open(void)
{
	char path[300];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/a/log", getenv("PG_DIR"));
	f = fopen(path, "r");
	MX_ASSERT(f != NULL);
	return f;
}

static long
log_size(void)
{
	FILE *f = log_open();
	long at;

	MX_ASSERT(fseek(f, 0, SEEK_END) == 0);
	at = ftell(f);
	fclose(f);
	return at;
}

static struct kind *
kind_of(const char *sql)
{
	for (unsigned i = 0; i < nkinds; i++)
		if (strcmp(kinds[i].sql, sql) == 0)
			return &kinds[i];
	MX_ASSERT(nkinds < KINDS);
	(void)strlcpy(kinds[nkinds].sql, sql, sizeof(kinds[nkinds].sql));
	return &kinds[nkinds++];
}

/* "Buffers: shared hit=12 read=3 dirtied=4": what was touched. */
static long
pages_of(const char *line)
{
	const char *hit = strstr(line, "hit="), *got = strstr(line, "read=");

	return (hit != NULL ? strtol(hit + 4, NULL, 10) : 0) +
	    (got != NULL ? strtol(got + 5, NULL, 10) : 0);
}

static void
plan_end(struct kind *k, unsigned phase, long pages, const char *plan)
{
	if (k == NULL || pages < k->pages[phase])
		return;
	k->pages[phase] = pages;
	if (phase == 1)
		(void)strlcpy(k->plan, plan, sizeof(k->plan));
}

/* The plans that were logged from there on. */
static void
log_read(long from, unsigned phase)
{
	FILE *f = log_open();
	char line[20000], plan[4000] = "", *sql;
	struct kind *k = NULL;
	long pages = 0;
	bool first = false;

	MX_ASSERT(fseek(f, from, SEEK_SET) == 0);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (line[0] != '\t') {
			plan_end(k, phase, pages, plan);
			k = NULL;
		}
		sql = strstr(line, "Query Text: ");
		if (sql != NULL && strstr(sql, "mxwatch.") != NULL) {
			sql += strlen("Query Text: ");
			sql[strcspn(sql, "\n")] = '\0';
			if (strlen(sql) >= SQL_MAX)
				sql[SQL_MAX - 1] = '\0';
			k = kind_of(sql);
			pages = 0;
			plan[0] = '\0';
			first = true;
		} else if (k != NULL) {
			(void)strlcat(plan, line, sizeof(plan));
			if (first && strstr(line, "Buffers: ") != NULL) {
				pages = pages_of(line);
				first = false;
			}
		}
	}
	plan_end(k, phase, pages, plan);
	fclose(f);
}

static void
set_logged(bool yes)
{
	char sql[100];

	(void)snprintf(sql, sizeof(sql),
	    "ALTER SYSTEM SET auto_explain.log_min_duration = %d",
	    yes ? 0 : -1);
	(void)kit_sql(sql);
	(void)kit_sql("SELECT pg_reload_conf()::integer");
	while (
	    kit_sql("SELECT current_setting('auto_explain.log_min_duration', "
		    "true)::integer") != (yes ? 0 : -1))
		;
}

/* ---- what the nodes do */

/* Mail comes to one node; what came before leaves the other, its owner, with all
 * that goes with it. */
static void
round_of(struct share *s, uint64_t *ids)
{
	struct share_answer come[EACH], gone[EACH] = { 0 }, put[4] = { 0 };
	static unsigned rounds;
	char key[32];
	const char *domain = "d.example";
	struct share_node *taker = &s->nodes[1], *owner = &s->nodes[0];

	is_theirs = true;
	for (unsigned i = 0; i < EACH; i++) {
		share_commit_begin(taker, &come[i], &domain, 1);
		if (ids[i] != 0)
			store_remove(owner->store, ids[i], share_on_done,
			    &gone[i], 0);
		else
			gone[i].done = true;
	}
	(void)snprintf(key, sizeof(key), "learned/%u", ++rounds);
	store_state_put(owner->store, key, "1", 1, share_on_done, &put[0], 0);
	(void)snprintf(key, sizeof(key), "verdict/2/%u", rounds % 100);
	store_state_put(owner->store, "own", "1", 1, share_on_done, &put[1], 0);
	store_state_put(taker->store, key, "1", 1, share_on_done, &put[2], 0);
	store_take(taker->store, &domain, 1, share_on_owned, &put[3]);
	for (unsigned i = 0; i < EACH; i++) {
		SHARE_WAIT(s, come[i].done && gone[i].done);
		MX_ASSERT(come[i].rc == 0 && gone[i].rc == 0);
		ids[i] = come[i].id;
	}
	for (unsigned i = 0; i < MX_COUNT(put); i++)
		SHARE_WAIT(s, put[i].done);
	MX_ASSERT(share_update(owner, ids[0], domain) == 0);
	for (unsigned i = 0; i < SHARE_NODES; i++)
		s->nodes[i].nitems = 0;
}

static void
sample(struct share *s, uint64_t *ids, unsigned phase)
{
	struct share_scan scan;
	unsigned looks = s->nodes[0].looks;
	long from;

	SHARE_WAIT(s, s->nodes[0].looks > looks + 2); /* of what was before */
	from = log_size();
	set_logged(true);
	for (unsigned i = 0; i < SAMPLES; i++) {
		round_of(s, ids);
		looks = s->nodes[0].looks;
		SHARE_WAIT(s, s->nodes[0].looks > looks + 1);
	}
	share_scan(&s->nodes[0], &scan, "d.example");
	MX_ASSERT(scan.n == EACH);
	free(scan.ids);
	set_logged(false);
	log_read(from, phase);
}

/* ---- what of it is wrong */

static void
check(long dead, bool all)
{
	struct kind *k;
	long allowed;
	const char *why;

	for (k = kinds; k < kinds + nkinds; k++) {
		/* that of a domain goes past what has gone, once for each owner */
		allowed = 2 * k->pages[0] + MORE +
		    (strstr(k->sql, "(domain, id) >") != NULL ? dead / 10 : 0);
		why = strstr(k->plan, "Seq Scan on body") != NULL ||
			strstr(k->plan, "Seq Scan on part") != NULL ||
			strstr(k->plan, "Seq Scan on state") != NULL ||
			strstr(k->plan, "Seq Scan on unit") != NULL ||
			strstr(k->plan, "Seq Scan on arrival") != NULL ||
			strstr(k->plan, "Seq Scan on stir") != NULL ?
		    "reads all" :
		    k->pages[1] > allowed ? "grows" :
					    NULL;
		if (all || why != NULL)
			printf("%4ld %5ld %s %.*s\n", k->pages[0], k->pages[1],
			    why != NULL ? why : "", SQL_CUT, k->sql);
		if (why != NULL)
			printf("%s\n", k->plan);
		failures += why != NULL;
	}
}

int
main(int argc, char **argv)
{
	unsigned groups = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 500;
	uint64_t ids[EACH] = { 0 };
	struct mx_errbuf eb;
	struct share s;
	struct pg *pg;
	static const struct pg_stmt begin = { "",
		"BEGIN ISOLATION LEVEL REPEATABLE READ" },
				    look = { "", "SELECT FROM mxwatch.node" };

	if (getenv("KIT_ENGINE") == NULL || getenv("PG_DIR") == NULL)
		return 77;
	(void)kit_sql("ALTER ROLE mxwatch SET session_preload_libraries = "
		      "'auto_explain'");
	(void)kit_sql("ALTER SYSTEM SET auto_explain.log_analyze = on");
	(void)kit_sql("ALTER SYSTEM SET auto_explain.log_buffers = on");
	set_logged(false);
	share_init(&s);
	for (unsigned i = 0; i < 2; i++) {
		s.nodes[i].ours = ours;
		s.nodes[i].conf.lease_ms = 30000;
		MX_ASSERT(share_open(&s.nodes[i]));
	}
	MX_ASSERT(share_take(&s.nodes[0], "d.example") == 1);
	pg = pg_create(getenv("KIT_ENGINE"), "dump");
	MX_ASSERT(pg_up(pg, clock_now() + 20 * CLOCK_SEC, &eb) == 0);
	(void)pg_add(pg, &begin);
	MX_ASSERT(pg_run(pg, clock_now() + 20 * CLOCK_SEC, &eb) == 0);
	(void)pg_add(pg, &look);
	MX_ASSERT(pg_run(pg, clock_now() + 20 * CLOCK_SEC, &eb) == 0);

	sample(&s, ids, 0);
	for (unsigned i = 0; i < groups; i++)
		round_of(&s, ids);
	sample(&s, ids, 1);
	check((long)groups * EACH, argc > 2);
	pg_destroy(&pg);
	share_fini(&s);
	(void)kit_sql("ALTER ROLE mxwatch RESET session_preload_libraries");
	return failures == 0 ? 0 : 1;
}
