/* SPDX-License-Identifier: ISC
 * delay_proxy: a long way to a server. What is read on one side is written on
 * the other DELAY milliseconds later, in order and without a limit of
 * bandwidth: a round trip takes two of them.
 * delay_proxy PORT TO_PORT DELAY, both on 127.0.0.1. The server sees a
 * connection three delays after it was made here, so that a greeting takes as
 * long as it would: two round trips with the handshake of TCP. The end of
 * standard input ends the program. */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench_io.h"

#define READ_MAX  65536
#define BOUND	  (16u << 20) /* octets under way one way; then none is read */
#define EVENTS	  64
#define SYN_TRIPS 3

/* One direction of a connection: what is read from `from` goes to its peer. */
struct way {
	int fd; /* -1: not connected yet */
	struct pair *pair;
	struct way *peer;
	size_t under_way; /* octets read here and not yet written there */
	bool ended; /* its end was read */
	bool delivered; /* and told to the peer */
	struct parcel *first, **last; /* arrived, to be written to the peer */
	uint32_t events; /* what epoll looks for */
};

struct pair {
	struct way client, server;
	unsigned parcels; /* that are still on the way: they know the pair */
	bool over;
	struct pair *next; /* of those that are over */
};

/* Octets that arrive later, or the end of them (len 0). */
struct parcel {
	struct parcel *next;
	struct way *way; /* which they go; NULL: `pair` is to be connected */
	struct pair *pair;
	double due;
	size_t len, sent;
	char data[];
};

static struct {
	int epoll, listener;
	uint16_t to;
	double delay; /* s */
	/* in the order of their due, which for all of one line is as late */
	struct parcel *octets, **octets_last;
	struct parcel *connects, **connects_last;
	struct pair *over;
	char in[READ_MAX];
} w = { .octets_last = &w.octets, .connects_last = &w.connects };

static void
put_last(struct parcel ***last, struct parcel *p)
{
	p->next = NULL;
	**last = p;
	*last = &p->next;
}

static struct parcel *
take_first(struct parcel **first, struct parcel ***last)
{
	struct parcel *p = *first;

	if ((*first = p->next) == NULL)
		*last = first;
	return p;
}

static struct parcel *
parcel_create(struct pair *pair, struct way *way, size_t len, double delay)
{
	struct parcel *p = malloc(sizeof(*p) + len);

	if (p == NULL)
		abort();
	*p = (struct parcel){ .pair = pair,
		.way = way,
		.len = len,
		.due = bench_io_now() + delay };
	pair->parcels++;
	return p;
}

/* What is looked for on a way: octets while fewer than BOUND are under way,
 * room while something is to be written to it. */
static void
look(struct way *way)
{
	uint32_t events = 0;
	struct epoll_event ev = { .data.ptr = way };

	if (way->fd < 0)
		return;
	if (!way->ended && way->under_way < BOUND)
		events |= EPOLLIN;
	if (way->peer->first != NULL)
		events |= EPOLLOUT;
	if (events == way->events)
		return;
	way->events = ev.events = events;
	(void)epoll_ctl(w.epoll, EPOLL_CTL_MOD, way->fd, &ev);
}

static void
way_open(struct way *way, int fd)
{
	way->fd = fd;
	way->events = EPOLLIN;
	bench_io_watch(w.epoll, fd, way);
}

static void
way_close(struct way *way)
{
	struct parcel *p;

	if (way->fd >= 0)
		(void)close(way->fd);
	way->fd = -1;
	while (way->first != NULL) {
		p = take_first(&way->first, &way->last);
		free(p);
		way->pair->parcels--;
	}
}

/* Memory is kept until no event and no parcel can name the pair. */
static void
pair_end(struct pair *pair)
{
	if (pair->over)
		return;
	pair->over = true;
	way_close(&pair->client);
	way_close(&pair->server);
	pair->next = w.over;
	w.over = pair;
}

static void
free_those_over(void)
{
	struct pair **at = &w.over, *pair;

	while ((pair = *at) != NULL) {
		if (pair->parcels > 0) {
			at = &pair->next;
			continue;
		}
		*at = pair->next;
		free(pair);
	}
}

static void
way_init(struct way *way, struct pair *pair, struct way *peer)
{
	*way = (struct way){ .fd = -1, .pair = pair, .peer = peer };
	way->last = &way->first;
}

