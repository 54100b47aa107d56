/* SPDX-License-Identifier: ISC
 * knowledge: what one domain's primary has accepted and refused so far:
 * recipients, senders, the largest message. A refusal is compared with it (a
 * recipient that was accepted yesterday exists), and refusals that were not
 * believed are counted in it as evidence. It outlives recoveries and restarts.
 *
 * Names are kept as hashes, 24 bytes each, in buckets of eight; in a full
 * bucket the least recently updated one is evicted. So each domain is bounded
 * by itself (`max`), and a busy one takes nothing from the others. Pure; times
 * are wall milliseconds, stored in seconds. */
#ifndef MX_QUEUE_KNOWLEDGE_H
#define MX_QUEUE_KNOWLEDGE_H

#include "primary/judge.h"

#define KNOWLEDGE_WAYS 8
/* The period over which refusals and acceptances are weighed: a postponed part
 * is tried again within it. */
#define KNOWLEDGE_WINDOW (INT64_C(6) * 3600 * 1000)

enum known_kind { KNOWN_RCPT, KNOWN_SENDER, KNOWN_MESSAGE };

struct known {
	uint64_t hash; /* 0: free slot */
	uint32_t taken; /* seconds since the epoch; 0: never */
	uint32_t refused; /* first refusal since then; 0: none */
	uint32_t last; /* last refusal */
	uint8_t kind;
	uint8_t
	    scope; /* enum judge_scope of a refusal that was not believed; or
			* JUDGE_NOBODY */
	uint8_t believed; /* refused for so long that it is believed */
};

struct knowledge {
	struct known *slot;
	uint32_t nslots, nused, max; /* a power of two each, or 0 */
	uint32_t strange; /* slots with a scope */
	uint64_t seed;
	int64_t taken_ms; /* the last message accepted; 0: never */
	uint64_t size_taken; /* the largest message accepted */
	uint32_t contents; /* refusals of the content since taken_ms */
	/* Recent messages that reached the final dot, and of them those refused
	 * for their content; both are halved at a thousand. */
	uint32_t dots, dots_refused;
	bool dirty; /* changed since it was saved */
};

void knowledge_init(struct knowledge *, uint64_t seed, uint32_t max);
void knowledge_fini(struct knowledge *);

/* NULL: the name is not known. Valid until the next call that adds one. */
struct known *
knowledge_find(struct knowledge *, enum known_kind, const char *name);
/* A message of that size was accepted for that recipient. */
void knowledge_taken(struct knowledge *, const char *sender, const char *rcpt,
    uint64_t size, int64_t now);
/* A message reached the final dot; `refused`: for its content. */
void knowledge_dot(struct knowledge *, bool refused);
/* Evidence: a recipient of that sender, or the sender itself, was refused, and
 * the refusal was not believed. */
void knowledge_refused(struct knowledge *, enum judge_scope, const char *sender,
    const char *rcpt, int64_t now);
/* A refusal that is no evidence: only its time is noted. */
void knowledge_stamp(struct knowledge *, enum known_kind, const char *name,
    int64_t now);
/* A recipient was accepted, whatever the fate of the message: a later refusal
 * is its first. */
void knowledge_passed(struct knowledge *, const char *rcpt);
/* The refusal of this name is believed from now on. */
void knowledge_believe(struct knowledge *, struct known *);
/* Drops the evidence; acceptances stay. */
void knowledge_forgive(struct knowledge *);
/* The first refusal that is evidence (wall ms); 0: there is none. O(max). */
int64_t knowledge_since(const struct knowledge *, int64_t now);
/* Counts the evidence; O(max). `shown` and `untried` are left to the caller. */
void knowledge_weigh(struct knowledge *, int64_t now, struct judge_evidence *);

/* The stored form, at most KNOWLEDGE_HEAD + nused * KNOWLEDGE_RECORD bytes. */
#define KNOWLEDGE_HEAD	 64
#define KNOWLEDGE_RECORD 24
size_t knowledge_size(const struct knowledge *);
size_t knowledge_save(const struct knowledge *, uint8_t *dst);
/* On -MX_ECORRUPT it is empty. */
int knowledge_load(struct knowledge *, const void *, size_t);

#endif
