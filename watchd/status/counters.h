/* SPDX-License-Identifier: ISC
 * counters: the counters of all modules, in plain fields. They only go up,
 * on the loop thread; snapshot.h copies them and metrics.def names them. A
 * domain's counters live until the end of the process, also when the domain
 * leaves the configuration (a series must not vanish and come back).
 *
 * It also knows which domains were touched, so that the snapshot costs what
 * changed and not what there is. stats_domain() touches; a module that changes
 * anything else that the snapshot shows of a domain calls stats_touch():
 *
 *	stats_domain(st, name)->attempts++;	counted, and touched
 *	stats_touch(st, name);			its queue or its health changed
 *	...
 *	while ((ds = stats_take(st, &name)) != NULL)	once a second
 *		remake the block of `name` from ds, the queue, the health
 */
#ifndef MX_STATUS_COUNTERS_H
#define MX_STATUS_COUNTERS_H

#include "base/hist.h"
#include "base/text.h"
#include "smtp/phase.h"
#include "status/state.h"

/* Closed label sets. Their names stand beside their
 * use, in metrics.def. */
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
enum smtpd_code { /* our own reply codes; anything else: 554 */
	SMTPD_CODE_421,
	SMTPD_CODE_450,
	SMTPD_CODE_451,
	SMTPD_CODE_452,
	SMTPD_CODE_550,
	SMTPD_CODE_552,
	SMTPD_CODE_554,
	SMTPD_CODE_MAX,
};
/* Why we refused, with its word in the log and in labels. */
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
enum smtpd_early { /* what was not awaited by who spoke too early */
	SMTPD_EARLY_GREETING,
	SMTPD_EARLY_EHLO,
	SMTPD_EARLY_DATA,
	SMTPD_EARLY_MAX,
};
enum smtpd_lost { /* phase in which a client went away */
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
enum deliver_way { /* how a message's content was sent */
	DELIVER_BY_DATA,
	DELIVER_BY_BDAT,
	DELIVER_BY_BDAT_BEHIND, /* another that was not yet answered */
	DELIVER_BY_MAX,
};
/* Enhanced status class.subject: x.0 .. x.7, and x.x for the rest. */
#define STATUS_LABEL_MAX 9
unsigned status_label(unsigned subject); /* 0..8 */
#define FLUSH_LABEL_MAX 4 /* enum flush_trigger (relay/relay.h) */
#define SPOOL_OP_MAX	6 /* enum store_op (relay/store/store.h) */
#define CHECK_LABEL_MAX 3 /* enum rcpt_check_answer (probes/rcpt_check.h) */

/* What became of a recipient in a domain that nobody configured, while
 * mx_backup is on. */
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
	uint64_t delivered_messages; /* parts with at least one */
	uint64_t deferred[STATUS_LABEL_MAX];
	uint64_t bounced[STATUS_LABEL_MAX];
	uint64_t expired;
	uint64_t flush_runs[FLUSH_LABEL_MAX];
	uint64_t flush_failed, flush_messages;
	uint64_t transitions[HEALTH_STATE_MAX];
	uint64_t put_off[JUDGE_SCOPE_MAX]; /* refusals that were not believed */
	uint64_t breaker; /* times it was closed */
	uint64_t rcpt_checks[CHECK_LABEL_MAX]; /* of recipients, by answer */
};

/* Outcomes of recipients lately. */
struct domain_fate {
	uint64_t delivered, bounced, expired;
};
/* To within a quarter of an hour, never less than that. */
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
/* How a request to a source of lists ended. */
enum fetch_end { FETCH_CHANGED, FETCH_UNCHANGED, FETCH_FAILED, FETCH_END_MAX };
/* What of a stored message did not hold. */
enum damage { DAMAGE_RECORD, DAMAGE_BODY, DAMAGE_MAX };
/* How a message left the vault. */
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
	struct stats_index *index; /* the domains, private */
	struct domain_stats other; /* of domains nobody configured: counted
				    * together, not exported */
	struct domain_stats gone; /* of domains that were dropped */
	struct domain_stats gone_mx_backup; /* of these: mx_backup's */
};

struct stats *stats_create(void);
void stats_destroy(struct stats **);
/* Makes the domain one of its own from now on, and touches it; `name` is
 * canonical. O(1). */
struct domain_stats *stats_domain_add(struct stats *, const char *name);
/* The counters, to count in now: the domain is touched. Whoever keeps the
 * pointer calls stats_touch() when he counts later. Never NULL: &stats->other
 * for a name that was not added. O(1). */
struct domain_stats *stats_domain(struct stats *, const char *name);
/* It is none of its own any more: what was counted goes to `gone`, and to
 * `gone_mx_backup` as well when it was taken in by that. Pointers to its
 * counters stay valid; what is counted there later is lost. Should it be added
 * again it begins at zero. O(1). */
void stats_domain_drop(struct stats *, const char *name, bool mx_backup);
size_t stats_domain_count(const struct stats *); /* that were ever added */

/* Something of the domain changed. Nothing for one that was not added. O(1):
 * for every message if need be. */
void stats_touch(struct stats *, const char *name);
/* Begins a round: from here on stats_take() gives the domains touched until
 * now, each once and in the order of their touching; what is touched meanwhile
 * is of the next round. Nothing while a round is not through. */
void stats_round(struct stats *);
/* The next one of the round, or NULL; `name` lives as long as the counters. */
const struct domain_stats *stats_take(struct stats *, const char **name);
/* The counters to read, without touching; NULL: not added. */
const struct domain_stats *stats_peek(const struct stats *, const char *name);

/* Every second or so: `now` is monotonic. The windows of stats_recent() end
 * here. O(1). */
void stats_mark(struct stats *, int64_t now);
/* Number of the quarter of an hour that stats_mark() saw last; when it grows,
 * windows that are not empty have moved. */
int64_t stats_quarter(const struct stats *);
/* Since the start, where that is less than the window. The domain is one of
 * stats_domain_add(). */
struct domain_fate stats_recent(const struct stats *,
    const struct domain_stats *, enum stats_window);

void stats_rcpt_rejected(struct stats *, unsigned code, enum smtpd_reason);
void stats_message_rejected(struct stats *, unsigned code, enum smtpd_reason);

#endif
