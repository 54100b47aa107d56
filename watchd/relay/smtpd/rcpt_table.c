/* SPDX-License-Identifier: ISC
 * rcpt_table: see rcpt_table.h. All strings are stored in an arena and referred
 * to by offset; entries hold two offsets and a hash, and an open-addressed
 * index of entry numbers is built once at the end. A million addresses take
 * about 50 MB and half a second. Created and destroyed in the thread of
 * recipients_watch.c, searched on the loop. */
#include "relay/smtpd/rcpt_table.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"

#define TEXT_MAX  200 /* kept of a REJECT */
#define ARENA_MAX UINT32_MAX

struct rcpt_entry {
	uint32_t key; /* offset into the arena */
	uint32_t text; /* of the refusal; 0: accept */
	uint32_t hash;
};

struct rcpt_table {
	char *arena;
	size_t arena_len, arena_size;
	struct rcpt_entry *entry;
	uint32_t n, size;
	uint32_t *slot; /* entry number + 1; 0 free */
	uint32_t mask;
	uint32_t *domain; /* offsets of domains that have an entry, sorted */
	uint32_t ndomains, domains_size;
};

/* The logical line under construction. */
struct line {
	const char *key;
	size_t key_len;
	unsigned number;
	char value[TEXT_MAX + 1];
	size_t value_len;
};

/* Most files have one domain: the last one is remembered. */
struct parse {
	struct rcpt_table *t;
	struct line line;
	struct rcpt_note *note;
	struct mx_errbuf *eb;
	const char *raw;
	size_t raw_len;
	char domain[TEXT_DOMAIN_MAX];
	bool another; /* differs from that of the previous entry */
};

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* Unseeded: only the operator supplies keys. */
static uint32_t
hash_key(const char *s, size_t len)
{
	return hash_fold(hash_bytes(HASH_INIT, s, len));
}

static uint32_t
arena_add(struct rcpt_table *t, const char *s, size_t len)
{
	uint32_t at = (uint32_t)t->arena_len;

	if (t->arena_size - t->arena_len < len + 1) {
		t->arena_size += t->arena_size / 2 + len + 4096;
		t->arena = mem_grow(t->arena, t->arena_size, 1);
	}
	memcpy(t->arena + at, s, len);
	t->arena[at + len] = '\0';
	t->arena_len += len + 1;
	return at;
}

static void
entry_add(struct rcpt_table *t, const char *key, size_t len, const char *text)
{
	struct rcpt_entry *e;

	if (t->n == t->size) {
		t->size += t->size / 2 + 64;
		t->entry = mem_grow(t->entry, t->size, sizeof(*t->entry));
	}
	e = &t->entry[t->n++];
	e->key = arena_add(t, key, len);
	e->hash = hash_key(key, len);
	e->text = text != NULL ? arena_add(t, text, strlen(text)) : 0;
}

/* The text after the word REJECT, or NULL when the value accepts: it may be an
 * address that begins with these letters. */
static const char *
reject_text(const char *value)
{
	if (strncasecmp(value, "REJECT", 6) != 0 ||
	    (value[6] != '\0' && !blank(value[6])))
		return NULL;
	return blank(value[6]) ? value + 7 : value + 6;
}

/* Records the domain whenever it differs from the previous one. */
static void
domain_add(struct rcpt_table *t, uint32_t key)
{
	const char *at = strrchr(t->arena + key, '@');

	if (t->ndomains == t->domains_size) {
		t->domains_size += t->domains_size / 2 + 4;
		t->domain =
		    mem_grow(t->domain, t->domains_size, sizeof(*t->domain));
	}
	t->domain[t->ndomains++] = (uint32_t)(at + 1 - t->arena);
}

static int
compare_domains(const void *va, const void *vb, void *arena)
{
	const uint32_t *a = va, *b = vb;

	return strcmp((char *)arena + *a, (char *)arena + *b);
}

static void
domains_settle(struct rcpt_table *t)
{
	uint32_t i, n = 0;

	qsort_r(t->domain, t->ndomains, sizeof(*t->domain), compare_domains,
	    t->arena);
	for (i = 0; i < t->ndomains; i++)
		if (n == 0 ||
		    strcmp(t->arena + t->domain[n - 1],
			t->arena + t->domain[i]) != 0)
			t->domain[n++] = t->domain[i];
	t->ndomains = t->domains_size = n;
	t->domain = mem_grow(t->domain, n, sizeof(*t->domain));
}

/* Guesses which other format the file has, to say what is expected. */
static const char *
explain(const struct line *l)
{
	if (l->key[0] == '/')
		return "patterns, as in a regexp or pcre table, are not "
		       "supported; list the addresses";
	if (memchr(l->key, ',', l->key_len) != NULL ||
	    memchr(l->key, ';', l->key_len) != NULL)
		return "it looks like CSV; write a line \"ADDRESS OK\" for "
		       "each recipient";
	return l->value_len == 0 ?
	    "no value after the key; write a line \"ADDRESS OK\"" :
	    "the key is not an address";
}

/* Lower-case local part, '@', canonical domain. Returns the length, or 0 when
 * it is not an address. */
