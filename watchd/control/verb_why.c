/* SPDX-License-Identifier: ISC
 * verb_why: explains the situation of a domain, a message or an address: its
 * state, the evidence, the next step and the option that would change it. The
 * same facts are in fields for programs. Loop thread. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/claim.h"
#include "control/select.h"
#include "control/verbs.h"
#include "control/why_domain.h"
#include "status/status_json.h"
#include "status/status_primaries.h"

#define REFUSED_SHOWN 20 /* names in a sentence */

/* Adds each node's view of the primary; the owner's decides. */
static void
add_verdicts(const struct call *c, cJSON *o, cJSON *list, const char *domain,
    int64_t now_ms)
{
	const struct control_cluster_ops *ops = &call_ops(c)->cluster;
	struct control_verdict v[CONTROL_NODES];
	cJSON *verdicts, *one;
	char since[32];
	unsigned n;

	n = ops->verdicts(ops->arg, domain, v, MX_COUNT(v));
	verdicts = json_array(o, "verdicts");
	for (unsigned i = 0; i < n; i++) {
		one = json_push_object(verdicts);
		json_text(one, "node", v[i].node);
		json_text(one, "state", v[i].state);
		json_time(one, "since", v[i].since);
		json_text(one, "cause", v[i].cause);
		json_say(list, "Node %s has seen it %s for %s%s%s.", v[i].node,
		    v[i].state,
		    why_ago(v[i].since * 1000, now_ms, since, sizeof(since)),
		    v[i].cause[0] != '\0' ? ": " : "", v[i].cause);
	}
}

/* Says which node owns the domain: its probes decide for the mail. */
static void
say_owner(const struct call *c, cJSON *list, const char *domain)
{
	const struct control_cluster_ops *ops = &call_ops(c)->cluster;
	struct control_node node[CONTROL_NODES];
	unsigned owner, n;

	if (ops->nodes == NULL)
		return;
	owner = claim_denied(c, domain) ? 0 : ops->owner(ops->arg, domain);
	n = ops->nodes(ops->arg, node, MX_COUNT(node));
	for (unsigned i = 0; i < n; i++)
		if (node[i].id == owner)
			json_say(list,
			    "Its mail is delivered by node %s, according to "
			    "its own probes of the primaries.",
			    node[i].name);
	if (owner == 0)
		json_say(list,
		    "No node has the domain at the moment; its mail waits "
		    "until one takes it over.");
}

/* About a domain with mail queued but no section, such as that of a bounce. */
static void
say_stranger(cJSON *list, struct call *c, const char *domain)
{
	const struct relay *r = call_relay(c);
	struct relay_domain rd;

	r->domain(r->self, domain, &rd);
	if (relay_domain_messages(&rd) == 0)
		json_say(list,
		    "%s is not in the configuration, and nothing is queued for "
		    "it.",
		    domain);
	else
		json_say(list,
		    "%s is not in the configuration; %llu messages are queued "
		    "for it (notifications to senders go to such domains).",
		    domain, (unsigned long long)(relay_domain_messages(&rd)));
}

/* Makes the frame of the answer; explain: the array of sentences. */
static cJSON *
answer_create(const char *kind, const char *subject, cJSON **explain)
{
	cJSON *o = json_object();

	json_text(o, "subject", subject);
	json_text(o, "kind", kind);
	json_null(o, "domain");
	(void)json_array(o, "messages");
	json_null(o, "rcpt");
	(void)json_array(o, "primaries");
	*explain = json_array(o, "explain");
	return o;
}

static void
replace(cJSON *o, const char *key, cJSON *item)
{
	MX_ASSERT(item != NULL &&
	    cJSON_ReplaceItemInObjectCaseSensitive(o, key, item));
}

/* The full objects of the domain's primaries. */
static cJSON *
servers_of(const struct snapshot *s, const struct snap_domain *d)
{
	cJSON *list = cJSON_CreateArray();
	const struct snap_server *v;

	for (unsigned i = 0; i < d->nprimaries; i++)
		if ((v = snapshot_server(s, d->primary[i].label)) != NULL)
			json_push(list, status_server(v));
	return list;
}

struct refused_say {
	struct buf names;
	unsigned n, more;
};

static void
on_refused(void *arg, const char *mailbox, int64_t since_ms)
{
	struct refused_say *s = arg;

	(void)since_ms;
	if (s->more > 0 || s->n == REFUSED_SHOWN ||
	    buf_addf(&s->names, "%s%s", s->n > 0 ? ", " : "", mailbox) != 0)
		s->more++;
	else
		s->n++;
}

/* Names the refused recipients, for the maintainer of the list. */
static void
say_refused(struct call *c, cJSON *explain, const char *domain)
{
	const struct relay *r = call_relay(c);
	struct refused_say s = { .names = BUF_INIT(4096) };
	char more[32] = "";

	r->refused(r->self, domain, on_refused, &s);
	if (s.more > 0)
		snprintf(more, sizeof(more), " and %u more", s.more);
	if (s.n > 0)
		json_say(explain,
		    "In the list, but refused by the primary: %s%s. They get "
		    "450 here until the `recipients` file changes: remove them "
		    "from it, or make the primary accept them.",
		    buf_str(&s.names), more);
	buf_fini(&s.names);
}

