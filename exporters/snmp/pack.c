/* SPDX-License-Identifier: ISC
 * pack: a snapshot in the terms of the MIB: states and phases as numbers,
 * seconds, a primary as host and port. */
#include "exporters/snmp/pack.h"

#include <limits.h>
#include <string.h>

#include "base/mem.h"

uint32_t
pack_phase(enum smtp_phase phase)
{
	return phase <= SMTP_PHASE_RCPT ? (uint32_t)phase : 8;
}

static void
pack_cluster(struct wire_system *w, const struct snap_cluster *c)
{
	w->cluster = c->on;
	w->synchronous = c->synchronous;
	w->fenced = c->fenced;
	w->missing = c->missing;
	w->unowned = c->unowned;
	w->leaving = c->leaving;
	w->away_ms = c->away_ms;
	w->local_messages = c->local_messages;
	w->local_oldest_ms = c->local_oldest_ms;
	strlcpy(w->node, c->node, sizeof(w->node));
}

static void
pack_system(struct wire_system *w, const struct snapshot *s)
{
	const struct stats_global *g = &s->count;

	w->wall_ms = s->wall_ms;
	w->start = s->start;
	w->accepting = s->spool_state == STORE_OK;
	w->reload_ok = s->reload_ok;
	w->stopping = s->stopping;
	w->indexing = !s->indexed;
	w->sessions = s->smtpd_sessions;
	w->connections_out = s->delivery_connections;
	w->free_bytes = s->spool_free_bytes;
	w->connections = g->connections;
	for (unsigned i = 0; i < SMTPD_REJECT_MAX; i++)
		w->connections_rejected += g->rejected[i];
	for (unsigned c = 0; c < SMTPD_CODE_MAX; c++) {
		for (unsigned r = 0; r < SMTPD_REASON_MAX; r++) {
			w->rcpt_rejected += g->rcpt_rejected[c][r];
			w->messages_rejected += g->message_rejected[c][r];
		}
		w->loops += g->message_rejected[c][SMTPD_REASON_LOOP];
	}
	w->alerts_active = w->notifications_failed = 0;
	for (unsigned i = 0; i < s->told->nalerts; i++)
		w->alerts_active += s->told->alert[i].firing;
	for (unsigned i = 0; i < s->told->nreceivers; i++)
		w->notifications_failed += (int64_t)s->told->receiver[i].failed;
	w->traps_dropped = s->agentx.notifications_dropped;
	w->vault_messages = s->vault_messages;
	w->vault_bytes = s->vault_bytes;
	w->vault_oldest_ms = s->vault_oldest_ms;
	w->source_domains = s->source.domains;
	w->source_confirmed_ms = s->source.confirmed_ms;
	w->source_failing = s->source.failing;
	w->mx_backup = s->mx_backup;
	w->mx_backup_domains = s->mx_backup_domains;
	w->ready = s->ready;
	pack_cluster(w, &s->cluster);
	strlcpy(w->source, s->source.name, sizeof(w->source));
	strlcpy(w->not_ready, s->not_ready, sizeof(w->not_ready));
	strlcpy(w->hostname, s->hostname, sizeof(w->hostname));
}

