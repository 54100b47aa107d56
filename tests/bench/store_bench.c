/* SPDX-License-Identifier: ISC
 * store_bench: how many messages a second become durable.
 * store_bench DIR MESSAGES BYTES OUTSTANDING [DOMAINS RECIPIENTS SENDER [due]]: keeps
 * that many commits under way, as that many sessions would. DIR must not exist; it
 * becomes a spool that a daemon can be started on: mail for ada@example.org that
 * came at 100 a second, the last of it now. With the last three it is mail for so
 * many other domains, to so many each, from an address so long, due in a week, or
 * with the word as it came.
 * STORE_ENGINE, a libpq connection string, is stored to instead. */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#ifdef HAVE_LIBPQ
#include "engine/schema.h"
#endif
#include "relay/store/store.h"

struct bench {
	struct loop *loop;
	struct store *store;
	char *body;
	size_t len;
	unsigned left, out, groups, largest;
	unsigned domains, rcpts; /* 0: example.org */
	bool due;
	char sender[201];
	double seconds;
};

static void bench_one(struct bench *);

static void
bench_done(void *arg, uint64_t token, int rc, struct envelope **parts,
    unsigned n)
{
	struct bench *b = arg;

	(void)token;
	(void)n;
	envelope_destroy(&parts[0]);
	if (rc != 0) {
		fprintf(stderr, "commit: %s\n", mx_strerror(rc));
		exit(1);
	}
	b->out--;
	if (b->left > 0)
		bench_one(b);
	else if (b->out == 0)
		loop_stop(b->loop);
}

/* Whom it is for, and when it is due. */
static void
bench_address(const struct bench *b, struct envelope *e)
{
	char rcpt[TEXT_DOMAIN_MAX + 32];

	e->arrival_ms = e->due_ms = clock_wall_ms() - (int64_t)b->left * 10;
	if (b->domains == 0) {
		(void)strlcpy(e->domain, "example.org", sizeof(e->domain));
		(void)envelope_add_rcpt(e, "ada@example.org");
		return;
	}
	snprintf(e->domain, sizeof(e->domain), "d%06u.example.org",
	    b->left % b->domains);
	for (unsigned i = 0; i < b->rcpts; i++) {
		snprintf(rcpt, sizeof(rcpt), "user%u@%s", i, e->domain);
		(void)envelope_add_rcpt(e, rcpt);
	}
	if (!b->due)
		e->due_ms = clock_wall_ms() + INT64_C(7) * 86400 * 1000;
}

static void
bench_one(struct bench *b)
{
	struct store_tx *tx = store_tx_begin(b->store);
	struct envelope *e = envelope_create();

	bench_address(b, e);
	mem_free(&e->sender);
	mem_free(&e->helo);
	mem_free(&e->client);
	e->sender = mem_strdup(b->sender);
	e->helo = mem_strdup("client.example.net");
	e->client = mem_strdup("192.0.2.25");
	if (store_tx_append(tx, b->body, b->len) != 0)
		exit(1);
	b->left--;
	b->out++;
	store_tx_commit(&tx, &e, 1, bench_done, b, 0);
}

static void
bench_group(void *arg, double seconds, unsigned messages)
{
	struct bench *b = arg;

	b->groups++;
	b->seconds += seconds;
	if (messages > b->largest)
		b->largest = messages;
}

static unsigned
number(const char *s)
{
	return (unsigned)strtoul(s, NULL, 10);
}

static int
engine_init(const struct store_conf *conf, struct mx_errbuf *eb)
{
	int rc = 0;
#ifdef HAVE_LIBPQ
	int64_t until = clock_now() + 20 * CLOCK_SEC;
	struct pg *p;
	int version;

	if (conf->engine == NULL)
		return 0;
	p = pg_create(conf->engine, "store_bench");
	rc = pg_up(p, until, eb);
	if (rc == 0)
		rc = schema_init(p, &version, until, eb);
	pg_destroy(&p);
#else
	(void)conf;
	(void)eb;
#endif
	return rc;
}

int
main(int argc, char **argv)
{
	struct bench b = { .loop = loop_create(),
		.sender = "carol@example.net" };
	struct store_events ev = { .commit = bench_group, .arg = &b };
	struct store_conf conf = { .map_size = UINT64_C(16) << 30,
		.segment_size = 64u << 20,
		.behind_max = 64u << 20,
		.behind_ms = 1000,
		.group_max = 1000,
		.engine = getenv("STORE_ENGINE"),
		.node = "store_bench",
		.instance = "store_bench",
		.lease_ms = 30000,
		.wait_ms = 10000 };
	struct mx_errbuf eb;
	unsigned i, messages, outstanding;
	int64_t start;
	double t;

	if ((argc != 5 && argc != 8 && argc != 9) ||
	    mkdir(argv[1], 0700) != 0) {
		fprintf(stderr,
		    "usage: store_bench NEWDIR MESSAGES BYTES OUTSTANDING "
		    "[DOMAINS RECIPIENTS SENDER [due]]\n");
		return 2;
	}
	conf.dir = argv[1];
	messages = b.left = number(argv[2]);
	b.len = number(argv[3]);
	outstanding = number(argv[4]);
	b.due = argc == 9;
	if (argc >= 8) {
		b.domains = number(argv[5]);
		b.rcpts = number(argv[6]);
		snprintf(b.sender, sizeof(b.sender), "%0*d@example.net",
		    (int)number(argv[7]) % 180, 0);
	}
	b.body = mem_alloc(b.len + 1);
	for (i = 0; i < b.len; i++) /* lines that SMTP allows */
		b.body[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 'x';
	if (engine_init(&conf, &eb) < 0 ||
	    store_open(&b.store, b.loop, &conf, &ev, &eb) < 0) {
		fprintf(stderr, "%s\n", eb.text);
		return 1;
	}
	start = clock_now();
	for (i = 0; i < outstanding && b.left > 0; i++)
		bench_one(&b);
	loop_run(b.loop);
	t = (double)(clock_now() - start) / CLOCK_SEC;
	printf("%u messages of %zu bytes, %u outstanding: %.0f msg/s, "
	       "%.1f MB/s, groups of %.1f (largest %u), %.2f ms each\n",
	    messages, b.len, outstanding, messages / t,
	    (double)messages * (double)b.len / t / 1e6,
	    (double)messages / b.groups, b.largest, 1e3 * b.seconds / b.groups);
	store_close(&b.store);
	loop_destroy(&b.loop);
	mem_free(&b.body);
	return 0;
}
