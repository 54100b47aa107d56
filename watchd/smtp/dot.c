/* SPDX-License-Identifier: ISC
 * dot: the transparency procedure as two small state machines. Every byte of
 * every message passes here twice (once in, once out), so what lies between
 * two line ends is found eight bytes at a time and copied in one piece; only
 * line ends and what follows them go through the states.
 *
 * The reader never looks ahead: a CR, or a dot at the start of a line, is
 * held back in the state until the next byte says what it was. So the result
 * does not depend on how the input was cut. Called by the SMTP server's
 * session, the SMTP client and their tests, on any thread; nothing fails. */
#include "smtp/dot.h"

#include <string.h>

enum {
	AT_START, /* behind a true CRLF, or at the start of the data */
	IN_LINE, /* also behind a mended line end: a dot there is content */
	HELD_CR, /* a CR in a line, not given out yet */
	HELD_DOT, /* a dot at AT_START, not given out yet */
	HELD_DOT_CR,
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

static char *
put_line_end(struct dot_reader *d, char *dst, bool stray)
{
	d->stray |= stray;
	d->line_len = 0;
	dst[0] = '\r';
	dst[1] = '\n';
	return dst + 2;
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
			d->line_len += n;
			if (d->line_len > d->line_max)
				d->line_max = d->line_len;
			if (p == end)
				break;
			if (*p++ == '\r')
				d->state = HELD_CR;
			else
				out = put_line_end(d, out, true);
			break;
		case HELD_CR:
			out = put_line_end(d, out, *p != '\n');
			d->state = *p == '\n' ? AT_START : IN_LINE;
			p += *p == '\n';
			break;
		case HELD_DOT: /* the dot itself goes, whatever follows */
			d->state = *p == '\r' ? HELD_DOT_CR : IN_LINE;
			p += *p == '\r';
			break;
		case HELD_DOT_CR:
			if (*p == '\n') {
				d->done = true;
				p++;
				break;
			}
			out = put_line_end(d, out, true);
			d->state = IN_LINE;
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
		put_line_end(d, dst, d->state == HELD_CR);
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
