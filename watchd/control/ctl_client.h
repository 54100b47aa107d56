/* SPDX-License-Identifier: ISC
 * ctl_client: mxwatchctl's end of the control socket: finds the socket,
 * sends a request, hands out the lines of the answer. Blocking. */
#ifndef MX_CONTROL_CTL_CLIENT_H
#define MX_CONTROL_CTL_CLIENT_H

#include "base/err.h"
#include "status/json.h"

/* The socket that `file` names; when that cannot be told, the built-in one,
 * and a note why in *note. The caller frees it. */
char *ctl_socket_path(const char *file, struct mx_errbuf *note);

/* Called with every line, the last one ("done") included, as it was read and
 * parsed (not kept). */
typedef void ctl_line_cb(const char *text, const cJSON *line, void *arg);

/* Says what comes behind a request; negative and *eb: it cannot, and the daemon is
 * left in the middle of it. */
typedef int ctl_say_cb(int fd, void *arg, struct mx_errbuf *eb);

/* Returns the answer's rc, or -1 with *eb when there was no whole answer. */
int ctl_ask(const char *path, const cJSON *request, ctl_line_cb *, void *arg,
    struct mx_errbuf *eb);
int ctl_ask_saying(const char *path, const cJSON *request, ctl_say_cb *,
    ctl_line_cb *, void *arg, struct mx_errbuf *eb);

#endif
