/* SPDX-License-Identifier: ISC
 * bounds: see bounds.h. */
#include "primary/bounds.h"

#include <string.h>

#include "base/mem.h"

void
bounds_fini(struct bounds *b)
{
	mem_free(&b->at);
	b->n = b->size = 0;
}

/* Index of the value, or where it is to be inserted. */
static unsigned
place(const struct bounds *b, unsigned value)
{
	unsigned low = 0, high = b->n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (b->at[mid].value < value)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void
bounds_add(struct bounds *b, unsigned value)
{
	unsigned i = place(b, value);

	if (value == 0)
		return;
	if (i < b->n && b->at[i].value == value) {
		b->at[i].times++;
		return;
	}
	if (b->n == b->size) {
		b->size = b->size == 0 ? 1 : b->size * 2;
		b->at = mem_grow(b->at, b->size, sizeof(b->at[0]));
	}
	memmove(&b->at[i + 1], &b->at[i], (b->n - i) * sizeof(b->at[0]));
	b->at[i] = (struct bound){ value, 1 };
	b->n++;
}

void
bounds_drop(struct bounds *b, unsigned value)
{
	unsigned i = place(b, value);

	if (value == 0)
		return;
	MX_ASSERT(i < b->n && b->at[i].value == value);
	if (--b->at[i].times > 0)
		return;
	b->n--;
	memmove(&b->at[i], &b->at[i + 1], (b->n - i) * sizeof(b->at[0]));
}

unsigned
bounds_least(const struct bounds *b)
{
	return b->n > 0 ? b->at[0].value : 0;
}
