/* SPDX-License-Identifier: ISC
 * fake_dns: see fake_dns.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fake_dns.h"

static struct fake_name {
	char name[TEXT_DOMAIN_MAX];
	const char *mx, *addr;
} names[64];
static unsigned nnames;

static struct fake_query {
	uint64_t id;
	bool mx;
	char name[TEXT_DOMAIN_MAX];
	dns_cb *cb;
	void *arg;
} queries[256];
static unsigned first, end, asked;
static uint64_t last_id;

void
fake_dns_reset(void)
{
	nnames = first = end = asked = 0;
}

static struct fake_name *
find(const char *name)
{
	for (unsigned i = 0; i < nnames; i++)
		if (strcmp(names[i].name, name) == 0)
			return &names[i];
	return NULL;
}

void
fake_dns_set(const char *name, const char *mx, const char *addr)
{
	struct fake_name *n = find(name);

	if (n == NULL) {
		assert_true(nnames < MX_COUNT(names));
		n = &names[nnames++];
		strlcpy(n->name, name, sizeof(n->name));
	}
	n->mx = mx;
	n->addr = addr;
}

static uint64_t
ask(bool mx, const char *name, dns_cb *cb, void *arg)
{
	struct fake_query *q = &queries[end++ % MX_COUNT(queries)];

	assert_true(end - first <= MX_COUNT(queries));
	*q = (struct fake_query){ .id = ++last_id,
		.mx = mx,
		.cb = cb,
		.arg = arg };
	strlcpy(q->name, name, sizeof(q->name));
	asked += mx;
	return q->id;
}

uint64_t
dns_mx(struct dns *d MX_UNUSED, const char *domain, dns_cb *cb, void *arg)
{
	return ask(true, domain, cb, arg);
}

uint64_t
dns_addr(struct dns *d MX_UNUSED, const char *host, dns_cb *cb, void *arg)
{
	return ask(false, host, cb, arg);
}

uint64_t
dns_tlsa(struct dns *d MX_UNUSED, const char *host MX_UNUSED,
    uint16_t port MX_UNUSED, dns_cb *cb MX_UNUSED, void *arg MX_UNUSED)
{
	fail_msg("nobody asks for TLSA records here");
	return 0;
}

void
dns_cancel(struct dns *d MX_UNUSED, uint64_t id)
{
	for (unsigned i = first; i != end; i++)
		if (queries[i % MX_COUNT(queries)].id == id)
			queries[i % MX_COUNT(queries)].cb = NULL;
}

static void
fill(struct dns_answer *a, bool mx, const char *text)
{
	char word[TEXT_DOMAIN_MAX];
	unsigned pref;
	int used;

	a->status = DNS_OK;
	while (mx && sscanf(text, "%u %253s%n", &pref, word, &used) == 2) {
		a->mx[a->n].pref = (uint16_t)pref;
		strlcpy(a->mx[a->n++].host, strcmp(word, ".") == 0 ? "" : word,
		    TEXT_DOMAIN_MAX);
		text += used;
	}
	while (!mx && sscanf(text, "%253s%n", word, &used) == 1) {
		assert_int_equal(addr_parse(&a->addr[a->n++], word, 0, ':'), 0);
		text += used;
	}
}

static void
reply(const struct fake_query *q)
{
	const struct fake_name *n = find(q->name);
	const char *text = n == NULL ? NULL : q->mx ? n->mx : n->addr;
	struct dns_answer a = { .status = DNS_NXDOMAIN };

	if (text != NULL && strncmp(text, "stale ", 6) == 0) {
		a.stale = true;
		text += 6;
	}
	if (text == NULL || strcmp(text, "nx") == 0)
		a.status = DNS_NXDOMAIN;
	else if (strcmp(text, "nodata") == 0)
		a.status = DNS_NODATA;
	else if (strcmp(text, "fail") == 0)
		a.status = DNS_FAIL;
	else
		fill(&a, q->mx, text);
	q->cb(&a, q->arg);
}

void
fake_dns_answer(void)
{
	struct fake_query q;

	while (first != end) {
		q = queries[first++ % MX_COUNT(queries)];
		if (q.cb != NULL)
			reply(&q);
	}
}

unsigned
fake_dns_waiting(void)
{
	unsigned n = 0;

	for (unsigned i = first; i != end; i++)
		n += queries[i % MX_COUNT(queries)].cb != NULL;
	return n;
}

unsigned
fake_dns_asked(void)
{
	return asked;
}
