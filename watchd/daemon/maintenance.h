/* SPDX-License-Identifier: ISC
 * maintenance: the windows in which work is done on a primary or for a domain,
 * and the look-up of those that are active now. A window comes once (an
 * operator ordered it) or recurs (a section of the configuration). A domain is
 * in one when it is named, or when each of its primaries is: with another
 * primary left its mail is delivered there, and a failure of that one is not
 * covered by the window.
 *
 * Windows are wall time, and each begins and ends once, whatever the clock
 * does: a clock that is set back neither undoes an active window nor repeats a
 * past one. Only when the clock is set back by more than the length of a
 * recurring window, its record of the last occurrence is taken for an error of
 * the former clock.
 *
 * Active windows are found by subject in O(log n); a window has a cost when it
 * begins and when it ends. Pure: `now` is wall seconds. Loop thread. */
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

/* One window; read only, and valid until the next change of the set. */
struct maintenance {
	uint64_t id; /* of one that comes once; 0: recurring */
	const struct conf_maintenance *conf; /* recurring; NULL: comes once */
	/* Of one that comes once: a domain, or the label of a primary. */
	char subject[MAINTENANCE_SUBJECT_MAX];
	bool is_primary;
	bool hold; /* no mail is delivered in the window */
	int64_t uid; /* of the operator; -1: unknown */
	char reason[MAINTENANCE_REASON_MAX]; /* may be "" */
	enum maintenance_state state;
	int64_t from,
	    until; /* of the active or next occurrence; [from, until) */
};

/* The answer for one subject. */
struct maintenance_view {
	bool active;
	bool hold;
	int64_t from, until; /* of the longest that covers the subject */
	const struct maintenance *by; /* that window; NULL: none */
};

struct maintenance_ops {
	/* The window begins (state MAINTENANCE_ACTIVE), or is over. The
	 * callback must not change the set. */
	void (*edge)(void *arg, const struct maintenance *, bool begin);
	/* A primary enters or leaves maintenance: of two windows that overlap,
	 * the first begins it and the last ends it. May be NULL. */
	void (*primary)(void *arg, const char *label, bool begins,
	    const struct maintenance *);
	/* A window that comes once is over: its stored record can be
	 * removed. */
	void (*gone)(void *arg, uint64_t id);
	void *arg;
};

struct maintenance_set *maintenance_create(const struct maintenance_ops *);
void maintenance_destroy(struct maintenance_set **);
/* Sets the number of this node of a cluster; the nodes share one set of
 * windows. */
void maintenance_node(struct maintenance_set *, unsigned node);

/* Takes the recurring windows of a configuration, which is referenced. An
 * active one that is unchanged stays active; a changed one ends here, and
 * begins at the next step if it is due. */
void
maintenance_configure(struct maintenance_set *, struct config *, int64_t now);

/* Adds a window that comes once; `subject` to `state` are to be set. 0 with its
 * new id; -MX_EFULL: there are maintenance_max already; -MX_ESYNTAX: its length
 * is not positive, or it is over. A window from before a restart is added with
 * its id. */
int maintenance_add(struct maintenance_set *, struct maintenance *,
    int64_t now) MX_NODISCARD;
/* Ends a window that comes once, or the active occurrence of a recurring one;
 * by id (digits) or by name. -MX_ENOENT: there is none; -MX_EBUSY: it is
 * recurring and not active. */
int maintenance_end(struct maintenance_set *, const char *which,
    int64_t now) MX_NODISCARD;
/* After a restart, before maintenance_configure(): an occurrence of a recurring
 * window was ended early; it must not begin again before `until`. */
void
maintenance_ended(struct maintenance_set *, const char *name, int64_t until);

/* Executes some of the edges that are due. True: there are more, call again.
 * Cheap if none is due. */
bool maintenance_step(struct maintenance_set *, int64_t now);

/* False: the domain is in no window (*v is zeroed). `labels`: its primaries. */
bool maintenance_of_domain(const struct maintenance_set *, const char *domain,
    const char *const *labels, unsigned n, struct maintenance_view *v);
bool maintenance_of_primary(const struct maintenance_set *, const char *label,
    struct maintenance_view *v);
/* Whether any window is active. O(1). */
bool maintenance_any(const struct maintenance_set *);

/* All windows, by the time of their start. */
void maintenance_each(struct maintenance_set *,
    void (*fn)(const struct maintenance *, void *arg), void *arg);
/* The n-th subject of a window; NULL: no more. dst is used where a label has to
 * be made. */
const char *maintenance_subject(const struct maintenance *, size_t n,
    bool *is_primary, char dst[MAINTENANCE_SUBJECT_MAX]);
const char *
maintenance_name(const struct maintenance *); /* "": it comes once */

/* A window that comes once as a text for the store, and back: 0,
 * -MX_ECORRUPT. */
void maintenance_write(const struct maintenance *, struct buf *);
int maintenance_read(struct maintenance *, uint64_t id, const void *,
    size_t len) MX_NODISCARD;

#endif
