/* SPDX-License-Identifier: ISC
 * findings: see findings.h. */
#include "daemon/findings.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

#define TEXT_MAX 1024

void
finding(struct conf_errors *errs, bool warning, const char *file, unsigned line,
    const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	errs->e = mem_grow(errs->e, errs->n + 1, sizeof(errs->e[0]));
	errs->e[errs->n++] = (struct conf_error){ .file = mem_strdup(file),
		.line = line,
		.warning = warning,
		.text = mem_strdup(text) };
	if (!warning)
		errs->nfatal++;
}

void
findings_move(struct conf_errors *errs, struct conf_errors *more)
{
	for (size_t i = 0; i < more->n; i++) {
		errs->e = mem_grow(errs->e, errs->n + 1, sizeof(errs->e[0]));
		errs->e[errs->n++] = more->e[i];
	}
	errs->nfatal += more->nfatal;
	mem_free(&more->e);
	*more = (struct conf_errors){ 0 };
}

void
findings_print(const struct conf_errors *errs)
{
	for (size_t i = 0; i < errs->n; i++) {
		const struct conf_error *e = &errs->e[i];

		fprintf(stderr, "%s:", e->file);
		if (e->line != 0)
			fprintf(stderr, "%u:", e->line);
		fprintf(stderr, " %s: %s\n", e->warning ? "warning" : "error",
		    e->text);
	}
}
