/* SPDX-License-Identifier: ISC
 * dane: TLSA records of a mail host (RFC 6698, 7671) and the TLS policy of a
 * connection to it that follows from them (RFC 7672). A record set that is
 * proven to be absent leaves opportunistic TLS; a look-up that failed is never
 * taken for absence.
 *
 * `Secure` is what the resolver vouches for (dns_answer.secure). A name that
 * was configured needs nobody's word; one that came from MX records is worth
 * as much as those. Records under a usage that leans on public CAs (0, 1) and
 * malformed ones are not usable (RFC 7672 3.1.3).
 *
 * Pure. A struct dane does not change once it was given out: it is shared and
 * counted, without atomics: loop thread. route.c makes it, tls.c obeys it. */
#ifndef MX_NET_DANE_H
#define MX_NET_DANE_H

#include "net/dns.h"
#include "net/tls.h"

#define DANE_NAMES_MAX 3

enum dane_need {
	DANE_MAY, /* DANE does not apply: TLS when it is offered */
	DANE_ENCRYPT, /* records, none usable: TLS, whoever the peer is */
	DANE_VERIFY, /* TLS, and a certificate that one of the records fits */
	DANE_DEFER, /* nobody knows: the host is not to be used now */
};

struct dane {
	unsigned refs; /* private */
	enum dane_need need;
	const char *why; /* in words, static; "" for DANE_VERIFY */
	/* For DANE_VERIFY. name[0] is the one with the records, and goes into
	 * SNI; a certificate under a trust anchor (usage 2) may be for any. */
	char name[DANE_NAMES_MAX][TEXT_DOMAIN_MAX];
	unsigned nnames;
	struct dns_tlsa tlsa[DNS_TLSA_MAX]; /* usable ones */
	unsigned n;
	uint8_t data[]; /* tlsa.at is in here */
};

/* The host as it is before its TLSA records are asked for. */
struct dane_host {
	bool literal; /* configured by address: no name to look under */
	bool from_mx; /* named by MX records, or by there being none; these: */
	bool mx_secure, mx_stale;
	bool addr_secure, addr_stale; /* its address records, aliases too */
};

/* The verdict where the records do not matter; NULL: they do, look them up. */
struct dane *dane_before(const struct dane_host *);
/* The verdict by the answer for `base`. */
struct dane *dane_after(const struct dns_answer *, const char *base);
/* Before it is given out: a name more for certificates under a trust anchor.
 * Those that are there already and those without room are left out. */
void dane_add_name(struct dane *, const char *name);

/* NULL is fine everywhere and means that nobody asked for DANE. */
struct dane *dane_ref(struct dane *);
void dane_unref(struct dane **);
/* Whether nothing may be sent in clear. */
bool dane_needs_tls(const struct dane *);
/* For logs and operators: dane-none, dane-encrypt, dane-verify, dane-defer.
 * After the handshake that `ti` is of (NULL: before it) dane-verify has become
 * dane-verified; or dane-encrypt, when OpenSSL could read none of the records. */
const char *dane_word(const struct dane *, const struct tls_info *ti);

#endif
