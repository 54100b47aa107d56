/* SPDX-License-Identifier: ISC
 * alert: ties alerts/ to the daemon. In a build without libcurl the same
 * functions do nothing, so that callers need no condition. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#include "daemon/daemon_int.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifdef HAVE_CURL

static void
on_record(void *arg, const char *key, const void *text, size_t len)
{
	(void)daemon_alerts_told(arg, key, text, len);
}

/* ---- silences of a cluster: "silence/ID" in the store, for all nodes */

#define PREFIX "silence/"

static void
on_put(void *arg, uint64_t id, int rc)
{
	(void)arg;
	if (rc != 0)
		log_error("alerts",
		    "silence=%" PRIu64 " problem=\"the other nodes are not "
		    "informed\" error=%s",
		    id, log_q(mx_strerror(rc)));
}

static void
put_silence(struct daemon *d, uint64_t id, const struct buf *text)
{
	char key[sizeof(PREFIX) + 24];

	(void)snprintf(key, sizeof(key), PREFIX "%020" PRIu64, id);
	store_state_put(d->store, key, text != NULL ? text->data : NULL,
	    text != NULL ? text->len : 0, on_put, d, id);
}

static void
on_over(uint64_t id, void *arg)
{
	put_silence(arg, id, NULL);
}

static bool
heard_silence(struct daemon *d, const char *key, const void *data, size_t len)
{
	int64_t id;

	if (strncmp(key, PREFIX, strlen(PREFIX)) != 0)
		return false;
	if (d->alerts != NULL &&
	    text_int(key + strlen(PREFIX), 1, INT64_MAX, &id) == 0)
		alerts_silence_told(d->alerts, (uint64_t)id, data, len);
	return true;
}

struct silences_kept { /* the ids, in the order of the walk */
	struct daemon *daemon;
	uint64_t *id;
	size_t n;
};

static void
load_one(void *arg, const char *key, const void *data, size_t len)
{
	struct silences_kept *k = arg;
	int64_t id;

	if (!heard_silence(k->daemon, key, data, len) ||
	    text_int(key + strlen(PREFIX), 1, INT64_MAX, &id) != 0)
		return;
	k->id = mem_grow(k->id, k->n + 1, sizeof(*k->id));
	k->id[k->n++] = (uint64_t)id;
}

static void
keep_ours(const struct alerts_silenced *s, void *arg)
{
	struct silences_kept *k = arg;

	k->id = mem_grow(k->id, k->n + 1, sizeof(*k->id));
	k->id[k->n++] = s->id;
}

static bool
is_kept(const struct silences_kept *k, uint64_t id)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->id[i] == id)
			return true;
	return false;
}

/* A silence that is no longer in the store was removed while this node was not
 * running. While the store is away that cannot be known, and the silences are
 * kept. */
static void
load_silences(struct daemon *d)
{
	struct silences_kept stored = { .daemon = d }, ours = { .daemon = d };
	struct store_info info;

	if (store_node(d->store) == 0)
		return;
	alerts_node(d->alerts, store_node(d->store));
	alerts_silences(d->alerts, keep_ours, &ours);
	store_state_each(d->store, PREFIX, load_one, &stored);
	store_info(d->store, &info);
	for (size_t i = 0; i < ours.n && info.away_ms == 0; i++)
		if (!is_kept(&stored, ours.id[i]))
			(void)alerts_unsilence(d->alerts, ours.id[i]);
	mem_free(&stored.id);
	mem_free(&ours.id);
}

void
daemon_alerts_create(struct daemon *d)
{
	d->alerts = alerts_create(d->conf, d->box, d->fetcher);
	load_silences(d);
	if (store_node(d->store) == 0)
		return;
	d->alert_share = alert_share_create(d->store);
	store_state_each(d->store, ALERTS_SHARED, on_record, d);
}

bool
daemon_alerts_told(struct daemon *d, const char *key, const void *text,
    size_t len)
{
	if (heard_silence(d, key, text, len))
		return true;
	if (strncmp(key, ALERTS_SHARED, strlen(ALERTS_SHARED)) != 0)
		return false;
	if (d->alerts != NULL)
		alerts_incident(d->alerts, key, text, len);
	return true;
}

void
daemon_alerts_configure(struct daemon *d)
{
	alerts_configure(d->alerts, d->conf);
}

void
daemon_alerts_destroy(struct daemon *d)
{
	alerts_destroy(&d->alerts);
}

void
daemon_alerts_notice(struct daemon *d, const struct notice *n)
{
	if (d->alerts != NULL)
		alerts_notice(d->alerts, n);
}

static void
on_firing(const char *domain, void *arg)
{
	struct daemon *d = arg;

	stats_touch(d->stats, domain);
}

