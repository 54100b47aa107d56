/* SPDX-License-Identifier: ISC
 * dns_query: uses its own sockets, and only the messages of ldns. The resolver
 * of ldns has one port for all servers, accepts the first datagram as the
 * answer, sleeps whole seconds between tries and does not report time-outs.
 *
 * Each server is asked at most ROUNDS times, from a connected socket of its
 * own, with a random id and port. All sockets are read until the end, so that a
 * slow server's answer counts even while the next one is being asked. A server
 * that reports a failure is not asked again. */
#include "net/dns_query.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rnd.h"

#define ROUNDS	 2
#define JUNK_MAX 1000 /* unusable datagrams in one look-up */

struct dns_server {
	int fd; /* -1: none, or finished with this server */
	bool failed;
	uint16_t id;
};

struct dns_query {
	const struct net_addr *addr;
	size_t nservers;
	int64_t timeout_ms;
	int stop_fd;

	/* the look-up under way */
	enum dns_type type;
	const char *name;
	int64_t deadline;
	struct dns_server server[DNS_SERVER_MAX];
	uint8_t query[DNS_WIRE_QUERY_MAX];
	size_t query_len;
	unsigned junk;
	enum dns_cause worst;
	uint8_t wire[DNS_WIRE_MAX];
};

struct dns_query *
dns_query_create(const struct net_addr *servers, size_t n, int64_t timeout_ms,
    int stop_fd)
{
	struct dns_query *q = mem_alloc(sizeof(*q));

	q->addr = servers;
	q->nservers = n < DNS_SERVER_MAX ? n : DNS_SERVER_MAX;
	q->timeout_ms = timeout_ms;
	q->stop_fd = stop_fd;
	return q;
}

void
dns_query_destroy(struct dns_query **qp)
{
	mem_free(qp);
}

static int
ms_until(int64_t when)
{
	int64_t ns = when - clock_now();

	if (ns <= 0)
		return 0;
	return (int)((ns + CLOCK_MS - 1) / CLOCK_MS);
}

/* Waits for `events` on fd; false: time-out, or stopped. */
static bool
wait_fd(const struct dns_query *q, int fd, short events, int64_t until)
{
	struct pollfd p[2] = { { .fd = fd, .events = events },
		{ .fd = q->stop_fd, .events = POLLIN } };
	int n;

	do {
		n = poll(p, 2, ms_until(until));
	} while (n < 0 && errno == EINTR);
	return n > 0 && p[1].revents == 0;
}

static int
open_socket(const struct net_addr *addr, int type)
{
	int fd = socket(addr->u.sa.sa_family,
	    type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, &addr->u.sa, addr->len) < 0 && errno != EINPROGRESS) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static bool
