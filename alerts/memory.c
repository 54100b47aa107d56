/* SPDX-License-Identifier: ISC
 * memory: rules -> instances -> groups -> outbox, once a second. An instance
 * that was not evaluated stays unchanged: with many domains a step evaluates
 * only some. */
#include "alerts/memory_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/voice.h"
#include "base/mem.h"

#define FIRING_PER_MS 10 /* so that 50,000 are reported each five seconds */

void
memory_init(struct memory *m)
{
	memset(m, 0, sizeof(*m));
	RB_INIT(&m->instances);
	outbox_init(&m->outbox);
	incidents_init(&m->incidents);
}

void
memory_fini(struct memory *m)
{
	instance_tree_free(&m->instances);
	outbox_fini(&m->outbox);
	incidents_fini(&m->incidents);
	mem_free(&m->silence);
	mem_free(&m->failing);
	config_unref(&m->conf);
	snapshot_unref(&m->seen);
	m->nsilences = m->nfailing = 0;
}

/* ---- receivers that fail */

void
memory_set_failing(struct memory *m, const struct memory_failing *list,
    unsigned n)
{
	bool same = n == m->nfailing;

	for (unsigned i = 0; same && i < n; i++)
		same = list[i].since_ms == m->failing[i].since_ms &&
		    list[i].rejected == m->failing[i].rejected &&
		    strcmp(list[i].receiver, m->failing[i].receiver) == 0;
	if (same)
		return;
	mem_free(&m->failing);
	m->failing = mem_array(n + 1, sizeof(*m->failing));
	if (n > 0)
		memcpy(m->failing, list, n * sizeof(*list));
	m->nfailing = n;
	m->changed = true;
}

const struct memory_failing *
memory_failing(const struct memory *m, const char *receiver)
{
	for (unsigned i = 0; i < m->nfailing; i++)
		if (strcmp(m->failing[i].receiver, receiver) == 0)
			return &m->failing[i];
	return NULL;
}

/* ---- silences */

static bool
matches(const char *match, const struct instance *i)
{
	const char *alert = conf_alert_info[i->kind].name;
	size_t n = strlen(alert);

	if (strcmp(match, alert) == 0)
		return true;
	if (strncmp(match, alert, n) == 0 && match[n] == '/')
		match += n + 1;
	return match[0] != '\0' &&
	    (strcmp(match, i->domain) == 0 || strcmp(match, i->primary) == 0);
}

/* Expiring mail is reported in spite of maintenance. */
static bool
is_of_expiry(const struct instance *i)
{
	return i->kind == ALERT_queue_expiry || i->kind == ALERT_mail_expired ||
	    (i->kind == ALERT_queue_age && i->severity == ALERT_SEV_CRITICAL);
}

/* Facts about one primary, whatever other primaries the domain has. */
static bool
is_of_primary(const struct instance *i)
{
	return i->kind == ALERT_cert_expiry || i->kind == ALERT_probe_finding ||
	    i->kind == ALERT_tls_fallback;
}

static bool
is_maintained(const struct snapshot *s, const struct instance *i)
{
	const struct snap_domain *d;
	const struct snap_server *v;

	if (s == NULL || alert_scope(i->kind) != ALERT_SCOPE_DOMAIN ||
	    is_of_expiry(i))
		return false;
	/* After a start a domain that is not in the snapshot yet may be in a
	 * window. */
	d = snapshot_find(s, i->domain);
	if (d == NULL || d->maintenance.active)
		return true;
	v = is_of_primary(i) ? snapshot_server(s, i->primary) : NULL;
	return v != NULL && v->host.maintenance_until != 0;
}

bool
memory_silenced(const struct memory *m, const struct instance *i, int64_t now)
{
	for (unsigned k = 0; k < m->nsilences; k++)
		if (m->silence[k].until_ms > now &&
		    matches(m->silence[k].match, i))
			return true;
	return is_maintained(m->seen, i);
}

void
memory_silences_over(struct memory *m, int64_t now,
    void (*fn)(uint64_t id, void *arg), void *arg)
{
	unsigned n = 0;

	for (unsigned k = 0; k < m->nsilences; k++) {
		if (m->silence[k].until_ms > now)
			m->silence[n++] = m->silence[k];
		else if (fn != NULL)
			fn(m->silence[k].id, arg);
	}
	m->changed |= n != m->nsilences;
	m->nsilences = n;
}

