/* SPDX-License-Identifier: ISC
 * verb_maintenance: orders, ends and lists maintenance windows. Loop thread. */
#include <inttypes.h>
#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/mem.h"
#include "control/audit.h"
#include "control/verbs.h"
#include "net/addr.h"
#include "net/route.h"

#define LABEL_MAX (TEXT_DOMAIN_MAX + 8)
#define LENGTH_MAX                                                             \
	(INT64_C(366) * 24 * 3600) /* a longer one is not maintenance */

/* The window of a request, while it is read. */
struct window_order {
	struct control_maintenance m;
	char subject[LABEL_MAX];
};

/* ---- the request */

/* The label of a primary; false: not a valid one. */
static bool
as_label(const char *text, char dst[LABEL_MAX])
{
	char host[TEXT_DOMAIN_MAX];
	uint16_t port;

	if (addr_split_host(text, host, &port, 25) != 0)
		return false;
	route_label(host, port, dst);
	return true;
}

/* A name with a port, or in brackets, is not a domain. */
static bool
take_subject(struct call *c, struct window_order *o)
{
	const char *text = json_get_text(c->request, "subject");
	bool plain = strpbrk(text, ":[") == NULL, known = false;
	struct snapshot *s;

	if (plain && text_domain(text, strlen(text), o->subject) == 0) {
		s = call_ops(c)->snapshot(call_ops(c)->arg, o->subject);
		known = snapshot_find(s, o->subject) != NULL;
		snapshot_unref(&s);
	}
	if (!known && as_label(text, o->subject)) {
		s = call_ops(c)->snapshot(call_ops(c)->arg, o->subject);
		known = snapshot_server(s, o->subject) != NULL;
		snapshot_unref(&s);
		o->m.is_primary = true;
	}
	if (!known)
		call_fail(c, CONTROL_FAILED,
		    "\"%.100s\" is neither a domain nor a primary of one; "
		    "`mxwatchctl status` and `status --primaries` list them",
		    text);
	o->m.subject = o->subject;
	return known;
}

static bool
take_time(struct call *c, const char *field, int64_t now, int64_t *wall)
{
	const char *text = json_get_text(c->request, field);

	if (calendar_time(text, now, wall) == 0)
		return true;
	call_fail(c, CONTROL_REFUSED,
	    "--%s \"%.60s\" is not a time; write it like \"2026-12-01 02:00\" "
	    "(in the time zone of the server), \"2026-12-01T02:00:00Z\", "
	    "\"+2h\" (from now) or \"now\"",
	    field, text);
	return false;
}

static bool
take_length(struct call *c, struct window_order *o)
{
	const char *text = json_get_text(c->request, "for");
	int64_t ms;

	if (text_duration(text, &ms) != 0 || ms < 1000 ||
	    ms / 1000 > LENGTH_MAX) {
		call_fail(c, CONTROL_REFUSED,
		    "--for \"%.60s\" is not a time of up to 366 days; write a "
		    "number with a unit, such as 2h",
		    text);
		return false;
	}
	o->m.until = o->m.from + ms / 1000;
	return true;
}

static bool
take_times(struct call *c, struct window_order *o)
{
	int64_t now = clock_wall();
	const char *wrong = NULL;

	o->m.from = now;
	if ((c->fields & FIELD_FROM) != 0 &&
	    !take_time(c, "from", now, &o->m.from))
		return false;
	if ((c->fields & FIELD_FOR) != 0 ?
		!take_length(c, o) :
		!take_time(c, "until", now, &o->m.until))
		return false;
	if (o->m.until <= o->m.from)
		wrong = "end before it begins";
	else if (o->m.until <= now)
		wrong = "already be over";
	else if (o->m.until - o->m.from > LENGTH_MAX ||
	    o->m.from - now > LENGTH_MAX)
		wrong = "begin in, or last, more than 366 days";
	if (wrong != NULL)
		call_fail(c, CONTROL_REFUSED,
		    "the window would %s; --until takes a time, --for a "
		    "duration",
		    wrong);
	return wrong == NULL;
}

/* ---- order, end, list */

