/* SPDX-License-Identifier: ISC
 * dns_memory: a tree by type and name, and a list by last use. Entries keep
 * only the records that they have, MX records packed: a preference and a name
 * with its NUL each. A copy for the file walks along the list from its end,
 * some entries at a time; an entry used meanwhile moves to the front, and is
 * reached there at the latest. The file is text, one answer a line:
 *
 *	mxwatch-dns 1
 *	MX example.org 1700000000 3600 secure 10/mx1.example.org
 *	A mx1.example.org 1700000000 300 insecure 192.0.2.7 192.0.2.8
 *	A mx2.example.org 1700000000 300 secure =b.example.net 192.0.2.9
 *	end 3
 *
 * (type, name, learned at, fresh for, DNSSEC, end of the aliases, records). The
 * last line shows that the file is complete. The file is validated strictly,
 * since it decides where mail goes. */
#include "net/dns_memory.h"

#include <sys/queue.h>
#include <sys/tree.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/records.h"

#define MAGIC	   "mxwatch-dns 1"
#define CHUNK_SIZE (256u << 10) /* of a copy */
/* 32 MX records: a name, a preference and two separators each, and the head. */
#define LINE_MAX_LEN ((DNS_MX_MAX + 1) * (TEXT_DOMAIN_MAX + 8) + 64)

struct entry {
	RB_ENTRY(entry) node;
	TAILQ_ENTRY(entry) lru;
	enum dns_type type;
	enum dns_status status;
	bool secure;
	unsigned n;
	uint32_t round; /* the last copy that contains it */
	uint32_t size; /* of records, octets */
	int64_t learned; /* wall seconds */
	int64_t fresh; /* seconds from then on */
	void *records; /* n packed MX or net_addr, or struct tlsa_set */
	char *canon; /* of addresses; NULL: the name is not an alias */
	const char *name; /* in the same allocation */
};

struct tlsa_set {
	struct dns_tlsa tlsa[DNS_TLSA_MAX];
	uint16_t used;
	uint8_t data[];
};

RB_HEAD(entry_tree, entry);
TAILQ_HEAD(entry_list, entry);

struct dns_memory {
	struct entry_tree tree;
	struct entry_list lru; /* the most recently used first */
	size_t len, max;
	struct entry *cursor; /* of the copy under way; NULL: it is complete */
	uint32_t round; /* number of the copy */
};

/* True if answers of that type may be used when stale, and saved. */
static bool
outlasts(enum dns_type type)
{
	return type != DNS_TYPE_TLSA;
}

static int
entry_cmp(const struct entry *a, const struct entry *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* RB_GENERATE_STATIC needs an attribute that libbsd does not define here. */
RB_GENERATE_INTERNAL(entry_tree, entry, node, entry_cmp, static MX_UNUSED)

struct dns_memory *
dns_memory_create(size_t max)
{
	struct dns_memory *m = mem_alloc(sizeof(*m));

	RB_INIT(&m->tree);
	TAILQ_INIT(&m->lru);
	m->max = max;
	return m;
}

void
dns_memory_limit(struct dns_memory *m, size_t max)
{
	m->max = max;
}

/* Takes it out of the list, and the copy's cursor off it. */
static void
entry_unlink(struct dns_memory *m, struct entry *e)
{
	if (m->cursor == e)
		m->cursor = TAILQ_PREV(e, entry_list, lru);
	TAILQ_REMOVE(&m->lru, e, lru);
}

static void
entry_drop(struct dns_memory *m, struct entry *e)
{
	RB_REMOVE(entry_tree, &m->tree, e);
	entry_unlink(m, e);
	m->len--;
	mem_free(&e->records);
	mem_free(&e->canon);
	mem_free(&e);
}

static void
memory_clear(struct dns_memory *m)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(&m->lru)) != NULL)
		entry_drop(m, e);
}

void
dns_memory_destroy(struct dns_memory **mp)
{
	if (*mp == NULL)
		return;
	memory_clear(*mp);
	mem_free(mp);
}

size_t
dns_memory_len(const struct dns_memory *m)
{
	return m->len;
}

