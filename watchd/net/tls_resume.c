/* SPDX-License-Identifier: ISC
 * tls_resume: see tls_resume.h. Of a peer's tickets an unused one is taken
 * first, and of those the newest; a new ticket replaces all used ones. Sessions
 * are copied in and out, because OpenSSL would not resume one whose connection
 * is closed without close_notify, as most of ours are. */
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/tls_int.h"

#define RESUME_MAX 256 /* sessions of a context, some 4 KB each */

/* The full handshake on which a session is based. Two clocks, because the wall
 * clock may be set and the monotonic one stands still while the machine
 * sleeps. */
struct tls_proof {
	int64_t at; /* clock_now() */
	int64_t wall;
	int64_t not_after; /* the earliest end in the verified chain; wall */
};

struct resumable {
	TAILQ_ENTRY(resumable) link; /* the newest first */
	SSL_SESSION *session; /* our copy */
	struct tls_proof proof;
	int64_t got; /* clock_now(): the server's lifetime counts from here */
	bool used;
	char key[];
};

/* The three that a connection belongs to, and the proof of its session if it is
 * resumed. */
struct offered {
	struct tls_proof proof;
	char key[];
};

struct tls_resume {
	SSL_CTX *ssl_ctx;
	TAILQ_HEAD(resumables, resumable) sessions;
	unsigned n;
};

static int ctx_index = -1, offered_index = -1;

static void
offered_free(void *parent MX_UNUSED, void *offered,
    CRYPTO_EX_DATA *ad MX_UNUSED, int index MX_UNUSED, long argl MX_UNUSED,
    void *argp MX_UNUSED)
{
	free(offered);
}

static void
drop(struct tls_resume *r, struct resumable *s)
{
	TAILQ_REMOVE(&r->sessions, s, link);
	r->n--;
	SSL_SESSION_free(s->session);
	free(s);
}

/* Of the chain as verified, which may differ from the one that was sent. */
static int64_t
first_to_end(SSL *ssl)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	int64_t first = tls_not_after(SSL_get0_peer_certificate(ssl)), t;
	int i;

	for (i = 0; i < sk_X509_num(chain); i++) {
		t = tls_not_after(sk_X509_value(chain, i));
		if (t < first)
			first = t;
	}
	return first;
}

static void
drop_used(struct tls_resume *r, const char *key)
{
	struct resumable *s, *next;

	for (s = TAILQ_FIRST(&r->sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		if (s->used && strcmp(s->key, key) == 0)
			drop(r, s);
	}
}

/* The server sent a ticket, perhaps long after the handshake. 0: OpenSSL keeps
 * the original. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_resume *r =
	    SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
	struct offered *o = SSL_get_ex_data(ssl, offered_index);
	struct resumable *s;
	size_t len;

	if (r == NULL || o == NULL || !SSL_SESSION_is_resumable(session) ||
	    SSL_get0_peer_certificate(ssl) == NULL ||
	    (session = SSL_SESSION_dup(session)) == NULL)
		return 0;
	drop_used(r, o->key);
	while (r->n >= RESUME_MAX)
		drop(r, TAILQ_LAST(&r->sessions, resumables));
	len = strlen(o->key) + 1;
	s = mem_alloc(sizeof(*s) + len);
	memcpy(s->key, o->key, len);
	s->session = session;
	s->got = clock_now();
	if (SSL_session_reused(ssl) == 1)
		s->proof = o->proof;
	else
		s->proof = (struct tls_proof){ s->got, clock_wall(),
			first_to_end(ssl) };
	TAILQ_INSERT_HEAD(&r->sessions, s, link);
	r->n++;
	return 0;
}

struct tls_resume *
tls_resume_create(SSL_CTX *ssl_ctx)
{
	struct tls_resume *r = mem_alloc(sizeof(*r));

	if (ctx_index < 0)
		ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	if (offered_index < 0)
		offered_index =
		    SSL_get_ex_new_index(0, NULL, NULL, NULL, offered_free);
	r->ssl_ctx = ssl_ctx;
	TAILQ_INIT(&r->sessions);
	if (SSL_CTX_set_ex_data(ssl_ctx, ctx_index, r) != 1) {
		mem_free(&r);
		return NULL;
	}
	(void)SSL_CTX_set_session_cache_mode(ssl_ctx,
	    SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ssl_ctx, on_session);
	return r;
}

void
tls_resume_destroy(struct tls_resume **rp)
{
	struct tls_resume *r = *rp;
	struct resumable *s;

	if (r == NULL)
		return;
	(void)SSL_CTX_set_ex_data(r->ssl_ctx, ctx_index, NULL);
	while ((s = TAILQ_FIRST(&r->sessions)) != NULL)
		drop(r, s);
	mem_free(rp);
}

static bool
is_young(int64_t age_s)
{
	return age_s >= 0 && age_s < RESUME_AGE_S;
}

/* The lifetime given by the server: its hint may be less than OpenSSL's own. */
static int64_t
life_s(const SSL_SESSION *session)
{
	int64_t life = SSL_SESSION_get_timeout(session);
	int64_t hint = (int64_t)SSL_SESSION_get_ticket_lifetime_hint(session);

	return hint > 0 && hint < life ? hint : life;
}

static bool
is_fresh(const struct resumable *s)
{
	int64_t now = clock_now(), wall = clock_wall();

	return is_young((now - s->proof.at) / CLOCK_SEC) &&
	    is_young(wall - s->proof.wall) && wall < s->proof.not_after &&
	    (now - s->got) / CLOCK_SEC < life_s(s->session);
}

/* Drops expired ones on the way. */
static struct resumable *
find(struct tls_resume *r, const char *key)
{
	struct resumable *s, *next, *used = NULL;

	for (s = TAILQ_FIRST(&r->sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		if (strcmp(s->key, key) != 0)
			continue;
		if (!is_fresh(s))
			drop(r, s);
		else if (!s->used)
			return s;
		else if (used == NULL)
			used = s;
	}
	return used;
}

void
tls_resume_offer(struct tls_resume *r, SSL *ssl, const char *peer,
    const char *name)
{
	size_t size = strlen(peer) + 1 + strlen(name != NULL ? name : "") + 1;
	struct offered *o = mem_alloc(sizeof(*o) + size);
	struct resumable *s;
	SSL_SESSION *copy;

	(void)snprintf(o->key, size, "%s %s", peer, name != NULL ? name : "");
	if (SSL_set_ex_data(ssl, offered_index, o) != 1) {
		free(o);
		return;
	}
	if ((s = find(r, o->key)) == NULL)
		return;
	o->proof = s->proof;
	s->used = true;
	copy = SSL_SESSION_dup(s->session);
	(void)SSL_set_session(ssl, copy);
	SSL_SESSION_free(copy);
}

void
tls_resume_forget(SSL *ssl)
{
	struct tls_resume *r =
	    SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
	struct offered *o = SSL_get_ex_data(ssl, offered_index);
	struct resumable *s, *next;

	if (r == NULL || o == NULL)
		return;
	for (s = TAILQ_FIRST(&r->sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		if (strcmp(s->key, o->key) == 0)
			drop(r, s);
	}
	/* Further tickets of this connection are ignored. */
	(void)SSL_set_ex_data(ssl, offered_index, NULL);
	free(o);
}
