/* SPDX-License-Identifier: ISC
 * control_world: clients are descriptors of the loop as the server is. */
#include "control_world.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

char dir[64], path[96];
struct loop *loop;
struct control *control;
struct fake fake;

static struct loop_timer *limit, *nap;
static bool late, napped;

static void
on_limit(void *arg)
{
	(void)arg;
	late = true;
	loop_stop(loop);
}

static void
on_nap(void *arg)
{
	(void)arg;
	napped = true;
	loop_stop(loop);
}

void
idle(int64_t ms)
{
	loop_timer_set(nap, ms);
	for (napped = false; !napped;)
		loop_run(loop);
}

static void
on_peer(unsigned ready, void *arg)
{
	struct peer *p = arg;
	char chunk[8192];
	ssize_t n;

	(void)ready;
	n = recv(p->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n > 0)
		assert_int_equal(buf_add(&p->got, chunk, (size_t)n), 0);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		p->eof = true;
		loop_io_want(p->io, 0);
		loop_stop(loop);
	}
}

void
peer_open(struct peer *p)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	memset(p, 0, sizeof(*p));
	buf_init(&p->got, 64u << 20);
	(void)strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	p->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(p->fd, (void *)&sun, sizeof(sun)), 0);
	p->io = loop_io_create(loop, p->fd, on_peer, p);
	loop_io_want(p->io, LOOP_READ);
}

void
peer_say(struct peer *p, const void *data, size_t len)
{
	assert_int_equal(send(p->fd, data, len, MSG_NOSIGNAL), len);
}

void
peer_close(struct peer *p)
{
	loop_io_destroy(&p->io);
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	buf_fini(&p->got);
}

const char *
peer_wait(struct peer *p)
{
	late = false;
	loop_timer_set(limit, LIMIT_MS);
	while (!p->eof && !late)
		loop_run(loop);
	loop_timer_cancel(limit);
	if (late)
		fail_msg("no end of the answer; so far: %s", buf_str(&p->got));
	return buf_str(&p->got);
}

const char *
ask(struct peer *p, const char *request)
{
	peer_open(p);
	peer_say(p, request, strlen(request));
	peer_say(p, "\n", 1);
	return peer_wait(p);
}

void
assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no %s in: %s", part, text);
}

/* Under a sanitizer strstr() measures the whole text each time. */
unsigned
count(const char *text, const char *part)
{
	size_t len = strlen(text), n = strlen(part), i;
	unsigned found = 0;

	for (i = 0; i + n <= len; i++)
		found += text[i] == part[0] && memcmp(text + i, part, n) == 0;
	return found;
}

int
setup(void **state)
{
	struct mx_errbuf eb = { "" };

	(void)state;
	(void)strlcpy(dir, "control.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/sock", dir);
	loop = loop_create();
	limit = loop_timer_create(loop, on_limit, NULL);
	nap = loop_timer_create(loop, on_nap, NULL);
	fake_init(&fake, loop);
	control =
	    control_create(loop, path, CLIENTS, &fake.relay, &fake.ops, &eb);
	return control != NULL ? 0 : -1;
}

void
restart(void)
{
	struct mx_errbuf eb = { "" };

	control_destroy(&control);
	control =
	    control_create(loop, path, CLIENTS, &fake.relay, &fake.ops, &eb);
	assert_non_null(control);
}

int
teardown(void **state)
{
	(void)state;
	control_destroy(&control);
	fake_answer(&fake); /* what comes late finds nobody */
	fake_fini(&fake);
	loop_timer_destroy(&limit);
	loop_timer_destroy(&nap);
	loop_destroy(&loop);
	(void)unlink(path);
	return rmdir(dir);
}
