/* SPDX-License-Identifier: ISC
 * A hostile server: its bytes drive a client that tries to send one message.
 * The first byte picks the TLS mode and how the bytes are cut. The output
 * stays bounded, only one event ends a session, and what is sent after DATA
 * never ends before the body does. */
#include <stdint.h>
#include <string.h>

#include "smtp/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct run {
	struct smtp_client *c;
	unsigned mails;
	unsigned sent;
	bool over;
};

static const struct smtp_client_rcpt rcpts[] = {
	{ "x@b.example", "rfc822;x@b.example", NOTIFY_GIVEN | NOTIFY_DELAY },
	{ "y@b.example", "", 0 },
};

static void
start_mail(struct run *r)
{
	struct smtp_client_tx tx = {
		.sender = "a@c.example",
		.rcpts = rcpts,
		.nrcpts = 2,
		.size = 10,
		.probe = r->mails == 1,
	};

	if (r->mails++ < 3)
		smtp_client_mail(r->c, &tx, 1);
	else
		smtp_client_quit(r->c, 1);
}

static void
drain(struct run *r)
{
	struct smtp_client_info info;
	enum smtp_client_event ev;

	while ((ev = smtp_client_next(r->c, 1, &info)) != CLIENT_NONE) {
		MX_ASSERT(!r->over);
		switch (ev) {
		case CLIENT_START_TLS:
			MX_ASSERT(!smtp_client_tls(r->c));
			smtp_client_tls_up(r->c, 1);
			break;
		case CLIENT_READY:
			MX_ASSERT(r->sent == r->mails);
			start_mail(r);
			break;
		case CLIENT_RCPT:
			MX_ASSERT(info.rcpt < 2 && info.reply != NULL);
			break;
		case CLIENT_BODY:
			smtp_client_body(r->c, ".a\r\nb\r\n", 7);
			smtp_client_body_end(r->c, 1);
			break;
		case CLIENT_SENT:
			MX_ASSERT(info.reply != NULL);
			MX_ASSERT(info.reply->code / 100 != 3);
			MX_ASSERT(++r->sent == r->mails);
			break;
		case CLIENT_FAILED:
		case CLIENT_CLOSED:
			MX_ASSERT(info.text != NULL || info.reply != NULL);
			r->over = true;
			break;
		case CLIENT_NONE:
			break;
		}
		MX_ASSERT(smtp_client_timeout_ms(r->c) > 0);
		MX_ASSERT(smtp_client_out(r->c)->len < 4096);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smtp_client_conf conf = { "me.example", CLIENT_TLS_MAY };
	struct run r = { 0 };
	size_t i, n, piece;

	if (len == 0)
		return 0;
	conf.tls = (enum smtp_client_tls)(data[0] % 3);
	piece = data[0] >= 128 ? 1 : len;
	r.c = smtp_client_create(&conf, 0);
	for (i = 1; i < len; i += n) {
		n = len - i < piece ? len - i : piece;
		if (smtp_client_feed(r.c, (const char *)data + i, n, 1) < 0)
			break;
		drain(&r);
	}
	drain(&r);
	smtp_client_lost(r.c, "end of input", 2);
	drain(&r);
	MX_ASSERT(r.over);
	smtp_client_destroy(&r.c);
	return 0;
}
