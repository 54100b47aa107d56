/* SPDX-License-Identifier: ISC
 * sts: see sts.h. Of a repeated key the first counts, except for mx; unknown
 * keys are ignored (RFC 8461 3.2). */
#include "doctor/sts.h"

#include <string.h>

#define MAX_AGE_MAX 31557600 /* seconds */

enum key { KEY_VERSION, KEY_MODE, KEY_MAX_AGE, KEY_MX, KEYS };

struct sts_line {
	const char *key, *value; /* not terminated */
	size_t key_len, value_len;
};

bool
sts_is_record(const char *txt)
{
	static const char version[] = "v=STSv1";
	size_t n = sizeof(version) - 1;

	if (strncmp(txt, version, n) != 0)
		return false;
	txt += n;
	txt += strspn(txt, " \t");
	return *txt == ';';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void
trim(const char **s, size_t *len)
{
	while (*len > 0 && is_blank(**s)) {
		(*s)++;
		(*len)--;
	}
	while (*len > 0 && is_blank((*s)[*len - 1]))
		(*len)--;
}

static bool
is(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(s, word, len) == 0;
}

/* A host, or "*." and a host. */
static bool
add_mx(struct sts_policy *p, const char *s, size_t len)
{
	char *dst;
	size_t star = len > 2 && s[0] == '*' && s[1] == '.' ? 2 : 0;

	if (p->nmx == STS_MX_MAX)
		return false;
	dst = p->mx[p->nmx];
	if (text_domain(s + star, len - star, dst + star) != 0 ||
	    strlen(dst + star) + star >= TEXT_DOMAIN_MAX)
		return false;
	memcpy(dst, "*.", star);
	p->nmx++;
	return true;
}

static bool
set_max_age(struct sts_policy *p, const char *s, size_t len)
{
	int64_t v;
	char digits[12];

	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, s, len);
	digits[len] = '\0';
	if (text_int(digits, 0, MAX_AGE_MAX, &v) != 0)
		return false;
	p->max_age = (uint32_t)v;
	return true;
}

static bool
set_mode(struct sts_policy *p, const char *s, size_t len)
{
	static const char *const mode[] = { "none", "testing", "enforce" };

	for (unsigned i = 0; i < MX_COUNT(mode); i++)
		if (is(s, len, mode[i])) {
			p->mode = (enum sts_mode)i;
			return true;
		}
	return false;
}

static bool
next_line(const char **text, size_t *len, struct sts_line *l)
{
	const char *end, *colon;
	size_t n;

	if (*len == 0)
		return false;
	end = memchr(*text, '\n', *len);
	n = end != NULL ? (size_t)(end - *text) : *len;
	l->key = *text;
	l->key_len = n;
	l->value = NULL;
	l->value_len = 0;
	colon = memchr(*text, ':', n);
	if (colon != NULL) {
		l->key_len = (size_t)(colon - *text);
		l->value = colon + 1;
		l->value_len = n - l->key_len - 1;
		trim(&l->value, &l->value_len);
	}
	trim(&l->key, &l->key_len);
	*text += n + (end != NULL);
	*len -= n + (end != NULL);
	return true;
}

static enum key
key_of(const struct sts_line *l)
{
	static const char *const name[KEYS] = { "version", "mode", "max_age",
		"mx" };
	unsigned i;

	for (i = 0; i < KEYS && !is(l->key, l->key_len, name[i]); i++)
		;
	return (enum key)i;
}

/* NULL, or the error. */
static const char *
take_line(struct sts_policy *p, enum key key, const struct sts_line *l)
{
	const char *s = l->value;
	size_t n = l->value_len;

	switch (key) {
	case KEY_VERSION:
		return is(s, n, "STSv1") ? NULL : "its version is not STSv1";
	case KEY_MODE:
		return set_mode(p, s, n) ?
		    NULL :
		    "its mode is not enforce, testing or none";
	case KEY_MAX_AGE:
		return set_max_age(p, s, n) ? NULL :
					      "its max_age is not a number of "
					      "seconds up to 31557600";
	case KEY_MX:
		return add_mx(p, s, n) ? NULL :
					 "one of its mx is not a host name, or "
					 "there are more than 64";
	case KEYS:
		break;
	}
	return NULL;
}

const char *
sts_parse(const char *text, size_t len, struct sts_policy *p)
{
	bool seen[KEYS] = { false };
	const char *why;
	struct sts_line l;
	enum key key;

	memset(p, 0, sizeof(*p));
	while (next_line(&text, &len, &l)) {
		if (l.key_len == 0 && l.value == NULL)
			continue;
		if (l.value == NULL)
			return "a line has no colon";
		key = key_of(&l);
		if (key == KEYS || (seen[key] && key != KEY_MX))
			continue;
		seen[key] = true;
		if ((why = take_line(p, key, &l)) != NULL)
			return why;
	}
	if (!seen[KEY_VERSION] || !seen[KEY_MODE] || !seen[KEY_MAX_AGE])
		return "it lacks one of version, mode and max_age";
	if (p->mode != STS_NONE && p->nmx == 0)
		return "it has no mx";
	return NULL;
}

bool
sts_covers(const struct sts_policy *p, const char *host)
{
	const char *rest = strchr(host, '.');

	for (unsigned i = 0; i < p->nmx; i++) {
		if (p->mx[i][0] == '*' ?
			rest != NULL && strcmp(p->mx[i] + 1, rest) == 0 :
			strcmp(p->mx[i], host) == 0)
			return true;
	}
	return false;
}
