/* SPDX-License-Identifier: ISC
 * The two exposition formats: how names, numbers and labels are written, and
 * that the estimate of series is the number of series. What Prometheus makes
 * of them is in tests/e2e/test_web.py. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "exporters/prom_write.h"
#include "exporters/prometheus.h"

#define NOW_MS INT64_C(1800000000000)

static struct snap_domain *
domain_of(struct snapshot *s, unsigned i)
{
	return s->domains.chunk[0]->domain[i];
}

/* Two domains, three primaries. */
static struct snapshot *
make_snapshot(void)
{
	struct snapshot *s = snapshot_create();
	struct snap_domain *a = snapshot_add(s, "a.test", 2);
	struct snap_domain *b = snapshot_add(s, "b\"\\\n.test", 1);

	a->primary[0].label = b->primary[0].label = "mx1.test";
	a->primary[1].label = "mx2.test";
	a->primary[0].healthy = b->primary[0].healthy = true;
	a->primary[0].priority = 10;
	a->primary[0].phase_seconds[SMTP_PHASE_CONNECT] = 0.012345678;
	a->primary[1].phase_seconds[SMTP_PHASE_CONNECT] = 1.5;
	a->primary[0].cert_not_after = 1900000000;
	a->state = 3;
	b->state = 1;
	a->deferred = 7;
	b->deferred = 2;
	a->oldest_ms = NOW_MS - 90500;
	a->next_expiry_ms = NOW_MS + 1000;
	b->lifetime = 432000;
	a->lifetime = 2592000;
	a->count.accepted_messages = 9;
	b->count.accepted_messages = UINT64_C(1) << 40;
	s->queue_ages.count[0] = 3;
	s->queue_ages.count[1] = 4;
	s->queue_ages.sum = 543.25;
	s->count.dns_duration.count[0] = 5;
	s->count.dns_duration.sum = 0.25;
	s->start = 1799999000;
	snapshot_servers(s, 2);
	for (unsigned i = 0; i < 2; i++) {
		s->server[i] = snap_server_create();
		strlcpy(s->server[i]->label, i == 0 ? "mx1.test" : "mx2.test",
		    sizeof(s->server[i]->label));
		s->server[i]->state = i == 0 ? 1 : 3;
		s->server[i]->domains = 2 - i;
	}
	s->server[0]->host.window = 7;
	return s;
}

static char *
expose(struct snapshot *s, enum prometheus_format format, bool per_domain)
{
	struct prometheus_options o = { format, per_domain };
	struct buf out = BUF_INIT(16 << 20);

	assert_int_equal(prometheus_write(s, NOW_MS, &o, &out), 0);
	return buf_take(&out);
}

/* `lines` stand in the text, whole lines and next to each other. */
static void
assert_lines(const char *text, const char *lines)
{
	const char *at = strstr(text, lines);

	if (at == NULL || (at != text && at[-1] != '\n'))
		fail_msg("not there: %s", lines);
}

