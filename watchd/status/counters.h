/* SPDX-License-Identifier: ISC
 * counters: the counters of all modules, in plain fields. They only increase,
 * on the loop thread; snapshot.h copies them and metrics.def names them. A
 * domain's counters live until the end of the process, also after the domain
 * left the configuration (a series must not vanish and come back).
 *
 * It also records which domains were touched, so that a snapshot costs what
 * changed and not what there is. stats_domain() touches; a module that changes
 * anything else that the snapshot shows of a domain calls stats_touch():
 *
 *	stats_domain(st, name)->attempts++;	counted, and touched
 *	stats_touch(st, name);			its queue or its health changed
 *	...
 *	while ((ds = stats_take(st, &name)) != NULL)	once a second
 *		remake the block of `name` from ds, the queue, the health */
#ifndef MX_STATUS_COUNTERS_H
#define MX_STATUS_COUNTERS_H

#include "base/hist.h"
#include "base/text.h"
#include "smtp/phase.h"
#include "status/state.h"

/* Closed label sets. Their names are in metrics.def. */
enum smtpd_reject { /* connections */
	SMTPD_REJECT_LIMIT,
	SMTPD_REJECT_PER_CLIENT,
	SMTPD_REJECT_RATE,
	SMTPD_REJECT_SPOOL,
	SMTPD_REJECT_POLICY,
	SMTPD_REJECT_TLS,
	SMTPD_REJECT_OTHER,
	SMTPD_REJECT_MAX,
};
enum smtpd_code { /* our own reply codes; others count as 554 */
	SMTPD_CODE_421,
	SMTPD_CODE_450,
	SMTPD_CODE_451,
	SMTPD_CODE_452,
	SMTPD_CODE_550,
	SMTPD_CODE_552,
	SMTPD_CODE_554,
	SMTPD_CODE_MAX,
};
/* Reasons of refusals, with their words in the log and in labels. */
#define SMTPD_REASONS(REASON)                                                  \
	REASON(RELAY_DENIED, relay_denied)                                     \
	REASON(UNKNOWN_RECIPIENT, unknown_recipient)                           \
	REASON(SENDER_POLICY, sender_policy)                                   \
	REASON(RATE, rate)                                                     \
	REASON(SPOOL_FULL, spool_full)                                         \
	REASON(SIZE, size)                                                     \
	REASON(SYNTAX, syntax)                                                 \
	REASON(LOOP, loop)                                                     \
	REASON(PRIMARY_UP, primary_up) /* admission = "outage" */              \
	REASON(DNSBL, dnsbl)                                                   \
	REASON(OTHER, other)

enum smtpd_reason {
#define REASON(NAME, name) SMTPD_REASON_##NAME,
	SMTPD_REASONS(REASON)
#undef REASON
	    SMTPD_REASON_MAX,
};
const char *smtpd_reason_name(enum smtpd_reason);
enum smtpd_early { /* what an early talker did not wait for */
	SMTPD_EARLY_GREETING,
	SMTPD_EARLY_EHLO,
	SMTPD_EARLY_DATA,
	SMTPD_EARLY_MAX,
};
enum smtpd_lost { /* phase in which a client disconnected */
	SMTPD_LOST_GREETING,
	SMTPD_LOST_EHLO,
	SMTPD_LOST_STARTTLS,
	SMTPD_LOST_MAIL,
	SMTPD_LOST_RCPT,
	SMTPD_LOST_DATA,
	SMTPD_LOST_MAX,
};
enum tls_version_label { TLS_1_2, TLS_1_3, TLS_OTHER, TLS_VERSION_MAX };
enum tls_handshake { TLS_FULL, TLS_RESUMED, TLS_HANDSHAKE_MAX };
enum deliver_way { /* how the content of a message was sent */
	DELIVER_BY_DATA,
	DELIVER_BY_BDAT,
	DELIVER_BY_BDAT_BEHIND, /* behind another that was not yet answered */
	DELIVER_BY_MAX,
};
/* Enhanced status class.subject: x.0 .. x.7, and x.x for the rest. */
#define STATUS_LABEL_MAX 9
unsigned status_label(unsigned subject); /* 0..8 */
#define FLUSH_LABEL_MAX 4 /* enum flush_trigger (relay/relay.h) */
#define SPOOL_OP_MAX	6 /* enum store_op (relay/store/store.h) */
#define CHECK_LABEL_MAX 3 /* enum rcpt_check_answer (probes/rcpt_check.h) */

