/* SPDX-License-Identifier: ISC
 * alerts: notifies people. A thread of its own examines the newest snapshot
 * each second, decides (rules, instances, outbox) and sends; receivers cannot
 * affect any other thread. The memory is stored in alerts.json of the spool
 * directory: each alert is sent at least once, across restarts and crashes.
 * These functions are for the loop thread and never wait for the network or the
 * disk. */
#ifndef MX_ALERTS_ALERTS_H
#define MX_ALERTS_ALERTS_H

#include "alerts/marks.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"
#include "status/notice.h"
#include "status/snapshot.h"

struct alerts;
struct fetcher;

/* Starts the thread; the spawner runs programs, and is borrowed. Never NULL:
 * alerts that cannot be stored (the file is broken, the disk full) are logged
 * and sent nevertheless. */
struct alerts *
alerts_create(struct config *, struct snapshot_box *, struct fetcher *);
/* Applies a new configuration; reads files of secrets again. */
void alerts_configure(struct alerts *, struct config *);
/* Does not wait for receivers: a message under way is sent again by the next
 * start, with the same key. */
void alerts_destroy(struct alerts **);

/* Something happened: look at the next snapshot soon. */
void alerts_notice(struct alerts *, const struct notice *);

/* Fetches the thread's present state for the three functions below, and calls
 * fn for each domain whose firing alerts changed; a name may come twice. */
void alerts_changed(struct alerts *, void (*fn)(const char *domain, void *arg),
    void *arg);
/* Receivers that accepted alerts since the last call. */
void alerts_told(struct alerts *, void (*fn)(const struct alert_mark *, void *),
    void *arg);
/* In a cluster: a record of another node, or of an earlier run of ours, by its
 * key in the shared state, which begins with ALERTS_SHARED; len 0: removed. */
#define ALERTS_SHARED "alert/"
void
alerts_incident(struct alerts *, const char *key, const void *text, size_t len);
/* Records to be written there since the last call, in this order; text NULL: to
 * be removed. */
void alerts_incidents(struct alerts *,
    void (*fn)(const char *key, const char *text, void *arg), void *arg);
/* The alerts that fire about the domain: 1 << enum alert_kind. O(log n). */
uint32_t alerts_of(const struct alerts *, const char *domain);
/* Puts the alerts, receivers and heartbeats into a snapshot under construction,
 * by reference. O(1). */
void alerts_snapshot(struct alerts *, struct snapshot *);

/* `match` is the name of an alert, of a domain, list or primary, or both:
 * "queue_age/a.test". Returns the id, or 0: too many. */
uint64_t alerts_silence(struct alerts *, const char *match, int64_t for_ms,
    const char *reason);
int alerts_unsilence(struct alerts *, uint64_t id); /* or -MX_ENOENT */
/* In a cluster: sets our node number. The silences of all nodes are one set,
 * with ids unique to a node. To be called before the first silence. */
void alerts_node(struct alerts *, unsigned node);
/* A silence of ours in the form reported to other nodes; false: none. */
bool alerts_silence_text(struct alerts *, uint64_t id, struct buf *);
/* A report of another node, or of ours before a restart; len 0: removed. Known
 * silences are ignored. */
void
alerts_silence_told(struct alerts *, uint64_t id, const void *, size_t len);
/* Drops expired silences, and reports them to fn: in a cluster only the owner
 * does so. Never waits: it may do nothing. */
void alerts_silences_over(struct alerts *, void (*fn)(uint64_t id, void *arg),
    void *arg);
struct alerts_silenced {
	uint64_t id;
	const char *match, *reason;
	int64_t from_ms, until_ms; /* wall */
};
void alerts_silences(struct alerts *,
    void (*fn)(const struct alerts_silenced *, void *arg), void *arg);

/* Acknowledges the alerts that fire now and match: nothing more is sent about
 * them until they get worse or come again. `by`: who, and why. Returns their
 * number. */
unsigned alerts_ack(struct alerts *, const char *match, const char *by);

/* Sends a trigger and then a resolve to that receiver. A ticket (> 0), or
 * -MX_ENOENT, or -MX_EBUSY: too many tests at a time. *limit_ms: the most time
 * that the receiver has for both. */
int64_t alerts_test(struct alerts *, const char *receiver, int64_t *limit_ms);
/* The progress of a test, line by line. */
struct alerts_test_line {
	bool resolve; /* of the resolve; false: of the trigger */
	unsigned url; /* of an alertmanager: index of the address */
	char host[TEXT_DOMAIN_MAX]; /* of that, "http://am.test:9093"; "" */
	int64_t ms; /* since the test began */
	char stage[16]; /* "connected"; at the end "answered" or "failed" */
	char text[128]; /* the answer; "" */
};
/* False: no such line yet. */
bool alerts_test_line(struct alerts *, int64_t ticket, unsigned i,
    struct alerts_test_line *);
/* 1 delivered, 0 not known yet, -MX_ENET not delivered; `text` has details. A
 * ticket is valid for the next 16 tests. */
int
alerts_test_result(struct alerts *, int64_t ticket, char *text, size_t size);

#endif
