/* SPDX-License-Identifier: ISC
 * tls: OpenSSL contexts for the listener (server) and for delivery and probes
 * (client), and the facts of a handshake. conn.c drives the sessions. TLS 1.2
 * at least, no renegotiation, no compression. Every failure at the start names
 * the file and the reason. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "net/tickets.h"
#include "net/tls_int.h"

#define KEY_FILE_MAX (1u << 20)

struct tls_ctx {
	SSL_CTX *ssl_ctx; /* reference counted: sessions hold it too */
	bool server;
	bool strict;
	struct tls_resume *resume; /* of a client */
};

char *
tls_error_text(SSL *ssl, char *dst, size_t size)
{
	unsigned long code = ERR_peek_error();
	const char *reason = NULL;
	long verify;

	if (code == 0)
		reason = "unknown error";
	else if (ERR_SYSTEM_ERROR(code))
		reason = strerror(ERR_GET_REASON(code));
	else
		reason = ERR_reason_error_string(code);
	if (reason == NULL)
		reason = "unknown error";
	if (ssl != NULL && ERR_GET_LIB(code) == ERR_LIB_SSL &&
	    ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
	    (verify = SSL_get_verify_result(ssl)) != X509_V_OK)
		(void)snprintf(dst, size, "%s: %s", reason,
		    X509_verify_cert_error_string(verify));
	else
		(void)strlcpy(dst, reason, size);
	ERR_clear_error();
	return dst;
}

static int
tls_fail(struct mx_errbuf *eb, const char *what)
{
	char reason[256];

	return mx_fail(eb, MX_ETLS, "%s: %s", what,
	    tls_error_text(NULL, reason, sizeof(reason)));
}

/* A daemon cannot ask for a passphrase: an encrypted key is an error. */
static int
tls_no_passphrase(char *buf MX_UNUSED, int size MX_UNUSED, int rw MX_UNUSED,
    void *arg MX_UNUSED)
{
	return -1;
}

