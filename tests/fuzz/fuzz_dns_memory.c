/* SPDX-License-Identifier: ISC
 * fuzz_dns_memory: the saved answers, read back: a damaged file is refused
 * and leaves nothing behind. */
#include "net/dns_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define NOW 1700000000

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dns_memory *m = dns_memory_create(8);
	int rc = dns_memory_parse(m, (const char *)data, len, NOW);

	MX_ASSERT(rc == 0 || rc == -MX_ECORRUPT);
	MX_ASSERT(dns_memory_len(m) <= 8);
	MX_ASSERT(rc == 0 || dns_memory_len(m) == 0);
	dns_memory_destroy(&m);
	return 0;
}