static void
text_format(void **state)
{
	struct snapshot *s = make_snapshot();
	char *t = expose(s, PROMETHEUS_TEXT, true);

	(void)state;
	assert_lines(t,
	    "# HELP mxwatch_queue_messages Messages in the queue by state "
	    "(deferred, active, held).\n"
	    "# TYPE mxwatch_queue_messages gauge\n"
	    "mxwatch_queue_messages{domain=\"a.test\",state=\"deferred\"} 7\n"
	    "mxwatch_queue_messages{domain=\"a.test\",state=\"active\"} 0\n"
	    "mxwatch_queue_messages{domain=\"a.test\",state=\"held\"} 0\n"
	    "mxwatch_queue_messages{domain=\"b\\\"\\\\\\n.test\","
	    "state=\"deferred\"} 2\n");
	assert_lines(t,
	    "mxwatch_queue_oldest_message_age_seconds{domain=\"a.test\"} "
	    "90.5\n");
	assert_lines(t,
	    "mxwatch_queue_next_expiry_timestamp_seconds{domain=\"a.test\"} "
	    "1800000001\n");
	assert_non_null(strstr(t, ".test\"} +Inf\n"));
	assert_lines(t,
	    "# TYPE mxwatch_smtpd_messages_accepted_total counter\n"
	    "mxwatch_smtpd_messages_accepted_total{domain=\"a.test\"} 9\n");
	assert_non_null(strstr(t, " 1099511627776\n"));
	assert_lines(t,
	    "# TYPE mxwatch_queue_message_age_seconds histogram\n"
	    "mxwatch_queue_message_age_seconds_bucket{le=\"60.0\"}"
	    " 3\n"
	    "mxwatch_queue_message_age_seconds_bucket{le=\"300.0\"}"
	    " 7\n");
	assert_lines(t, "mxwatch_queue_message_age_seconds_count 7\n");
	assert_lines(t,
	    "mxwatch_domain_info{domain=\"a.test\","
	    "primary=\"mx1.test\",priority=\"10\"} 1\n");
	assert_lines(t,
	    "mxwatch_probe_duration_seconds{domain=\"a.test\","
	    "primary=\"mx1.test\",phase=\"connect\"} 0.012345678\n");
	assert_lines(t,
	    "mxwatch_smtpd_recipients_rejected_total{code=\"550\","
	    "reason=\"unknown_recipient\"} 0\n");
	assert_null(strstr(t, "# EOF"));
	assert_null(strstr(t, "# UNIT"));
	free(t);
	snapshot_unref(&s);
}

static void
openmetrics_format(void **state)
{
	struct snapshot *s = make_snapshot();
	char *t = expose(s, PROMETHEUS_OPENMETRICS, true), *p;

	(void)state;
	assert_lines(t,
	    "# TYPE mxwatch_queue_messages gauge\n"
	    "# HELP mxwatch_queue_messages Messages in the queue by state "
	    "(deferred, active, held).\n");
	assert_lines(t,
	    "# TYPE mxwatch_smtpd_messages_accepted counter\n"
	    "# HELP mxwatch_smtpd_messages_accepted Messages accepted and "
	    "committed to the spool.\n"
	    "mxwatch_smtpd_messages_accepted_total{domain=\"a.test\"} 9\n");
	assert_lines(t,
	    "# TYPE mxwatch_smtpd_accepted_bytes counter\n"
	    "# UNIT mxwatch_smtpd_accepted_bytes bytes\n"
	    "# HELP mxwatch_smtpd_accepted_bytes Bytes ");
	assert_lines(t,
	    "# TYPE mxwatch_queue_message_age_seconds "
	    "gaugehistogram\n"
	    "# UNIT mxwatch_queue_message_age_seconds seconds\n");
	assert_lines(t,
	    "mxwatch_queue_message_age_seconds_bucket{le=\"+Inf\"} 7\n"
	    "mxwatch_queue_message_age_seconds_gsum 543.25\n"
	    "mxwatch_queue_message_age_seconds_gcount 7\n");
	assert_lines(t,
	    "# TYPE mxwatch_dns_query_duration_seconds histogram\n"
	    "# UNIT mxwatch_dns_query_duration_seconds seconds\n");
	assert_lines(t,
	    "mxwatch_dns_query_duration_seconds_sum 0.25\n"
	    "mxwatch_dns_query_duration_seconds_count 5\n");
	assert_lines(t, "# TYPE mxwatch_domain info\n");
	assert_lines(t, "# TYPE mxwatch_build info\n");
	assert_lines(t,
	    "# TYPE process_cpu_seconds counter\n"
	    "# UNIT process_cpu_seconds seconds\n");
	assert_null(
	    strstr(t, "# TYPE mxwatch_spool_free_inodes gauge\n# UNIT"));
	p = strstr(t, "# EOF\n");
	assert_non_null(p);
	assert_string_equal(p, "# EOF\n");
	for (p = strstr(t, "# TYPE "); p != NULL; p = strstr(p + 1, "# TYPE "))
		assert_null(memmem(p, strcspn(p, "\n"), "_total ", 7));
	assert_null(strstr(t, "\n\n"));
	free(t);
	snapshot_unref(&s);
}

