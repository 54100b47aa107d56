/* SPDX-License-Identifier: ISC
 * via_smtp: one message to a smarthost. The sender is the null path: what
 * cannot be delivered shall not come back to a watched domain. Where there is
 * a password, or a ca_file, there is TLS with a certificate that is verified;
 * else there is what the smarthost offers, and any certificate will do, since
 * plain text would (RFC 7435). One recipient that is refused does not keep
 * the others from being told. */
#include <stdio.h>
#include <string.h>

#include "fetch/via_curl.h"

#define REPLIES_MAX (64u << 10)

static size_t
on_read(char *dst, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t left = t->m.body.len - t->sent, len = size * n;

	if (len > left)
		len = left;
	if (len > 0)
		memcpy(dst, t->m.body.data + t->sent, len);
	t->sent += len;
	return len;
}

/* Keeps the last refusal. curl gives every reply line to us. */
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
	struct curl_slist *list;
	char address[400];

	if (!via_curl_common(t, "smtp,smtps") ||
	    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_reply) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_HEADERDATA, t) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L) != CURLE_OK)
		return false;
	if (!strict &&
	    (curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L) != CURLE_OK ||
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L) != CURLE_OK))
		return false;
	for (size_t i = 0; i < c->to.n; i++) {
		snprintf(address, sizeof(address), "<%s>", c->to.s[i]);
		list = curl_slist_append(t->list, address);
		if (list == NULL)
			return false;
		t->list = list;
	}
	if (c->user != NULL &&
	    (curl_easy_setopt(e, CURLOPT_USERNAME, c->user) != CURLE_OK ||
		curl_easy_setopt(e, CURLOPT_PASSWORD,
		    c->password != NULL ? c->password : "") != CURLE_OK))
		return false;
	return curl_easy_setopt(e, CURLOPT_USE_SSL,
		   (long)(strict ? CURLUSESSL_ALL : CURLUSESSL_TRY)) ==
	    CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_MAIL_FROM, "<>") == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_MAIL_RCPT, t->list) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_READDATA, t) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_UPLOAD, 1L) == CURLE_OK;
}

void
via_smtp_result(struct transfer *t, int curl_code, struct send_result *r)
{
	CURLcode rc = (CURLcode)curl_code;
	long code = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code);
	r->result = rc == CURLE_OK ? CARRY_SENT : CARRY_RETRY;
	r->status = (int)code;
	r->partly = rc == CURLE_OK && t->said[0] != '\0';
	if (rc == CURLE_OK)
		snprintf(r->text, sizeof(r->text), "accepted%s%.90s",
		    r->partly ? ", but it said " : "", t->said);
	else if (t->said[0] != '\0')
		(void)strlcpy(r->text, t->said, sizeof(r->text));
	else
		(void)strlcpy(r->text, curl_easy_strerror(rc), sizeof(r->text));
	/* A wrong password is put right one day; a mailbox that is not there
	 * does not come into being by trying again. */
	if (rc != CURLE_OK && rc != CURLE_LOGIN_DENIED && code >= 550 &&
	    code < 560)
		r->result = CARRY_REJECTED;
}
