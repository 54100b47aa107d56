/* SPDX-License-Identifier: ISC
 * alerts: tells people. A thread of its own looks at the newest snapshot each
 * second, decides (rules, instances, outbox) and sends; nothing that a
 * receiver does or does not do reaches any other thread. What is remembered
 * lies in alerts.json of the spool directory: told at least once, across
 * restarts and crashes. These functions are for the loop thread and never
 * wait for the network or the disk. */
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

/* Starts the thread; programs are the spawner's, which is borrowed. Never
 * NULL: alerts that cannot be remembered (the file is broken, the thread's
 * directory full) are logged and told all the same. */
struct alerts *
alerts_create(struct config *, struct snapshot_box *, struct fetcher *);
/* A new configuration; files of secrets are read again. */
void alerts_configure(struct alerts *, struct config *);
/* Waits for no receiver: what is being sent is told by the next start, with the
 * same key. */
void alerts_destroy(struct alerts **);

/* Something happened: look now. */
void alerts_notice(struct alerts *, const struct notice *);

/* Takes what the thread knows now for the three functions below, and calls fn
 * for each domain about which other alerts fire than before; a name may come
 * twice. */
void alerts_changed(struct alerts *, void (*fn)(const char *domain, void *arg),
    void *arg);
/* Who was told since the last call. */
void alerts_told(struct alerts *, void (*fn)(const struct alert_mark *, void *),
    void *arg);
/* In a cluster: a record of another node, or of a former run of ours, by its key in
 * the state that all share, which begins with ALERTS_SHARED; len 0: it is gone. */
#define ALERTS_SHARED "alert/"
void
alerts_incident(struct alerts *, const char *key, const void *text, size_t len);
/* Records to be written there since the last call, in this order; text NULL: to be
 * removed. */
void alerts_incidents(struct alerts *,
    void (*fn)(const char *key, const char *text, void *arg), void *arg);
/* The alerts that fire about the domain: 1 << enum alert_kind. O(log n). */
uint32_t alerts_of(const struct alerts *, const char *domain);
/* Puts the alerts, receivers and heartbeats into a snapshot that is being
 * made: it shares them. O(1). */
void alerts_snapshot(struct alerts *, struct snapshot *);

/* `match` is the name of an alert, of a domain, list or primary, or both:
 * "queue_age/a.test". The id, or 0: too many. */
uint64_t alerts_silence(struct alerts *, const char *match, int64_t for_ms,
    const char *reason);
int alerts_unsilence(struct alerts *, uint64_t id); /* or -MX_ENOENT */
/* The silences of a cluster are one set: we are that node of it, and give out ids
 * that no other does. Before the first of them. */
void alerts_node(struct alerts *, unsigned node);
/* One of ours as the others are told of it; false: there is none. */
bool alerts_silence_text(struct alerts *, uint64_t id, struct buf *);
/* What another node told, or we before a restart; len 0: it is removed. What is
 * known already is nothing new. */
void
alerts_silence_told(struct alerts *, uint64_t id, const void *, size_t len);
/* Those that are over are forgotten, and named to fn: in a cluster nobody else does
 * it. Never waits: it may be that nothing is done. */
void alerts_silences_over(struct alerts *, void (*fn)(uint64_t id, void *arg),
    void *arg);
struct alerts_silenced {
	uint64_t id;
	const char *match, *reason;
	int64_t from_ms, until_ms; /* wall */
};
void alerts_silences(struct alerts *,
    void (*fn)(const struct alerts_silenced *, void *arg), void *arg);

/* Somebody has in hand what fires now and matches: no more is said of it until
 * it gets worse or comes again. `by`: who, and why. How many those are. */
unsigned alerts_ack(struct alerts *, const char *match, const char *by);

/* Sends a trigger and then a resolve to that receiver. A ticket (> 0), or
 * -MX_ENOENT, or -MX_EBUSY: too many tests at a time. *limit_ms: as long as the
 * receiver may take for both. */
int64_t alerts_test(struct alerts *, const char *receiver, int64_t *limit_ms);
/* What has happened in a test, line by line. */
struct alerts_test_line {
	bool resolve; /* else of the trigger */
	unsigned url; /* of an alertmanager: which, from 0 */
	char host[TEXT_DOMAIN_MAX]; /* of that, "http://am.test:9093"; "" */
	int64_t ms; /* since the test began */
	char stage[16]; /* "connected"; at the end "answered" or "failed" */
	char text[128]; /* the answer; "" */
};
/* False: there is no such line yet. */
bool alerts_test_line(struct alerts *, int64_t ticket, unsigned i,
    struct alerts_test_line *);
/* 1 delivered, 0 not known yet, -MX_ENET not delivered; `text` says how. A
 * ticket is good until one of the next 16 tests. */
int
alerts_test_result(struct alerts *, int64_t ticket, char *text, size_t size);

#endif
