/* SPDX-License-Identifier: ISC
 * questions: answers the questions of the status page that the snapshot cannot
 * (exporters/http_desk.h): why a domain is in its state, the ages of its queued
 * mail, and a page of its envelopes. They are asked as a client of the control
 * socket asks (control_ask()), so in a cluster it does not matter which node
 * has the mail. Nothing is changed and nothing blocks. Loop thread. */
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
