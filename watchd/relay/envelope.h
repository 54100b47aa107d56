/* SPDX-License-Identifier: ISC
 * envelope: one stored message part: the sender, the recipients in ONE domain
 * with their states so far, the place of the body. A message for three domains is three parts that share a body, so that
 * flushing one domain can never touch another. Also the record codec: every
 * record carries a format version and a CRC-32; an unknown version is
 * refused, never guessed. Pure. */
#ifndef MX_RELAY_ENVELOPE_H
#define MX_RELAY_ENVELOPE_H

#include "base/buf.h"
#include "base/text.h"
#include "smtp/command.h"
#include "smtp/reply.h"

#define ENVELOPE_RCPT_MAX  10000 /* of one part; the codec's cap */
#define ENVELOPE_REPLY_MAX 512 /* bytes of a reply that are kept */
#define ENVELOPE_PART_MAX  256 /* parts (domains) of one message */

#define ENV_8BIT	   1u /* the body has bytes above 127, BODY=8BITMIME */
#define ENV_UTF8	   2u /* SMTPUTF8 is needed */
#define ENV_HELD	   4u /* held by the operator */
#define ENV_DSN		   8u /* a notification of ours: never answered by another */
#define ENV_VAULT	   16u /* given back, and kept; due_ms: since when */
#define ENV_REPLAYED	   32u /* it was in the vault, and queued again */
#define ENV_MOVING	   64u /* the store's own: may be in the engine as well */

enum rcpt_state {
	RCPT_PENDING,
	RCPT_DELIVERED, /* see rcpt_owes() */
	RCPT_FAILED, /* permanently: a DSN is owed until `reported` */
	RCPT_EXPIRED, /* the lifetime ran out: the same */
};

struct rcpt {
	char *mailbox;
	char *orcpt; /* NULL: none */
	uint8_t notify; /* NOTIFY_* */
	uint8_t state; /* enum rcpt_state */
	bool reported; /* the DSN is stored, or none is owed */
	uint16_t code; /* of the last reply; 0 none */
	struct smtp_status status;
	char *reply; /* last reply or local reason; NULL none */
	bool changed; /* since it was read, see rcpt_set(); not in the record */
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
	int64_t due_ms; /* wall, the next attempt */
	int64_t last_try_ms; /* wall, 0 never */
	uint32_t attempts;
	uint16_t flags;
	uint8_t warned; /* delay warnings that were sent */
	uint8_t ret; /* enum smtp_ret */
	char *envid; /* NULL: none */
	char *helo; /* of the client that brought it */
	char *client; /* its address as text */
	char *host; /* the host of the last attempt; NULL none */
	/* Of its header, for the log, by who has seen that; not in the record. */
	char *message_id; /* NULL: none, or not known */
	struct body_ref body;
	uint32_t nrcpts;
	struct rcpt *rcpts;
};

/* What a queue has to know of a part to index it. A million of them are read at a
 * start, so a record is only looked through for it; the whole is made of those few
 * that something became of already. */
struct envelope_brief {
	uint64_t id;
	int64_t arrival_ms, due_ms; /* as in struct envelope, up to nrcpts */
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
/* Notes what a server, or we, said of a recipient (text is cut). */
void rcpt_set(struct rcpt *, enum rcpt_state, uint16_t code,
    const struct smtp_status *, const char *text);
/* Its lifetime is over: the last reply stays. */
void rcpt_expire(struct rcpt *);
/* Those in that state are not its any more. */
void envelope_drop_rcpts(struct envelope *, enum rcpt_state);
uint32_t envelope_count(const struct envelope *, enum rcpt_state);
/* Has the sender still to hear of it: that it failed or expired; or, when he
 * asked for it, that it went to a server that will not tell him (RFC 3461
 * 5.2.2)? Whether he is told is for deliver/ to decide. */
bool rcpt_owes(const struct rcpt *);
bool envelope_owes(const struct envelope *); /* any of its recipients */

int envelope_encode(const struct envelope *, struct buf *out) MX_NODISCARD;
/* -MX_ECORRUPT: version, checksum or structure does not hold. */
int envelope_decode(const void *data, size_t len,
    struct envelope **out) MX_NODISCARD;
/* Refuses what envelope_decode() refuses; out->env is the caller's, and NULL
 * then. */
int envelope_decode_brief(const void *data, size_t len,
    struct envelope_brief *out) MX_NODISCARD;
/* The same of an envelope; out->env is that one. */
void envelope_brief(struct envelope *, struct envelope_brief *out);

#endif
