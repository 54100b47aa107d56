/* SPDX-License-Identifier: ISC
 * domain_texts: see domain_texts.h. The file is
 *
 *	mxwatch domains 1 HASH
 *	LENGTH SOURCE
 *	LENGTH NAME	and LENGTH bytes, a newline; of each text
 *
 * HASH covers all after its line: after a disk error or an edit, a part of the
 * domains must not be put into force. */
#include "config/domain_texts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

#define MAGIC	  "mxwatch domains 1 "
#define MAGIC_LEN (sizeof(MAGIC) - 1)
#define FILE_MAX  (DOMAIN_TEXTS_MAX + (8u << 20)) /* with all names */
#define NAME_LEN  1024

struct text {
	char *name, *data;
	size_t len;
};

struct domain_texts {
	unsigned refs; /* atomic */
	char *source;
	struct text *text;
	size_t n, bytes;
};

struct domain_texts *
domain_texts_create(const char *source)
{
	struct domain_texts *d = mem_alloc(sizeof(*d));

	d->refs = 1;
	d->source = mem_strndup(source, NAME_LEN);
	return d;
}

struct domain_texts *
domain_texts_ref(struct domain_texts *d)
{
	if (d != NULL)
		__atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
	return d;
}

void
domain_texts_unref(struct domain_texts **dp)
{
	struct domain_texts *d = *dp;

	*dp = NULL;
	if (d == NULL || __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (size_t i = 0; i < d->n; i++) {
		mem_free(&d->text[i].name);
		mem_free(&d->text[i].data);
	}
	mem_free(&d->text);
	mem_free(&d->source);
	mem_free(&d);
}

int
domain_texts_add(struct domain_texts *d, const char *name, const char *text,
    size_t len)
{
	struct text *t;

	if (d->n == DOMAIN_TEXTS_FILES_MAX || len > DOMAIN_TEXTS_MAX - d->bytes)
		return -MX_ETOOBIG;
	if (d->n % 16 == 0)
		d->text = mem_grow(d->text, d->n + 16, sizeof(*d->text));
	t = &d->text[d->n++];
	t->name = mem_strndup(name, NAME_LEN);
	t->data = mem_strndup("", 0);
	if (len > 0) {
		mem_free(&t->data);
		t->data = mem_array(len, 1);
		memcpy(t->data, text, len);
	}
	t->len = len;
	d->bytes += len;
	return 0;
}

const char *
domain_texts_source(const struct domain_texts *d)
{
	return d->source;
}

size_t
domain_texts_count(const struct domain_texts *d)
{
	return d->n;
}

const char *
domain_texts_at(const struct domain_texts *d, size_t i, const char **name,
    size_t *len)
{
	*name = d->text[i].name;
	*len = d->text[i].len;
	return d->text[i].data;
}

bool
domain_texts_same(const struct domain_texts *a, const struct domain_texts *b)
{
	if (a == NULL || b == NULL || a->n != b->n || a->bytes != b->bytes)
		return a == b;
	for (size_t i = 0; i < a->n; i++)
		if (a->text[i].len != b->text[i].len ||
		    strcmp(a->text[i].name, b->text[i].name) != 0 ||
		    memcmp(a->text[i].data, b->text[i].data, a->text[i].len) !=
			0)
			return false;
	return true;
}

/* ---- the file */

/* A file name may contain any character; a newline is replaced. */
static int
add_line(struct buf *b, size_t len, const char *name)
{
	size_t at = b->len;
	int rc = buf_addf(b, "%zu %s", len, name);

	for (; rc == 0 && at < b->len; at++)
		if (b->data[at] == '\n')
			b->data[at] = '?';
	return rc == 0 ? buf_adds(b, "\n") : rc;
}

static int
print_texts(struct buf *b, const struct domain_texts *d)
{
	int rc = add_line(b, d->n, d->source);

	for (size_t i = 0; i < d->n && rc == 0; i++) {
		rc = add_line(b, d->text[i].len, d->text[i].name);
		if (rc == 0)
			rc = buf_add(b, d->text[i].data, d->text[i].len);
		if (rc == 0)
			rc = buf_adds(b, "\n");
	}
	return rc;
}

int
domain_texts_save(const struct domain_texts *d, const char *path,
    struct mx_errbuf *eb)
{
	struct buf body = BUF_INIT(FILE_MAX), all = BUF_INIT(FILE_MAX);
	int rc = print_texts(&body, d);

	if (rc == 0)
		rc = buf_addf(&all, MAGIC "%016" PRIx64 "\n",
		    hash_bytes(HASH_INIT, body.data, body.len));
	if (rc == 0)
		rc = buf_add(&all, body.data, body.len);
	if (rc != 0)
		(void)mx_fail(eb, MX_ETOOBIG, "it is too large");
	else
		rc = file_replace(path, 0600, all.data, all.len, eb);
	buf_fini(&body);
	buf_fini(&all);
	return rc;
}

struct text_cursor {
	const char *p, *end;
};

/* "NUMBER NAME\n"; false: invalid. */
static bool
take_line(struct text_cursor *c, size_t *number, char *name)
{
	const char *nl =
	    c->p < c->end ? memchr(c->p, '\n', (size_t)(c->end - c->p)) : NULL;
	size_t n = 0, len;

	if (nl == NULL)
		return false;
	for (; c->p < nl && *c->p >= '0' && *c->p <= '9' && n < FILE_MAX;
	     c->p++)
		n = n * 10 + (size_t)(*c->p - '0');
	if (c->p == nl || *c->p++ != ' ' ||
	    (len = (size_t)(nl - c->p)) > NAME_LEN)
		return false;
	memcpy(name, c->p, len);
	name[len] = '\0';
	*number = n;
	c->p = nl + 1;
	return true;
}

static struct domain_texts *
parse_texts(struct text_cursor *c)
{
	char name[NAME_LEN + 1];
	struct domain_texts *d;
	size_t n, len;
	bool ok;

	if (!take_line(c, &n, name))
		return NULL;
	d = domain_texts_create(name);
	for (ok = true; ok && n > 0; n--) {
		ok = take_line(c, &len, name) &&
		    len < (size_t)(c->end - c->p) && c->p[len] == '\n' &&
		    domain_texts_add(d, name, c->p, len) == 0;
		c->p += ok ? len + 1 : 0;
	}
	if (!ok || c->p != c->end)
		domain_texts_unref(&d);
	return d;
}

struct domain_texts *
domain_texts_load(const char *path, struct mx_errbuf *eb)
{
	struct buf b = BUF_INIT(FILE_MAX);
	struct domain_texts *d = NULL;
	char head[MAGIC_LEN + 16 + 2];
	struct text_cursor c;
	size_t n = MAGIC_LEN + 16 + 1;
	int rc = file_load(path, &b, eb);

	if (rc == -MX_ENOENT)
		eb->text[0] = '\0';
	if (rc != 0)
		goto out;
	if (b.len >= n) {
		c = (struct text_cursor){ b.data + n, b.data + b.len };
		snprintf(head, sizeof(head), MAGIC "%016" PRIx64 "\n",
		    hash_bytes(HASH_INIT, c.p, (size_t)(c.end - c.p)));
		if (memcmp(b.data, head, n) == 0)
			d = parse_texts(&c);
	}
	if (d == NULL)
		(void)mx_fail(eb, MX_ESYNTAX, "it is damaged");
out:
	buf_fini(&b);
	return d;
}
