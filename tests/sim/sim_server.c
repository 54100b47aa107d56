/* SPDX-License-Identifier: ISC
 * sim_server: see sim_server.h. The dialogue is that of a plain server: one
 * reply a command, those of one packet together. */
#include "tests/sim/sim_server.h"

#include <arpa/inet.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/sim/sim_judge.h"

#define OUT_MAX	    4096
#define UNKNOWN_MAX 3 /* commands that it does not know; then 421 */

static struct server *all;
static unsigned nall;

struct reply { /* to one packet */
	size_t n;
	bool close;
	bool answers; /* it is the last of a message */
	int64_t delay_ms;
	struct receipt receipt;
	char text[OUT_MAX];
};

const char *
mood_name(enum mood m)
{
	static const char *const names[] = { "well", "refuses", "hole",
		"silent", "resets", "421", "554", "disk_full" };

	return names[m];
}

void
servers_set(struct server *s, unsigned n)
{
	all = s;
	nall = n;
}

/* 198.18.0.0/15 (RFC 2544) and 2001:db8::/32 in turns: the number of the
 * server and that of its address are in them. */
void
server_addresses(struct server *s)
{
	for (unsigned i = 0; i < s->naddrs; i++) {
		struct net_addr *a = &s->addr[i];
		uint32_t n = s->index * SERVER_ADDRS + i + 1;

		memset(a, 0, sizeof(*a));
		if (i % 2 == 0) {
			a->u.in.sin_family = AF_INET;
			a->u.in.sin_addr.s_addr =
			    htonl((198u << 24 | 18u << 16) + n);
			a->len = sizeof(a->u.in);
		} else {
			uint8_t *b = a->u.in6.sin6_addr.s6_addr;

			a->u.in6.sin6_family = AF_INET6;
			memcpy(b, "\x20\x01\x0d\xb8", 4);
			b[14] = (uint8_t)(n >> 8);
			b[15] = (uint8_t)n;
			a->len = sizeof(a->u.in6);
		}
		addr_port_set(a, 25);
	}
}

struct server *
server_at(const struct net_addr *a, unsigned *addr)
{
	uint32_t n;

	if (a->u.sa.sa_family == AF_INET) {
		n = ntohl(a->u.in.sin_addr.s_addr) - (198u << 24 | 18u << 16);
	} else {
		const uint8_t *b = a->u.in6.sin6_addr.s6_addr;

		n = (uint32_t)b[14] << 8 | b[15];
	}
	if (n == 0 || --n / SERVER_ADDRS >= nall)
		return NULL;
	*addr = n % SERVER_ADDRS;
	return &all[n / SERVER_ADDRS];
}

bool
server_takes(const struct server *s)
{
	if (s->mood != MOOD_WELL)
		return false;
	for (unsigned i = 0; i < s->naddrs; i++)
		if (!s->hole[i])
			return true;
	return false;
}

/* What hung goes on, or knows nothing of what was before: a process that was
 * ended has closed all, a machine tells it when it is spoken to. */
static void
visit_after(struct visit *v, enum mood was, bool wakes)
{
	if (!v->mute)
		return;
	if (wakes && !v->server->hole[v->addr]) {
		visit_wake(v);
	} else if (was == MOOD_SILENT) {
		v->mute = false;
		visit_close(v, 0, true);
	}
}

void
server_mood(struct server *s, enum mood m, int64_t now)
{
	struct visit *v, *next;

	enum mood was = s->mood;
	bool hung = s->mood == MOOD_HOLE || s->mood == MOOD_SILENT;
	bool wakes = dice_percent(&s->dice, 50);

	s->mood = m;
	s->well_since = m == MOOD_WELL ? now : 0;
	judge_mood(s);
	for (v = LIST_FIRST(&s->visits); v != NULL; v = next) {
		next = LIST_NEXT(v, link);
		if (m == MOOD_HOLE || m == MOOD_SILENT)
			visit_mute(v);
		else if (hung)
			visit_after(v, was, wakes);
		else if (m == MOOD_REFUSES || m == MOOD_RESETS)
			visit_close(v, 0, true);
	}
}

