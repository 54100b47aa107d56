/* SPDX-License-Identifier: ISC
 * text: numbers, times, sizes, ids and names as operators write them. Pure;
 * independent of the locale. */
#ifndef MX_BASE_TEXT_H
#define MX_BASE_TEXT_H

#include "base/defs.h"

#define TEXT_DOMAIN_MAX 254 /* 253 octets (RFC 1035 3.1) and NUL */
#define TEXT_ID_MAX	24

/* "30d", "90s", "1h30m", "5m", "350ms" (units y (365 days) w d h m s ms, larger
 * ones first); a bare number is seconds. The result is in milliseconds.
 * -MX_ESYNTAX for anything else, signs, blanks inside, overflow included. */
int text_duration(const char *s, int64_t *ms) MX_NODISCARD;
/* "50M", "1G", "512"; K M G T are powers of 1024. */
int text_size(const char *s, uint64_t *bytes) MX_NODISCARD;
/* A whole decimal number within [min, max]. */
int text_int(const char *s, int64_t min, int64_t max, int64_t *v) MX_NODISCARD;

/* "2d3h", "4m10s", "350ms": two units at most. Returns dst. */
char *text_duration_fmt(int64_t ms, char *dst, size_t size);
/* "4.1K", "12M". Returns dst. */
char *text_size_fmt(uint64_t bytes, char *dst, size_t size);
/* The same exactly, as text_size() reads it: "1G", "1536K". Returns dst. */
char *text_size_exact(uint64_t bytes, char *dst, size_t size);
/* RFC 5322 date in UTC ("Sun, 22 Nov 2026 16:42:00 +0000") / RFC 3339. */
char *text_date_5322(int64_t wall, char *dst, size_t size);
char *text_date_3339(int64_t wall, char *dst, size_t size);

/* A list of strings. */
struct strlist {
	size_t n;
	char **s;
};
void strlist_add(struct strlist *, char *); /* takes ownership */
void strlist_fini(struct strlist *);

/* Replaces control and 8-bit characters by '?', in place. */
void text_ascii(char *);

/* Copies src into dst, which may be the same. Text that does not fit into
 * `size` bytes (NUL included) is cut after a word, with " ..." appended; only a
 * word longer than half of the room is cut inside, with "..." appended, never
 * within a UTF-8 character. Returns dst. */
char *text_cut(char *dst, size_t size, const char *src);

/* Both NULL, or equal. */
bool text_equal(const char *a, const char *b);
/* Compares elements of an array of strings (const char *), for qsort() and
 * bsearch(). */
int text_order(const void *a, const void *b);

/* A domain name in canonical form: lower case, A-labels (IDNA 2008, UTS 46), no
 * trailing dot, letters, digits, hyphens and underscores. dst holds
 * TEXT_DOMAIN_MAX. -MX_ESYNTAX for anything but a host name; a name that ends
 * in a number is none ("192.0.2.7"). */
int text_domain(const char *src, size_t len, char *dst) MX_NODISCARD;

/* Unicode characters that affect the text around them, on a terminal or in a
 * page: C1 controls, line and paragraph separators, directional marks,
 * embeddings, overrides and isolates, and the byte order mark. They are escaped
 * wherever text of a peer is displayed. Returns the length of the one at s, in
 * UTF-8, with its number in *cp; 0: none. */
size_t text_unsafe(const char *s, unsigned *cp);

/* In place: the local part before each "@" becomes "*", so that nobody is named
 * while it is still seen at which domain somebody is. */
void text_mask_people(char *s);

/* Queue ids. A message has a 56-bit number; stored and scheduled is one part of
 * it for each domain among its recipients: id = number << 8 | part. Printed
 * "6A1F03C2B47", and "6A1F03C2B47.2" for a part other than 0. */
char *text_id(uint64_t id, char *dst); /* dst holds TEXT_ID_MAX */
int text_id_parse(const char *s, uint64_t *id, bool *has_part) MX_NODISCARD;

#endif
