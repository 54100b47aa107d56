/* SPDX-License-Identifier: ISC
 * memory_share: passes alerts of a cluster from node to node (incidents.h). */
#include <stdio.h>
#include <string.h>

#include "alerts/memory_int.h"
#include "alerts/voice.h"
#include "base/mem.h"

void
share_forget(struct step *st, struct instance *i)
{
	struct memory *m = st->m;

	for (size_t k = 0; k < st->conf->nreceivers; k++)
		outbox_leave(&m->outbox, st->conf->receiver[k].name, i->kind,
		    group_of(i), i->domain);
	incidents_leave(&m->incidents, i->kind, group_of(i), i->domain);
	st->changed = true;
	RB_REMOVE(instance_tree, &m->instances, i);
	mem_free(&i);
}

static bool
is_shared(enum alert_kind kind)
{
	enum voice v = voice_of(kind);

	return v != VOICE_NODE && v != VOICE_EACH;
}

/* Another node reports domains of its own under that key, and will resolve it.
 * If both end at about the same time, the node whose name sorts first does. */
#define END_HELD_MS INT64_C(10000)

static void
hold_end(struct step *st, struct outbox_entry *e)
{
	const char *other =
	    incidents_other(&st->m->incidents, e->note.kind, e->note.group);

	if (other == NULL) {
		e->left |= e->over_ms != 0 &&
		    strcmp(st->s->cluster.node, e->other) > 0;
		return;
	}
	if (e->over_ms == 0) {
		e->over_ms = st->now;
		(void)strlcpy(e->other, other, sizeof(e->other));
	}
	e->left = st->now - e->over_ms >= END_HELD_MS;
	if (!e->left) /* nothing of it may be sent meanwhile */
		e->seen = e->quiet = true;
}

void
share_hold(struct step *st)
{
	struct outbox_entry *e;

	if (!st->s->cluster.on)
		return;
	RB_FOREACH (e, outbox_tree, &st->m->outbox.tree)
		if (!e->seen && !e->left && e->phase != OUTBOX_RESOLVE &&
		    e->note.kind != NOTE_TEST && is_shared(e->note.kind))
			hold_end(st, e);
}

void
share_begin(struct step *st)
{
	incidents_begin(&st->m->incidents);
}

void
share_group(struct step *st, struct instance *const *list, size_t n)
{
	if (st->conf->nreceivers > 0 && is_shared(list[0]->kind))
		incidents_fires(&st->m->incidents, list[0]->kind,
		    group_of(list[0]), list[0]->primary, list, n);
}

/* An end that was not sent yet remains some node's task. */
void
share_end(struct step *st)
{
	struct outbox_entry *e;

	RB_FOREACH (e, outbox_tree, &st->m->outbox.tree)
		if (e->phase == OUTBOX_RESOLVE || e->ended)
			incidents_keep(&st->m->incidents, e->note.kind,
			    e->note.group);
	incidents_end(&st->m->incidents);
}

/* ---- reports of another node */

static void
take_instance(struct step *st, const struct incident *r,
    const struct incident_member *m)
{
	struct instance *i =
	    instance_get(&st->m->instances, r->kind, m->domain);

	if (i->state == INSTANCE_FIRING)
		return;
	st->changed = true;
	i->state = INSTANCE_FIRING;
	i->severity = m->severity;
	i->was = ALERT_SEV_NONE;
	i->since_ms = i->spell_ms = m->since_ms;
	i->start_ms = i->fired_ms = m->fired_ms;
	i->clear_ms = i->end_ms = i->over_ms = 0;
	i->times = 1;
	i->audible = true;
	i->am_told = i->am_over = 0;
	i->confirmed = false; /* as after a restart */
	i->acked = m->acked;
	(void)strlcpy(i->acked_by, m->acked_by, sizeof(i->acked_by));
	(void)strlcpy(i->primary, r->primary, sizeof(i->primary));
	(void)snprintf(i->summary, sizeof(i->summary), "it was sent by %s",
	    r->node);
	if (st->m->on_change != NULL)
		st->m->on_change(i, st->m->change_arg);
}

static void
take_entries(struct step *st, const struct incident *r,
    const struct incident_member *m)
{
	const struct conf_alert *a = &st->conf->alert[r->kind];
	const char *host = st->m->shared_instance;
	const struct conf_receiver *c;
	struct note note = { .kind = r->kind };

	(void)strlcpy(note.group, r->group, sizeof(note.group));
	(void)strlcpy(note.primary, r->primary, sizeof(note.primary));
	note_add(&note, m->domain, m->severity, m->since_ms, "");
	for (size_t k = 0; k < st->conf->nreceivers; k++) {
		c = &st->conf->receiver[k];
		if (c->type != RECEIVER_ALERTMANAGER &&
		    memory_tells(a, c, m->severity))
			outbox_take(&st->m->outbox, c->name,
			    host[0] != '\0' ? host : st->conf->hostname, &note,
			    st->now);
	}
	note_fini(&note);
}

/* A domain that is in no configuration any more is reported for the last
 * time. */
static bool
take_over(void *arg, const struct incident *r, const struct incident_member *m)
{
	const struct snap_domain *d = NULL;
	struct step *st = arg;
	bool gone = false;

	if (!is_shared(r->kind) || !st->conf->alert[r->kind].enabled)
		return true; /* no other node would resolve it */
	if (alert_scope(r->kind) == ALERT_SCOPE_DOMAIN) {
		d = snapshot_find(st->s, m->domain);
		gone = config_settings(st->conf, m->domain) == NULL;
		if (d == NULL && !gone)
			return false; /* it is not shown yet, after a start */
	}
	if (gone ? !st->s->cluster.speaks : !voice_tells(st->s, r->kind, d))
		return false;
	take_entries(st, r, m);
	take_instance(st, r, m);
	if (gone)
		memory_drop(st,
		    instance_find(&st->m->instances, r->kind, m->domain));
	return true;
}

/* Without the engine each node reports what it sees, and takes over nothing. */
void
share_take(struct step *st)
{
	const struct snap_cluster *c = &st->s->cluster;
	struct incidents *x = &st->m->incidents;

	(void)strlcpy(x->node, c->on ? c->node : "", sizeof(x->node));
	if (c->on && c->away_ms == 0 && !c->fenced)
		incidents_take(x, take_over, st);
}