/* False: too many. */
static bool
silence_push(struct memory *m, const struct silence *s)
{
	if (m->nsilences == SILENCE_MAX)
		return false;
	m->silence =
	    mem_grow(m->silence, m->nsilences + 1, sizeof(*m->silence));
	m->silence[m->nsilences++] = *s;
	if (s->id > m->last_silence)
		m->last_silence = s->id;
	m->changed = true;
	return true;
}

const struct silence *
memory_silence_find(const struct memory *m, uint64_t id)
{
	for (unsigned k = 0; k < m->nsilences; k++)
		if (m->silence[k].id == id)
			return &m->silence[k];
	return NULL;
}

bool
memory_silence_add(struct memory *m, const struct silence *s, int64_t now)
{
	return s->until_ms > now && memory_silence_find(m, s->id) == NULL &&
	    silence_push(m, s);
}

/* Nodes of a cluster use disjoint ids: the remainder is the node's number. */
static uint64_t
next_id(const struct memory *m)
{
	uint64_t id = m->last_silence + 1;

	if (m->node != 0)
		id += (SILENCE_NODES + m->node - id % SILENCE_NODES) %
		    SILENCE_NODES;
	return id;
}

uint64_t
memory_silence(struct memory *m, const char *match, int64_t now,
    int64_t until_ms, const char *reason)
{
	struct silence s = { .id = next_id(m),
		.from_ms = now,
		.until_ms = until_ms };

	if (m->node == 0)
		memory_silences_over(m, now, NULL, NULL);
	(void)strlcpy(s.match, match, sizeof(s.match));
	(void)strlcpy(s.reason, reason, sizeof(s.reason));
	return silence_push(m, &s) ? s.id : 0;
}

bool
memory_unsilence(struct memory *m, uint64_t id)
{
	for (unsigned k = 0; k < m->nsilences; k++) {
		if (m->silence[k].id != id)
			continue;
		memmove(&m->silence[k], &m->silence[k + 1],
		    (m->nsilences - k - 1) * sizeof(*m->silence));
		m->nsilences--;
		m->changed = true;
		return true;
	}
	return false;
}

/* ---- acknowledgements */

unsigned
memory_ack(struct memory *m, const char *match, const char *by)
{
	struct instance *i;
	unsigned n = 0;

	RB_FOREACH (i, instance_tree, &m->instances) {
		if (i->state != INSTANCE_FIRING || !matches(match, i))
			continue;
		i->acked = i->severity;
		text_cut(i->acked_by, sizeof(i->acked_by), by);
		text_ascii(i->acked_by);
		n++;
	}
	m->changed |= n > 0;
	return n;
}

/* ---- instances */

static bool
is_active(const struct instance *i)
{
	return i->state == INSTANCE_PENDING || i->state == INSTANCE_FIRING;
}

void
memory_drop(struct step *st, struct instance *i)
{
	if (!is_active(i))
		return;
	st->changed = true;
	instance_drop(i, st->now);
}

/* The notice of a primary that goes up and down covers this: it says how often.
 * An alert that was already sent goes on. */
static bool
is_told_by_another(struct memory *m, enum alert_kind kind, const char *domain)
{
	struct instance *down;

	if (kind != ALERT_primary_flapping)
		return false;
	down = instance_find(&m->instances, ALERT_primary_down, domain);
	return down != NULL && down->state == INSTANCE_FIRING;
}

static bool
on_value(enum alert_kind kind, const char *domain, const struct rule_value *v,
    void *arg)
{
	struct step *st = arg;
	const struct conf_alert *c = &st->conf->alert[kind];
	struct instance *i = instance_find(&st->m->instances, kind, domain);
	bool told;

	if (v == NULL) {
		if (i != NULL)
			memory_drop(st, i);
		return false;
	}
	if (v->told_by_another) {
		if (i != NULL)
			share_forget(st, i);
		return false;
	}
	if (i == NULL && is_told_by_another(st->m, kind, domain))
		return false;
	/* The usual case: nothing is wrong with the domain. */
	if (i == NULL &&
	    (!v->known ||
		instance_level(c, kind, v, ALERT_SEV_NONE) == ALERT_SEV_NONE))
		return false;
	if (i == NULL)
		i = instance_get(&st->m->instances, kind, domain);
	told = i->state == INSTANCE_FIRING;
	if (instance_feed(i, c, v, st->now)) {
		st->changed = true;
		told |= i->state == INSTANCE_FIRING;
		if (told && st->m->on_change != NULL)
			st->m->on_change(i, st->m->change_arg);
	}
	return is_active(i);
}

