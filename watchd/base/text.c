/* SPDX-License-Identifier: ISC
 * text: numbers, times, sizes, ids and names as operators write them. Pure and
 * independent of the locale; any thread. Input comes from configuration files,
 * control clients and, for domains, from every peer: all of it is checked for
 * overflow and length. */
#include <idn2.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

#define TEXT_LABEL_MAX 63

/* Descending; text_duration() accepts each once at most, in this order. */
static const struct {
	const char *name;
	int64_t ms;
} text_units[] = {
	{ "y", INT64_C(365) * 86400000 },
	{ "w", 604800000 },
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
};

#define TEXT_UNIT_DAY 2 /* index of days */

/* Reads at least one digit, moves *s past them. */
static int
text_digits(const char **s, uint64_t max, uint64_t *v)
{
	const char *p = *s;
	uint64_t digit;

	*v = 0;
	if (*p < '0' || *p > '9')
		return -MX_ESYNTAX;
	for (; *p >= '0' && *p <= '9'; p++) {
		digit = (uint64_t)(*p - '0');
		if (*v > (max - digit) / 10)
			return -MX_ESYNTAX;
		*v = *v * 10 + digit;
	}
	*s = p;
	return 0;
}

/* The unit at *s among those after `after` (-1: any), or -1. */
static int
text_unit(const char **s, int after)
{
	size_t len = strspn(*s, "abcdefghijklmnopqrstuvwxyz");
	int i;

	for (i = after + 1; i < (int)MX_COUNT(text_units); i++) {
		if (strlen(text_units[i].name) == len &&
		    memcmp(text_units[i].name, *s, len) == 0) {
			*s += len;
			return i;
		}
	}
	return -1;
}

int
text_duration(const char *s, int64_t *ms)
{
	int64_t total = 0;
	uint64_t v;
	int unit = -1;

	do {
		if (text_digits(&s, INT64_MAX, &v) < 0)
			return -MX_ESYNTAX;
		if (*s == '\0' && unit == -1) {
			if (v > INT64_MAX / 1000)
				return -MX_ESYNTAX;
			total = (int64_t)v * 1000;
			break;
		}
		if ((unit = text_unit(&s, unit)) < 0 ||
		    (int64_t)v > (INT64_MAX - total) / text_units[unit].ms)
			return -MX_ESYNTAX;
		total += (int64_t)v * text_units[unit].ms;
	} while (*s != '\0');
	*ms = total;
	return 0;
}

int
text_size(const char *s, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	unsigned shift = 0;
	uint64_t v;

	if (text_digits(&s, UINT64_MAX, &v) < 0)
		return -MX_ESYNTAX;
	if (*s != '\0') {
		if ((unit = strchr(units, *s)) == NULL || s[1] != '\0')
			return -MX_ESYNTAX;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	if (v > UINT64_MAX >> shift)
		return -MX_ESYNTAX;
	*bytes = v << shift;
	return 0;
}

int
text_int(const char *s, int64_t min, int64_t max, int64_t *v)
{
	bool minus = *s == '-';
	int64_t value;
	uint64_t u;

	if (minus)
		s++;
	/* INT64_MIN itself cannot be written: not needed */
	if (text_digits(&s, INT64_MAX, &u) < 0 || *s != '\0')
		return -MX_ESYNTAX;
	value = minus ? -(int64_t)u : (int64_t)u;
	if (value < min || value > max)
		return -MX_ESYNTAX;
	*v = value;
	return 0;
}

/* Days are the largest unit, because queues are measured in days. */
char *
text_duration_fmt(int64_t ms, char *dst, size_t size)
{
	uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms, unit, next;
	const char *sign = ms < 0 ? "-" : "";
	size_t i = TEXT_UNIT_DAY;

	if (left == 0) {
		(void)snprintf(dst, size, "0s");
		return dst;
	}
	while (left < (uint64_t)text_units[i].ms)
		i++;
	unit = (uint64_t)text_units[i].ms;
	next =
	    i + 1 < MX_COUNT(text_units) ? (uint64_t)text_units[i + 1].ms : 1;
	if (left % unit / next > 0)
		(void)snprintf(dst, size, "%s%" PRIu64 "%s%" PRIu64 "%s", sign,
		    left / unit, text_units[i].name, left % unit / next,
		    text_units[i + 1].name);
	else
		(void)snprintf(dst, size, "%s%" PRIu64 "%s", sign, left / unit,
		    text_units[i].name);
	return dst;
}

/* bytes / unit, rounded to the nearest. */
static uint64_t
text_round(uint64_t bytes, uint64_t unit)
{
	return bytes / unit + (bytes % unit >= unit / 2);
}

char *
text_size_fmt(uint64_t bytes, char *dst, size_t size)
{
	static const char units[] = "KMGTPE";
	uint64_t unit = 1024, tenths;
	size_t i = 0;

	if (bytes < 1024) {
		(void)snprintf(dst, size, "%" PRIu64, bytes);
		return dst;
	}
	for (; i < sizeof(units) - 2 && text_round(bytes, unit) >= 1024; i++)
		unit *= 1024;
	tenths = bytes / unit * 10 + (bytes % unit * 10 + unit / 2) / unit;
	if (tenths < 100)
		(void)snprintf(dst, size, "%" PRIu64 ".%" PRIu64 "%c",
		    tenths / 10, tenths % 10, units[i]);
	else
		(void)snprintf(dst, size, "%" PRIu64 "%c",
		    text_round(bytes, unit), units[i]);
	return dst;
}

char *
text_size_exact(uint64_t bytes, char *dst, size_t size)
{
	static const char units[] = "TGMK";
	unsigned shift;

	for (size_t i = 0; bytes != 0 && units[i] != '\0'; i++) {
		shift = 40 - 10 * (unsigned)i;
		if (bytes % (UINT64_C(1) << shift) != 0)
			continue;
		(void)snprintf(dst, size, "%" PRIu64 "%c", bytes >> shift,
		    units[i]);
		return dst;
	}
	(void)snprintf(dst, size, "%" PRIu64, bytes);
	return dst;
}

char *
text_date_5322(int64_t wall, char *dst, size_t size)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)wall;
	struct tm tm = { 0 };

	(void)gmtime_r(&t, &tm);
	(void)snprintf(dst, size, "%.3s, %d %.3s %d %02d:%02d:%02d +0000",
	    days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return dst;
}

