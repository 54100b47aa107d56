/* SPDX-License-Identifier: ISC
 * local_socket: a listening socket in the file system. */
#ifndef MX_NET_LOCAL_SOCKET_H
#define MX_NET_LOCAL_SOCKET_H

#include <sys/types.h>

#include "base/err.h"

struct local_socket {
	int fd; /* -1: none; whoever takes it sets this */
	dev_t dev; /* of what was made at the path */
	ino_t ino; /* 0: nothing was made */
};

/* Listens at `path` with mode 0660 from its first moment on: the user and the
 * group of the process. What is there already goes only when it is a socket
 * on which nobody answers. 0 or a negative code with *eb; then
 * local_socket_close() may be called all the same. */
int local_socket_listen(struct local_socket *, const char *path, int backlog,
    struct mx_errbuf *eb) MX_NODISCARD;
/* Closes it, and removes it from `path` if what is there is ours still. */
void local_socket_close(struct local_socket *, const char *path);

#endif