static void
add_domain(struct call *c, cJSON *o, cJSON *explain, const char *domain)
{
	struct snapshot *s = call_ops(c)->snapshot(call_ops(c)->arg, domain);
	const struct snap_domain *d = snapshot_find(s, domain);
	cJSON *shown;

	if (d == NULL) {
		say_stranger(explain, c, domain);
		goto out;
	}
	why_domain(explain, s, d);
	say_owner(c, explain, domain);
	if (call_ops(c)->cluster.nodes != NULL)
		add_verdicts(c, o, explain, domain, s->wall_ms);
	say_refused(c, explain, domain);
	shown = status_json_domain(d, s->wall_ms);
	if (claim_denied(c, domain))
		claim_none(shown);
	replace(o, "domain", shown);
	replace(o, "primaries", servers_of(s, d));
out:
	snapshot_unref(&s);
}

static void
why_address(struct call *c)
{
	cJSON *explain, *o = answer_create("address", c->address, &explain);
	size_t local = (size_t)(strrchr(c->address, '@') - c->address);
	char reply[160] = "", *mailbox, *clean;
	struct buf rule = BUF_INIT(4096);

	clean = mem_strndup(c->address, local);
	mailbox = mem_printf("%s@%s", clean, c->domain);
	mem_free(&clean);
	call_ops(c)->rcpt(call_ops(c)->arg, mailbox, reply, sizeof(reply),
	    &rule);
	replace(o, "rcpt", cJSON_CreateString(reply));
	json_say(explain, "RCPT TO:<%s> is now answered \"%s\".", mailbox,
	    reply);
	if (rule.len > 0)
		json_say(explain, "%s", buf_str(&rule));
	buf_fini(&rule);
	mem_free(&mailbox);
	add_domain(c, o, explain, c->domain);
	call_send(c, o);
	call_done(c, CONTROL_OK, NULL);
}

static void
say_message(cJSON *list, const struct msg_view *v, int64_t now_ms)
{
	char id[TEXT_ID_MAX], t[32], said[RCPT_SAID_MAX];

	json_say(list,
	    "%s, from <%s> to %u at %s, is %s; it was received %s "
	    "ago.",
	    text_id(v->id, id), v->sender, v->nrcpts, v->domain,
	    msg_state_name(v->state),
	    why_ago(v->arrival_ms, now_ms, t, sizeof(t)));
	if (v->state == MSG_HELD)
		json_say(list,
		    "It is held: it is neither tried nor expired until "
		    "`mxwatchctl release %s`.",
		    id);
	if (v->attempts > 0)
		json_say(list, "%u %s so far, the last %s ago with %s.",
		    v->attempts, v->attempts == 1 ? "attempt" : "attempts",
		    why_ago(v->last_try_ms, now_ms, t, sizeof(t)),
		    v->host[0] != '\0' ? v->host : "no host reached");
	else
		json_say(list, "No attempt has been made yet.");
	for (unsigned i = 0; v->rcpts != NULL && i < v->nrcpts && i < 10; i++)
		json_say(list, "<%s> is %s%s%s", v->rcpts[i].mailbox,
		    v->rcpts[i].state,
		    v->rcpts[i].reply[0] != '\0' ? ": " : ".",
		    rcpt_said(&v->rcpts[i], said));
	if (v->state == MSG_DEFERRED && v->due_ms > now_ms)
		json_say(list,
		    "The next attempt is due in %s, or when the primary comes "
		    "back.",
		    why_ago(now_ms, v->due_ms, t, sizeof(t)));
	if (v->notice_ms != 0)
		json_say(list,
		    "It is not tried any more: the report to its sender is due "
		    "in %s (`dsn { rate }`), and then it is removed.",
		    why_ago(now_ms, v->notice_ms, t, sizeof(t)));
	if (v->expiry_ms != 0)
		json_say(list,
		    "It expires in %s (`lifetime`) and is then returned to its "
		    "sender.",
		    why_ago(now_ms, v->expiry_ms, t, sizeof(t)));
}

static void
on_why(void *arg, int rc, const struct msg_view *v, unsigned n)
{
	struct call *c = call_of_ticket(arg);
	int64_t now_ms = clock_wall_ms();
	cJSON *explain, *o;
	char id[TEXT_ID_MAX];
	unsigned shown = 0;

	if (c == NULL)
		return;
	o = answer_create("message", text_id(c->msg, id), &explain);
	for (unsigned i = 0; rc >= 0 && i < n; i++) {
		if (!select_has_part(c, v[i].id))
			continue;
		json_push(json_get(o, "messages"), verbs_message(&v[i], true));
		say_message(explain, &v[i], now_ms);
		add_domain(c, o, explain, v[i].domain);
		shown++;
	}
	if (shown == 0) {
		cJSON_Delete(o);
		if (rc < 0 && rc != -MX_ENOENT)
			call_fail(c, CONTROL_FAILED, "%s: %s", id,
			    mx_strerror(rc));
		else
			call_missing(c,
			    "%s: no such message: delivered, returned or never "
			    "queued; see the log",
			    id);
		return;
	}
	call_send(c, o);
	call_done(c, CONTROL_OK, NULL);
}

void
verb_why(struct call *c)
{
	const struct relay *r = call_relay(c);
	cJSON *explain, *o;

	if ((c->fields & FIELD_ID) != 0) {
		r->show(r->self, c->msg, on_why, call_ticket(c));
		return;
	}
	if ((c->fields & FIELD_ADDRESS) != 0) {
		why_address(c);
		return;
	}
	if (!verbs_domain_known(c))
		return;
	o = answer_create("domain", c->domain, &explain);
	add_domain(c, o, explain, c->domain);
	call_send(c, o);
	call_done(c, CONTROL_OK, NULL);
}
