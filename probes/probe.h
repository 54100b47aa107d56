/* SPDX-License-Identifier: ISC
 * probe: asks one primary how it is, to the configured depth, and says which
 * step took how long and which one failed. Loop thread. */
#ifndef MX_PROBES_PROBE_H
#define MX_PROBES_PROBE_H

#include "net/route.h"
#include "net/tls.h"
#include "smtp/phase.h"

enum probe_code { /* names the layer that failed; probe_code_name() */
	PROBE_OK,
	PROBE_DNS_FAIL, /* neutral: says nothing of the primary */
	PROBE_NO_HOST, /* DNS says for sure that there is none */
	PROBE_SELF, /* we seem to be the best MX */
	PROBE_CONN_REFUSED,
	PROBE_CONN_TIMEOUT,
	PROBE_CONN_ERROR,
	PROBE_TIMEOUT, /* silence in `phase` */
	PROBE_CLOSED, /* the peer went away in `phase` */
	PROBE_PROTOCOL, /* no SMTP */
	PROBE_TEMPFAIL, /* 4xx in `phase` */
	PROBE_PERMFAIL, /* 5xx in `phase` */
	PROBE_TLS_FAIL,
	PROBE_LOCAL, /* our trouble (no descriptor): neutral */
	PROBE_CODE_MAX,
};
const char *probe_code_name(enum probe_code);
bool probe_code_neutral(enum probe_code);

enum probe_depth { /* in ascending depth */
	PROBE_DEPTH_CONNECT,
	PROBE_DEPTH_BANNER,
	PROBE_DEPTH_EHLO,
	PROBE_DEPTH_STARTTLS,
	PROBE_DEPTH_RCPT,
};

struct probe_result {
	enum probe_code code;
	enum smtp_phase phase; /* that failed; NONE when OK */
	uint16_t reply_code; /* last reply, 0 none */
	char text[160]; /* last reply or error; peer text */
	int64_t phase_ns[SMTP_PHASE_MAX];
	int64_t cert_not_after; /* wall seconds; 0 no TLS */
	const char
	    *tls_by; /* static: what decides about TLS, see dane_word() */
	const char *tls_why; /* static: in words; "" */
	bool stale_dns;
};

/* One run against one host (probe_smtp.c); all its addresses are tried
 * within timeout_ms in total. */
struct probe_target {
	const struct route_host *host; /* copied */
	const char *helo;
	const char *sender; /* "" for <> */
	const char *rcpt;
	enum probe_depth depth;
	const char *tls; /* static: the word of the configuration */
	int64_t timeout_ms;
	int64_t resolve_ns; /* what the look-up took, for the result */
	const struct net_addr *source; /* NULL: any */
};
typedef void probe_cb(const struct probe_result *, void *arg);
struct probe_run;
struct probe_run *probe_smtp_start(struct loop *, struct tls_ctx *,
    const struct probe_target *, probe_cb *, void *arg);
void probe_smtp_cancel(struct probe_run **);

#endif
