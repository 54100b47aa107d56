/* SPDX-License-Identifier: ISC
 * fuzz_elsewhere: any bytes as the domains of a source. The promise: they make a
 * configuration, or there is at least one error, with a line that the text has; what
 * was accepted names no file and has the pin; no message has a byte in it that a
 * terminal obeys; and the file's own domain is as it was. */
#include <stdlib.h>
#include <string.h>

#include "config/elsewhere.h"

#define LOCAL                                                                  \
	"hostname = \"mx2.test\" domains_from = \"/from\" "                    \
	"domains_from_networks = \"192.0.2.0/24\"\n"                           \
	"domain \"own.test\" { primary = \"p.test\" }\n"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(const struct config *c)
{
	const struct conf_domain *d;
	size_t local = 0;

	for (size_t i = 0; i < c->ndomains; i++) {
		d = &c->domain[i];
		local += !d->elsewhere;
		if (config_domain(c, d->name) != d ||
		    (d->pin != NULL) != d->elsewhere || d->recipients != NULL ||
		    d->deliver.source != NULL)
			abort();
	}
	if (local != 1 || config_domain(c, "own.test")->elsewhere)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_errors errs;
	struct config *local, *c;
	struct domain_texts *t = domain_texts_create("/from");
	size_t lines = 1, fatal = 0;

	local = config_parse("local", LOCAL, strlen(LOCAL), &errs);
	conf_errors_fini(&errs);
	if (local == NULL ||
	    domain_texts_add(t, "x", (const char *)data, size) != 0)
		abort();
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	c = elsewhere_join(local, t, false, &errs);
	for (size_t i = 0; i < errs.n; i++) {
		fatal += !errs.e[i].warning;
		if (errs.e[i].line > lines || errs.e[i].text[0] == '\0')
			abort();
		for (const char *p = errs.e[i].text; *p != '\0'; p++)
			if (*p < ' ' || *p > '~')
				abort();
	}
	if ((c == NULL) != (errs.nfatal > 0) || (c == NULL) != (fatal > 0))
		abort();
	if (c != NULL)
		check(c);
	conf_errors_fini(&errs);
	config_unref(&c);
	config_unref(&local);
	domain_texts_unref(&t);
	return 0;
}
