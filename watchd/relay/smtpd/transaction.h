/* SPDX-License-Identifier: ISC
 * transaction: the envelope that MAIL and RCPT build: the sender, and for each
 * domain an envelope with its recipients. Bounded in recipients, domains and
 * bytes; the arrays are reused by the next transaction of the session. Loop
 * thread. */
#ifndef MX_SMTPD_TRANSACTION_H
#define MX_SMTPD_TRANSACTION_H

#include "relay/envelope.h"
#include "status/counters.h"

struct transaction {
	bool open; /* MAIL was accepted */
	bool has_size;
	uint64_t size; /* declared by MAIL */
	bool utf8, eightbit;
	bool drill; /* a message of a drill of ours (ENV_DRILL) */
	uint8_t ret;
	char sender[PATH_MAILBOX_MAX];
	char envid[101];
	uint32_t nrcpts;
	uint32_t nparts; /* envelopes owned */
	uint32_t part_count; /* number of envelopes at the end */
	size_t bytes; /* used by the recipients */
	struct envelope **part;
	struct domain_stats **stats; /* of each part; never freed */
	/* recipients of each part; outlives the envelopes */
	uint32_t *part_rcpts;
	uint64_t *seen; /* hashes of the recipients */
	uint32_t parts_size, seen_size;
};

void transaction_begin(struct transaction *, const struct smtp_command *);
/* Clears everything but keeps the arrays. */
void transaction_reset(struct transaction *);
void transaction_fini(struct transaction *);

/* 0; -MX_EEXIST: a duplicate; -MX_EFULL: a limit. */
int transaction_add(struct transaction *, const struct smtp_command *,
    const char *domain, struct stats *, uint32_t max) MX_NODISCARD;

/* Is one of its parts counted there? From RCPT to the reply to the message. */
bool transaction_has(const struct transaction *, const struct domain_stats *);

/* The only recipient, or NULL when there are several. */
const char *transaction_only(const struct transaction *);

/* Completes the envelopes; the caller then owns them (part[0..nparts)). */
struct transaction_client {
	const char *helo;
	const char *address;
	int64_t arrival_ms;
	bool eightbit; /* 8-bit octets anywhere in the content */
	bool header_eightbit; /* the same in its header */
};
void transaction_seal(struct transaction *, const struct transaction_client *);

#endif
