/* SPDX-License-Identifier: ISC
 * reach: the way to a ready connection. An outbound session walks its
 * candidates, an address of a host each, until one has answered (TCP,
 * greeting, EHLO) and TLS is as the configuration, or the host's TLSA
 * records, want it. Called by outbound.c. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "relay/deliver/deliver_int.h"

#define SESSION_INPUT (16 * 1024)

void
reach_drop(struct outbound *s)
{
	conn_destroy(&s->conn);
	smtp_client_destroy(&s->client);
	s->handshake = false;
}

void
reach_connect(struct outbound *s)
{
	struct deliver *dl = s->target->deliver;
	const struct candidate *c = outbound_host(s);
	const struct net_addr *from = NULL;

	s->clear = target_note(s->target, c->label)->clear_until_ns >
	    loop_now(dl->loop);
	if (s->set->source != NULL &&
	    s->set->source_addr.u.sa.sa_family == c->addr.u.sa.sa_family)
		from = &s->set->source_addr;
	s->conn = conn_connect(dl->loop, &c->addr, from, SESSION_INPUT,
	    outbound_event, s);
	conn_timeout(s->conn, s->set->connect_ms);
}

void
reach_failed(struct outbound *s, enum smtp_phase phase, uint16_t code,
    const char *text)
{
	struct target *d = s->target;
	const struct candidate *c = outbound_host(s);
	char addr[ADDR_TEXT_MAX], why[256];
	struct host_note *note;

	/* `text` may live in what is dropped now. */
	strlcpy(why, text != NULL ? text : "", sizeof(why));
	reach_drop(s);
	log_info("deliver",
	    "domain=%s host=%s addr=%s event=connect_failed phase=%s code=%u "
	    "reply=%s",
	    d->domain, log_q(c->label), addr_text_port(&c->addr, addr),
	    smtp_phase_name(phase), (unsigned)code, log_q(why));
	if (s->at + 1 >= s->ncand ||
	    strcmp(s->cand[s->at + 1].label, c->label) != 0) {
		note = target_note(d, c->label);
		note->down_until_ns =
		    loop_now(d->deliver->loop) + DELIVER_PENALTY_MS * CLOCK_MS;
	}
	if (s->at + 1 < s->ncand && !d->deliver->draining) {
		s->at++;
		outbound_set(s, SESSION_CONNECT);
		reach_connect(s);
		return;
	}
	target_failed(d, c->label, phase, code, why);
	outbound_gone(s);
}

/* What the configuration, and with `dane` the host, want of this connection,
 * whatever happened to those before it. */
static enum smtp_client_tls
tls_wanted(const struct outbound *s)
{
	const struct dane *dane = outbound_host(s)->dane;

	switch (s->set->tls) {
	case CONF_TLS_MAY:
		return CLIENT_TLS_MAY;
	case CONF_TLS_NONE:
		return CLIENT_TLS_NONE;
	case CONF_TLS_DANE:
		if (dane != NULL && !dane_needs_tls(dane))
			return CLIENT_TLS_MAY;
		break;
	case CONF_TLS_REQUIRE:
		break;
	}
	return CLIENT_TLS_REQUIRE;
}

const char *
reach_tls_by(const struct outbound *s)
{
	if (s->set->tls != CONF_TLS_DANE)
		return config_tls_word(s->set->tls);
	return dane_word(outbound_host(s)->dane,
	    s->conn != NULL ? conn_tls_info(s->conn) : NULL);
}

void
reach_tls_failed(struct outbound *s, uint16_t code, const char *text)
{
	struct host_note *note;

	if (tls_wanted(s) != CLIENT_TLS_MAY) {
		reach_failed(s, SMTP_PHASE_STARTTLS, code, text);
		return;
	}
	log_notice("deliver", "domain=%s host=%s event=tls_failed error=%s",
	    s->target->domain, log_q(outbound_host(s)->label), log_q(text));
	note = target_note(s->target, outbound_host(s)->label);
	note->clear_until_ns =
	    loop_now(s->target->deliver->loop) + DELIVER_PENALTY_MS * CLOCK_MS;
	reach_drop(s);
	outbound_set(s, SESSION_CONNECT);
	reach_connect(s);
}

static bool
is_literal(const struct candidate *c)
{
	struct net_addr a;

	return addr_parse(&a, c->name, 25, ':') == 0;
}

/* `require` means encrypted and verified for the name of the host; a primary
 * that is given by address has no name to verify. With `dane` the records of
 * the host say whom to trust, or that it does not matter. */
void
reach_tls(struct outbound *s)
{
	struct deliver *dl = s->target->deliver;
	const struct candidate *c = outbound_host(s);
	bool literal = is_literal(c);
	bool strict = s->set->tls == CONF_TLS_REQUIRE && !literal;
	struct tls_ctx *ctx = strict ? dl->tls_strict : dl->tls;
	int rc = -MX_ETLS;

	s->handshake = true;
	if (ctx != NULL && c->dane != NULL && c->dane->need == DANE_VERIFY)
		rc = conn_tls_start_dane(s->conn, ctx, c->dane);
	else if (ctx != NULL)
		rc = conn_tls_start(s->conn, ctx, literal ? NULL : c->name);
	if (rc != 0)
		reach_tls_failed(s, 0, "TLS could not be started");
}

void
reach_dialogue(struct outbound *s)
{
	struct smtp_client_conf conf = { .helo = s->conf->hostname,
		.tls = tls_wanted(s) };

	if (conf.tls == CLIENT_TLS_MAY && s->clear)
		conf.tls = CLIENT_TLS_NONE;
	s->client =
	    smtp_client_create(&conf, loop_now(s->target->deliver->loop));
	outbound_set(s, SESSION_HELLO);
	conn_timeout(s->conn, smtp_client_timeout_ms(s->client));
}
