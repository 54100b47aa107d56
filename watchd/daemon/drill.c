/* SPDX-License-Identifier: ISC
 * drill: the environment of drills (drill/drill.h), and their operations for
 * the control socket. The store has "drill/DOMAIN" (drill/record.h). */
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon_int.h"
#include "daemon/domains.h"
#include "daemon/maintained.h"

#define PREFIX "drill/"

/* ---- for the drills */

static bool
on_ours(void *arg, const char *domain)
{
	struct daemon *d = arg;

	return d->cluster == NULL || cluster_is_ours(d->cluster, domain);
}

/* The state of its first primary, as the last snapshot has it. */
static void
say_state(const struct daemon *d, const char *domain, char *dst, size_t size)
{
	const struct snap_list *list = domains_list(d->domains);
	const struct snap_domain *s;
	char since[32];
	bool found;
	unsigned i = snap_list_place(list, domain, &found);

	if (!found) {
		(void)strlcpy(dst, "its primary was not probed yet", size);
		return;
	}
	s = snap_list_at(list, i);
	(void)snprintf(dst, size, "%s has been %s since %s%s%s",
	    s->nprimaries == 1 ? s->primary[0].label : domain, s->state_name,
	    calendar_time_fmt(s->state_since, since, sizeof(since)),
	    s->cause[0] != '\0' ? ": " : "", s->cause);
}

static bool
obstacle(void *arg, const char *domain, char *dst, size_t size)
{
	struct daemon *d = arg;
	enum health_state state = watch_state(d->watch, domain);
	struct relay_domain rd;

	d->relay->domain(d->relay->self, domain, &rd);
	if (rd.on_hold)
		(void)strlcpy(dst, "the domain is on hold", size);
	else if (maintained_holds(d, domain))
		(void)strlcpy(dst, "a maintenance window holds its mail", size);
	else if (rd.broken)
		(void)snprintf(dst, size, "its breaker has tripped: %s",
		    rd.broken_reply);
	else if (maintained_gate(d, domain, state) == GATE_OPEN)
		return false;
	else
		say_state(d, domain, dst, size);
	return true;
}

static bool
on_may_begin(void *arg, const char *domain)
{
	struct daemon *d = arg;
	enum health_state state = watch_state(d->watch, domain);
	struct maintenance_view v;
	char why[DRILL_TEXT_MAX];

	return !d->draining && !queue_loading(d->queue) &&
	    (state == HEALTH_UP || state == HEALTH_DISABLED) &&
	    !maintained_domain(d, domain, &v) &&
	    !obstacle(d, domain, why, sizeof(why));
}

static void
on_stored(void *arg, uint64_t token, int rc)
{
	(void)arg;
	(void)token;
	if (rc != 0)
		log_warn("drill",
		    "problem=\"what became of it is not stored: a restart "
		    "forgets it\" error=%s",
		    log_q(mx_strerror(rc)));
}

static void
on_put(void *arg, const char *domain, const void *data, size_t len)
{
	struct daemon *d = arg;
	char key[sizeof(PREFIX) + TEXT_DOMAIN_MAX];

	(void)snprintf(key, sizeof(key), PREFIX "%s", domain);
	store_state_put(d->store, key, data, len, on_stored, d, 0);
}

static int
on_remove(void *arg, uint64_t id)
{
	struct daemon *d = arg;
	struct relay_ordered ordered = { 0 };

	if (queue_loading(d->queue))
		return -MX_EBUSY;
	return d->relay->remove(d->relay->self, id, true, true, &ordered);
}

static void
on_changed(void *arg, const char *domain, enum drill_change what,
    const struct drill_record *r)
{
	struct daemon *d = arg;
	char text[DRILL_TEXT_MAX + 16];

	stats_touch(d->stats, domain);
	if (what == DRILL_READ)
		return;
	(void)snprintf(text, sizeof(text), "%s%s",
	    what == DRILL_BEGAN ? "a drill begins" :
		r->ok		? "delivered: " :
				  "failed: ",
	    what == DRILL_BEGAN ? "" : r->text);
	daemon_event_drill(d, domain, text);
}