/* Results for recipients in a domain that is not configured, while mx_backup is
 * on. */
#define MX_BACKUP_RESULTS(X)                                                   \
	X(ACCEPTED, accepted)                                                  \
	X(UNKNOWN_RECIPIENT, unknown_recipient)                                \
	X(ASKED, asked) /* the DNS */                                          \
	X(BUSY, busy) /* no look-up could be begun */                          \
	X(DNS, dns) /* the resolver fails */                                   \
	X(FULL, full) /* of domains, or of its recipients */                   \
	X(NO_MX, no_mx)                                                        \
	X(NOT_NAMED, not_named)                                                \
	X(NOT_BETTER, not_better)                                              \
	X(OUTSIDE, outside)                                                    \
	X(REMOVED, removed) /* it left with mail queued */                     \
	X(OTHER, other) /* refused as in any domain */
enum mx_backup_result {
#define RESULT(NAME, name) MX_BACKUP_##NAME,
	MX_BACKUP_RESULTS(RESULT)
#undef RESULT
	    MX_BACKUP_RESULT_MAX
};

struct domain_stats {
	uint64_t accepted_messages, accepted_recipients, accepted_bytes;
	uint64_t refused; /* recipients, by our reply to RCPT */
	uint64_t attempts;
	uint64_t attempts_failed[SMTP_PHASE_MAX];
	uint64_t delivered, delivered_bytes; /* recipients */
	/* parts with at least one delivered recipient */
	uint64_t delivered_messages;
	uint64_t deferred[STATUS_LABEL_MAX];
	uint64_t bounced[STATUS_LABEL_MAX];
	uint64_t expired;
	uint64_t flush_runs[FLUSH_LABEL_MAX];
	uint64_t flush_failed, flush_messages;
	uint64_t transitions[HEALTH_STATE_MAX];
	uint64_t put_off[JUDGE_SCOPE_MAX]; /* refusals that were not believed */
	uint64_t breaker; /* times it tripped */
	uint64_t rcpt_checks[CHECK_LABEL_MAX]; /* of recipients, by answer */
};

/* Recent results of recipients. */
struct domain_fate {
	uint64_t delivered, bounced, expired;
};
/* Exact to a quarter of an hour, never shorter. */
enum stats_window { STATS_HOUR, STATS_DAY, STATS_WINDOW_MAX };

struct stats_global {
	/* smtpd */
	uint64_t connections;
	uint64_t rejected[SMTPD_REJECT_MAX];
	uint64_t sessions_lost[SMTPD_LOST_MAX];
	uint64_t early_talk[SMTPD_EARLY_MAX];
	uint64_t lines_unlogged;
	uint64_t tls_sessions[TLS_VERSION_MAX];
	uint64_t tls_handshakes[TLS_HANDSHAKE_MAX]; /* of the intake */
	uint64_t deliver_handshakes[TLS_HANDSHAKE_MAX];
	uint64_t deliver_sent[DELIVER_BY_MAX];
	uint64_t rcpt_rejected[SMTPD_CODE_MAX][SMTPD_REASON_MAX];
	uint64_t message_rejected[SMTPD_CODE_MAX][SMTPD_REASON_MAX];
	struct hist message_size;
	uint64_t mx_backup[MX_BACKUP_RESULT_MAX];
	/* spool */
	uint64_t spool_errors[SPOOL_OP_MAX];
	uint64_t damaged[2]; /* enum damage */
	struct hist commit_duration;
	uint64_t commits, committed_messages;
	/* delivery */
	struct hist attempt_duration;
	struct hist delivery_delay;
	uint64_t dsn_generated[3]; /* enum dsn_action */
	uint64_t dsn_suppressed[3]; /* enum dsn_suppress */
	uint64_t dsn_put_off;
	uint64_t vault_ended[5]; /* enum vault_end */
	uint64_t fetches[3]; /* enum fetch_end */
	/* dns */
	uint64_t dns_queries;
	uint64_t dns_failed[5]; /* timeout servfail nxdomain bogus other */
	struct hist dns_duration;
};
/* Result of a request to a source of lists. */
enum fetch_end { FETCH_CHANGED, FETCH_UNCHANGED, FETCH_FAILED, FETCH_END_MAX };
/* The damaged part of a stored message. */
enum damage { DAMAGE_RECORD, DAMAGE_BODY, DAMAGE_MAX };
/* The reason why a message left the vault. */
enum vault_end {
	VAULT_END_AGE,
	VAULT_END_SIZE,
	VAULT_END_SPACE,
	VAULT_END_PURGE,
	VAULT_END_REPLAY,
	VAULT_END_MAX
};
enum dsn_suppress {
	DSN_SUPPRESS_NULL_SENDER,
	DSN_SUPPRESS_RATE,
	DSN_SUPPRESS_POLICY,
	DSN_SUPPRESS_MAX
};

