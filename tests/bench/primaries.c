/* SPDX-License-Identifier: ISC
 * primaries: as many mail servers as there are addresses in 127.0.0.0/8, in
 * one process that does next to nothing for each, so that what is measured is
 * the other side.
 * primaries PORT [LIMIT [DELAY]]: each address takes LIMIT connections at
 * once (0: any number) and refuses the next with 421; a message costs a
 * connection DELAY milliseconds. A line on standard input is answered with
 * the counters, its end ends the program. */
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define LINE	4096
#define SERVERS 65536 /* told apart by the last two octets */

struct session {
	int fd;
	uint16_t server;
	bool in_data, mail;
	size_t have;
	int64_t due; /* ms; 0: it owes nothing */
	struct session *next; /* of those that owe a reply, first due first */
	char line[LINE];
};

static struct {
	int epoll, listener;
	unsigned limit;
	int64_t delay;
	unsigned open[SERVERS];
	unsigned most; /* of one server, at once */
	unsigned long connections, refused, messages, checks;
	struct session *first, **last;
} w = { .last = &w.first };

static int64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
say(int fd, const char *text)
{
	/* a reply is small: when it does not fit the peer is not reading */
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
session_forget_due(struct session *s)
{
	struct session **p;

	if (s->due == 0)
		return;
	for (p = &w.first; *p != s; p = &(*p)->next)
		;
	*p = s->next;
	if (w.last == &s->next)
		w.last = p;
}

static void
session_end(struct session *s)
{
	session_forget_due(s);
	w.open[s->server]--;
	if (!s->mail)
		w.checks++;
	(void)close(s->fd);
	free(s);
}

/* False: the session is over. */
static bool
session_line(struct session *s, const char *line)
{
	if (s->in_data) {
		if (strcmp(line, ".") != 0)
			return true;
		s->in_data = false;
		s->mail = true;
		w.messages++;
		if (w.delay == 0) {
			say(s->fd, "250 2.0.0 taken\r\n");
			return true;
		}
		s->due = now_ms() + w.delay;
		s->next = NULL;
		*w.last = s;
		w.last = &s->next;
	} else if (strncasecmp(line, "EHLO", 4) == 0) {
		say(s->fd,
		    "250-primary.test\r\n250-PIPELINING\r\n"
		    "250-8BITMIME\r\n250 SIZE 50000000\r\n");
	} else if (strncasecmp(line, "DATA", 4) == 0) {
		s->in_data = true;
		say(s->fd, "354 go on\r\n");
	} else if (strncasecmp(line, "QUIT", 4) == 0) {
		say(s->fd, "221 2.0.0 bye\r\n");
		return false;
	} else {
		say(s->fd, "250 2.0.0 fine\r\n");
	}
	return true;
}

/* The lines that are there, up to a message that takes its time. */
static bool
session_lines(struct session *s)
{
	size_t at = 0;
	char *nl;

	while (s->due == 0 &&
	    (nl = memchr(s->line + at, '\n', s->have - at)) != NULL) {
		char *line = s->line + at;

		*nl = '\0';
		if (nl > line && nl[-1] == '\r')
			nl[-1] = '\0';
		at = (size_t)(nl + 1 - s->line);
		if (!session_line(s, line))
			return false;
	}
	memmove(s->line, s->line + at, s->have - at);
	s->have -= at;
	return s->have < sizeof(s->line);
}

static void
session_read(struct session *s)
{
	ssize_t n = read(s->fd, s->line + s->have, sizeof(s->line) - s->have);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		s->have += (size_t)n;
	if (n <= 0 || !session_lines(s))
		session_end(s);
}

static void
listener_accept(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct sockaddr_in to;
	socklen_t len = sizeof(to);
	struct session *s;
	uint16_t server;
	int fd, on = 1;

	if ((fd = accept4(w.listener, NULL, NULL, SOCK_NONBLOCK)) < 0)
		return;
	w.connections++;
	if (getsockname(fd, (struct sockaddr *)&to, &len) != 0) {
		(void)close(fd);
		return;
	}
	server = (uint16_t)ntohl(to.sin_addr.s_addr);
	if (w.limit != 0 && w.open[server] >= w.limit) {
		w.refused++;
		say(fd, "421 4.7.0 primary.test too many connections\r\n");
		(void)close(fd);
		return;
	}
	if (++w.open[server] > w.most)
		w.most = w.open[server];
	if ((s = calloc(1, sizeof(*s))) == NULL)
		abort();
	s->fd = fd;
	s->server = server;
	ev.data.ptr = s;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)epoll_ctl(w.epoll, EPOLL_CTL_ADD, fd, &ev);
	say(fd, "220 primary.test ESMTP\r\n");
}

static void
pay_dues(void)
{
	int64_t now = now_ms();

	while (w.first != NULL && w.first->due <= now) {
		struct session *s = w.first;

		if ((w.first = s->next) == NULL)
			w.last = &w.first;
		s->due = 0;
		say(s->fd, "250 2.0.0 taken\r\n");
		if (!session_lines(s))
			session_end(s);
	}
}

static void
answer_parent(void)
{
	char junk[256];

	if (read(STDIN_FILENO, junk, sizeof(junk)) <= 0)
		exit(0);
	printf("connections=%lu refused=%lu most=%u messages=%lu checks=%lu\n",
	    w.connections, w.refused, w.most, w.messages, w.checks);
	(void)fflush(stdout);
}

static void
listen_at(uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	int on = 1;

	w.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	(void)setsockopt(w.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	(void)setsockopt(w.listener, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2);
	if (bind(w.listener, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    listen(w.listener, 4096) != 0) {
		perror("primaries");
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	struct rlimit most = { .rlim_cur = 0 };
	struct epoll_event ev = { .events = EPOLLIN }, got[64];

	if (argc < 2) {
		fprintf(stderr, "usage: primaries PORT [LIMIT [DELAY]]\n");
		return 2;
	}
	w.limit = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	w.delay = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
	(void)getrlimit(RLIMIT_NOFILE, &most);
	most.rlim_cur = most.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &most);
	listen_at((uint16_t)strtoul(argv[1], NULL, 10));
	w.epoll = epoll_create1(0);
	ev.data.ptr = &w;
	(void)epoll_ctl(w.epoll, EPOLL_CTL_ADD, w.listener, &ev);
	ev.data.ptr = NULL;
	(void)epoll_ctl(w.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &ev);
	for (;;) {
		int n = epoll_wait(w.epoll, got, 64, w.first != NULL ? 1 : -1);

		for (int i = 0; i < n; i++) {
			if (got[i].data.ptr == &w)
				listener_accept();
			else if (got[i].data.ptr == NULL)
				answer_parent();
			else
				session_read(got[i].data.ptr);
		}
		pay_dues();
	}
}