static void
all_domains_together(void **state)
{
	struct snapshot *s = make_snapshot();
	char *t = expose(s, PROMETHEUS_TEXT, false);

	(void)state;
	assert_null(strstr(t, "domain="));
	assert_null(
	    strstr(t, "mxwatch_probe_success{")); /* primaries of domains */
	assert_lines(t, "mxwatch_queue_messages{state=\"deferred\"} 9\n");
	assert_lines(t, "mxwatch_queue_oldest_message_age_seconds 90.5\n");
	assert_lines(t,
	    "mxwatch_queue_next_expiry_timestamp_seconds 1800000001\n");
	assert_lines(t, "mxwatch_queue_lifetime_seconds 432000\n");
	assert_lines(t, "mxwatch_watchdog_state{state=\"down\"} 1\n");
	assert_lines(t, "mxwatch_watchdog_state{state=\"up\"} 1\n");
	assert_lines(t, "mxwatch_probe_success 0\n");
	assert_lines(t,
	    "mxwatch_probe_duration_seconds{phase=\"connect\"} 1.5\n");
	assert_lines(t,
	    "mxwatch_probe_tls_earliest_cert_expiry_timestamp_"
	    "seconds 1900000000\n");
	free(t);
	snapshot_unref(&s);
}

/* One family of three scopes, and objects that are not domains. */
static void
alerts_and_receivers(void **state)
{
	struct snap_alerts *told = snap_alerts_create(1, 2, 1);
	struct snapshot *s = make_snapshot();
	char *t;

	(void)state;
	s->alerts = 1u << ALERT_spool_low;
	domain_of(s, 0)->alerts = 1u << ALERT_queue_age;
	domain_of(s, 1)->alerts = 1u << ALERT_queue_age;
	t = expose(s, PROMETHEUS_TEXT, true);
	assert_null(strstr(t, "mxwatch_notifications"));
	assert_null(strstr(t, "mxwatch_heartbeat"));
	free(t);
	strlcpy(told->receiver[0].name, "am\"", sizeof(told->receiver[0].name));
	strlcpy(told->receiver[1].name, "oncall",
	    sizeof(told->receiver[1].name));
	strlcpy(told->heartbeat[0].name, "hc", sizeof(told->heartbeat[0].name));
	told->receiver[1].sent = 3;
	told->alert[0] = (struct snap_alert){ .kind = ALERT_dnsbl_broken,
		.domain = "bl.test",
		.firing = true };
	s->ndnsbls = 2;
	s->dnsbl = mem_array(2, sizeof(*s->dnsbl));
	strlcpy(s->dnsbl[0].zone, "bl.test", sizeof(s->dnsbl[0].zone));
	strlcpy(s->dnsbl[1].zone, "ok.test", sizeof(s->dnsbl[1].zone));
	snap_alerts_index(told);
	told->daemon = s->alerts;
	snapshot_tell(s, &told);
	t = expose(s, PROMETHEUS_TEXT, true);
	assert_lines(t,
	    "# HELP mxwatch_alerts_active 1 while the built-in alert fires.\n"
	    "# TYPE mxwatch_alerts_active gauge\n"
	    "mxwatch_alerts_active{alert=\"spool_low\"} 1\n");
	assert_lines(t,
	    "mxwatch_alerts_active{domain=\"a.test\",alert=\"queue_age\"} 1\n"
	    "mxwatch_alerts_active{domain=\"a.test\",alert=\"queue_expiry\"} "
	    "0\n");
	assert_lines(t,
	    "mxwatch_alerts_active{list=\"bl.test\",alert=\"dnsbl_broken\"} "
	    "1\n"
	    "mxwatch_alerts_active{list=\"ok.test\",alert=\"dnsbl_broken\"} "
	    "0\n");
	assert_null(strstr(strstr(t, "# TYPE mxwatch_alerts_active") + 1,
	    "# TYPE mxwatch_alerts_active"));
	assert_lines(t,
	    "mxwatch_notifications_total{receiver=\"am\\\"\"} 0\n"
	    "mxwatch_notifications_total{receiver=\"oncall\"} 3\n");
	free(t);
	t = expose(s, PROMETHEUS_TEXT, false);
	assert_lines(t, "mxwatch_alerts_active{alert=\"queue_age\"} 2\n");
	assert_lines(t, "mxwatch_notifications_total{receiver=\"oncall\"} 3\n");
	assert_lines(t,
	    "mxwatch_heartbeat_last_success_timestamp_seconds"
	    "{receiver=\"hc\"} 0\n");
	free(t);
	snapshot_unref(&s);
}

