/* SPDX-License-Identifier: ISC
 * fuzz_text: names from every peer, times and sizes from operators. Whatever
 * is accepted as a domain must be canonical: reading it again changes
 * nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/defs.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dst[TEXT_DOMAIN_MAX], again[TEXT_DOMAIN_MAX], *s;
	uint64_t bytes, id;
	int64_t ms;
	bool part;

	if (text_domain((const char *)data, size, dst) == 0) {
		MX_ASSERT(strlen(dst) < TEXT_DOMAIN_MAX);
		MX_ASSERT(text_domain(dst, strlen(dst), again) == 0);
		MX_ASSERT(strcmp(dst, again) == 0);
	}
	if ((s = malloc(size + 1)) == NULL)
		return 0;
	memcpy(s, data, size);
	s[size] = '\0';
	if (text_duration(s, &ms) == 0)
		MX_ASSERT(ms >= 0);
	(void)!text_size(s, &bytes);
	(void)!text_id_parse(s, &id, &part);
	free(s);
	return 0;
}
