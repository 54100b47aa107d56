/* SPDX-License-Identifier: ISC
 * verb_redirect: orders, ends and lists redirects (config/redirect.h). The
 * answer to an order comes when it is durable and in force. Loop thread. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/audit.h"
#include "control/verbs.h"

#define LENGTH_MAX_MS (INT64_C(366) * 24 * 3600 * 1000)

/* call.work is the redirect that is ordered; NULL: one ends. */
static void
work_free(void *work)
{
	struct redirect *r = work;

	redirect_unref(&r);
}

/* ---- the request */

static bool
take_length(struct call *c, int64_t now, int64_t *until)
{
	const char *text = json_get_text(c->request, "for");
	int64_t ms;

	*until = 0;
	if ((c->fields & FIELD_FOR) == 0)
		return true;
	if (text_duration(text, &ms) != 0 || ms < 1000 || ms > LENGTH_MAX_MS) {
		call_fail(c, CONTROL_REFUSED,
		    "--for \"%.60s\" is not a time of up to 366 days; write a "
		    "number with a unit, such as 7d",
		    text);
		return false;
	}
	*until = now + ms / 1000;
	return true;
}

/* The hosts of "mx9.example.net:2525,mx10.example.net". NULL: the call has
 * failed. */
static struct redirect *
take_hosts(struct call *c)
{
	char *text = mem_strdup(json_get_text(c->request, "to")), *rest = text;
	char *host[REDIRECT_HOSTS_MAX + 1];
	struct mx_errbuf eb = { "" };
	struct redirect *r;
	size_t n = 0;

	while (rest != NULL && n < MX_COUNT(host))
		host[n++] = strsep(&rest, ",");
	r = redirect_create(c->domain, host, n, &eb);
	if (r == NULL)
		call_fail(c, CONTROL_REFUSED, "%s", eb.text);
	mem_free(&text);
	return r;
}

/* ---- the answer */

static void
add_hosts(cJSON *o, const char *key, const struct strlist *hosts)
{
	cJSON *list;

	if (hosts == NULL) {
		json_null(o, key);
		return;
	}
	list = json_array(o, key);
	for (size_t i = 0; i < hosts->n; i++)
		json_push(list, cJSON_CreateString(hosts->s[i]));
}

static void
add_until(cJSON *o, const struct redirect *r)
{
	if (r->until != 0)
		json_time(o, "until", r->until);
	else
		json_null(o, "until");
}

/* In a cluster the node that owns the domain knows what is queued for it. */
static void
add_messages(struct call *c, cJSON *o)
{
	const struct control_ops *ops = call_ops(c);
	struct snapshot *s = ops->snapshot(ops->arg, c->domain);
	const struct snap_domain *d = snapshot_find(s, c->domain);

	if (d != NULL && d->ours)
		json_num(o, "messages", (double)snap_domain_messages(d));
	else
		json_null(o, "messages");
	snapshot_unref(&s);
}

static void
send_doubts(struct call *c, const struct strlist *doubts)
{
	cJSON *o;

	for (size_t i = 0; i < doubts->n; i++) {
		o = json_object();
		json_text(o, "severity", "warning");
		json_text(o, "text", doubts->s[i]);
		call_send(c, o);
	}
}

static void
on_ordered(void *ticket, int rc, const struct control_redirected *said)
{
	struct call *c = call_of_ticket(ticket);
	const struct redirect *r;
	const char *event;
	cJSON *more;

	if (c == NULL)
		return;
	if (rc != 0) {
		call_fail(c,
		    rc == -MX_ESYNTAX || rc == -MX_ENOENT ? CONTROL_REFUSED :
							    CONTROL_FAILED,
		    "%s", said->error);
		return;
	}
	r = c->work;
	send_doubts(c, said->doubts);
	event = call_is_dry(c) ? "dry_run" : r != NULL ? "begin" : "end";
	more = json_object();
	json_text(more, "event", event);
	json_text(more, "domain", c->domain);
	if (r != NULL) {
		add_hosts(more, "to", &r->to);
		add_until(more, r);
	}
	add_hosts(more, "instead_of", said->instead_of);
	add_messages(c, more);
	call_done(c, CONTROL_OK, more);
}

/* ---- order, end, list */

static void
order(struct call *c)
{
	const struct control_redirect_ops *ops = &call_ops(c)->redirect;
	const char *reason = json_get_text(c->request, "reason");
	int64_t now = clock_wall(), until;
	struct redirect *r;

	if (strlen(reason) >= sizeof(r->reason)) {
		call_fail(c, CONTROL_REFUSED,
		    "--reason is longer than %d characters",
		    REDIRECT_REASON_MAX - 1);
		return;
	}
	if (!take_length(c, now, &until) || (r = take_hosts(c)) == NULL)
		return;
	r->since = now;
	r->until = until;
	r->uid = (int)c->uid;
	(void)strlcpy(r->reason, reason, sizeof(r->reason));
	c->work = r;
	c->work_free = work_free;
	ops->order(ops->arg, r, call_is_dry(c), on_ordered, call_ticket(c));
}

static void
end(struct call *c)
{
	const struct control_redirect_ops *ops = &call_ops(c)->redirect;
	const char *which = json_get_text(c->request, "end");

	if (text_domain(which, strlen(which), c->domain) != 0) {
		c->domain[0] = '\0';
		call_fail(c, CONTROL_REFUSED, "\"%.100s\" is not a domain name",
		    which);
		return;
	}
	audit_about(c, c->domain);
	ops->end(ops->arg, c->domain, call_is_dry(c), on_ordered,
	    call_ticket(c));
}

static void
send_redirect(const struct control_redirect *is, void *arg)
{
	const struct redirect *r = is->redirect;
	cJSON *o = json_object();

	json_text(o, "domain", r->domain);
	add_hosts(o, "to", &r->to);
	add_hosts(o, "instead_of", is->instead_of);
	json_bool(o, "in_force", is->in_force);
	json_time(o, "since", r->since);
	add_until(o, r);
	if (r->uid >= 0)
		json_num(o, "uid", (double)r->uid);
	else
		json_null(o, "uid");
	json_text(o, "reason", r->reason);
	call_send(arg, o);
}

void
verb_redirect(struct call *c)
{
	const struct control_redirect_ops *ops = &call_ops(c)->redirect;
	uint64_t given = c->fields & ~FIELD_DRY_RUN;

	if (c->fields == 0) {
		ops->each(ops->arg, send_redirect, c);
		call_done(c, CONTROL_OK, NULL);
	} else if (given == FIELD_END)
		end(c);
	else if ((given & ~FIELD_FOR) == (FIELD_DOMAIN | FIELD_TO))
		order(c);
	else
		call_fail(c, CONTROL_REFUSED, "usage: redirect %s",
		    control_verbs[VERB_redirect].arguments);
}
