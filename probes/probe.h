/* SPDX-License-Identifier: ISC
 * probe: asks one primary how it is, to the configured depth: one session, and
 * in it one question a domain, in turn. It reaches the host as a delivery does
 * (primary/reach.h), so that what it says and what the delivery meets differ
 * in one place only: the mailbox that was asked.
 *
 * The host and what it says of a mailbox are two things. `result.code` is the
 * host's: OK as soon as it has answered one question, whatever it answered. An
 * answer belongs to its ask; a refusal in it is a finding for the operator
 * (`probe { rcpt, sender }` is the remedy), no outage.
 *
 * Slow is not down: after timeout_ms the owner is told that the session is
 * slow, and once each interval_ms after that it is told of one more interval
 * of silence; the session waits on to the limits of RFC 5321 and may well end
 * OK. (A peer that is gone for good is noticed by keepalive.) Loop thread. */
#ifndef MX_PROBES_PROBE_H
#define MX_PROBES_PROBE_H

#include "config/config.h"
#include "primary/primary.h"
#include "primary/reach.h"

#define PROBE_ASKS_MAX	   20 /* a session (Postfix closes at 20 refusals) */
#define PROBE_REFUSALS_MAX 5 /* a session; the rest is not asked */

struct probe_ask {
	const char *domain; /* what it is asked for: told back, not sent */
	const char *mailbox; /* RCPT TO */
};

enum probe_finding { /* what a refusal is about, as far as it tells */
	PROBE_FINDING_NONE,
	PROBE_FINDING_MAILBOX, /* the recipient: another probe { rcpt } */
	PROBE_FINDING_SENDER, /* the sender: another probe { sender } */
	PROBE_FINDING_ROUTE, /* it does not take mail for the domain */
	PROBE_FINDING_US, /* who we are: PTR, block list, policy */
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
	enum smtp_phase phase; /* that failed; NONE when OK */
	uint16_t reply_code; /* last reply, 0 none */
	char text[160]; /* last reply or error; peer text */
	int64_t phase_ns[SMTP_PHASE_MAX]; /* mail, rcpt: of the first ask */
	int64_t cert_not_after; /* wall seconds; 0 no TLS */
	const char *tls_by; /* static: what decides about TLS */
	const char *tls_why; /* static: in words; "" */
	bool stale_dns; /* the owner's, see route.stale */
	/* Facts met on the way, OK or not; its conn and client are NULL. */
	struct reach_result reach;
	unsigned slow; /* times the owner was told that it is slow */
	/* answer[i] belongs to ask[i]. `cut`: the session ended (421, a policy
	 * reply, the fifth refusal, a close) before all were answered; `answered`
	 * is then a good number to ask the next time. */
	unsigned nanswers, answered;
	unsigned skipped; /* asks that nobody wanted any more */
	bool cut;
	struct probe_answer answer[PROBE_ASKS_MAX];
};

/* Nothing has ended; what is said here is said of a session that goes on. */
struct probe_wait {
	unsigned n; /* 0: slow; k: the k-th further interval of silence */
	/* It is longer than any wait for a greeting that came from that address
	 * lately, and there is no other address to be tried, nor in clear: worth
	 * a failure. Never set for n == 0. */
	bool counts;
	enum reach_code code; /* what a failure now would be: (CONN_)TIMEOUT */
	enum smtp_phase phase; /* that is awaited */
	int64_t waited_ns; /* since the session began */
	const char *text; /* "no answer for 41 s, still waiting" */
};

/* One session with one host. Strings and the host are copied. */
struct probe_target {
	const struct route_host *host;
	const char *helo;
	const char *sender; /* "" for <> */
	enum conf_depth depth; /* at "rcpt" it goes as a delivery, then asks */
	bool to_ehlo; /* so deep at least: is it a backup (reach.h) still? */
	bool may_be_backup;
	/* As deliveries to it are made. */
	enum conf_tls tls;
	const struct net_addr *source; /* NULL: any */
	int64_t connect_ms, clear_after_ms;
	int64_t timeout_ms, interval_ms; /* slow; silence */
	int64_t resolve_ns; /* what the look-up took, for the result */
	const struct probe_ask *ask; /* at depth rcpt at least one */
	unsigned nasks; /* at most PROBE_ASKS_MAX are taken */
};
struct probe_ops {
	/* The end: the run is gone. *result is valid during the call. */
	void (*done)(const struct probe_result *, void *arg);
	void (*wait)(const struct probe_wait *, void *arg); /* may be NULL */
	/* Is ask[i] still to be asked, when its turn has come? NULL: yes. */
	bool (*wanted)(unsigned i, void *arg);
};

struct probe_run;
/* Calls back from the loop only. env: see reach.h. */
struct probe_run *probe_smtp_start(const struct reach_env *,
    const struct probe_target *, const struct probe_ops *, void *arg);
void probe_smtp_cancel(struct probe_run **); /* NULL is fine */

#endif
