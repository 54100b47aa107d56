/* SPDX-License-Identifier: ISC
 * local_socket: a listening socket in the file system. */
#ifndef MX_NET_LOCAL_SOCKET_H
#define MX_NET_LOCAL_SOCKET_H

#include <sys/types.h>

#include "base/err.h"

struct local_socket {
	int fd; /* -1: none; a caller that takes it over sets this */
	dev_t dev; /* identifies what was created at the path */
	ino_t ino; /* 0: nothing was created */
};

/* Listens at `path`, which has mode 0660 from the first moment and the user and
 * group of the process. An existing file is removed only if it is a socket
 * without a listener. 0 or a negative code with *eb; local_socket_close() may
 * be called in either case. */
int local_socket_listen(struct local_socket *, const char *path, int backlog,
    struct mx_errbuf *eb) MX_NODISCARD;
/* Closes it, and removes `path` if it is still the socket that was created. */
void local_socket_close(struct local_socket *, const char *path);

#endif
