/* SPDX-License-Identifier: ISC
 * pin: where the addresses of a domain's primaries may lie. Who may name the
 * primaries of a domain, or change its records in the DNS, is not always one who
 * may send us anywhere: an address that a pin bars is never connected to, whoever
 * says that it is the primary's. It is asked of each answer of the DNS
 * (net/route.h), so that a name which leads elsewhere later leads nowhere.
 * Immutable, reference counted; any thread. NULL is no pin: anywhere. */
#ifndef MX_NET_PIN_H
#define MX_NET_PIN_H

#include "base/defs.h"
#include "net/addr.h"

struct pin;

/* The loopback is barred anyway, and with `never_us` each address of this host
 * at whatever port. `barred`: what an address is that lies elsewhere, static:
 * "outside domains_from_networks". */
struct pin *
pin_create(char *const *networks, size_t n, bool never_us, const char *barred);
struct pin *pin_ref(struct pin *);
void pin_unref(struct pin **);

/* `ours`: it is one of this host. */
bool pin_allows(const struct pin *, const struct net_addr *, bool ours);
const char *pin_barred(const struct pin *);
/* A total order; 0: they allow the same. */
int pin_cmp(const struct pin *, const struct pin *);

#endif
