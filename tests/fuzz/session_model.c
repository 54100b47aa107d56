/* SPDX-License-Identifier: ISC
 * session_model: see session_model.h. */
#include "tests/fuzz/session_model.h"
#include "relay/smtpd/header.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BDAT_MAX (UINT64_C(1) << 32)

void
model_init(struct model *m)
{
	memset(m, 0, sizeof(*m));
	buf_init(&m->sent, 16 << 20);
	buf_init(&m->heard, 16 << 20);
	buf_init(&m->chunks, 16 << 20);
	buf_init(&m->want, 32 << 20);
}

void
model_fini(struct model *m)
{
	buf_fini(&m->sent);
	buf_fini(&m->heard);
	buf_fini(&m->chunks);
	buf_fini(&m->want);
}

static void
add(struct buf *b, const void *p, size_t n)
{
	MX_ASSERT(buf_add(b, p, n) == 0);
}

void
model_sent(struct model *m, const void *p, size_t n)
{
	add(&m->sent, p, n);
}

void
model_heard(struct model *m, const void *p, size_t n)
{
	add(&m->heard, p, n);
}

static bool
is_verb(const char *line, size_t len, const char *verb)
{
	size_t n = strlen(verb);

	return len >= n && strncasecmp(line, verb, n) == 0 &&
	    (len == n || strchr(" \t\r\n", line[n]) != NULL);
}

/* The octets that a line BDAT announces; 0 when it is none, or wrong: then the
 * connection is closed, and nothing behind it matters. */
static uint64_t
chunk_of(const char *line, size_t len, bool *last)
{
	char text[64], *end;
	uint64_t n;

	*last = false;
	if (!is_verb(line, len, "BDAT") || len - 4 >= sizeof(text))
		return 0;
	memcpy(text, line + 4, len - 4);
	text[len - 4] = '\0';
	n = strtoull(text, &end, 10);
	end += strspn(end, " \t");
	*last = strncasecmp(end, "LAST", 4) == 0;
	return n < BDAT_MAX ? n : 0;
}

/* ---- what is stored of what was sent */

/* How many bytes from p on are CRs. */
static size_t
crs(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] == '\r')
		i++;
	return i;
}

/* How many bytes from p on are neither CR nor LF. */
static size_t
plain(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] != '\r' && p[i] != '\n')
		i++;
	return i;
}

/* LF, and CRs with an LF behind them, end a line, and are CRLF from then on;
 * CRs without one are a blank, and a line end where nothing follows at all. A
 * dot that a line of DATA begins with goes, if it is not all of the line. */
static void
mend(struct model *m, const char *p, size_t n, bool dots)
{
	bool begins = true;
	size_t i, run, ahead;

	m->stray = false;
	buf_clear(&m->want);
	for (i = 0; i < n; i++) {
		run = crs(p + i, n - i);
		ahead = i + run;
		if (ahead == n || p[ahead] == '\n') {
			m->stray |= run != 1 || ahead == n;
			add(&m->want, "\r\n", 2);
			begins = true;
			i = ahead;
			continue;
		}
		if (run > 0) {
			m->stray = true;
			add(&m->want, " ", 1);
			begins = false;
			i = ahead - 1;
			continue;
		}
		ahead = i + 1 + crs(p + i + 1, n - i - 1);
		if (begins && dots && p[i] == '.' &&
		    (ahead == n || p[ahead] != '\n')) {
			begins = false;
			continue;
		}
		run = plain(p + i, n - i);
		add(&m->want, p + i, run);
		i += run - 1;
		begins = false;
	}
}

/* ">From " and "From ": the line of a mailbox. */
static bool
is_mailbox(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && line[n] == '>')
		n++;
	return len - n >= 5 && memcmp(line + n, "From ", 5) == 0;
}

