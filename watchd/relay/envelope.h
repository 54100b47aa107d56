/* SPDX-License-Identifier: ISC
 * envelope: one stored message part: the sender, the recipients in ONE domain
 * with their states, the place of the body. A message for three domains is
 * three parts that share a body, so that flushing one domain can never touch
 * another. Also the record codec: every record has a format version and a
 * CRC-32; an unknown version is refused, never guessed. Pure. */
#ifndef MX_RELAY_ENVELOPE_H
#define MX_RELAY_ENVELOPE_H

#include "base/buf.h"
#include "base/text.h"
#include "smtp/command.h"
#include "smtp/reply.h"

#define ENVELOPE_RCPT_MAX  10000 /* per part; enforced by the codec */
#define ENVELOPE_REPLY_MAX 512 /* bytes of a reply that are kept */
#define ENVELOPE_PART_MAX  256 /* parts (domains) of one message */

#define ENV_8BIT	   1u /* the body has bytes above 127, BODY=8BITMIME */
#define ENV_UTF8	   2u /* SMTPUTF8 is needed */
#define ENV_HELD	   4u /* held by the operator */
#define ENV_DSN		   8u /* a notification of ours: it is never bounced */
#define ENV_VAULT	   16u /* in the vault; due_ms: since when */
#define ENV_REPLAYED	   32u /* queued again from the vault */
#define ENV_MOVING	   64u /* store only: it may be in the engine as well */
#define ENV_DRILL	   128u /* of a drill: no report, no vault, no lesson */

enum rcpt_state {
	RCPT_PENDING,
	RCPT_DELIVERED, /* see rcpt_owes() */
	RCPT_FAILED, /* permanently: a DSN is due until `reported` */
	RCPT_EXPIRED, /* the lifetime is over: the same */
};

struct rcpt {
	char *mailbox;
	char *orcpt; /* NULL: none */
	uint8_t notify; /* NOTIFY_* */
	uint8_t state; /* enum rcpt_state */
	bool reported; /* the DSN is stored, or none is due */
	uint16_t code; /* of the last reply; 0 none */
	struct smtp_status status;
	char *reply; /* last reply or local reason; NULL none */
	/* since it was loaded, see rcpt_set(); not in the record */
	bool changed;
};

struct body_ref {
	uint64_t segment;
	uint64_t offset;
	uint64_t len;
	uint32_t crc;
};

struct envelope {
	uint64_t id; /* number << 8 | part (base/text.h) */
	char domain[TEXT_DOMAIN_MAX]; /* of all its recipients; canonical */
	char *sender; /* "" for <> */
	int64_t arrival_ms; /* wall */
	int64_t due_ms; /* wall, next attempt */
	int64_t last_try_ms; /* wall, 0 never */
	int64_t extended_ms; /* its lifetime, by orders for this part */
	uint32_t attempts;
	uint16_t flags;
	uint8_t warned; /* number of delay warnings sent */
	uint8_t ret; /* enum smtp_ret */
	char *envid; /* NULL: none */
	char *helo; /* from the client that sent it */
	char *client; /* its address as text */
	char *host; /* host of the last attempt; NULL none */
	/* From the header, for the log, if it was read; not in the record. */
	char *message_id; /* NULL: none, or unknown */
	struct body_ref body;
	uint32_t nrcpts;
	struct rcpt *rcpts;
};

/* What a queue needs to index a part. A million of them are read at a start, so
 * a record is only scanned for it; a full envelope is built only for the few
 * that have results already. */
struct envelope_brief {
	uint64_t id;
	/* as in struct envelope, down to nrcpts */
	int64_t arrival_ms, due_ms, extended_ms;
	uint64_t size; /* body.len */
	uint32_t attempts;
	uint16_t flags;
	uint8_t warned;
	uint32_t nrcpts;
	struct envelope *env; /* NULL: all are pending, and none was refused */
	char domain[TEXT_DOMAIN_MAX];
};

struct envelope *envelope_create(void);
void envelope_destroy(struct envelope **);
struct envelope *envelope_copy(const struct envelope *);

/* Appends a pending recipient. */
struct rcpt *envelope_add_rcpt(struct envelope *, const char *mailbox);
/* Records what a server, or we, said about a recipient (text is cut). */
void rcpt_set(struct rcpt *, enum rcpt_state, uint16_t code,
    const struct smtp_status *, const char *text);
/* Its lifetime is over: keeps the last reply. */
void rcpt_expire(struct rcpt *);
/* Removes the recipients in that state. */
void envelope_drop_rcpts(struct envelope *, enum rcpt_state);
uint32_t envelope_count(const struct envelope *, enum rcpt_state);
/* Is a report due to the sender: of failure or expiry; or, if requested, that
 * it went to a server that does not send notifications (RFC 3461 5.2.2)?
 * deliver/ decides whether it is sent. */
bool rcpt_owes(const struct rcpt *);
bool envelope_owes(const struct envelope *); /* for any recipient */

int envelope_encode(const struct envelope *, struct buf *out) MX_NODISCARD;
/* -MX_ECORRUPT: version, checksum or structure is invalid. */
int envelope_decode(const void *data, size_t len,
    struct envelope **out) MX_NODISCARD;
/* Refuses what envelope_decode() refuses; the caller owns out->env, which is
 * NULL then. */
int envelope_decode_brief(const void *data, size_t len,
    struct envelope_brief *out) MX_NODISCARD;
/* The same from an envelope; out->env is that one. */
void envelope_brief(struct envelope *, struct envelope_brief *out);

#endif
