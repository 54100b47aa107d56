/* SPDX-License-Identifier: ISC
 * alerts_int: shared by alerts.c (the loop thread's side), thread.c (the
 * turns), notify*.c and heartbeat.c (messages and their results) and
 * receiver.c. Fields belong to the alert thread unless they are below a
 * lock. */
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
/* Changes beyond this are shown when the domain's block is remade for another
 * reason, within minutes. */
#define ALERTS_CHANGED_MAX (64u << 20)

/* The state of a receiver. */
struct receiver {
	const struct conf_receiver *conf; /* of alerts.conf */
	const struct receiver_type *type;
	char *url, *routing_key, *token, *hmac_key, *password; /* secrets */
	char *from;
	char broken[208]; /* why it is unusable; "": usable */
	bool busy; /* a message is under way */
	struct outbox_entry *pick; /* valid within one turn only */
	unsigned failures; /* failures in a row */
	int64_t not_before; /* monotonic ns */
	int64_t failing_ms; /* wall: since; 0: not failing; see am */
	bool rejected; /* the last message was refused */
	struct snap_receiver shown;
	struct { /* alertmanager: state of each address */
		int64_t next; /* monotonic ns */
		unsigned failures;
		int64_t failing_ms; /* wall: since; 0: not failing */
		bool busy;
	} am[CONF_URLS_MAX];
};

struct heartbeat {
	const struct conf_heartbeat *conf;
	int64_t next; /* monotonic ns */
	bool busy;
	struct snap_heartbeat shown;
};

/* The purpose of a transfer; looked up again by names and ids, because the
 * configuration may have been reloaded meanwhile. */
enum errand_what {
	ERRAND_ENTRY,
	ERRAND_AM,
	ERRAND_HEARTBEAT,
	ERRAND_TEST, /* trigger of a test, */
	ERRAND_TEST_END, /* its resolve */
};
struct errand {
	enum errand_what what;
	char name[SNAP_NAME_MAX];
	uint64_t id; /* of the entry, or the ticket */
	unsigned url; /* index of an alertmanager's address */
	int64_t at_ms; /* wall: time of the reported state */
	bool resolve;
};

#define TEST_LINES_MAX 256 /* 16 addresses, twice, each stage */

struct test_result {
	int64_t ticket; /* 0: none */
	int rc; /* as alerts_test_result() */
	char text[128];
	unsigned left; /* addresses without a result */
	bool failed; /* at least one of them failed */
	int64_t began; /* monotonic ns */
	struct alerts_test_line *line;
	unsigned nlines;
};

struct alerts {
	pthread_t thread;
	struct mailbox *box;
	struct snapshot_box *snapshots;
	char *path; /* of the memory file */
	int64_t last_ticket; /* loop thread only */
	struct config *loop_conf; /* the loop thread's reference */
	struct snap_alerts *loop_known; /* what the loop thread shows */

	/* alert thread only */
	struct config *conf;
	struct fetch_client *fetch;
	unsigned under_way; /* errands without an answer */
	struct rules *rules;
	struct alerts_identity identity;
	struct receiver *receiver;
	size_t nreceivers;
	struct heartbeat *heartbeat;
	size_t nheartbeats;
	struct buf image; /* the memory file while it is being saved */
	int64_t started_ms; /* wall */
	bool stopping;
	bool save_failed;
	bool told; /* a result came: check the outbox again */
	int64_t last_step, next_step; /* monotonic ns */
	int64_t last_save, last_show;
	uint64_t dropped; /* as last logged */

	/* guards the memory: other threads set silences */
	pthread_mutex_t state;
	struct memory memory;

	struct marks marks; /* has a lock of its own */

	pthread_mutex_t shown; /* guards what follows; held for copying only */
	struct snap_alerts *known;
	/* Names, each with its NUL, of domains whose firing alerts changed
	 * since the loop thread last looked. */
	struct buf changed;
	/* Records for the loop thread to write for the other nodes. */
	struct incident_changes share;
	struct test_result test[ALERTS_TESTS];
};

/* receiver.c */
void receivers_build(struct alerts *); /* from alerts.conf, keeping counters */
void receivers_free(struct alerts *);
struct receiver *receiver_find(struct alerts *, const char *name);
/* Since when the receiver accepts nothing; with several addresses the first one
 * that failed. 0: it works. */
int64_t receiver_failing(const struct receiver *);
/* The receiver that has failed longest, for the rules; and all failing ones for
 * the memory, so that a restart does not look like their recovery. */
void receivers_failing(struct alerts *, struct rules_self *);
void receiver_context(const struct alerts *, const struct receiver *,
    struct format_ctx *);

/* notify.c */
void notify_entries(struct alerts *); /* marks them attempted */
/* Starts what notify_entries() selected, after the memory was saved. */
void notify_send(struct alerts *);
void notify_done(struct alerts *, struct errand *, const struct send_result *);
/* used by the following */
struct errand *errand_create(enum errand_what, const char *name);
void notify_message(struct alerts *, const struct receiver *, struct message *,
    struct errand *);
/* Consumes the content of both. */
void notify_carry(struct alerts *, struct message *, struct carry *,
    struct errand *);
/* Updates the state of a receiver by the result of one message. failing_ms: its
 * own or that of one of its addresses. */
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
/* Is everything alive that people rely on: the loop, the probes, the spool?
 * `now` is monotonic ns, so that setting the clock does not age the snapshot.
 * Pure. */
bool heartbeat_alive(const struct config *, const struct snapshot *,
    int64_t now, int64_t wall_ms);

/* thread.c */
enum { MAIL_CONF, MAIL_LOOK, MAIL_TEST, MAIL_STOP, MAIL_ANSWER, MAIL_INCIDENT };

struct alerts_mail {
	struct mail mail; /* first */
	struct config *conf; /* MAIL_CONF: the thread's reference */
	char name[SNAP_NAME_MAX];
	int64_t ticket;
	char *key, *text; /* MAIL_INCIDENT; text NULL: removed */
	size_t len;
};
/* the thread's main function: `alerts` is a struct alerts */
void *alerts_run(void *alerts);
void alerts_begin(struct alerts *);
void alerts_turn(struct alerts *);
void alerts_end(struct alerts *);

/* alerts.c: everything except the thread, which alerts_stop() asks to end */
struct alerts *
alerts_new(struct config *, struct snapshot_box *, struct fetcher *);
void alerts_stop(struct alerts *);
void alerts_delete(struct alerts **);
void alerts_mail_free(struct mail *);

#endif
