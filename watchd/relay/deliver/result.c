/* SPDX-License-Identifier: ISC
 * result: the table behind the words in result.h. Sources: RFC 5321 4.2.1
 * (first digit), 4.5.3.1.10 (552 for too many recipients means 452), RFC 3463
 * (subjects 5 protocol, 7 security and policy), RFC 1870 (5.3.4), RFC 6531
 * (5.6.7). */
#include "relay/deliver/result.h"

#include <string.h>

#include "smtp/client.h"

bool
result_about_sender(const struct smtp_reply *r)
{
	static const char *const words[] = { "sender address rejected",
		"sender rejected", "sender domain", "spf", "dkim", "dmarc" };
	static const char *const ours[] = { "client host", "blocked", "listed",
		"ptr", "reverse dns" };
	unsigned detail = r->status.detail;
	size_t i;

	if (!reply_perm(r))
		return false;
	if (r->has_status && r->status.subject == 7 && detail != 25 &&
	    detail >= 20 && detail <= 27)
		return true;
	if (r->has_status && r->status.subject == 1 &&
	    (detail == 7 || detail == 8))
		return true; /* bad sender's mailbox, system (RFC 3463) */
	if (r->text == NULL)
		return false;
	for (i = 0; i < MX_COUNT(ours); i++)
		if (strcasestr(r->text, ours[i]) != NULL)
			return false;
	for (i = 0; i < MX_COUNT(words); i++)
		if (strcasestr(r->text, words[i]) != NULL)
			return true;
	return false;
}

/* Replies by which a server says that it does not want to talk to us, or
 * does not understand us, whoever the mail is for. Found at MAIL they are a
 * refused host, a block list or a broken primary, not a bad sender. */
static bool
about_us(const struct smtp_reply *r)
{
	if (r->code >= 500 && r->code <= 504)
		return true; /* syntax, sequence, not implemented */
	if (r->code == 521 || r->code == 530 || r->code == 535 ||
	    r->code == 538)
		return true; /* no mail here; authentication wanted */
	if (r->code == 554 && !r->has_status)
		return true; /* RFC 5321 3.1: no SMTP service here */
	return r->has_status &&
	    (r->status.subject == 5 || r->status.subject == 7);
}

/* RFC 3463 3.4: a system that is full (5.3.1), does not take mail (5.3.2) or
 * is set up wrongly (5.3.5) says nothing of the message; that it is too big
 * (5.3.4) does. */
static bool
about_system(const struct smtp_reply *r)
{
	return reply_perm(r) && r->has_status && r->status.subject == 3 &&
	    (r->status.detail == 1 || r->status.detail == 2 ||
		r->status.detail == 5);
}

enum result_scope
result_scope(enum smtp_phase phase, const struct smtp_reply *r)
{
	if (r->code == 421 || r->code == 521)
		return RESULT_SERVER;
	if (phase != SMTP_PHASE_RCPT && about_system(r))
		return RESULT_SERVER;
	switch (phase) {
	case SMTP_PHASE_RCPT:
		return RESULT_RCPT;
	case SMTP_PHASE_MAIL:
		if (result_about_sender(r))
			return RESULT_MESSAGE;
		if (reply_perm(r) && about_us(r))
			return RESULT_SERVER;
		return RESULT_MESSAGE;
	case SMTP_PHASE_DATA:
		/* Objections to the envelope came before; a syntax complaint
		 * here is the server's own confusion. */
		if (r->code >= 500 && r->code <= 504)
			return RESULT_SERVER;
		return RESULT_MESSAGE;
	case SMTP_PHASE_EOD:
		return RESULT_MESSAGE;
	default:
		return RESULT_SERVER;
	}
}

struct result
result_of(enum smtp_phase phase, const struct smtp_reply *r, bool suspect)
{
	struct result out = { RCPT_PENDING, r->code, r->status };

	if (reply_ok(r)) {
		/* 2xx to RCPT is a promise only: EOD decides. */
		if (phase == SMTP_PHASE_EOD)
			out.state = RCPT_DELIVERED;
		return out;
	}
	if (!reply_perm(r) || suspect ||
	    result_scope(phase, r) == RESULT_SERVER)
		return out;
	if (phase == SMTP_PHASE_RCPT && r->code == 552 &&
	    (!r->has_status || r->status.subject == 5))
		return out; /* too many recipients: the rest later */
	out.state = RCPT_FAILED;
	return out;
}

const char *
result_unfit(uint16_t flags, uint64_t size, unsigned ext, uint64_t limit,
    struct result *out)
{
	*out = (struct result){ .state = RCPT_FAILED, .code = 0 };
	if ((flags & ENV_UTF8) != 0 && (ext & CLIENT_EXT_SMTPUTF8) == 0) {
		out->status = (struct smtp_status){ 5, 6, 7 };
		return "the message needs SMTPUTF8, which the server does "
		       "not offer";
	}
	if ((ext & CLIENT_EXT_SIZE) != 0 && limit != 0 && size > limit) {
		out->status = (struct smtp_status){ 5, 3, 4 };
		return "the message is larger than the server takes";
	}
	return NULL;
}
