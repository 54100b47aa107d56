/* SPDX-License-Identifier: ISC
 * via_smtp: one message to a smarthost. libcurl connects, sends EHLO, starts
 * TLS and authenticates; smtp_talk.c does the rest over the same connection.
 * With a password, or a ca_file, TLS with a verified certificate is required;
 * otherwise TLS is used if offered, with any certificate, because clear text
 * would do, too (RFC 7435). */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "fetch/smtp_talk.h"
#include "fetch/via_curl.h"

#define REPLIES_MAX (64u << 10)
#define BLOCK	    4096

/* Keeps the last refusal. curl passes every reply line of the beginning to
 * us. */
static size_t
on_reply(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;

	t->answered += len;
	if (len > 3 && (data[0] == '4' || data[0] == '5')) {
		if (len >= sizeof(t->said))
			len = sizeof(t->said) - 1;
		memcpy(t->said, data, len);
		t->said[len] = '\0';
		t->said[strcspn(t->said, "\r\n")] = '\0';
		text_ascii(t->said);
	}
	return t->answered <= REPLIES_MAX ? size * n : 0;
}

bool
via_smtp_start(struct transfer *t)
{
	const struct carry *c = &t->c;
	CURL *e = t->easy;
	bool strict = c->user != NULL || c->ca_file != NULL ||
	    strncmp(t->m.url, "smtps:", 6) == 0;

	if (!via_curl_common(t, "smtp,smtps") ||
	    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_reply) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_HEADERDATA, t) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L) != CURLE_OK)
		return false;
	if (!strict &&
	    (curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L) != CURLE_OK ||
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L) != CURLE_OK))
		return false;
	if (c->user != NULL &&
	    (curl_easy_setopt(e, CURLOPT_USERNAME, c->user) != CURLE_OK ||
		curl_easy_setopt(e, CURLOPT_PASSWORD,
		    c->password != NULL ? c->password : "") != CURLE_OK))
		return false;
	return curl_easy_setopt(e, CURLOPT_USE_SSL,
		   (long)(strict ? CURLUSESSL_ALL : CURLUSESSL_TRY)) ==
	    CURLE_OK;
}

bool
via_smtp_connected(struct transfer *t, int curl_code, struct send_result *r)
{
	CURLcode rc = (CURLcode)curl_code;
	curl_socket_t fd = CURL_SOCKET_BAD;
	long code = 0;

	if (rc == CURLE_OK)
		rc = curl_easy_getinfo(t->easy, CURLINFO_ACTIVESOCKET, &fd);
	if (rc == CURLE_OK && fd != CURL_SOCKET_BAD) {
		t->socket = fd;
		t->talk = mem_alloc(sizeof(*t->talk));
		smtp_talk_init(t->talk, &t->c, &t->m.body);
		return true;
	}
	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code);
	r->result = CARRY_RETRY;
	r->status = (int)code;
	(void)strlcpy(r->text,
	    t->said[0] != '\0' ? t->said : curl_easy_strerror(rc),
	    sizeof(r->text));
	/* A wrong password will be corrected some day. */
	if (rc != CURLE_LOGIN_DENIED && code >= 550 && code < 560)
		r->result = CARRY_REJECTED;
	return false;
}

/* Sends what the socket takes; false: the connection is broken. */
static bool
push(struct transfer *t)
{
	struct buf *out = &t->talk->out;
	CURLcode rc = CURLE_OK;
	size_t n;

	while (rc == CURLE_OK && t->sent < out->len) {
		rc = curl_easy_send(t->easy, out->data + t->sent,
		    out->len - t->sent, &n);
		if (rc == CURLE_OK)
			t->sent += n;
	}
	if (t->sent == out->len) {
		buf_clear(out);
		t->sent = 0;
	}
	return rc == CURLE_OK || rc == CURLE_AGAIN;
}

bool
via_smtp_poll(struct transfer *t, struct send_result *r)
{
	char block[BLOCK];
	size_t n = 0;
	CURLcode rc;

	r->result = CARRY_RETRY;
	for (;;) {
		if (!push(t))
			break;
		rc = curl_easy_recv(t->easy, block, sizeof(block), &n);
		if (rc == CURLE_AGAIN)
			return false;
		if (rc != CURLE_OK || n == 0)
			break;
		if (smtp_talk_take(t->talk, block, n, r)) {
			(void)push(t); /* QUIT */
			return true;
		}
	}
	(void)strlcpy(r->text,
	    t->talk->refusal[0] != '\0' ? t->talk->refusal :
					  "the connection was closed",
	    sizeof(r->text));
	return true;
}

bool
via_smtp_is_spoken(const struct transfer *t)
{
	return t->talk != NULL && t->talk->step == TALK_DOT &&
	    t->talk->out.len == 0;
}

short
via_smtp_events(const struct transfer *t)
{
	return (short)(POLLIN | (t->talk->out.len > 0 ? POLLOUT : 0));
}

void
via_smtp_end(struct transfer *t)
{
	if (t->talk != NULL)
		smtp_talk_fini(t->talk);
	mem_free(&t->talk);
}
