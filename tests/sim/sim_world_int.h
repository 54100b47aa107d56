/* SPDX-License-Identifier: ISC
 * sim_world_int: what sim_world.c (the run), sim_make.c (how a world is made of
 * its seed) and sim_fate.c (what happens in it) share. */
#ifndef MX_TESTS_SIM_WORLD_INT_H
#define MX_TESTS_SIM_WORLD_INT_H

#include "config/config.h"
#include "daemon/daemon_int.h"
#include "tests/sim/sim_world.h"

enum shape {
	SHAPE_ONE, /* a domain, a server */
	SHAPE_SHARED, /* domains that name one server */
	SHAPE_NAMES, /* domains that name one server by names of their own */
	SHAPE_NET, /* servers and domains, up to three servers a domain */
	SHAPE_LARGE, /* the same, many */
	SHAPE_HUGE, /* up to 500 servers and 5,000 domains */
	SHAPE_MAX,
};

struct fate {
	struct server *server;
	struct loop_timer *timer;
	int64_t up_ms, down_ms; /* means */
	unsigned flap_percent; /* it fails again at once */
};

struct world {
	struct dice dice;
	enum shape shape;
	unsigned nservers, ndomains; /* server 0 takes what we tell senders */
	struct server *server;
	struct sdomain *domain;
	struct fate *fate;
	int64_t end_ms, drain_ms;
	int64_t interval_ms;
	int64_t arrival_ms; /* mean */
	int64_t dns_up_ms; /* 0: it never fails */
	int64_t operator_ms, restart_ms, reload_ms; /* 0: never */
	unsigned burst_percent;
	unsigned deliver_connections, probe_concurrency;
	char *text; /* the configuration */

	struct config *conf;
	struct daemon *daemon;
	struct loop_timer *arrival, *dns, *operator, * restart, *sweep;
	struct loop_timer *reload;
	bool dns_fails, ending;
	uint64_t seq;
};

/* sim_make.c */
void make_world(struct world *, const struct world_options *);
void make_free(struct world *);
void make_hosts(struct world *, struct splace *);
void make_text(struct world *); /* the configuration, with what is to be */

/* sim_reload.c */
void reload_world(struct world *);
void reload_change(struct world *); /* some domains */
void reload_all_back(struct world *); /* none is dropped any more */
void reload_done(void); /* the daemon says so, or begins anew */

/* sim_fate.c: from now on things happen, until everything is well for good. */
void fate_begin(struct world *);
void fate_heal(struct world *);
void fate_end(struct world *);

/* sim_world.c */
void world_start(struct world *);
void world_stop(struct world *, bool crash);

#endif
