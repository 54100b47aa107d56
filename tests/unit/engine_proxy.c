/* SPDX-License-Identifier: ISC
 * engine_proxy: see engine_proxy.h. */
#include <sys/socket.h>
#include <sys/un.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/engine_proxy.h"
#include "tests/unit/store_kit.h"

#define PAIRS	32
#define LOOK_MS 5 /* at the mode */
#define SOCKET	".s.PGSQL.5432"
#define PIECE	65536

struct engine_proxy {
	pthread_t thread;
	char dir[64], conninfo[128];
	int listener;
	_Atomic int mode, applied;
	_Atomic int64_t open_at; /* monotonic; 0: until it is said */
	_Atomic bool quit;
	struct {
		int fd[2]; /* the client's, the server's */
	} pairs[PAIRS];
	unsigned n;
	char piece[PIECE];
};

static struct sockaddr_un
address(const char *dir)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	MX_ASSERT((size_t)snprintf(un.sun_path, sizeof(un.sun_path), "%s/%s",
		      dir, SOCKET) < sizeof(un.sun_path));
	return un;
}

static void
pair_drop(struct engine_proxy *p, unsigned i)
{
	close(p->pairs[i].fd[0]);
	close(p->pairs[i].fd[1]);
	p->pairs[i] = p->pairs[--p->n];
}

static void
drop_all(struct engine_proxy *p)
{
	while (p->n > 0)
		pair_drop(p, p->n - 1);
}

static void
take_client(struct engine_proxy *p)
{
	struct sockaddr_un un = address(getenv("PGHOST"));
	int c = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (c < 0 || s < 0 || p->n == PAIRS || p->mode != ENGINE_PROXY_OPEN ||
	    connect(s, (struct sockaddr *)&un, sizeof(un)) != 0) {
		close(c);
		close(s);
		return;
	}
	p->pairs[p->n].fd[0] = c;
	p->pairs[p->n++].fd[1] = s;
}

/* False: that connection is over. */
static bool
pass(struct engine_proxy *p, int from, int to)
{
	ssize_t len = recv(from, p->piece, sizeof(p->piece), 0), n, at = 0;

	while (at < len) {
		n = send(to, p->piece + at, (size_t)(len - at), MSG_NOSIGNAL);
		if (n < 0)
			return false;
		at += n;
	}
	return len > 0;
}

/* Backwards, as the last one takes the place of one that is over. */
static void
pass_all(struct engine_proxy *p, const struct pollfd *fds, unsigned n)
{
	bool over;

	for (unsigned i = n; i-- > 0;) {
		over = false;
		for (int side = 0; side < 2 && !over; side++) {
			if (fds[2 * i + (unsigned)side].revents == 0)
				continue;
			if (side == 1 && p->mode == ENGINE_PROXY_LOSE) {
				p->mode = ENGINE_PROXY_SHUT;
				return;
			}
			over = !pass(p, p->pairs[i].fd[side],
			    p->pairs[i].fd[!side]);
		}
		if (over)
			pair_drop(p, i);
	}
}

static void *
proxy_main(void *arg)
{
	struct engine_proxy *p = arg;
	struct pollfd fds[2 * PAIRS + 1];
	int64_t open_at;
	unsigned n;
	int mode;

	while (!p->quit) {
		open_at = p->open_at;
		if (open_at != 0 && clock_now() > open_at &&
		    atomic_compare_exchange_strong(&p->open_at, &open_at, 0))
			p->mode = ENGINE_PROXY_OPEN;
		if ((mode = p->mode) == ENGINE_PROXY_SHUT)
			drop_all(p);
		p->applied = mode;
		n = mode == ENGINE_PROXY_STALL ? 0 : p->n;
		for (unsigned i = 0; i < 2 * n; i++)
			fds[i] = (struct pollfd){ p->pairs[i / 2].fd[i % 2],
				POLLIN, 0 };
		fds[2 * n] = (struct pollfd){ p->listener, POLLIN, 0 };
		if (mode == ENGINE_PROXY_STALL)
			(void)poll(NULL, 0, LOOK_MS);
		else if (poll(fds, 2 * n + 1, LOOK_MS) > 0) {
			pass_all(p, fds, n);
			if (fds[2 * n].revents != 0)
				take_client(p);
		}
	}
	drop_all(p);
	return NULL;
}

const char *
engine_proxy_conninfo(const struct engine_proxy *p)
{
	return p->conninfo;
}

void
engine_proxy_set(struct engine_proxy *p, enum engine_proxy_mode mode)
{
	p->open_at = 0;
	p->mode = mode;
	while (p->applied != (int)mode && p->mode == (int)mode)
		(void)poll(NULL, 0, 1);
}

void
engine_proxy_for(struct engine_proxy *p, enum engine_proxy_mode mode,
    unsigned ms)
{
	engine_proxy_set(p, mode);
	p->open_at = clock_now() + ms * CLOCK_MS;
}

enum engine_proxy_mode
engine_proxy_mode(const struct engine_proxy *p)
{
	return (enum engine_proxy_mode)p->mode;
}

struct engine_proxy *
engine_proxy_create(void)
{
	struct engine_proxy *p = mem_alloc(sizeof(*p));
	struct sockaddr_un un;

	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/mxproxy.XXXXXX");
	MX_ASSERT(mkdtemp(p->dir) != NULL);
	(void)snprintf(p->conninfo, sizeof(p->conninfo),
	    "host=%s port=5432 connect_timeout=10", p->dir);
	un = address(p->dir);
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MX_ASSERT(bind(p->listener, (struct sockaddr *)&un, sizeof(un)) == 0 &&
	    listen(p->listener, PAIRS) == 0);
	MX_ASSERT(pthread_create(&p->thread, NULL, proxy_main, p) == 0);
	return p;
}

void
engine_proxy_destroy(struct engine_proxy **pp)
{
	struct engine_proxy *p = *pp;

	if (p == NULL)
		return;
	p->quit = true;
	(void)pthread_join(p->thread, NULL);
	close(p->listener);
	kit_remove_tree(p->dir);
	mem_free(pp);
}