void
daemon_drill_create(struct daemon *d)
{
	const struct drill_ops ops = { .ours = on_ours,
		.may_begin = on_may_begin,
		.obstacle = obstacle,
		.put = on_put,
		.remove = on_remove,
		.changed = on_changed,
		.arg = d };

	d->drills = drill_create(&d->reach, &ops);
}

static void
load_one(void *arg, const char *key, const void *data, size_t len)
{
	struct daemon *d = arg;
	const char *domain = key + strlen(PREFIX);

	if (config_settings(d->conf, domain) != NULL)
		drill_told(d->drills, domain, data, len);
	else
		on_put(d, domain, "", 0); /* it left while nothing was queued */
}

void
daemon_drill_load(struct daemon *d)
{
	store_state_each(d->store, PREFIX, load_one, d);
}

bool
daemon_drill_told(struct daemon *d, const char *key, const void *data,
    size_t len)
{
	if (strncmp(key, PREFIX, strlen(PREFIX)) != 0)
		return false;
	if (config_settings(d->conf, key + strlen(PREFIX)) != NULL)
		drill_told(d->drills, key + strlen(PREFIX), data, len);
	return true;
}

/* ---- from smtpd, deliver and queue; the drills end before those */

bool
daemon_drill_is_marked(void *arg, const char *envid)
{
	struct daemon *d = arg;

	return d->drills != NULL && drill_is_marked(d->drills, envid);
}

void
daemon_drill_queued(void *arg, const char *envid, uint64_t id)
{
	struct daemon *d = arg;

	if (d->drills != NULL)
		drill_queued(d->drills, envid, id);
}

/* A drill has one recipient, whose reply is that of the message unless it has
 * one of its own. */
void
daemon_drill_tried(void *arg, const struct envelope *env,
    const struct mail_log_attempt *a)
{
	struct daemon *d = arg;
	const struct rcpt *r = env->rcpts;
	const char *reply = r->changed ? r->reply : a->reply;
	struct drill_step s = { .outcome = r->state == RCPT_DELIVERED ?
		    DRILL_OK :
		    r->state == RCPT_PENDING ? DRILL_DEFERRED :
					       DRILL_FAILED,
		.tls_by = a->tls_by,
		.code = r->changed ? r->code : a->code };

	if (d->drills == NULL)
		return;
	(void)strlcpy(s.host, a->nexthop, sizeof(s.host));
	(void)strlcpy(s.addr, a->addr, sizeof(s.addr));
	if (a->tls != NULL)
		(void)strlcpy(s.tls, a->tls, sizeof(s.tls));
	if (reply == NULL || *reply == '\0')
		reply = a->note;
	(void)text_cut(s.text, sizeof(s.text), reply);
	drill_tried(d->drills, env->domain, env->id, &s);
}

void
daemon_drill_over(void *arg, const struct envelope *env)
{
	static const char *const why[] = { [RCPT_PENDING] = "removed",
		[RCPT_DELIVERED] = "",
		[RCPT_FAILED] = "refused",
		[RCPT_EXPIRED] = "expired" };
	struct daemon *d = arg;
	uint8_t state = env->rcpts[0].state;

	if (d->drills != NULL)
		drill_over(d->drills, env->domain, env->id,
		    state == RCPT_DELIVERED, why[state]);
}

/* ---- for the control socket */

static int
op_start(void *arg, const char *domain, const char *recipient, uint64_t *number)
{
	struct daemon *d = arg;
	const struct conf_domain *cd = config_settings(d->conf, domain);

	return drill_start(d->drills, cd != NULL ? cd : &d->conf->defaults,
	    domain, recipient, number);
}

static bool
op_step(void *arg, uint64_t number, unsigned i, struct drill_step *s)
{
	struct daemon *d = arg;

	return drill_step(d->drills, number, i, s);
}

static int
op_look(void *arg, uint64_t number, struct drill_view *v)
{
	struct daemon *d = arg;

	return drill_look(d->drills, number, v);
}

const struct control_drill_ops daemon_drill_ops = {
	.start = op_start,
	.step = op_step,
	.look = op_look,
	.obstacle = obstacle,
};
