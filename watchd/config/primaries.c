/* SPDX-License-Identifier: ISC
 * primaries: the hosts that the configuration names as primaries, each once,
 * with the smallest `deliver { connections }` of the domains that name it: made
 * when the file is read, by whichever thread does that, so that nobody has to
 * ask all domains of a host later. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config_int.h"

static int
primary_order(const void *a, const void *b)
{
	const struct conf_primary *p = a, *q = b;
	int c = strcmp(p->host, q->host);

	return c != 0 ? c : (p->port > q->port) - (p->port < q->port);
}

void
primaries_make(struct config *c)
{
	struct conf_primary *all;
	size_t n = 0, k = 0, i, j;

	for (i = 0; i < c->ndomains; i++)
		n += c->domain[i].primary.n;
	all = mem_array(n + 1, sizeof(*all));
	for (i = 0, n = 0; i < c->ndomains; i++)
		for (j = 0; j < c->domain[i].primary.n; j++) {
			if (addr_split_host(c->domain[i].primary.s[j],
				all[n].host, &all[n].port, 25) != 0)
				continue;
			all[n++].connections = c->domain[i].deliver.connections;
		}
	qsort(all, n, sizeof(*all), primary_order);
	for (i = 0; i < n; i++) {
		if (k == 0 || primary_order(&all[k - 1], &all[i]) != 0)
			all[k++] = all[i];
		else if (all[i].connections < all[k - 1].connections)
			all[k - 1].connections = all[i].connections;
	}
	c->nprimaries = k;
	c->primary = mem_dup(all, (k + 1) * sizeof(*all));
	mem_free(&all);
}

uint32_t
config_connections(const struct config *c, const char *host, uint16_t port)
{
	struct conf_primary key = { .port = port };
	const struct conf_primary *p;

	(void)strlcpy(key.host, host, sizeof(key.host));
	p = bsearch(&key, c->primary, c->nprimaries, sizeof(key),
	    primary_order);
	return p != NULL ? p->connections : 0;
}
