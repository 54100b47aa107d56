/* SPDX-License-Identifier: ISC
 * clustered: see clustered.h. */
#include "daemon/clustered.h"

#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "daemon/maintained.h"
#include "daemon/redirected.h"
#include "daemon/removed.h"

#define SEE_STEP     500 /* primaries in a tick */
#define INSTANCE_MAX 64
#define MOVE_AGAIN   (5 * CLOCK_SEC) /* between attempts for local mail */

/* ---- our identity */

int
clustered_instance(struct daemon *d, struct mx_errbuf *eb)
{
	struct buf text = BUF_INIT(INSTANCE_MAX);
	char *path, made[INSTANCE_MAX];
	int rc;

	if (d->conf->cluster.engine == NULL)
		return 0;
	path = mem_printf("%s/instance", d->conf->spool);
	rc = file_load(path, &text, eb);
	if (rc == 0 && text.len >= 32) {
		d->instance = mem_printf("%.32s", buf_str(&text));
	} else if (rc == 0 || rc == -MX_ENOENT) {
		(void)snprintf(made, sizeof(made),
		    "%016" PRIx64 "%016" PRIx64 "\n", rnd_u64(), rnd_u64());
		rc = file_replace(path, 0600, made, strlen(made), eb);
		d->instance = mem_printf("%.32s", made);
	}
	buf_fini(&text);
	mem_free(&path);
	return rc;
}

/* ---- cluster -> the other modules */

static void
on_attach(void *arg, const char *const *domains, unsigned n)
{
	struct daemon *d = arg;

	queue_attach(d->queue, domains, n);
	for (unsigned i = 0; i < n; i++)
		stats_touch(d->stats, domains[i]);
}

static void
on_left(void *arg, const char *domain, bool kept)
{
	struct daemon *d = arg;

	cluster_left(d->cluster, domain, kept);
	stats_touch(d->stats, domain);
}

static void
on_detach(void *arg, const char *domain)
{
	struct daemon *d = arg;

	queue_detach(d->queue, domain, on_left, d);
}

static void
on_detach_all(void *arg)
{
	struct daemon *d = arg;

	queue_detach_all(d->queue);
}

static unsigned
on_labels(void *arg, const char *domain, const char **labels, unsigned max)
{
	struct daemon *d = arg;

	return watch_labels(d->watch, domain, labels, max);
}

static unsigned
on_ceiling(void *arg, const char *label)
{
	struct daemon *d = arg;
	const struct primary *p =
	    primary_find(watch_primaries(d->watch), label);

	return p != NULL ? bounds_least(&p->connections) : 0;
}

static bool
on_busy(void *arg, const char *domain)
{
	struct daemon *d = arg;
	struct relay_domain rd;

	d->relay->domain(d->relay->self, domain, &rd);
	return rd.flush.running;
}

static void
on_owned(void *arg, const char *domain)
{
	struct daemon *d = arg;

	stats_touch(d->stats, domain);
}

/* The node's share of that primary's connections changes at once; the blocks of
 * its domains are remade in their turn. */
static void
on_judged(void *arg, const char *label)
{
	struct daemon *d = arg;
	struct primary *p = primary_find(watch_primaries(d->watch), label);

	if (p != NULL && d->cluster != NULL)
		watch_senders(d->watch, p, cluster_senders(d->cluster, label));
}

static const struct cluster_ops cluster_ops = {
	.attach = on_attach,
	.detach = on_detach,
	.detach_all = on_detach_all,
	.labels = on_labels,
	.ceiling = on_ceiling,
	.busy = on_busy,
	.owned = on_owned,
	.judged = on_judged,
	.asked = clustered_asked,
};

/* ---- store -> cluster, queue */

static bool
on_ours(void *arg, const char *domain)
{
	struct daemon *d = arg;

	return d->cluster != NULL && cluster_is_ours(d->cluster, domain);
}

/* Mail is stored locally without a change of `holds`, too: it is moved from
 * time to time. */
static void
move_rest(struct daemon *d)
{
	int64_t now = clock_now();
	struct store_info si;

	if (d->queue == NULL || now < d->move_again)
		return;
	d->move_again = now + MOVE_AGAIN;
	store_info(d->store, &si);
	if (si.away_ms == 0 && !si.fenced && store_holds(d->store, 0) &&
	    !(si.alone && d->conf->cluster.require_sync))
		queue_move_rest(d->queue);
}

static void
on_nodes(void *arg, const struct store_node *nodes, unsigned n)
{
	struct daemon *d = arg;

	if (d->cluster == NULL)
		return;
	cluster_nodes(d->cluster, nodes, n);
	move_rest(d);
}

