/* SPDX-License-Identifier: ISC
 * result: what a server's reply means for a recipient, a message or the
 * whole server. The rule behind all of it: a reply that may be about us, or
 * about the server as a whole, never costs a message; only a reply that is
 * about this recipient or this message may. Pure. */
#ifndef MX_DELIVER_RESULT_H
#define MX_DELIVER_RESULT_H

#include "relay/envelope.h"
#include "smtp/phase.h"
#include "smtp/reply.h"

/* Whom a refusal is about. */
enum result_scope {
	RESULT_RCPT, /* one recipient */
	RESULT_MESSAGE, /* every recipient of this transaction */
	RESULT_SERVER, /* the server, or us: nothing is decided for any mail */
};

struct result {
	enum rcpt_state state; /* DELIVERED, PENDING or FAILED */
	uint16_t code;
	struct smtp_status status;
};

/* The scope of a reply that came in that phase and is not 2xx or 3xx. */
enum result_scope result_scope(enum smtp_phase, const struct smtp_reply *);

/* The outcome for each recipient that the reply is about. `suspect` is the
 * queue's word that a permanent refusal of this recipient says more of the
 * primary than of the recipient: then it stays pending. */
struct result
result_of(enum smtp_phase, const struct smtp_reply *, bool suspect);

/* Why a message cannot be handed to a server with these extensions at all,
 * or NULL when it can. Fills in what the recipients get. `flags` are ENV_*,
 * `ext` CLIENT_EXT_*, `limit` the server's SIZE (0: none said). */
const char *result_unfit(uint16_t flags, uint64_t size, unsigned ext,
    uint64_t limit, struct result *);

/* A refusal for the sender, his domain or his signature (SPF, DKIM, DMARC: RFC
 * 7372; a null MX of his: RFC 7505): it is about that message, at MAIL or RCPT
 * alike, and says nothing of the recipient, of us or of the server. */
bool result_about_sender(const struct smtp_reply *);

#endif
