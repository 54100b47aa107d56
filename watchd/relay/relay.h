/* SPDX-License-Identifier: ISC
 * relay: all that the watchdog part knows of a relay queue. The included queue
 * implements it (queue/); another MTA on the same host could be put behind it.
 * Loop thread only; domains are canonical names. */
#ifndef MX_RELAY_RELAY_H
#define MX_RELAY_RELAY_H

#include "base/err.h"
#include "base/text.h"
#include "relay/selection.h"
#include "status/view.h"

enum flush_trigger {
	FLUSH_RECOVERY,
	FLUSH_MANUAL,
	FLUSH_TIMER,
	FLUSH_ETRN,
	FLUSH_TRIGGER_MAX,
};
const char *flush_trigger_name(enum flush_trigger);

/* A flush, running or the last one. Counts are parts (messages of this
 * domain). */
struct relay_flush {
	const char *domain;
	bool running;
	enum flush_trigger trigger;
	int64_t start_ms, end_ms; /* wall; 0 none */
	uint64_t total, remaining; /* of those present at its start */
	uint64_t delivered, deferred, failed;
	uint64_t lost; /* deferred because the connection broke */
	uint64_t bytes; /* of `total` */
	double rate; /* messages a second, recent */
	int64_t eta_ms; /* -1 unknown */
};

struct relay_domain { /* gauges of one domain */
	/* messages: ready or under way; waiting for time or primary; held */
	uint64_t active, deferred, held;
	uint64_t owed; /* of the deferred: only a notification is due */
	uint64_t recipients, bytes;
	int64_t oldest_ms; /* wall time of arrival, held or not; 0 empty */
	int64_t oldest_live_ms; /* the same without those held or owed */
	int64_t next_expiry_ms; /* wall, of messages not held; 0 none */
	/* The message that has used the largest part of its lifetime,
	 * extensions included, held or not: its arrival (0 empty), its
	 * lifetime. */
	int64_t ripest_ms, ripest_life_ms;
	int64_t next_try_ms; /* wall; 0 none */
	unsigned connections_wanted;
	bool canary; /* one message alone until one is taken */
	bool on_hold; /* the whole domain, by an operator */
	bool broken; /* its breaker is tripped: held, except for trials */
	int64_t broken_ms; /* wall, since when */
	int64_t trial_ms; /* wall, the next trial at the earliest */
	unsigned trials; /* refused since then */
	const char *broken_reply; /* peer text; NULL: not broken */
	/* tripped together with others there; NULL */
	const char *broken_primary;
	unsigned broken_domains; /* number of these; 0: by itself */
	bool broken_speaks; /* reported for all of them */
	unsigned put_off; /* recipients refused and not believed lately */
	bool theirs; /* another node owns its mail */
	/* Mail spooled here while the engine was away. */
	uint64_t local;
	int64_t local_oldest_ms; /* wall; 0: none */
	/* recipients are learned: number of known good and bad ones */
	bool learns;
	uint32_t learned_good, learned_bad;
	bool catch_all; /* any local part is accepted */
	int64_t tested_ms; /* test for that, wall; 0: not yet */
	struct relay_flush flush;
};

static inline uint64_t
relay_domain_messages(const struct relay_domain *d)
{
	return d->active + d->deferred + d->held;
}

struct relay_vault { /* mail that was given up and is kept */
	uint64_t messages, bytes, size; /* size: at most */
	uint64_t leaving; /* of the messages: being queued again */
	int64_t oldest_ms; /* wall, since when; 0 empty */
};

struct relay_unreadable { /* stored parts of which only the id is known */
	const uint64_t *ids; /* ascending; borrowed */
	unsigned n; /* of them */
	uint64_t all; /* total; not all of the ids may be kept */
};

/* What was learned about a recipient. Wall ms, 0: never. */
struct relay_learned {
	/* static: "taken", "passed", "refused", "doubted" (a refusal that does
	 * not count), ... */
	const char *known;
	bool exists; /* as far as is known */
	int64_t taken_ms, passed_ms, refused_ms, refused_first_ms;
};

/* What became of an order about messages; added to. */
struct relay_ordered {
	uint64_t done; /* parts of messages */
	uint64_t in_hand; /* others that are being delivered just now */
	uint64_t bytes; /* of both */
	const char *domain; /* of one of them; borrowed */
};

struct relay_content { /* of a message */
	uint64_t size;
	uint32_t crc; /* of all of it (base/crc.h) */
};

/* A piece of it, lent; nothing and rc 0: it ends before. -MX_ENOENT, -MX_EIO. */
typedef void relay_content_cb(void *arg, int rc, const char *data, size_t len,
    const struct relay_content *);
/* A message that is brought as a copy (mxwatchctl import). Texts are borrowed and
 * were checked; recipients are of domains that we take mail for. */
struct relay_copy_rcpt {
	const char *mailbox, *domain; /* domain: canonical */
	const char *orcpt; /* NULL: none */
	unsigned notify;
};
struct relay_copy {
	const char *sender; /* "" for <> */
	const char *envid, *ret; /* RFC 3461; NULL none */
	const char *helo, *client;
	bool body8, utf8;
	const struct relay_copy_rcpt *rcpts;
	unsigned nrcpts;
};
struct relay_intake; /* one on its way in */
/* 0 and its id: it is durable, and queued; or -MX_EFULL, -MX_EIO. */
typedef void relay_commit_cb(void *arg, uint64_t token, int rc, uint64_t id);
#define RELAY_COPY_RCPTS 10000

