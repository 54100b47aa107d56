/* SPDX-License-Identifier: ISC
 * ledger: ties ledger/ to the daemon: feeds it the verdicts on primaries, the
 * blocks of domains and the time; in a cluster the records of other nodes,
 * too. */

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "daemon/daemon_int.h"
#include "daemon/domains.h"
#include "primary/watch.h"

#define GAP_SEC 60 /* a node with a shorter gap counts as present */
#define ALL	"cluster" /* key that selects one node for the whole ledger */

static struct book_time
time_now(const struct daemon *d)
{
	return (struct book_time){ loop_now(d->loop), clock_wall_ms() };
}

/* A primary that is not probed has no outages; nor has a backup MX. */
static bool
is_watched(const struct primary *p)
{
	const struct watch *w;

	LIST_FOREACH (w, &p->watches, sibling)
		if (w->health.state != HEALTH_DISABLED && !w->backup)
			return true;
	return false;
}

static bool
on_exists(void *arg, enum outage_kind kind, const char *name)
{
	struct daemon *d = arg;
	const struct primary *p;

	if (kind == OUTAGE_DOMAIN)
		return stats_peek(d->stats, name) != NULL;
	p = primary_find(watch_primaries(d->watch), name);
	return p != NULL && is_watched(p);
}

/* The verdict on the primary is the worst one under any domain's policy. */
static enum health_state
worst(const struct primary *p)
{
	static const enum health_state rank[] = { HEALTH_DOWN, HEALTH_SUSPECT,
		HEALTH_UP, HEALTH_UNKNOWN };
	const struct watch *w;

	for (size_t i = 0; i < MX_COUNT(rank); i++)
		LIST_FOREACH (w, &p->watches, sibling)
			if (w->health.state == rank[i])
				return rank[i];
	return HEALTH_DISABLED;
}

void
daemon_ledger_verdict(void *daemon, const struct watch_verdict *v)
{
	struct daemon *d = daemon;
	const struct primary *p = v->watch->primary;
	struct book_time t = time_now(d);

	ledger_primary(d->ledger,
	    &(struct book_verdict){ .label = p->label,
		.state = worst(p),
		.phase = v->phase,
		.reply = v->cause,
		.by_delivery = v->by_delivery,
		.domains = p->domains },
	    &t);
}

void
daemon_ledger_maintained(struct daemon *d, enum outage_kind kind,
    const char *name, bool begins, const char *reason)
{
	struct book_time t = time_now(d);

	if (d->ledger != NULL)
		ledger_maintenance(d->ledger, kind, name, begins, reason, &t);
}

/* While the queue is being loaded a domain seems to have less mail than it
 * has. */
void
daemon_ledger_domain(struct daemon *d, const struct snap_domain *was,
    const struct snap_domain *is)
{
	bool within = was != NULL && was->maintenance.active;
	struct book_time t = time_now(d);

	if (is->maintenance.active != within)
		daemon_ledger_maintained(d, OUTAGE_DOMAIN, is->name, !within,
		    (within ? was : is)->maintenance.reason);
	if (!queue_loading(d->queue))
		ledger_domain(d->ledger, was, is, &t);
}

/* ---- in a cluster */

/* A stopped node may be starting again, which must not end its open outages. It
 * counts as alive for GAP_SEC after its last record, and so does a node that
 * was not seen yet. */
static bool
on_alive(void *arg, unsigned node, int64_t said)
{
	const struct daemon *d = arg;
	enum cluster_state state;

	if (d->cluster != NULL &&
	    cluster_node_state(d->cluster, node, &state) &&
	    state != CLUSTER_STOPPED)
		return state != CLUSTER_DEAD;
	return said != 0 && clock_wall() - said < GAP_SEC;
}

static bool
on_speaks(void *arg)
{
	const struct daemon *d = arg;

	return d->cluster != NULL && cluster_speaks(d->cluster, ALL);
}

static bool
on_ready(void *arg)
{
	const struct daemon *d = arg;
	struct store_info si;

	store_info(d->store, &si);
	return !si.fenced && si.away_ms == 0;
}

static void
on_put(void *arg, uint64_t token, int rc)
{
	struct daemon *d = arg;

	ledger_put_done(d->ledger, token, rc);
}

static void
put(void *arg, const char *key, const void *data, size_t len, uint64_t token)
{
	struct daemon *d = arg;

	store_state_put(d->store, key, data, len, on_put, d, token);
}

static void
on_each(void *arg, const char *prefix, ledger_state_cb *fn, void *fn_arg)
{
	const struct daemon *d = arg;

	store_state_each(d->store, prefix, fn, fn_arg);
}

