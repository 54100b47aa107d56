/* SPDX-License-Identifier: ISC
 * Fuzz: what a client sends, against a whole session over a socket pair with
 * a store and a queue that are fakes. Whatever comes: the session ends, each
 * line gets one reply at most, and every store transaction is either
 * committed or given up. The first byte chooses how the rest is cut up. */
#include <sys/socket.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "relay/smtpd/session.h"
#include "tests/unit/fake_relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct client {
	struct loop *loop;
	struct loop_timer *timer;
	int fd;
	const uint8_t *data;
	size_t len, off, step;
	unsigned lines, replies;
	size_t col; /* within a line of a reply */
	unsigned ticks;
};

static bool
primary_up(void *arg MX_UNUSED, const char *domain MX_UNUSED)
{
	return false;
}

static void
count_replies(struct client *c, const char *p, size_t n)
{
	for (; n > 0; n--, p++) {
		if (c->col == 3)
			c->replies += *p == ' ';
		c->col = *p == '\n' ? 0 : c->col + 1;
	}
}

static void
tick(void *arg)
{
	struct client *c = arg;
	char out[4096];
	size_t i;
	ssize_t n;

	n = (ssize_t)(c->len - c->off < c->step ? c->len - c->off : c->step);
	if (n > 0) {
		n = send(c->fd, c->data + c->off, (size_t)n, MSG_NOSIGNAL);
		for (i = 0; n > 0 && i < (size_t)n; i++)
			c->lines += c->data[c->off + i] == '\n';
		c->off = n > 0 ? c->off + (size_t)n : c->len;
	}
	if (c->off == c->len)
		shutdown(c->fd, SHUT_WR);
	n = recv(c->fd, out, sizeof(out), MSG_DONTWAIT);
	if (n > 0)
		count_replies(c, out, (size_t)n);
	MX_ASSERT(++c->ticks < 100000);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		loop_stop(c->loop);
	else
		loop_timer_set(c->timer, 0);
}

static struct config *
make_config(void)
{
	static const char text[] =
	    "hostname = mx2.test\n"
	    "smtpd { message_size = 2K max_commands = 50 "
	    "max_recipients = 5 max_received = 5 }\n"
	    "domain \"a.test\" { }\n"
	    "domain \"b.test\" { }\n";
	struct conf_errors errs;
	struct config *conf;

	conf = config_parse("fuzz", text, sizeof(text) - 1, &errs);
	conf_errors_fini(&errs);
	MX_ASSERT(conf != NULL);
	return conf;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct smtpd_ops ops = { .primary_up = primary_up };
	static struct config *conf;
	struct client c = { 0 };
	struct net_addr peer;
	struct stats *stats;
	struct smtpd *m;
	struct mx_errbuf eb;
	int fd[2];

	if (len == 0)
		return 0;
	log_level_set(LOG_LEVEL_ERROR);
	if (conf == NULL)
		conf = make_config();
	c.loop = loop_create();
	stats = stats_create();
	fake_relay_init(c.loop);
	m = smtpd_create(c.loop, NULL, stats, &ops);
	MX_ASSERT(smtpd_configure(m, conf, &eb) == 0);
	MX_ASSERT(socketpair(AF_UNIX,
		      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
	MX_ASSERT(addr_parse(&peer, "192.0.2.7", 25, ':') == 0);
	smtpd_adopt(m, fd[0], &peer);
	c.fd = fd[1];
	c.data = data + 1;
	c.len = len - 1;
	c.step = data[0] == 0 ? len : data[0];
	c.timer = loop_timer_create(c.loop, tick, &c);
	loop_timer_set(c.timer, 0);
	loop_run(c.loop);
	/* the greeting, and a reply a line (354 and the one after the dot are
	 * to two lines); a line without end may be cut off with a 421 */
	MX_ASSERT(c.replies <= c.lines + 2);
	loop_timer_destroy(&c.timer);
	close(c.fd);
	smtpd_destroy(&m);
	MX_ASSERT(fake.begun - fake.aborted >= fake.nmessages);
	fake_relay_fini();
	stats_destroy(&stats);
	loop_destroy(&c.loop);
	return 0;
}