static void
on_owner(void *arg, const char *domain, unsigned node)
{
	struct daemon *d = arg;

	if (d->cluster != NULL)
		cluster_owner(d->cluster, domain, node);
}

static void
on_arrived(void *arg, const struct envelope_brief *b)
{
	struct daemon *d = arg;

	if (d->queue != NULL)
		queue_arrived(d->queue, b);
}

static void
on_told(void *arg, const char *key, const void *data, size_t len)
{
	struct daemon *d = arg;

	/* the store reports events until it is closed */
	if (d->cluster == NULL || d->queue == NULL ||
	    cluster_told(d->cluster, key, data, len))
		return;
	if (daemon_ledger_heard(d, key, data, len) ||
	    maintained_told(d, key, data, len) ||
	    redirected_told(d, key, data, len) ||
	    removed_told(d, key, data, len) ||
	    daemon_drill_told(d, key, data, len) ||
	    daemon_alerts_told(d, key, data, len))
		return;
	queue_told(d->queue, key, data, len);
}

static void
on_holds(void *arg, bool yes)
{
	struct daemon *d = arg;

	if (d->queue == NULL)
		return;
	log_notice("cluster", "event=%s", yes ? "holds" : "holds_not");
	queue_holds(d->queue, yes);
	if (yes)
		queue_move_local(d->queue);
}

void
daemon_store_shared_events(struct store_events *ev)
{
	ev->ours = on_ours;
	ev->nodes = on_nodes;
	ev->owner = on_owner;
	ev->arrived = on_arrived;
	ev->told = on_told;
	ev->holds = on_holds;
}

/* ---- state published to the other nodes */

/* A digest of the settings that have to be the same on all nodes: the domains
 * and the lifetime of their mail. */
static char *
config_text(const struct config *c)
{
	uint64_t h = HASH_INIT;

	for (size_t i = 0; i < c->ndomains; i++) {
		h = hash_text(h, c->domain[i].name);
		h = hash_bytes(h, &c->domain[i].lifetime_ms,
		    sizeof(c->domain[i].lifetime_ms));
	}
	return mem_printf("%016" PRIx64, h);
}

static void
conf_of(const struct config *c, char **text, struct cluster_conf *cc)
{
	*text = config_text(c);
	*cc = (struct cluster_conf){ .lease_ms = c->cluster.lease_ms,
		.hold_ms = c->cluster.hold_ms,
		.version = PACKAGE_VERSION,
		.config = *text,
		.hostname = c->hostname,
		.url = c->web.url };
}

/* For some primaries a tick: publishes our verdict, and takes over the number
 * of nodes that send to them. */
static void
see_some(struct daemon *d)
{
	struct primary_table *t = watch_primaries(d->watch);
	struct primary *p = NULL;
	unsigned n = SEE_STEP;

	if (d->cluster_seen[0] != '\0')
		p = primary_find(t, d->cluster_seen);
	for (p = primary_next(t, p); p != NULL && n-- > 0;
	     p = primary_next(t, p)) {
		cluster_see(d->cluster, p->label, p->reach.state,
		    p->reach_since, p->cause);
		watch_senders(d->watch, p,
		    cluster_senders(d->cluster, p->label));
		strlcpy(d->cluster_seen, p->label, sizeof(d->cluster_seen));
	}
	if (p == NULL)
		d->cluster_seen[0] = '\0';
}

/* ---- create and destroy */

void
clustered_create(struct daemon *d)
{
	struct cluster_ops ops = cluster_ops;
	struct cluster_conf cc;
	char *text;

	if (store_node(d->store) == 0)
		return;
	ops.arg = d;
	conf_of(d->conf, &text, &cc);
	d->cluster = cluster_create(d->loop, d->store, &cc, &ops);
	mem_free(&text);
}

void
clustered_start(struct daemon *d)
{
	if (d->cluster != NULL)
		cluster_start(d->cluster);
}

void
clustered_configure(struct daemon *d, const struct config *conf)
{
	struct cluster_conf cc;
	char *text;

	if (d->cluster == NULL)
		return;
	conf_of(conf, &text, &cc);
	cluster_configure(d->cluster, &cc);
	mem_free(&text);
}

void
clustered_tick(struct daemon *d)
{
	if (d->cluster != NULL && !d->draining)
		see_some(d);
}

void
clustered_destroy(struct daemon *d)
{
	cluster_destroy(&d->cluster);
	mem_free(&d->instance);
}
