/* SPDX-License-Identifier: ISC
 * http_question: parses the query of a request into a question for the loop.
 * Thread of the address. */
#include <string.h>

#include "base/text.h"
#include "exporters/http_int.h"

static bool
is_of_this_host(struct MHD_Connection *c)
{
	struct net_addr a;

	return !http_client(c, &a) || addr_is_loopback(&a);
}

/* Addresses of people are for authenticated clients: a port that anybody may
 * scrape must not disclose them. A client on this host may be a proxy that lets
 * in everybody, so it takes an operator who says that it is none. */
static bool
may_see_people(const struct http *h, struct MHD_Connection *c)
{
	return h->auth != NULL || h->conf->web.client_ca != NULL ||
	    (h->conf->web.envelopes == ENVELOPES_LOCAL && is_of_this_host(c));
}

unsigned
http_question(struct http *h, struct MHD_Connection *c,
    enum http_question_kind kind, struct http_question *q, const char **why)
{
	const char *domain = http_argument(c, "domain");
	const char *after = http_argument(c, "after");
	bool part;

	*q = (struct http_question){ .kind = kind,
		.people = may_see_people(h, c) };
	if (domain == NULL ||
	    text_domain(domain, strlen(domain), q->domain) != 0) {
		*why = "?domain=NAME is missing\n";
		return MHD_HTTP_BAD_REQUEST;
	}
	if (after != NULL &&
	    (kind != HTTP_QUESTION_MESSAGES ||
		text_id_parse(after, &q->after, &part) != 0)) {
		*why = "after= must be the id of a message\n";
		return MHD_HTTP_BAD_REQUEST;
	}
	if (kind == HTTP_QUESTION_MESSAGES && !q->people) {
		*why = "senders and recipients are shown only if web { } has "
		       "passwords (basic_auth_file) or client certificates "
		       "(client_ca), or to all clients of this host with "
		       "envelopes = \"local\"; see mxwatchd.conf(5)\n";
		return MHD_HTTP_FORBIDDEN;
	}
	return 0;
}
