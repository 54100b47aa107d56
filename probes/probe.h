/* SPDX-License-Identifier: ISC
 * probe: tests one primary to the configured depth: one session, and in it one
 * question a domain, in turn. It reaches the host as a delivery does
 * (primary/reach.h), so that its results and those of a delivery differ in one
 * respect only: the mailbox that was asked for.
 *
 * The host and its answers about mailboxes are separate. `result.code` is about
 * the host: OK as soon as it has answered one question, whatever the answer. An
 * answer belongs to its ask; a refusal in it is a finding for the operator
 * (remedy: `probe { rcpt, sender }`), not an outage.
 *
 * Slow is not down: after timeout_ms the owner is told that the session is
 * slow, and after each further interval_ms of silence again; the session waits
 * on to the limits of RFC 5321 and may still end OK. (Keepalive notices a peer
 * that is gone.) Loop thread. */
#ifndef MX_PROBES_PROBE_H
#define MX_PROBES_PROBE_H

#include "config/config.h"
#include "primary/primary.h"
#include "primary/reach.h"

#define PROBE_ASKS_MAX	   20 /* per session (Postfix closes at 20 refusals) */
#define PROBE_REFUSALS_MAX 5 /* per session; the remaining ones are not asked */

struct probe_ask {
	/* the domain that the ask is for: returned, not sent */
	const char *domain;
	const char *mailbox; /* RCPT TO */
};

enum probe_finding { /* what a refusal is about, as far as it tells */
	PROBE_FINDING_NONE,
	PROBE_FINDING_MAILBOX, /* the recipient; remedy: probe { rcpt } */
	PROBE_FINDING_SENDER, /* the sender; remedy: probe { sender } */
	PROBE_FINDING_ROUTE, /* it does not take mail for the domain */
	PROBE_FINDING_US, /* this client: PTR, block list, policy */
};
const char *probe_finding_name(enum probe_finding); /* "mailbox", ... */

struct probe_answer {
	enum primary_answer code;
	enum probe_finding finding;
	enum smtp_phase phase; /* of the reply: mail or rcpt */
	uint16_t reply_code;
	struct smtp_status status;
	bool no_mailbox; /* judge_is_no_mailbox() */
	char text[160]; /* peer text */
};

struct probe_result {
	enum reach_code code;
	enum smtp_phase phase; /* phase that failed; NONE when OK */
	uint16_t reply_code; /* last reply, 0 none */
	char text[160]; /* last reply or error; peer text */
	int64_t phase_ns[SMTP_PHASE_MAX]; /* mail, rcpt: of the first ask */
	int64_t cert_not_after; /* wall seconds; 0 no TLS */
	const char *tls_by; /* static: what decided about TLS */
	const char *tls_why; /* static: the reason; "" */
	bool stale_dns; /* for the owner, see route.stale */
	/* What reach found, OK or not; its conn and client are NULL. */
	struct reach_result reach;
	unsigned slow; /* how often the owner was told that it is slow */
	/* answer[i] belongs to ask[i]. `cut`: the session ended (421, a policy
	 * reply, the fifth refusal, a close) before all were answered;
	 * `answered` is then a good number for the next time. */
	unsigned nanswers, answered;
	unsigned skipped; /* asks that were no longer wanted */
	bool cut;
	struct probe_answer answer[PROBE_ASKS_MAX];
};

/* A report about a session that goes on. */
struct probe_wait {
	unsigned n; /* 0: slow; k: the k-th further interval of silence */
	/* The wait exceeds every recent wait for a greeting from that address,
	 * and no other address or clear is left to try: it counts as a failure.
	 * Never set for n == 0. */
	bool counts;
	enum reach_code code; /* what a failure now would be: (CONN_)TIMEOUT */
	enum smtp_phase phase; /* phase that is awaited */
	int64_t waited_ns; /* since the session began */
	const char *text; /* "no answer for 41 s, still waiting" */
};

/* One session with one host. Strings and the host are copied. */
struct probe_target {
	const struct route_host *host;
	const char *helo;
	const char *sender; /* "" for <> */
	/* at "rcpt" it goes to "ready" like a delivery, then asks */
	enum conf_depth depth;
	/* at least to EHLO: to see whether it is still a backup (reach.h) */
	bool to_ehlo;
	bool may_be_backup;
	/* As for deliveries to it. */
	enum conf_tls tls;
	const struct net_addr *source; /* NULL: any */
	int64_t connect_ms, clear_after_ms;
	/* until slow; between reports of silence */
	int64_t timeout_ms, interval_ms;
	int64_t resolve_ns; /* duration of the look-up, for the result */
	const struct probe_ask *ask; /* at least one at depth rcpt */
	unsigned nasks; /* only PROBE_ASKS_MAX are used */
};
struct probe_ops {
	/* The end: the run is gone. *result is valid during the call. */
	void (*done)(const struct probe_result *, void *arg);
	void (*wait)(const struct probe_wait *, void *arg); /* may be NULL */
	/* Is ask[i] still wanted when its turn comes? NULL: yes. */
	bool (*wanted)(unsigned i, void *arg);
};

struct probe_run;
/* Calls back from the loop only. env: see reach.h. */
struct probe_run *probe_smtp_start(const struct reach_env *,
    const struct probe_target *, const struct probe_ops *, void *arg);
void probe_smtp_cancel(struct probe_run **); /* NULL is fine */

#endif