/* Each primary once, whatever number of domains name it, with or without a
 * series a domain. */
static void
primaries_have_series_of_their_own(void **state)
{
	struct snapshot *s = make_snapshot();
	char *t;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		t = expose(s, PROMETHEUS_TEXT, i == 0);
		assert_lines(t,
		    "mxwatch_primary_domains{primary=\"mx1.test\"} 2\n"
		    "mxwatch_primary_domains{primary=\"mx2.test\"} 1\n");
		assert_lines(t,
		    "mxwatch_primary_window{primary=\"mx1.test\"} 7\n"
		    "mxwatch_primary_window{primary=\"mx2.test\"} 0\n");
		assert_lines(t,
		    "mxwatch_primary_state{primary=\"mx2.test\",state=\"down\"}"
		    " 1\n");
		free(t);
	}
	snapshot_unref(&s);
}

/* What its probes saw is no more when nobody probes it. */
static void
a_probe_that_is_off_has_no_series(void **state)
{
	struct snapshot *s = make_snapshot();
	struct snap_domain *a = domain_of(s, 0), *b = domain_of(s, 1);
	char *t;

	(void)state;
	a->primary[0].unprobed = a->primary[1].unprobed = true;
	b->primary[0].last_run = 1700000000;
	s->server[1]->unprobed = true;
	t = expose(s, PROMETHEUS_TEXT, true);
	assert_null(strstr(t, "mxwatch_probe_success{domain=\"a.test\""));
	assert_null(strstr(t,
	    "mxwatch_probe_last_run_timestamp_seconds"
	    "{domain=\"a.test\""));
	assert_non_null(strstr(t,
	    "mxwatch_probe_last_run_timestamp_seconds"
	    "{domain=\"b"));
	assert_lines(t,
	    "mxwatch_domain_info{domain=\"a.test\",primary=\"mx1.test\","
	    "priority=\"10\"} 1\n");
	assert_null(strstr(t,
	    "mxwatch_primary_probe_last_run_timestamp_seconds"
	    "{primary=\"mx2.test\"}"));
	assert_null(strstr(t,
	    "mxwatch_primary_tls_earliest_cert_expiry_timestamp_seconds"
	    "{primary=\"mx2.test\"}"));
	assert_lines(t,
	    "mxwatch_primary_domains{primary=\"mx1.test\"} 2\n"
	    "mxwatch_primary_domains{primary=\"mx2.test\"} 1\n");
	free(t);
	/* Nor is the first of all an age of nothing. */
	t = expose(s, PROMETHEUS_TEXT, false);
	assert_lines(t,
	    "mxwatch_probe_last_run_timestamp_seconds 1700000000\n");
	free(t);
	snapshot_unref(&s);
}

/* Its mail is counted by the node that has it, or where it lies; counters and probes
 * by each that has them. */
