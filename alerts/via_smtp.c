/* SPDX-License-Identifier: ISC
 * via_smtp: one message to a smarthost. The sender is the null path: what
 * cannot be delivered shall not come back to a watched domain. Where there is
 * a password there is TLS. */
#include <stdio.h>
#include <string.h>

#include "alerts/transport_int.h"

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

bool
via_smtp_start(struct transfer *t, const struct carry *c)
{
	CURL *e = t->easy;
	struct curl_slist *list;
	char address[400];

	if (!via_curl_common(t, c, "smtp,smtps"))
		return false;
	for (size_t i = 0; i < c->to->n; i++) {
		snprintf(address, sizeof(address), "<%s>", c->to->s[i]);
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
		   (long)(c->user != NULL ? CURLUSESSL_ALL : CURLUSESSL_TRY)) ==
	    CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_MAIL_FROM, "<>") == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_MAIL_RCPT, t->list) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_READDATA, t) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_UPLOAD, 1L) == CURLE_OK;
}

void
via_smtp_result(struct transfer *t, CURLcode rc, struct send_result *r)
{
	long code = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code);
	r->result = rc == CURLE_OK ? OUTBOX_SENT : OUTBOX_RETRY;
	if (rc == CURLE_OK)
		(void)strlcpy(r->text, "accepted", sizeof(r->text));
	else
		snprintf(r->text, sizeof(r->text), "%s (%ld)",
		    curl_easy_strerror(rc), code);
	/* A wrong password is put right one day; a mailbox that is not there
	 * does not come into being by trying again. */
	if (rc != CURLE_OK && rc != CURLE_LOGIN_DENIED && code >= 550 &&
	    code < 560)
		r->result = OUTBOX_REJECTED;
}
