/* SPDX-License-Identifier: ISC
 * service: one connected datagram socket; "@" begins an abstract name
 * (unix(7)). */
#include "base/service.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

static int service_fd = -1;
static int64_t service_ms; /* half of the watchdog interval */

static int
service_connect(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd;

	if ((name[0] != '/' && name[0] != '@') || len >= sizeof(sun.sun_path))
		return -1;
	memcpy(sun.sun_path, name, len);
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&sun,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The variable may be for another process, and inherited from it. */
static bool
is_for_us(const char *pid)
{
	int64_t n;

	return pid == NULL ||
	    (text_int(pid, 1, INT32_MAX, &n) == 0 && n == (int64_t)getpid());
}

void
service_open(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	const char *usec = getenv("WATCHDOG_USEC");
	int64_t n;

	if (name != NULL && (service_fd = service_connect(name)) < 0)
		log_warn("daemon",
		    "problem=\"cannot reach the service manager\" "
		    "notify_socket=%s",
		    log_q(name));
	if (usec != NULL && is_for_us(getenv("WATCHDOG_PID")) &&
	    text_int(usec, 1, INT64_MAX / 1000, &n) == 0)
		service_ms = n / 2000 > 0 ? n / 2000 : 1;
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

void
service_close(void)
{
	if (service_fd >= 0)
		close(service_fd);
	service_fd = -1;
	service_ms = 0;
}

static void
service_send(const char *text)
{
	if (service_fd >= 0)
		(void)send(service_fd, text, strlen(text), MSG_NOSIGNAL);
}

void
service_ready(void)
{
	service_send("READY=1");
}

/* With the time the manager recognises the reload that it asked for. */
void
service_reloading(void)
{
	char text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	    clock_now() / 1000);
	service_send(text);
}

void
service_stopping(void)
{
	service_send("STOPPING=1");
}

void
service_extend(int64_t ms)
{
	char text[64];

	snprintf(text, sizeof(text), "EXTEND_TIMEOUT_USEC=%" PRId64, ms * 1000);
	service_send(text);
}

void
service_alive(void)
{
	service_send("WATCHDOG=1");
}

int64_t
service_alive_ms(void)
{
	return service_fd >= 0 ? service_ms : 0;
}
