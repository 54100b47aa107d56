/* SPDX-License-Identifier: ISC
 * dns_pool: the resolver threads. Each has at most one job, so that the caller
 * (dns.c) keeps the queue, and no lock is needed. Called on the loop thread.
 * Private to net/. */
#ifndef MX_NET_DNS_POOL_H
#define MX_NET_DNS_POOL_H

#include "net/dns_wire.h"

struct dns_pool;

struct dns_job {
	enum dns_type type;
	char name[TEXT_DOMAIN_MAX];
	double seconds; /* duration */
	struct dns_result result;
};

/* Called from the loop when a job is finished; its thread is idle again. */
typedef void dns_pool_cb(const struct dns_job *, void *arg);

/* NULL and *eb when the system has no threads or descriptors left. */
struct dns_pool *dns_pool_create(struct loop *, const struct dns_conf *,
    dns_pool_cb *, void *arg, struct mx_errbuf *eb);
/* Aborts the queries under way: takes milliseconds, even if the resolver hangs.
 * Not allowed inside the callback. */
void dns_pool_destroy(struct dns_pool **);

/* False: all threads are busy. */
bool
dns_pool_give(struct dns_pool *, enum dns_type, const char *name) MX_NODISCARD;

#endif
