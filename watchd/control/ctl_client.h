/* SPDX-License-Identifier: ISC
 * ctl_client: mxwatchctl's end of the control socket: finds the socket, sends a
 * request, passes on the lines of the answer. Blocking. */
#ifndef MX_CONTROL_CTL_CLIENT_H
#define MX_CONTROL_CTL_CLIENT_H

#include "base/err.h"
#include "status/json.h"

/* The socket that the configuration `file` names; if it cannot be read, the
 * built-in one, and the reason in *note. The caller frees it. */
char *ctl_socket_path(const char *file, struct mx_errbuf *note);

/* Called with every line, the last one ("done") included, as text and parsed
 * (borrowed). */
typedef void ctl_line_cb(const char *text, const cJSON *line, void *arg);

/* Sends a line, to which it adds the line feed. False: the daemon reads no
 * more. */
bool ctl_send_line(int fd, const char *text);

/* Sends the input of a request; negative and *eb: it failed, and the daemon has
 * only a part. */
typedef int ctl_say_cb(int fd, void *arg, struct mx_errbuf *eb);

/* Returns the rc of the answer, or -1 with *eb without a complete answer. */
int ctl_ask(const char *path, const cJSON *request, ctl_line_cb *, void *arg,
    struct mx_errbuf *eb);
int ctl_ask_saying(const char *path, const cJSON *request, ctl_say_cb *,
    ctl_line_cb *, void *arg, struct mx_errbuf *eb);

#endif
