/* SPDX-License-Identifier: ISC
 * fetch_site: a web server or a smarthost of one script, a thread on a port of
 * 127.0.0.1, which serves one connection after the other. */
#ifndef MX_TESTS_FETCH_SITE_H
#define MX_TESTS_FETCH_SITE_H

#include <pthread.h>

#include "base/buf.h"
#include "tests/unit/fetch_outcome.h"
#include "tests/unit/pki.h"

enum site_end {
	SITE_CLOSES, /* behind its answer */
	SITE_HANGS, /* until the client has gone */
	SITE_FLOODS, /* its answer over and over again, until then */
};

/* A line of the client that begins with `command` is answered so. */
struct site_reply {
	const char *command, *reply;
};

struct site {
	/* The script; set before site_open(). */
	const char *answer; /* HTTP; NULL: it speaks SMTP */
	enum site_end end; /* of HTTP */
	const struct site_reply *reply; /* SMTP: these before the usual ones */
	unsigned nreplies;
	const struct identity *tls; /* from the start, or with STARTTLS */
	bool starttls;
	/* What it saw; to be read behind site_close(). */
	struct buf got;
	unsigned conns;
	bool inside; /* of TLS, once */
	/* private */
	int fd;
	uint16_t port;
	pthread_t thread;
};

void site_open(struct site *);
void site_close(struct site *); /* site.got is the caller's to free */

#endif
