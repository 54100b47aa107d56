/* SPDX-License-Identifier: ISC
 * dane: TLSA records of a mail host (RFC 6698, 7671) and the TLS policy of a
 * connection to it that follows from them (RFC 7672). A record set that is
 * proven to be absent leaves opportunistic TLS; a failed look-up is never taken
 * for absence.
 *
 * `Secure` means that the resolver vouches for it (dns_answer.secure). A
 * configured name needs no DNSSEC; one from MX records is as secure as those.
 * Records with a usage that relies on public CAs (0, 1) and malformed ones are
 * unusable (RFC 7672 3.1.3).
 *
 * Pure. A struct dane is immutable once it is handed out. It is shared and
 * reference counted without atomics: loop thread. route.c creates it, tls.c
 * applies it. */
#ifndef MX_NET_DANE_H
#define MX_NET_DANE_H

#include "net/dns.h"
#include "net/tls.h"

#define DANE_NAMES_MAX 3

/* Fields of struct dns_tlsa: RFC 6698 2.1, by the names of RFC 7218. */
enum { TLSA_USAGE_TA = 2, TLSA_USAGE_EE = 3 };
enum { TLSA_SELECTOR_CERT = 0, TLSA_SELECTOR_SPKI = 1 };
enum {
	TLSA_MATCHING_FULL = 0,
	TLSA_MATCHING_SHA256 = 1,
	TLSA_MATCHING_SHA512 = 2,
};

enum dane_need {
	DANE_MAY, /* DANE does not apply: TLS when it is offered */
	/* records exist, none usable: TLS without authentication */
	DANE_ENCRYPT,
	/* TLS with a certificate that matches one of the records */
	DANE_VERIFY,
	DANE_DEFER, /* not known: the host must not be used now */
};

struct dane {
	unsigned refs; /* private */
	enum dane_need need;
	const char *why; /* reason, static; "" for DANE_VERIFY */
	/* For DANE_VERIFY. name[0] is the one that has the records, and is sent
	 * as SNI; a certificate under a trust anchor (usage 2) may be for any
	 * of them. */
	char name[DANE_NAMES_MAX][TEXT_DOMAIN_MAX];
	unsigned nnames;
	struct dns_tlsa tlsa[DNS_TLSA_MAX]; /* usable ones */
	unsigned n;
	uint8_t data[]; /* the data of tlsa.at */
};

/* The host before its TLSA records are looked up. */
struct dane_host {
	bool literal; /* configured by address: no name to look up */
	/* named by MX records, or by their absence, with these properties: */
	bool from_mx;
	bool mx_secure, mx_stale;
	/* of its address records, aliases included */
	bool addr_secure, addr_stale;
};

/* The policy where the TLSA records do not matter; NULL: look them up. */
struct dane *dane_before(const struct dane_host *);
/* The policy that follows from the answer for `base`. */
struct dane *dane_after(const struct dns_answer *, const char *base);
/* Before it is handed out: adds a name for certificates under a trust anchor.
 * Does nothing if the name is there or there is no room. */
void dane_add_name(struct dane *, const char *name);

/* NULL is allowed everywhere and means that DANE is not used. */
struct dane *dane_ref(struct dane *);
void dane_unref(struct dane **);
/* True when nothing may be sent in clear. */
bool dane_needs_tls(const struct dane *);
/* For logs and operators: dane-none, dane-encrypt, dane-verify, dane-defer.
 * After the handshake described by `ti` (NULL: before it) dane-verify becomes
 * dane-verified; or dane-encrypt, if OpenSSL could read none of the records. */
const char *dane_word(const struct dane *, const struct tls_info *ti);

#endif
