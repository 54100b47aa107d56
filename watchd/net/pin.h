/* SPDX-License-Identifier: ISC
 * pin: the networks in which the addresses of a domain's primaries may lie.
 * Those who name the primaries of a domain, or control its DNS records, may not
 * be entitled to make us connect anywhere: an address that a pin bars is never
 * connected to. Each DNS answer is checked (net/route.h), so that changing the
 * records later does not get around it. Immutable, reference counted; any
 * thread. NULL is no pin: any address. */
#ifndef MX_NET_PIN_H
#define MX_NET_PIN_H

#include "base/defs.h"
#include "net/addr.h"

struct pin;

/* Loopback addresses are always barred, and with `never_us` all addresses of
 * this host at any port. `barred` describes an address outside the networks,
 * static: "outside domains_from_networks". */
struct pin *
pin_create(char *const *networks, size_t n, bool never_us, const char *barred);
struct pin *pin_ref(struct pin *);
void pin_unref(struct pin **);

/* `ours`: it is an address of this host. */
bool pin_allows(const struct pin *, const struct net_addr *, bool ours);
const char *pin_barred(const struct pin *);
/* A total order; 0: they allow the same. */
int pin_cmp(const struct pin *, const struct pin *);

#endif
