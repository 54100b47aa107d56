/* SPDX-License-Identifier: ISC
 * knowledge: what one domain's primary has taken and refused so far: recipients,
 * senders, the largest message. It is what a refusal is held against (a recipient
 * that was taken yesterday exists), and where those that were not believed are
 * counted. It outlives recoveries and restarts.
 *
 * Names are kept as hashes, 24 bytes each, in buckets of eight; in a full bucket
 * the one that was heard of longest ago goes. So a domain is bounded by itself
 * (`max`), and a busy one costs others nothing. Pure; times are wall
 * milliseconds, kept by the second. */
#ifndef MX_QUEUE_KNOWLEDGE_H
#define MX_QUEUE_KNOWLEDGE_H

#include "primary/judge.h"

#define KNOWLEDGE_WAYS 8
/* Refusals and what was taken are weighed over so long: what was put off is tried
 * again within that. */
#define KNOWLEDGE_WINDOW (INT64_C(6) * 3600 * 1000)

enum known_kind { KNOWN_RCPT, KNOWN_SENDER, KNOWN_MESSAGE };

struct known {
	uint64_t hash; /* 0: free */
	uint32_t taken; /* seconds since the epoch; 0: never */
	uint32_t refused; /* the first time since then; 0: not */
	uint32_t last; /* the last time */
	uint8_t kind;
	uint8_t
	    scope; /* enum judge_scope of a refusal that was not believed; or
			* JUDGE_NOBODY */
	uint8_t believed; /* it was refused so long that it is believed */
};

struct knowledge {
	struct known *slot;
	uint32_t nslots, nused, max; /* a power of two each, or 0 */
	uint32_t strange; /* with a scope */
	uint64_t seed;
	int64_t taken_ms; /* the last message that was taken; 0: never */
	uint64_t size_taken; /* the largest */
	uint32_t contents; /* refused for content since taken_ms */
	/* Of messages that came to the final dot, lately (halved at a
	 * thousand). */
	uint32_t dots, dots_refused;
	bool dirty; /* not saved as it is */
};

void knowledge_init(struct knowledge *, uint64_t seed, uint32_t max);
void knowledge_fini(struct knowledge *);

/* NULL: nothing is known of it. Valid until the next call that adds one. */
struct known *
knowledge_find(struct knowledge *, enum known_kind, const char *name);
/* A message of that size was taken for that recipient. */
void knowledge_taken(struct knowledge *, const char *sender, const char *rcpt,
    uint64_t size, int64_t now);
/* A message came to the final dot, and was refused for what is in it, or not. */
void knowledge_dot(struct knowledge *, bool refused);
/* A recipient of that sender was refused, or the sender itself, and it was not
 * believed: evidence. */
void knowledge_refused(struct knowledge *, enum judge_scope, const char *sender,
    const char *rcpt, int64_t now);
/* It was refused, and that is no evidence: only since when. */
void knowledge_stamp(struct knowledge *, enum known_kind, const char *name,
    int64_t now);
/* A recipient was let pass, whatever became of the message: should it be refused
 * again, that is the first time. */
void knowledge_passed(struct knowledge *, const char *rcpt);
/* Its refusal is believed from now on. */
void knowledge_believe(struct knowledge *, struct known *);
/* The evidence is gone: what is known to have been taken stays. */
void knowledge_forgive(struct knowledge *);
/* When what there is of evidence was refused first (wall ms), 0: there is none;
 * O(max). */
int64_t knowledge_since(const struct knowledge *, int64_t now);
/* Counts what there is of evidence; O(max). `shown` and `untried` are left. */
void knowledge_weigh(struct knowledge *, int64_t now, struct judge_evidence *);

/* The stored form: length, at most KNOWLEDGE_HEAD + nused * KNOWLEDGE_RECORD. */
#define KNOWLEDGE_HEAD	 64
#define KNOWLEDGE_RECORD 24
size_t knowledge_size(const struct knowledge *);
size_t knowledge_save(const struct knowledge *, uint8_t *dst);
/* -MX_ECORRUPT leaves it empty. */
int knowledge_load(struct knowledge *, const void *, size_t);

#endif