/* A name of printing ASCII, blanks perhaps, a colon. */
static bool
is_field(const char *line, size_t len)
{
	size_t n = 0, name;

	while (n < len && line[n] > ' ' && line[n] < 127 && line[n] != ':')
		n++;
	name = n;
	while (n < len && (line[n] == ' ' || line[n] == '\t'))
		n++;
	return name > 0 && n < len && line[n] == ':' && n <= HEADER_NAME_MAX;
}

/* What is no header ends it, behind an empty line. */
static void
end_header(struct model *m)
{
	struct buf all = m->want;
	const char *p = buf_str(&all), *end = p + all.len, *line = p;
	bool begun = false;
	size_t len;

	buf_init(&m->want, 16 << 20);
	for (; line < end; line += len) {
		len = (size_t)((const char *)memchr(line, '\n',
				   (size_t)(end - line)) +
		    1 - line);
		if (!begun && is_mailbox(line, len))
			add(&m->want, "X-Mailbox-Line: ", 16);
		else if (is_field(line, len))
			begun = true;
		else if (!begun || (*line != ' ' && *line != '\t'))
			break;
		add(&m->want, line, len);
	}
	if (line < end && *line != '\r')
		add(&m->want, "\r\n", 2);
	add(&m->want, line, (size_t)(end - line));
	buf_fini(&all);
}

/* Where CRLF.CRLF ends, the first CRLF of which may be that of DATA itself;
 * 0: nowhere yet. */
static size_t
data_end(const char *p, size_t n)
{
	const char *dot;

	if (n >= 3 && memcmp(p, ".\r\n", 3) == 0)
		return 3;
	dot = n > 0 ? memmem(p, n, "\r\n.\r\n", 5) : NULL;
	return dot != NULL ? (size_t)(dot - p) + 5 : 0;
}

/* ---- replies */

/* The length of the whole reply at the front of what was heard, or 0. */
static size_t
reply_len(const struct model *m)
{
	size_t off = 0;
	const char *p, *lf;

	while (off < m->heard.len) {
		p = m->heard.data + off;
		lf = memchr(p, '\n', m->heard.len - off);
		if (lf == NULL)
			return 0;
		MX_ASSERT(lf - p >= 5 && lf[-1] == '\r' &&
		    strspn(p, "0123456789") == 3 && p[0] >= '2' && p[0] <= '5');
		off += (size_t)(lf - p) + 1;
		if (p[3] == ' ')
			return off;
		MX_ASSERT(p[3] == '-');
	}
	return 0;
}

static void
forget(struct model *m)
{
	m->rcpts = 0;
	m->failed = false;
	buf_clear(&m->chunks);
}

static void
message_done(struct model *m, const char *reply,
    void (*stored)(struct model *, const char *id))
{
	const char *id;

	if (strncmp(reply, "250", 3) == 0) {
		id = strstr(reply, "queued as ");
		MX_ASSERT(id != NULL && m->rcpts > 0 && !m->failed);
		end_header(m);
		stored(m, id + 10);
		m->stored++;
	}
	forget(m);
}

/* A whole line and its reply. The new state follows from both. */
static void
command_done(struct model *m, const char *line, size_t len, const char *reply)
{
	bool fine = reply[0] == '2';

	if (is_verb(line, len, "DATA") && strncmp(reply, "354", 3) == 0)
		m->state = MODEL_DATA;
	else if (is_verb(line, len, "STARTTLS") && fine)
		m->state = MODEL_TLS;
	else if (is_verb(line, len, "QUIT") && fine)
		m->state = MODEL_OVER;
	else if (strncasecmp(line, "RCPT", 4) == 0 && fine)
		m->rcpts++;
	else if (fine &&
	    (strncasecmp(line, "MAIL", 4) == 0 || is_verb(line, len, "RSET") ||
		is_verb(line, len, "EHLO") || is_verb(line, len, "HELO")))
		forget(m);
	if (m->state == MODEL_TLS)
		forget(m);
}