static void
a_cluster_is_summed(void **state)
{
	struct snapshot *s = make_snapshot();
	struct snap_domain *a = domain_of(s, 0), *b = domain_of(s, 1);
	struct snap_node *n;
	char *t, *om;

	(void)state;
	t = expose(s, PROMETHEUS_TEXT, true);
	assert_null(strstr(t, "mxwatch_cluster_"));
	free(t);
	s->cluster.on = s->cluster.synchronous = true;
	s->cluster.live = 1;
	s->cluster.missing = 1;
	s->cluster.away_ms = NOW_MS - 1500;
	s->cluster.local_messages = 3;
	n = snapshot_nodes(s, 2);
	strlcpy(n[0].name, "mx2", sizeof(n[0].name));
	strlcpy(n[1].name, "mx\"3", sizeof(n[1].name));
	n[0].up = true;
	n[0].domains = 2;
	n[1].silent_seconds = 31.5;
	a->ours = b->ours = false;
	b->local = 2;
	t = expose(s, PROMETHEUS_TEXT, true);
	assert_lines(t,
	    "mxwatch_cluster_node_up{node=\"mx2\"} 1\n"
	    "mxwatch_cluster_node_up{node=\"mx\\\"3\"} 0\n");
	assert_lines(t,
	    "mxwatch_cluster_node_silent_seconds{node=\"mx\\\"3\"} 31.5\n");
	assert_lines(t, "mxwatch_cluster_node_domains{node=\"mx2\"} 2\n");
	assert_lines(t, "mxwatch_cluster_engine_away_seconds 1.5\n");
	assert_lines(t, "mxwatch_cluster_synchronous 1\n");
	assert_lines(t, "mxwatch_cluster_local_messages 3\n");
	assert_null(strstr(t, "mxwatch_queue_messages{domain=\"a.test\""));
	assert_null(strstr(t, "mxwatch_breaker_tripped{domain=\"a.test\""));
	assert_null(strstr(t, "mxwatch_flush_in_progress{domain=\"a.test\""));
	assert_non_null(strstr(t, "mxwatch_queue_messages{domain=\"b"));
	assert_lines(t,
	    "mxwatch_smtpd_messages_accepted_total{domain=\"a.test\"} 9\n");
	assert_non_null(strstr(t, "mxwatch_flush_runs_total{domain=\"a.test"));
	assert_non_null(strstr(t, "mxwatch_breaker_trips_total{domain=\"a"));
	assert_non_null(strstr(t, "mxwatch_watchdog_state{domain=\"a.test\""));
	assert_non_null(strstr(t, "mxwatch_probe_success{domain=\"a.test\""));
	assert_non_null(strstr(t, "mxwatch_maintenance{domain=\"a.test\""));
	free(t);
	/* Nor is it in what stands for all of them. */
	t = expose(s, PROMETHEUS_TEXT, false);
	assert_lines(t, "mxwatch_queue_messages{state=\"deferred\"} 2\n");
	free(t);
	om = expose(s, PROMETHEUS_OPENMETRICS, true);
	assert_non_null(strstr(om, "mxwatch_cluster_node_up{node=\"mx2\"}"));
	free(om);
	snapshot_unref(&s);
}

/* The sum of all domains says what an alert rule has to see. */
static void
mail_that_could_leave(void **state)
{
	struct snapshot *s = make_snapshot();
	struct snap_domain *a = domain_of(s, 0), *b = domain_of(s, 1);
	char *t;

	(void)state;
	a->state = HEALTH_DOWN; /* it waits for its primary */
	a->oldest_live_ms = NOW_MS - 7200000;
	b->state = HEALTH_UP; /* for a minute; its mail is older */
	b->state_since = NOW_MS / 1000 - 60;
	b->oldest_live_ms = NOW_MS - 7200000;
	t = expose(s, PROMETHEUS_TEXT, true);
	assert_lines(t,
	    "mxwatch_queue_stuck_seconds{domain=\"a.test\"} 0\n"
	    "mxwatch_queue_stuck_seconds{domain=\"b\\\"\\\\\\n.test\"} 60\n");
	free(t);
	t = expose(s, PROMETHEUS_TEXT, false);
	assert_lines(t, "mxwatch_queue_stuck_seconds 60\n");
	free(t);
	b->state_since = 0;
	assert_int_equal(snap_stuck_ms(b, NOW_MS), 7200000);
	b->on_hold = true;
	assert_int_equal(snap_stuck_ms(b, NOW_MS), 0);
	b->on_hold = false;
	b->maintenance.hold = true;
	assert_int_equal(snap_stuck_ms(b, NOW_MS), 0);
	b->maintenance.hold = false;
	b->owed = 2; /* only their senders are to be told */
	assert_int_equal(snap_stuck_ms(b, NOW_MS), 0);
	b->owed = 0;
	b->oldest_live_ms = 0; /* all of it is held */
	assert_int_equal(snap_stuck_ms(b, NOW_MS), 0);
	snapshot_unref(&s);
}

/* Strangers choose the names of what mx_backup takes in: they have one label, and
 * primaries that nobody else names another. */
