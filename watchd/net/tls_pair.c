/* SPDX-License-Identifier: ISC
 * tls_pair: a certificate and its key, as files: why OpenSSL does not take them, in
 * words that say what to do, and what clients will find wrong with a pair that it
 * does take. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <string.h>

#include "base/mem.h"
#include "net/tls_cert.h"
#include "net/tls_int.h"

int
tls_fail_key(const char *path, const struct buf *pem, struct mx_errbuf *eb)
{
	char reason[256];

	if (pem->len > 0 && strstr(buf_str(pem), "ENCRYPTED") != NULL) {
		ERR_clear_error();
		return mx_fail(eb, MX_ETLS,
		    "%s: the key is encrypted, and a passphrase cannot be "
		    "entered; store the key without one (openssl pkey -in OLD "
		    "-out NEW)",
		    path);
	}
	return mx_fail(eb, MX_ETLS, "%s: no private key in PEM: %s", path,
	    tls_error_text(NULL, reason, sizeof(reason)));
}

int
tls_fail_pair(const char *cert_file, const char *key_file, EVP_PKEY *key,
    struct mx_errbuf *eb)
{
	struct mx_errbuf unread;
	struct tls_cert *c = tls_cert_load(cert_file, &unread);
	unsigned n = c != NULL ? c->n : 0, at = 0;

	while (at < n && X509_check_private_key(c->chain[at], key) != 1)
		at++;
	ERR_clear_error();
	(void)mx_fail(eb, MX_ETLS,
	    "%s: mismatch: it is not the key of the certificate in %s",
	    key_file, cert_file);
	if (at > 0 && at < n)
		(void)mx_fail(eb, MX_ETLS,
		    "%s: mismatch: the certificate of the key %s is number %u "
		    "in it; it must come first, followed by that of its issuer",
		    cert_file, key_file, at + 1);
	tls_cert_destroy(&c);
	return -MX_ETLS;
}

static void
day_text(const ASN1_TIME *t, char *dst, size_t size)
{
	struct tm tm = { 0 };

	if (ASN1_TIME_to_tm(t, &tm) != 1 ||
	    strftime(dst, size, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		(void)strlcpy(dst, "at an unreadable date", size);
}

static void
tell_dates(const X509 *cert, unsigned at, tls_tell_fn *tell, void *arg)
{
	char text[160], day[64];

	if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
		day_text(X509_get0_notAfter(cert), day, sizeof(day));
		snprintf(text, sizeof(text),
		    "certificate %u in it expired on %s; renew it", at + 1,
		    day);
		tell(arg, text);
	}
	if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
		day_text(X509_get0_notBefore(cert), day, sizeof(day));
		snprintf(text, sizeof(text),
		    "certificate %u in it is not valid before %s; is the clock "
		    "right?",
		    at + 1, day);
		tell(arg, text);
	}
}

void
tls_certificate_doubts(const char *cert_file, const char *name,
    tls_tell_fn *tell, void *arg)
{
	struct mx_errbuf unread;
	struct tls_cert *c = tls_cert_load(cert_file, &unread);
	char text[160];

	if (c == NULL)
		return; /* the start says why */
	for (unsigned i = 0; i < c->n; i++) {
		tell_dates(c->chain[i], i, tell, arg);
		if (i == 0 ||
		    X509_check_issued(c->chain[i], c->chain[i - 1]) ==
			X509_V_OK)
			continue;
		snprintf(text, sizeof(text),
		    "certificate %u in it did not issue certificate %u; the "
		    "server's must come first, then that of its issuer, and so "
		    "on",
		    i + 1, i);
		tell(arg, text);
	}
	if (name != NULL && !tls_cert_covers(c, name)) {
		snprintf(text, sizeof(text),
		    "the certificate does not cover the hostname \"%.80s\"",
		    name);
		tell(arg, text);
	}
	ERR_clear_error();
	tls_cert_destroy(&c);
}