static size_t
make_key(struct parse *p, const char *at, char *key)
{
	const struct line *l = &p->line;
	size_t local = (size_t)(at - l->key), raw = l->key_len - local - 1, i;

	if (local > PATH_LOCAL_MAX + 2)
		return 0;
	if (raw != p->raw_len || p->raw == NULL ||
	    memcmp(p->raw, at + 1, raw) != 0) {
		if (text_domain(at + 1, raw, p->domain) < 0)
			return 0;
		p->raw = at + 1;
		p->raw_len = raw;
		p->another = true;
	}
	for (i = 0; i < local; i++)
		key[i] = lower(l->key[i]);
	key[local] = '@';
	raw = strlen(p->domain);
	memcpy(key + local + 1, p->domain, raw + 1);
	return local + 1 + raw;
}

static int
line_end(struct parse *p)
{
	struct line *l = &p->line;
	char key[PATH_LOCAL_MAX + 4 + TEXT_DOMAIN_MAX];
	const char *at;
	size_t len;

	if (l->key == NULL)
		return 0;
	p->note->line = l->number;
	if (memchr(l->key, '\0', l->key_len) != NULL)
		return mx_fail(p->eb, MX_ESYNTAX,
		    "NUL in the key; it may be UTF-16, or not text");
	if (l->value_len == 0)
		return mx_fail(p->eb, MX_ESYNTAX, "%s", explain(l));
	l->value[l->value_len] = '\0';
	at = memrchr(l->key, '@', l->key_len);
	if (at == NULL) {
		p->note->ignored++;
	} else {
		len = make_key(p, at, key);
		if (len == 0)
			return mx_fail(p->eb, MX_ESYNTAX, "%s", explain(l));
		if (p->t->arena_len > ARENA_MAX - 2 * sizeof(key))
			return mx_fail(p->eb, MX_ETOOBIG, "too many entries");
		entry_add(p->t, key, len, reject_text(l->value));
		if (p->another)
			domain_add(p->t, p->t->entry[p->t->n - 1].key);
		p->another = false;
	}
	l->key = NULL;
	return 0;
}

/* Appends the words of s to the value, separated by one blank; control
 * characters are dropped, because the value may go into a reply. */
static void
value_add(struct line *l, const char *s, const char *end)
{
	bool gap = l->value_len > 0;

	for (; s < end && l->value_len < TEXT_MAX; s++) {
		if (blank(*s) || *s == '\0') {
			gap = l->value_len > 0;
			continue;
		}
		if (gap && l->value_len + 1 < TEXT_MAX)
			l->value[l->value_len++] = ' ';
		gap = false;
		l->value[l->value_len++] =
		    (unsigned char)*s < ' ' || (unsigned char)*s > 126 ? '?' :
									 *s;
	}
}

static void
line_begin(struct line *l, const char *s, const char *end, unsigned number)
{
	const char *p = s;

	if (*p == '"') {
		for (p++; p < end && *p != '"'; p++)
			if (*p == '\\' && p + 1 < end)
				p++;
	}
	while (p < end && !blank(*p))
		p++;
	l->key = s;
	l->key_len = (size_t)(p - s);
	l->number = number;
	l->value_len = 0;
	value_add(l, p, end);
}

static int
parse_lines(struct parse *p, const char *data, size_t len)
{
	const char *s = data, *end = data + len, *eol, *first;
	unsigned number = 0;
	int rc;

	/* A byte order mark, as some editors write it, is not part of the first
	 * key. */
	if (len >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0)
		s += 3;
	for (; s < end; s = eol + 1) {
		number++;
		eol = memchr(s, '\n', (size_t)(end - s));
		if (eol == NULL)
			eol = end;
		for (first = s; first < eol && blank(*first); first++)
			continue;
		if (first == eol || *first == '#')
			continue;
		if (first == s) {
			if ((rc = line_end(p)) < 0)
				return rc;
			line_begin(&p->line, s, eol, number);
		} else if (p->line.key != NULL) {
			value_add(&p->line, first, eol);
		} else {
			p->note->line = number;
			return mx_fail(p->eb, MX_ESYNTAX,
			    "the first entry begins with a space");
		}
		if (eol == end)
			break;
	}
	return line_end(p);
}

static const struct rcpt_entry *
find_key(const struct rcpt_table *t, const char *key, size_t len)
{
	uint32_t h = hash_key(key, len), i;

	for (i = h & t->mask; t->slot[i] != 0; i = (i + 1) & t->mask) {
		const struct rcpt_entry *e = &t->entry[t->slot[i] - 1];

		if (e->hash == h && strcmp(t->arena + e->key, key) == 0)
			return e;
	}
	return NULL;
}

static void
index_build(struct rcpt_table *t)
{
	uint32_t size = 4, n, i;

	while (size / 2 < t->n)
		size *= 2;
	t->mask = size - 1;
	t->slot = mem_array(size, sizeof(*t->slot));
	for (n = 0; n < t->n; n++) {
		const struct rcpt_entry *e = &t->entry[n];
		bool known = false;

		for (i = e->hash & t->mask; t->slot[i] != 0 && !known;
		     i = (i + 1) & t->mask) {
			const struct rcpt_entry *o = &t->entry[t->slot[i] - 1];

			known = o->hash == e->hash &&
			    strcmp(t->arena + o->key, t->arena + e->key) == 0;
		}
		if (!known)
			t->slot[i] = n + 1;
	}
}

