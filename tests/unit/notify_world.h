/* SPDX-License-Identifier: ISC
 * notify_world: the alert thread, turn by turn, in virtual time (fake_loop.h), with
 * a fetcher that keeps what it is given and answers when and as it is told. One
 * domain, a.test, whose primary is up or down; receivers as the test has them. */
#ifndef MX_TESTS_NOTIFY_WORLD_H
#define MX_TESTS_NOTIFY_WORLD_H

#include "alerts/alerts_int.h"

struct sent { /* a message on its way */
	struct message m;
	void *arg;
	void (*drop)(void *arg);
	int64_t timeout_ms;
	bool answered;
};

struct world {
	char dir[32]; /* the spool */
	struct config *conf;
	struct snapshot_box *box;
	struct alerts *a; /* NULL: the daemon does not run */
	struct loop *loop;
	bool down;
	int64_t since; /* wall s: the primary is so */
	uint64_t downs;
	unsigned queued; /* messages */
	struct sent sent[256]; /* in the order in which they went out */
	unsigned n;
};

extern struct world w;

/* An outage is told at once, in groups of one second. */
#define FAST " group_wait = 0s group_interval = 1s timeout = 10s "
#define DOWN                                                                   \
	"alert \"primary_down\" { warn = 0s crit = off for = 0s clear = 0s "   \
	"}\n"

void world_begin(const char *sections);
void world_end(void);
/* The program ends and begins again; kill: without a word. */
void world_restart(bool kill);
void world_reload(const char *sections);
/* A file of the spool directory, 0600; its path is in `dir`. */
void world_secret(const char *name, const char *text);
/* Turns, one a second. */
void world_pass(unsigned seconds);
void world_primary(bool up); /* from the next second on */

/* The answer to a message, in words; with CARRY_RETRY after that many seconds. */
void world_answer(unsigned i, enum carry_result, int status, int64_t after);
/* How far a message is. */
void world_told(unsigned i, enum carry_stage);
/* The i-th message: its body as JSON, which the caller deletes. */
cJSON *world_body(unsigned i);
/* "trigger" or "resolve" of pagerduty, "firing" or "resolved" of others. */
const char *world_says(unsigned i);
bool world_goes_to(unsigned i, const char *url);
struct snap_receiver world_receiver(const char *name); /* as it is shown */

#endif
