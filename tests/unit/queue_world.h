/* SPDX-License-Identifier: ISC
 * queue_world: a queue over a store, a loop and clocks that only move when the
 * test says so, and the parts around it: the test plays daemon.c (gates), the
 * deliverers (take, done) and the notification writer (expire, warn). */
#ifndef MX_TESTS_QUEUE_WORLD_H
#define MX_TESTS_QUEUE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/queue/queue.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/fake_store.h"

#define A	      "a.example"
#define B	      "b.example"
#define MINUTE	      INT64_C(60000)
#define HOUR	      (60 * MINUTE)
#define DAY	      (24 * HOUR)

#define WORLD_LEARNED 1000 /* names of all domains */

struct world {
	struct loop *loop;
	struct store *store;
	struct stats *stats;
	struct queue *q;
	const struct relay *relay;
	/* what was called back */
	unsigned want_a, want_b, wants;
	struct queue_job *expired[200], *warned[200];
	unsigned nexpired, nwarned, stage;
	unsigned begun, ended;
	unsigned broken, broken_again, mended, mended_told; /* the breaker */
	int64_t shown_ms; /* the probe's recipient was taken; 0 never */
	const char *hidden; /* but not that of this domain */
	const struct queue_policy *policy; /* of A; NULL: world_policy */
	unsigned domains; /* more of them: d0.test, d1.test, ... */
	const char *list; /* mailboxes in the list, each behind a blank */
	bool ended_ok;
	struct relay_flush end;
	char reply[64];
	int accept_rc;
	unsigned accepts;
	uint64_t listed[600], next;
	unsigned nlisted;
	int list_rc;
	char detail[128];
	uint16_t flags; /* of the messages of world_mail() */
	unsigned drilled; /* drills that left the queue */
	uint8_t drilled_state; /* the last one's enum rcpt_state */
};

extern const struct queue_policy world_policy;

/* A new envelope; what queue_commit() calls; both are done by world_mail(),
 * which takes a whole message in and returns its id. */
struct envelope *world_make(const char *domain, unsigned nrcpts);
void world_on_accept(void *w, uint64_t token, int rc, uint64_t id);
/* Lets everything come to rest; moves the clocks, the store keeping up. */
void world_settle(struct world *w);
void world_advance(struct world *w, int64_t ms);
/* Creates the queue and loads it: again after queue_destroy(), a restart. */
void world_queue_up(struct world *w, const struct queue_conf *conf);
/* The same behind what ran before. */
void world_restart(struct world *w);
int world_setup(void **state);
int world_teardown(void **state);
uint64_t world_mail(struct world *w, const char *domain, unsigned nrcpts);
/* End a job: a letter for each pending recipient's reply (2 taken, 4 deferred,
 * 5 refused and reported, 6 refused and not); or the connection ends, behind
 * the replies for the first recipients, or behind none. */
void world_finish(struct world *w, struct queue_job *job, const char *replies);
void world_cut(struct world *w, struct queue_job *job, const char *replies);
void world_lose(struct world *w, struct queue_job *job);
/* Takes the next part, which has to be `id`, and ends it. */
void world_deliver(struct world *w, const char *domain, uint64_t id,
    const char *replies);
void world_open_with_canary(struct world *w, const char *domain);
struct relay_domain world_gauges(struct world *w, const char *domain);
void world_flush(struct world *w, const char *domain, enum flush_trigger t);
/* What bounce.c does at expiry and for a warning. */
void world_expire(struct world *w, struct queue_job *job);
void world_warn(struct world *w, struct queue_job *job, unsigned stage);

#define CASE(fn)                                                               \
	cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)

#endif
