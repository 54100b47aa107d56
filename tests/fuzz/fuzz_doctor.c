/* SPDX-License-Identifier: ISC
 * fuzz_doctor: what strangers publish: an MTA-STS policy, or (the first byte is
 * even) an SPF record, whose questions are answered by the bits of the second. */
#include <string.h>

#include "base/mem.h"
#include "doctor/spf.h"
#include "doctor/sts.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
policy(const char *text, size_t len)
{
	static struct sts_policy p;

	if (sts_parse(text, len, &p) != NULL)
		return;
	MX_ASSERT(p.nmx <= STS_MX_MAX);
	MX_ASSERT(p.nmx > 0 || p.mode == STS_NONE);
	for (unsigned i = 0; i < p.nmx; i++) {
		MX_ASSERT(strnlen(p.mx[i], TEXT_DOMAIN_MAX) < TEXT_DOMAIN_MAX);
		MX_ASSERT(p.mx[i][0] == '*' || sts_covers(&p, p.mx[i]));
	}
}

static void
record(const char *text, uint8_t answers)
{
	static struct dns_answer a;
	struct net_addr who;
	struct spf q;
	enum spf_result what;
	unsigned asked = 0;

	MX_ASSERT(addr_parse(&who, "192.0.2.25", 0, ':') == 0);
	spf_begin(&q, text, "mx2.test", &who);
	while ((what = spf_next(&q)) >= SPF_ASK_ADDRS) {
		/* ten terms, each with at most ten hosts behind it */
		MX_ASSERT(asked < 10 + 10 * SPF_MX_MAX);
		memset(&a, 0, sizeof(a));
		a.status =
		    (answers >> asked % 8 & 1) != 0 ? DNS_OK : DNS_NODATA;
		a.n = a.status == DNS_OK;
		if (what == SPF_ASK_TXT) /* of a record that is itself */
			(void)strlcpy(a.txt_data, text, sizeof(a.txt_data));
		asked++;
		spf_answer(&q, &a);
	}
	spf_end(&q);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text;

	if (len < 2 || len > STS_POLICY_MAX)
		return 0;
	if (data[0] % 2 != 0) {
		policy((const char *)data + 1, len - 1);
		return 0;
	}
	text = mem_strndup((const char *)data + 2, len - 2);
	if (spf_is_record(text))
		record(text, data[1]);
	mem_free(&text);
	return 0;
}
