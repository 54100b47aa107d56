/* SPDX-License-Identifier: ISC
 * measure: gets a value and its text from the status document of
 * mxwatch-status(7). A missing field reads as 0 or "": the daemon may be older
 * than the plugin. */
#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "status/json.h"

static char *
span(double seconds, char *dst, size_t size)
{
	int64_t ms =
	    seconds > 0 && seconds < 1e12 ? (int64_t)(seconds * 1e3) : 0;

	/* From a second on, milliseconds are omitted. */
	return text_duration_fmt(ms < 1000 ? ms : ms / 1000 * 1000, dst, size);
}

/* The document is not trusted: a number may have any value. */
static char *
size_text(double bytes, char *dst, size_t size)
{
	return text_size_fmt(bytes > 0 && bytes < 1e18 ? (uint64_t)bytes : 0,
	    dst, size);
}

void
measure_words(const struct check *check, enum check_mode mode, double value,
    char *dst, size_t size)
{
	const char *in = check->window != NULL ? " in " : "";
	const char *window = check->window != NULL ? check->window : "";
	char t[32];

	switch (mode) {
	case CHECK_BYTES:
		(void)snprintf(dst, size, "%sB queued",
		    size_text(value, t, sizeof(t)));
		break;
	case CHECK_BOUNCES:
		(void)snprintf(dst, size, "%.0f recipients bounced%s%s", value,
		    in, window);
		break;
	case CHECK_EXPIRED:
		(void)snprintf(dst, size, "%.0f recipients expired%s%s", value,
		    in, window);
		break;
	default:
		(void)snprintf(dst, size, "%.0f message%s", value,
		    value == 1 ? "" : "s");
	}
}

/* The lifetime for the given age: extended mail has a longer one than is
 * configured, and the message nearest to its expiry need not be the oldest. */
static double
lifetime(const cJSON *queue, double age)
{
	double life = json_get_num(queue, "lifetime_seconds");
	double used = json_get_num(queue, "lifetime_used_ratio");

	return used > 0 && fabs(age - used * life) > 1 ? age / used : life;
}

static void
measure_age(const struct check *check, const cJSON *queue, struct measure *m)
{
	double messages = json_get_num(queue, "messages");
	char words[64], t[32];

	if (messages >= 1)
		m->value = json_get_num(queue, "oldest_age_seconds");
	m->whole = m->max = lifetime(queue, m->value);
	measure_words(check, CHECK_QUEUE, messages, words, sizeof(words));
	if (messages < 1)
		(void)strlcpy(m->text, "no messages", sizeof(m->text));
	else if (m->whole > 0)
		(void)snprintf(m->text, sizeof(m->text),
		    "%s, oldest %s (%.0f%% of lifetime)", words,
		    span(m->value, t, sizeof(t)), 100 * m->value / m->whole);
	else
		(void)snprintf(m->text, sizeof(m->text), "%s, oldest %s", words,
		    span(m->value, t, sizeof(t)));
	m->rank = m->whole > 0 ? m->value / m->whole : m->value;
}

static void
measure_expiry(const cJSON *status, const cJSON *queue, struct measure *m)
{
	double at = json_get_num(queue, "next_expiry");
	char t[32];

	m->whole = json_get_num(queue, "lifetime_seconds");
	m->known = at > 0 && json_get_num(queue, "messages") >= 1;
	if (!m->known) {
		(void)strlcpy(m->text, "nothing to expire", sizeof(m->text));
		m->rank = -1e18;
		return;
	}
	m->value = at - json_get_num(status, "time");
	if (m->value < 0)
		m->value = 0;
	m->rank = -m->value;
	(void)snprintf(m->text, sizeof(m->text), "first message expires in %s",
	    span(m->value, t, sizeof(t)));
}

/* The duration of the outage: brief changes of state within it do not restart
 * it. It ends with the recovery, when mail flows again. */
static double
outage(const cJSON *status, const cJSON *domain, bool recovering)
{
	double since = json_get_num(domain, "state_since");
	double from = json_get_num(domain, "unwell_since");
	double to = recovering ? since : json_get_num(status, "time");

	if (!(from > 0)) /* an older daemon has no unwell_since */
		from = since;
	return from > 0 && to > from ? to - from : 0;
}

/* While a backup queues for a failed primary it does its work: only a warning,
 * unless the caller wants CRITICAL. Thresholds, if any, decide by the duration
 * instead. */
static void
measure_primary(const struct check *check, const cJSON *status,
    const cJSON *domain, struct measure *m)
{
	const char *state = json_get_text(domain, "state");
	double since = json_get_num(domain, "state_since"), in;
	const char *cause = json_get_text(domain, "cause");
	bool down = strcmp(state, "down") == 0;
	bool recovering = strcmp(state, "recovering") == 0;
	char t[32];

	m->whole = json_get_num(json_get(domain, "queue"), "lifetime_seconds");
	in = since > 0 ? json_get_num(status, "time") - since : 0;
	if (in < 0)
		in = 0;
	if (down || recovering) {
		m->value = outage(status, domain, recovering);
		m->rank = 1 + m->value;
		if (check->primary_critical)
			m->own = LEVEL_CRITICAL;
		else if (check->mode == CHECK_ALL ||
		    (!check->warning.set && !check->critical.set))
			m->own = LEVEL_WARNING;
	}
	if (down)
		in = m->value;
	(void)snprintf(m->text, sizeof(m->text), "primary %s%s%s%s%.200s",
	    state[0] != '\0' ? state : "unknown", since > 0 ? " " : "",
	    since > 0 ? span(in, t, sizeof(t)) : "",
	    down && cause[0] != '\0' ? ": " : "", down ? cause : "");
}