static void
chunk_done(struct model *m, const char *p, uint64_t n, bool last,
    const char *reply, void (*stored)(struct model *, const char *id))
{
	if (strncmp(reply, "503", 3) != 0) { /* out of order: no chunk of it */
		add(&m->chunks, p, n);
		m->failed |= reply[0] != '2';
	}
	if (!last)
		return;
	mend(m, buf_str(&m->chunks), m->chunks.len, false);
	if (m->want.len > 0 &&
	    (m->want.len < 2 || m->want.data[m->want.len - 1] != '\n'))
		add(&m->want, "\r\n", 2);
	message_done(m, reply, stored);
}

static void
line_done(struct model *m, const char *p, size_t len, uint64_t chunk, bool last,
    const char *reply, void (*stored)(struct model *, const char *id))
{
	if (m->state == MODEL_DATA) {
		mend(m, p, len - 3, true);
		m->state = MODEL_COMMAND;
		message_done(m, reply, stored);
	} else if (is_verb(p, len, "BDAT")) {
		MX_ASSERT(chunk <= m->sent.len - m->at - len);
		chunk_done(m, p + len, chunk, last, reply, stored);
	} else {
		command_done(m, p, len, reply);
	}
}

/* One line, chunk or message that has its reply; false: there is none yet. */
static bool
step(struct model *m, void (*stored)(struct model *, const char *id))
{
	const char *p = buf_str(&m->sent) + m->at, *lf;
	size_t left = m->sent.len - m->at, len = 0, n = reply_len(m);
	uint64_t chunk = 0;
	bool last = false;
	char reply[256];

	if (n == 0 || m->state == MODEL_OVER || m->state == MODEL_TLS)
		return false;
	(void)strlcpy(reply, m->heard.data, n < 255 ? n + 1 : 256);
	if (m->state == MODEL_DATA) {
		len = data_end(p, left);
	} else if (m->state == MODEL_COMMAND) {
		lf = left > 0 ? memchr(p, '\n', left) : NULL;
		len = lf != NULL ? (size_t)(lf - p) + 1 : 0;
		chunk = chunk_of(p, len, &last);
	}
	if (strncmp(reply, "421", 3) == 0 ||
	    (len > 0 && chunk > left - len && reply[0] != '2')) {
		m->state = MODEL_OVER; /* it closes, in the midst of anything */
	} else if (m->state == MODEL_GREETING) {
		m->state = MODEL_COMMAND;
	} else {
		MX_ASSERT(len > 0); /* or it is a reply to no line */
		line_done(m, p, len, chunk, last, reply, stored);
	}
	m->at += len + chunk;
	if (m->at > m->sent.len)
		m->at = m->sent.len;
	buf_drain(&m->heard, n);
	return true;
}

void
model_walk(struct model *m, void (*stored)(struct model *, const char *id))
{
	while (step(m, stored))
		continue;
}

size_t
model_may_send(struct model *m, const uint8_t *next, size_t n)
{
	size_t off = 0, len, size, had = m->sent.len - m->at;
	const char *all, *p, *lf;
	bool last;

	if (m->state == MODEL_GREETING)
		return 0;
	if (m->state == MODEL_TLS || m->state == MODEL_OVER)
		return n;
	add(&m->sent, next, n); /* as if they were */
	all = buf_str(&m->sent) + m->at;
	size = had + n;
	if (m->state == MODEL_DATA && (off = data_end(all, size)) == 0)
		off = size;
	while (off < size) {
		p = all + off;
		lf = memchr(p, '\n', size - off);
		if (lf == NULL)
			break;
		len = (size_t)(lf - p) + 1;
		off += len + chunk_of(p, len, &last);
		if (is_verb(p, len, "DATA") || is_verb(p, len, "STARTTLS") ||
		    is_verb(p, len, "EHLO") || is_verb(p, len, "HELO")) {
			n = off > had ? off - had : 0;
			break;
		}
	}
	m->sent.len = m->at + had;
	return n;
}
