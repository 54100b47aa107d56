/* SPDX-License-Identifier: ISC
 * happened: see happened.h. */
#include "control/happened.h"

#include <string.h>

#include "base/mem.h"

struct happened {
	uint64_t last; /* number; 0: no event yet */
	struct happened_entry e[HAPPENED_MAX]; /* by number, modulo */
};

struct happened *
happened_create(void)
{
	return mem_alloc(sizeof(struct happened));
}

void
happened_destroy(struct happened **hp)
{
	mem_free(hp);
}

void
happened_add(struct happened *h, const struct control_event *from)
{
	struct happened_entry *e = &h->e[++h->last % HAPPENED_MAX];

	e->number = h->last;
	e->wall = from->wall;
	(void)strlcpy(e->what, from->what, sizeof(e->what));
	(void)strlcpy(e->domain, from->domain, sizeof(e->domain));
	(void)strlcpy(e->host, from->host, sizeof(e->host));
	(void)text_cut(e->text, sizeof(e->text), from->text);
}

const struct happened_entry *
happened_after(const struct happened *h, uint64_t number)
{
	uint64_t first =
	    h->last > HAPPENED_MAX ? h->last - HAPPENED_MAX + 1 : 1;

	if (number >= h->last)
		return NULL;
	number = number + 1 > first ? number + 1 : first;
	return &h->e[number % HAPPENED_MAX];
}