static void
pack_domain(struct wire_domain *w, const struct snap_domain *d, uint32_t index)
{
	const struct domain_stats *c = &d->count;

	w->index = index;
	w->state = (uint32_t)d->state + 1; /* the MIB begins at 1 */
	w->flushing = d->flush.running;
	w->state_since = d->state_since;
	w->lifetime = d->lifetime;
	w->messages = snap_domain_messages(d);
	w->recipients = d->recipients;
	w->bytes = d->bytes;
	w->oldest_ms = d->oldest_ms;
	w->next_expiry_ms = d->next_expiry_ms;
	w->next_try_ms = d->next_try_ms;
	w->accepted_messages = c->accepted_messages;
	w->accepted_recipients = c->accepted_recipients;
	w->accepted_bytes = c->accepted_bytes;
	w->delivered_messages = c->delivered_messages;
	w->delivered = c->delivered;
	w->delivered_bytes = c->delivered_bytes;
	w->expired = c->expired;
	w->attempts = c->attempts;
	for (unsigned i = SMTP_PHASE_RESOLVE; i <= SMTP_PHASE_STARTTLS; i++)
		w->connect_failed += c->attempts_failed[i];
	for (unsigned i = 0; i < STATUS_LABEL_MAX; i++) {
		w->deferred[i] = c->deferred[i];
		w->bounced[i] = c->bounced[i];
	}
	w->flush_remaining = d->flush.running ? d->flush.remaining : 0;
	w->flush_end = d->flush.end_ms / 1000;
	w->on_hold = d->on_hold;
	w->removed = d->removed;
	w->breaker_since = d->breaker_is_tripped ? d->breaker_since : 0;
	w->put_off = d->put_off;
	w->learns = d->learns;
	w->learned = d->learned[0];
	w->list_entries = d->list_entries;
	w->list_confirmed_ms = d->list_confirmed_ms;
	strlcpy(w->name, d->name, sizeof(w->name));
	strlcpy(w->cause, d->cause, sizeof(w->cause));
	strlcpy(w->list, d->list, sizeof(w->list));
	strlcpy(w->list_trouble, d->list_trouble, sizeof(w->list_trouble));
	strlcpy(w->owner, d->owner, sizeof(w->owner));
}

_Static_assert(WIRE_CLASSES == STATUS_LABEL_MAX, "the wire has other classes");

static void
pack_primary(struct wire_primary *w, const struct snap_server *p,
    const struct pack_sum *sum, uint32_t index)
{
	double seconds = snap_probe_seconds(p->phase_seconds);

	w->index = index;
	w->state = p->state + 1; /* the MIB begins at 1 */
	w->state_since = p->state_since;
	w->port = wire_label(p->label, w->host, sizeof(w->host));
	w->healthy = p->healthy;
	w->failed_phase = pack_phase(p->failed_phase);
	w->code = p->code;
	w->domains = p->domains;
	w->breakers = sum->breakers;
	w->messages = sum->messages;
	w->window = p->host.window;
	w->ceiling = p->host.ceiling;
	w->connections = p->host.connections;
	w->paused = p->host.paused;
	w->refused = p->host.refused;
	w->probe_ms = (uint64_t)(seconds * 1000 + 0.5);
	w->probes = p->probes;
	w->failures = p->failures;
	w->last_run = p->last_run;
	w->last_success = p->last_success;
	w->cert_not_after = p->cert_not_after;
	w->tls_fallback_since = p->tls_fallback_since;
	strlcpy(w->text, p->text, sizeof(w->text));
	strlcpy(w->cause, p->cause, sizeof(w->cause));
}

static void
pack_link(struct wire_link *w, const struct snap_primary *p, uint32_t domain,
    uint32_t place, uint32_t primary)
{
	w->domain = domain;
	w->place = place;
	w->primary = primary;
	w->priority = p->priority;
	w->finding_since = p->finding[0] != '\0' ? p->finding_since : 0;
	strlcpy(w->finding, p->finding, sizeof(w->finding));
}

static void
pack_dnsbl(struct wire_dnsbl *w, const struct snap_dnsbl *b, uint32_t index)
{
	w->index = index;
	w->state = (uint32_t)b->state + 1; /* the MIB begins at 1 */
	w->queries = b->queries;
	w->hits = b->hits;
	w->failures = b->failures;
	w->refusals = b->refusals;
	strlcpy(w->zone, b->zone, sizeof(w->zone));
	strlcpy(w->why, b->why, sizeof(w->why));
}

