/* SPDX-License-Identifier: ISC
 * notify: notices and ages in the terms of the MIB. */
#include "exporters/snmp/notify.h"

#include <string.h>

#include "base/clock.h"

#define AGE_HYSTERESIS 10 /* points below the threshold */
#define EXPIRED_EVERY  (300 * CLOCK_SEC) /* per domain */

#define AGES_TURN      512 /* domains per call, and */
#define AGES_ROUND     60 /* calls that cover all of them */

enum age_level { AGE_FINE, AGE_WARNING, AGE_CRITICAL };

static uint32_t
event_of(const struct notice *n)
{
	switch (n->kind) {
	case NOTICE_STATE:
		return WIRE_STATE_CHANGE;
	case NOTICE_PRIMARY:
		return n->a != 0 ? WIRE_PRIMARY_UP : WIRE_PRIMARY_DOWN;
	case NOTICE_FLUSH_BEGIN:
		return WIRE_FLUSH_STARTED;
	case NOTICE_FLUSH_END:
		return WIRE_FLUSH_FINISHED;
	case NOTICE_EXPIRED:
		return WIRE_MAIL_EXPIRED;
	case NOTICE_BREAKER:
		return n->a != 0 ? WIRE_BREAKER_TRIPPED : WIRE_BREAKER_RESET;
	case NOTICE_SPOOL:
		return n->a == STORE_OK ? WIRE_SPOOL_ACCEPTING :
					  WIRE_SPOOL_REFUSING;
	default:
		return 0; /* only the log and the alerts have those */
	}
}

/* Each policy of a primary causes a notice; "up" is news only after "down". */
static enum notify_worth
of_primary(struct wire_notice *w, const struct notice *n, struct index *x)
{
	struct index_entry *e = index_of(x, n->host);
	bool news = n->a == 0 || e->down;

	w->primary_index = e->index;
	w->port = wire_label(n->host, w->host, sizeof(w->host));
	w->domains = n->domains;
	if (n->a == 0)
		w->failed_phase = pack_phase((enum smtp_phase)n->b);
	e->down = n->a == 0;
	return news ? NOTIFY_NEWS : NOTIFY_COURTESY;
}

static enum notify_worth
of_domain(struct wire_notice *w, const struct notice *n, struct index *x,
    int64_t now)
{
	struct index_entry *e = index_of(x, n->domain);

	w->domain_index = e->index;
	w->messages = n->messages;
	w->delivered = n->delivered;
	w->expired = n->expired;
	strlcpy(w->domain, n->domain, sizeof(w->domain));
	if (w->event == WIRE_MAIL_EXPIRED) {
		if (now < e->expired_next)
			return NOTIFY_NOT;
		e->expired_next = now + EXPIRED_EVERY;
	}
	if (w->event != WIRE_STATE_CHANGE)
		return NOTIFY_NEWS;
	w->state = (uint32_t)n->b + 1;
	return n->a == HEALTH_UNKNOWN && n->b == HEALTH_UP ? NOTIFY_COURTESY :
							     NOTIFY_NEWS;
}

enum notify_worth
notify_of_notice(struct wire_notice *w, const struct notice *n,
    struct indices *x, int64_t now)
{
	uint32_t event = event_of(n);

	if (event == 0 || n->mx_backup)
		return NOTIFY_NOT;
	memset(w, 0, sizeof(*w));
	w->event = event;
	w->wall_ms = n->wall * 1000;
	strlcpy(w->text, n->text, sizeof(w->text));
	if (n->kind == NOTICE_PRIMARY)
		return of_primary(w, n, &x->primaries);
	if (n->domain[0] != '\0')
		return of_domain(w, n, &x->domains, now);
	w->free_bytes = (uint64_t)n->b;
	return NOTIFY_NEWS;
}

static bool
reached(uint64_t percent, unsigned limit, bool was)
{
	unsigned leave = limit > AGE_HYSTERESIS ? limit - AGE_HYSTERESIS : 1;

	return limit != 0 && percent >= (was ? leave : limit);
}

static enum age_level
age_level(const struct snapshot *s, const struct snap_domain *d,
    const struct age_limits *l, enum age_level was)
{
	double used = snap_lifetime_used(d, s->wall_ms);
	uint64_t percent = used < 1e6 ? (uint64_t)(100 * used) : UINT32_MAX;

	if (reached(percent, l->critical, was == AGE_CRITICAL))
		return AGE_CRITICAL;
	return reached(percent, l->warning, was >= AGE_WARNING) ? AGE_WARNING :
								  AGE_FINE;
}

static void
age_notice(struct wire_notice *w, uint32_t event, const struct snapshot *s,
    const struct snap_domain *d, uint32_t index)
{
	memset(w, 0, sizeof(*w));
	w->event = event;
	w->wall_ms = s->wall_ms;
	w->domain_index = index;
	w->messages = snap_domain_messages(d);
	w->oldest_ms = d->oldest_ms;
	w->next_expiry_ms = d->next_expiry_ms;
	strlcpy(w->domain, d->name, sizeof(w->domain));
}

void
notify_ages(const struct snapshot *s, struct index *x,
    const struct age_limits *l, unsigned *next,
    bool (*tell)(void *arg, const struct wire_notice *), void *arg)
{
	static const uint32_t event[] = { WIRE_AGE_CLEARED, WIRE_AGE_WARNING,
		WIRE_AGE_CRITICAL };
	unsigned n = s->domains.n, turn = n / AGES_ROUND + AGES_TURN;
	const struct snap_domain *d;
	struct index_entry *e;
	struct wire_notice w;
	enum age_level is;

	if (*next >= n)
		*next = 0;
	for (; *next < n && turn > 0; (*next)++, turn--) {
		d = snap_list_at(&s->domains, *next);
		if (d->mx_backup)
			continue;
		e = index_of(x, d->name);
		is = age_level(s, d, l, e->age_level);
		if (is == e->age_level)
			continue;
		age_notice(&w, event[is], s, d, e->index);
		if (tell(arg, &w))
			e->age_level = is;
	}
}
