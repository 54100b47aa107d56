/* SPDX-License-Identifier: ISC
 * alerts_int: what alerts.c (the loop thread's side), thread.c (the turns),
 * notify*.c and heartbeat.c (whom something is sent to, and what came of it)
 * and receiver.c share. Fields are the alert thread's own unless they stand
 * under a lock. */
#ifndef MX_ALERTS_ALERTS_INT_H
#define MX_ALERTS_ALERTS_INT_H

#include <pthread.h>

#include "alerts/alerts.h"
#include "alerts/format.h"
#include "alerts/identity.h"
#include "alerts/marks.h"
#include "alerts/memory.h"
#include "base/buf.h"
#include "base/mailbox.h"
#include "fetch/fetch.h"

#define ALERTS_TESTS 16
/* An alert that does not fit is shown when its block is remade for another
 * reason, within minutes. */
#define ALERTS_CHANGED_MAX (64u << 20)

/* One receiver as it is now. */
struct receiver {
	const struct conf_receiver *conf; /* of alerts.conf */
	const struct receiver_type *type;
	char *url, *routing_key, *token, *hmac_key, *password; /* secrets */
	char *from;
	char broken[208]; /* why it cannot be used; "" it can */
	bool busy; /* one at a time */
	struct outbox_entry *pick; /* within one turn only */
	unsigned failures; /* in a row */
	int64_t not_before; /* monotonic ns */
	int64_t failing_ms; /* wall: since; 0 it is not; see am */
	bool rejected; /* the last one was */
	struct snap_receiver shown;
	struct { /* alertmanager: each url for itself */
		int64_t next; /* monotonic ns */
		unsigned failures;
		int64_t failing_ms; /* wall: since; 0 it is not */
		bool busy;
	} am[CONF_URLS_MAX];
};

struct heartbeat {
	const struct conf_heartbeat *conf;
	int64_t next; /* monotonic ns */
	bool busy;
	struct snap_heartbeat shown;
};

/* The purpose of a transfer; found again by names and ids, since a reload may
 * have come in between. */
enum errand_what {
	ERRAND_ENTRY,
	ERRAND_AM,
	ERRAND_HEARTBEAT,
	ERRAND_TEST, /* its trigger, */
	ERRAND_TEST_END, /* its resolve */
};
struct errand {
	enum errand_what what;
	char name[SNAP_NAME_MAX];
	uint64_t id; /* entry, ticket */
	unsigned url; /* of an alertmanager */
	int64_t at_ms; /* wall: what it was told was so then */
	bool resolve;
};

#define TEST_LINES_MAX 256 /* of 16 addresses, twice, each stage */

struct test_result {
	int64_t ticket; /* 0: none */
	int rc; /* as alerts_test_result() */
	char text[128];
	unsigned left; /* addresses that are not through */
	bool failed; /* one of them was not told */
	int64_t began; /* monotonic ns */
	struct alerts_test_line *line;
	unsigned nlines;
};

struct alerts {
	pthread_t thread;
	struct mailbox *box;
	struct snapshot_box *snapshots;
	char *path; /* of the memory */
	int64_t last_ticket; /* of the loop thread */
	struct config *loop_conf; /* the loop thread's reference */
	struct snap_alerts *loop_known; /* what it shows */

	/* the alert thread's */
	struct config *conf;
	struct fetch_client *fetch;
	unsigned under_way; /* errands without an answer */
	struct rules *rules;
	struct alerts_identity identity;
	struct receiver *receiver;
	size_t nreceivers;
	struct heartbeat *heartbeat;
	size_t nheartbeats;
	struct buf image; /* of the memory, while it is saved */
	int64_t started_ms; /* wall */
	bool stopping;
	bool save_failed;
	bool told; /* something came back: look at the outbox again */
	int64_t last_step, next_step; /* monotonic ns */
	int64_t last_save, last_show;
	uint64_t dropped; /* as last logged */

	pthread_mutex_t state; /* of the memory: silences come from outside */
	struct memory memory;

	struct marks marks; /* has a lock of its own */

	pthread_mutex_t shown; /* of what follows; held for copying only */
	struct snap_alerts *known;
	/* Names, each with its '\0', of the domains about which other alerts
	 * fire than when the loop thread last looked. */
	struct buf changed;
	/* Records that the loop thread is to write for the other nodes. */
	struct incident_changes share;
	struct test_result test[ALERTS_TESTS];
};

/* receiver.c */
void receivers_build(struct alerts *); /* from alerts.conf, keeping counters */
void receivers_free(struct alerts *);
struct receiver *receiver_find(struct alerts *, const char *name);
/* When that one ceased to take anything; of several addresses the first that
 * did. 0: it takes what it is told. */
int64_t receiver_failing(const struct receiver *);
/* The receiver not reached for longest, for the rules; all of them for the
 * memory, so that a restart is not taken for their recovery. */
void receivers_failing(struct alerts *, struct rules_self *);
void receiver_context(const struct alerts *, const struct receiver *,
    struct format_ctx *);

/* notify.c */
void notify_entries(struct alerts *); /* marks them attempted */
/* Starts what notify_entries() found, after the memory was saved. */
void notify_send(struct alerts *);
void notify_done(struct alerts *, struct errand *, const struct send_result *);
/* for those below */
struct errand *errand_create(enum errand_what, const char *name);
void notify_message(struct alerts *, const struct receiver *, struct message *,
    struct errand *);
/* Takes what both hold. */
void notify_carry(struct alerts *, struct message *, struct carry *,
    struct errand *);
/* How a receiver is, from what came of one message. failing_ms: its own or
 * that of one of its addresses. */
void notify_result(struct receiver *, int64_t *failing_ms,
    const struct send_result *, unsigned failures);

/* notify_am.c */
void notify_alertmanagers(struct alerts *, bool changed);
void notify_am_done(struct alerts *, const struct errand *,
    const struct send_result *);

/* notify_test.c */
void notify_test(struct alerts *, const char *receiver, int64_t ticket);
void notify_test_told(struct alerts *, const struct errand *, enum carry_stage);
void notify_test_done(struct alerts *, const struct errand *,
    const struct send_result *);

/* heartbeat.c */
void notify_heartbeats(struct alerts *, const struct snapshot *);
void notify_heartbeat_done(struct alerts *, const struct errand *,
    const struct send_result *);
/* Whether all that somebody would rely on is alive: the loop, the probes, the
 * spool. `now` is monotonic ns: the snapshot is not older when somebody sets
 * the clock. Pure. */
bool heartbeat_alive(const struct config *, const struct snapshot *,
    int64_t now, int64_t wall_ms);

/* thread.c */
enum { MAIL_CONF, MAIL_LOOK, MAIL_TEST, MAIL_STOP, MAIL_ANSWER, MAIL_INCIDENT };

struct alerts_mail {
	struct mail mail; /* first */
	struct config *conf; /* MAIL_CONF: the thread's reference */
	char name[SNAP_NAME_MAX];
	int64_t ticket;
	char *key, *text; /* MAIL_INCIDENT; NULL: it is gone */
	size_t len;
};
void *alerts_run(void *alerts); /* the thread's main: these three */
void alerts_begin(struct alerts *);
void alerts_turn(struct alerts *);
void alerts_end(struct alerts *);

/* alerts.c: all but the thread, which alerts_stop() asks to come to its end */
struct alerts *
alerts_new(struct config *, struct snapshot_box *, struct fetcher *);
void alerts_stop(struct alerts *);
void alerts_delete(struct alerts **);
void alerts_mail_free(struct mail *);

#endif