static struct entry *
entry_find(struct dns_memory *m, enum dns_type type, const char *name)
{
	struct entry key = { .type = type, .name = name };

	return RB_FIND(entry_tree, &m->tree, &key);
}

/* The entry of that key, emptied, at the front of the list. */
static struct entry *
entry_make(struct dns_memory *m, enum dns_type type, const char *name)
{
	size_t size = strlen(name) + 1;
	struct entry *e = entry_find(m, type, name);
	char *copy;

	if (e != NULL)
		entry_drop(m, e);
	/* Two at a time after the limit was lowered, until it holds again. */
	for (unsigned i = 0; i < 2 && m->len >= m->max; i++)
		entry_drop(m, TAILQ_LAST(&m->lru, entry_list));
	e = mem_alloc(sizeof(*e) + size);
	copy = (char *)(e + 1);
	memcpy(copy, name, size);
	e->type = type;
	e->name = copy;
	(void)RB_INSERT(entry_tree, &m->tree, e);
	TAILQ_INSERT_HEAD(&m->lru, e, lru);
	m->len++;
	return e;
}

static void
mx_keep(struct entry *e, const struct dns_answer *a)
{
	size_t size = 0, len;
	char *p;

	for (unsigned i = 0; i < a->n; i++)
		size += sizeof(a->mx[i].pref) + strlen(a->mx[i].host) + 1;
	e->size = (uint32_t)size;
	p = e->records = mem_alloc(size);
	for (unsigned i = 0; i < a->n; i++) {
		len = strlen(a->mx[i].host) + 1;
		memcpy(p, &a->mx[i].pref, sizeof(a->mx[i].pref));
		p += sizeof(a->mx[i].pref);
		memcpy(p, a->mx[i].host, len);
		p += len;
	}
}

/* Unpacks the record at p; returns the position of the next one. */
static const char *
mx_give(const char *p, struct dns_mx *mx)
{
	size_t len;

	memcpy(&mx->pref, p, sizeof(mx->pref));
	p += sizeof(mx->pref);
	len = strlen(p) + 1;
	memcpy(mx->host, p, len);
	return p + len;
}

static void *
tlsa_keep(const struct dns_answer *a)
{
	struct tlsa_set *set = mem_alloc(sizeof(*set) + a->tlsa_used);

	memcpy(set->tlsa, a->tlsa, a->n * sizeof(a->tlsa[0]));
	set->used = a->tlsa_used;
	memcpy(set->data, a->tlsa_data, a->tlsa_used);
	return set;
}

static void
tlsa_give(const struct tlsa_set *set, unsigned n, struct dns_answer *out)
{
	memcpy(out->tlsa, set->tlsa, n * sizeof(out->tlsa[0]));
	out->tlsa_used = set->used;
	memcpy(out->tlsa_data, set->data, set->used);
}

static void
entry_fill(struct entry *e, const struct dns_answer *a, int64_t learned,
    int64_t fresh)
{
	e->status = a->status;
	e->secure = a->secure;
	e->n = a->n;
	e->learned = learned;
	e->fresh = fresh;
	if (dns_type_is_addr(e->type) && a->canon[0] != '\0')
		e->canon = mem_strdup(a->canon);
	if (a->n == 0)
		return;
	if (e->type == DNS_TYPE_MX) {
		mx_keep(e, a);
	} else if (e->type == DNS_TYPE_TLSA) {
		e->records = tlsa_keep(a);
	} else {
		e->size = (uint32_t)(a->n * sizeof(a->addr[0]));
		e->records = mem_dup(a->addr, e->size);
	}
}

static void
entry_answer(const struct entry *e, struct dns_answer *out)
{
	const char *p = e->records;

	memset(out, 0, sizeof(*out));
	out->status = e->status;
	out->secure = e->secure;
	out->n = e->n;
	if (e->canon != NULL)
		(void)strlcpy(out->canon, e->canon, sizeof(out->canon));
	if (e->n == 0)
		return;
	if (e->type == DNS_TYPE_TLSA)
		tlsa_give(e->records, e->n, out);
	else if (e->type != DNS_TYPE_MX)
		memcpy(out->addr, e->records, e->size);
	else
		for (unsigned i = 0; i < e->n; i++)
			p = mx_give(p, &out->mx[i]);
}