typedef void relay_list_cb(void *arg, int rc, const struct msg_view *,
    unsigned n, uint64_t next);
typedef void
relay_show_cb(void *arg, int rc, const struct msg_view *, unsigned n);

struct relay {
	void *self;
	/* All zeroes when nothing is known of that domain. O(log n). */
	void (*domain)(void *self, const char *domain, struct relay_domain *);
	/* The same for all unconfigured destinations together: our
	 * notifications, and the rest of removed domains. Messages are
	 * `deferred`. O(1). */
	void (*others)(void *self, struct relay_domain *);
	/* Ages of the queued messages, per bucket of the given bounds, and the
	 * sum in seconds. */
	void (*ages)(void *self, int64_t now_ms, const double *le, unsigned n,
	    uint64_t *count, double *sum);
	/* Up to `max` (<= 500) messages by ascending id, after `after` (0: from
	 * the first), of one domain or of all (NULL). Calls cb once, later,
	 * with views that are valid during the call; `next` is the `after` of
	 * the following page, 0 at the end. With a selection (NULL: all;
	 * copied) a page may be empty without being the last: it costs no more
	 * than one without, however many messages it skips. */
	void (*list)(void *self, const char *domain, const struct selection *,
	    uint64_t after, unsigned max, relay_list_cb *cb, void *arg);
	/* The index of what is queued, of one domain or of all (NULL), by ascending
	 * id: some behind `after` (0: the first), at once, without a read of the
	 * store. The `after` of those that follow; 0 at the end. Domains are
	 * lent during the call. */
	uint64_t (*look)(void *self, const char *domain, uint64_t after,
	    void (*fn)(void *arg, const char *domain, int64_t arrival_ms),
	    void *arg);
	/* Records that made no sense at the start: they are in no list. */
	void (*unreadable)(void *self, struct relay_unreadable *);
	/* Arrival time of the message with that id, wall ms, if no record has
	 * it. */
	int64_t (*came)(void *self, uint64_t id);
	/* All parts of the message with that id, recipients included. */
	void (*show)(void *self, uint64_t id, relay_show_cb *cb, void *arg);
	/* Up to `max` bytes of what was accepted for that part, from `offset` on.
	 * Calls cb once, later. */
	void (*content)(void *self, uint64_t id, uint64_t offset, size_t max,
	    relay_content_cb *cb, void *arg);
	/* The way in: as queue.h has it. A copy is of up to RELAY_COPY_RCPTS
	 * recipients in 256 domains, else it is -MX_ETOOBIG. */
	struct relay_intake *(*intake)(void *self);
	int (*append)(struct relay_intake *, const void *, size_t);
	bool (*congested)(struct relay_intake *, void (*space)(void *arg),
	    void *arg);
	void (*abort)(struct relay_intake **); /* no-op when NULL */
	int (*commit)(struct relay_intake **, const struct relay_copy *,
	    relay_commit_cb *, void *arg, uint64_t token);
	/* Makes everything of the domain due now and starts with a canary.
	 * dry_run only counts. -MX_EBUSY: one is running; -MX_ENOENT: nothing
	 * is queued there (*out is filled in both cases). */
	int (*flush)(void *self, const char *domain, enum flush_trigger,
	    bool dry_run, struct relay_flush *out);
	/* A release also resets the breaker. */
	int (*hold_domain)(void *self, const char *domain, bool hold);
	/* Of messages: 0, or -MX_ENOENT. What is being delivered gets its order
	 * when it is back, if it is still there. The last one may be NULL. */
	int (*hold)(void *self, uint64_t id, bool hold, bool all_parts,
	    struct relay_ordered *);
	/* Adds to the lifetime of what is queued there now. */
	int (*extend)(void *self, const char *domain, int64_t add_ms);
	/* The same of a message, as hold() has it. */
	int (*extend_one)(void *self, uint64_t id, int64_t add_ms,
	    bool all_parts, struct relay_ordered *);
	/* Gives a message up: with a DSN to its sender, or without a word. */
	int (*bounce)(void *self, uint64_t id, bool all_parts,
	    struct relay_ordered *);
	/* purge: not into the vault either. */
	int (*remove)(void *self, uint64_t id, bool all_parts, bool purge,
	    struct relay_ordered *);
	/* Mailboxes of the domain that the list has and the primary refused for
	 * so long that it was believed: 450 at the door until the list is
	 * another one. A bounded number. */
	void (*refused)(void *self, const char *domain,
	    void (*fn)(void *arg, const char *mailbox, int64_t since_ms),
	    void *arg);
	/* For a domain whose recipients are learned: up to `max` local parts
	 * behind `after` ("": from the first), ascending; true: there are
	 * more. */
	bool (*learned)(void *self, const char *domain, const char *after,
	    unsigned max,
	    void (*fn)(void *arg, const char *local,
		const struct relay_learned *),
	    void *arg);
	/* Messages that were bounced, expired or removed, kept for a while. The
	 * views of its list are MSG_VAULT and have their recipients; a page may
	 * have fewer than `max`. */
	void (*vault)(void *self, struct relay_vault *);
	void (*vault_list)(void *self, const char *domain,
	    const struct selection *, uint64_t after, unsigned max,
	    relay_list_cb *cb, void *arg);
	/* Queues it again, with a fresh lifetime. -MX_EBUSY: it was queued
	 * again before, and `again` is not set. */
	int (*replay)(void *self, uint64_t id, bool again);
	int (*purge)(void *self, uint64_t id);
};

#endif
