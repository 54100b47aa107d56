/* SPDX-License-Identifier: ISC
 * transport_int: a transfer, shared by transport.c and the carriers. */
#ifndef MX_FETCH_TRANSPORT_INT_H
#define MX_FETCH_TRANSPORT_INT_H

#include <sys/queue.h>
#include <sys/types.h>

#include <poll.h>

#include "base/spawn.h"
#include "fetch/download.h"
#include "fetch/transport.h"

#define CONNECT_MS 10000
#define FDS_MAX	   64 /* descriptors that we poll, not libcurl */

struct curl_slist;
struct curl_side;
struct smtp_talk;

struct transfer {
	TAILQ_ENTRY(transfer) link;
	struct message m;
	struct carry c;
	int64_t deadline; /* monotonic ns: our own limit */
	struct download *down; /* NULL: the response is not wanted */
	int64_t had_ms; /* send_result's */
	enum carry_stage stage; /* last one reported */
	size_t sent; /* of the body */
	size_t answered; /* bytes received */
	char said[128]; /* the failure in the words of the other side */
	/* via_http, via_smtp */
	void *easy; /* a CURL */
	struct curl_slist *list; /* headers */
	struct curl_slist *connect_to;
	char *error; /* libcurl's message, CURL_ERROR_SIZE; NULL: not wanted */
	/* via_smtp, after libcurl has connected */
	struct smtp_talk *talk; /* NULL: not connected */
	int socket; /* libcurl's */
	/* via_exec */
	struct program program;
	int fd; /* its standard input, or output; -1: closed */
};

/* via_curl.c; no_curl.c in a build without libcurl. The network: false when a
 * transfer cannot be started, with the reason in `said`. */
struct curl_side *curl_side_create(void);
void curl_side_destroy(struct curl_side **);
bool curl_side_start(struct curl_side *, struct transfer *);
/* Also for transfers that have ended. */
void curl_side_end(struct curl_side *, struct transfer *);
/* A transfer that has ended, with its result; NULL: none. One connected to a
 * smarthost goes on in via_smtp_poll(). */
struct transfer *curl_side_ended(struct curl_side *, struct send_result *);
/* The progress; CARRY_ENDED: none. */
enum carry_stage curl_side_stage(const struct transfer *);
/* As poll(), for the network and these, whose revents it sets. */
void curl_side_wait(struct curl_side *, struct pollfd *, unsigned n, int ms);

/* Each sets up the transfer; false: impossible. */
bool via_http_start(struct transfer *);
bool via_smtp_start(struct transfer *);
bool via_exec_start(struct transfer *, struct spawner *);

void via_http_result(struct transfer *, int curl_code, struct send_result *);
/* True: it goes on; otherwise the result is set. */
bool via_smtp_connected(struct transfer *, int curl_code, struct send_result *);
/* False while it runs. For a transfer with a talk, like the next one. */
bool via_smtp_poll(struct transfer *, struct send_result *);
bool
via_smtp_is_spoken(const struct transfer *); /* sent; the reply is awaited */
short via_smtp_events(const struct transfer *); /* as for poll() */
void via_smtp_end(struct transfer *);
/* False while it runs. */
bool via_exec_poll(struct transfer *, struct send_result *);
void via_exec_kill(struct transfer *);

#endif
