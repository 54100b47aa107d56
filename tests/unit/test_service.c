/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/un.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/service.h"

/* A service manager with a name, "@" for one in no folder. */
static int
manager(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(sun.sun_path, name, strlen(name));
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&sun,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) +
		    strlen(name))),
	    0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void
hears(int fd, const char *want)
{
	char text[200];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	if (want == NULL) {
		assert_true(n < 0);
		return;
	}
	assert_true(n > 0);
	text[n] = '\0';
	assert_memory_equal(text, want, strlen(want));
}

static void
test_said(void **state)
{
	char name[64];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@mxwatch-test-%ld", (long)getpid());
	fd = manager(name);
	setenv("WATCHDOG_USEC", "3000000", 1);
	service_open();
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_int_equal(service_alive_ms(), 1500);
	service_ready();
	hears(fd, "READY=1");
	service_reloading();
	hears(fd, "RELOADING=1\nMONOTONIC_USEC=");
	service_alive();
	hears(fd, "WATCHDOG=1");
	service_stopping();
	hears(fd, "STOPPING=1");
	service_extend(20000);
	hears(fd, "EXTEND_TIMEOUT_USEC=20000000");
	/* nobody reads: nobody waits */
	for (unsigned i = 0; i < 100000; i++)
		service_alive();
	service_close();
	assert_int_equal(service_alive_ms(), 0);
	while (recv(fd, name, sizeof(name), 0) > 0)
		;
	service_ready();
	hears(fd, NULL);
	close(fd);
}

static void
test_in_a_folder(void **state)
{
	char name[64];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "/tmp/mxwatch-test-%ld", (long)getpid());
	fd = manager(name);
	setenv("WATCHDOG_USEC", "3000000", 1);
	setenv("WATCHDOG_PID", "1", 1); /* not for us */
	service_open();
	assert_int_equal(service_alive_ms(), 0);
	service_ready();
	hears(fd, "READY=1");
	close(fd); /* it has gone */
	service_stopping();
	service_close();
	unlink(name);
}

static void
test_nobody(void **state)
{
	char name[300];

	(void)state;
	service_open();
	service_ready();
	memset(name, 'x', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	service_open();
	service_ready();
	setenv("NOTIFY_SOCKET", "tcp:1", 1);
	setenv("WATCHDOG_USEC", "much", 1);
	service_open();
	assert_int_equal(service_alive_ms(), 0);
	service_ready();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_said),
		cmocka_unit_test(test_in_a_folder),
		cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