/* A list that is no longer asked has no alert. Checked each time, since the
 * configuration may be a snapshot ahead of what the rules see. */
static void
drop_lists(struct step *st, const struct snapshot *s)
{
	struct instance *i;
	unsigned k;

	RB_FOREACH (i, instance_tree, &st->m->instances) {
		if (alert_scope(i->kind) != ALERT_SCOPE_LIST)
			continue;
		for (k = 0; k < s->ndnsbls; k++)
			if (strcmp(s->dnsbl[k].zone, i->domain) == 0)
				break;
		if (k == s->ndnsbls)
			memory_drop(st, i);
	}
}

/* Instances that no rule evaluates any more: their alert or domain left the
 * configuration. */
static void
drop_unconfigured(struct step *st)
{
	struct memory *m = st->m;
	struct instance *i;

	if (m->conf == st->conf)
		return;
	RB_FOREACH (i, instance_tree, &m->instances)
		if (!st->conf->alert[i->kind].enabled ||
		    (alert_scope(i->kind) == ALERT_SCOPE_DOMAIN &&
			config_settings(st->conf, i->domain) == NULL))
			memory_drop(st, i);
	config_unref(&m->conf);
	m->conf = config_ref((struct config *)(uintptr_t)st->conf);
}

static void
clean(struct step *st)
{
	struct instance *i, *next;

	RB_FOREACH_SAFE (i, instance_tree, &st->m->instances, next) {
		if (!instance_is_over(i, st->now))
			continue;
		st->changed |= i->state == INSTANCE_RESOLVED;
		RB_REMOVE(instance_tree, &st->m->instances, i);
		mem_free(&i);
	}
}

/* ---- groups */

static int
compare_group(const void *va, const void *vb)
{
	const struct instance *a = *(struct instance *const *)va;
	const struct instance *b = *(struct instance *const *)vb;
	int rc;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	rc = strcmp(group_of(a), group_of(b));
	return rc != 0 ? rc : strcmp(a->domain, b->domain);
}

bool
memory_tells(const struct conf_alert *a, const struct conf_receiver *r,
    enum alert_severity severity)
{
	if (r->severity == CONF_CRITICAL && severity < ALERT_SEV_CRITICAL)
		return false;
	if (a->everybody)
		return true;
	for (size_t i = 0; i < a->receivers.n; i++)
		if (strcmp(a->receivers.s[i], r->name) == 0)
			return true;
	return false;
}

static void
tell(struct step *st, const struct note *note, bool quiet,
    const struct rules_self *self)
{
	const struct conf_alert *a = &st->conf->alert[note->kind];
	const struct conf_receiver *r;
	struct outbox_pace pace;
	const char *name = voice_of(note->kind) == VOICE_NODE ?
	    st->m->instance :
	    st->m->shared_instance;

	for (size_t i = 0; i < st->conf->nreceivers; i++) {
		r = &st->conf->receiver[i];
		if (r->type == RECEIVER_ALERTMANAGER ||
		    !memory_tells(a, r, note->severity))
			continue;
		/* The receiver that fails cannot be told about itself. */
		if (note->kind == ALERT_notifier_failing &&
		    strcmp(r->name, self->failing) == 0)
			continue;
		pace = (struct outbox_pace){ r->group_wait_ms,
			r->group_interval_ms,
			a->repeat_ms > 0 ? a->repeat_ms : r->repeat_ms };
		outbox_fire(&st->m->outbox, r->name,
		    name[0] != '\0' ? name : st->conf->hostname, note, &pace,
		    quiet, st->now);
	}
}

/* Nothing is begun by an instance that is silenced, acknowledged, well just
 * now, or from before a restart and not confirmed since. */
