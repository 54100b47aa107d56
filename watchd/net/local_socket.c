/* SPDX-License-Identifier: ISC
 * local_socket: see local_socket.h. */
#include "net/local_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define FLAGS (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

/* Removes a dead socket from the path. */
static int
clear_path(const struct sockaddr_un *sun, struct mx_errbuf *eb)
{
	struct stat st;
	int fd, rc, error;

	if (lstat(sun->sun_path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return mx_fail(eb, MX_EEXIST,
		    "%s exists and is not a socket; move it, or configure "
		    "another path",
		    sun->sun_path);
	fd = socket(AF_UNIX, FLAGS, 0);
	if (fd < 0)
		return mx_fail(eb, MX_ESYS, "socket: %s", strerror(errno));
	rc = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	error = errno;
	close(fd);
	if (rc == 0 || error != ECONNREFUSED)
		return mx_fail(eb, MX_EBUSY, "%s is in use: %s", sun->sun_path,
		    rc == 0 ? "a running daemon answers on it" :
			      strerror(error));
	if (unlink(sun->sun_path) != 0)
		return mx_fail(eb, MX_ESYS,
		    "cannot remove the old socket %s: %s", sun->sun_path,
		    strerror(errno));
	return 0;
}

int
local_socket_listen(struct local_socket *s, const char *path, int backlog,
    struct mx_errbuf *eb)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;
	int rc;

	*s = (struct local_socket){ .fd = -1 };
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		return mx_fail(eb, MX_ETOOBIG,
		    "%s: the path of a socket may have at most %zu bytes", path,
		    sizeof(sun.sun_path) - 1);
	if ((rc = clear_path(&sun, eb)) != 0)
		return rc;
	s->fd = socket(AF_UNIX, FLAGS, 0);
	if (s->fd < 0)
		return mx_fail(eb, MX_ESYS, "socket: %s", strerror(errno));
	mask = umask(0117);
	rc = bind(s->fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(mask);
	if (rc != 0)
		return mx_fail(eb, MX_ESYS, "cannot bind %s: %s", path,
		    strerror(errno));
	if (lstat(path, &st) == 0) {
		s->dev = st.st_dev;
		s->ino = st.st_ino;
	}
	if (listen(s->fd, backlog) != 0)
		return mx_fail(eb, MX_ESYS, "cannot listen on %s: %s", path,
		    strerror(errno));
	return 0;
}

void
local_socket_close(struct local_socket *s, const char *path)
{
	struct stat st;

	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	if (s->ino != 0 && lstat(path, &st) == 0 && st.st_dev == s->dev &&
	    st.st_ino == s->ino)
		(void)unlink(path);
	s->ino = 0;
}
