/* SPDX-License-Identifier: ISC
 * source_spec: how a list is named that is kept elsewhere: by an address,
 * "https://HOST/PATH", or as what a program prints, "exec:/PROGRAM ARGUMENT ...".
 * Pure. */
#ifndef MX_BASE_SOURCE_SPEC_H
#define MX_BASE_SOURCE_SPEC_H

#include "base/err.h"
#include "base/text.h"

#define SPEC_HTTPS "https://"
#define SPEC_EXEC  "exec:"

/* Is it one of the two, and no path? */
bool spec_is_source(const char *);
bool spec_is_exec(const char *);
/* -MX_ESYNTAX and what is wrong with it. An address has a host, and neither a
 * password nor a fragment; a program has a path from the root. */
int spec_check(const char *, struct mx_errbuf *) MX_NODISCARD;
/* The program and its arguments, which blanks separate: no shell, no quotes. The
 * caller frees it. */
struct strlist spec_argv(const char *);
/* As it, or a path, may be shown: without a query, which may hold a secret. The caller frees
 * it. */
char *spec_name(const char *);

#endif
