/* SPDX-License-Identifier: ISC
 * dot: the transparency procedure as two small state machines. Every byte of
 * every message passes here twice (once in, once out), so what lies between
 * two line ends is found eight bytes at a time and copied in one piece; only
 * line ends and what follows them go through the states.
 *
 * The reader never looks ahead: CRs, and a dot at the start of a line, are
 * held back in the state until the next byte says what they were. So the
 * result does not depend on how the input was cut. Called by the SMTP server's
 * session, the SMTP client and their tests, on any thread; nothing fails. */
#include "smtp/dot.h"

#include <string.h>

enum {
	AT_START, /* of the data or of a line */
	IN_LINE,
	HELD_CR, /* one or more, not given out yet */
	HELD_DOT, /* at AT_START, not given out yet */
	HELD_DOT_CR, /* and one CR or more */
};

#define ONES  0x0101010101010101u
#define HIGHS 0x8080808080808080u

/* Not 0 when one of the eight bytes of w is zero. */
static inline uint64_t
zero_byte(uint64_t w)
{
	return (w - ONES) & ~w & HIGHS;
}

/* How many bytes from p on are neither CR nor LF. Notes NULs and bytes above
 * 127 on the way, which saves two more walks over the message. */
static size_t
find_line_end(struct dot_reader *d, const char *p, size_t len)
{
	uint64_t all = 0, nul = 0, w;
	size_t n = 0;

	for (; len - n >= sizeof(w); n += sizeof(w)) {
		memcpy(&w, p + n, sizeof(w));
		if ((zero_byte(w ^ (ONES * '\r')) |
			zero_byte(w ^ (ONES * '\n'))) != 0)
			break;
		all |= w;
		nul |= zero_byte(w);
	}
	for (; n < len && p[n] != '\r' && p[n] != '\n'; n++) {
		all |= (unsigned char)p[n];
		nul |= p[n] == '\0';
	}
	d->eightbit |= (all & HIGHS) != 0;
	d->nul |= nul != 0;
	return n;
}

static void
note_length(struct dot_reader *d, size_t n)
{
	d->line_len += n;
	if (d->line_len > d->line_max)
		d->line_max = d->line_len;
}

static char *
put_char(struct dot_reader *d, char *dst, char c)
{
	note_length(d, 1);
	d->state = IN_LINE;
	*dst = c;
	return dst + 1;
}

static char *
end_line(struct dot_reader *d, char *dst, bool bare)
{
	d->bare = bare;
	d->stray |= bare;
	d->line_len = 0;
	d->state = AT_START;
	dst[0] = '\r';
	dst[1] = '\n';
	return dst + 2;
}

/* CRs were held back, and c comes now: 1 when it was read. A second CR is
 * dropped here, whatever ends the run: one of many line ends, or one blank. */
static size_t
after_cr(struct dot_reader *d, char c, char **out)
{
	if (c == '\n') {
		*out = end_line(d, *out, false);
		return 1;
	}
	d->stray = true;
	if (c == '\r') {
		d->bare = true;
		return 1;
	}
	*out = put_char(d, *out, ' ');
	return 0;
}

/* A dot and CRs were held back: the end of the data is nothing but one dot
 * and one CRLF behind a line that ended so, too. A dot that is a whole line
 * and not the end stays. */
static size_t
after_dot_cr(struct dot_reader *d, char c, char **out)
{
	if (c == '\n' && !d->bare) {
		d->done = true;
		return 1;
	}
	if (c == '\n')
		*out = put_char(d, *out, '.');
	return after_cr(d, c, out);
}

void
dot_reader_init(struct dot_reader *d)
{
	*d = (struct dot_reader){ .state = AT_START };
}

void
dot_reader_init_counted(struct dot_reader *d)
{
	*d = (struct dot_reader){ .state = AT_START, .counted = true };
}

size_t
dot_read(struct dot_reader *d, const char *src, size_t len, size_t *used,
    char *dst)
{
	const char *p = src, *end = src + len;
	char *out = dst;
	size_t n;

	while (p < end && !d->done) {
		switch (d->state) {
		case AT_START:
			d->state =
			    *p == '.' && !d->counted ? HELD_DOT : IN_LINE;
			p += d->state == HELD_DOT;
			break;
		case IN_LINE:
			n = find_line_end(d, p, (size_t)(end - p));
			memcpy(out, p, n);
			out += n;
			p += n;
			note_length(d, n);
			if (p == end)
				break;
			if (*p++ == '\r')
				d->state = HELD_CR;
			else
				out = end_line(d, out, true);
			break;
		case HELD_CR:
			p += after_cr(d, *p, &out);
			break;
		case HELD_DOT:
			if (*p == '\r') {
				d->state = HELD_DOT_CR;
				p++;
			} else if (*p == '\n') {
				out = put_char(d, out, '.');
			} else { /* it stuffed the line */
				d->state = IN_LINE;
			}
			break;
		case HELD_DOT_CR:
			p += after_dot_cr(d, *p, &out);
			break;
		}
	}
	*used = (size_t)(p - src);
	d->size += (uint64_t)(out - dst);
	return (size_t)(out - dst);
}

size_t
dot_read_end(struct dot_reader *d, char *dst)
{
	size_t n = 0;

	MX_ASSERT(d->counted);
	if (d->state == HELD_CR || d->line_len > 0) {
		end_line(d, dst, d->state == HELD_CR);
		n = 2;
	}
	d->state = AT_START;
	d->done = true;
	d->size += n;
	return n;
}

void
dot_writer_init(struct dot_writer *d)
{
	*d = (struct dot_writer){ .bol = true };
}

size_t
dot_write(struct dot_writer *d, const char *src, size_t len, char *dst)
{
	const char *p = src, *end = src + len, *lf;
	char *out = dst;
	size_t n;

	while (p < end) {
		if (d->bol && *p == '.')
			*out++ = '.';
		lf = memchr(p, '\n', (size_t)(end - p));
		n = (size_t)((lf != NULL ? lf + 1 : end) - p);
		memcpy(out, p, n);
		out += n;
		p += n;
		d->bol = lf != NULL;
		d->cr = p[-1] == '\r';
	}
	return (size_t)(out - dst);
}

size_t
dot_write_end(struct dot_writer *d, char *dst)
{
	char *out = dst;

	/* A CR without its LF is no canonical text; completing it keeps a
	 * stray CR off the wire. */
	if (!d->bol && !d->cr)
		*out++ = '\r';
	if (!d->bol)
		*out++ = '\n';
	memcpy(out, ".\r\n", 3);
	dot_writer_init(d);
	return (size_t)(out - dst) + 3;
}
