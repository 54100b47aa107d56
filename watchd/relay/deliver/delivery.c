/* SPDX-License-Identifier: ISC
 * delivery: one part, from queue_take() to delivery_finish(), whichever file
 * works on it. Also fails mail that needs no connection: that of a domain which
 * takes none (null MX, RFC 7505) and which we are not the backup of. Loop
 * thread. */
#include "relay/deliver/delivery.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/deliver/deliver_int.h"
#include "relay/mail_log.h"

struct delivery *
delivery_create(enum delivery_why why, struct queue_job *job)
{
	struct delivery *w = mem_alloc(sizeof(*w));

	w->why = why;
	w->job = job;
	w->outcome = JOB_TRIED;
	return w;
}

void
delivery_end(struct queue *q, struct delivery **wp, enum job_outcome outcome)
{
	struct delivery *w = *wp;

	*wp = NULL;
	if (w->why == DELIVERY_WARN && outcome == JOB_TRIED) {
		w->env->warned = (uint8_t)(w->stage + 1);
		queue_warned(q, w->job, w->env);
	} else {
		queue_done(q, w->job, outcome,
		    outcome == JOB_RETURNED ? NULL : w->env);
	}
	envelope_destroy(&w->env);
	free(w->data);
	free(w);
}

struct delivery *
delivery_take(struct deliver_dest *d, struct deliver_session *s,
    size_t body_max, store_load_cb *loaded)
{
	struct deliver *dl = d->deliver;
	struct queue_job *job = queue_take(dl->queue, d->domain);
	struct delivery *w;

	if (job == NULL)
		return NULL;
	w = delivery_create(DELIVERY_SEND, job);
	w->dest = d;
	w->session = s;
	strlcpy(w->label, d->label, sizeof(w->label));
	dl->jobs++;
	d->jobs++;
	w->load = store_load(dl->store, job->id, body_max, loaded, w);
	return w;
}

bool
delivery_is_whole(const struct delivery *w)
{
	return w->len == w->env->body.len;
}

enum job_outcome
delivery_unread(const struct delivery *w, int rc)
{
	if (rc == -MX_ENOENT && store_node(w->dest->deliver->store) != 0)
		return JOB_GONE;
	if (rc != -MX_EIO)
		return JOB_DAMAGED;
	return w->env != NULL ? JOB_TRIED : JOB_LOST;
}

/* The attempt is over; notifications that are due come first. */
void
delivery_finish(struct deliver *dl, struct delivery **wp,
    enum job_outcome outcome)
{
	struct delivery *w = *wp;

	*wp = NULL;
	if (w->load != 0)
		store_cancel(dl->store, w->load);
	w->load = 0;
	dl->jobs--;
	w->dest->jobs--;
	deliver_dest_touch(w->dest);
	w->dest = NULL;
	w->session = NULL;
	mem_free(&w->data);
	bounce_finish(dl->bounce, &w, outcome);
	if (dl->draining)
		loop_task_schedule(dl->task);
}

/* Logs an attempt. The first message of a connection includes the time to
 * connect. */
static void
log_attempt(const struct delivery *w, enum smtp_phase phase, const char *note)
{
	const struct deliver_ops *ops = &w->dest->deliver->ops;
	const struct deliver_session *s = w->session;
	const struct tls_info *ti =
	    s != NULL && s->conn != NULL ? conn_tls_info(s->conn) : NULL;
	struct mail_log_attempt a = { .phase = phase,
		.nexthop = s != NULL ? w->label : "",
		.addr = s != NULL ? s->peer : "",
		.tls = ti != NULL ? ti->version : NULL,
		.tls_by = s != NULL ? s->tls_by : NULL,
		.note = note,
		.code = w->code,
		.status = w->status,
		.reply = w->reply,
		.began_ms = store_id_ms(w->env->id),
		.spent_ms = (loop_now(w->dest->deliver->loop) - w->start_ns) /
		    CLOCK_MS };

	if (w->first)
		a.connect_ms = s->connect_ns / CLOCK_MS;
	mail_log_attempt(w->env, &a, clock_wall_ms());
	if ((w->env->flags & ENV_DRILL) != 0 && ops->drilled != NULL)
		ops->drilled(ops->arg, w->env, &a);
}

void
delivery_report(const struct delivery *w, enum smtp_phase phase,
    const char *note)
{
	struct deliver *dl = w->dest->deliver;
	struct domain_stats *st = stats_domain(dl->stats, w->dest->domain);

	st->attempts++;
	if (phase != SMTP_PHASE_EOD || *note != '\0')
		st->attempts_failed[phase]++;
	hist_add(&dl->stats->g.attempt_duration, &hist_attempt,
	    (double)(loop_now(dl->loop) - w->start_ns) / (double)CLOCK_SEC);
	log_attempt(w, phase, note);
}

/* ---- a domain that takes no mail */

/* The reason, by the status of the route. */
static const struct nowhere {
	const char *text, *note;
	struct smtp_status status;
	bool all; /* applies to all mail, not only to notifications */
} nowhere[] = {
	[ROUTE_NULL_MX] = { "the domain accepts no mail (null MX)", "null_mx",
	    { 5, 1, 10 }, true },
	[ROUTE_NO_HOST] = { "no such domain, or none of its hosts has an "
			    "address",
	    "no_host", { 5, 4, 4 }, false },
	[ROUTE_SELF] = { "the mail exchanger of the domain is this server",
	    "self", { 5, 4, 6 }, false },
};

static void
nowhere_set(struct delivery *w, const struct nowhere *n)
{
	bool final = n->all || (w->env->flags & ENV_DSN) != 0;
	struct smtp_status later = n->status;

	later.cls = 4;
	w->status = final ? n->status : later;
	strlcpy(w->reply, n->text, sizeof(w->reply));
	for (uint32_t i = 0; i < w->env->nrcpts; i++)
		if (w->env->rcpts[i].state == RCPT_PENDING)
			rcpt_set(&w->env->rcpts[i],
			    final ? RCPT_FAILED : RCPT_PENDING, 0, &w->status,
			    w->reply);
	delivery_report(w, SMTP_PHASE_RESOLVE, n->note);
}

static void
refuse_loaded(void *arg, struct store_loaded *l)
{
	struct delivery *w = arg;
	struct deliver_dest *d = w->dest;

	w->load = 0;
	w->env = l->env;
	w->data = l->data;
	if (w->env != NULL)
		mail_log_header(w->env, l->data, l->len);
	w->start_ns = loop_now(d->deliver->loop);
	/* The route may have changed meanwhile. */
	if (l->rc == 0 && w->env != NULL && d->route != NULL &&
	    d->route->status < MX_COUNT(nowhere) &&
	    nowhere[d->route->status].text != NULL)
		nowhere_set(w, &nowhere[d->route->status]);
	else if (l->rc == 0)
		l->rc = -MX_EIO;
	delivery_finish(d->deliver, &d->refuse,
	    l->rc == 0 && w->env != NULL ? JOB_TRIED :
					   delivery_unread(w, l->rc));
	deliver_dest_touch(d);
}

void
delivery_refuse(struct deliver_dest *d)
{
	if (d->refuse == NULL)
		d->refuse = delivery_take(d, NULL, 0, refuse_loaded);
}