enum syn
server_syn(struct server *s, unsigned addr)
{
	if (s->hole[addr] || s->mood == MOOD_HOLE)
		return SYN_LOST;
	if (s->mood == MOOD_REFUSES)
		return SYN_REFUSED;
	if (s->limit != 0 && s->nopen >= s->limit && s->mood == MOOD_WELL &&
	    s->limit_how == LIMIT_REFUSES) {
		s->refused++;
		return SYN_REFUSED;
	}
	s->accepted++;
	return SYN_ACCEPTED;
}

/* ---- the dialogue */

static void MX_PRINTF(2, 3) say(struct reply *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->text + r->n, sizeof(r->text) - r->n, fmt, ap);
	va_end(ap);
	MX_ASSERT(n > 0 && (size_t)n < sizeof(r->text) - r->n);
	r->n += (size_t)n;
}

static void
say_and_close(struct reply *r, const char *text)
{
	say(r, "%s\r\n", text);
	r->close = true;
}

static void
send_reply(struct visit *v, struct reply *r)
{
	struct server *s = v->server;
	int64_t delay = s->think_ms > 0 ?
	    dice_range(&s->dice, s->think_ms / 2, s->think_ms * 3 / 2) :
	    0;

	delay += r->delay_ms;
	if (r->n > 0)
		visit_say(v, delay, &r->receipt, r->text, r->n);
	if (r->answers)
		v->answered_at[v->answers++ % VISIT_FLIGHT] = v->last_at;
	/* With something unread it is a reset, as kernels do it. */
	if (r->close) {
		v->state = V_OVER;
		visit_close(v, delay, v->nup > 0);
	}
}

/* The connection is there: nopen counts it. */
void
server_greet(struct visit *v)
{
	struct server *s = v->server;
	struct reply r;

	memset(&r, 0, offsetof(struct reply, text));
	v->state = V_GREETING;
	r.delay_ms = s->greeting_ms;
	switch (s->mood) {
	case MOOD_HOLE:
	case MOOD_SILENT:
		visit_mute(v);
		return;
	case MOOD_REFUSES:
	case MOOD_RESETS:
		visit_close(v, 0, true);
		return;
	case MOOD_421:
		say_and_close(&r, "421 4.3.2 not now");
		break;
	case MOOD_554:
		say_and_close(&r, "554 5.3.2 no mail here");
		break;
	default:
		if (s->limit != 0 && s->nopen > s->limit) {
			s->refused++;
			r.delay_ms = 0;
			if (s->limit_how == LIMIT_421)
				say_and_close(&r, "421 4.7.0 too many");
			else
				r.close = true;
			break;
		}
		say(&r, "220 p%u.test ESMTP\r\n", s->index);
		v->state = V_COMMAND;
	}
	send_reply(v, &r);
}

void
server_tls_up(struct visit *v)
{
	v->tls = true;
	v->ehlo = v->mail = false;
	if (v->server->tls == STLS_LATE_ALERT)
		visit_close(v, 0, true);
}

static void
do_ehlo(struct visit *v, struct reply *r)
{
	const struct server *s = v->server;

	judge_heard(v);
	v->ehlo = true;
	v->mail = false;
	if (s->no_ehlo) {
		say(r, "502 5.5.1 what?\r\n");
		return;
	}
	say(r, "250-p%u.test\r\n", s->index);
	if (s->pipelining)
		say(r, "250-PIPELINING\r\n");
	if (s->chunks != CHUNKS_NONE)
		say(r, "250-CHUNKING\r\n");
	if (s->tls != STLS_NONE && !v->tls)
		say(r, "250-STARTTLS\r\n");
	say(r,
	    "250-SIZE 10000000\r\n250-ENHANCEDSTATUSCODES\r\n"
	    "250 8BITMIME\r\n");
}

/* "m17@s.test" is the world's message 17; <> a probe, or what we have to tell
 * a sender. */
static void
do_mail(struct visit *v, struct reply *r, const char *line)
{
	struct server *s = v->server;
	unsigned long long seq = 0;

	v->seq = 0;
	v->rcpts = 0;
	v->mail = false;
	if (sscanf(line, "MAIL FROM:<m%llu@", &seq) == 1)
		v->seq = seq;
	if (v->role == VISIT_UNKNOWN)
		v->role = v->seq != 0 || s->sink ? VISIT_DELIVERY : VISIT_PROBE;
	if (v->seq != 0)
		judge_mail(v);
	if (s->mood == MOOD_DISK_FULL) {
		say(r, "452 4.3.1 no room\r\n");
		judge_put_off(v);
		return;
	}
	if (v->role == VISIT_DELIVERY && s->mails_max != 0 &&
	    v->mails >= s->mails_max) {
		say_and_close(r, "421 4.7.0 enough for one connection");
		return;
	}
	v->mails++;
	v->mail = true;
	say(r, "250 2.1.0 ok\r\n");
}

