/* SPDX-License-Identifier: ISC
 * doctor_int: the check of a subject, as shared by doctor.c (which subject,
 * when), run.c (its steps) and the checks.
 *
 * A check begins steps, makes findings, and ends each step; the run is over
 * when no step is left, or at its time limit. A step makes one request at a
 * time and is called with the answer; it then makes another one or ends. */
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
#define DOCTOR_EXPIRY_S	     (14 * 86400) /* of a certificate: warn if sooner */
#define DOCTOR_PRIMARIES_MAX ROUTE_HOST_MAX

struct doctor_run;
struct doctor_step;
struct fetch_client;
struct schedule;

typedef void step_fn(struct doctor_step *, const struct dns_answer *);

struct doctor_step {
	LIST_ENTRY(doctor_step) link;
	struct doctor_run *run;
	uint64_t id; /* for answers from another thread */
	enum doctor_check check;
	/* The request under way: one of these, or an answer by `id`. */
	uint64_t dns;
	step_fn *answered;
	struct route_req *route;
	struct probe_run *probe;
	struct place place;
	bool placed;
	/* Private to the check: */
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
	bool asked; /* keep the record even if all is well */
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
	struct loop_timer *due; /* the next check of all */
	struct loop_timer *turn; /* to begin waiting subjects */
	struct strlist line; /* subjects requested by operators */
	/* The check of all is running: */
	bool whole;
	char *at; /* the last subject begun; NULL: none */
	uint64_t seq; /* of the first record of this check */
	int64_t ended; /* wall seconds; 0 never */
	/* In the last copy: */
	uint64_t copied_seq;
	int64_t copied_ended;
	/* of check_sts.c */
	struct mailbox *box;
	struct loop_io *box_io;
	struct fetch_client *fetch;
};

/* ---- run.c */
struct doctor_run *
doctor_run_begin(struct doctor *, const char *name, bool asked);
void doctor_run_free(struct doctor_run *); /* drops its steps */
/* doctor.c: a run is over, and freed. */
void doctor_run_ended(struct doctor *);

/* Adds a finding. A remedy may be set at once; the pointer is valid until the
 * next finding. Texts are cut at DOCTOR_TEXT_MAX. */
struct doctor_finding *doctor_say(struct doctor_run *, enum doctor_check,
    enum doctor_severity, const char *fmt, ...) MX_PRINTF(4, 5);
void
doctor_remedy(struct doctor_finding *, const char *fmt, ...) MX_PRINTF(2, 3);
/* Adds a finding that the look-up of `what` failed, so the check has no
 * result. */
void doctor_say_unknown(struct doctor_run *, enum doctor_check,
    const char *what, const struct dns_answer *);

struct doctor_step *doctor_step_begin(struct doctor_run *, enum doctor_check);
/* May free the run. */
void doctor_step_end(struct doctor_step *);
/* NULL: it is gone. */
struct doctor_step *doctor_step_find(struct doctor *, uint64_t id);
void step_ask_addrs(struct doctor_step *, const char *name, step_fn *);
void step_ask_a(struct doctor_step *, const char *name, step_fn *);
void step_ask_mx(struct doctor_step *, const char *name, step_fn *);
void step_ask_txt(struct doctor_step *, const char *name, step_fn *);
void step_ask_tlsa(struct doctor_step *, const char *name, step_fn *);
void step_ask_names(struct doctor_step *, const struct net_addr *, step_fn *);

/* ---- sources.c: the addresses that we send from */
unsigned doctor_sources(const struct doctor_run *,
    struct net_addr addr[DOCTOR_SOURCES_MAX]);
/* The source address towards `to`; false: none. */
bool doctor_source_to(const struct net_addr *to, const struct net_addr *bind_to,
    struct net_addr *source);
bool doctor_is_private(const struct net_addr *);
/* Is it a name, or an address, of this host? */
bool doctor_is_our_name(const struct doctor_run *, const char *name);
bool doctor_is_our_address(const struct doctor_run *, const struct net_addr *);

/* ---- the checks. HOST and DOMAIN: begins the check. PRIMARY: judges a primary
 * by what it offered in the session of the check `acceptance`, or to a
 * probe. */
struct doctor_primary {
	const char *label;
	unsigned ext; /* CLIENT_EXT_* */
	uint64_t size; /* 0: no limit announced */
	int64_t cert_not_after; /* wall seconds; 0: none seen */
	bool tls_known; /* there was a session now; then: */
	bool tls;
	const char *verify_error; /* why TLS or verification failed; or "" */
	const struct net_addr *source; /* our address there; NULL: unknown */
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
/* checks.c: all checks of the run's subject; all of a primary. */
void doctor_checks_begin(struct doctor_run *);
void doctor_checks_primary(struct doctor_run *, const struct doctor_primary *);

/* check_sts.c: its client of the fetch thread. */
void doctor_fetch_create(struct doctor *);
void doctor_fetch_destroy(struct doctor *);

#endif
