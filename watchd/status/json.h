/* SPDX-License-Identifier: ISC
 * json: helpers around cJSON: for the status document, both ends of the control
 * socket, stored and sent alerts. Memory is assumed, as in mem.h: the size is
 * limited by a page of the queue or by the number of domains. There is one rule
 * for text of any origin: json_clean(). Pure. */
#ifndef MX_STATUS_JSON_H
#define MX_STATUS_JSON_H

#include <cjson/cJSON.h>

#include "base/defs.h"

cJSON *json_object(void);
cJSON *json_sub(cJSON *, const char *key, cJSON *); /* returns the new object */
cJSON *json_member(cJSON *, const char *key); /* an object in it */
cJSON *json_array(cJSON *, const char *key);
void json_push(cJSON *array, cJSON *);
cJSON *json_push_object(cJSON *array);
void json_num(cJSON *, const char *key, double);
void json_bool(cJSON *, const char *key, bool);
void json_null(cJSON *, const char *key);
/* Text, also of peers: through json_clean(). NULL is "". */
void json_text(cJSON *, const char *key, const char *);
/* The same, null for NULL and "". */
void json_text_or_null(cJSON *, const char *key, const char *);
void json_say(cJSON *array, const char *fmt, ...) MX_PRINTF(2, 3);
/* Unix seconds, null for 0. */
void json_time(cJSON *, const char *key, int64_t wall);
void json_time_ms(cJSON *, const char *key, int64_t wall_ms);
/* The document on one line, without a line feed; deletes it. Unsafe characters
 * (text_unsafe()) are escaped, so that displaying the text is harmless. The
 * caller frees the text. */
char *json_print(cJSON *);
char *json_print_kept(const cJSON *); /* the same without deleting it */

/* Reading; the other end may have another version: a value that is missing or
 * of another type reads as "", 0, false, NULL. */
const char *json_get_text(const cJSON *, const char *key);
double json_get_num(const cJSON *, const char *key);
int64_t json_get_int(const cJSON *, const char *key); /* within 0 .. 10^14 */
bool json_get_bool(const cJSON *, const char *key);
cJSON *json_get(const cJSON *, const char *key);

/* The text in a form that is safe for a terminal, a page or a file: UTF-8 in
 * its shortest form (RFC 3629) is kept; line feeds and tabs become blanks;
 * other control characters (C0, DEL, C1) and invalid bytes, also those of a
 * truncated character, become '?'. Never longer. The caller frees it. */
char *json_clean(const char *);
/* True if json_clean() would not change it. */
bool json_is_clean(const char *);

#endif
