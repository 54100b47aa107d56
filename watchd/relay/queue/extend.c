/* SPDX-License-Identifier: ISC
 * extend: see extend.h. The stored form is one line per record, two decimal
 * numbers, which an operator can read in the spool. */
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "relay/queue/extend.h"

#define EXTEND_SUM_MAX INT64_C(315360000000000) /* 10,000 years */

void
extend_fini(struct extend *x)
{
	mem_free(&x->rec);
	x->n = 0;
}

int64_t
extend_sum(int64_t a, int64_t b)
{
	if (a > EXTEND_SUM_MAX || b > EXTEND_SUM_MAX)
		return EXTEND_SUM_MAX;
	return a > EXTEND_SUM_MAX - b ? EXTEND_SUM_MAX : a + b;
}

static void
rec_remove(struct extend *x, unsigned i)
{
	memmove(&x->rec[i], &x->rec[i + 1], (x->n - i - 1) * sizeof(x->rec[0]));
	x->n--;
}

void
extend_add(struct extend *x, int64_t until_ms, int64_t add_ms)
{
	unsigned at;

	if (add_ms > EXTEND_SUM_MAX)
		add_ms = EXTEND_SUM_MAX;
	for (at = 0; at < x->n && x->rec[at].until_ms < until_ms; at++)
		;
	if (at < x->n && x->rec[at].until_ms == until_ms) {
		x->rec[at].add_ms = extend_sum(x->rec[at].add_ms, add_ms);
		return;
	}
	if (x->n == EXTEND_MAX) {
		/* The next record covers its arrivals, too, and takes its time
		 * over. */
		x->rec[1].add_ms =
		    extend_sum(x->rec[1].add_ms, x->rec[0].add_ms);
		rec_remove(x, 0);
		if (at > 0)
			at--;
	}
	x->rec = mem_grow(x->rec, x->n + 1, sizeof(x->rec[0]));
	memmove(&x->rec[at + 1], &x->rec[at], (x->n - at) * sizeof(x->rec[0]));
	x->rec[at] = (struct extend_rec){ until_ms, add_ms };
	x->n++;
}

int64_t
extend_of(const struct extend *x, int64_t arrival_ms)
{
	int64_t sum = 0;

	for (unsigned i = x->n; i-- > 0 && arrival_ms <= x->rec[i].until_ms;)
		sum = extend_sum(sum, x->rec[i].add_ms);
	return sum;
}

bool
extend_trim(struct extend *x, int64_t oldest_ms)
{
	bool any = false;

	while (x->n > 0 && x->rec[0].until_ms < oldest_ms) {
		rec_remove(x, 0);
		any = true;
	}
	return any;
}

int
extend_format(const struct extend *x, struct buf *out)
{
	int rc = 0;

	for (unsigned i = 0; i < x->n && rc == 0; i++)
		rc = buf_addf(out, "%" PRId64 " %" PRId64 "\n",
		    x->rec[i].until_ms, x->rec[i].add_ms);
	return rc;
}

/* Parses a number up to `stop`; *at moves past it. */
static int
number_parse(const char *data, size_t len, size_t *at, char stop, int64_t *v)
{
	const char *end = memchr(data + *at, stop, len - *at);
	char text[24];
	size_t n;

	if (end == NULL)
		return -MX_ECORRUPT;
	n = (size_t)(end - data) - *at;
	if (n == 0 || n >= sizeof(text))
		return -MX_ECORRUPT;
	memcpy(text, data + *at, n);
	text[n] = '\0';
	*at += n + 1;
	return text_int(text, 0, INT64_MAX, v) == 0 ? 0 : -MX_ECORRUPT;
}

int
extend_parse(struct extend *x, const void *data, size_t len)
{
	struct extend read = { 0, NULL };
	int64_t until, add;
	size_t at = 0;

	while (at < len) {
		if (number_parse(data, len, &at, ' ', &until) != 0 ||
		    number_parse(data, len, &at, '\n', &add) != 0) {
			extend_fini(&read);
			return -MX_ECORRUPT;
		}
		extend_add(&read, until, add);
	}
	extend_fini(x);
	*x = read;
	return 0;
}

/* ---- extensions of single parts */

static unsigned
class_free(const struct extend_classes *x)
{
	for (unsigned i = 1; i < EXTEND_CLASSES; i++)
		if (x->of[i].parts == 0)
			return i;
	return 0;
}

/* The shortest class in use of at least that time; 0: none. */
static unsigned
class_from(const struct extend_classes *x, int64_t ms)
{
	unsigned best = 0;

	for (unsigned i = 1; i < EXTEND_CLASSES; i++)
		if (x->of[i].parts > 0 && x->of[i].ms >= ms &&
		    (best == 0 || x->of[i].ms < x->of[best].ms))
			best = i;
	return best;
}

static unsigned
class_longest(const struct extend_classes *x)
{
	unsigned best = 1;

	for (unsigned i = 2; i < EXTEND_CLASSES; i++)
		if (x->of[i].ms > x->of[best].ms)
			best = i;
	return best;
}

unsigned
extend_class_enter(struct extend_classes *x, int64_t ms)
{
	unsigned i = class_from(x, ms), unused = class_free(x);

	if (i == 0 || x->of[i].ms != ms) {
		if (unused != 0)
			i = unused;
		else if (i == 0)
			i = class_longest(x);
		if (x->of[i].parts == 0 || x->of[i].ms < ms)
			x->of[i].ms = ms;
	}
	x->of[i].parts++;
	return i;
}

void
extend_class_leave(struct extend_classes *x, unsigned class)
{
	MX_ASSERT(x->of[class].parts > 0);
	x->of[class].parts--;
}
