/* SPDX-License-Identifier: ISC
 * json: helpers over cJSON, and the only sanitiser of peer text. Pure. */
#include "status/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

cJSON *
json_object(void)
{
	cJSON *o = cJSON_CreateObject();

	MX_ASSERT(o != NULL);
	return o;
}

cJSON *
json_sub(cJSON *o, const char *key, cJSON *sub)
{
	MX_ASSERT(sub != NULL && cJSON_AddItemToObject(o, key, sub));
	return sub;
}

cJSON *
json_member(cJSON *o, const char *key)
{
	return json_sub(o, key, json_object());
}

cJSON *
json_array(cJSON *o, const char *key)
{
	return json_sub(o, key, cJSON_CreateArray());
}

void
json_push(cJSON *array, cJSON *item)
{
	MX_ASSERT(item != NULL && cJSON_AddItemToArray(array, item));
}

cJSON *
json_push_object(cJSON *array)
{
	cJSON *o = json_object();

	json_push(array, o);
	return o;
}

void
json_num(cJSON *o, const char *key, double v)
{
	MX_ASSERT(cJSON_AddNumberToObject(o, key, v) != NULL);
}

void
json_bool(cJSON *o, const char *key, bool v)
{
	MX_ASSERT(cJSON_AddBoolToObject(o, key, v) != NULL);
}

void
json_null(cJSON *o, const char *key)
{
	MX_ASSERT(cJSON_AddNullToObject(o, key) != NULL);
}

void
json_text(cJSON *o, const char *key, const char *text)
{
	char *clean = json_clean(text != NULL ? text : "");

	MX_ASSERT(cJSON_AddStringToObject(o, key, clean) != NULL);
	mem_free(&clean);
}

void
json_text_or_null(cJSON *o, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_text(o, key, text);
	else
		json_null(o, key);
}

void
json_say(cJSON *array, const char *fmt, ...)
{
	char text[1024], *clean;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clean = json_clean(text);
	json_push(array, cJSON_CreateString(clean));
	mem_free(&clean);
}

void
json_time(cJSON *o, const char *key, int64_t wall)
{
	if (wall > 0)
		json_num(o, key, (double)wall);
	else
		json_null(o, key);
}

void
json_time_ms(cJSON *o, const char *key, int64_t wall_ms)
{
	json_time(o, key, wall_ms / 1000);
}

/* cJSON leaves these characters unchanged; they can occur in strings only. Each
 * takes up to six characters in place of at least two bytes. */
static char *
escape_unsafe(char *text)
{
	size_t n, len = 0, found = 0;
	unsigned cp;
	char *out;

	for (const char *p = text; *p != '\0'; p++, len++)
		found += text_unsafe(p, &cp) > 0;
	if (found == 0)
		return text;
	out = mem_array(len + 4 * found + 1, 1);
	len = 0;
	for (const char *p = text; *p != '\0'; p += n) {
		if ((n = text_unsafe(p, &cp)) > 0) {
			snprintf(out + len, 7, "\\u%04x", cp);
			len += 6;
		} else {
			out[len++] = *p;
			n = 1;
		}
	}
	out[len] = '\0';
	mem_free(&text);
	return out;
}

char *
json_print_kept(const cJSON *o)
{
	char *text = cJSON_PrintUnformatted(o);

	MX_ASSERT(text != NULL);
	return escape_unsafe(text);
}

char *
json_print(cJSON *o)
{
	char *text = json_print_kept(o);

	cJSON_Delete(o);
	return text;
}

cJSON *
json_get(const cJSON *o, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o, key);
}

const char *
json_get_text(const cJSON *o, const char *key)
{
	const char *s = cJSON_GetStringValue(json_get(o, key));

	return s != NULL ? s : "";
}

double
json_get_num(const cJSON *o, const char *key)
{
	const cJSON *v = json_get(o, key);

	return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

int64_t
json_get_int(const cJSON *o, const char *key)
{
	double v = json_get_num(o, key);

	return v >= 0 && v <= 1e14 ? (int64_t)v : v > 0 ? 100000000000000 : 0;
}

bool
json_get_bool(const cJSON *o, const char *key)
{
	return cJSON_IsTrue(json_get(o, key));
}

/* The length of the UTF-8 sequence at s if it is safe to show, else 0: shortest
 * form, no surrogates, no C0, DEL or C1 (RFC 3629). */
static size_t
clean_sequence(const unsigned char *s)
{
	unsigned long cp;
	size_t n, i;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	cp = s[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3fu);
	}
	if (cp < 0xa0 || (n == 3 && cp < 0x800) || (n == 4 && cp < 0x10000) ||
	    (cp >= 0xd800 && cp < 0xe000) || cp > 0x10ffff)
		return 0;
	return n;
}

char *
json_clean(const char *text)
{
	char *out = mem_strdup(text);
	size_t i = 0, n;

	while (out[i] != '\0') {
		n = clean_sequence((const unsigned char *)&out[i]);
		if (n == 0) {
			/* keeps a multi-line reply readable */
			out[i] = out[i] == '\n' || out[i] == '\t' ? ' ' : '?';
			n = 1;
		}
		i += n;
	}
	return out;
}

bool
json_is_clean(const char *text)
{
	size_t i, n = 1;

	for (i = 0; text[i] != '\0' && n > 0; i += n)
		n = clean_sequence((const unsigned char *)&text[i]);
	return n > 0;
}