static bool
is_quiet(const struct instance *i, bool silenced)
{
	return silenced || instance_is_held(i) || instance_is_acked(i) ||
	    !i->confirmed;
}

static void
tell_group(struct step *st, struct instance *const *list, size_t n,
    const struct rules_self *self)
{
	struct note note = { .kind = list[0]->kind };
	bool quiet = true, *silenced = mem_array(n, sizeof(*silenced));
	const struct snap_domain *d;

	(void)strlcpy(note.group, group_of(list[0]), sizeof(note.group));
	(void)strlcpy(note.primary, list[0]->primary, sizeof(note.primary));
	for (size_t i = 0; i < n; i++) {
		silenced[i] = memory_silenced(st->m, list[i], st->now);
		list[i]->audible |= !silenced[i];
		quiet &= is_quiet(list[i], silenced[i]);
	}
	/* A silenced member is included only if the whole group is silenced:
	 * what was sent stays, and nothing new is sent about it. */
	for (size_t i = 0; i < n; i++) {
		if (silenced[i] && !quiet)
			continue;
		note_add_instance(&note, list[i]);
		d = snapshot_find(st->s, list[i]->domain);
		if (d != NULL && d->ours && st->s->indexed)
			note_add_queue(&note, d);
	}
	tell(st, &note, quiet, self);
	note_fini(&note);
	mem_free(&silenced);
}

/* Sorting and reporting tens of thousands takes a tenth of a second: then not
 * each second. */
static bool
is_told_of_lately(const struct step *st)
{
	int64_t ago = st->now - st->m->told_ms;

	return ago >= 0 && ago < st->m->nfiring / FIRING_PER_MS;
}

static void
tell_all(struct step *st, const struct rules_self *self)
{
	struct instance **list, *i;
	size_t n = 0, a, b;

	if (is_told_of_lately(st))
		return;
	RB_FOREACH (i, instance_tree, &st->m->instances)
		n += i->state == INSTANCE_FIRING;
	list = mem_array(n + 1, sizeof(struct instance *));
	n = 0;
	RB_FOREACH (i, instance_tree, &st->m->instances)
		if (i->state == INSTANCE_FIRING)
			list[n++] = i;
	qsort(list, n, sizeof(struct instance *), compare_group);
	share_begin(st);
	for (a = 0; a < n; a = b) {
		for (b = a + 1; b < n && list[b]->kind == list[a]->kind &&
		     strcmp(group_of(list[a]), group_of(list[b])) == 0;
		     b++)
			;
		tell_group(st, list + a, b - a, self);
		share_group(st, list + a, b - a);
	}
	share_hold(st);
	outbox_sweep(&st->m->outbox, st->now);
	share_end(st);
	st->m->told_ms = st->now;
	st->m->nfiring = (unsigned)n;
	mem_free(&list);
}

/* Drops entries of a receiver that was removed, or has another type now. */
static void
forget_receivers(struct step *st)
{
	struct outbox_entry *e, *next;
	size_t i;

	RB_FOREACH_SAFE (e, outbox_tree, &st->m->outbox.tree, next) {
		for (i = 0; i < st->conf->nreceivers; i++)
			if (st->conf->receiver[i].type !=
				RECEIVER_ALERTMANAGER &&
			    strcmp(st->conf->receiver[i].name, e->receiver) ==
				0)
				break;
		if (i == st->conf->nreceivers)
			outbox_remove(&st->m->outbox, e);
	}
}

bool
memory_step(struct memory *m, struct rules *rules, const struct config *conf,
    const struct snapshot *s, const struct rules_self *self, int64_t now)
{
	struct step st = { m, conf, s, now, false };

	snapshot_unref(&m->seen);
	m->seen = snapshot_ref((struct snapshot *)(uintptr_t)s);
	if (m->node == 0) /* in a cluster all nodes have to be told */
		memory_silences_over(m, now, NULL, NULL);
	share_take(&st);
	rules_eval(rules, conf, s, self, now, on_value, &st);
	drop_lists(&st, s);
	drop_unconfigured(&st);
	clean(&st);
	forget_receivers(&st);
	tell_all(&st, self);
	m->changed |= st.changed;
	return st.changed;
}
