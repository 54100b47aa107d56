/* SPDX-License-Identifier: ISC
 * via_http: POST of a body, or GET of an address. If the content of the
 * response is not wanted only the status counts. If it is, only 200 with the
 * complete content is a success, or for an existing file 304, which confirms
 * it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "fetch/via_curl.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define HTTP_OK		200
#define HTTP_SAME	304 /* RFC 9110 15.4.5 */

#define RETRY_AFTER_MAX INT64_C(86400) /* seconds */

static long
status_of(const struct transfer *t)
{
	long status = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static bool
is_wanted(const struct transfer *t)
{
	return t->down != NULL || t->c.content != NULL;
}

static void
say_content_too_large(const struct transfer *t, char *said, size_t size)
{
	if (t->down != NULL)
		download_say_too_large(t->down, said, size);
	else
		(void)snprintf(said, size, "more than %zu bytes",
		    t->c.content->max);
}

static size_t
on_content(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	if (status_of(t) != HTTP_OK)
		return via_curl_answer(data, size, n, arg);
	if (t->c.content != NULL) {
		if (buf_add(t->c.content, data, size * n) == 0)
			return size * n;
		say_content_too_large(t, t->said, sizeof(t->said));
		return 0;
	}
	return download_add(t->down, data, size * n, t->said, sizeof(t->said)) ?
	    size * n :
	    0;
}

/* Keeps "ETag: ..." for the next time. The status line of a later response
 * (after a 100, say) voids the headers of the earlier one. */
static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;

	if (len > 5 && strncasecmp(data, "HTTP/", 5) == 0)
		download_tag_clear(t->down);
	else if (len > 5 && strncasecmp(data, "etag:", 5) == 0)
		download_tag(t->down, TAG_ETAG, data + 5, len - 5);
	else if (len > 14 && strncasecmp(data, "last-modified:", 14) == 0)
		download_tag(t->down, TAG_MODIFIED, data + 14, len - 14);
	return via_curl_answer(data, size, n, arg);
}

static bool
add_header(struct transfer *t, const char *line)
{
	struct curl_slist *list = curl_slist_append(t->list, line);

	if (list != NULL)
		t->list = list;
	return list != NULL;
}

/* Makes the request conditional on the version that we have. */
static bool
add_condition(struct transfer *t, enum download_tag tag, const char *name)
{
	const char *value = download_had(t->down, tag);
	char *line;
	bool ok;

	if (value == NULL)
		return true;
	line = mem_printf("%s: %s", name, value);
	ok = add_header(t, line);
	mem_free(&line);
	return ok;
}

static bool
want_file(struct transfer *t)
{
	return add_condition(t, TAG_ETAG, "If-None-Match") &&
	    add_condition(t, TAG_MODIFIED, "If-Modified-Since") &&
	    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header) ==
	    CURLE_OK;
}

static bool
want_content(struct transfer *t)
{
	uint64_t max = t->down != NULL ? t->c.into_max : t->c.content->max;
	CURL *e = t->easy;

	t->error = mem_alloc(CURL_ERROR_SIZE);
	return (t->down == NULL || want_file(t)) &&
	    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_content) ==
	    CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)max) ==
	    CURLE_OK;
}

static bool
go_to_address(struct transfer *t)
{
	t->connect_to = curl_slist_append(NULL, t->c.connect_to);
	return t->connect_to != NULL &&
	    curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to) ==
	    CURLE_OK;
}

/* Read each time, so that a changed token is used at once. */
static bool
add_token(struct transfer *t)
{
	struct buf token = BUF_INIT(SECRET_MAX);
	struct mx_errbuf eb = { "" };
	char *why;
	int rc = file_load_secret(t->c.token_file, &token, &eb);

	while (token.len > 0 && strchr("\r\n \t", token.data[token.len - 1]))
		token.data[--token.len] = '\0';
	if (rc == 0 &&
	    (token.len == 0 || strlen(token.data) != token.len ||
		strpbrk(token.data, "\r\n") != NULL))
		rc = mx_fail(&eb, MX_ESYNTAX, "it is not one line");
	if (rc == 0)
		message_header(&t->m, "Authorization: Bearer %s", token.data);
	else {
		why = mem_printf("%s: %s", t->c.token_file, eb.text);
		text_cut(t->said, sizeof(t->said), why);
		mem_free(&why);
	}
	if (token.data != NULL)
		explicit_bzero(token.data, token.size);
	buf_fini(&token);
	return rc == 0;
}