/* "u<recipient>@d<domain>.test" */
static void
do_rcpt(struct visit *v, struct reply *r, const char *line)
{
	struct server *s = v->server;
	unsigned rcpt = 0, domain = 0;

	if (!v->mail) {
		say(r, "503 5.5.1 MAIL first\r\n");
		return;
	}
	if (s->sink) {
		v->rcpts = 1;
		say(r, "250 2.1.5 ok\r\n");
		return;
	}
	if (sscanf(line, "RCPT TO:<u%u@d%u.test>", &rcpt, &domain) == 2) {
		enum judge_rcpt j;

		v->domain = domain;
		j = judge_rcpt(v, rcpt, domain);
		if (j != RCPT_TAKEN)
			judge_put_off(v);
		if (j == RCPT_GREYLISTED)
			say(r, "450 4.7.1 greylisted\r\n");
		else if (j == RCPT_FULL)
			say(r, "452 4.2.2 mailbox full\r\n");
		else {
			v->rcpts |= 1u << rcpt;
			say(r, "250 2.1.5 ok\r\n");
		}
		return;
	}
	if (sscanf(line, "RCPT TO:<postmaster@d%u.test>", &domain) == 1)
		judge_probe(v, domain);
	if (s->postmaster != 0)
		say(r, "%u %u.1.1 postmaster\r\n", s->postmaster,
		    s->postmaster / 100);
	else if (s->greylist_ms != 0 && dice_percent(&s->dice, 30))
		say(r, "450 4.7.1 greylisted\r\n");
	else
		say(r, "250 2.1.5 ok\r\n");
}

static void
do_dot(struct visit *v, struct reply *r)
{
	v->state = V_COMMAND;
	v->mail = false;
	r->answers = true;
	if (v->server->mood == MOOD_DISK_FULL) {
		say(r, "452 4.3.1 no room\r\n");
		return;
	}
	v->server->taken++;
	v->unknown = 0;
	if (v->seq != 0) {
		r->receipt = (struct receipt){ .seq = v->seq,
			.domain = v->domain,
			.rcpts = v->rcpts };
		judge_taken(v);
	}
	say(r, "250 2.0.0 taken\r\n");
}

static void
do_unknown(struct visit *v, struct reply *r)
{
	if (++v->unknown > UNKNOWN_MAX)
		say_and_close(r, "421 4.7.0 too many errors");
	else
		say(r, "500 5.5.1 what?\r\n");
}

static void
chunk_over(struct visit *v, struct reply *r)
{
	if (v->rcpts != 0) {
		do_dot(v, r);
		return;
	}
	v->state = V_COMMAND;
	r->answers = true;
	say(r, "503 5.5.1 no recipients\r\n");
}

/* RFC 3030: a chunk that is refused is read all the same. */
static void
do_bdat(struct visit *v, struct reply *r, const char *line, bool behind)
{
	unsigned long long n = 0;

	switch (v->server->chunks) {
	case CHUNKS_CLOSES:
		r->close = true;
		return;
	case CHUNKS_CLOSES_BEHIND:
		if (!behind)
			break;
		r->close = true;
		return;
	case CHUNKS_GOOD:
		break;
	default:
		do_unknown(v, r);
		return;
	}
	MX_ASSERT(sscanf(line, "BDAT %llu LAST", &n) == 1);
	judge_result.chunks++;
	v->chunk = n;
	v->state = V_CHUNK;
	if (n == 0)
		chunk_over(v, r);
}

static bool
is(const char *line, const char *verb)
{
	return strncasecmp(line, verb, strlen(verb)) == 0;
}

