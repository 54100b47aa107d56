/* SPDX-License-Identifier: ISC
 * heartbeat: "I am here" to a service that raises an alarm when it is
 * missed. */
#include <string.h>

#include "alerts/alerts_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define FRESH		(10 * CLOCK_SEC) /* a snapshot of a loop that turns */
#define ROUND_SLACK_MS	30000 /* per round of probes */
#define HEARTBEAT_LIMIT 30000

/* Is everything alive that people rely on: the loop, the probes, the spool?
 * Otherwise no heartbeat is sent, which raises the alarm. */
bool
heartbeat_alive(const struct config *conf, const struct snapshot *s,
    int64_t now, int64_t wall_ms)
{
	int64_t slack = 0, newest = 0, ms;
	const struct conf_domain *cd;
	const struct snap_domain *d;

	if (s == NULL || !s->ready || s->spool_state != STORE_OK ||
	    now - s->made > FRESH)
		return false;
	for (unsigned i = 0; i < s->domains.n; i++) {
		d = snap_list_at(&s->domains, i);
		for (unsigned j = 0; j < d->nprimaries; j++)
			if (d->primary[j].last_run > newest)
				newest = d->primary[j].last_run;
		cd = config_settings(conf, d->name);
		if (cd == NULL || !cd->probe.enabled)
			continue;
		ms = 3 * cd->probe.interval_ms + cd->probe.timeout_ms;
		if (slack == 0 || ms < slack)
			slack = ms;
	}
	if (slack == 0) /* no probes */
		return true;
	return wall_ms - newest * 1000 <= slack + ROUND_SLACK_MS;
}

void
notify_heartbeats(struct alerts *a, const struct snapshot *s)
{
	struct carry c = { .timeout_ms = HEARTBEAT_LIMIT, .get = true };
	int64_t now = clock_now();
	struct heartbeat *h;
	struct message m;
	bool due = false, alive;

	for (size_t i = 0; i < a->nheartbeats; i++)
		due |= !a->heartbeat[i].busy && now >= a->heartbeat[i].next;
	if (!due)
		return;
	alive = heartbeat_alive(a->conf, s, now, clock_wall_ms());
	for (size_t i = 0; i < a->nheartbeats; i++) {
		h = &a->heartbeat[i];
		if (h->busy || now < h->next || !alive)
			continue;
		h->next = now + h->conf->interval_ms * CLOCK_MS;
		h->busy = true;
		message_init(&m, CARRY_HTTP);
		m.url = mem_strdup(h->conf->url);
		c.ca_file = h->conf->ca_file;
		notify_carry(a, &m, &c,
		    errand_create(ERRAND_HEARTBEAT, h->shown.name));
	}
}

void
notify_heartbeat_done(struct alerts *a, const struct errand *er,
    const struct send_result *res)
{
	static struct log_limit limit;
	struct heartbeat *h;

	for (size_t i = 0; i < a->nheartbeats; i++) {
		h = &a->heartbeat[i];
		if (strcmp(h->shown.name, er->name) != 0)
			continue;
		h->busy = false;
		if (res->result == CARRY_SENT)
			h->shown.last_success = clock_wall();
		else if (log_limit_ok(&limit, 60))
			log_warn("alerts", "heartbeat=%s problem=%s", er->name,
			    log_q(res->text));
	}
}
