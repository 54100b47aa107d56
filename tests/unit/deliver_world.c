/* SPDX-License-Identifier: ISC
 * The set-up of deliver_world.h. */
#include "deliver_world.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"

struct world t;
struct sink sink;
const struct route_self self;

static void
on_outcome(void *arg, const char *domain, const struct deliver_outcome *o)
{
	(void)arg;
	(void)domain;
	t.backups += o->backup;
	if (o->ok) {
		t.ok++;
	} else if (o->dns || o->self) {
		t.dns += o->dns;
		t.self += o->self;
	} else if (!o->more) {
		t.bad++;
		t.phase = o->phase;
		t.code = o->code;
	}
}

static unsigned
on_connections(void *arg, const char *label, const char *domain, bool *counts)
{
	(void)arg;
	(void)label;
	(void)domain;
	*counts = t.counts;
	return t.most;
}

static unsigned
on_connections_at(void *arg, const char *key)
{
	(void)arg;
	(void)key;
	return t.most_at;
}

void
on_want(void *arg, const char *domain, unsigned n)
{
	deliver_want(arg, domain, n);
}

static void
on_poll(void *arg)
{
	(void)arg;
	if (t.cond() || clock_now() > t.deadline)
		loop_stop(t.loop);
	else
		loop_timer_set(t.poll, 2);
}

bool
wait_for(bool (*cond)(void))
{
	t.cond = cond;
	t.deadline = clock_now() + 20 * CLOCK_SEC;
	loop_timer_set(t.poll, 0);
	loop_run(t.loop);
	return cond();
}

bool
all_quiet(void)
{
	return fake_idle() && bounce_pending(t.bounce) == 0;
}

bool
nothing_pending(void)
{
	return bounce_pending(t.bounce) == 0;
}

bool
failed_once(void)
{
	return t.bad + t.dns + t.self > 0;
}

bool
no_connections(void)
{
	return deliver_connections(t.deliver) == 0;
}

static bool
on_down(void *arg, const char *domain, const char *label)
{
	(void)arg;
	(void)domain;
	return t.down != NULL && strcmp(t.down, label) == 0;
}

int
setup(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);

	(void)state;
	log_level_set(LOG_LEVEL_ERROR);
	memset(&t, 0, sizeof(t));
	memset(&sink, 0, offsetof(struct sink, body));
	in.sin_addr.s_addr = htonl(INADDR_ANY); /* fake.spread */
	sink.lfd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(sink.lfd, (struct sockaddr *)&in, sizeof(in)) != 0 ||
	    listen(sink.lfd, 64) != 0 ||
	    getsockname(sink.lfd, (struct sockaddr *)&in, &len) != 0)
		return -1;
	sink.port = ntohs(in.sin_port);
	t.loop = loop_create();
	fake_begin(t.loop);
	fake_host("mx1.example.org", sink.port, 10);
	t.stats = stats_create();
	t.poll = loop_timer_create(t.loop, on_poll, NULL);
	t.bounce = bounce_create(t.loop, NULL, t.stats);
	bounce_queue(t.bounce, NULL);
	bounce_configure(t.bounce, &fake.conf);
	t.reach = (struct reach_env){ .loop = t.loop,
		.book = address_book_create(64),
		.memory = host_memory_create(64),
		.tls = tls_client_create(NULL),
		.tls_strict = tls_client_strict_create(NULL) };
	restart();
	return 0;
}

void
restart(void)
{
	struct deliver_ops ops = { .outcome = on_outcome,
		.connections = on_connections,
		.connections_at = on_connections_at,
		.down = on_down };

	deliver_destroy(&t.deliver);
	t.deliver = deliver_create(t.loop, NULL, NULL, NULL, t.bounce, t.stats,
	    &t.reach, &ops);
	deliver_configure(t.deliver, &fake.conf, &self);
	fake.want = on_want;
	fake.want_arg = t.deliver;
}

void
start(void)
{
	assert_int_equal(pthread_create(&sink.thread, NULL, sink_serve, &sink),
	    0);
	fake_want();
}

int
teardown(void **state)
{
	(void)state;
	fake.want = NULL;
	deliver_destroy(&t.deliver);
	bounce_destroy(&t.bounce);
	address_book_destroy(&t.reach.book);
	host_memory_destroy(&t.reach.memory);
	tls_ctx_destroy(&t.reach.tls);
	tls_ctx_destroy(&t.reach.tls_strict);
	shutdown(sink.lfd, SHUT_RDWR);
	if (sink.thread != 0)
		pthread_join(sink.thread, NULL);
	close(sink.lfd);
	fake_end();
	loop_timer_destroy(&t.poll);
	loop_destroy(&t.loop);
	stats_destroy(&t.stats);
	return fake_balanced() ? 0 : -1;
}

struct fake_job *
add(const char *rcpts)
{
	return fake_add("s@sender.example", rcpts, TEXT, strlen(TEXT));
}

bool
got_dot(void)
{
	return sink.dots > 0;
}