void
dns_memory_put(struct dns_memory *m, enum dns_type type, const char *name,
    const struct dns_result *r, int64_t now)
{
	int64_t fresh = r->ttl;

	switch (r->answer.status) {
	case DNS_OK:
		if (fresh < DNS_MEMORY_FRESH_MIN && type != DNS_TYPE_TLSA)
			fresh = DNS_MEMORY_FRESH_MIN;
		if (fresh > DNS_MEMORY_FRESH_MAX)
			fresh = DNS_MEMORY_FRESH_MAX;
		break;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		if (fresh > DNS_MEMORY_NEGATIVE)
			fresh = DNS_MEMORY_NEGATIVE;
		break;
	case DNS_FAIL:
	case DNS_BOGUS:
		return;
	}
	entry_fill(entry_make(m, type, name), &r->answer, now, fresh);
}

bool
dns_memory_get(struct dns_memory *m, enum dns_type type, const char *name,
    int64_t now, struct dns_answer *out)
{
	struct entry *e = entry_find(m, type, name);
	int64_t age;

	if (e == NULL)
		return false;
	/* A clock that was set back must not make an answer live for ever: one
	 * from the future is not fresh, and its age counts from now on. */
	if (e->learned > now) {
		e->learned = now;
		e->fresh = 0;
	}
	age = now - e->learned;
	if (age >= e->fresh &&
	    (e->status != DNS_OK || !outlasts(e->type) ||
		age > DNS_MEMORY_KEEP)) {
		entry_drop(m, e);
		return false;
	}
	entry_unlink(m, e);
	TAILQ_INSERT_HEAD(&m->lru, e, lru);
	entry_answer(e, out);
	out->stale = age >= e->fresh;
	return true;
}

static int
parse_name(const char *s, char *dst)
{
	/* Accepts only what this module would write. */
	if (text_domain(s, strlen(s), dst) < 0 || strcmp(s, dst) != 0)
		return -MX_ECORRUPT;
	return 0;
}

static int
parse_mx(char *word, struct dns_answer *a)
{
	struct dns_mx *mx;
	char *host = strchr(word, '/');
	int64_t pref;

	if (host == NULL || a->n == DNS_MX_MAX)
		return -MX_ECORRUPT;
	*host++ = '\0';
	mx = &a->mx[a->n];
	if (text_int(word, 0, UINT16_MAX, &pref) < 0)
		return -MX_ECORRUPT;
	mx->pref = (uint16_t)pref;
	if (a->n > 0 && mx->pref < mx[-1].pref)
		return -MX_ECORRUPT;
	if (strcmp(host, ".") == 0)
		mx->host[0] = '\0';
	else if (parse_name(host, mx->host) < 0)
		return -MX_ECORRUPT;
	a->n++;
	return 0;
}

static int
parse_addr(const char *word, enum dns_type type, struct dns_answer *a)
{
	struct net_addr *addr = &a->addr[a->n];
	bool ok;

	if (a->n == DNS_ADDR_MAX)
		return -MX_ECORRUPT;
	if (type == DNS_TYPE_A) {
		addr->u.in.sin_family = AF_INET;
		addr->len = sizeof(addr->u.in);
		ok = inet_pton(AF_INET, word, &addr->u.in.sin_addr) == 1;
	} else {
		addr->u.in6.sin6_family = AF_INET6;
		addr->len = sizeof(addr->u.in6);
		ok = inet_pton(AF_INET6, word, &addr->u.in6.sin6_addr) == 1 &&
		    !IN6_IS_ADDR_V4MAPPED(&addr->u.in6.sin6_addr);
	}
	if (!ok)
		return -MX_ECORRUPT;
	a->n++;
	return 0;
}

static int
parse_records(char *line, enum dns_type type, struct dns_answer *a)
{
	char *word;
	int rc;

	if (dns_type_is_addr(type) && line != NULL && *line == '=') {
		word = records_word(&line);
		if (parse_name(word + 1, a->canon) < 0)
			return -MX_ECORRUPT;
	}
	while ((word = records_word(&line)) != NULL) {
		rc = type == DNS_TYPE_MX ? parse_mx(word, a) :
					   parse_addr(word, type, a);
		if (rc < 0)
			return rc;
	}
	/* MX records without a usable host are a good answer, too. */
	return a->n > 0 || type == DNS_TYPE_MX ? 0 : -MX_ECORRUPT;
}

