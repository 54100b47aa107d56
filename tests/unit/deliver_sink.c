/* SPDX-License-Identifier: ISC
 * The server of deliver_sink.h. */
#include "deliver_sink.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct stream {
	int fd;
	char buf[65536];
	size_t pos, len;
	int taken; /* RCPT of this transaction */
	int messages; /* taken */
	int number; /* of the last recipient m0@, m1@ ... taken; -1: none */
	bool behind; /* something was there behind the last content */
	bool no_mail; /* it was refused */
};

/* Is there something to be taken? False: closed. */
static bool
fill(struct stream *s)
{
	ssize_t got;

	if (s->pos < s->len)
		return true;
	got = read(s->fd, s->buf, sizeof(s->buf));
	s->pos = 0;
	s->len = got > 0 ? (size_t)got : 0;
	return got > 0;
}

static bool
get_line(struct stream *s, char *line, size_t size)
{
	size_t n = 0;

	for (;;) {
		if (!fill(s))
			return false;
		line[n] = s->buf[s->pos++];
		if (line[n++] == '\n' || n == size - 1) {
			line[n] = '\0';
			return true;
		}
	}
}

static void
say(int fd, const char *reply, const char *usual)
{
	const char *s = reply != NULL ? reply : usual;

	if (send(fd, s, strlen(s), MSG_NOSIGNAL) < 0)
		return;
}

/* Content up to the final dot, without transparency. False: closed. */
static bool
get_body(struct sink *k, struct stream *s, bool leave)
{
	static char line[65536];
	size_t n, skip;

	k->len = 0;
	while (get_line(s, line, sizeof(line))) {
		if (leave && k->len > 100)
			return false;
		if (strcmp(line, ".\r\n") == 0) {
			k->dots++;
			return true;
		}
		skip = line[0] == '.';
		n = strlen(line) - skip;
		if (k->len + n <= sizeof(k->body))
			memcpy(k->body + k->len, line + skip, n);
		k->len += n;
	}
	return false;
}

/* Is something sent behind what was read? */
static bool
has_more(const struct sink *k, const struct stream *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	if (s->pos < s->len)
		return true;
	return k->hold_ms > 0 && poll(&p, 1, k->hold_ms) > 0;
}

static void
saw_end(struct sink *k, struct stream *s)
{
	s->behind = has_more(k, s);
	k->behind += s->behind;
}

static bool
get_chunk(struct sink *k, struct stream *s, size_t len)
{
	size_t n;

	for (k->len = 0; len > 0; len -= n) {
		if (!fill(s))
			return false;
		n = s->len - s->pos < len ? s->len - s->pos : len;
		if (k->len + n <= sizeof(k->body))
			memcpy(k->body + k->len, s->buf + s->pos, n);
		k->len += n;
		s->pos += n;
	}
	return true;
}

static void
take(struct sink *k, struct stream *s)
{
	k->messages++;
	s->messages++;
	if (s->number >= 0 && s->number < 64)
		k->copies[s->number]++;
	s->number = -1;
}

/* It has brought as many messages as it may; the end of the connection. */
static bool
is_enough(const struct sink *k, const struct stream *s, bool at_once)
{
	enum enough e = k->enough;

	if (k->messages_max == 0 || s->messages < k->messages_max ||
	    at_once != (e >= ENOUGH_421_AT_ONCE))
		return false;
	if (e == ENOUGH_421 || e == ENOUGH_421_AT_ONCE)
		say(s->fd, NULL, "421 4.3.2 enough\r\n");
	return true;
}

static bool
answer_bdat(struct sink *k, struct stream *s, const char *line, enum step leave)
{
	size_t len = 0;

	if (leave == AT_BDAT || sscanf(line, "%*s %zu LAST", &len) != 1 ||
	    !get_chunk(k, s, len))
		return false;
	k->chunks++;
	saw_end(k, s);
	if (s->number < 0) {
		say(s->fd, NULL, "503 5.5.1 no recipients\r\n");
		return true;
	}
	if (k->bdat == NULL || k->bdat[0] == '2')
		take(k, s);
	if (leave == AT_CHUNK)
		return false;
	usleep((useconds_t)k->dot_delay_ms * 1000);
	say(s->fd, k->bdat, "250 2.0.0 taken\r\n");
	return !is_enough(k, s, true);
}

static void
tell(const struct sink *k, enum step at)
{
	if (k->tell_at == at)
		*k->told = true;
}

