/* SPDX-License-Identifier: ISC
 * dot: the transparency procedure as two small state machines. Every byte of
 * every message passes here twice (once in, once out), so regular lines are
 * found many at a time (dot_blocks(), or else by memchr()) and copied together;
 * only stray CRs and LFs, dots at the start of a line and the boundaries of the
 * input go through the states.
 *
 * The reader never looks ahead: CRs, and a dot at the start of a line, are held
 * back in the state until the next byte decides. So the result does not depend
 * on how the input was cut. Called by the SMTP server's session, the SMTP
 * client and their tests, on any thread; nothing fails. */
#include "smtp/dot.h"

#include <string.h>

#include "smtp/dot_blocks.h"

enum {
	AT_START, /* of the data or of a line */
	IN_LINE,
	HELD_CR, /* one or more, not written yet */
	HELD_DOT, /* at AT_START, not written yet */
	HELD_DOT_CR, /* and one or more CRs */
};

/* Positions of the next CR and LF, or the end. Each is searched once, so that
 * text with only one of the two is not scanned again for the other. */
struct line_ends {
	const char *cr, *lf;
};

static const char *
next_byte(const char *known, char c, const char *p, const char *end)
{
	if (known != NULL && known >= p)
		return known;
	p = memchr(p, c, (size_t)(end - p));
	return p != NULL ? p : end;
}

/* The number of bytes that pass unchanged, from p within a line: up to a CR or
 * LF that is stray, or may be, and to the end of a line before a dot that
 * matters. *line is the beginning of the last, unfinished line. */
static size_t
plain_text(struct line_ends *e, bool dots, const char *p, const char *end,
    const char **line)
{
	const char *from = p;

	*line = p;
	p += dot_blocks(p, (size_t)(end - p), dots, line);
	while (p == from || p > *line || (p < end && (!dots || *p != '.'))) {
		e->cr = next_byte(e->cr, '\r', p, end);
		e->lf = next_byte(e->lf, '\n', p, end);
		if (e->lf < e->cr)
			return (size_t)(e->lf - from);
		if (e->lf == end || e->lf != e->cr + 1)
			return (size_t)(e->cr - from);
		*line = p = e->lf + 1;
	}
	return (size_t)(p - from);
}

static bool
has_eightbit(const char *p, size_t len)
{
	uint64_t all = 0, w[4];

	for (; len >= sizeof(w); p += sizeof(w), len -= sizeof(w)) {
		memcpy(w, p, sizeof(w));
		all |= w[0] | w[1] | w[2] | w[3];
	}
	for (; len > 0; p++, len--)
		all |= (unsigned char)*p;
	return (all & 0x8080808080808080u) != 0;
}

static char *
put_char(struct dot_reader *d, char *dst, char c)
{
	d->state = IN_LINE;
	*dst = c;
	return dst + 1;
}

static char *
end_line(struct dot_reader *d, char *dst, bool bare)
{
	d->bare = bare;
	d->stray |= bare;
	d->state = AT_START;
	dst[0] = '\r';
	dst[1] = '\n';
	return dst + 2;
}

/* CRs were held back, and c follows: 1 when it was consumed. A second CR is
 * dropped here, whatever ends the run: it becomes one line end, or one
 * blank. */
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

/* A dot and CRs were held back: the data ends only with one dot and one CRLF
 * after a line that ended so, too. A dot that is a whole line and not the end
 * is kept. */
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

/* From within a line: copies what passes unchanged, and the byte after it.
 * Returns the next input position. */
static const char *
read_text(struct dot_reader *d, struct line_ends *e, const char *p,
    const char *end, char **out)
{
	const char *line;
	size_t n = plain_text(e, !d->counted, p, end, &line);

	memcpy(*out, p, n);
	*out += n;
	if (line > p)
		d->bare = false;
	p += n;
	if (n > 0 && line == p) { /* whole lines */
		d->state = AT_START;
	} else if (p < end) {
		if (*p == '\r')
			d->state = HELD_CR;
		else
			*out = end_line(d, *out, true);
		p++;
	}
	return p;
}

size_t
dot_read(struct dot_reader *d, const char *src, size_t len, size_t *used,
    char *dst)
{
	const char *p = src, *end = src + len;
	struct line_ends ends = { NULL, NULL };
	char *out = dst;

	while (p < end && !d->done) {
		switch (d->state) {
		case AT_START:
			d->state =
			    *p == '.' && !d->counted ? HELD_DOT : IN_LINE;
			p += d->state == HELD_DOT;
			break;
		case IN_LINE:
			p = read_text(d, &ends, p, end, &out);
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
			} else { /* a stuffed dot */
				d->state = IN_LINE;
			}
			break;
		case HELD_DOT_CR:
			p += after_dot_cr(d, *p, &out);
			break;
		}
	}
	*used = (size_t)(p - src);
	d->eightbit = d->eightbit || has_eightbit(src, *used);
	d->size += (uint64_t)(out - dst);
	return (size_t)(out - dst);
}

size_t
dot_read_end(struct dot_reader *d, char *dst)
{
	size_t n = 0;

	MX_ASSERT(d->counted);
	if (d->state == HELD_CR || d->state == IN_LINE) {
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

	/* A CR without its LF is not canonical; completing it keeps a stray CR
	 * off the wire. */
	if (!d->bol && !d->cr)
		*out++ = '\r';
	if (!d->bol)
		*out++ = '\n';
	memcpy(out, ".\r\n", 3);
	dot_writer_init(d);
	return (size_t)(out - dst) + 3;
}
