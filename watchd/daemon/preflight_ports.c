/* SPDX-License-Identifier: ISC
 * preflight_ports: whether the listen addresses are free. An address in use by
 * a daemon that runs with this configuration is no finding. */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/findings.h"
#include "daemon/preflight_int.h"
#include "net/listen_socket.h"
#include "net/port_holder.h"

/* The running daemon with this control socket. */
struct our_daemon {
	bool is;
	pid_t pid; /* 0: unknown, it refuses the connection */
};

static struct our_daemon
find_daemon(const struct config *c)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct our_daemon r = { false, 0 };
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (fd < 0)
		return r;
	if (strlcpy(sun.sun_path, c->control, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		r.is = false;
	else if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		r.is = errno == EACCES;
	else {
		r.is = true;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
			r.pid = peer.pid;
	}
	close(fd);
	return r;
}

static int
try_listen(const struct net_addr *addr)
{
	int fd = listen_socket(addr);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void
in_use(const struct config *c, const char *section, const struct net_addr *a,
    const struct our_daemon *r, struct conf_errors *errs)
{
	char text[ADDR_TEXT_MAX];
	struct port_holder h;
	bool seen = port_holder_find(a, &h);

	if (r->is && (!seen || r->pid == 0 || h.pid == r->pid))
		return;
	addr_text_port(a, text);
	if (seen)
		finding(errs, false, c->file, 0,
		    "%s: listen %s is in use by another program, %s (pid %ld); "
		    "stop it, or listen on another address",
		    section, text, h.name, (long)h.pid);
	else
		finding(errs, false, c->file, 0,
		    "%s: listen %s is in use by another program; stop it (ss "
		    "-ltnp as root names it), or listen on another address",
		    section, text);
}

static void
check(const struct config *c, const char *section,
    const struct listenlist *list, const struct our_daemon *r,
    struct conf_errors *errs)
{
	char text[ADDR_TEXT_MAX];
	const struct net_addr *a;
	int err;

	for (size_t i = 0; i < list->n; i++) {
		if (conf_listen_path(&list->a[i]) != NULL)
			continue;
		a = &list->a[i].addr;
		if (list->usual && !addr_family_there(a->u.sa.sa_family))
			continue;
		if ((err = try_listen(a)) == 0)
			continue;
		addr_text_port(a, text);
		if (err == EADDRINUSE)
			in_use(c, section, a, r, errs);
		else if (err == EADDRNOTAVAIL)
			finding(errs, false, c->file, 0,
			    "%s: listen %s: no interface of this host has "
			    "that address",
			    section, text);
		else if (err == EACCES && geteuid() != 0)
			finding(errs, true, c->file, 0,
			    "%s: listen %s needs root, or "
			    "CAP_NET_BIND_SERVICE, which the systemd unit "
			    "grants (AmbientCapabilities); not checked",
			    section, text);
		else
			finding(errs, false, c->file, 0,
			    "%s: cannot listen on %s: %s", section, text,
			    strerror(err));
	}
}

void
preflight_ports(const struct config *c, struct conf_errors *errs)
{
	struct our_daemon r = find_daemon(c);

	check(c, "smtpd", &c->smtpd.listen, &r, errs);
	check(c, "web", &c->web.listen, &r, errs);
}

void
preflight_web_rights(const struct config *c, struct conf_errors *errs)
{
	const struct listenlist *list = &c->web.listen;
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < list->n; i++)
		if (conf_listen_path(&list->a[i]) == NULL &&
		    try_listen(&list->a[i].addr) == EACCES)
			finding(errs, true, c->file, 0,
			    "web: listen %s: a daemon started as root becomes "
			    "user \"%s\" before it binds this port, which that "
			    "user may not; use a port above 1023, unless the "
			    "systemd unit starts it, which grants "
			    "CAP_NET_BIND_SERVICE",
			    addr_text_port(&list->a[i].addr, text), c->user);
}