/* One command; false ends the connection. */
static bool
answer(struct sink *k, struct stream *s, const char *line, enum step leave)
{
	if (s->messages < k->close_after)
		leave = AT_NONE;
	if (strncasecmp(line, "EHLO", 4) == 0) {
		if (leave == AT_EHLO)
			return false;
		say(s->fd, k->ehlo,
		    "250-sink\r\n250-PIPELINING\r\n250 SIZE 10000000\r\n");
	} else if (strncasecmp(line, "HELO", 4) == 0) {
		say(s->fd, k->helo, "250 sink\r\n");
	} else if (strncasecmp(line, "STARTTLS", 8) == 0) {
		say(s->fd, k->starttls, "220 go\r\n");
		if (k->starttls == NULL && read(s->fd, s->buf, 1) == 1)
			say(s->fd, NULL, "this is no TLS record\r\n");
		return false;
	} else if (strncasecmp(line, "MAIL", 4) == 0) {
		if (leave == AT_MAIL || is_enough(k, s, false))
			return false;
		tell(k, AT_MAIL);
		s->taken = 0;
		s->number = -1;
		s->no_mail = s->behind && k->behind_mail != NULL;
		if (s->no_mail) {
			say(s->fd, k->behind_mail, "");
			s->behind = false;
			return true;
		}
		say(s->fd, k->mail, "250 2.1.0 ok\r\n");
	} else if (s->no_mail && strchr("RrDd", line[0]) != NULL) {
		say(s->fd, NULL, "503 5.5.1 need MAIL\r\n");
	} else if (strncasecmp(line, "RCPT", 4) == 0) {
		if (leave == AT_RCPT)
			return false;
		tell(k, AT_RCPT);
		k->rcpts++;
		(void)strlcpy(k->last_rcpt, line, sizeof(k->last_rcpt));
		if (k->rcpt_max != 0 && s->taken++ >= k->rcpt_max) {
			say(s->fd, NULL, "452 4.5.3 too many\r\n");
			return true;
		}
		if (strstr(line, "<bad") == NULL &&
		    strstr(line, "<later") == NULL &&
		    sscanf(line, "RCPT TO:<m%d@", &s->number) != 1)
			s->number = 64; /* somebody */
		say(s->fd,
		    strstr(line, "<bad") != NULL ?
			"550 5.1.1 no such user\r\n" :
			strstr(line, "<later") != NULL ?
			"451 4.7.1 greylisted\r\n" :
			NULL,
		    "250 2.1.5 ok\r\n");
	} else if (strncasecmp(line, "DATA", 4) == 0) {
		if (leave == AT_DATA)
			return false;
		tell(k, AT_DATA);
		say(s->fd, k->data, "354 go on\r\n");
		if (k->data != NULL)
			return true;
		if (!get_body(k, s, leave == AT_BODY) || leave == AT_DOT)
			return false;
		saw_end(k, s);
		usleep((useconds_t)k->dot_delay_ms * 1000);
		if (s->number >= 0 && (k->dot == NULL || k->dot[0] == '2'))
			take(k, s); /* else it is empty */
		say(s->fd, k->dot, "250 2.0.0 taken\r\n");
		return !is_enough(k, s, true) && !(k->deaf && s->behind);
	} else if (strncasecmp(line, "BDAT", 4) == 0) {
		return answer_bdat(k, s, line, leave);
	} else if (strncasecmp(line, "QUIT", 4) == 0) {
		if (leave != AT_QUIT)
			say(s->fd, NULL, "221 bye\r\n");
		return false;
	} else if (strncasecmp(line, "RSET", 4) == 0) {
		s->number = -1;
		say(s->fd, k->rset, "250 ok\r\n");
	} else {
		say(s->fd, NULL, "500 what\r\n");
	}
	return true;
}

void *
sink_serve(void *arg)
{
	struct sink *k = arg;
	struct linger now = { .l_onoff = 1 };
	static struct stream s;
	static char line[4096];
	enum step leave;
	int fd, one = 1;

	while ((fd = accept(k->lfd, NULL, NULL)) >= 0) {
		leave = k->conns++ < k->close_conns ? k->close_at : AT_NONE;
		/* Each reply leaves at once. */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		s = (struct stream){ .fd = fd, .number = -1 };
		if (leave != AT_GREETING) {
			say(fd, k->greeting, "220 sink\r\n");
			while (get_line(&s, line, sizeof(line)))
				if (!answer(k, &s, line, leave))
					break;
		}
		if (k->rst)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &now,
			    sizeof(now));
		close(fd);
	}
	return NULL;
}