/* The slowest of the primaries that answered. */
static void
measure_probe(const cJSON *domain, struct measure *m)
{
	const cJSON *p, *phase;
	const char *name = "";
	unsigned probed = 0;
	double sum;

	m->known = false;
	cJSON_ArrayForEach (p, json_get(domain, "primaries")) {
		if (json_get_bool(p, "probed"))
			probed++;
		if (!json_get_bool(p, "healthy"))
			continue;
		sum = 0;
		cJSON_ArrayForEach (phase, json_get(p, "phase_seconds"))
			if (cJSON_IsNumber(phase) && phase->valuedouble > 0)
				sum += phase->valuedouble;
		if (m->known && sum <= m->value)
			continue;
		m->known = true;
		m->value = m->rank = sum;
		name = json_get_text(p, "primary");
	}
	if (m->known)
		(void)snprintf(m->text, sizeof(m->text),
		    "probe of %.200s took %.3fs", name, m->value);
	else
		(void)strlcpy(m->text,
		    probed > 0 ? "no probe succeeded" : "not probed yet",
		    sizeof(m->text));
}

/* Bounced or expired recipients; 100 % are all that have a final result. Since
 * the daemon started, or in the window. */
static void
measure_lost(const struct check *check, enum check_mode mode,
    const cJSON *domain, struct measure *m)
{
	const cJSON *counters = check->window == NULL ?
	    json_get(domain, "counters") :
	    json_get(json_get(domain, "recent"), check->window);
	double expired = json_get_num(counters, "expired");
	double bounced = json_get_num(counters, "bounced");

	m->whole = json_get_num(counters, "delivered") + expired + bounced;
	m->value = m->rank = mode == CHECK_EXPIRED ? expired : bounced;
	measure_words(check, mode, m->value, m->text, sizeof(m->text));
}

static void
measure_flush(const cJSON *domain, struct measure *m)
{
	const cJSON *flush = json_get(domain, "flush");
	double total = json_get_num(flush, "total");
	double left = json_get_num(flush, "remaining");
	const cJSON *eta = json_get(flush, "eta_seconds");
	char t[32];

	if (!cJSON_IsObject(flush)) {
		(void)strlcpy(m->text, "never flushed", sizeof(m->text));
	} else if (!json_get_bool(flush, "running")) {
		(void)snprintf(m->text, sizeof(m->text),
		    "last flush %s: %.0f of %.0f messages left",
		    json_get_bool(flush, "complete") ? "complete" :
						       "incomplete",
		    left, total);
	} else {
		m->known = cJSON_IsNumber(eta);
		m->value = json_get_num(flush, "eta_seconds");
		m->rank = 1 + m->value;
		(void)snprintf(m->text, sizeof(m->text),
		    "flush: %.0f of %.0f done, %.1f/s, %s left", total - left,
		    total, json_get_num(flush, "rate"),
		    m->known ? span(m->value, t, sizeof(t)) : "unknown time");
	}
}

void
measure_domain(const struct check *check, enum check_mode mode,
    const cJSON *status, const cJSON *domain, struct measure *m)
{
	const cJSON *queue = json_get(domain, "queue");

	*m = (struct measure){ .known = true };
	switch (mode) {
	case CHECK_AGE:
		measure_age(check, queue, m);
		break;
	case CHECK_EXPIRY:
		measure_expiry(status, queue, m);
		break;
	case CHECK_PRIMARY:
		measure_primary(check, status, domain, m);
		break;
	case CHECK_PROBE_TIME:
		measure_probe(domain, m);
		break;
	case CHECK_BOUNCES:
	case CHECK_EXPIRED:
		measure_lost(check, mode, domain, m);
		break;
	case CHECK_FLUSH:
		measure_flush(domain, m);
		break;
	default:
		m->value = m->rank = json_get_num(queue,
		    mode == CHECK_BYTES ? "bytes" : "messages");
		measure_words(check, mode, m->value, m->text, sizeof(m->text));
	}
}

void
measure_spool(const cJSON *status, struct measure *m)
{
	const cJSON *spool = json_get(status, "spool");
	const char *state = json_get_text(spool, "state");
	bool accepting = json_get_bool(spool, "accepting");
	double reserve = json_get_num(spool, "reserve_bytes");
	double size = json_get_num(spool, "size_bytes");
	char free_text[32], reserve_text[32], share[32] = "";

	*m = (struct measure){ .known = true, .whole = size, .max = size };
	m->value = json_get_num(spool, "free_bytes");
	if (!accepting || strcmp(state, "ok") != 0)
		m->own = LEVEL_CRITICAL;
	if (size > 0)
		(void)snprintf(share, sizeof(share), " (%.0f%%)",
		    100 * m->value / size);
	(void)snprintf(m->text, sizeof(m->text),
	    "spool %.40s, %sB free%s, %sB in reserve%s",
	    state[0] != '\0' ? state : "unknown",
	    size_text(m->value, free_text, sizeof(free_text)), share,
	    size_text(reserve, reserve_text, sizeof(reserve_text)),
	    accepting ? "" : ", NO NEW MAIL");
}

/* A heartbeat without any success is as old as the daemon. */
void
measure_heartbeat(const cJSON *status, const cJSON *heartbeat,
    struct measure *m)
{
	double last = json_get_num(heartbeat, "last_success");
	double from = last > 0 ? last : json_get_num(status, "started");
	char t[32];

	*m = (struct measure){ .known = true };
	m->value = m->rank = json_get_num(status, "time") - from;
	if (m->value < 0)
		m->value = m->rank = 0;
	(void)snprintf(m->text, sizeof(m->text), "%s%s%s",
	    last > 0 ? "last success " : "no success since the start ",
	    span(m->value, t, sizeof(t)), " ago");
}