struct dns_parsing {
	struct dns_memory *m;
	int64_t now;
};

static int
parse_line(char *line, void *arg)
{
	struct dns_memory *m = ((struct dns_parsing *)arg)->m;
	int64_t now = ((struct dns_parsing *)arg)->now;
	struct dns_answer a = { .status = DNS_OK };
	const char *kind = records_word(&line), *word;
	char name[TEXT_DOMAIN_MAX];
	int64_t learned, fresh;
	unsigned t;

	for (t = 0; t < DNS_TYPES; t++) {
		if (kind != NULL && strcmp(kind, dns_type_name(t)) == 0)
			break;
	}
	if (t == DNS_TYPES || !outlasts(t))
		return -MX_ECORRUPT;
	if ((word = records_word(&line)) == NULL || parse_name(word, name) < 0)
		return -MX_ECORRUPT;
	if ((word = records_word(&line)) == NULL ||
	    text_int(word, 0, INT64_MAX, &learned) < 0)
		return -MX_ECORRUPT;
	if ((word = records_word(&line)) == NULL ||
	    text_int(word, 0, DNS_MEMORY_FRESH_MAX, &fresh) < 0)
		return -MX_ECORRUPT;
	if ((word = records_word(&line)) == NULL)
		return -MX_ECORRUPT;
	a.secure = strcmp(word, "secure") == 0;
	if (!a.secure && strcmp(word, "insecure") != 0)
		return -MX_ECORRUPT;
	if (parse_records(line, t, &a) < 0)
		return -MX_ECORRUPT;
	if (learned > now) {
		learned = now;
		fresh = 0;
	}
	if (now - learned > DNS_MEMORY_KEEP)
		return 0;
	entry_fill(entry_make(m, t, name), &a, learned, fresh);
	return 0;
}

int
dns_memory_parse(struct dns_memory *m, const char *text, size_t len,
    int64_t now)
{
	struct dns_parsing p = { m, now };
	int rc;

	memory_clear(m);
	rc = records_parse(text, len, MAGIC, LINE_MAX_LEN - 1, parse_line, &p);
	if (rc < 0)
		memory_clear(m);
	return rc;
}

int
dns_memory_read(struct dns_memory *m, const char *path, int64_t now)
{
	struct buf text =
	    BUF_INIT(DNS_MEMORY_FILE_MIN + m->max * DNS_MEMORY_LINE);
	int rc = file_load(path, &text, NULL);

	memory_clear(m);
	if (rc == 0)
		rc = dns_memory_parse(m, buf_str(&text), text.len, now);
	buf_fini(&text);
	return rc;
}

static void
write_entry(FILE *f, const struct entry *e)
{
	const struct net_addr *addr = e->records;
	const char *p = e->records;
	char text[ADDR_TEXT_MAX];
	struct dns_mx mx;
	unsigned i;

	(void)fprintf(f, "%s %s %" PRId64 " %" PRId64 " %s",
	    dns_type_name(e->type), e->name, e->learned, e->fresh,
	    e->secure ? "secure" : "insecure");
	if (e->canon != NULL)
		(void)fprintf(f, " =%s", e->canon);
	for (i = 0; i < e->n; i++) {
		if (e->type != DNS_TYPE_MX) {
			(void)fprintf(f, " %s", addr_text(&addr[i], text));
			continue;
		}
		p = mx_give(p, &mx);
		(void)fprintf(f, " %u/%s", mx.pref,
		    mx.host[0] != '\0' ? mx.host : ".");
	}
	(void)fputc('\n', f);
}

/* Entries one after the other, each followed by its records, its name and the
 * name at the end of its aliases: copying costs a tenth of writing the text. */
struct copy_chunk {
	STAILQ_ENTRY(copy_chunk) link;
	size_t used, size;
	int64_t data[]; /* has the alignment of an entry */
};

struct dns_memory_copy {
	size_t n; /* entries */
	STAILQ_HEAD(, copy_chunk) chunks;
};