tcp_write(const struct dns_query *q, int fd, const uint8_t *data, size_t len,
    int64_t until)
{
	ssize_t n;

	while (len > 0) {
		if (!wait_fd(q, fd, POLLOUT, until))
			return false;
		n = send(fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return true;
}

static bool
tcp_read(const struct dns_query *q, int fd, uint8_t *data, size_t len,
    int64_t until)
{
	ssize_t n;

	while (len > 0) {
		if (!wait_fd(q, fd, POLLIN, until))
			return false;
		n = recv(fd, data, len, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return false;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* Asks over TCP a server whose answer was truncated. */
static bool
ask_tcp(struct dns_query *q, size_t i, int64_t until, struct dns_result *out)
{
	uint8_t msg[2 + DNS_WIRE_QUERY_MAX], head[2];
	size_t len;
	bool ok = false;
	int fd;

	if ((fd = open_socket(&q->addr[i], SOCK_STREAM)) < 0)
		return false;
	msg[0] = (uint8_t)(q->query_len >> 8);
	msg[1] = (uint8_t)q->query_len;
	memcpy(msg + 2, q->query, q->query_len);
	msg[2] = (uint8_t)(q->server[i].id >> 8);
	msg[3] = (uint8_t)q->server[i].id;
	if (!tcp_write(q, fd, msg, q->query_len + 2, until) ||
	    !tcp_read(q, fd, head, sizeof(head), until))
		goto out;
	len = (size_t)head[0] << 8 | head[1];
	if (!tcp_read(q, fd, q->wire, len, until))
		goto out;
	ok = dns_wire_answer(q->type, q->name, q->server[i].id, q->wire, len,
		 out) == DNS_WIRE_DONE;
out:
	(void)close(fd);
	return ok;
}

static void
server_fail(struct dns_query *q, size_t i, enum dns_cause cause)
{
	struct dns_server *s = &q->server[i];

	s->failed = true;
	if (cause > q->worst)
		q->worst = cause;
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
}

static size_t
servers_left(const struct dns_query *q)
{
	size_t i, n = 0;

	for (i = 0; i < q->nservers; i++)
		n += !q->server[i].failed;
	return n;
}

static void
server_ask(struct dns_query *q, size_t i)
{
	struct dns_server *s = &q->server[i];

	if (s->fd < 0)
		s->fd = open_socket(&q->addr[i], SOCK_DGRAM);
	q->query[0] = (uint8_t)(s->id >> 8);
	q->query[1] = (uint8_t)s->id;
	if (s->fd < 0 || send(s->fd, q->query, q->query_len, MSG_NOSIGNAL) < 0)
		server_fail(q, i, DNS_CAUSE_OTHER);
}

/* Reads what one server sent; true when *out ends the look-up. */
static bool
server_read(struct dns_query *q, size_t i, struct dns_result *out)
{
	int64_t now, until;
	ssize_t n;

	n = recv(q->server[i].fd, q->wire, sizeof(q->wire), 0);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			server_fail(q, i, DNS_CAUSE_OTHER); /* ICMP error */
		return false;
	}
	switch (dns_wire_answer(q->type, q->name, q->server[i].id, q->wire,
	    (size_t)n, out)) {
	case DNS_WIRE_IGNORE:
		if (++q->junk >= JUNK_MAX)
			server_fail(q, i, DNS_CAUSE_OTHER);
		return false;
	case DNS_WIRE_TRUNCATED:
		/* Leaves time for the other servers if this one hangs. */
		now = clock_now();
		until = now + (q->deadline - now) / (int64_t)servers_left(q);
		if (!ask_tcp(q, i, until, out)) {
			server_fail(q, i, DNS_CAUSE_OTHER);
			return false;
		}
		break;
	case DNS_WIRE_DONE:
		break;
	}
	if (out->cause == DNS_CAUSE_NONE)
		return true;
	server_fail(q, i, out->cause);
	return false;
}

/* Reads from all servers until `until`, an answer, or a failure after which the
 * next server should be asked at once. */
static bool
listen_all(struct dns_query *q, int64_t until, bool *stop,
    struct dns_result *out)
{
	struct pollfd p[DNS_SERVER_MAX + 1];
	size_t i, left = servers_left(q);
	int n;

	while (left > 0 && servers_left(q) == left) {
		for (i = 0; i < q->nservers; i++)
			p[i] = (struct pollfd){ .fd = q->server[i].fd,
				.events = POLLIN };
		p[i] = (struct pollfd){ .fd = q->stop_fd, .events = POLLIN };
		n = poll(p, (nfds_t)q->nservers + 1, ms_until(until));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		if (p[q->nservers].revents != 0) {
			*stop = true;
			return false;
		}
		for (i = 0; i < q->nservers; i++) {
			if (p[i].revents != 0 && server_read(q, i, out))
				return true;
		}
		/* With a flood of datagrams poll() never times out. */
		if (clock_now() >= until)
			return false;
	}
	return false;
}

static bool
ask_all(struct dns_query *q, struct dns_result *out)
{
	unsigned turn, turns = (unsigned)q->nservers * ROUNDS;
	int64_t now, until;
	bool stop = false;
	size_t i;

	for (turn = 0; turn < turns && !stop; turn++) {
		i = turn % q->nservers;
		now = clock_now();
		if (q->server[i].failed || now >= q->deadline)
			continue;
		server_ask(q, i);
		if (q->server[i].failed)
			continue;
		until = now + (q->deadline - now) / (turns - turn);
		if (listen_all(q, until, &stop, out))
			return true;
	}
	/* All were asked; some may still answer. */
	while (!stop && servers_left(q) > 0 && clock_now() < q->deadline) {
		if (listen_all(q, q->deadline, &stop, out))
			return true;
	}
	return false;
}

void
dns_query_run(struct dns_query *q, enum dns_type type, const char *name,
    struct dns_result *out)
{
	size_t i;

	q->type = type;
	q->name = name;
	q->deadline = clock_now() + q->timeout_ms * CLOCK_MS;
	q->junk = 0;
	q->worst = DNS_CAUSE_NONE;
	if (dns_wire_query(type, name, 0, q->query, &q->query_len) < 0) {
		dns_result_fail(out, DNS_CAUSE_OTHER);
		return;
	}
	for (i = 0; i < q->nservers; i++)
		q->server[i] =
		    (struct dns_server){ .fd = -1, .id = (uint16_t)rnd_u64() };
	if (!ask_all(q, out))
		dns_result_fail(out,
		    q->worst != DNS_CAUSE_NONE ? q->worst : DNS_CAUSE_TIMEOUT);
	for (i = 0; i < q->nservers; i++) {
		if (q->server[i].fd >= 0)
			(void)close(q->server[i].fd);
	}
}
