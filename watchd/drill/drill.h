/* SPDX-License-Identifier: ISC
 * drill: a marked message is sent to a domain as any client would send one, to
 * a listener of ours, and is followed through spool and delivery. On request,
 * and, where `drill` is set, once a period.
 *
 *	start, by an operator or the schedule
 *	  -> talk: one session with a listener (talk.h)
 *	     -> smtpd meets the mark: drill_is_marked(), drill_queued()
 *	     -> 250
 *	  -> each attempt: drill_tried()
 *	  -> the message has left the queue: drill_over()
 *	     or its deadline: drill_ops.remove(), then drill_over()
 *
 * The message has the null reverse-path and the flag ENV_DRILL: no report, no
 * entry in the vault, and nothing is learned from a refusal. The record of a
 * domain (record.h) is written before its message is durable, so that a drill
 * is followed to its end over a restart, and, in a cluster, when the domain has
 * moved. Steps are kept in memory: of what is under way, and of the last
 * DRILL_ENDED_MAX. A domain has at most one drill under way. Loop thread. */
#ifndef MX_DRILL_DRILL_H
#define MX_DRILL_DRILL_H

#include "config/config.h"
#include "drill/record.h"
#include "primary/reach.h"
#include "status/snapshot.h"

#define DRILL_ACTIVE_MAX 256 /* under way at once */
#define DRILL_TALKS_MAX	 2 /* of these, in their session; of the schedule */
#define DRILL_ENDED_MAX	 64 /* whose steps are kept */
#define DRILL_STEPS_MAX	 16 /* of one drill; more attempts replace the last */

struct drill_set;

enum drill_change {
	DRILL_BEGAN,
	DRILL_ENDED, /* the record has it */
	DRILL_READ, /* the record came from the store or another node */
};

struct drill_ops {
	/* Whether this node has the domain's mail. */
	bool (*ours)(void *arg, const char *domain);
	/* Whether a scheduled drill may begin: the primary is up, and nobody is
	 * working on it. */
	bool (*may_begin)(void *arg, const char *domain);
	/* Why mail to the domain is not delivered now; false: it is. */
	bool (*obstacle)(void *arg, const char *domain, char *dst, size_t size);
	/* Makes the record durable before whatever is stored later; nothing
	 * (len 0): removes it. */
	void (*put)(void *arg, const char *domain, const void *, size_t len);
	/* Removes the message; drill_over() follows. -MX_ENOENT: it is not in
	 * the queue; -MX_EBUSY: that is not known yet. */
	int (*remove)(void *arg, uint64_t id);
	/* What drill_show() tells of the domain has changed. */
	void (*changed)(void *arg, const char *domain, enum drill_change,
	    const struct drill_record *);
	void *arg;
};

/* The reach_env is borrowed, except its book and memory, which are not used. */
struct drill_set *
drill_create(const struct reach_env *, const struct drill_ops *);
void drill_destroy(struct drill_set **);

/* Takes a reference: our name and listeners. */
void drill_configure(struct drill_set *, struct config *);
/* The schedule of a domain by its options. */
void drill_domain(struct drill_set *, const struct conf_domain *);
/* The domain has left the configuration: no more drills. */
void drill_stop(struct drill_set *, const char *domain);
/* Nothing of it is queued any more: its record goes. */
void drill_forget(struct drill_set *, const char *domain);
/* The record of a domain, from the store at a start, or from another node; len
 * 0: it was removed. */
void
drill_told(struct drill_set *, const char *domain, const void *, size_t len);

/* Starts a drill, or finds the one under way. *number: by which its steps are
 * found. recipient NULL: by the domain's options. 0; -MX_EBUSY: one is under
 * way; -MX_EFULL: too many are; -MX_ENOENT: there is no listener. */
int drill_start(struct drill_set *, const struct conf_domain *,
    const char *domain, const char *recipient, uint64_t *number);
/* The i-th step of it. False: none yet. */
bool drill_step(const struct drill_set *, uint64_t number, unsigned i,
    struct drill_step *);
/* -MX_ENOENT: it is not known any more. */
int drill_look(const struct drill_set *, uint64_t number, struct drill_view *);

/* ---- by smtpd, deliver and queue. */
/* Does the mark belong to a drill whose message is expected? */
bool drill_is_marked(const struct drill_set *, const char *mark);
/* Its message is about to be stored as `id`. */
void drill_queued(struct drill_set *, const char *mark, uint64_t id);
/* An attempt: kind, ms are filled in here. */
void drill_tried(struct drill_set *, const char *domain, uint64_t id,
    const struct drill_step *);
/* It has left the queue, delivered or not; `why`: without an attempt. */
void drill_over(struct drill_set *, const char *domain, uint64_t id, bool ok,
    const char *why);

/* False, and nothing is changed: no drill is known of the domain, and none is
 * scheduled. Strings are borrowed. */
bool
drill_show(const struct drill_set *, const char *domain, struct snap_drill *);

#endif
