/* SPDX-License-Identifier: ISC
 * reach: tries the addresses of a host in turn, and makes one verdict of their
 * failures. reach_try.c makes each connection. The states of a session until it
 * is ready:
 *
 *	begin --> connect --> hello --STARTTLS--> tls --a reply inside--> hello
 *	             ^          |                  |                        |
 *	             +----------+--- fails: the next address, or this one --+
 *	             |                  again, or in clear
 *	             +--> end: ready, or no address is left */
#include "primary/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "primary/reach_int.h"

static const char *const state_names[REACH_ST_MAX] = { "begin", "connect",
	"hello", "tls", "end" };
#define TO(state) (1u << REACH_ST_##state)
static const unsigned edges[REACH_ST_MAX] = {
	[REACH_ST_BEGIN] = TO(CONNECT) | TO(END),
	[REACH_ST_CONNECT] = TO(CONNECT) | TO(HELLO) | TO(END),
	[REACH_ST_HELLO] = TO(CONNECT) | TO(TLS) | TO(END),
	[REACH_ST_TLS] = TO(CONNECT) | TO(HELLO) | TO(END),
};

void
reach_set(struct reach *r, enum reach_state to)
{
	MX_ASSERT(edges[r->state] & (1u << to));
	log_trace("reach", "host=%s state=%s->%s", log_q(r->host.label),
	    state_names[r->state], state_names[to]);
	r->state = to;
	r->since_ns = loop_now(r->env.loop);
	r->late_ns = loop_late_ns(r->env.loop);
}

static void
reach_free(struct reach **rp)
{
	struct reach *r = *rp;

	conn_destroy(&r->conn);
	smtp_client_destroy(&r->client);
	loop_task_destroy(&r->begin);
	dane_unref(&r->host.dane);
	mem_free(rp);
}

void
reach_cancel(struct reach **rp)
{
	if (*rp != NULL)
		reach_free(rp);
}

/* Placeholder for the events of a handed-over connection until its new owner
 * calls conn_owner(). */
static void
nobodys(struct conn *c MX_UNUSED, enum conn_event ev MX_UNUSED,
    void *arg MX_UNUSED)
{
	MX_ASSERT(false); /* conn_owner() was not called */
}

static void
finish(struct reach *r, const struct reach_result *end)
{
	struct reach_result result = *end;
	reach_cb *cb = r->cb;
	void *arg = r->arg;

	reach_set(r, REACH_ST_END);
	result.tried = r->tried;
	if (result.code == REACH_OK && r->policy.depth == REACH_READY) {
		conn_timeout(r->conn, 0);
		conn_owner(r->conn, nobodys, NULL);
		result.conn = r->conn;
		result.client = r->client;
		r->conn = NULL;
		r->client = NULL;
	}
	reach_free(&r);
	cb(&result, arg);
}

void
reach_done(struct reach *r)
{
	r->now.code = REACH_OK;
	r->now.phase = SMTP_PHASE_NONE;
	finish(r, &r->now);
}

/* ---- the next address */

static bool
is_six(const struct net_addr *a)
{
	return a->u.sa.sa_family == AF_INET6;
}

static bool
may_try(const struct reach *r, const struct reach_candidate *c)
{
	/* An address of this family has already refused us. */
	if (r->refused_us[is_six(&c->addr)])
		return false;
	return r->again ? c->cut : !c->tried;
}

bool
reach_has_more(const struct reach *r)
{
	if (r->again)
		return false;
	for (unsigned i = 0; i < r->ncand; i++)
		if (i != r->at && r->cand[i].route != ADDRESS_NO_ROUTE &&
		    may_try(r, &r->cand[i]))
			return true;
	return false;
}

/* Moves on to the next address that is to be tried. */
static bool
advance(struct reach *r)
{
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < r->ncand; i++) {
			if (!may_try(r, &r->cand[i]))
				continue;
			r->at = i;
			r->cand[i].tried = true;
			r->cand[i].cut = false;
			return true;
		}
		if (r->again)
			return false;
		r->again = true;
	}
	return false;
}

/* The weight of a failure: none if it says nothing of the host, else by the
 * phase; a reply outranks silence. */
static int
rank(const struct reach *r, bool silent)
{
	if (r->now.local || r->cand[r->at].route == ADDRESS_NO_ROUTE)
		return 1;
	return 2 * (1 + (int)r->now.phase) + !silent;
}

/* With a single address the owner logs the result; so does the owner of a
 * probe, which would otherwise repeat it as long as the host is down. */
