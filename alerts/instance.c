/* SPDX-License-Identifier: ISC
 * instance: the state machine. Hysteresis: a value that exceeded a threshold is
 * below it again only a tenth lower, and has to stay below `warn` for
 * `clear`. */
#include "alerts/instance.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define HYSTERESIS 0.1

static int
instance_compare(const struct instance *a, const struct instance *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return strcmp(a->domain, b->domain);
}

RB_GENERATE(instance_tree, instance, link, instance_compare)

struct instance *
instance_find(struct instance_tree *tree, enum alert_kind kind,
    const char *domain)
{
	struct instance key;

	key.kind = kind;
	(void)strlcpy(key.domain, domain, sizeof(key.domain));
	return RB_FIND(instance_tree, tree, &key);
}

struct instance *
instance_get(struct instance_tree *tree, enum alert_kind kind,
    const char *domain)
{
	struct instance *i = instance_find(tree, kind, domain);

	if (i == NULL) {
		i = mem_alloc(sizeof(*i));
		i->kind = kind;
		(void)strlcpy(i->domain, domain, sizeof(i->domain));
		RB_INSERT(instance_tree, tree, i);
	}
	return i;
}

void
instance_tree_free(struct instance_tree *tree)
{
	struct instance *i;

	while ((i = RB_MIN(instance_tree, tree)) != NULL) {
		RB_REMOVE(instance_tree, tree, i);
		mem_free(&i);
	}
}

const char *
instance_state_name(enum instance_state state)
{
	static const char *const names[] = { "inactive", "pending", "firing",
		"resolved" };

	return names[state];
}

const char *
severity_name(enum alert_severity severity)
{
	static const char *const names[] = { "none", "warning", "critical" };

	return names[severity];
}

/* Is the value at or over the threshold? `there`: it was before. */
static bool
over(const struct conf_threshold *t, enum alert_worse worse,
    const struct rule_value *v, bool there)
{
	double value = t->unit == ALERT_UNIT_PERCENT ? v->percent : v->value;
	double limit = t->value;

	if (t->unit == ALERT_UNIT_NONE)
		return false;
	if (worse == ALERT_WORSE_HIGH) {
		if (there)
			limit -= limit * HYSTERESIS;
		return value > 0 && value >= limit;
	}
	if (there)
		limit += limit * HYSTERESIS;
	return value <= limit;
}

enum alert_severity
instance_level(const struct conf_alert *c, enum alert_kind kind,
    const struct rule_value *v, enum alert_severity before)
{
	enum alert_worse worse = conf_alert_info[kind].worse;
	enum alert_severity level = ALERT_SEV_NONE;

	if (v->safe)
		return ALERT_SEV_NONE;
	if (over(&c->crit, worse, v, before == ALERT_SEV_CRITICAL))
		level = ALERT_SEV_CRITICAL;
	else if (over(&c->warn, worse, v, before != ALERT_SEV_NONE))
		level = ALERT_SEV_WARNING;
	return level > v->least ? level : v->least;
}

static void
set_severity(struct instance *i, enum alert_severity severity, int64_t now)
{
	if (i->state == INSTANCE_FIRING && i->severity != severity) {
		i->was = i->severity;
		i->was_ms = now;
	}
	i->severity = severity;
}

static int64_t
began(const struct rule_value *v, int64_t now)
{
	return v->since_ms > 0 && v->since_ms < now ? v->since_ms : now;
}

static void
begin(struct instance *i, const struct rule_value *v, int64_t now)
{
	/* An alert that comes back after it was resolved is a new one. */
	if (i->state == INSTANCE_RESOLVED)
		i->flaps++;
	i->state = INSTANCE_PENDING;
	i->start_ms = now;
	i->since_ms = i->spell_ms = began(v, now);
	i->fired_ms = i->end_ms = i->over_ms = i->clear_ms = 0;
	i->times = 1;
	i->audible = false;
	i->am_told = i->am_over = 0;
	i->acked = ALERT_SEV_NONE;
	i->acked_by[0] = '\0';
	i->was = ALERT_SEV_NONE;
}

/* It is, or may be, bad again after having been well. */
static void
come_back(struct instance *i, const struct rule_value *v, int64_t now)
{
	if (i->clear_ms == 0)
		return;
	i->clear_ms = 0;
	i->spell_ms = began(v, now);
	i->times++;
	i->flaps++;
}