static void
on_told(const struct alert_mark *m, void *arg)
{
	struct daemon *d = arg;

	daemon_event_told(d, m->primary[0] != '\0' ? m->primary : m->domain[0],
	    m->receiver, m->what, m->wall);
	daemon_ledger_told(d, m->primary, m->receiver, m->what, m->wall);
	for (unsigned i = 0; i < m->ndomains; i++)
		daemon_ledger_told(d, m->domain[i], m->receiver, m->what,
		    m->wall);
}

void
daemon_alerts_tick(struct daemon *d)
{
	if (d->alerts == NULL)
		return;
	alerts_changed(d->alerts, on_firing, d);
	alerts_told(d->alerts, on_told, d);
	if (store_node(d->store) != 0)
		alerts_silences_over(d->alerts, on_over, d);
	if (d->alert_share == NULL)
		return;
	alerts_incidents(d->alerts, alert_share_put, d->alert_share);
	alert_share_tick(d->alert_share);
}

void
daemon_alerts_snapshot(struct daemon *d, struct snapshot *s)
{
	if (d->alerts != NULL)
		alerts_snapshot(d->alerts, s);
}

uint32_t
daemon_alerts_of(const struct daemon *d, const char *domain)
{
	return d->alerts != NULL ? alerts_of(d->alerts, domain) : 0;
}

static uint64_t
op_silence(void *arg, const char *match, int64_t for_ms, const char *reason)
{
	struct daemon *d = arg;
	uint64_t id = alerts_silence(d->alerts, match, for_ms, reason);
	struct buf text = BUF_INIT(4096);

	if (id != 0 && store_node(d->store) != 0 &&
	    alerts_silence_text(d->alerts, id, &text))
		put_silence(d, id, &text);
	buf_fini(&text);
	return id;
}

static int
op_unsilence(void *arg, uint64_t id)
{
	struct daemon *d = arg;
	int rc = alerts_unsilence(d->alerts, id);

	if (rc == 0 && store_node(d->store) != 0)
		put_silence(d, id, NULL);
	return rc;
}

struct silence_walk {
	void (*fn)(const struct control_silence *, void *);
	void *arg;
};

static void
on_silence(const struct alerts_silenced *s, void *arg)
{
	const struct silence_walk *w = arg;

	w->fn(&(struct control_silence){ s->id, s->match, s->reason, s->from_ms,
		  s->until_ms },
	    w->arg);
}

static void
op_silences(void *arg, void (*fn)(const struct control_silence *, void *),
    void *fn_arg)
{
	struct silence_walk w = { fn, fn_arg };
	struct daemon *d = arg;

	alerts_silences(d->alerts, on_silence, &w);
}

static unsigned
op_ack(void *arg, const char *match, const char *by)
{
	struct daemon *d = arg;

	return alerts_ack(d->alerts, match, by);
}

static int64_t
op_test(void *arg, const char *receiver, int64_t *limit_ms)
{
	struct daemon *d = arg;

	return alerts_test(d->alerts, receiver, limit_ms);
}

static bool
op_test_line(void *arg, int64_t ticket, unsigned i,
    struct control_test_line *line)
{
	struct daemon *d = arg;
	struct alerts_test_line l;

	if (!alerts_test_line(d->alerts, ticket, i, &l))
		return false;
	line->step = l.resolve ? "resolve" : "trigger";
	line->ms = l.ms;
	(void)strlcpy(line->host, l.host, sizeof(line->host));
	(void)strlcpy(line->stage, l.stage, sizeof(line->stage));
	(void)strlcpy(line->text, l.text, sizeof(line->text));
	return true;
}

static int
op_test_result(void *arg, int64_t ticket, char *text, size_t size)
{
	struct daemon *d = arg;

	return alerts_test_result(d->alerts, ticket, text, size);
}

const struct control_alert_ops daemon_alert_ops = {
	.silence = op_silence,
	.unsilence = op_unsilence,
	.silences = op_silences,
	.ack = op_ack,
	.test = op_test,
	.test_line = op_test_line,
	.test_result = op_test_result,
};

#else

void
daemon_alerts_create(struct daemon *d MX_UNUSED)
{
}

void
daemon_alerts_configure(struct daemon *d MX_UNUSED)
{
}

void
daemon_alerts_destroy(struct daemon *d MX_UNUSED)
{
}

void
daemon_alerts_notice(struct daemon *d MX_UNUSED,
    const struct notice *n MX_UNUSED)
{
}

void
daemon_alerts_tick(struct daemon *d MX_UNUSED)
{
}

void
daemon_alerts_snapshot(struct daemon *d MX_UNUSED, struct snapshot *s MX_UNUSED)
{
}

bool
daemon_alerts_told(struct daemon *d MX_UNUSED, const char *key MX_UNUSED,
    const void *text MX_UNUSED, size_t len MX_UNUSED)
{
	return false;
}

uint32_t
daemon_alerts_of(const struct daemon *d MX_UNUSED, const char *domain MX_UNUSED)
{
	return 0;
}

const struct control_alert_ops daemon_alert_ops = { 0 };

#endif
