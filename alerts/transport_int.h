/* SPDX-License-Identifier: ISC
 * transport_int: a transfer, as transport.c and the carriers share it. */
#ifndef MX_ALERTS_TRANSPORT_INT_H
#define MX_ALERTS_TRANSPORT_INT_H

#include <sys/queue.h>
#include <sys/types.h>

#include <curl/curl.h>

#include "alerts/transport.h"
#include "base/spawn.h"

#define CONNECT_MS 10000

struct transfer {
	TAILQ_ENTRY(transfer) link;
	struct message m;
	void *arg;
	int64_t deadline; /* monotonic ns: our own limit */
	/* via_http, via_smtp */
	CURL *easy;
	struct curl_slist *list; /* headers, or recipients */
	size_t sent; /* of the body */
	size_t answered; /* bytes that came back */
	char said[96]; /* why it failed, in the words of the other side */
	/* via_exec */
	struct program program;
	int fd; /* its standard input; -1: closed */
};

/* Each sets the transfer up; false: it cannot be. */
bool via_http_start(struct transfer *, const struct carry *);
bool via_smtp_start(struct transfer *, const struct carry *);
bool via_exec_start(struct transfer *, const struct carry *, struct spawner *);

void via_http_result(struct transfer *, CURLcode, struct send_result *);
void via_smtp_result(struct transfer *, CURLcode, struct send_result *);
/* False while it runs. */
bool via_exec_poll(struct transfer *, struct send_result *);
void via_exec_kill(struct transfer *);

/* via_http.c: what both kinds of network transfers have in common. */
bool
via_curl_common(struct transfer *, const struct carry *, const char *protocols);

#endif
