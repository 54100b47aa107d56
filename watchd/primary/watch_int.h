/* SPDX-License-Identifier: ISC
 * watch_int: shared by watch.c (the tables), watch_domain.c (a domain's list
 * and state), watch_feed.c (results), watch_bound.c (connection limits),
 * watch_nobody.c (hosts that do not count) and watch_show.c. */
#ifndef MX_PRIMARY_WATCH_INT_H
#define MX_PRIMARY_WATCH_INT_H

#include "primary/watch.h"

#define WATCH_SELF_TEXT                                                        \
	"this server seems to be the best MX of the domain: its mail is held"

/* Takes the label and the cause of one of them. */
#define WATCH_BACKUP_TEXT "no primary is left: %s %s"
#define WATCH_WHY_MAX	  (PRIMARY_LABEL_MAX + PRIMARY_TEXT_MAX + 32)

RB_HEAD(watch_tree, watch);
RB_HEAD(watch_domain_tree, watch_domain);
RB_HEAD(address_sets, address_set);

struct watch_addresses { /* of watch_address.c */
	uint64_t seed;
	uint64_t *hash; /* ascending; NULL: not built yet */
	size_t n;
	int64_t made;
};

struct watch_set {
	struct watch_ops ops;
	struct watch_turns turns;
	struct primary_table *primaries;
	struct watch_tree watches;
	TAILQ_HEAD(, watch) dirty;
	struct watch_domain_tree domains;
	struct address_sets address_sets; /* of watch_bound.c */
	struct watch_addresses addresses;
	uint64_t stamp;
	unsigned looked; /* position of the round over the connections */
};

/* The time of one call. */
struct watch_time {
	int64_t now, wall;
};

/* watch.c */
/* The watch of a host under the policy of `cd`, with one more reference. A new
 * one inherits the knowledge of `heir_of` (NULL: none). */
struct watch *watch_hold(struct watch_set *, const char *name, uint16_t port,
    const struct conf_domain *cd, const struct watch *heir_of,
    struct watch_time);
void watch_release(struct watch_set *, struct watch **);
/* The next watch in the order of the tree; the first after NULL. */
struct watch *watch_after(struct watch_set *, struct watch *);
/* Queues the watch for the fan-out to all of its members. */
void watch_dirty(struct watch_set *, struct watch *);
void watch_stamp(struct watch_set *, struct watch *);
/* A look-up found its addresses; they are copied. */
void
watch_host_set(struct watch_set *, struct watch *, const struct route_host *);

/* watch_domain.c */
/* The domain is not set up before domain_configure(). */
struct watch_domain *
domain_create(const struct conf_domain *, struct watch_time);
void domain_destroy(struct watch_set *, struct watch_domain **);
/* Applies new settings. */
void domain_configure(struct watch_set *, struct watch_domain *,
    const struct conf_domain *, struct watch_time);
/* Takes over the verdict of its primaries. */
void
domain_follow(struct watch_set *, struct watch_domain *, struct watch_time);
/* Feeds an event of the domain itself; cause NULL keeps the present one. */
void domain_feed(struct watch_set *, struct watch_domain *, enum health_input,
    const char *cause, struct watch_time);
/* The domain is down by itself, whatever its primaries are: its canary
 * failed. */
void domain_break(struct watch_set *, struct watch_domain *, const char *why,
    struct watch_time);
/* Its breaker was tripped; why NULL: it is reset. */
void domain_close(struct watch_set *, struct watch_domain *, const char *why,
    struct watch_time);
struct watch_link *domain_link(struct watch_domain *, const struct watch *);
/* The link of the primary that decides; NULL: no primary is watched. */
struct watch_link *domain_decides(const struct watch_domain *);

/* A shown entry of the domain has changed. */
void domain_touch(struct watch_set *, const struct watch_domain *);

/* watch_nobody.c */
/* `why` says that no host is left to hand mail to; NULL: there is one. */
void domain_self(struct watch_set *, struct watch_domain *, const char *why,
    struct watch_time);
/* Why none of its hosts counts; dst holds WATCH_WHY_MAX. */
const char *
domain_why_nobody(const struct watch_domain *, char *dst, size_t size);
/* While the domain is down, its cause is that of `w`, which decides, followed
 * by the backup among its hosts, if any: that one answers, and an operator
 * might take it for a working primary. */
void domain_tell_backup(struct watch_domain *, const struct watch *w);

/* watch_bound.c */
/* Reports the smallest limit of `connections` if it changed. */
void bound_settle(struct watch_set *, struct watch *);
/* The watch has addresses, perhaps new ones. */
void bound_addresses(struct watch_set *, struct watch *);
/* The watch is about to be freed. */
void bound_leave(struct watch_set *, struct watch *);

void watch_addresses_fini(struct watch_set *);

/* Sets *text and *since; *since stays when only the text changes. */
void watch_trouble_set(char **text, int64_t *since,
    const struct route_trouble *, int64_t wall);

#endif