char *
text_date_3339(int64_t wall, char *dst, size_t size)
{
	time_t t = (time_t)wall;
	struct tm tm = { 0 };

	(void)gmtime_r(&t, &tm);
	(void)snprintf(dst, size, "%04d-%02d-%02dT%02d:%02d:%02dZ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec);
	return dst;
}

/* RFC 1123 2.1 has no underscores in host names, but real mail servers and
 * sender domains have: the DNS and other servers accept them, and refusing them
 * would turn away mail that the primary wants. */
static bool
text_is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	    c == '_';
}

/* Copies a name of letters, digits, hyphens and underscores in lower case. The
 * last label must not be a number (RFC 1123 2.1): that would be an address. */
static int
text_domain_ascii(const char *src, size_t len, char *dst)
{
	size_t i, label = 0;
	bool number = true;
	char c, last = '.';

	if (len == 0 || len >= TEXT_DOMAIN_MAX)
		return -MX_ESYNTAX;
	for (i = 0; i < len; i++) {
		c = src[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c == '.') {
			if (last == '.' || last == '-')
				return -MX_ESYNTAX;
			label = 0;
			number = true;
		} else {
			if (!text_is_name(c) || (c == '-' && last == '.') ||
			    ++label > TEXT_LABEL_MAX)
				return -MX_ESYNTAX;
			number = number && c >= '0' && c <= '9';
		}
		dst[i] = last = c;
	}
	if (last == '.' || last == '-' || number)
		return -MX_ESYNTAX;
	dst[len] = '\0';
	return 0;
}

/* ASCII input is accepted unchanged, A-labels included: those that are invalid
 * by IDNA 2008 are registered and send mail nevertheless, and none of them can
 * be mistaken for the A-label of a U-label. */
int
text_domain(const char *src, size_t len, char *dst)
{
	uint8_t utf8[TEXT_DOMAIN_MAX * 4], *ascii = NULL;
	bool plain = true;
	size_t i;
	int rc = -MX_ESYNTAX;

	if (len > 0 && src[len - 1] == '.')
		len--;
	for (i = 0; i < len && plain; i++)
		plain = (unsigned char)src[i] < 0x80;
	if (plain)
		return text_domain_ascii(src, len, dst);
	if (len >= sizeof(utf8) || memchr(src, '\0', len) != NULL)
		return -MX_ESYNTAX;
	memcpy(utf8, src, len);
	utf8[len] = '\0';
	if (idn2_lookup_u8(utf8, &ascii, IDN2_NONTRANSITIONAL) == IDN2_OK)
		rc = text_domain_ascii((const char *)ascii,
		    strlen((const char *)ascii), dst);
	idn2_free(ascii);
	return rc;
}

static const struct {
	unsigned from, to;
} text_unsafe_table[] = {
	{ 0x80, 0x9f }, /* C1 */
	{ 0x61c, 0x61c }, /* ALM */
	{ 0x200e, 0x200f }, /* LRM, RLM */
	{ 0x2028, 0x202e }, /* LS, PS; LRE, RLE, PDF, LRO, RLO */
	{ 0x2066, 0x2069 }, /* LRI, RLI, FSI, PDI */
	{ 0xfeff, 0xfeff }, /* BOM */
};

