/* SPDX-License-Identifier: ISC
 * tls_resume: the TLS sessions that servers let us go on with, so that a
 * connection to one that we were at just now costs a round trip and the work
 * of a signature less. Each belongs to a context (what is verified), an
 * address and a name, and is offered under just these: what was verified then
 * is what would be verified now. A ticket of TLS 1.3 is used once (RFC 8446
 * C.4), the newest first. Bounded; nothing is older than an hour, or outlives
 * the certificate. Loop thread. */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "net/tls_int.h"

#define RESUME_MAX   256 /* sessions of a context, some 4 KB each */
#define RESUME_AGE_S 3600

struct resumable {
	TAILQ_ENTRY(resumable) link; /* the newest first */
	SSL_SESSION *session; /* ours */
	char key[];
};

struct tls_resume {
	SSL_CTX *ssl_ctx;
	TAILQ_HEAD(resumables, resumable) sessions;
	unsigned n;
};

static int ctx_index = -1, key_index = -1;

static void
key_free(void *parent MX_UNUSED, void *key, CRYPTO_EX_DATA *ad MX_UNUSED,
    int index MX_UNUSED, long argl MX_UNUSED, void *argp MX_UNUSED)
{
	free(key);
}

static void
drop(struct tls_resume *r, struct resumable *s)
{
	TAILQ_REMOVE(&r->sessions, s, link);
	r->n--;
	SSL_SESSION_free(s->session);
	free(s);
}

/* The server gave one, perhaps long after the handshake. A copy is kept, for
 * OpenSSL would not use that of a connection again which is closed without a
 * goodbye, as most of ours are. 0: the original is not ours. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_resume *r =
	    SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
	const char *key = SSL_get_ex_data(ssl, key_index);
	struct resumable *s;
	size_t len;

	if (r == NULL || key == NULL || !SSL_SESSION_is_resumable(session) ||
	    (session = SSL_SESSION_dup(session)) == NULL)
		return 0;
	while (r->n >= RESUME_MAX)
		drop(r, TAILQ_LAST(&r->sessions, resumables));
	len = strlen(key) + 1;
	s = mem_alloc(sizeof(*s) + len);
	memcpy(s->key, key, len);
	s->session = session;
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
	if (key_index < 0)
		key_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, key_free);
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

/* Neither too old, nor of a certificate that is no good any more. */
static bool
is_fresh(const SSL_SESSION *session)
{
	X509 *peer = SSL_SESSION_get0_peer((SSL_SESSION *)(uintptr_t)session);
	time_t age = time(NULL) - (time_t)SSL_SESSION_get_time(session);

	return age >= 0 && age < RESUME_AGE_S &&
	    age < (time_t)SSL_SESSION_get_timeout(session) && peer != NULL &&
	    X509_cmp_current_time(X509_get0_notAfter(peer)) > 0;
}

/* The newest that may still be used; those that may not are dropped. */
static struct resumable *
find(struct tls_resume *r, const char *key)
{
	struct resumable *s, *next;

	for (s = TAILQ_FIRST(&r->sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		if (strcmp(s->key, key) != 0)
			continue;
		if (is_fresh(s->session))
			return s;
		drop(r, s);
	}
	return NULL;
}

void
tls_resume_offer(struct tls_resume *r, SSL *ssl, const char *peer,
    const char *name)
{
	char *key = mem_printf("%s %s", peer, name != NULL ? name : "");
	struct resumable *s;

	if (SSL_set_ex_data(ssl, key_index, key) != 1) {
		free(key);
		return;
	}
	if ((s = find(r, key)) == NULL)
		return;
	(void)SSL_set_session(ssl, s->session);
	if (SSL_SESSION_get_protocol_version(s->session) >= TLS1_3_VERSION)
		drop(r, s);
}

void
tls_resume_forget(SSL *ssl)
{
	struct tls_resume *r =
	    SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
	const char *key = SSL_get_ex_data(ssl, key_index);
	struct resumable *s, *next;

	if (r == NULL || key == NULL)
		return;
	for (s = TAILQ_FIRST(&r->sessions); s != NULL; s = next) {
		next = TAILQ_NEXT(s, link);
		if (strcmp(s->key, key) == 0)
			drop(r, s);
	}
	(void)SSL_set_ex_data(ssl, key_index, NULL);
	/* What it still gives is not for us: the key is gone. */
	free((char *)(uintptr_t)key);
}