static void
log_failure(const struct reach *r)
{
	void (*log)(const char *, const char *, ...) MX_PRINTF(2, 3) =
	    r->policy.probe || r->ncand == 1 ? log_trace : log_info;
	char addr[ADDR_TEXT_MAX];

	log("reach",
	    "host=%s addr=%s event=connect_failed phase=%s code=%u reply=%s",
	    log_q(r->host.label), addr_text_port(&r->cand[r->at].addr, addr),
	    smtp_phase_name(r->now.phase), (unsigned)r->now.reply_code,
	    log_peer(r->now.text));
}

/* One connection too many, beside others of ours at this address: not a failure
 * of the address. */
static bool
is_crowded(const struct reach *r, bool silent)
{
	const struct address *a =
	    address_book_peek(r->env.book, &r->cand[r->at].addr);

	return !silent && !r->now.local && r->now.code != REACH_BACKUP &&
	    a != NULL && a->ours > 0 &&
	    loop_now(r->env.loop) - a->good_ns < ADDRESS_FAILED_NS &&
	    r->now.phase < SMTP_PHASE_STARTTLS &&
	    host_says_crowded(r->now.phase, r->now.reply_code);
}

/* Is there another address that worked the last time? */
static bool
has_good(const struct reach *r)
{
	const struct address *a;

	for (unsigned i = 0; i < r->ncand; i++) {
		a = address_book_peek(r->env.book, &r->cand[i].addr);
		if (may_try(r, &r->cand[i]) && a != NULL && a->good_ns != 0 &&
		    a->failed_ns == 0)
			return true;
	}
	return false;
}

void
reach_next(struct reach *r, bool silent)
{
	struct reach_candidate *c = &r->cand[r->at];
	int64_t now = loop_now(r->env.loop);
	bool crowded = is_crowded(r, silent);

	log_failure(r);
	if (crowded && !has_good(r)) {
		finish(r, &r->now);
		return;
	}
	c->cut = silent && !r->again && reach_has_more(r);
	if (!crowded && !r->now.local && r->now.code != REACH_BACKUP &&
	    r->now.reply_code == 0 && r->now.phase < SMTP_PHASE_STARTTLS)
		address_failed(address_book_get(r->env.book, &c->addr), now);
	if (r->now.about_us)
		r->refused_us[is_six(&c->addr)] = true;
	if (rank(r, silent) >= r->verdict_rank) {
		r->verdict_rank = rank(r, silent);
		r->verdict = r->now;
	}
	if (now - r->start_ns < r->env.limits->total_ms * CLOCK_MS &&
	    advance(r))
		reach_try(r);
	else
		finish(r, &r->verdict);
}

/* ---- the beginning */

void
reach_blank(struct reach *r)
{
	const struct dane *dane =
	    r->policy.tls == CONF_TLS_DANE ? r->host.dane : NULL;

	r->now = (struct reach_result){ .tls_by = dane != NULL ?
		    dane_word(dane, NULL) :
		    config_tls_word(r->policy.tls),
		.tls_why = dane != NULL ? dane->why : "" };
}

static void
choose(struct reach *r)
{
	struct address_choice choice[REACH_ADDRS_MAX];
	unsigned order[REACH_ADDRS_MAX], n = r->host.naddrs;
	struct net_addr *addr = r->host.addr;

	if (n > REACH_ADDRS_MAX)
		n = REACH_ADDRS_MAX;
	for (unsigned i = 0; i < n; i++) {
		addr_port_set(&addr[i], r->host.port);
		choice[i] = (struct address_choice){ .addr = &addr[i],
			.known = address_book_peek(r->env.book, &addr[i]) };
		if (n > 1)
			choice[i].route =
			    address_route(&addr[i], r->policy.source);
	}
	address_order(choice, n, r->policy.probe, loop_now(r->env.loop), order);
	for (unsigned i = 0; i < n; i++)
		r->cand[i] = (struct reach_candidate){ .addr = addr[order[i]],
			.route = choice[order[i]].route };
	r->ncand = n;
}

/* The look-up gave no address: was it the resolver, or is there none? */
static void
no_address(struct reach *r)
{
	const struct dane *dane = r->host.dane;
	const char *text = dns_status_name(r->host.dns);

	r->now.code = REACH_DNS_FAIL;
	if (dane != NULL && dane->need == DANE_DEFER) {
		text = dane->why;
	} else if (r->host.barred != NULL) {
		r->now.code = REACH_NO_HOST;
		text = r->host.barred;
	} else if (dns_is_none(r->host.dns)) {
		r->now.code = REACH_NO_HOST;
		text = "has no address";
	}
	r->now.phase = SMTP_PHASE_RESOLVE;
	(void)strlcpy(r->now.text, r->host.name, sizeof(r->now.text));
	(void)strlcat(r->now.text, ": ", sizeof(r->now.text));
	(void)strlcat(r->now.text, text, sizeof(r->now.text));
	finish(r, &r->now);
}

