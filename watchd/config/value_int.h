/* SPDX-License-Identifier: ISC
 * value_int: shared by value.c, value_number.c and value_text.c. All return 0,
 * or -MX_ESYNTAX after reporting the error. Pure. */
#ifndef MX_CONFIG_VALUE_INT_H
#define MX_CONFIG_VALUE_INT_H

#include "config_int.h"

/* Reports `"VALUE" WHY`; -MX_ESYNTAX. */
int value_fail(const struct value_reason *, const char *value, const char *why,
    ...) MX_PRINTF(3, 4);
/* The same as a warning. */
void value_doubt(const struct value_reason *, const char *value,
    const char *why, ...) MX_PRINTF(3, 4);

/* value_number.c. A NULL field is not set. */
int value_set_number(const struct option *, void *field, const char *s,
    const struct value_reason *);
int value_time(const struct option *, const char *s, int64_t *ms,
    const struct value_reason *);
int value_set_threshold(struct conf_threshold *, const char *s,
    const struct value_reason *);

/* value_text.c. *out is canonical; the caller frees it. */
int value_text(const struct option *, const char *s, char **out,
    const struct value_reason *);

#endif
