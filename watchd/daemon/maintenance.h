/* SPDX-License-Identifier: ISC
 * maintenance: the windows in which somebody works on a primary or for a domain,
 * and the question what is in one now. A window comes once (an operator ordered
 * it) or again and again (a section of the configuration). A domain is in one when
 * it is named, or when each of its primaries is: who has another primary is
 * delivered there, and what is wrong then is not what the window is for.
 *
 * Windows are wall time, and each begins and ends once, whatever the clock does:
 * what goes on is not undone by a clock that is set back, nor does it come again.
 * Only a clock that is set back by more than the window is long makes what a
 * recurring one has done a mistake of before.
 *
 * What goes on is found by subject in O(log n); a window costs something when it
 * begins and ends. Pure: `now` is wall seconds. Loop thread. */
#ifndef MX_DAEMON_MAINTENANCE_H
#define MX_DAEMON_MAINTENANCE_H

#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"

#define MAINTENANCE_REASON_MAX	161
#define MAINTENANCE_RECORD_MAX	1024
#define MAINTENANCE_SUBJECT_MAX (TEXT_DOMAIN_MAX + 8)

struct maintenance_set;

enum maintenance_state {
	MAINTENANCE_TO_COME,
	MAINTENANCE_ACTIVE,
};

/* One window; read only, and not beyond the next change of the set. */
struct maintenance {
	uint64_t id; /* of one that comes once; 0: it comes again */
	const struct conf_maintenance *conf; /* it comes again; NULL: once */
	/* Of one that comes once: a domain, or the label of a primary. */
	char subject[MAINTENANCE_SUBJECT_MAX];
	bool is_primary;
	bool hold; /* no mail is delivered meanwhile */
	int64_t uid; /* of who ordered it; -1: nobody knows */
	char reason[MAINTENANCE_REASON_MAX]; /* "" */
	enum maintenance_state state;
	int64_t from,
	    until; /* of what goes on, or comes next; until - 1 is in */
};

/* The answer for one subject. */
struct maintenance_view {
	bool active;
	bool hold;
	int64_t from, until; /* the longest of those that cover it */
	const struct maintenance *by; /* that one; NULL: none */
};

struct maintenance_ops {
	/* It begins (state MAINTENANCE_ACTIVE), or is over. Nothing of the set
	 * may be changed from there. */
	void (*edge)(void *arg, const struct maintenance *, bool begin);
	/* A primary is in a window now, or no longer: of two windows that overlap
	 * the first begins it and the last ends it. NULL: nobody asks. */
	void (*primary)(void *arg, const char *label, bool begins,
	    const struct maintenance *);
	/* What is kept of it may go: one that comes once, which is over. */
	void (*gone)(void *arg, uint64_t id);
	void *arg;
};

struct maintenance_set *maintenance_create(const struct maintenance_ops *);
void maintenance_destroy(struct maintenance_set **);
/* We are that node of a cluster, the windows of which are one set. */
void maintenance_node(struct maintenance_set *, unsigned node);

/* The recurring ones of that configuration, which is held. One that goes on and is
 * there unchanged goes on; else it ends here, or at the next step begins. */
void
maintenance_configure(struct maintenance_set *, struct config *, int64_t now);

/* One that comes once: what is set of it is subject to state. 0 with its new id;
 * -MX_EFULL: there are maintenance_max; -MX_ESYNTAX: it has no length, or is over
 * already. An active one of before a restart is added with its id. */
int maintenance_add(struct maintenance_set *, struct maintenance *,
    int64_t now) MX_NODISCARD;
/* Ends one that comes once, or what goes on of one that comes again; by id (digits)
 * or by name. -MX_ENOENT: there is none; -MX_EBUSY: it comes again, and not now. */
int maintenance_end(struct maintenance_set *, const char *which,
    int64_t now) MX_NODISCARD;
/* An occurrence of a recurring one that was ended before its time: it does not
 * begin again before `until`. For after a restart; before maintenance_configure(). */
void
maintenance_ended(struct maintenance_set *, const char *name, int64_t until);

/* Does what is due: some of it. True: there is more, call it again. Cheap when
 * nothing is due. */
bool maintenance_step(struct maintenance_set *, int64_t now);

/* False: it is not in one (*v is zeroed). `labels`: its primaries. */
bool maintenance_of_domain(const struct maintenance_set *, const char *domain,
    const char *const *labels, unsigned n, struct maintenance_view *v);
bool maintenance_of_primary(const struct maintenance_set *, const char *label,
    struct maintenance_view *v);
/* Whether anything goes on. O(1). */
bool maintenance_any(const struct maintenance_set *);

/* All of them, by the time when they begin. */
void maintenance_each(struct maintenance_set *,
    void (*fn)(const struct maintenance *, void *arg), void *arg);
/* The n-th thing that it names; NULL: no more. dst is used where a label has to be
 * made. */
const char *maintenance_subject(const struct maintenance *, size_t n,
    bool *is_primary, char dst[MAINTENANCE_SUBJECT_MAX]);
const char *
maintenance_name(const struct maintenance *); /* ""; of the section */

/* One that comes once as a text, for the store, and back: 0, -MX_ECORRUPT. */
void maintenance_write(const struct maintenance *, struct buf *);
int maintenance_read(struct maintenance *, uint64_t id, const void *,
    size_t len) MX_NODISCARD;

#endif