static void
end(struct instance *i, int64_t now)
{
	i->state = INSTANCE_RESOLVED;
	i->end_ms = i->clear_ms != 0 ? i->clear_ms : now;
	i->over_ms = now;
	i->clear_ms = 0;
}

int64_t
instance_hold_ms(const struct instance *i, const struct conf_alert *c)
{
	int64_t ms = c->clear_ms;

	if (ms == 0 || ms >= INSTANCE_HOLD_MAX_MS)
		return ms;
	for (unsigned n = 0; n < i->flaps && ms < INSTANCE_HOLD_MAX_MS; n++)
		ms *= 2;
	return ms < INSTANCE_HOLD_MAX_MS ? ms : INSTANCE_HOLD_MAX_MS;
}

static void
say(struct instance *i, const struct rule_value *v)
{
	char since[40], times[80] = "";

	if (i->times > 1)
		snprintf(times, sizeof(times), "; %u times since %s", i->times,
		    text_date_3339(i->since_ms / 1000, since, sizeof(since)));
	text_cut(i->summary, sizeof(i->summary) - strlen(times), v->summary);
	(void)strlcat(i->summary, times, sizeof(i->summary));
}

static bool
feed_over(struct instance *i, const struct conf_alert *c,
    const struct rule_value *v, int64_t now)
{
	if (i->state == INSTANCE_PENDING) {
		i->state = INSTANCE_INACTIVE;
		return true;
	}
	if (i->state != INSTANCE_FIRING || !v->may_clear)
		return false;
	if (i->clear_ms == 0) {
		i->clear_ms = now;
		/* It has not flapped for this long. */
		if (now - i->spell_ms >= INSTANCE_KEEP_MS)
			i->flaps = 0;
	} else if (i->clear_ms > now) /* the clock was set back */
		i->clear_ms = now;
	if (now - i->clear_ms < instance_hold_ms(i, c))
		return false;
	end(i, now);
	return true;
}

/* A statement that begins nothing and worsens nothing. */
static void
feed_keeps(struct instance *i, const struct rule_value *v, int64_t now)
{
	if (i->state != INSTANCE_FIRING)
		return;
	come_back(i, v, now);
	say(i, v);
}

/* An alert lasts since it was last well, even if the rule sees a new beginning
 * after a restart of the watchdog. */
static struct rule_value
lasting(const struct instance *i, const struct rule_value *v, int64_t now)
{
	struct rule_value w = *v;

	if (v->sticky && i->clear_ms == 0 && v->value > 0 &&
	    now > i->spell_ms && (double)(now - i->spell_ms) > v->value)
		w.value = (double)(now - i->spell_ms);
	return w;
}

bool
instance_feed(struct instance *i, const struct conf_alert *c,
    const struct rule_value *given, int64_t now)
{
	enum instance_state state = i->state;
	enum alert_severity severity = i->severity, before, level;
	bool active = state == INSTANCE_PENDING || state == INSTANCE_FIRING;
	struct rule_value v = active ? lasting(i, given, now) : *given;

	if (!v.known)
		return false;
	i->confirmed = true;
	if (v.keeps) {
		feed_keeps(i, &v, now);
		return false;
	}
	before = active ? i->severity : ALERT_SEV_NONE;
	level = instance_level(c, i->kind, &v, before);
	if (level == ALERT_SEV_NONE)
		return feed_over(i, c, &v, now);
	if (!active)
		begin(i, &v, now);
	come_back(i, &v, now);
	if (level < before && (v.sticky || !v.may_clear))
		level = before;
	set_severity(i, level, now);
	say(i, &v);
	/* Its group is fixed when it begins. */
	if (i->state == INSTANCE_PENDING)
		(void)strlcpy(i->primary, v.primary, sizeof(i->primary));
	if (i->start_ms > now) /* the clock was set back */
		i->start_ms = now;
	if (i->state == INSTANCE_PENDING && now - i->start_ms >= c->for_ms) {
		i->state = INSTANCE_FIRING;
		i->fired_ms = now;
	}
	return i->state != state || i->severity != severity;
}

void
instance_drop(struct instance *i, int64_t now)
{
	if (i->state == INSTANCE_PENDING)
		i->state = INSTANCE_INACTIVE;
	else if (i->state == INSTANCE_FIRING)
		end(i, now);
}

bool
instance_is_over(const struct instance *i, int64_t now)
{
	return i->state == INSTANCE_INACTIVE ||
	    (i->state == INSTANCE_RESOLVED &&
		(now - i->over_ms >= INSTANCE_KEEP_MS || now < i->over_ms));
}
