/* SPDX-License-Identifier: ISC
 * fuzz_dns_answer: an answer from the network. The first byte chooses the
 * type asked for; the id is taken over from the input, so that the fuzzer
 * gets past it. What comes out keeps the limits that callers rely on. */
#include <stdlib.h>
#include <string.h>

#include "net/dns_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_mx(const struct dns_answer *a)
{
	unsigned i;

	MX_ASSERT(a->n <= DNS_MX_MAX);
	for (i = 0; i < a->n; i++) {
		MX_ASSERT(
		    strnlen(a->mx[i].host, TEXT_DOMAIN_MAX) < TEXT_DOMAIN_MAX);
		MX_ASSERT(a->mx[i].host[0] != '\0' || a->n == 1);
		MX_ASSERT(i == 0 || a->mx[i - 1].pref <= a->mx[i].pref);
	}
}

static void
check_tlsa(const struct dns_answer *a)
{
	unsigned i;

	MX_ASSERT(a->n <= DNS_TLSA_MAX && a->tlsa_used <= DNS_TLSA_DATA);
	for (i = 0; i < a->n; i++)
		MX_ASSERT(a->tlsa[i].at + a->tlsa[i].len <= a->tlsa_used);
}

static void
check_txt(const struct dns_answer *a)
{
	unsigned i;

	MX_ASSERT(a->n <= DNS_TXT_MAX && a->txt_used <= DNS_TXT_DATA);
	for (i = 0; i < a->n; i++)
		MX_ASSERT(
		    a->txt_at[i] + strlen(dns_txt_at(a, i)) < a->txt_used);
}

static void
check_names(const struct dns_answer *a)
{
	unsigned i;

	MX_ASSERT(a->n <= DNS_NAME_MAX);
	for (i = 0; i < a->n; i++)
		MX_ASSERT(a->name[i][0] != '\0' &&
		    strnlen(a->name[i], TEXT_DOMAIN_MAX) < TEXT_DOMAIN_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct dns_result r;
	enum dns_type type;
	uint16_t id = 0;
	unsigned i;

	if (len == 0 || len > DNS_WIRE_MAX)
		return 0;
	type = data[0] % DNS_TYPES;
	data++;
	len--;
	if (len >= 2)
		id = (uint16_t)(data[0] << 8 | data[1]);
	if (dns_wire_answer(type, "a.test", id, data, len, &r) !=
	    DNS_WIRE_DONE) {
		MX_ASSERT(r.answer.status == DNS_FAIL && r.answer.n == 0);
		return 0;
	}
	MX_ASSERT(!r.answer.stale);
	MX_ASSERT(r.answer.n == 0 || r.answer.status == DNS_OK);
	MX_ASSERT((r.cause == DNS_CAUSE_NONE) ==
	    (r.answer.status != DNS_FAIL && r.answer.status != DNS_BOGUS));
	if (type == DNS_TYPE_MX) {
		check_mx(&r.answer);
		return 0;
	}
	if (type == DNS_TYPE_TLSA) {
		check_tlsa(&r.answer);
		return 0;
	}
	if (type == DNS_TYPE_TXT) {
		check_txt(&r.answer);
		return 0;
	}
	if (type == DNS_TYPE_PTR) {
		check_names(&r.answer);
		return 0;
	}
	MX_ASSERT(r.answer.n <= DNS_ADDR_MAX);
	MX_ASSERT(strnlen(r.answer.canon, TEXT_DOMAIN_MAX) < TEXT_DOMAIN_MAX);
	for (i = 0; i < r.answer.n; i++)
		MX_ASSERT(r.answer.addr[i].u.sa.sa_family ==
		    (type == DNS_TYPE_A ? AF_INET : AF_INET6));
	return 0;
}