static void
do_line(struct visit *v, struct reply *r, const char *line, bool behind)
{
	struct server *s = v->server;

	if (v->state == V_BODY) {
		if (strcmp(line, ".") == 0)
			do_dot(v, r);
		return;
	}
	if (v->state != V_COMMAND)
		return;
	if (is(line, "QUIT")) {
		say_and_close(r, "221 2.0.0 bye");
	} else if (s->mood == MOOD_421) {
		say_and_close(r, "421 4.3.2 not now");
	} else if (is(line, "EHLO")) {
		do_ehlo(v, r);
	} else if (is(line, "HELO")) {
		v->ehlo = true;
		say(r, "250 p%u.test\r\n", s->index);
	} else if (is(line, "STARTTLS")) {
		if (s->tls == STLS_REFUSED)
			say(r, "454 4.7.0 TLS not available\r\n");
		else
			say(r, "220 2.0.0 go\r\n");
	} else if (is(line, "MAIL")) {
		do_mail(v, r, line);
	} else if (is(line, "RCPT")) {
		do_rcpt(v, r, line);
	} else if (is(line, "DATA")) {
		if (v->rcpts == 0) {
			say(r, "554 5.5.1 no recipients\r\n");
		} else {
			v->state = V_BODY;
			say(r, "354 go on\r\n");
		}
	} else if (is(line, "BDAT")) {
		do_bdat(v, r, line, behind);
	} else if (is(line, "RSET") || is(line, "NOOP")) {
		v->mail = false;
		v->rcpts = 0;
		say(r, "250 2.0.0 ok\r\n");
	} else {
		do_unknown(v, r);
	}
}

void
server_sent(struct visit *v)
{
	int64_t now = clock_now();

	if (v->nsent == 0 || v->sent[v->nsent - 1].at != now) {
		if (v->nsent == v->sent_size) {
			v->sent_size = v->sent_size * 2 + 4;
			v->sent =
			    mem_grow(v->sent, v->sent_size, sizeof(*v->sent));
		}
		v->sent[v->nsent++].at = now;
	}
	v->sent[v->nsent - 1].end = v->nup;
}

static int64_t
sent_at(const struct visit *v, size_t at)
{
	unsigned i = 0;

	while (i + 1 < v->nsent && v->sent[i].end <= at)
		i++;
	return v->sent[i].at;
}

/* The first n octets were read. */
static void
consume(struct visit *v, size_t n)
{
	unsigned i, left = 0;

	for (i = 0; i < v->nsent; i++)
		if (v->sent[i].end > n) {
			v->sent[left] = v->sent[i];
			v->sent[left++].end -= n;
		}
	v->nsent = left;
	memmove(v->up, v->up + n, v->nup - n);
	v->nup -= n;
}

/* A line, or what is there of a chunk: how long it is. 0: it is not whole. */
static size_t
do_next(struct visit *v, struct reply *r, size_t at, size_t limit)
{
	size_t n = limit - at;
	char *end;

	if (v->state == V_CHUNK) {
		if (n > v->chunk)
			n = (size_t)v->chunk;
		v->chunk -= n;
		if (v->chunk == 0)
			chunk_over(v, r);
		return n;
	}
	if ((end = memchr(v->up + at, '\n', n)) == NULL)
		return 0;
	n = (size_t)(end - v->up) - at;
	v->sent_at = sent_at(v, at);
	v->up[at + n - (n > 0 && v->up[at + n - 1] == '\r')] = '\0';
	do_line(v, r, v->up + at, at + n + 1 < v->nup);
	return n + 1;
}

void
server_input(struct visit *v)
{
	struct server *s = v->server;
	struct reply r;
	size_t at = 0, n, limit = v->nup;
	bool cut = s->cut_permille != 0 &&
	    dice_below(&s->dice, 1000) < s->cut_permille;

	if (v->mute)
		return;
	if (cut) {
		limit = dice_below(&s->dice, (unsigned)v->nup);
		if (s->well_since != 0)
			s->well_since = clock_now(); /* it was not, until now */
	}
	memset(&r, 0, offsetof(struct reply, text));
	while (at < limit && v->state != V_OVER && !r.close &&
	    (n = do_next(v, &r, at, limit)) > 0) {
		at += n;
		if (!r.answers)
			continue;
		send_reply(v, &r); /* that of one message, in time */
		memset(&r, 0, offsetof(struct reply, text));
	}
	if (at > 0)
		consume(v, at);
	r.close |= cut;
	if (r.n > 0 || r.close)
		send_reply(v, &r);
}
