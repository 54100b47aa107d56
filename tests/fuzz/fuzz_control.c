/* SPDX-License-Identifier: ISC
 * fuzz_control: request lines as the server reads them, over a real pair of
 * ends: whatever comes, the server lives, and what it answers ends with a
 * line that is "done". */
#include <sys/socket.h>
#include <sys/un.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "status/json.h"
#include "tests/unit/control_fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct loop *loop;
static struct loop_timer *limit;
static struct fake fake;
static struct control *control;
static char path[64], dir[] = "fuzz.XXXXXX", answer[1 << 20];
static size_t len;
static bool eof;

static void
on_limit(void *arg MX_UNUSED)
{
	loop_stop(loop);
}

static void
on_peer(unsigned ready MX_UNUSED, void *arg)
{
	ssize_t n = recv(*(int *)arg, answer + len, sizeof(answer) - 1 - len,
	    MSG_DONTWAIT);

	if (n > 0)
		len += (size_t)n;
	eof = n <= 0;
	if (eof)
		loop_stop(loop);
}

static void
cleanup(void)
{
	control_destroy(&control);
	fake_fini(&fake);
	loop_timer_destroy(&limit);
	loop_destroy(&loop);
	(void)rmdir(dir);
}

static void
start(void)
{
	log_level_set(LOG_LEVEL_ERROR);
	MX_ASSERT(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof(path), "%s/sock", dir);
	loop = loop_create();
	limit = loop_timer_create(loop, on_limit, NULL);
	fake_init(&fake, loop);
	control = control_create(loop, path, 4, &fake.relay, &fake.ops, NULL);
	MX_ASSERT(control != NULL);
	(void)atexit(cleanup);
}

static void
check_answer(void)
{
	char *last;
	cJSON *o;

	if (len == 0)
		return;
	MX_ASSERT(answer[len - 1] == '\n');
	answer[len - 1] = '\0';
	last = strrchr(answer, '\n');
	o = cJSON_Parse(last != NULL ? last + 1 : answer);
	MX_ASSERT(json_get_bool(o, "done"));
	MX_ASSERT(json_get_num(o, "rc") <= 2);
	cJSON_Delete(o);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct loop_io *io;
	int fd;

	if (size > 100000)
		return 0;
	if (loop == NULL)
		start();
	fake.flushing = false;
	fake.polls_left = 0;
	(void)strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	MX_ASSERT(connect(fd, (void *)&sun, sizeof(sun)) == 0);
	(void)!send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	io = loop_io_create(loop, fd, on_peer, &fd);
	loop_io_want(io, LOOP_READ);
	len = 0;
	loop_timer_set(limit, 5000);
	for (eof = false; !eof && loop_timer_pending(limit);)
		loop_run(loop);
	loop_timer_cancel(limit);
	MX_ASSERT(eof);
	check_answer();
	loop_io_destroy(&io);
	close(fd);
	return 0;
}
