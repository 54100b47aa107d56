/* SPDX-License-Identifier: ISC
 * store_bench: how many messages a second become durable.
 * store_bench DIR MESSAGES BYTES OUTSTANDING: keeps that many commits under
 * way, as that many sessions would. DIR must not exist; it becomes a spool
 * that a daemon can be started on: mail for ada@example.org that came at 100
 * a second, the last of it now. */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "relay/store/store.h"

struct bench {
	struct loop *loop;
	struct store *store;
	char *body;
	size_t len;
	unsigned left, out, groups, largest;
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

static void
bench_one(struct bench *b)
{
	struct store_tx *tx = store_tx_begin(b->store);
	struct envelope *e = envelope_create();

	(void)strlcpy(e->domain, "example.org", sizeof(e->domain));
	(void)envelope_add_rcpt(e, "ada@example.org");
	mem_free(&e->sender);
	mem_free(&e->helo);
	mem_free(&e->client);
	e->sender = mem_strdup("carol@example.net");
	e->helo = mem_strdup("client.example.net");
	e->client = mem_strdup("192.0.2.25");
	e->arrival_ms = clock_wall_ms() - (int64_t)b->left * 10;
	e->due_ms = e->arrival_ms;
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

int
main(int argc, char **argv)
{
	struct bench b = { .loop = loop_create() };
	struct store_events ev = { .commit = bench_group, .arg = &b };
	struct store_conf conf = { .map_size = UINT64_C(16) << 30,
		.segment_size = 64u << 20,
		.behind_max = 64u << 20,
		.behind_ms = 1000,
		.group_max = 1000 };
	struct mx_errbuf eb;
	unsigned i, messages, outstanding;
	int64_t start;
	double t;

	if (argc != 5 || mkdir(argv[1], 0700) != 0) {
		fprintf(stderr,
		    "usage: store_bench NEWDIR MESSAGES BYTES OUTSTANDING\n");
		return 2;
	}
	conf.dir = argv[1];
	messages = b.left = number(argv[2]);
	b.len = number(argv[3]);
	outstanding = number(argv[4]);
	b.body = mem_alloc(b.len + 1);
	for (i = 0; i < b.len; i++) /* lines that SMTP allows */
		b.body[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 'x';
	if (store_open(&b.store, b.loop, &conf, &ev, &eb) < 0) {
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