struct rcpt_table *
rcpt_table_parse(const char *data, size_t len, struct rcpt_note *note,
    struct mx_errbuf *eb)
{
	struct rcpt_table *t = mem_alloc(sizeof(*t));
	struct parse p = { .t = t, .note = note, .eb = eb };

	*note = (struct rcpt_note){ 0 };
	if (len > ARENA_MAX / 2) {
		(void)mx_fail(eb, MX_ETOOBIG, "the file is too large");
		goto fail;
	}
	t->arena_size = len + 64;
	t->arena = mem_grow(NULL, t->arena_size, 1);
	(void)arena_add(t, "", 0); /* offset 0 means none */
	if (parse_lines(&p, data, len) < 0)
		goto fail;
	note->line = 0;
	if (t->n == 0) {
		(void)mx_fail(eb, MX_ENOENT, "it has no recipients%s",
		    note->ignored > 0 ? ": no key is an address; it may be "
					"LDIF, SQL or a list of domains" :
					"");
		goto fail;
	}
	/* There may be 10,000 tables: excess memory is freed. */
	t->arena_size = t->arena_len;
	t->arena = mem_grow(t->arena, t->arena_size, 1);
	t->size = t->n;
	t->entry = mem_grow(t->entry, t->size, sizeof(*t->entry));
	index_build(t);
	domains_settle(t);
	return t;
fail:
	rcpt_table_destroy(&t);
	return NULL;
}

void
rcpt_table_destroy(struct rcpt_table **tp)
{
	if (*tp == NULL)
		return;
	mem_free(&(*tp)->arena);
	mem_free(&(*tp)->entry);
	mem_free(&(*tp)->slot);
	mem_free(&(*tp)->domain);
	mem_free(tp);
}

size_t
rcpt_table_len(const struct rcpt_table *t)
{
	return t->n;
}

/* The entry of this very mailbox, or NULL. */
static const struct rcpt_entry *
find_mailbox(const struct rcpt_table *t, const char *mailbox)
{
	char key[PATH_MAILBOX_MAX], plain[PATH_MAILBOX_MAX];
	const struct rcpt_entry *e;
	size_t len = strlen(mailbox), i;

	if (len >= PATH_MAILBOX_MAX)
		return NULL;
	for (i = 0; i <= len; i++)
		key[i] = lower(mailbox[i]);
	e = find_key(t, key, len);
	if (e == NULL && (i = smtp_unquote(key, plain)) > 0)
		e = find_key(t, plain, i);
	return e;
}

/* The entry of a mailbox, or of a form that the rules allow for it. */
static const struct rcpt_entry *
find_form(const struct rcpt_table *t, const struct rcpt_rules *rules,
    const char *mailbox)
{
	char form[RCPT_FORMS_MAX][PATH_MAILBOX_MAX];
	const struct rcpt_entry *e = find_mailbox(t, mailbox);
	unsigned n, i;

	if (e != NULL || (!rules->batv && rules->delimiter[0] == '\0'))
		return e;
	n = rcpt_forms(rules, mailbox, form);
	for (i = 0; i < n && e == NULL; i++)
		e = find_mailbox(t, form[i]);
	return e;
}

bool
rcpt_table_names(const struct rcpt_table *t, const char *mailbox)
{
	const struct rcpt_entry *e = find_mailbox(t, mailbox);

	return e != NULL && e->text == 0;
}

bool
rcpt_table_lists(const struct rcpt_table *t, const struct rcpt_rules *rules,
    const char *mailbox)
{
	const struct rcpt_entry *e = find_form(t, rules, mailbox);

	return e != NULL && e->text == 0;
}

bool
rcpt_table_has_domain(const struct rcpt_table *t, const char *domain)
{
	uint32_t low = 0, high = t->ndomains, mid;
	int order;

	while (low < high) {
		mid = low + (high - low) / 2;
		order = strcmp(domain, t->arena + t->domain[mid]);
		if (order == 0)
			return true;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}

enum rcpt_found
rcpt_table_find(const struct rcpt_table *t, const struct rcpt_rules *rules,
    const char *mailbox, struct rcpt_match *m)
{
	const char *at = strrchr(mailbox, '@');
	const struct rcpt_entry *e;

	m->key = m->text = "";
	if (at == NULL || strlen(mailbox) >= PATH_MAILBOX_MAX)
		return RCPT_FOUND_NOT;
	e = find_form(t, rules, mailbox);
	if (e == NULL)
		e = find_mailbox(t, at);
	if (e == NULL)
		return rcpt_table_has_domain(t, at + 1) ? RCPT_FOUND_NOT :
							  RCPT_FOUND_NO_DOMAIN;
	m->key = t->arena + e->key;
	if (e->text == 0)
		return RCPT_FOUND_OK;
	m->text = t->arena + e->text;
	return RCPT_FOUND_REJECT;
}
