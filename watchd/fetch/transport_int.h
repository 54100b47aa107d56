/* SPDX-License-Identifier: ISC
 * transport_int: a transfer, as transport.c and the carriers share it. */
#ifndef MX_FETCH_TRANSPORT_INT_H
#define MX_FETCH_TRANSPORT_INT_H

#include <sys/queue.h>
#include <sys/types.h>

#include <poll.h>

#include "base/spawn.h"
#include "fetch/download.h"
#include "fetch/transport.h"

#define CONNECT_MS 10000
#define FDS_MAX	   64 /* of programs that are waited for by descriptor */

struct curl_slist;
struct curl_side;

struct transfer {
	TAILQ_ENTRY(transfer) link;
	struct message m;
	struct carry c;
	int64_t deadline; /* monotonic ns: our own limit */
	struct download *down; /* NULL: nothing is wanted */
	int64_t had_ms; /* send_result's */
	size_t sent; /* of the body */
	size_t answered; /* bytes that came back */
	char said[128]; /* why it failed, in the words of the other side */
	/* via_http, via_smtp */
	void *easy; /* a CURL */
	struct curl_slist *list; /* headers, or recipients */
	char *error; /* libcurl's words, CURL_ERROR_SIZE; NULL: not wanted */
	/* via_exec */
	struct program program;
	int fd; /* its standard input, or output; -1: closed */
};

/* via_curl.c, of which a build without libcurl has no_curl.c. The network: false
 * when a transfer cannot be begun, and `said` why. */
struct curl_side *curl_side_create(void);
void curl_side_destroy(struct curl_side **);
bool curl_side_start(struct curl_side *, struct transfer *);
/* Also of what ended. */
void curl_side_end(struct curl_side *, struct transfer *);
/* One that ended, and what came of it; NULL: none has. */
struct transfer *curl_side_ended(struct curl_side *, struct send_result *);
/* As poll(), of the network and of these, whose revents it sets. */
void curl_side_wait(struct curl_side *, struct pollfd *, unsigned n, int ms);

/* Each sets the transfer up; false: it cannot be. */
bool via_http_start(struct transfer *);
bool via_smtp_start(struct transfer *);
bool via_exec_start(struct transfer *, struct spawner *);

void via_http_result(struct transfer *, int curl_code, struct send_result *);
void via_smtp_result(struct transfer *, int curl_code, struct send_result *);
/* False while it runs. */
bool via_exec_poll(struct transfer *, struct send_result *);
void via_exec_kill(struct transfer *);

#endif
