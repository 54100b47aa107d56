/* SPDX-License-Identifier: ISC
 * doctor_int: one subject that is being checked, as doctor.c (which subject,
 * when), run.c (what is under way for it) and the checks share it.
 *
 * A check begins steps, says what it finds, and ends each step; the run is over
 * when no step is left, or when its time is. A step asks one thing at a time and
 * is called with the answer; it then asks again or ends. */
#ifndef MX_DOCTOR_INT_H
#define MX_DOCTOR_INT_H

#include "base/buf.h"
#include "doctor/doctor.h"
#include "net/helper.h"
#include "net/tls_cert.h"
#include "probes/probe.h"

#define DOCTOR_FINDINGS_MAX  100 /* of a subject */
#define DOCTOR_TEXT_MAX	     500 /* of a sentence, and of a remedy */
#define DOCTOR_SOURCES_MAX   8 /* addresses that we send from */
#define DOCTOR_EXPIRY_S	     (14 * 86400) /* of a certificate: soon */
#define DOCTOR_PRIMARIES_MAX ROUTE_HOST_MAX

struct doctor_run;
struct doctor_step;
struct fetch_client;
struct schedule;

typedef void step_fn(struct doctor_step *, const struct dns_answer *);

struct doctor_step {
	LIST_ENTRY(doctor_step) link;
	struct doctor_run *run;
	uint64_t id; /* for what answers by another thread */
	enum doctor_check check;
	/* Under way; one of these, or an answer by `id`. */
	uint64_t dns;
	step_fn *answered;
	struct route_req *route;
	struct probe_run *probe;
	struct place place;
	bool placed;
	/* The check's: */
	struct net_addr addr;
	char name[TEXT_DOMAIN_MAX];
	unsigned pref;
	void *data;
	void (*data_free)(void *);
};

struct doctor_run {
	LIST_ENTRY(doctor_run) link;
	struct doctor *d;
	struct config *conf; /* a reference */
	const struct conf_domain *cd; /* NULL: this host */
	bool asked; /* somebody wants to hear that all is well */
	bool beginning;
	LIST_HEAD(, doctor_step) steps;
	struct loop_timer *timer;
	unsigned n;
	struct doctor_finding finding[DOCTOR_FINDINGS_MAX];
	char name[]; /* "": this host */
};

struct doctor {
	struct doctor_env env;
	struct doctor_ops ops;
	struct config *conf; /* NULL: before the first */
	struct doctor_records *records;
	LIST_HEAD(, doctor_run) runs;
	unsigned nruns;
	uint64_t last_step;
	struct loop_timer *due; /* of the next time that all is checked */
	struct loop_timer *turn; /* there may be something to begin */
	struct strlist line; /* subjects that were asked for */
	/* All are being checked: */
	bool whole;
	char *at; /* the last one that was begun; NULL: none */
	uint64_t seq; /* of the records before */
	int64_t ended; /* wall seconds; 0 never */
	/* of check_sts.c */
	struct mailbox *box;
	struct loop_io *box_io;
	struct fetch_client *fetch;
};

/* ---- run.c */
struct doctor_run *
doctor_run_begin(struct doctor *, const char *name, bool asked);
void doctor_run_cancel(struct doctor_run *);
/* doctor.c: that one is over, and gone. */
void doctor_run_ended(struct doctor *);

/* What is found. The remedy may follow at once; the pointer is good until the
 * next finding. Texts are cut at DOCTOR_TEXT_MAX. */
struct doctor_finding *doctor_say(struct doctor_run *, enum doctor_check,
    enum doctor_severity, const char *fmt, ...) MX_PRINTF(4, 5);
void
doctor_remedy(struct doctor_finding *, const char *fmt, ...) MX_PRINTF(2, 3);
/* That look-up failed: nothing can be said. */
void doctor_say_unknown(struct doctor_run *, enum doctor_check,
    const char *what, const struct dns_answer *);

struct doctor_step *doctor_step_begin(struct doctor_run *, enum doctor_check);
/* The run may be gone behind it. */
void doctor_step_end(struct doctor_step *);
/* NULL: it is gone. */
struct doctor_step *doctor_step_find(struct doctor *, uint64_t id);
void step_ask_addrs(struct doctor_step *, const char *name, step_fn *);
void step_ask_a(struct doctor_step *, const char *name, step_fn *);
void step_ask_mx(struct doctor_step *, const char *name, step_fn *);
void step_ask_txt(struct doctor_step *, const char *name, step_fn *);
void step_ask_tlsa(struct doctor_step *, const char *name, step_fn *);
void step_ask_names(struct doctor_step *, const struct net_addr *, step_fn *);
/* An answer that says for sure that there is none. */
bool doctor_is_none(const struct dns_answer *);
bool doctor_is_failure(const struct dns_answer *);

/* ---- sources.c: the addresses from which we send */
unsigned doctor_sources(const struct doctor_run *,
    struct net_addr addr[DOCTOR_SOURCES_MAX]);
/* Towards that address; false: there is none. */
bool doctor_source_to(const struct net_addr *to, const struct net_addr *bind_to,
    struct net_addr *source);
bool doctor_is_private(const struct net_addr *);
/* Ours by name or by address. */
bool doctor_is_our_name(const struct doctor_run *, const char *name);
bool doctor_is_our_address(const struct doctor_run *, const struct net_addr *);

/* ---- the checks. HOST and DOMAIN: begins it. PRIMARY: judges one, by what it
 * offered in the session that the check `acceptance` makes, or a probe. */
struct doctor_primary {
	const char *label;
	unsigned ext; /* CLIENT_EXT_* */
	uint64_t size; /* 0: no limit said */
	int64_t cert_not_after; /* wall seconds; 0: none was seen */
	bool tls_known; /* there was a session now: */
	bool tls;
	const char *verify_error; /* "": it verifies; or TLS failed */
	const struct net_addr *source; /* of ours there; NULL: not known */
};
#define DOCTOR_IS_HOST(name)   void doctor_##name(struct doctor_run *);
#define DOCTOR_IS_DOMAIN(name) void doctor_##name(struct doctor_run *);
#define DOCTOR_IS_PRIMARY(name)                                                \
	void doctor_##name(struct doctor_run *, const struct doctor_primary *);
#define DOCTOR(name, scope) DOCTOR_IS_##scope(name)
#include "status/doctor.def"
#undef DOCTOR
#undef DOCTOR_IS_HOST
#undef DOCTOR_IS_DOMAIN
#undef DOCTOR_IS_PRIMARY
/* checks.c: all that are of such a subject; all of a primary. */
void doctor_checks_begin(struct doctor_run *);
void doctor_checks_primary(struct doctor_run *, const struct doctor_primary *);

/* check_sts.c: what it fetches with. */
void doctor_fetch_create(struct doctor *);
void doctor_fetch_destroy(struct doctor *);

#endif
