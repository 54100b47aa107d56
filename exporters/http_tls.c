/* SPDX-License-Identifier: ISC
 * http_tls: see http_tls.h. MHD does not report why it refuses a certificate,
 * so the files are loaded with GnuTLS first. */
#include "exporters/http_tls.h"

#include <string.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/file.h"
#include "base/mem.h"

#define PEM_MAX (1u << 20)

static char *
load(const char *path, bool secret, struct mx_errbuf *eb)
{
	struct buf text = BUF_INIT(PEM_MAX);
	struct mx_errbuf why = { "" };
	char *pem = NULL;

	if ((secret ? file_load_secret : file_load)(path, &text, &why) != 0)
		mx_fail(eb, MX_ETLS, "%s: %s", path, why.text);
	else if (text.len == 0)
		mx_fail(eb, MX_ETLS, "%s: the file is empty", path);
	else
		pem = buf_take(&text);
	buf_fini(&text);
	return pem;
}

static gnutls_datum_t
datum(char *pem)
{
	return (gnutls_datum_t){ (unsigned char *)pem, (unsigned)strlen(pem) };
}

/* The number of certificates in the text, or an error of GnuTLS. Sets `id` (or
 * NULL) to the key id of the first. */
static int
certificates(char *pem, unsigned char *id, size_t *id_len)
{
	gnutls_x509_crt_t *list = NULL;
	gnutls_datum_t text = datum(pem);
	unsigned n = 0;
	int rc;

	rc = gnutls_x509_crt_list_import2(&list, &n, &text, GNUTLS_X509_FMT_PEM,
	    0);
	if (rc < 0)
		return rc;
	if (id != NULL && n > 0)
		rc = gnutls_x509_crt_get_key_id(list[0],
		    GNUTLS_KEYID_USE_SHA256, id, id_len);
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(list[i]);
	gnutls_free(list);
	return rc < 0 ? rc : (int)n;
}

static int
key_id(char *pem, unsigned char *id, size_t *id_len)
{
	gnutls_datum_t text = datum(pem);
	gnutls_x509_privkey_t key;
	int rc;

	if ((rc = gnutls_x509_privkey_init(&key)) < 0)
		return rc;
	rc = gnutls_x509_privkey_import2(key, &text, GNUTLS_X509_FMT_PEM, NULL,
	    0);
	if (rc == 0)
		rc = gnutls_x509_privkey_get_key_id(key,
		    GNUTLS_KEYID_USE_SHA256, id, id_len);
	gnutls_x509_privkey_deinit(key);
	return rc;
}

/* Checks each part by itself: gnutls_certificate_set_x509_key_mem() leaks
 * memory for invalid parts (3.7.9), and each renewal may find such. */
static int
try_out(const struct http_tls *t, const char *cert_file, const char *key_file,
    const char *ca_file, struct mx_errbuf *eb)
{
	unsigned char cert[32], key[32];
	size_t cert_len = sizeof(cert), key_len = sizeof(key);
	int rc;

	if ((rc = certificates(t->cert, cert, &cert_len)) <= 0)
		return mx_fail(eb, MX_ETLS, "%s: no certificate: %s", cert_file,
		    gnutls_strerror(rc));
	rc = key_id(t->key, key, &key_len);
	if (rc != 0 && strstr(t->key, "ENCRYPTED") != NULL)
		return mx_fail(eb, MX_ETLS,
		    "%s: the key is encrypted, and a passphrase cannot be "
		    "entered; store the key without one (openssl pkey -in OLD "
		    "-out NEW)",
		    key_file);
	if (rc != 0)
		return mx_fail(eb, MX_ETLS, "%s: no private key: %s", key_file,
		    gnutls_strerror(rc));
	if (cert_len != key_len || memcmp(cert, key, key_len) != 0)
		return mx_fail(eb, MX_ETLS, "%s and %s do not match", cert_file,
		    key_file);
	if (t->ca != NULL && (rc = certificates(t->ca, NULL, NULL)) <= 0)
		return mx_fail(eb, MX_ETLS, "%s: no certificate: %s", ca_file,
		    gnutls_strerror(rc));
	return 0;
}

int
http_tls_load(struct http_tls *t, const char *cert_file, const char *key_file,
    const char *ca_file, struct mx_errbuf *eb)
{
	memset(t, 0, sizeof(*t));
	if ((t->cert = load(cert_file, false, eb)) != NULL &&
	    (t->key = load(key_file, true, eb)) != NULL &&
	    (ca_file == NULL || (t->ca = load(ca_file, false, eb)) != NULL) &&
	    try_out(t, cert_file, key_file, ca_file, eb) == 0)
		return 0;
	http_tls_fini(t);
	return -MX_ETLS;
}

void
http_tls_fini(struct http_tls *t)
{
	if (t->key != NULL)
		explicit_bzero(t->key, strlen(t->key));
	mem_free(&t->cert);
	mem_free(&t->key);
	mem_free(&t->ca);
}

bool
http_tls_client_ok(void *session)
{
	char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_typed_vdata_st want = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)purpose };
	unsigned status = 0;

	return session != NULL &&
	    gnutls_certificate_verify_peers(session, &want, 1, &status) == 0 &&
	    status == 0;
}
