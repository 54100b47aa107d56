/* SPDX-License-Identifier: ISC
 * diff: one pass over two lists sorted by name. */
#include "config/diff.h"

#include <string.h>

#include "base/mem.h"
#include "config/redirect.h"
#include "config/removed.h"
#include "config_int.h"

static bool
same_options(const struct conf_domain *a, const struct conf_domain *b)
{
	for (size_t i = OPT_DOMAIN_FIRST; i <= OPT_DOMAIN_LAST; i++)
		if (!option_same(&options[i], a, b))
			return false;
	return pin_cmp(a->pin, b->pin) == 0 && redirect_same(a, b);
}

static void
change_add(struct conf_diff *d, const struct conf_domain *was,
    const struct conf_domain *is)
{
	if ((d->n & (d->n - 1)) == 0) /* a power of two is full */
		d->change = mem_grow(d->change, d->n > 0 ? d->n * 2 : 1,
		    sizeof(*d->change));
	d->change[d->n++] = (struct conf_change){ was, is };
}

struct conf_diff *
conf_diff_create(struct config *old, struct config *new)
{
	struct conf_diff *d = mem_alloc(sizeof(*d));
	size_t nold = old != NULL ? old->ndomains : 0, i = 0, k = 0;
	const struct conf_domain *was, *is;
	int order;

	d->old = old != NULL ? config_ref(old) : NULL;
	d->new = config_ref(new);
	while (i < nold || k < new->ndomains) {
		was = i < nold ? &old->domain[i] : NULL;
		is = k < new->ndomains ? &new->domain[k] : NULL;
		order = was == NULL ? 1 :
		    is == NULL	    ? -1 :
				      strcmp(was->name, is->name);
		if (order < 0)
			change_add(d, was, NULL);
		else if (order > 0)
			change_add(d, NULL, is);
		else if (!same_options(was, is))
			change_add(d, was, is);
		i += order <= 0;
		k += order >= 0;
	}
	return d;
}

void
conf_diff_removed(struct conf_diff *d)
{
	const struct conf_domain *was, *is;

	for (size_t i = 0; d->old != NULL && i < removed_count(d->new); i++) {
		is = removed_at(d->new, i);
		was = removed_find(d->old, is->name);
		if (was != NULL && !redirect_same(was, is))
			change_add(d, was, is);
	}
}

void
conf_diff_destroy(struct conf_diff **dp)
{
	struct conf_diff *d = *dp;

	if (d == NULL)
		return;
	config_unref(&d->old);
	config_unref(&d->new);
	mem_free(&d->change);
	mem_free(dp);
}
