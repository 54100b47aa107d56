/* SPDX-License-Identifier: ISC
 * redirect: an operator's order that the mail of a domain goes to other hosts
 * than its configuration names, because its primary has moved. It is a layer
 * over a configuration: config_redirected() makes another one, which shares all
 * but the domains and has the ordered hosts as their `primary`. So whatever
 * goes by a configuration (probes, deliveries, ETRN, the doctor) follows, and
 * whatever else a domain has (TLS, limits, networks) stays:
 *
 *	config_load() -> base;  config_redirected(base, set) -> in force
 *	another order:  config_redirected(config_base(in force), other set)
 *
 * A redirect and a set of them are immutable and reference counted; a
 * configuration holds its set. Pure; any thread. Times are wall seconds. */
#ifndef MX_CONFIG_REDIRECT_H
#define MX_CONFIG_REDIRECT_H

#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"

#define REDIRECTS_MAX	    1000 /* in a set */
#define REDIRECT_HOSTS_MAX  8 /* as many as a route has (net/route.h) */
#define REDIRECT_REASON_MAX 161
#define REDIRECT_RECORD_MAX 4096
#define REDIRECT_HOSTS_TEXT (REDIRECT_HOSTS_MAX * (TEXT_DOMAIN_MAX + 10))

struct redirect {
	unsigned refs; /* private */
	char domain[TEXT_DOMAIN_MAX]; /* canonical */
	struct strlist to; /* as `primary` of mxwatchd.conf(5); one at least */
	int64_t since;
	int64_t until; /* 0: until it is ended */
	int64_t uid; /* of the operator; -1: unknown */
	char reason[REDIRECT_REASON_MAX]; /* may be "" */
};

struct redirect_set {
	unsigned refs; /* private */
	size_t n;
	struct redirect *r[]; /* ascending by domain */
};

/* With those hosts, and all else 0 for the caller to set before the redirect is
 * shared. NULL: a host is not one, or there are too many; *eb says which. */
struct redirect *redirect_create(const char *domain, char *const *host,
    size_t n, struct mx_errbuf *);
struct redirect *redirect_ref(struct redirect *);
void redirect_unref(struct redirect **);

/* May its hosts be the primary of the domain? A host that is this server, or
 * that the domain's networks bar, may not: 0, or -MX_ESYNTAX. Names are judged
 * after their look-up, by the route. */
int redirect_check(const struct redirect *, const struct config *,
    const struct conf_domain *, struct mx_errbuf *) MX_NODISCARD;

/* As a line for the store, and back: NULL when it does not hold. */
void redirect_write(const struct redirect *, struct buf *);
struct redirect *
redirect_read(const char *domain, const void *data, size_t len);

/* "mx1.example.org, mx2.example.org", cut; without a host "its MX records".
 * Returns dst. */
char *redirect_hosts(const struct strlist *, char *dst, size_t size);

/* ---- sets; NULL is the empty one */

/* Another set, with the redirect (referenced) in place of one of the same
 * domain; or without any for the domain. */
struct redirect_set *
redirect_set_with(const struct redirect_set *, struct redirect *);
struct redirect_set *
redirect_set_without(const struct redirect_set *, const char *domain);
struct redirect_set *redirect_set_ref(struct redirect_set *);
void redirect_set_unref(struct redirect_set **);
/* NULL: there is none. O(log n). */
struct redirect *
redirect_set_find(const struct redirect_set *, const char *domain);

/* ---- in configurations */

/* A configuration as `base`, with the redirects in force. Domains that removed
 * it does not have yet: removed_attach() applies the set to them. `base` must
 * not be the result of this function. The caller has the only reference. */
struct config *config_redirected(struct config *base, struct redirect_set *);
/* The configuration without redirects; the given one if it was never
 * redirected. Borrowed. */
struct config *config_base(struct config *);
/* The hosts that the configuration itself has for the domain; empty: by MX
 * records. */
const struct strlist *config_own_primary(const struct conf_domain *);
/* Has the redirect become the configuration? Then it is not applied. */
bool
redirect_is_configured(const struct redirect *, const struct conf_domain *);
/* Are the redirects of the two in force with the same effect, and shown
 * alike? */
bool redirect_same(const struct conf_domain *, const struct conf_domain *);
/* Redirects one domain of a configuration that is not shared yet. */
void redirect_apply(const struct redirect_set *, struct conf_domain *);

#endif