static void
mx_backup_has_one_label(void **state)
{
	struct snapshot *s = make_snapshot();
	struct snap_domain *c = snapshot_add(s, "c.test", 1), *d;
	char *t;

	(void)state;
	s->mx_backup = true;
	t = expose(s, PROMETHEUS_TEXT, true); /* there is none yet */
	assert_lines(t,
	    "mxwatch_queue_messages{domain=\"mx_backup\","
	    "state=\"deferred\"} 0\n");
	free(t);
	d = snapshot_add(s, "d.test", 1);
	c->mx_backup = d->mx_backup = true;
	s->mx_backup_domains = 2;
	c->primary[0].label = "mx1.test";
	d->primary[0].label = "mx2.test";
	s->server[1]->mx_backup = true;
	c->deferred = 3;
	d->deferred = 4;
	c->state = d->state = 3;
	c->count.accepted_messages = 5;
	s->gone_mx_backup.accepted_messages = 6;
	c->next_expiry_ms = NOW_MS + 2000;
	d->next_expiry_ms = NOW_MS + 1000;
	t = expose(s, PROMETHEUS_TEXT, true);
	assert_null(strstr(t, "c.test"));
	assert_null(strstr(t, "d.test"));
	assert_null(strstr(t, "mxwatch_domain_info{domain=\"mx_backup\""));
	assert_lines(t,
	    "mxwatch_queue_messages{domain=\"mx_backup\","
	    "state=\"deferred\"} 7\n");
	assert_lines(t,
	    "mxwatch_smtpd_messages_accepted_total{domain=\"mx_backup\"} "
	    "11\n");
	assert_lines(t,
	    "mxwatch_queue_next_expiry_timestamp_seconds{domain="
	    "\"mx_backup\"} 1800000001\n");
	assert_lines(t,
	    "mxwatch_probe_success{domain=\"mx_backup\",primary="
	    "\"mx_backup\"} 0\n");
	assert_lines(t, "mxwatch_primary_domains{primary=\"mx_backup\"} 1\n");
	assert_null(strstr(t, "mxwatch_primary_domains{primary=\"mx2.test\""));
	assert_lines(t, "mxwatch_mx_backup_domains 2\n");
	assert_lines(t,
	    "mxwatch_mx_backup_decisions_total{result=\"accepted\"} 0\n");
	free(t);
	t = expose(s, PROMETHEUS_TEXT, false);
	assert_null(strstr(t, "domain=\"mx_backup\""));
	free(t);
	snapshot_unref(&s);
}

static size_t
samples(const char *t)
{
	size_t n = 0;

	for (; *t != '\0'; t = strchr(t, '\n') + 1)
		n += *t != '#';
	return n;
}

static void
the_estimate_is_right(void **state)
{
	struct snapshot *s = make_snapshot();
	char *each = expose(s, PROMETHEUS_TEXT, true);
	char *om = expose(s, PROMETHEUS_OPENMETRICS, true);
	char *one = expose(s, PROMETHEUS_TEXT, false);

	(void)state;
	assert_int_equal(samples(each), prometheus_series(2, 3, 2, true));
	assert_int_equal(samples(om), prometheus_series(2, 3, 2, true));
	assert_int_equal(samples(one), prometheus_series(2, 3, 2, false));
	assert_int_equal(prometheus_series(0, 0, 2, false),
	    prometheus_series(9999, 9999, 2, false));
	free(each);
	free(om);
	free(one);
	snapshot_unref(&s);
}

static void
too_small_a_cap_is_an_error(void **state)
{
	struct prometheus_options o = { PROMETHEUS_TEXT, true };
	struct snapshot *s = make_snapshot();
	struct buf out = BUF_INIT(4096);

	(void)state;
	assert_int_equal(prometheus_write(s, NOW_MS, &o, &out), -MX_ETOOBIG);
	buf_fini(&out);
	snapshot_unref(&s);
}

static void
value_text(double v, char *dst, size_t size)
{
	struct prom_writer *w = malloc(sizeof(*w));
	struct buf out = BUF_INIT(256);

	prom_init(w, PROMETHEUS_TEXT, &out);
	prom_put_value(w, v);
	assert_int_equal(prom_end(w), 0);
	strlcpy(dst, buf_str(&out), size);
	buf_fini(&out);
	free(w);
}