static size_t
align(size_t n)
{
	return (n + sizeof(int64_t) - 1) / sizeof(int64_t) * sizeof(int64_t);
}

static size_t
canon_size(const struct entry *e)
{
	return e->canon != NULL ? strlen(e->canon) + 1 : 0;
}

static size_t
entry_size(const struct entry *e)
{
	return align(sizeof(*e)) + align(e->size) +
	    align(strlen(e->name) + 1 + canon_size(e));
}

static bool
is_worth_it(const struct entry *e, int64_t now)
{
	return e->status == DNS_OK && outlasts(e->type) &&
	    now - e->learned <= DNS_MEMORY_KEEP;
}

/* Sets the pointers of an entry at p to the data behind it. */
static void
entry_place(struct entry *e, char *p)
{
	char *records = p + align(sizeof(*e));
	char *name = records + align(e->size);

	e->records = e->n > 0 ? records : NULL;
	e->canon = e->canon != NULL ? name + strlen(e->name) + 1 : NULL;
	e->name = name;
}

/* Reserves that many octets. */
static char *
copy_room(struct dns_memory_copy *c, size_t size)
{
	struct copy_chunk *k = STAILQ_LAST(&c->chunks, copy_chunk, link);
	char *p;

	if (k == NULL || k->size - k->used < size) {
		size_t all = size > CHUNK_SIZE ? size : CHUNK_SIZE;

		k = mem_alloc(sizeof(*k) + all);
		k->size = all;
		STAILQ_INSERT_TAIL(&c->chunks, k, link);
	}
	p = (char *)k->data + k->used;
	k->used += size;
	return p;
}

static void
copy_entry(struct dns_memory_copy *c, const struct entry *e)
{
	char *p = copy_room(c, entry_size(e));
	struct entry to = *e;

	entry_place(&to, p);
	memcpy(p, &to, sizeof(to));
	if (e->n > 0)
		memcpy(to.records, e->records, e->size);
	memcpy((char *)(uintptr_t)to.name, e->name, strlen(e->name) + 1);
	if (e->canon != NULL)
		memcpy(to.canon, e->canon, canon_size(e));
	c->n++;
}

struct dns_memory_copy *
dns_memory_copy_begin(struct dns_memory *m)
{
	struct dns_memory_copy *c = mem_alloc(sizeof(*c));

	STAILQ_INIT(&c->chunks);
	m->cursor = TAILQ_LAST(&m->lru, entry_list);
	m->round++;
	return c;
}

/* The most recently used one is written last, so that reading restores the
 * order. */
bool
dns_memory_copy_some(struct dns_memory *m, struct dns_memory_copy *c, size_t n,
    int64_t now)
{
	struct entry *e;

	for (; n > 0 && (e = m->cursor) != NULL; n--) {
		m->cursor = TAILQ_PREV(e, entry_list, lru);
		if (e->round == m->round || !is_worth_it(e, now))
			continue;
		e->round = m->round;
		copy_entry(c, e);
	}
	return m->cursor != NULL;
}

void
dns_memory_copy_destroy(struct dns_memory_copy **cp)
{
	struct copy_chunk *k;

	if (*cp == NULL)
		return;
	while ((k = STAILQ_FIRST(&(*cp)->chunks)) != NULL) {
		STAILQ_REMOVE_HEAD(&(*cp)->chunks, link);
		mem_free(&k);
	}
	mem_free(cp);
}

static int
print_all(FILE *f, const void *arg)
{
	const struct dns_memory_copy *c = arg;
	const struct copy_chunk *k;
	const struct entry *e;
	size_t at;

	(void)fprintf(f, "%s\n", MAGIC);
	STAILQ_FOREACH(k, &c->chunks, link)
	for (at = 0; at < k->used; at += entry_size(e)) {
		e = (const struct entry *)(const void *)((const char *)k->data +
		    at);
		write_entry(f, e);
	}
	(void)fprintf(f, "end %zu\n", c->n);
	return FAULT("dns.memory.write") ? -1 : 0;
}

int
dns_memory_write(const struct dns_memory_copy *c, const char *path)
{
	return file_print(path, 0640, print_all, c, NULL);
}