static void
pack_node(struct wire_node *w, const struct snap_node *n)
{
	w->index = n->id;
	w->state = n->state + 1; /* the MIB begins at 1 */
	w->us = n->us;
	w->differs = n->differs;
	w->domains = n->domains;
	w->silent_seconds = (uint64_t)n->silent_seconds;
	strlcpy(w->name, n->name, sizeof(w->name));
	strlcpy(w->version, n->version, sizeof(w->version));
	strlcpy(w->hostname, n->hostname, sizeof(w->hostname));
}

/* ---- a whole snapshot, in steps */

enum phase {
	PACK_COUNT_PRIMARIES,
	PACK_COUNT_DOMAINS,
	PACK_DOMAINS,
	PACK_PRIMARIES,
	PACK_LINKS,
	PACK_DONE
};

void
pack_begin(struct pack *p, struct snapshot *s)
{
	pack_end(p);
	p->s = snapshot_ref(s);
	p->sum = mem_array(s->nservers + 1, sizeof(p->sum[0]));
	p->rows[WIRE_DNSBL] = s->ndnsbls;
	p->rows[WIRE_NODE] = s->cluster.nnodes;
}

void
pack_end(struct pack *p)
{
	snapshot_unref(&p->s);
	mem_free(&p->sum);
	*p = (struct pack){ 0 };
}

static void
next_phase(struct pack *p)
{
	p->phase++;
	p->next = p->done = 0;
}

