/* SPDX-License-Identifier: ISC
 * fetch_tls: the same over TLS, with libcurl. The certificate has to be valid;
 * there is no option to skip that check. */
#include "fetch.h"

#ifdef HAVE_CURL
#include <string.h>

#include <curl/curl.h>

#include "base/mem.h"

static size_t
on_data(char *data, size_t size, size_t n, void *arg)
{
	return buf_add(arg, data, size * n) == 0 ? size * n : 0;
}

static bool
set_options(CURL *e, const struct fetch *f, const char *url, struct buf *body)
{
	return curl_easy_setopt(e, CURLOPT_URL, url) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	    (f->ca_file == NULL ||
		curl_easy_setopt(e, CURLOPT_CAINFO, f->ca_file) == CURLE_OK) &&
	    (f->auth == NULL ||
		curl_easy_setopt(e, CURLOPT_USERPWD, f->auth) == CURLE_OK) &&
	    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_WRITEDATA, body) == CURLE_OK;
}

int
fetch_tls(const struct fetch *f, struct buf *body, long *status,
    struct mx_errbuf *eb)
{
	bool v6 = strchr(f->host, ':') != NULL;
	char *url = mem_printf("https://%s%s%s:%s" FETCH_PATH "%s%s",
	    v6 ? "[" : "", f->host, v6 ? "]" : "", f->port,
	    f->domain != NULL ? FETCH_DOMAIN : "",
	    f->domain != NULL ? f->domain : "");
	CURL *e = curl_easy_init();
	CURLcode code = CURLE_FAILED_INIT;
	int rc = 0;

	if (e != NULL && set_options(e, f, url, body))
		code = curl_easy_perform(e);
	if (code != CURLE_OK)
		rc = mx_fail(eb, MX_ETLS, "%s port %s: %s", f->host, f->port,
		    curl_easy_strerror(code));
	else
		(void)curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, status);
	curl_easy_cleanup(e);
	mem_free(&url);
	return rc;
}
#else
int
fetch_tls(const struct fetch *f, struct buf *body, long *status,
    struct mx_errbuf *eb)
{
	(void)f;
	(void)body;
	(void)status;
	return mx_fail(eb, MX_ETLS, "built without libcurl, hence no TLS");
}
#endif
