/* SPDX-License-Identifier: ISC
 * via_http: POST of a body, or GET of an address. Only the status of what
 * the other side answers counts. */
#include <stdio.h>
#include <string.h>

#include "alerts/transport_int.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define ANSWER_MAX (64u << 10)

/* The answer is not wanted; a little is read so that the connection may be used
 * again, and no more of somebody who does not come to an end. */
static size_t
on_answer(char *data MX_UNUSED, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	t->answered += size * n;
	return t->answered <= ANSWER_MAX ? size * n : 0;
}

bool
via_curl_common(struct transfer *t, const struct carry *c,
    const char *protocols)
{
	CURL *e = t->easy;
	long connect =
	    c->timeout_ms < CONNECT_MS ? (long)c->timeout_ms : CONNECT_MS;

	return curl_easy_setopt(e, CURLOPT_URL, t->m.url) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_PRIVATE, t) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	    (c->ca_file == NULL ||
		curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file) == CURLE_OK) &&
	    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, connect) ==
	    CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)c->timeout_ms) ==
	    CURLE_OK &&
	    /* The end need not wait for a resolver that hangs. */
	    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_WRITEDATA, t) == CURLE_OK;
}

static bool
add_header(struct transfer *t, const char *line)
{
	struct curl_slist *list = curl_slist_append(t->list, line);

	if (list != NULL)
		t->list = list;
	return list != NULL;
}

bool
via_http_start(struct transfer *t, const struct carry *c)
{
	CURL *e = t->easy;

	if (!via_curl_common(t, c, "http,https") ||
	    curl_easy_setopt(e, CURLOPT_USERAGENT,
		"mxwatch/" PACKAGE_VERSION) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
		(long)CURL_HTTP_VERSION_1_1) != CURLE_OK)
		return false;
	if (curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_answer) !=
		CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_HEADERDATA, t) != CURLE_OK)
		return false;
	if (c->get)
		return true;
	for (size_t i = 0; i < t->m.header.n; i++)
		if (!add_header(t, t->m.header.s[i]))
			return false;
	return add_header(t, "Expect:") &&
	    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->list) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_POSTFIELDS, buf_str(&t->m.body)) ==
	    CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)t->m.body.len) ==
	    CURLE_OK;
}

void
via_http_result(struct transfer *t, CURLcode rc, struct send_result *r)
{
	curl_off_t after = 0;
	long status = 0;

	r->result = OUTBOX_RETRY;
	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	/* Once it has said 2xx or no, it has: what comes after, too slowly or
	 * too much of it, changes nothing. */
	if (rc != CURLE_OK && status < 200) {
		(void)strlcpy(r->text, curl_easy_strerror(rc), sizeof(r->text));
		return;
	}
	(void)curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &after);
	snprintf(r->text, sizeof(r->text), "HTTP %ld%s", status,
	    status >= 300 && status < 400 ? ", a redirect, is not followed" :
					    "");
	if (after > 0)
		r->retry_after_ms =
		    after > 86400 ? INT64_C(86400000) : (int64_t)after * 1000;
	if (status >= 200 && status < 300)
		r->result = OUTBOX_SENT;
	else if (status >= 400 && status < 500 && status != 408 &&
	    status != 429)
		r->result = OUTBOX_REJECTED;
}
