/* SPDX-License-Identifier: ISC
 * dnsbl_test: does a zone work as a list? It has to list 127.0.0.2 and not
 * 127.0.0.1 (RFC 5782 5). Otherwise its answers mean nothing: an abandoned zone
 * that lists the world, a resolver that invents addresses, a list that refuses
 * to serve us. Such a list is ignored until it passes again. A test without an
 * answer is not a failure; after three in a row the list is ignored, too. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "relay/smtpd/dnsbl_int.h"

#define RETRY_PART 60 /* of the interval dnsbl_test, while it fails */

static void
set_state(struct dnsbl_list *l, enum snap_dnsbl_state to, const char *why)
{
	bool told = l->shown.state == to && strcmp(l->shown.why, why) == 0;

	l->shown.state = to;
	strlcpy(l->shown.why, why, sizeof(l->shown.why));
	if (told)
		return;
	if (to == SNAP_DNSBL_OK)
		log_notice("dnsbl", "list=%s state=ok ipv6=%s", l->shown.zone,
		    l->v6 ? "yes" : "no");
	else
		log_warn("dnsbl", "list=%s state=%s ignored=yes why=%s",
		    l->shown.zone,
		    to == SNAP_DNSBL_BROKEN ? "broken" : "untested",
		    log_q(why));
}

static void
judge(struct dnsbl_list *l)
{
	const struct dnsbl_test *t = l->test;
	bool silent = dns_is_failure(t[TEST_LISTED].status) ||
	    dns_is_failure(t[TEST_NOT].status);

	l->v6 = t[TEST_LISTED6].hit && !t[TEST_NOT6].hit &&
	    t[TEST_NOT6].status == DNS_NXDOMAIN;
	if (t[TEST_NOT].hit) {
		set_state(l, SNAP_DNSBL_BROKEN,
		    "it lists 127.0.0.1, so perhaps every address");
	} else if (silent) {
		if (++l->mute >= DNSBL_MUTE)
			set_state(l, SNAP_DNSBL_BROKEN,
			    "it does not answer, three tests in a row");
		else if (l->shown.state == SNAP_DNSBL_UNTESTED)
			set_state(l, SNAP_DNSBL_UNTESTED, "it does not answer");
		return;
	} else if (!t[TEST_LISTED].hit) {
		set_state(l, SNAP_DNSBL_BROKEN,
		    t[TEST_LISTED].status == DNS_OK ?
			"its answer for 127.0.0.2 is not an entry: it does not "
			"serve this resolver, or is not a list" :
			"it does not list 127.0.0.2");
	} else {
		set_state(l, SNAP_DNSBL_OK, "");
	}
	l->mute = 0;
}

static void
arm(struct dnsbl *d)
{
	int64_t now = loop_now(d->loop), first = INT64_MAX;
	unsigned i;

	for (i = 0; i < d->nlists; i++)
		if (d->list[i].pending == 0 && d->list[i].next < first)
			first = d->list[i].next;
	if (first < INT64_MAX)
		loop_timer_set(d->timer,
		    first > now ? (first - now) / CLOCK_MS + 1 : 0);
}

static void
on_answer(const struct dns_answer *a, void *arg)
{
	struct dnsbl_test *t = arg;
	struct dnsbl_list *l = t->list;
	int64_t ms = l->dnsbl->conf->smtpd.dnsbl_test_ms;
	unsigned i;

	t->id = 0;
	t->status = a->status;
	t->hit = false;
	for (i = 0; a->status == DNS_OK && i < a->n; i++)
		t->hit |= dnsbl_is_code(&a->addr[i]);
	if (--l->pending > 0)
		return;
	judge(l);
	if (l->shown.state != SNAP_DNSBL_OK || l->mute > 0)
		ms /= RETRY_PART;
	l->next = loop_now(l->dnsbl->loop) + ms * CLOCK_MS;
	arm(l->dnsbl);
}

static void
test_list(struct dnsbl *d, struct dnsbl_list *l)
{
	static const char *const of[TEST_MAX] = {
		[TEST_LISTED] = "127.0.0.2",
		[TEST_NOT] = "127.0.0.1",
		[TEST_LISTED6] = "::ffff:7f00:2",
		[TEST_NOT6] = "::ffff:7f00:1",
	};
	char name[TEXT_DOMAIN_MAX];
	struct net_addr addr;
	unsigned i;

	for (i = 0; i < TEST_MAX; i++) {
		if (addr_parse(&addr, of[i], 0, ':') < 0)
			continue;
		dnsbl_name(&addr, l->shown.zone, name);
		l->test[i].list = l;
		l->test[i].id = dns_a(d->dns, name, on_answer, &l->test[i]);
		l->pending++;
	}
}

void
dnsbl_test_cancel(struct dnsbl_list *l)
{
	unsigned i;

	for (i = 0; i < TEST_MAX; i++)
		if (l->test[i].id != 0)
			dns_cancel(l->dnsbl->dns, l->test[i].id);
	memset(l->test, 0, sizeof(l->test));
	l->pending = 0;
}

void
dnsbl_test_due(void *arg)
{
	struct dnsbl *d = arg;
	unsigned i;

	if (d->dns == NULL)
		return;
	for (i = 0; i < d->nlists; i++)
		if (d->list[i].pending == 0 &&
		    d->list[i].next <= loop_now(d->loop))
			test_list(d, &d->list[i]);
	arm(d);
}

void
dnsbl_test_all(struct dnsbl *d)
{
	unsigned i;

	for (i = 0; i < d->nlists; i++)
		d->list[i].next = 0;
	if (d->nlists > 0)
		loop_timer_set(d->timer, 0);
}