extern const struct hist_bounds hist_message_size; /* 1e3 .. 1e8 bytes */
extern const struct hist_bounds hist_commit; /* 0.5 ms .. 10 s */
extern const struct hist_bounds hist_attempt; /* 5 ms .. 600 s */
extern const struct hist_bounds hist_delay; /* 1 s .. 30 d */
extern const struct hist_bounds hist_age; /* 60 s .. 30 d */
extern const struct hist_bounds hist_dns; /* 1 ms .. 10 s */

struct stats {
	struct stats_global g;
	struct stats_index *index; /* index of the domains, private */
	/* sum over domains that are not configured; not exported */
	struct domain_stats other;
	struct domain_stats gone; /* sum over domains that were dropped */
	/* those of them taken in by mx_backup */
	struct domain_stats gone_mx_backup;
};

struct stats *stats_create(void);
void stats_destroy(struct stats **);
/* Adds the domain to those counted separately, and touches it; `name` is
 * canonical. O(1). */
struct domain_stats *stats_domain_add(struct stats *, const char *name);
/* The counters, to be incremented now: touches the domain. A caller that keeps
 * the pointer has to call stats_touch() when it counts later. Never NULL:
 * &stats->other for a name that was not added. O(1). */
struct domain_stats *stats_domain(struct stats *, const char *name);
/* The domain is no longer counted separately: its counts are added to `gone`,
 * and to `gone_mx_backup` if it was taken in by that. Pointers to its counters
 * stay valid; later increments are lost. If it is added again it starts at
 * zero. O(1). */
void stats_domain_drop(struct stats *, const char *name, bool mx_backup);
size_t stats_domain_count(const struct stats *); /* including dropped ones */

/* Something about the domain changed. Does nothing for a name that was not
 * added. O(1): cheap enough for every message. */
void stats_touch(struct stats *, const char *name);
/* Begins a round: stats_take() then returns the domains touched until now, each
 * once and in the order of touching; later touches belong to the next round.
 * Does nothing during a round. */
void stats_round(struct stats *);
/* The next one of the round, or NULL; `name` is valid as long as the
 * counters. */
const struct domain_stats *stats_take(struct stats *, const char **name);
/* The counters for reading, without touching; NULL: not added. */
const struct domain_stats *stats_peek(const struct stats *, const char *name);

/* To be called every second or so: `now` is monotonic. Advances the windows of
 * stats_recent(). O(1). */
void stats_mark(struct stats *, int64_t now);
/* Number of the present quarter of an hour; when it grows, windows that are not
 * empty have moved. */
int64_t stats_quarter(const struct stats *);
/* Since the start, if that is shorter than the window. The domain must be from
 * stats_domain_add(). */
struct domain_fate stats_recent(const struct stats *,
    const struct domain_stats *, enum stats_window);

void stats_rcpt_rejected(struct stats *, unsigned code, enum smtpd_reason);
void stats_message_rejected(struct stats *, unsigned code, enum smtpd_reason);

#endif