static void
accept_all(void)
{
	struct pair *pair;
	int fd;

	while ((fd = bench_io_accept(w.listener)) >= 0) {
		if ((pair = calloc(1, sizeof(*pair))) == NULL)
			abort();
		way_init(&pair->client, pair, &pair->server);
		way_init(&pair->server, pair, &pair->client);
		way_open(&pair->client, fd);
		put_last(&w.connects_last,
		    parcel_create(pair, NULL, 0, SYN_TRIPS * w.delay));
	}
}

static void
way_read(struct way *way)
{
	ssize_t n = recv(way->fd, w.in, sizeof(w.in), 0);
	struct parcel *p;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		pair_end(way->pair);
		return;
	}
	p = parcel_create(way->pair, way, (size_t)n, w.delay);
	memcpy(p->data, w.in, (size_t)n);
	put_last(&w.octets_last, p);
	way->under_way += (size_t)n;
	way->ended = n == 0;
	look(way);
}

/* Writes what has arrived. False: the pair is over. */
static bool
way_write(struct way *way)
{
	struct parcel *p;
	ssize_t n;

	while (way->peer->fd >= 0 && (p = way->first) != NULL) {
		n = send(way->peer->fd, p->data + p->sent, p->len - p->sent,
		    MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n < 0)
			break;
		p->sent += (size_t)n;
		way->under_way -= (size_t)n;
		if (p->sent < p->len)
			break;
		if (p->len == 0) {
			(void)shutdown(way->peer->fd, SHUT_WR);
			way->delivered = true;
		}
		free(take_first(&way->first, &way->last));
		way->pair->parcels--;
	}
	look(way);
	look(way->peer);
	return !way->delivered || !way->peer->delivered;
}

static void
arrive(struct parcel *p)
{
	struct way *way = p->way;

	if (p->pair->over) {
		p->pair->parcels--;
		free(p);
		return;
	}
	put_last(&way->last, p);
	if (!way_write(way))
		pair_end(way->pair);
}

static void
connect_server(struct parcel *p)
{
	struct pair *pair = p->pair;

	free(p);
	pair->parcels--;
	if (pair->over)
		return;
	way_open(&pair->server, bench_io_connect("127.0.0.1", w.to));
	look(&pair->server);
}

/* Seconds until the next is due; negative: nothing is. */
static double
next_due(void)
{
	double due = -1;

	if (w.octets != NULL)
		due = w.octets->due;
	if (w.connects != NULL && (due < 0 || w.connects->due < due))
		due = w.connects->due;
	if (due < 0)
		return -1;
	due -= bench_io_now();
	return due < 0 ? 0 : due;
}

static void
do_due(void)
{
	double now = bench_io_now();

	while (w.connects != NULL && w.connects->due <= now)
		connect_server(take_first(&w.connects, &w.connects_last));
	while (w.octets != NULL && w.octets->due <= now)
		arrive(take_first(&w.octets, &w.octets_last));
}

static void
way_ready(struct way *way, uint32_t events)
{
	if (way->pair->over)
		return;
	if ((events & EPOLLOUT) && !way_write(way->peer)) {
		pair_end(way->pair);
		return;
	}
	if ((events & EPOLLIN) && !way->ended)
		way_read(way);
	else if (events & (EPOLLERR | EPOLLHUP))
		pair_end(way->pair);
}

static void
serve(void)
{
	struct epoll_event got[EVENTS];

	for (;;) {
		double left = next_due();
		struct timespec t = { .tv_sec = (time_t)left,
			.tv_nsec =
			    (long)((left - (double)(time_t)left) * 1e9) };
		int n = epoll_pwait2(w.epoll, got, EVENTS, left < 0 ? NULL : &t,
		    NULL);

		for (int i = 0; i < n; i++) {
			if (got[i].data.ptr == &w)
				accept_all();
			else if (got[i].data.ptr == NULL)
				exit(0);
			else
				way_ready(got[i].data.ptr, got[i].events);
		}
		do_due();
		free_those_over();
	}
}

int
main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: delay_proxy PORT TO_PORT DELAY\n");
		return 2;
	}
	w.to = (uint16_t)strtoul(argv[2], NULL, 10);
	w.delay = strtod(argv[3], NULL) / 1e3;
	bench_io_begin();
	w.listener =
	    bench_io_listen("127.0.0.1", (uint16_t)strtoul(argv[1], NULL, 10));
	w.epoll = epoll_create1(0);
	bench_io_watch(w.epoll, w.listener, &w);
	bench_io_watch(w.epoll, STDIN_FILENO, NULL);
	serve();
}
