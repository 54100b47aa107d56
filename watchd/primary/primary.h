/* SPDX-License-Identifier: ISC
 * primary: one server that takes mail, a host and a port, whatever number of
 * domains name it, in the configuration or by MX records. What is known of the
 * host is kept here once: whether it can be reached (connect to EHLO), the last
 * session by phase, its certificate, what EHLO offered last and before, how
 * long its greeting takes. What a domain's policy makes of it is a watch
 * (watch.h), of which a primary has one for each policy.
 *
 * A table owns its primaries and counts who holds one: get and put. Pure, no
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

/* The offer of EHLO; ext 0 and nothing else: not seen yet, or HELO only. */
struct primary_offer {
	unsigned ext; /* CLIENT_EXT_* */
	uint64_t size; /* of SIZE, 0: no limit said */
	struct smtp_client_limits limits;
	int64_t since; /* wall seconds; 0: none */
};

enum primary_answer { /* to the MAIL or RCPT that asked for a domain */
	ANSWER_NOT_ASKED, /* or cut off: nothing is known of it */
	ANSWER_TAKEN,
	ANSWER_DEFERRED, /* 4xx: says nothing but of that mailbox, now */
	ANSWER_REFUSED, /* 5xx: a finding; `probe { rcpt, sender }` is the remedy */
};

/* The lesson of one session with a primary, or the attempt at one. */
struct primary_session {
	bool ok; /* to the depth of its policy */
	bool neutral; /* our trouble, or the resolver's: says nothing of it */
	bool backup; /* no primary: it says that it is a backup */
	enum smtp_phase phase; /* that failed; NONE */
	uint16_t code; /* last reply, 0 none */
	const char *text; /* last reply or error; peer text */
	const int64_t *phase_ns; /* SMTP_PHASE_MAX of them */
	int64_t cert_not_after; /* wall seconds; 0: no TLS */
	const char *tls_by, *tls_why; /* static, see probe.h; or NULL */
	bool clear; /* TLS failed, and the policy let it go on in clear */
	const struct primary_offer *offer; /* NULL: EHLO was not reached */
	int64_t begun_ns; /* loop time; 0: not told */
};

/* The last session, and how many there were: of a primary, or of those under
 * one policy. */
struct primary_record {
	bool probed; /* there was one */
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
	uint64_t stamp; /* another one when anything that is shown of it is */
	struct host_memory *memory; /* of the table; or NULL */
	struct snap_server *shown; /* what a snapshot has of it ... */
	uint64_t shown_stamp; /* ... as of then */
	/* public, read only: */
	char *label; /* name, ":port" when it is not 25 */
	char *name;
	uint16_t port;
	struct health reach; /* connect to EHLO: any policy's sessions */
	int64_t reach_since; /* wall seconds */
	char cause[PRIMARY_TEXT_MAX]; /* the command and reply that failed last;
				       * "" while it is reached */
	struct primary_record last;
	struct primary_offer offer, before;
	int64_t greeting_ns; /* smoothed; 0: none yet */
	int64_t tls_last; /* wall seconds of the last session under TLS */
	int64_t fallback_since; /* it did TLS and no longer does; 0: no */
	uint64_t fallbacks;
	LIST_HEAD(, watch) watches; /* one a policy */
	unsigned domains; /* that name it */
	unsigned backups; /* of them: taken in by mx_backup */
	struct bounds connections; /* at most, by each of `watches` */
	unsigned bound; /* the least of them that was told; 0: none */
	uint32_t senders; /* watch_senders() */
};

struct primary_table;
struct primary_table *primary_table_create(void);
void primary_table_destroy(struct primary_table **); /* all are put back */
/* Those made from now on take from there what was known of their TLS before a
 * restart, and tell it. Borrowed. */
void primary_table_remember(struct primary_table *, struct host_memory *);

/* The primary of that host and port, made at the first call. */
struct primary *primary_get(struct primary_table *, const char *name,
    uint16_t port, int64_t now, int64_t wall);
void primary_put(struct primary_table *, struct primary **);
/* NULL: there is none. */
struct primary *primary_find(const struct primary_table *, const char *label);
unsigned primary_count(const struct primary_table *);
/* By ascending label: the first (after NULL), the one after it; NULL. */
struct primary *primary_next(struct primary_table *, struct primary *);

/* Takes a session in. `conf` is the patience of the policy it ran under. */
void primary_session(struct primary *, const struct primary_session *,
    const struct health_conf *conf, int64_t now, int64_t wall);
/* The same for a record of its own; a neutral session only moves last_run. */
void primary_record(struct primary_record *, const struct primary_session *,
    int64_t wall);
/* "greeting: 554 no service here": the command and the reply that failed. */
char *primary_cause(const struct primary_session *, char *dst, size_t size);

#endif