static void
order(struct call *c)
{
	const struct control_maintenance_ops *ops = &call_ops(c)->maintenance;
	struct window_order o = { .m = { .uid = (int)c->uid } };
	uint64_t id = 0;
	cJSON *more;
	int rc;

	o.m.reason = json_get_text(c->request, "reason");
	o.m.hold = (c->fields & FIELD_HOLD) != 0;
	if (strlen(o.m.reason) > CONTROL_REASON_MAX) {
		call_fail(c, CONTROL_REFUSED,
		    "--reason is longer than %d characters",
		    CONTROL_REASON_MAX);
		return;
	}
	if (!take_times(c, &o) || !take_subject(c, &o))
		return;
	rc = ops->add(ops->arg, &o.m, &id);
	audit_about(c, o.subject);
	if (rc == -MX_EFULL) {
		call_fail(c, CONTROL_FAILED,
		    "too many windows; end some, or raise maintenance_max");
		return;
	}
	if (rc != 0) {
		call_fail(c, CONTROL_FAILED, "%s", mx_strerror(rc));
		return;
	}
	more = json_object();
	json_num(more, "id", (double)id);
	json_time(more, "from", o.m.from);
	json_time(more, "until", o.m.until);
	call_done(c, CONTROL_OK, more);
}

static void
end(struct call *c)
{
	const struct control_maintenance_ops *ops = &call_ops(c)->maintenance;
	const char *which = json_get_text(c->request, "end");
	int rc = ops->end(ops->arg, which);
	cJSON *more;

	audit_about(c, which);
	if (rc == -MX_EBUSY)
		call_fail(c, CONTROL_FAILED,
		    "\"%.100s\" is not active now; its schedule is in the "
		    "configuration",
		    which);
	else if (rc != 0)
		call_fail(c, CONTROL_FAILED,
		    "there is no maintenance window \"%.100s\"", which);
	if (rc != 0)
		return;
	more = json_object();
	json_bool(more, "ended", true);
	call_done(c, CONTROL_OK, more);
}

static void
add_names(cJSON *o, const char *key, const struct strlist *list,
    const char *one)
{
	cJSON *names = json_array(o, key);
	char *clean;

	for (size_t i = 0; list != NULL && i < list->n; i++)
		json_push(names, cJSON_CreateString(list->s[i]));
	if (one == NULL || *one == '\0')
		return;
	clean = json_clean(one);
	json_push(names, cJSON_CreateString(clean));
	mem_free(&clean);
}

static void
send_window(const struct control_maintenance *m, void *arg)
{
	cJSON *o = json_object();

	if (m->id != 0)
		json_num(o, "id", (double)m->id);
	else
		json_null(o, "id");
	json_text_or_null(o, "name", m->name);
	json_text_or_null(o, "every", m->every);
	add_names(o, "domains", m->domains, m->is_primary ? NULL : m->subject);
	add_names(o, "primaries", m->primaries,
	    m->is_primary ? m->subject : NULL);
	json_bool(o, "active", m->active);
	json_time(o, "from", m->from);
	json_time(o, "until", m->until);
	json_bool(o, "hold", m->hold);
	if (m->uid >= 0)
		json_num(o, "uid", (double)m->uid);
	else
		json_null(o, "uid");
	json_text(o, "reason", m->reason);
	call_send(arg, o);
}

void
verb_maintenance(struct call *c)
{
	const struct control_maintenance_ops *ops = &call_ops(c)->maintenance;
	uint64_t given = c->fields &
	    (FIELD_SUBJECT | FIELD_FROM | FIELD_UNTIL | FIELD_FOR | FIELD_HOLD |
		FIELD_END);
	uint64_t last = given & (FIELD_UNTIL | FIELD_FOR);

	if (given == 0) {
		ops->each(ops->arg, send_window, c);
		call_done(c, CONTROL_OK, NULL);
	} else if (given == FIELD_END)
		end(c);
	else if ((given & FIELD_SUBJECT) != 0 && (given & FIELD_END) == 0 &&
	    (last == FIELD_UNTIL || last == FIELD_FOR))
		order(c);
	else
		call_fail(c, CONTROL_REFUSED, "usage: maintenance %s",
		    control_verbs[VERB_maintenance].arguments);
}
