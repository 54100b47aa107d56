/* SPDX-License-Identifier: ISC
 * fake_delivery: what a deliverer sees of the rest of the daemon, linked in
 * its place: queue, store, routes and configuration, in memory, with every
 * answer given from the loop as the real ones do. It counts what was taken
 * and what was ended, which is what the tests of delivery are about. */
#ifndef MX_TEST_FAKE_DELIVERY_H
#define MX_TEST_FAKE_DELIVERY_H

#include <stdatomic.h>

#include "config/config.h"
#include "net/route.h"
#include "relay/queue/queue.h"
#include "relay/store/store.h"

#define FAKE_JOBS 300

struct fake_job {
	struct queue_job job;
	struct envelope *env; /* as stored; replaced by queue_done() */
	char *body;
	size_t len;
	bool ready, out;
	unsigned taken, ended, returned, tried, lost, damaged, warned, gone;
	bool held; /* it was said to be, when that was asked last */
};

struct fake_note { /* a notification that was handed to the queue */
	struct envelope *env;
	char *text;
};

struct fake {
	struct loop *loop;
	struct fake_job job[FAKE_JOBS];
	unsigned njobs;
	unsigned out, out_max;
	unsigned window; /* connections that are wanted at most */
	bool again; /* what is still pending after an attempt is ready again */
	bool suspect;
	bool closed; /* since what is out was taken */
	/* Nothing may be handed on any more, from that look on (0: from none). */
	atomic_bool lost;
	unsigned looks, lose_at;
	bool shared, vanished; /* the store; and its records are not there */
	void (*want)(void *arg, const char *domain, unsigned n);
	void *want_arg;
	unsigned connect_failed;
	struct fake_note note[16];
	unsigned nnotes;
	int accept_rc; /* of storing notifications ... */
	unsigned owed_again; /* calls */
	unsigned accept_after; /* ... beyond so many */
	int read_damage; /* flips a bit in the store_read() with that number */
	int reads;
	int read_rc; /* of the next store_read() */
	struct route route;
	char order[FAKE_JOBS][32]; /* domains, as they were taken */
	unsigned norder;
	bool own_names; /* each domain's host has a name of its own */
	bool spread; /* each domain is at an address of its own */
	unsigned lookups;
	struct config conf;
	struct conf_domain domain;
};
extern struct fake fake;

void fake_begin(struct loop *);
void fake_end(void);
/* A message for the addresses, separated by blanks; all of one domain. The
 * body is copied. */
struct fake_job *
fake_add(const char *sender, const char *rcpts, const char *body, size_t len);
/* Adds a host with this loopback port to the route. */
void fake_host(const char *name, uint16_t port, uint16_t pref);
void fake_want(void); /* tells the deliverer what is wanted now */
bool fake_idle(void); /* nothing is ready, nothing is out */
/* Everything that was taken was ended once. */
bool fake_balanced(void);

#endif
