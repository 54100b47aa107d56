/* SPDX-License-Identifier: ISC
 * watch_int: what watch.c (the tables), watch_domain.c (a domain's list and
 * state), watch_feed.c (what comes in), watch_bound.c (how many connections),
 * watch_nobody.c (hosts that are none) and watch_show.c share. */
#ifndef MX_PRIMARY_WATCH_INT_H
#define MX_PRIMARY_WATCH_INT_H

#include "primary/watch.h"

#define WATCH_SELF_TEXT                                                        \
	"this server seems to be the domain's best MX: its mail is held"

/* With the label of one, and what it is. */
#define WATCH_BACKUP_TEXT "no primary is left: %s %s"
#define WATCH_WHY_MAX	  (PRIMARY_LABEL_MAX + PRIMARY_TEXT_MAX + 32)

RB_HEAD(watch_tree, watch);
RB_HEAD(watch_domain_tree, watch_domain);
RB_HEAD(address_sets, address_set);

struct watch_addresses { /* of watch_address.c */
	uint64_t seed;
	uint64_t *hash; /* ascending; NULL: never made */
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
	unsigned looked; /* how far the connections were looked at */
};

/* The time, for all that one call does. */
struct watch_time {
	int64_t now, wall;
};

/* watch.c */
/* The watch of a host under the policy of `cd`, held once more. A new one takes
 * over what `heir_of` knows (NULL: nothing). */
struct watch *watch_hold(struct watch_set *, const char *name, uint16_t port,
    const struct conf_domain *cd, const struct watch *heir_of,
    struct watch_time);
void watch_release(struct watch_set *, struct watch **);
/* The next one of all; after NULL the first. */
struct watch *watch_after(struct watch_set *, struct watch *);
/* Its members are told, from the first one on. */
void watch_dirty(struct watch_set *, struct watch *);
void watch_stamp(struct watch_set *, struct watch *);
/* A look-up brought its addresses; they are copied. */
void
watch_host_set(struct watch_set *, struct watch *, const struct route_host *);

/* watch_domain.c */
/* Not set up yet: domain_configure(). */
struct watch_domain *
domain_create(const struct conf_domain *, struct watch_time);
void domain_destroy(struct watch_set *, struct watch_domain **);
/* New settings. */
void domain_configure(struct watch_set *, struct watch_domain *,
    const struct conf_domain *, struct watch_time);
/* Takes over what its primaries have come to. */
void
domain_follow(struct watch_set *, struct watch_domain *, struct watch_time);
/* Something of its own; cause: NULL leaves it as it is. */
void domain_feed(struct watch_set *, struct watch_domain *, enum health_input,
    const char *cause, struct watch_time);
/* Down by itself, whatever its primaries are: its breaker, its canary. */
void domain_break(struct watch_set *, struct watch_domain *, const char *why,
    struct watch_time);
/* By its breaker; NULL: that is open again. */
void domain_close(struct watch_set *, struct watch_domain *, const char *why,
    struct watch_time);
struct watch_link *domain_link(struct watch_domain *, const struct watch *);
/* The link whose primary decides; NULL: nobody is there to be watched. */
struct watch_link *domain_decides(const struct watch_domain *);

/* An entry of it that is shown is another one. */
void domain_touch(struct watch_set *, const struct watch_domain *);

/* watch_nobody.c */
/* There is nobody to hand mail to, and why; NULL: there is. */
void domain_self(struct watch_set *, struct watch_domain *, const char *why,
    struct watch_time);
/* None of its hosts counts, and this is why; dst holds WATCH_WHY_MAX. */
const char *
domain_why_nobody(const struct watch_domain *, char *dst, size_t size);
/* While it is down its cause is that of `w`, which decides, and that another host
 * is a backup: that one answers, and would seem to be a way. */
void domain_tell_backup(struct watch_domain *, const struct watch *w);

/* watch_bound.c */
/* Its `connections` may have another least one. */
void bound_settle(struct watch_set *, struct watch *);
/* It has addresses, perhaps others than before. */
void bound_addresses(struct watch_set *, struct watch *);
/* It is about to go. */
void bound_leave(struct watch_set *, struct watch *);

void watch_addresses_fini(struct watch_set *);

/* Sets *text and *since, which stay while the text is only another one. */
void watch_trouble_set(char **text, int64_t *since,
    const struct route_trouble *, int64_t wall);

#endif
