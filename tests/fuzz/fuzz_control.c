/* SPDX-License-Identifier: ISC
 * fuzz_control: request lines as the server reads them, over a real pair of
 * ends: whatever comes, the server lives, and what it answers ends with a
 * line that is "done". What begins with an '@' is what another node of a cluster
 * asks: its answer begins with the number of the next page. */
#include <sys/socket.h>
#include <sys/un.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/page.h"
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

/* ---- as a node of a cluster */

static unsigned
op_nodes(void *arg MX_UNUSED, struct control_node *n, unsigned max)
{
	MX_ASSERT(max >= 1);
	n[0] = (struct control_node){ .id = 1,
		.name = "mx1",
		.state = "live",
		.version = "",
		.hostname = "",
		.config = "",
		.us = true,
		.asks = true };
	return 1;
}

static void
op_view(void *arg MX_UNUSED, struct snap_cluster *v)
{
	*v = (struct snap_cluster){ 0 };
}

static unsigned
op_owner(void *arg MX_UNUSED, const char *domain)
{
	return strcmp(domain, "example.org") == 0;
}

static unsigned
op_verdicts(void *arg MX_UNUSED, const char *domain MX_UNUSED,
    struct control_verdict *v MX_UNUSED, unsigned max MX_UNUSED)
{
	return 0;
}

static void
op_said(void *arg MX_UNUSED, uint64_t ticket MX_UNUSED, const char *text,
    size_t n, bool end)
{
	MX_ASSERT(n <= PAGE_PIECE && !eof);
	if (n < sizeof(answer) - 1 - len) {
		memcpy(answer + len, text, n);
		len += n;
	}
	eof = end;
	if (end)
		loop_stop(loop);
}

static void
restart(void)
{
	control_destroy(&control);
	control = control_create(loop, path, 4, &fake.relay, &fake.ops, NULL);
	MX_ASSERT(control != NULL);
}

static void
asked(const uint8_t *data, size_t size)
{
	char *line = mem_strndup((const char *)data, size);

	len = 0;
	eof = false;
	control_asked(control, 7, line);
	mem_free(&line);
	loop_timer_set(limit, 10000);
	while (!eof && loop_timer_pending(limit))
		loop_run(loop);
	loop_timer_cancel(limit);
	MX_ASSERT(eof);
	MX_ASSERT(strncmp(answer, "{\"page\":", 8) == 0);
	if (control_asked_calls(control) > 8)
		restart();
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
	fake.ops.cluster = (struct control_cluster_ops){ .nodes = op_nodes,
		.view = op_view,
		.owner = op_owner,
		.verdicts = op_verdicts,
		.said = op_said };
	restart();
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

	/* an answer that follows what happens has no end */
	if (size > 100000 || memmem(data, size, "follow", 6) != NULL)
		return 0;
	if (loop == NULL)
		start();
	fake.flushing = false;
	fake.polls_left = 0;
	if (size > 0 && data[0] == '@') {
		asked(data + 1, size - 1);
		return 0;
	}
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