static const struct {
	double v;
	const char *text;
} value_cases[] = {
	{ 0, "0" },
	{ -0.0, "0" },
	{ 1, "1" },
	{ -7, "-7" },
	{ 999999999999999, "999999999999999" },
	{ 1e15, "1e+15" },
	{ 0.1, "0.1" },
	{ 0.000000001, "0.000000001" },
	{ 0.5, "0.5" },
	{ 12.25, "12.25" },
	{ 1.000000001, "1.000000001" },
	{ -0.5, "-0.5" },
	{ 1e-12, "1e-12" },
	{ 1764064183.123, "1764064183.123" },
	{ 8999999.25, "8999999.25" },
	{ 9000000.0625, "9000000.0625" },
	{ 1e300, "1e+300" },
	{ 1.0 / 3, "0.33333333333333331" },
	{ INFINITY, "+Inf" },
	{ -INFINITY, "-Inf" },
	{ NAN, "NaN" },
};

static void
values(void **state)
{
	char text[64];

	(void)state;
	for (size_t i = 0; i < MX_COUNT(value_cases); i++) {
		value_text(value_cases[i].v, text, sizeof(text));
		assert_string_equal(text, value_cases[i].text);
	}
}

/* Whatever is written reads back the same. */
static void
values_read_back(void **state)
{
	char text[64];
	double v;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		switch (i % 3) {
		case 0: /* a duration */
			v = (double)arc4random() / 1e9;
			break;
		case 1:
			v = (double)((int64_t)arc4random() << 20) / 1e3;
			break;
		default:
			v = ldexp((double)arc4random(),
			    (int)arc4random_uniform(200) - 100);
		}
		value_text(v, text, sizeof(text));
		if (strtod(text, NULL) != v)
			fail_msg("%.17g became %s", v, text);
	}
}

/* In pieces it is the same text, and no piece has much more than a thousand
 * objects, however many there are. */
static void
pieces_are_the_whole(void **state)
{
	struct prometheus_options o = { PROMETHEUS_OPENMETRICS, true };
	struct buf whole = BUF_INIT(256u << 20), piece = BUF_INIT(8u << 20);
	struct snapshot *s = snapshot_create();
	struct exposition *e;
	unsigned pieces = 0;
	size_t at = 0;
	char name[16];
	int rc = 0;

	(void)state;
	for (unsigned i = 0; i < 3001; i++) {
		snprintf(name, sizeof(name), "d%04u", i);
		snapshot_add(s, name, i % 3)->deferred = i;
	}
	assert_int_equal(prometheus_write(s, NOW_MS, &o, &whole), 0);
	assert_int_equal(prometheus_begin(&e, s, NOW_MS, &o), 0);
	snapshot_unref(&s); /* it has its own reference */
	for (; rc == 0; pieces++) {
		buf_clear(&piece);
		rc = prometheus_next(e, &piece);
		assert_true(rc >= 0);
		/* process_*: those are of the moment */
		if (rc == 1)
			break;
		assert_true(piece.len < 3u << 20);
		assert_memory_equal(piece.data, whole.data + at, piece.len);
		at += piece.len;
	}
	assert_true(pieces > 20);
	assert_true(whole.len - at < 3u << 20);
	prometheus_end(&e);
	buf_fini(&whole);
	buf_fini(&piece);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_format),
		cmocka_unit_test(openmetrics_format),
		cmocka_unit_test(all_domains_together),
		cmocka_unit_test(alerts_and_receivers),
		cmocka_unit_test(primaries_have_series_of_their_own),
		cmocka_unit_test(a_probe_that_is_off_has_no_series),
		cmocka_unit_test(a_cluster_is_summed),
		cmocka_unit_test(mail_that_could_leave),
		cmocka_unit_test(mx_backup_has_one_label),
		cmocka_unit_test(the_estimate_is_right),
		cmocka_unit_test(too_small_a_cap_is_an_error),
		cmocka_unit_test(values),
		cmocka_unit_test(values_read_back),
		cmocka_unit_test(pieces_are_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