static void
on_begin(void *arg)
{
	struct reach *r = arg;

	reach_blank(r);
	choose(r);
	if (advance(r))
		reach_try(r);
	else
		no_address(r);
}

struct reach *
reach_start(const struct reach_env *env, const struct route_host *host,
    const struct reach_policy *policy, reach_cb *cb, void *arg)
{
	static const struct reach_limits usual = {
		.short_connect_ms = REACH_SHORT_CONNECT_MS,
		.short_reply_ms = REACH_SHORT_REPLY_MS,
		.tls_silence_ms = REACH_TLS_SILENCE_MS,
		.total_ms = REACH_TOTAL_MS,
	};
	struct reach *r = mem_alloc(sizeof(*r));
	struct net_addr a;

	r->env = *env;
	if (r->env.limits == NULL)
		r->env.limits = &usual;
	r->host = *host;
	(void)dane_ref(r->host.dane);
	r->policy = *policy;
	(void)strlcpy(r->helo, policy->helo, sizeof(r->helo));
	r->policy.helo = r->helo;
	if (policy->source != NULL && policy->source->len != 0) {
		r->source = *policy->source;
		r->policy.source = &r->source;
	} else {
		r->policy.source = NULL;
	}
	r->literal = addr_parse(&a, r->host.name, 25, ':') == 0;
	r->cb = cb;
	r->arg = arg;
	r->start_ns = r->since_ns = loop_now(env->loop);
	r->late_ns = loop_late_ns(env->loop);
	r->heard_ns = r->since_ns;
	r->heard_late_ns = r->late_ns;
	r->begin = loop_task_create(env->loop, on_begin, r);
	loop_task_schedule(r->begin);
	return r;
}

/* ---- questions */

enum smtp_phase
reach_phase(const struct reach *r)
{
	switch (r->state) {
	case REACH_ST_CONNECT:
		return SMTP_PHASE_CONNECT;
	case REACH_ST_TLS:
		return SMTP_PHASE_STARTTLS;
	case REACH_ST_HELLO:
		return smtp_client_phase(r->client);
	default:
		return SMTP_PHASE_RESOLVE;
	}
}

/* Time since `since`, less the loop's lateness since it was `late`. */
static int64_t
passed(const struct reach *r, int64_t since, int64_t late)
{
	int64_t ns =
	    loop_now(r->env.loop) - since - (loop_late_ns(r->env.loop) - late);

	return ns > 0 ? ns : 0;
}

int64_t
reach_waited_ns(const struct reach *r)
{
	return passed(r, r->since_ns, r->late_ns);
}

int64_t
reach_silent_ns(const struct reach *r)
{
	return passed(r, r->heard_ns, r->heard_late_ns);
}

const struct net_addr *
reach_addr(const struct reach *r)
{
	return r->state != REACH_ST_BEGIN ? &r->cand[r->at].addr : NULL;
}

bool
reach_needs_tls(enum conf_tls tls, const struct dane *dane)
{
	if (tls == CONF_TLS_REQUIRE)
		return true;
	return tls == CONF_TLS_DANE && (dane == NULL || dane_needs_tls(dane));
}

static const char *const code_names[REACH_CODE_MAX] = {
	[REACH_OK] = "ok",
	[REACH_DNS_FAIL] = "dns_fail",
	[REACH_NO_HOST] = "no_host",
	[REACH_SELF] = "self",
	[REACH_CONN_REFUSED] = "conn_refused",
	[REACH_CONN_TIMEOUT] = "conn_timeout",
	[REACH_CONN_ERROR] = "conn_error",
	[REACH_TIMEOUT] = "timeout",
	[REACH_CLOSED] = "closed",
	[REACH_PROTOCOL] = "protocol",
	[REACH_TEMPFAIL] = "tempfail",
	[REACH_PERMFAIL] = "permfail",
	[REACH_TLS_FAIL] = "tls_fail",
	[REACH_BACKUP] = "backup",
	[REACH_LOCAL] = "local",
};

const char *
reach_code_name(enum reach_code code)
{
	return (unsigned)code < REACH_CODE_MAX ? code_names[code] : "unknown";
}

bool
reach_code_neutral(enum reach_code code)
{
	return code == REACH_DNS_FAIL || code == REACH_LOCAL;
}
