/* SPDX-License-Identifier: ISC
 * fuzz_config: any bytes as a configuration. The promise: a configuration or
 * at least one error, never both and never neither; every error with a line
 * that the text has; and what was accepted can be looked up. Texts that include other files
 * are passed over, so that a run reads nothing of the machine it is on. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_errors errs;
	struct config *c;
	size_t i, lines = 1, fatal = 0;

	if (size == 0 || memmem(data, size, "include", 7) != NULL)
		return 0;
	for (i = 0; i < size; i++)
		lines += data[i] == '\n';
	c = config_parse("fuzz.conf", (const char *)data, size, &errs);
	for (i = 0; i < errs.n; i++) {
		fatal += !errs.e[i].warning;
		if (errs.e[i].line > lines || errs.e[i].text[0] == '\0')
			abort();
	}
	if ((c == NULL) != (errs.nfatal > 0) || (c == NULL) != (fatal > 0))
		abort();
	if (c != NULL && c->domains_from == NULL &&
	    (c->ndomains == 0 || config_domain(c, c->domain[0].name) == NULL))
		abort();
	conf_errors_fini(&errs);
	config_unref(&c);
	return 0;
}
