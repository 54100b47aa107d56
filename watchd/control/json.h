/* SPDX-License-Identifier: ISC
 * json: the few things that both ends of the control socket do with cJSON.
 * Memory is assumed, as in mem.h: what is built is bounded by a page of the
 * queue or by the number of domains. Pure. */
#ifndef MX_CONTROL_JSON_H
#define MX_CONTROL_JSON_H

#include <cjson/cJSON.h>

#include "base/defs.h"

cJSON *json_object(void);
cJSON *json_sub(cJSON *, const char *key, cJSON *); /* returns the latter */
cJSON *json_array(cJSON *, const char *key);
void json_push(cJSON *array, cJSON *);
void json_num(cJSON *, const char *key, double);
void json_bool(cJSON *, const char *key, bool);
void json_null(cJSON *, const char *key);
/* Peer text too: control characters and what is not UTF-8 become '?'. */
void json_text(cJSON *, const char *key, const char *);
void json_say(cJSON *array, const char *fmt, ...) MX_PRINTF(2, 3);
/* Unix seconds, null for 0. */
void json_time_ms(cJSON *, const char *key, int64_t wall_ms);

/* Reading; the other end may be of another version: what is missing or of
 * another type reads as "", 0, false, NULL. */
const char *json_get_text(const cJSON *, const char *key);
double json_get_num(const cJSON *, const char *key);
int64_t json_get_int(const cJSON *, const char *key); /* within 0 .. 10^14 */
bool json_get_bool(const cJSON *, const char *key);
cJSON *json_get(const cJSON *, const char *key);

/* The text with control characters (C0, DEL, C1) and stray bytes turned into
 * '?', so that it may go to a terminal; the caller frees it. */
char *json_clean(const char *);

#endif
