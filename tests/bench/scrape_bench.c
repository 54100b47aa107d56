/* SPDX-License-Identifier: ISC
 * scrape_bench [DOMAINS [PRIMARIES]]: what a scrape of that many domains
 * (1,000) with that many primaries each (2) costs: writing the exposition,
 * compressing it, and the status document. The counters are filled with what
 * a month may leave. Best and median of 15 runs, in processor time, so that
 * what else the machine does counts less; never part of the tests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "exporters/gzip.h"
#include "exporters/prometheus.h"
#include "status/status_json.h"

#define RUNS 15

static uint64_t seed = 88172645463325252u;

static int64_t
cpu_now(void)
{
	struct timespec t;

	MX_ASSERT(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
	return (int64_t)t.tv_sec * CLOCK_SEC + t.tv_nsec;
}

static uint64_t
random_below(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static void
fill_domain(struct snap_domain *d, unsigned i, int64_t now_ms)
{
	d->state = i % 10 == 0 ? 3 : 1;
	d->state_name = i % 10 == 0 ? "down" : "up";
	d->state_since = now_ms / 1000 - (int64_t)random_below(86400);
	d->lifetime = INT64_C(30) * 86400;
	if (i % 10 == 0) {
		d->deferred = random_below(10000);
		d->recipients = d->deferred * 2;
		d->bytes = d->deferred * 23456;
		d->oldest_ms = now_ms - (int64_t)random_below(86400000);
		d->next_expiry_ms = d->oldest_ms + d->lifetime * 1000;
		d->alerts = 1u << ALERT_primary_down;
	}
	d->count.accepted_messages = random_below(100000);
	d->count.accepted_recipients = random_below(200000);
	d->count.accepted_bytes = random_below(5000000000);
	d->count.attempts = random_below(100000);
	d->count.attempts_failed[SMTP_PHASE_CONNECT] = random_below(100);
	d->count.delivered = random_below(100000);
	d->count.delivered_bytes = random_below(5000000000);
	d->count.deferred[7] = random_below(1000);
	d->count.bounced[1] = random_below(100);
	d->count.transitions[1] = random_below(10);
	d->flush.end_ms = now_ms - (int64_t)random_below(86400000);
	d->flush.start_ms = d->flush.end_ms - (int64_t)random_below(600000);
}

static void
fill_primary(struct snap_primary *p, unsigned i, unsigned k, int64_t now_ms)
{
	p->label =
	    mem_printf("mx%u.domain%04u.example.org:25", k + 1, i); /* kept */
	p->priority = (uint16_t)(10 * (k + 1));
	p->healthy = p->probed = true;
	p->code = 250;
	p->text = "250 2.1.5 Ok";
	for (unsigned f = 0; f < SMTP_PHASE_MAX; f++)
		p->phase_seconds[f] = (double)random_below(200000000) / 1e9;
	p->probes = random_below(1000000);
	p->failures_phase[SMTP_PHASE_CONNECT] = random_below(1000);
	p->last_run = p->last_success =
	    now_ms / 1000 - (int64_t)random_below(30);
	p->cert_not_after = now_ms / 1000 + (int64_t)random_below(86400 * 90);
}

static int
by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void
report(const char *what, int64_t *took, size_t bytes)
{
	qsort(took, RUNS, sizeof(*took), by_time);
	printf("%-28s best %6.2f ms  median %6.2f ms  %9zu bytes\n", what,
	    (double)took[0] / 1e6, (double)took[RUNS / 2] / 1e6, bytes);
}

static void
bench_format(struct snapshot *s, const char *name, struct prometheus_options o)
{
	int64_t write[RUNS], zip[RUNS], t;
	size_t len = 0, zlen = 0;
	char what[64];

	for (unsigned i = 0; i < RUNS; i++) {
		struct buf out = BUF_INIT(256u << 20);
		char *z;

		t = cpu_now();
		MX_ASSERT(prometheus_write(s, s->wall_ms, &o, &out) == 0);
		write[i] = cpu_now() - t;
		t = cpu_now();
		z = gzip_make(out.data, out.len, &zlen);
		zip[i] = cpu_now() - t;
		len = out.len;
		mem_free(&z);
		buf_fini(&out);
	}
	report(name, write, len);
	snprintf(what, sizeof(what), "%s, gzip", name);
	report(what, zip, zlen);
}

static void
bench_status(struct snapshot *s)
{
	int64_t took[RUNS], t;
	size_t len = 0;

	for (unsigned i = 0; i < RUNS; i++) {
		char *text;

		t = cpu_now();
		text = status_json(s, s->wall_ms, false);
		took[i] = cpu_now() - t;
		len = strlen(text);
		mem_free(&text);
	}
	report("status document", took, len);
}

int
main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000;
	unsigned np = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2;
	struct snapshot *s = snapshot_create();
	struct snap_domain *d;
	char name[64];

	s->wall_ms = clock_wall_ms();
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "domain%05u.example.org", i);
		d = snapshot_add(s, name, np);
		fill_domain(d, i, s->wall_ms);
		for (unsigned k = 0; k < np; k++)
			fill_primary(&d->primary[k], i, k, s->wall_ms);
	}
	printf("%u domains, %u primaries each, %zu series\n", n, np,
	    prometheus_series(n, (size_t)n * np, 0, true));
	bench_format(s, "text 0.0.4",
	    (struct prometheus_options){ PROMETHEUS_TEXT, true });
	bench_format(s, "OpenMetrics 1.0",
	    (struct prometheus_options){ PROMETHEUS_OPENMETRICS, true });
	bench_format(s, "text, all domains together",
	    (struct prometheus_options){ PROMETHEUS_TEXT, false });
	bench_status(s);
	snapshot_unref(&s);
	return 0;
}
