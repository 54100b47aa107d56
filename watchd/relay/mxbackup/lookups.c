/* SPDX-License-Identifier: ISC
 * lookups: see lookups.h. Look-ups under way are a short list; clients are
 * counted in a bounded table (base/ways.h), which evicts those with few
 * look-ups first. */
#include "relay/mxbackup/lookups.h"

#include <sys/queue.h>

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/ways.h"

#define CLIENTS	    4096u /* counted at once */
#define CLIENT_WAYS 8u
#define MINUTE	    (60 * CLOCK_SEC)
#define HOUR	    (60 * MINUTE)

struct backup_client {
	uint64_t key; /* first: base/ways.h */
	int64_t hour; /* number of the hour; 0: free */
	uint32_t begun; /* in that hour */
};

struct backup_lookup {
	LIST_ENTRY(backup_lookup) link;
	struct backup_lookups *all;
	struct route_req *req;
	char domain[TEXT_DOMAIN_MAX];
};

struct backup_lookups {
	struct loop *loop;
	struct dns *dns;
	backup_lookup_cb *cb;
	void *arg;
	const struct conf_mx_backup *conf;
	const struct route_self *self;
	const struct prefix_list *networks;
	uint16_t port; /* of MX hosts */
	LIST_HEAD(, backup_lookup) under_way;
	unsigned n; /* of them */
	int64_t minute; /* number of the minute */
	uint32_t begun; /* in that minute */
	struct ways clients;
};

struct backup_lookups *
backup_lookups_create(struct loop *loop, struct dns *dns, backup_lookup_cb *cb,
    void *arg)
{
	struct backup_lookups *l = mem_alloc(sizeof(*l));

	l->loop = loop;
	l->dns = dns;
	l->cb = cb;
	l->arg = arg;
	LIST_INIT(&l->under_way);
	ways_init(&l->clients, CLIENTS, CLIENT_WAYS,
	    sizeof(struct backup_client));
	return l;
}

static void
lookup_free(struct backup_lookup *k)
{
	LIST_REMOVE(k, link);
	k->all->n--;
	mem_free(&k);
}

void
backup_lookups_destroy(struct backup_lookups **lp)
{
	struct backup_lookups *l = *lp;
	struct backup_lookup *k;

	if (l == NULL)
		return;
	while ((k = LIST_FIRST(&l->under_way)) != NULL) {
		route_cancel(&k->req);
		lookup_free(k);
	}
	ways_fini(&l->clients);
	mem_free(lp);
}

static void
on_route(const struct route *r, void *arg)
{
	struct backup_lookup *k = arg;
	struct backup_lookups *l = k->all;
	struct backup_finding f;
	char domain[TEXT_DOMAIN_MAX];

	backup_judge(r, k->domain, l->networks, &f);
	strlcpy(domain, k->domain, sizeof(domain));
	lookup_free(k);
	l->cb(l->arg, domain, &f);
}

static void
ask(struct backup_lookup *k)
{
	struct backup_lookups *l = k->all;

	k->req = route_lookup(l->dns, l->self, k->domain, NULL, 0,
	    l->conf->domain.probe.port, on_route, k);
}

void
backup_lookups_configure(struct backup_lookups *l,
    const struct conf_mx_backup *conf, const struct route_self *self,
    const struct prefix_list *networks)
{
	struct backup_lookup *k;

	l->conf = conf;
	l->self = self;
	l->networks = networks;
	LIST_FOREACH (k, &l->under_way, link) {
		route_cancel(&k->req);
		ask(k);
	}
}

bool
backup_lookups_under_way(const struct backup_lookups *l, const char *domain)
{
	const struct backup_lookup *k;

	LIST_FOREACH (k, &l->under_way, link)
		if (strcmp(k->domain, domain) == 0)
			return true;
	return false;
}

/* ---- budgets */

static bool
has_room(struct backup_lookups *l)
{
	int64_t minute = loop_now(l->loop) / MINUTE;

	if (minute != l->minute) {
		l->minute = minute;
		l->begun = 0;
	}
	return l->n < l->conf->lookups && l->begun < l->conf->lookup_rate;
}

static int64_t
client_worth(const void *entry, const void *arg MX_UNUSED)
{
	const struct backup_client *c = entry;

	return c->hour == 0 ? WAYS_FREE : c->hour * INT32_MAX + c->begun;
}

/* Counts a look-up if the client has one left. */
static bool
client_may(struct backup_lookups *l, uint64_t key)
{
	int64_t hour = loop_now(l->loop) / HOUR + 1;
	struct backup_client *c =
	    ways_take(&l->clients, key, client_worth, NULL);

	if (c->hour != hour) {
		c->hour = hour;
		c->begun = 0;
	}
	if (c->begun >= l->conf->client_lookups)
		return false;
	c->begun++;
	return true;
}

int
backup_lookups_begin(struct backup_lookups *l, const char *domain,
    uint64_t client_key)
{
	struct backup_lookup *k;

	if (backup_lookups_under_way(l, domain))
		return 0;
	if (!has_room(l))
		return -MX_EFULL;
	if (client_key != BACKUP_NO_CLIENT && !client_may(l, client_key))
		return -MX_EBUSY;
	k = mem_alloc(sizeof(*k));
	k->all = l;
	strlcpy(k->domain, domain, sizeof(k->domain));
	LIST_INSERT_HEAD(&l->under_way, k, link);
	l->n++;
	l->begun++;
	ask(k);
	return 0;
}