bool
daemon_ledger_heard(struct daemon *d, const char *key, const void *data,
    size_t len)
{
	return ledger_told(d->ledger, key, data, len);
}

/* ---- marks */

/* Marks the outages of that domain and of its primaries that are down, or of
 * the primary with that label. False: there is none of that name. */
static bool
mark_name(struct daemon *d, const char *name, enum outage_mark_kind kind,
    const char *who, const char *what, int64_t wall)
{
	const struct snap_list *list = domains_list(d->domains);
	const struct snap_domain *s;
	bool found;
	unsigned i = snap_list_place(list, name, &found);

	if (!found)
		return ledger_mark(d->ledger, OUTAGE_PRIMARY, name, kind, who,
		    what, wall);
	(void)ledger_mark(d->ledger, OUTAGE_DOMAIN, name, kind, who, what,
	    wall);
	s = snap_list_at(list, i);
	for (unsigned j = 0; j < s->nprimaries; j++)
		(void)ledger_mark(d->ledger, OUTAGE_PRIMARY,
		    s->primary[j].label, kind, who, what, wall);
	return true;
}

/* The subject of a silence: "queue_age/a.test" is about a.test. */
static const char *
subject_of(const char *target)
{
	const char *slash = strchr(target, '/');

	return slash != NULL ? slash + 1 : target;
}

void
daemon_ledger_did(void *daemon, const char *verb, const char *target,
    const char *reason, const char *node, int64_t uid, int rc)
{
	struct daemon *d = daemon;
	char *who, *what;

	if (rc != 0)
		return;
	who = mem_printf("uid %" PRId64 "%s%s", uid,
	    *node != '\0' ? " of " : "", node);
	what = mem_printf("%s %s%s%s", verb, target,
	    reason[0] != '\0' ? ": " : "", reason);
	if (!mark_name(d, subject_of(target), OUTAGE_MARK_OPERATOR, who, what,
		clock_wall()) &&
	    strchr(target, '.') == NULL)
		ledger_mark_all(d->ledger, OUTAGE_MARK_OPERATOR, who, what,
		    clock_wall());
	mem_free(&who);
	mem_free(&what);
}

void
daemon_ledger_told(struct daemon *d, const char *name, const char *receiver,
    const char *what, int64_t wall)
{
	if (!ledger_mark(d->ledger, OUTAGE_PRIMARY, name, OUTAGE_MARK_TOLD,
		receiver, what, wall))
		(void)ledger_mark(d->ledger, OUTAGE_DOMAIN, name,
		    OUTAGE_MARK_TOLD, receiver, what, wall);
}

bool
daemon_ledger_page(void *daemon, const struct kept_query *q, const char *end,
    struct buf *out, uint64_t *before)
{
	struct daemon *d = daemon;

	return ledger_page(d->ledger, q, end, out, before);
}

void
daemon_ledger_tick(struct daemon *d)
{
	struct book_time t = time_now(d);

	ledger_tick(d->ledger, &t);
}

void
daemon_ledger_snapshot(struct daemon *d, struct snapshot *s)
{
	s->outages_open = ledger_open(d->ledger);
	s->ledger_unwritable = ledger_failing(d->ledger);
}

void
daemon_ledger_host(const struct daemon *d, const struct primary *p,
    struct snap_host *h)
{
	struct availability_ratios r;

	_Static_assert(MX_COUNT(h->availability) == AVAILABILITY_WINDOW_MAX,
	    "the windows are those of the ledger");

	availability_get(ledger_availability(d->ledger), p->label, &r);
	memcpy(h->availability, r.ratio, sizeof(h->availability));
	h->known_since = r.since;
}

void
daemon_ledger_create(struct daemon *d)
{
	struct ledger_ops ops = { .exists = on_exists,
		.arg = d,
		.node = store_node(d->store),
		.name = d->conf->cluster.node,
		.alive = on_alive,
		.speaks = on_speaks,
		.ready = on_ready,
		.put = put,
		.each = on_each };
	struct book_time t = time_now(d);

	d->ledger = ledger_create(&d->conf->ledger, d->conf->spool, d->helper,
	    &ops, &t);
}

void
daemon_ledger_rest(struct daemon *d)
{
	struct book_time t;

	if (d->ledger == NULL)
		return;
	t = time_now(d);
	ledger_rest(d->ledger, &t);
}

void
daemon_ledger_destroy(struct daemon *d)
{
	struct book_time t;

	if (d->ledger == NULL)
		return;
	t = time_now(d);
	ledger_destroy(&d->ledger, &t);
}
