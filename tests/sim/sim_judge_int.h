/* SPDX-License-Identifier: ISC
 * sim_judge_int: what sim_judge.c (the books) and sim_judge_time.c (who waits
 * too long) share. */
#ifndef MX_TESTS_SIM_JUDGE_INT_H
#define MX_TESTS_SIM_JUDGE_INT_H

#include "base/idmap.h"
#include "tests/sim/sim_judge.h"

struct mpart { /* of a message: its recipients in one domain */
	unsigned domain;
	uint32_t rcpts; /* bits */
	uint32_t taken, acked, refused; /* by a server; known to the client */
	uint32_t full; /* was asked for once */
	bool stored;
	unsigned tries;
	int64_t arrival, first_try;
	int64_t offered, touched; /* by MAIL, by RCPT */
};

struct message {
	uint64_t seq;
	unsigned n, left;
	struct mpart part[JUDGE_PARTS];
};

struct judge {
	struct sdomain *domain;
	unsigned ndomains, nservers;
	struct judge_host *host;
	struct idmap messages;
	int64_t begin;
	int64_t dns_since; /* 0: it fails */
	int64_t slack_ms; /* a disk's and a step's delay */
	bool patient, over;
	int64_t reloaded_at;
	size_t backlog; /* the most that waited, until nearly all is gone */
};
extern struct judge arbiter;

struct judge_host *host_of(const struct server *);
struct mpart *message_part(struct message *, unsigned domain);
void judge_time_create(struct sdomain *);
void judge_time_restart(struct sdomain *);
void judge_time_move(struct sdomain *);
void judge_time_probe(const struct server *);

#endif
