/* SPDX-License-Identifier: ISC
 * metrics: the label sets and the reading of a field. The label names are in
 * the order of the enums that index the counters (counters.h, phase.h,
 * health.h, relay.h, store.h), which tests/unit/test_metrics.c checks. */
#include "status/metrics.h"

#include <math.h>
#include <string.h>

#define LABELS(set, dimension, word, ...)                                      \
	static const struct metric_label set##_label[] = { __VA_ARGS__ };      \
	static const struct metric_labels set = { word, MX_COUNT(set##_label), \
		dimension, set##_label }

static const struct metric_labels labels_NONE = { NULL, 1, 1, NULL };
LABELS(labels_MESSAGE_STATE, 3, "state", { "deferred", 1 }, { "active", 0 },
    { "held", 2 });
LABELS(labels_SPOOL_OP, SPOOL_OP_MAX, "op", { "open", 0 }, { "write", 1 },
    { "fsync", 2 }, { "rename", 3 }, { "read", 4 }, { "unlink", 5 });
LABELS(labels_CONNECTION_REASON, SMTPD_REJECT_MAX, "reason", { "limit", 0 },
    { "per_client_limit", 1 }, { "rate", 2 }, { "spool", 3 }, { "policy", 4 },
    { "tls", 5 }, { "other", 6 });
LABELS(labels_LOST_PHASE, SMTPD_LOST_MAX, "phase", { "greeting", 0 },
    { "ehlo", 1 }, { "starttls", 2 }, { "mail", 3 }, { "rcpt", 4 },
    { "data", 5 });
LABELS(labels_EARLY_PHASE, SMTPD_EARLY_MAX, "phase", { "greeting", 0 },
    { "ehlo", 1 }, { "data", 2 });
LABELS(labels_TLS_HANDSHAKE, TLS_HANDSHAKE_MAX, "handshake",
    { "full", TLS_FULL }, { "resumed", TLS_RESUMED });
LABELS(labels_DELIVER_WAY, DELIVER_BY_MAX, "way", { "data", DELIVER_BY_DATA },
    { "bdat", DELIVER_BY_BDAT }, { "bdat_behind", DELIVER_BY_BDAT_BEHIND });
LABELS(labels_TLS_VERSION, TLS_VERSION_MAX, "version", { "TLSv1.2", 0 },
    { "TLSv1.3", 1 }, { "other", 2 });
LABELS(labels_REPLY_CODE, SMTPD_CODE_MAX, "code", { "421", 0 }, { "450", 1 },
    { "451", 2 }, { "452", 3 }, { "550", 4 }, { "552", 5 }, { "554", 6 });
#define REASON(NAME, name) { #name, SMTPD_REASON_##NAME },
LABELS(labels_REJECT_REASON, SMTPD_REASON_MAX, "reason", SMTPD_REASONS(REASON));
#undef REASON
LABELS(labels_DELIVERY_PHASE, SMTP_PHASE_MAX, "phase",
    { "resolve", SMTP_PHASE_RESOLVE }, { "connect", SMTP_PHASE_CONNECT },
    { "greeting", SMTP_PHASE_GREETING }, { "ehlo", SMTP_PHASE_EHLO },
    { "starttls", SMTP_PHASE_STARTTLS }, { "mail", SMTP_PHASE_MAIL },
    { "rcpt", SMTP_PHASE_RCPT }, { "data", SMTP_PHASE_DATA },
    { "eod", SMTP_PHASE_EOD });
LABELS(labels_PROBE_PHASE, SMTP_PHASE_MAX, "phase",
    { "resolve", SMTP_PHASE_RESOLVE }, { "connect", SMTP_PHASE_CONNECT },
    { "greeting", SMTP_PHASE_GREETING }, { "ehlo", SMTP_PHASE_EHLO },
    { "starttls", SMTP_PHASE_STARTTLS }, { "mail", SMTP_PHASE_MAIL },
    { "rcpt", SMTP_PHASE_RCPT }, { "quit", SMTP_PHASE_QUIT });
LABELS(labels_STATUS_4, STATUS_LABEL_MAX, "status", { "4.0", 0 }, { "4.1", 1 },
    { "4.2", 2 }, { "4.3", 3 }, { "4.4", 4 }, { "4.5", 5 }, { "4.6", 6 },
    { "4.7", 7 }, { "4.x", 8 });
LABELS(labels_STATUS_5, STATUS_LABEL_MAX, "status", { "5.0", 0 }, { "5.1", 1 },
    { "5.2", 2 }, { "5.3", 3 }, { "5.4", 4 }, { "5.5", 5 }, { "5.6", 6 },
    { "5.7", 7 }, { "5.x", 8 });
LABELS(labels_DSN_ACTION, 3, "action", { "failed", 0 }, { "delayed", 1 },
    { "relayed", 2 });
LABELS(labels_DSN_REASON, DSN_SUPPRESS_MAX, "reason",
    { "null_sender", DSN_SUPPRESS_NULL_SENDER }, { "rate", DSN_SUPPRESS_RATE },
    { "policy", DSN_SUPPRESS_POLICY });
LABELS(labels_DAMAGE, DAMAGE_MAX, "kind", { "record", DAMAGE_RECORD },
    { "body", DAMAGE_BODY });
LABELS(labels_FETCH_END, FETCH_END_MAX, "result", { "changed", FETCH_CHANGED },
    { "unchanged", FETCH_UNCHANGED }, { "failed", FETCH_FAILED });
LABELS(labels_LEARNED, 2, "known", { "good", 0 }, { "bad", 1 });
LABELS(labels_CHECK_ANSWER, CHECK_LABEL_MAX, "answer", { "passed", 0 },
    { "refused", 1 }, { "none", 2 });
LABELS(labels_VAULT_END, VAULT_END_MAX, "how", { "age", VAULT_END_AGE },
    { "size", VAULT_END_SIZE }, { "space", VAULT_END_SPACE },
    { "purge", VAULT_END_PURGE }, { "replay", VAULT_END_REPLAY });
#define SCOPE(NAME, name) { #name, JUDGE_##NAME },
LABELS(labels_SCOPE, JUDGE_SCOPE_MAX, "scope", JUDGE_SCOPES(SCOPE));
#undef SCOPE
#define RESULT(NAME, name) { #name, MX_BACKUP_##NAME },
LABELS(labels_MX_BACKUP_RESULT, MX_BACKUP_RESULT_MAX, "result",
    MX_BACKUP_RESULTS(RESULT));
#undef RESULT
LABELS(labels_DNSBL_STATE, 3, "state", { "untested", SNAP_DNSBL_UNTESTED },
    { "ok", SNAP_DNSBL_OK }, { "broken", SNAP_DNSBL_BROKEN });
#define STATE(NAME, name) { #name, HEALTH_##NAME },
LABELS(labels_WATCHDOG_STATE, HEALTH_STATE_MAX, "state", HEALTH_STATES(STATE));
LABELS(labels_WATCHDOG_TO, HEALTH_STATE_MAX, "to", HEALTH_STATES(STATE));
#undef STATE
LABELS(labels_FLUSH_TRIGGER, FLUSH_LABEL_MAX, "trigger", { "recovery", 0 },
    { "manual", 1 }, { "timer", 2 }, { "etrn", 3 });
LABELS(labels_AVAILABILITY, 2, "window", { "30d", 0 }, { "365d", 1 });
LABELS(labels_DNS_REASON, 5, "reason", { "timeout", 0 }, { "servfail", 1 },
    { "nxdomain", 2 }, { "bogus", 3 }, { "other", 4 });

#define DOCTOR(name, scope) { #name, DOCTOR_##name },
static const struct metric_label labels_DOCTOR_CHECK_label[] = {
#include "status/doctor.def"
};
#undef DOCTOR
static const struct metric_labels labels_DOCTOR_CHECK = { "check",
	MX_COUNT(labels_DOCTOR_CHECK_label), DOCTOR_CHECK_MAX,
	labels_DOCTOR_CHECK_label };
LABELS(labels_DOCTOR_SEVERITY, DOCTOR_SEVERITY_MAX, "severity",
    { "info", DOCTOR_INFO }, { "warning", DOCTOR_WARNING },
    { "error", DOCTOR_ERROR });

/* From alert.def, each in the set of its scope. */
#define OF_GLOBAL_GLOBAL(name) { #name, ALERT_##name },
#define OF_GLOBAL_DOMAIN(name)
#define OF_GLOBAL_LIST(name)
#define OF_DOMAIN_GLOBAL(name)
#define OF_DOMAIN_DOMAIN(name) { #name, ALERT_##name },
#define OF_DOMAIN_LIST(name)
#define OF_LIST_GLOBAL(name)
#define OF_LIST_DOMAIN(name)
#define OF_LIST_LIST(name) { #name, ALERT_##name },
static const struct metric_label labels_ALERT_GLOBAL_label[] = {
#define ALERT(name, scope, ...) OF_GLOBAL_##scope(name)
#include "status/alert.def"
#undef ALERT
};
static const struct metric_label labels_ALERT_DOMAIN_label[] = {
#define ALERT(name, scope, ...) OF_DOMAIN_##scope(name)
#include "status/alert.def"
#undef ALERT
};
static const struct metric_label labels_ALERT_LIST_label[] = {
#define ALERT(name, scope, ...) OF_LIST_##scope(name)
#include "status/alert.def"
#undef ALERT
};
static const struct metric_labels labels_ALERT_GLOBAL = { "alert",
	MX_COUNT(labels_ALERT_GLOBAL_label), ALERT_KIND_MAX,
	labels_ALERT_GLOBAL_label };
static const struct metric_labels labels_ALERT_DOMAIN = { "alert",
	MX_COUNT(labels_ALERT_DOMAIN_label), ALERT_KIND_MAX,
	labels_ALERT_DOMAIN_label };
static const struct metric_labels labels_ALERT_LIST = { "alert",
	MX_COUNT(labels_ALERT_LIST_label), ALERT_KIND_MAX,
	labels_ALERT_LIST_label };

/* The only typedefs of the tree, because the table pastes the scope into a type
 * name. */
typedef struct snapshot scope_GLOBAL;
typedef struct snap_domain scope_DOMAIN;
typedef struct snap_primary scope_PRIMARY;
typedef struct snap_server scope_SERVER;
typedef struct snap_receiver scope_RECEIVER;
typedef struct snap_heartbeat scope_HEARTBEAT;
typedef struct snap_dnsbl scope_DNSBL;
typedef struct snap_node scope_NODE;

const struct metric metrics[] = {
#define METRIC(scope, name, type, value, field, labels, labels2, bounds, help) \
	{ METRIC_##scope, #name, METRIC_##type, METRIC_##value,                \
		offsetof(scope_##scope, field), &labels_##labels,              \
		&labels_##labels2, bounds, help },
#include "status/metrics.def"
#undef METRIC
};
const size_t nmetrics = MX_COUNT(metrics);

static double
flush_duration(const struct snap_flush *f)
{
	if (f->running || f->end_ms == 0)
		return 0;
	return (double)(f->end_ms - f->start_ms) / 1e3;
}

double
metric_value(const struct metric *m, const void *base, unsigned i, unsigned j,
    int64_t wall_ms)
{
	const void *field = (const char *)base + m->offset;
	unsigned at = 0;
	int64_t ms;

	if (m->labels->label != NULL)
		at = m->labels->label[i].index;
	if (m->labels2->label != NULL)
		at = at * m->labels2->stride + m->labels2->label[j].index;

	switch (m->value) {
	case METRIC_U64:
		return (double)((const uint64_t *)field)[at];
	case METRIC_I64:
		return (double)((const int64_t *)field)[at];
	case METRIC_UINT:
		return ((const unsigned *)field)[at];
	case METRIC_U16:
		return ((const uint16_t *)field)[at];
	case METRIC_BOOL:
		return ((const bool *)field)[at] ? 1 : 0;
	case METRIC_DOUBLE:
		return ((const double *)field)[at];
	case METRIC_IS_ZERO:
		return *(const unsigned *)field == 0 ? 1 : 0;
	case METRIC_AGE_MS:
		ms = *(const int64_t *)field;
		return ms == 0 || ms > wall_ms ? 0 :
						 (double)(wall_ms - ms) / 1e3;
	case METRIC_TIME_MS:
		return (double)*(const int64_t *)field / 1e3;
	case METRIC_EXPIRY_MS:
		ms = *(const int64_t *)field;
		return ms == 0 ? INFINITY : (double)ms / 1e3;
	case METRIC_ONE_HOT:
		return *(const unsigned *)field == at ? 1 : 0;
	case METRIC_FLUSH_DURATION:
		return flush_duration(field);
	case METRIC_LIFETIME_USED:
		return snap_lifetime_used(base, wall_ms);
	case METRIC_STUCK:
		return (double)snap_stuck_ms(base, wall_ms) / 1e3;
	case METRIC_INFO_PRIORITY:
		return 1;
	case METRIC_FIRING:
		return (*(const uint32_t *)field >> at) & 1;
	case METRIC_HIST:
	case METRIC_SNAPSHOT_HIST:
		break;
	}
	MX_ASSERT(m->type != METRIC_HISTOGRAM);
	return 0;
}

static bool
begins(const struct metric *m, const char *const *prefix, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(m->name, prefix[i], strlen(prefix[i])) == 0)
			return true;
	return false;
}

static bool
is_seen_by_probes(const struct metric *m)
{
	static const char *const prefix[] = { "probe_", "primary_probe_",
		"primary_tls_", "primary_greeting_" };

	return begins(m, prefix, MX_COUNT(prefix));
}

/* Not counters: they count the work of each node and can be summed. */
static bool
is_of_mail(const struct metric *m)
{
	static const char *const prefix[] = { "queue_", "breaker_", "flush_",
		"recipients_learned", "recipients_catch_all" };

	return m->type == METRIC_GAUGE && begins(m, prefix, MX_COUNT(prefix));
}

static bool
is_of_cluster(const struct metric *m)
{
	static const char *const prefix[] = { "cluster_" };

	return begins(m, prefix, MX_COUNT(prefix));
}

bool
metric_applies(const struct metric *m, const void *base)
{
	const struct snapshot *s = base;
	const struct snap_domain *d = base;
	const struct snap_primary *p = base;
	const struct snap_server *v = base;

	if (m->scope == METRIC_GLOBAL)
		return s->cluster.on || !is_of_cluster(m);
	/* Mail spooled here for another node's domain is known here only. */
	if (m->scope == METRIC_DOMAIN && !d->ours && d->local == 0)
		return !is_of_mail(m);
	if (m->scope == METRIC_PRIMARY && p->unprobed)
		return !is_seen_by_probes(m);
	if (m->scope == METRIC_SERVER && v->unprobed)
		return !is_seen_by_probes(m);
	return true;
}

bool
metric_continues(const struct metric *m)
{
	return m > metrics && strcmp(m->name, m[-1].name) == 0;
}
