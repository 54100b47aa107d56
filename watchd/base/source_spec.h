/* SPDX-License-Identifier: ISC
 * source_spec: the notation of a list that is kept elsewhere: an address,
 * "https://HOST/PATH", or the output of a program, "exec:/PROGRAM ARGUMENT
 * ...". Pure. */
#ifndef MX_BASE_SOURCE_SPEC_H
#define MX_BASE_SOURCE_SPEC_H

#include "base/err.h"
#include "base/text.h"

#define SPEC_HTTPS "https://"
#define SPEC_EXEC  "exec:"

/* Is it one of these, and not a path? */
bool spec_is_source(const char *);
bool spec_is_exec(const char *);
/* -MX_ESYNTAX with the reason. An address needs a host, and has neither a
 * password nor a fragment; a program needs an absolute path. */
int spec_check(const char *, struct mx_errbuf *) MX_NODISCARD;
/* The program and its arguments, separated by blanks: no shell, no quotes. The
 * caller frees it. */
struct strlist spec_argv(const char *);
/* The form to display, also of a path: without a query, which may contain a
 * secret. The caller frees it. */
char *spec_name(const char *);

#endif
