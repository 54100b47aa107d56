/* SPDX-License-Identifier: ISC
 * primary: one server that takes mail, a host and a port, shared by all domains
 * that name it, in the configuration or by MX records. Facts about the host are
 * kept here once: whether it can be reached (connect to EHLO), the last session
 * by phase, its certificate, its last and previous EHLO offers, how long its
 * greeting takes. The judgement under a domain's policy is a watch (watch.h); a
 * primary has one for each policy.
 *
 * A table owns its primaries and counts references: get and put. Pure, no
 * clock: `now` is monotonic ns, `wall` seconds. Loop thread. */
#ifndef MX_PRIMARY_PRIMARY_H
#define MX_PRIMARY_PRIMARY_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "base/text.h"
#include "primary/bounds.h"
#include "primary/health.h"
#include "primary/host_memory.h"
#include "smtp/client.h"
#include "status/snapshot.h"

#define PRIMARY_LABEL_MAX (TEXT_DOMAIN_MAX + 8)
#define PRIMARY_TEXT_MAX  160

/* The offer of EHLO; ext and the rest 0: not seen yet, or HELO only. */
struct primary_offer {
	unsigned ext; /* CLIENT_EXT_* */
	uint64_t size; /* SIZE; 0: no limit given */
	struct smtp_client_limits limits;
	int64_t since; /* wall seconds; 0: none */
};

enum primary_answer { /* to the MAIL or RCPT that asked for a domain */
	ANSWER_NOT_ASKED, /* or the session was cut off: result unknown */
	ANSWER_TAKEN,
	ANSWER_DEFERRED, /* 4xx: says something of that mailbox only, for now */
	ANSWER_REFUSED, /* 5xx: a finding; remedy: `probe { rcpt, sender }` */
};

/* The result of one session with a primary, or of the attempt. */
struct primary_session {
	bool ok; /* it came as far as its policy asks */
	/* local or resolver failure: says nothing about the primary */
	bool neutral;
	bool backup; /* not a primary: EHLO says that it is a backup */
	enum smtp_phase phase; /* phase that failed; NONE */
	uint16_t code; /* last reply, 0 none */
	const char *text; /* last reply or error; peer text */
	const int64_t *phase_ns; /* SMTP_PHASE_MAX of them */
	int64_t cert_not_after; /* wall seconds; 0: no TLS */
	const char *tls_by, *tls_why; /* static, see probe.h; may be NULL */
	bool clear; /* TLS failed, and the policy allowed clear */
	const struct primary_offer *offer; /* NULL: EHLO was not reached */
	int64_t begun_ns; /* loop time; 0: not told */
};

/* The last session and the counts of sessions: of a primary, or of one policy
 * there. */
struct primary_record {
	bool probed; /* there was a session */
	bool ok;
	enum smtp_phase phase;
	uint16_t code;
	char text[PRIMARY_TEXT_MAX];
	float phase_seconds[SMTP_PHASE_MAX];
	int64_t last_run, last_success; /* wall seconds, 0 never */
	int64_t cert_not_after;
	const char *tls_by, *tls_why;
	uint64_t probes, failures;
	uint32_t failures_phase[SMTP_PHASE_MAX];
};

struct primary {
	/* private: */
	RB_ENTRY(primary) node;
	unsigned refs;
	uint64_t stamp; /* changes whenever anything shown of it changes */
	struct host_memory *memory; /* the table's; may be NULL */
	struct snap_server *shown; /* its cached part of the snapshot ... */
	uint64_t shown_stamp; /* ... made at this stamp */
	/* public, read only: */
	char *label; /* name, ":port" when it is not 25 */
	char *name;
	uint16_t port;
	/* connect to EHLO, over the sessions of all policies */
	struct health reach;
	int64_t reach_since; /* wall seconds */
	/* the command and reply that failed last; "" while it can be reached */
	char cause[PRIMARY_TEXT_MAX];
	struct primary_record last;
	struct primary_offer offer, before;
	int64_t greeting_ns; /* smoothed; 0: unknown */
	int64_t tls_last; /* wall seconds of the last session under TLS */
	/* since when TLS, which worked, no longer does; 0: not so */
	int64_t fallback_since;
	uint64_t fallbacks;
	LIST_HEAD(, watch) watches; /* one for each policy */
	unsigned domains; /* number of domains that name it */
	unsigned backups; /* those among them taken in by mx_backup */
	struct bounds connections; /* limits of all `watches` */
	unsigned bound; /* the smallest limit, as last reported; 0: none */
	uint32_t senders; /* watch_senders() */
};

struct primary_table;
struct primary_table *primary_table_create(void);
/* all must have been put back */
void primary_table_destroy(struct primary_table **);
/* Primaries created from now on read the TLS history from before the restart
 * there, and record it. Borrowed. */
void primary_table_remember(struct primary_table *, struct host_memory *);

/* The primary of that host and port; created by the first call. */
struct primary *primary_get(struct primary_table *, const char *name,
    uint16_t port, int64_t now, int64_t wall);
void primary_put(struct primary_table *, struct primary **);
/* NULL: there is none. */
struct primary *primary_find(const struct primary_table *, const char *label);
unsigned primary_count(const struct primary_table *);
/* In ascending order of the label: the first (after NULL), or the next one;
 * NULL at the end. */
struct primary *primary_next(struct primary_table *, struct primary *);

/* Records a session. `conf` has the rise and fall of the policy it ran
 * under. */
void primary_session(struct primary *, const struct primary_session *,
    const struct health_conf *conf, int64_t now, int64_t wall);
/* The same for a record of its own; a neutral session only moves last_run. */
void primary_record(struct primary_record *, const struct primary_session *,
    int64_t wall);
/* "greeting: 554 no service here": the command and the reply that failed. */
char *primary_cause(const struct primary_session *, char *dst, size_t size);

#endif
