/* SPDX-License-Identifier: ISC
 * tls_cert: a certificate chain of ours as a file has it, as others will judge
 * it: for which names, until when, and whether a TLSA record fits. Reading it
 * waits for the disk; the rest is pure. Any thread, one at a time. */
#ifndef MX_NET_TLS_CERT_H
#define MX_NET_TLS_CERT_H

#include "base/err.h"
#include "net/dns.h"

struct tls_cert;

/* PEM, the host's own first, as smtpd { tls_cert } has it. NULL and *eb. */
struct tls_cert *tls_cert_load(const char *path, struct mx_errbuf *eb);
void tls_cert_destroy(struct tls_cert **);
/* As a client checks it that knows the host by that name (RFC 6125). */
bool tls_cert_covers(const struct tls_cert *, const char *name);
/* Wall seconds at which the first of the chain ends; 0: not known. */
int64_t tls_cert_not_after(const struct tls_cert *);
/* Does that record of the answer fit: usage 3 the host's own, usage 2 one of the
 * chain (RFC 7672 3.1)? Others never do. */
bool tls_cert_fits(const struct tls_cert *, const struct dns_answer *,
    const struct dns_tlsa *);

#endif
