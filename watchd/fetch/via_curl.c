/* SPDX-License-Identifier: ISC
 * via_curl: the multi handle, and the common part of HTTP and SMTP. */
#include "fetch/via_curl.h"

#include <string.h>

#include "base/mem.h"

#define CONNECTIONS 8L /* kept open */
#define ANSWER_MAX  (64u << 10)

struct curl_side {
	CURLM *multi;
};

struct curl_side *
curl_side_create(void)
{
	struct curl_side *cs = mem_alloc(sizeof(*cs));

	MX_ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	cs->multi = curl_multi_init();
	MX_ASSERT(cs->multi != NULL);
	(void)curl_multi_setopt(cs->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS);
	return cs;
}

void
curl_side_destroy(struct curl_side **csp)
{
	if (*csp == NULL)
		return;
	(void)curl_multi_cleanup((*csp)->multi);
	curl_global_cleanup();
	mem_free(csp);
}

size_t
via_curl_answer(char *data MX_UNUSED, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	t->answered += size * n;
	if (t->answered <= ANSWER_MAX)
		return size * n;
	(void)strlcpy(t->said, "its answer or its header is too long",
	    sizeof(t->said));
	return 0;
}

bool
via_curl_common(struct transfer *t, const char *protocols)
{
	const struct carry *c = &t->c;
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
	    /* Ending does not wait for a resolver that hangs. */
	    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, via_curl_answer) ==
	    CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_WRITEDATA, t) == CURLE_OK;
}

bool
curl_side_start(struct curl_side *cs, struct transfer *t)
{
	t->easy = curl_easy_init();
	if (t->easy == NULL ||
	    !(t->m.carrier == CARRY_SMTP ? via_smtp_start(t) :
					   via_http_start(t)))
		return false;
	return curl_multi_add_handle(cs->multi, t->easy) == CURLM_OK;
}

void
curl_side_end(struct curl_side *cs, struct transfer *t)
{
	via_smtp_end(t);
	if (t->easy != NULL) {
		(void)curl_multi_remove_handle(cs->multi, t->easy);
		curl_easy_cleanup(t->easy);
		t->easy = NULL;
	}
	curl_slist_free_all(t->list);
	curl_slist_free_all(t->connect_to);
	t->list = t->connect_to = NULL;
	mem_free(&t->error);
}

struct transfer *
curl_side_ended(struct curl_side *cs, struct send_result *r)
{
	char *private = NULL;
	struct transfer *t;
	int left, running;
	CURLMsg *msg;

	(void)curl_multi_perform(cs->multi, &running);
	while ((msg = curl_multi_info_read(cs->multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
		    &private);
		t = (struct transfer *)(void *)private;
		if (t->m.carrier != CARRY_SMTP)
			via_http_result(t, (int)msg->data.result, r);
		else if (via_smtp_connected(t, (int)msg->data.result, r))
			continue;
		return t;
	}
	return NULL;
}

static bool
has_time(CURL *e, CURLINFO info)
{
	curl_off_t us = 0;

	return curl_easy_getinfo(e, info, &us) == CURLE_OK && us > 0;
}

enum carry_stage
curl_side_stage(const struct transfer *t)
{
	bool smtp = t->m.carrier == CARRY_SMTP;

	if (smtp ? via_smtp_is_spoken(t) :
		   has_time(t->easy, CURLINFO_PRETRANSFER_TIME_T))
		return CARRY_SPOKEN;
	if (has_time(t->easy, CURLINFO_APPCONNECT_TIME_T))
		return CARRY_SECURED;
	if (has_time(t->easy, CURLINFO_CONNECT_TIME_T))
		return CARRY_CONNECTED;
	return has_time(t->easy, CURLINFO_NAMELOOKUP_TIME_T) ? CARRY_RESOLVED :
							       CARRY_ENDED;
}

void
curl_side_wait(struct curl_side *cs, struct pollfd *pfd, unsigned n, int ms)
{
	struct curl_waitfd extra[FDS_MAX];

	MX_ASSERT(n <= FDS_MAX);
	for (unsigned i = 0; i < n; i++)
		extra[i] = (struct curl_waitfd){ .fd = pfd[i].fd,
			.events = (short)(((pfd[i].events & POLLOUT) != 0 ?
						  CURL_WAIT_POLLOUT :
						  0) |
			    ((pfd[i].events & POLLIN) != 0 ? CURL_WAIT_POLLIN :
							     0)) };
	(void)curl_multi_poll(cs->multi, extra, n, ms, NULL);
	for (unsigned i = 0; i < n; i++)
		pfd[i].revents = extra[i].revents;
}