size_t
text_unsafe(const char *s, unsigned *cp)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n, i;

	if (u[0] >= 0xc2 && u[0] <= 0xdf && (u[1] & 0xc0) == 0x80) {
		*cp = (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
		n = 2;
	} else if ((u[0] & 0xf0) == 0xe0 && (u[1] & 0xc0) == 0x80 &&
	    (u[2] & 0xc0) == 0x80) {
		*cp =
		    (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
		n = 3;
	} else {
		return 0;
	}
	for (i = 0; i < MX_COUNT(text_unsafe_table); i++)
		if (*cp >= text_unsafe_table[i].from &&
		    *cp <= text_unsafe_table[i].to)
			return n;
	return 0;
}

char *
text_id(uint64_t id, char *dst)
{
	static const char digits[] = "0123456789ABCDEF";
	uint64_t number = id >> 8;
	char *p = dst;
	int shift = 52;

	/* called three times a message: printf() would dominate its cost */
	while (shift > 0 && number >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*p++ = digits[number >> shift & 15];
	*p = '\0';
	if ((id & 0xff) != 0)
		(void)snprintf(p, TEXT_ID_MAX - (size_t)(p - dst), ".%u",
		    (unsigned)(id & 0xff));
	return dst;
}

int
text_id_parse(const char *s, uint64_t *id, bool *has_part)
{
	static const char digits[] = "0123456789ABCDEFabcdef";
	size_t len = strspn(s, digits), i, digit;
	uint64_t number = 0, part = 0;

	if (len == 0 || len > 14 || (s[len] != '\0' && s[len] != '.'))
		return -MX_ESYNTAX;
	for (i = 0; i < len; i++) {
		digit = (size_t)(strchr(digits, s[i]) - digits);
		number = number << 4 | (digit < 16 ? digit : digit - 6);
	}
	s += len;
	*has_part = *s == '.';
	if (*has_part) {
		s++;
		if (text_digits(&s, 255, &part) < 0 || *s != '\0')
			return -MX_ESYNTAX;
	}
	*id = number << 8 | part;
	return 0;
}

int
text_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void
strlist_add(struct strlist *list, char *s)
{
	if ((list->n & (list->n - 1)) == 0) /* a power of two is full */
		list->s = mem_grow(list->s, list->n > 0 ? list->n * 2 : 1,
		    sizeof(*list->s));
	list->s[list->n++] = s;
}

void
strlist_fini(struct strlist *list)
{
	for (size_t i = 0; i < list->n; i++)
		mem_free(&list->s[i]);
	mem_free(&list->s);
	list->n = 0;
}

void
text_ascii(char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\n';
}

/* Position at which to cut a text to `room` bytes. */
static size_t
cut_at(const char *s, size_t room)
{
	size_t end = room, word;

	/* 10xxxxxx continues a character (RFC 3629 3). */
	while (end > 0 && ((unsigned char)s[end] & 0xc0) == 0x80)
		end--;
	for (word = end; word > 0 && !is_blank(s[word]);)
		word--;
	while (word > 0 && is_blank(s[word - 1]))
		word--;
	return word > room / 2 ? word : end;
}

char *
text_cut(char *dst, size_t size, const char *src)
{
	static const char mark[] = " ...";
	size_t len = strlen(src), end, skip;

	MX_ASSERT(size > sizeof(mark));
	if (len < size) {
		memmove(dst, src, len + 1);
		return dst;
	}
	end = cut_at(src, size - sizeof(mark));
	skip = is_blank(src[end]) ? 0 : 1; /* within a word */
	memmove(dst, src, end);
	memcpy(dst + end, mark + skip, sizeof(mark) - skip);
	return dst;
}

bool
text_equal(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* ---- people */

/* Start of the local part that ends before s[at]: after a character that cannot
 * be in one, or at its opening quote. */
static size_t
local_part(const char *s, size_t at)
{
	size_t i = at;

	if (i > 0 && s[i - 1] == '"') {
		for (i--; i > 0 && s[i - 1] != '"'; i--)
			;
		return i > 0 ? i - 1 : 0;
	}
	while (i > 0 && strchr(" \t\r\n<>()[]{},;:\"'", s[i - 1]) == NULL)
		i--;
	return i;
}

void
text_mask_people(char *s)
{
	size_t n = 0, start;

	for (size_t i = 0; s[i] != '\0'; i++) {
		start = s[i] == '@' ? local_part(s, n) : n;
		if (start < n) {
			n = start;
			s[n++] = '*';
		}
		s[n++] = s[i];
	}
	s[n] = '\0';
}