/* The primary in snapshot.server; NULL: it has no row. */
static struct snap_server *const *
server_of(const struct snapshot *s, const char *label)
{
	struct snap_server *const *at = NULL;
	unsigned low = 0, high = s->nservers, mid;
	int rc;

	while (at == NULL && low < high) {
		mid = low + (high - low) / 2;
		rc = strcmp(label, s->server[mid]->label);
		if (rc == 0)
			at = &s->server[mid];
		else if (rc < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return at == NULL || (*at)->mx_backup ? NULL : at;
}

/* Assigns numbers to new primaries. */
static void
count_primaries(struct pack *p, struct index *x, unsigned budget)
{
	const struct snapshot *s = p->s;

	for (; p->next < s->nservers && budget > 0; p->next++, budget--) {
		if (s->server[p->next]->mx_backup ||
		    p->rows[WIRE_PRIMARY] == WIRE_ROWS_MAX)
			continue;
		(void)index_of(x, s->server[p->next]->label);
		p->rows[WIRE_PRIMARY]++;
	}
	if (p->next == s->nservers)
		next_phase(p);
}

static void
count_links(struct pack *p, const struct index *x, const struct snap_domain *d)
{
	struct snap_server *const *at;

	for (uint32_t i = 0; i < d->nprimaries && i < UINT8_MAX; i++) {
		at = server_of(p->s, d->primary[i].label);
		if (at == NULL || index_find(x, (*at)->label) == NULL ||
		    p->rows[WIRE_LINK] == WIRE_ROWS_MAX)
			continue;
		p->rows[WIRE_LINK]++;
		p->sum[at - p->s->server].messages += snap_domain_messages(d);
		p->sum[at - p->s->server].breakers += d->breaker_is_tripped;
	}
}

/* Assigns numbers to new domains; the system packet precedes the rows that it
 * counts. */
static void
count_domains(struct pack *p, struct wire_out *o, struct indices *x,
    unsigned budget)
{
	const struct snap_list *l = &p->s->domains;
	const struct snap_domain *d;
	struct wire_system *sys;

	for (; p->next < l->n && budget > 0; p->next++, budget--) {
		d = snap_list_at(l, p->next);
		if (d->mx_backup || p->rows[WIRE_DOMAIN] == WIRE_ROWS_MAX)
			continue;
		(void)index_of(&x->domains, d->name);
		p->rows[WIRE_DOMAIN]++;
		count_links(p, &x->primaries, d);
	}
	if (p->next < l->n)
		return;
	sys = wire_out_add(o, WIRE_SYSTEM);
	pack_system(sys, p->s);
	memcpy(sys->rows, p->rows, sizeof(sys->rows));
	next_phase(p);
}

/* The next domain by number; removed ones have kept theirs. NULL: it has no
 * row. */
static const struct snap_domain *
next_domain(struct pack *p, const struct index *x, uint32_t *index)
{
	const struct index_entry *e = x->entry[p->next++];
	const struct snap_domain *d = snapshot_find(p->s, e->name);

	*index = e->index;
	if (d == NULL || d->mx_backup || p->done == p->rows[WIRE_DOMAIN])
		return NULL;
	p->done++;
	return d;
}

static void
put_domains(struct pack *p, struct wire_out *o, const struct index *x,
    unsigned budget)
{
	const struct snap_domain *d;
	uint32_t index;

	for (; p->next < x->n && budget > 0; budget--) {
		d = next_domain(p, x, &index);
		if (d != NULL)
			pack_domain(wire_out_add(o, WIRE_DOMAIN), d, index);
	}
	if (p->next == x->n)
		next_phase(p);
}

static void
put_primaries(struct pack *p, struct wire_out *o, const struct index *x,
    unsigned budget)
{
	struct snap_server *const *at;

	for (; p->next < x->n && budget > 0; p->next++, budget--) {
		at = server_of(p->s, x->entry[p->next]->name);
		if (at == NULL || p->done == p->rows[WIRE_PRIMARY])
			continue;
		p->done++;
		pack_primary(wire_out_add(o, WIRE_PRIMARY), *at,
		    &p->sum[at - p->s->server], x->entry[p->next]->index);
	}
	if (p->next == x->n)
		next_phase(p);
}

static void
put_links_of(struct pack *p, struct wire_out *o, const struct indices *x,
    const struct snap_domain *d, uint32_t index)
{
	const struct index_entry *e;
	const char *label;

	for (uint32_t i = 0;
	     i < d->nprimaries && i < UINT8_MAX && p->rows[WIRE_LINK] > 0;
	     i++) {
		label = d->primary[i].label;
		if (server_of(p->s, label) == NULL ||
		    (e = index_find(&x->primaries, label)) == NULL)
			continue;
		p->rows[WIRE_LINK]--;
		pack_link(wire_out_add(o, WIRE_LINK), &d->primary[i], index,
		    i + 1, e->index);
	}
}

static void
put_links(struct pack *p, struct wire_out *o, const struct indices *x,
    unsigned budget)
{
	const struct snap_domain *d;
	uint32_t index;

	for (; p->next < x->domains.n && budget > 0; budget--) {
		d = next_domain(p, &x->domains, &index);
		if (d != NULL)
			put_links_of(p, o, x, d, index);
	}
	if (p->next < x->domains.n)
		return;
	for (unsigned i = 0; i < p->rows[WIRE_DNSBL]; i++)
		pack_dnsbl(wire_out_add(o, WIRE_DNSBL), &p->s->dnsbl[i], i + 1);
	for (unsigned i = 0; i < p->rows[WIRE_NODE]; i++)
		pack_node(wire_out_add(o, WIRE_NODE),
		    &p->s->cluster.node_list[i]);
	next_phase(p);
}

bool
pack_step(struct pack *p, struct wire_out *o, struct indices *x,
    unsigned budget)
{
	switch ((enum phase)p->phase) {
	case PACK_COUNT_PRIMARIES:
		count_primaries(p, &x->primaries, budget);
		break;
	case PACK_COUNT_DOMAINS:
		count_domains(p, o, x, budget);
		break;
	case PACK_DOMAINS:
		put_domains(p, o, &x->domains, budget);
		break;
	case PACK_PRIMARIES:
		put_primaries(p, o, &x->primaries, budget);
		break;
	case PACK_LINKS:
		put_links(p, o, x, budget);
		break;
	case PACK_DONE:
		break;
	}
	return p->phase != PACK_DONE;
}

void
pack_snapshot(struct wire_out *o, struct snapshot *s, struct indices *x)
{
	struct pack p = { 0 };

	pack_begin(&p, s);
	while (pack_step(&p, o, x, UINT_MAX))
		;
	pack_end(&p);
}