static bool
post_body(struct transfer *t)
{
	CURL *e = t->easy;

	return add_header(t, "Expect:") &&
	    curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_POSTFIELDS, buf_str(&t->m.body)) ==
	    CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)t->m.body.len) ==
	    CURLE_OK;
}

bool
via_http_start(struct transfer *t)
{
	CURL *e = t->easy;

	if (!via_curl_common(t, is_wanted(t) ? "https" : "http,https") ||
	    curl_easy_setopt(e, CURLOPT_USERAGENT,
		"mxwatch/" PACKAGE_VERSION) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
		(long)CURL_HTTP_VERSION_1_1) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, via_curl_answer) !=
		CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_HEADERDATA, t) != CURLE_OK)
		return false;
	if (t->c.token_file != NULL && !add_token(t))
		return false;
	if (t->c.connect_to != NULL && !go_to_address(t))
		return false;
	for (size_t i = 0; i < t->m.header.n; i++)
		if (!add_header(t, t->m.header.s[i]))
			return false;
	return (!is_wanted(t) || want_content(t)) &&
	    (t->c.get || post_body(t)) &&
	    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->list) == CURLE_OK;
}

static void
say_status(struct send_result *r, long status)
{
	snprintf(r->text, sizeof(r->text), "HTTP %ld%s", status,
	    status >= 300 && status < 400 ? ", a redirect, is not followed" :
					    "");
}

/* The reason of a broken transfer: ours, else libcurl's. */
static void
say_broken(const struct transfer *t, CURLcode rc, struct send_result *r)
{
	if (rc == CURLE_FILESIZE_EXCEEDED)
		say_content_too_large(t, r->text, sizeof(r->text));
	else if (t->said[0] != '\0')
		(void)strlcpy(r->text, t->said, sizeof(r->text));
	else if (t->error != NULL && t->error[0] != '\0')
		(void)strlcpy(r->text, t->error, sizeof(r->text));
	else
		(void)strlcpy(r->text, curl_easy_strerror(rc), sizeof(r->text));
}

static void
content_result(struct transfer *t, CURLcode rc, long status,
    struct send_result *r)
{
	if (status > HTTP_OK && status < 300)
		snprintf(r->text, sizeof(r->text), "HTTP %ld, not 200", status);
	else if (status >= 300 && status != HTTP_SAME)
		say_status(r, status);
	else if (rc != CURLE_OK)
		say_broken(t, rc, r);
	else if (status == HTTP_SAME &&
	    (t->down == NULL || !download_is_conditional(t->down)))
		(void)strlcpy(r->text, "HTTP 304 to an unconditional request",
		    sizeof(r->text));
	else if (status == HTTP_SAME) {
		download_confirmed(t->down);
		r->result = CARRY_SENT;
		r->unchanged = true;
	} else if (t->down != NULL) {
		download_result(&t->down, r);
	} else {
		r->result = CARRY_SENT;
		say_status(r, status);
	}
}

/* Seconds or a date (RFC 9110 10.2.3); 0: neither. Read from the header, since
 * CURLINFO_RETRY_AFTER of libcurl 8.14 ends at six hours. */
static int64_t
retry_after_ms(const struct transfer *t)
{
	struct curl_header *h;
	int64_t sec;

	if (curl_easy_header(t->easy, "Retry-After", 0, CURLH_HEADER, -1, &h) !=
	    CURLHE_OK)
		return 0;
	if (h->value[strspn(h->value, "0123456789")] == '\0')
		sec = strtoll(h->value, NULL, 10);
	else
		sec = curl_getdate(h->value, NULL) - clock_wall_ms() / 1000;
	if (sec <= 0)
		return 0;
	return (sec < RETRY_AFTER_MAX ? sec : RETRY_AFTER_MAX) * 1000;
}

void
via_http_result(struct transfer *t, int curl_code, struct send_result *r)
{
	CURLcode rc = (CURLcode)curl_code;
	long status = status_of(t);

	r->result = CARRY_RETRY;
	r->retry_after_ms = retry_after_ms(t);
	if (is_wanted(t)) {
		content_result(t, rc, status, r);
		return;
	}
	/* After a final status the rest does not matter, be it too slow or too
	 * long. */
	if (rc != CURLE_OK && status < 200) {
		say_broken(t, rc, r);
		return;
	}
	say_status(r, status);
	r->status = (int)status;
	if (status >= 200 && status < 300)
		r->result = CARRY_SENT;
	else if (status >= 400 && status < 500 && status != 408 &&
	    status != 429)
		r->result = CARRY_REJECTED;
}
