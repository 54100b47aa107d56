/* SPDX-License-Identifier: ISC
 * no_curl: the network side of a build without libcurl: every transfer fails
 * with that reason. Programs work nevertheless. */
#include <string.h>

#include "fetch/transport_int.h"

struct curl_side *
curl_side_create(void)
{
	return NULL;
}

void
curl_side_destroy(struct curl_side **csp MX_UNUSED)
{
}

bool
curl_side_start(struct curl_side *cs MX_UNUSED, struct transfer *t)
{
	(void)strlcpy(t->said, "this build has no libcurl", sizeof(t->said));
	return false;
}

void
curl_side_end(struct curl_side *cs MX_UNUSED, struct transfer *t MX_UNUSED)
{
}

struct transfer *
curl_side_ended(struct curl_side *cs MX_UNUSED, struct send_result *r MX_UNUSED)
{
	return NULL;
}

enum carry_stage
curl_side_stage(const struct transfer *t MX_UNUSED)
{
	return CARRY_ENDED;
}

bool
via_smtp_poll(struct transfer *t MX_UNUSED, struct send_result *r MX_UNUSED)
{
	return true;
}

short
via_smtp_events(const struct transfer *t MX_UNUSED)
{
	return 0;
}

void
curl_side_wait(struct curl_side *cs MX_UNUSED, struct pollfd *pfd, unsigned n,
    int ms)
{
	if (poll(pfd, n, ms) < 0)
		for (unsigned i = 0; i < n; i++)
			pfd[i].revents = 0;
}
