/* SPDX-License-Identifier: ISC
 * questions: answers what the status page asks and the snapshot does not have
 * (exporters/http_desk.h): why a domain is as it is, how old what is queued for it is,
 * and a page of its envelopes. All of it is read, none of it waits: an answer takes
 * what a page of the queue takes, ages are counted in slices, one domain at a time.
 * Loop thread. */
#ifndef MX_DAEMON_QUESTIONS_H
#define MX_DAEMON_QUESTIONS_H

#include "daemon/daemon.h"
#include "exporters/http_desk.h"

struct questions;

struct questions *questions_create(struct daemon *);
/* After the servers and the control socket, before the queue. */
void questions_destroy(struct questions **);
struct http_desk *questions_desk(const struct questions *);

#endif