static struct tls_ctx *
tls_ctx_create(const SSL_METHOD *method, bool server, struct mx_errbuf *eb)
{
	struct tls_ctx *t = mem_alloc(sizeof(*t));

	ERR_clear_error();
	t->server = server;
	t->ssl_ctx = SSL_CTX_new(method);
	if (t->ssl_ctx == NULL ||
	    SSL_CTX_set_min_proto_version(t->ssl_ctx, TLS1_2_VERSION) != 1) {
		(void)tls_fail(eb, "cannot set up TLS");
		tls_ctx_destroy(&t);
		return NULL;
	}
	/* Many peers close without close_notify. SMTP itself marks the end of a
	 * message, so that a truncated connection cannot be taken for a
	 * complete one. */
	(void)SSL_CTX_set_options(t->ssl_ctx,
	    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
		SSL_OP_IGNORE_UNEXPECTED_EOF);
	(void)SSL_CTX_set_mode(t->ssl_ctx,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	/* without it a record takes two reads: head and rest */
	SSL_CTX_set_read_ahead(t->ssl_ctx, 1);
	/* resumption is by tickets: no state here for each peer */
	(void)SSL_CTX_set_session_cache_mode(t->ssl_ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_default_passwd_cb(t->ssl_ctx, tls_no_passphrase);
	return t;
}

static int
use_key(struct tls_ctx *t, const char *cert_file, const char *path,
    struct mx_errbuf *eb)
{
	struct buf pem = BUF_INIT(KEY_FILE_MAX);
	struct mx_errbuf why = { "" };
	EVP_PKEY *key = NULL;
	BIO *bio = NULL;
	int rc = 0;

	if (file_load_secret(path, &pem, &why) != 0) {
		rc = mx_fail(eb, MX_ETLS, "%s: %s", path, why.text);
		goto out;
	}
	bio = BIO_new_mem_buf(buf_str(&pem), (int)pem.len);
	if (bio != NULL)
		key =
		    PEM_read_bio_PrivateKey(bio, NULL, tls_no_passphrase, NULL);
	if (key == NULL)
		rc = tls_fail_key(path, &pem, eb);
	else if (SSL_CTX_use_PrivateKey(t->ssl_ctx, key) != 1 ||
	    SSL_CTX_check_private_key(t->ssl_ctx) != 1)
		rc = tls_fail_pair(cert_file, path, key, eb);
out:
	EVP_PKEY_free(key);
	BIO_free(bio);
	if (pem.data != NULL)
		explicit_bzero(pem.data, pem.len);
	buf_fini(&pem);
	return rc;
}

static int
server_fill(struct tls_ctx *t, const char *cert_file, const char *key_file,
    struct mx_errbuf *eb)
{
	static const unsigned char sid[] = "mxwatch";
	int rc;

	if (SSL_CTX_use_certificate_chain_file(t->ssl_ctx, cert_file) != 1)
		return tls_fail(eb, cert_file);
	if ((rc = use_key(t, cert_file, key_file, eb)) != 0)
		return rc;
	if (SSL_CTX_set_session_id_context(t->ssl_ctx, sid, sizeof(sid) - 1) !=
		1 ||
	    !tickets_use(t->ssl_ctx))
		return tls_fail(eb, "cannot set up TLS");
	return 0;
}

struct tls_ctx *
tls_server_create(const char *cert_file, const char *key_file,
    struct mx_errbuf *eb)
{
	struct tls_ctx *t = tls_ctx_create(TLS_server_method(), true, eb);

	if (t != NULL && server_fill(t, cert_file, key_file, eb) != 0)
		tls_ctx_destroy(&t);
	return t;
}

static struct tls_ctx *
tls_client_common(bool strict, struct mx_errbuf *eb)
{
	struct tls_ctx *t = tls_ctx_create(TLS_client_method(), false, eb);

	if (t == NULL)
		return NULL;
	t->strict = strict;
	if ((t->resume = tls_resume_create(t->ssl_ctx)) == NULL) {
		(void)tls_fail(eb, "cannot set up TLS");
		tls_ctx_destroy(&t);
		return NULL;
	}
	if (SSL_CTX_set_default_verify_paths(t->ssl_ctx) != 1) {
		(void)tls_fail(eb, "cannot read the system's CAs");
		tls_ctx_destroy(&t);
		return NULL;
	}
	/* The chain is checked and reported even if it is not required; weak
	 * keys are accepted, because the alternative is clear text. */
	if (SSL_CTX_dane_enable(t->ssl_ctx) != 1) {
		(void)tls_fail(eb, "cannot set up DANE");
		tls_ctx_destroy(&t);
		return NULL;
	}
	SSL_CTX_set_verify(t->ssl_ctx,
	    strict ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (!strict)
		SSL_CTX_set_security_level(t->ssl_ctx, 1);
	return t;
}

struct tls_ctx *
tls_client_create(struct mx_errbuf *eb)
{
	return tls_client_common(false, eb);
}

struct tls_ctx *
tls_client_strict_create(struct mx_errbuf *eb)
{
	return tls_client_common(true, eb);
}

void
tls_ctx_destroy(struct tls_ctx **tp)
{
	if (*tp == NULL)
		return;
	tls_resume_destroy(&(*tp)->resume);
	SSL_CTX_free((*tp)->ssl_ctx);
	mem_free(tp);
}

struct tls_resume *
tls_ctx_resume(struct tls_ctx *t)
{
	return t->resume;
}

/* The expected name of the server: a host name, which is also sent as SNI, or
 * an address, which never is (RFC 6066 3). */
static bool
tls_expect(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	unsigned char ip[sizeof(struct in6_addr)];
	char sni[256]; /* OpenSSL takes a char *, and copies it */

	if (inet_pton(AF_INET, name, ip) == 1 ||
	    inet_pton(AF_INET6, name, ip) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
	X509_VERIFY_PARAM_set_hostflags(param,
	    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return strlcpy(sni, name, sizeof(sni)) < sizeof(sni) &&
	    X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 &&
	    SSL_set_tlsext_host_name(ssl, sni) == 1;
}

static SSL *
tls_session_new(struct tls_ctx *t, int fd)
{
	SSL *ssl = SSL_new(t->ssl_ctx);

	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	if (t->server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return ssl;
}

SSL *
tls_session_create(struct tls_ctx *t, int fd, const char *name,
    struct mx_errbuf *eb)
{
	SSL *ssl;

	ERR_clear_error();
	if (t->strict && name == NULL) {
		(void)mx_fail(eb, MX_ETLS, "no name to verify the peer for");
		return NULL;
	}
	ssl = tls_session_new(t, fd);
	if (ssl == NULL ||
	    (!t->server && name != NULL && !tls_expect(ssl, name))) {
		(void)tls_fail(eb, "cannot start TLS");
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

/* RFC 7672 3.1.1: with usage 3 only the record counts: neither name nor dates.
 * With usage 2 OpenSSL checks both (3.1.2). */
static bool
tls_expect_dane(SSL *ssl, const struct dane *d)
{
	const struct dns_tlsa *r;
	unsigned i, readable = 0;
	int rc;

	if (SSL_dane_enable(ssl, d->name[0]) != 1)
		return false;
	(void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	for (i = 1; i < d->nnames; i++) {
		if (SSL_add1_host(ssl, d->name[i]) != 1)
			return false;
	}
	for (i = 0; i < d->n; i++) {
		r = &d->tlsa[i];
		rc = SSL_dane_tlsa_add(ssl, r->usage, r->selector, r->matching,
		    d->data + r->at, r->len);
		if (rc < 0)
			return false;
		readable += rc > 0;
	}
	ERR_clear_error(); /* left by unreadable records */
	SSL_set_verify(ssl, readable > 0 ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
	    NULL);
	return true;
}

SSL *
tls_session_dane(struct tls_ctx *t, int fd, const struct dane *d,
    struct mx_errbuf *eb)
{
	SSL *ssl;

	MX_ASSERT(!t->server && d->need == DANE_VERIFY);
	ERR_clear_error();
	ssl = tls_session_new(t, fd);
	if (ssl == NULL || !tls_expect_dane(ssl, d)) {
		(void)tls_fail(eb, "cannot start TLS with DANE");
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

int64_t
tls_not_after(const X509 *cert)
{
	struct tm tm = { 0 };

	if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
		return 0;
	return (int64_t)timegm(&tm);
}

static void
tls_info_chain(struct tls_info *info, SSL *ssl)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
	int64_t t;
	int i;

	for (i = 0; i < sk_X509_num(chain); i++) {
		t = tls_not_after(sk_X509_value(chain, i));
		if (t != 0 && (info->not_after == 0 || t < info->not_after))
			info->not_after = t;
	}
}

void
tls_info_fill(struct tls_info *info, SSL *ssl)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	long verify = SSL_get_verify_result(ssl);
	bool named = X509_VERIFY_PARAM_get0_host(param, 0) != NULL;
	const char *error = "";
	char *ip;

	memset(info, 0, sizeof(*info));
	(void)strlcpy(info->version, SSL_get_version(ssl),
	    sizeof(info->version));
	(void)strlcpy(info->cipher, SSL_get_cipher_name(ssl),
	    sizeof(info->cipher));
	tls_info_chain(info, ssl);
	if ((ip = X509_VERIFY_PARAM_get1_ip_asc(param)) != NULL)
		named = true;
	OPENSSL_free(ip);
	if (SSL_get0_peer_certificate(ssl) == NULL)
		error = "no certificate";
	else if (verify != X509_V_OK)
		error = X509_verify_cert_error_string(verify);
	else if (!named)
		error = "no name to verify the peer for";
	info->resumed = SSL_session_reused(ssl) == 1;
	info->verified = *error == '\0';
	info->dane =
	    info->verified && SSL_get0_dane_authority(ssl, NULL, NULL) >= 0;
	(void)strlcpy(info->verify_error, error, sizeof(info->verify_error));
}
