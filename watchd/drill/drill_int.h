/* SPDX-License-Identifier: ISC
 * drill_int: shared by drill.c (domains, records, time), run.c (one drill and
 * its steps) and follow.c (what other modules tell and ask). */
#ifndef MX_DRILL_DRILL_INT_H
#define MX_DRILL_DRILL_INT_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "base/heap.h"
#include "drill/drill.h"
#include "drill/mail.h"
#include "drill/talk.h"
#include "primary/address.h"
#include "smtp/path.h"

#define DRILL_BOOK_MAX 16 /* addresses of listeners */

struct drill_run {
	TAILQ_ENTRY(drill_run) link;
	struct drill_set *set;
	struct drill *drill; /* NULL: it has ended */
	uint64_t number;
	uint64_t id; /* of its message; 0: none yet */
	int64_t began_ms, deadline_ms; /* wall */
	struct drill_talk *talk; /* NULL: the session is over */
	char mark[DRILL_MARK_MAX];
	char recipient[PATH_MAILBOX_MAX];
	struct buf mail;
	char last[DRILL_TEXT_MAX]; /* of the last attempt; "": none */
	/* Its message left the queue before its session read the reply. */
	bool over, over_ok;
	bool overdue; /* its message is being removed */
	char over_text[2 * DRILL_TEXT_MAX];
	unsigned nsteps;
	struct drill_step step[DRILL_STEPS_MAX];
};

struct drill {
	RB_ENTRY(drill) node;
	struct heap_node due; /* wall ms */
	struct drill_set *set;
	int64_t period_ms, length_ms; /* period 0: on request only */
	char *recipient; /* by the options; NULL: postmaster */
	struct drill_record record;
	struct drill_run *run; /* NULL: none under way */
	char domain[];
};
RB_HEAD(drill_tree, drill);

struct drill_set {
	struct reach_env env;
	struct drill_ops ops;
	struct config *conf;
	struct loop_timer *timer;
	struct heap due;
	struct drill_tree tree;
	/* Those under way and those that ended, the oldest first. */
	TAILQ_HEAD(, drill_run) runs;
	unsigned active, ended, talks; /* talks: sessions under way */
	uint64_t last_number;
};

/* drill.c. NULL: nothing is known of the domain. */
struct drill *drill_find(const struct drill_set *, const char *domain);
void drill_put(struct drill *); /* writes its record */
/* Ends it: last step, record, log, and the next one is due. */
void drill_end(struct drill_run *, bool ok, const char *text);

/* run.c. Becomes the one under way of the domain. */
struct drill_run *drill_run_create(struct drill *);
/* Starts its session. */
void drill_run_talk(struct drill_run *, drill_talk_cb *);
/* Adds a step behind those of its kind; sets its ms unless that is there. */
void drill_run_say(struct drill_run *, const struct drill_step *);
/* It has ended: only its steps are kept, for a while. */
void drill_run_retire(struct drill_run *);
void drill_run_free(struct drill_run *);

#endif
