/* SPDX-License-Identifier: ISC
 * redirect: see redirect.h. The record in the store is a line:
 *
 *	1 SINCE UNTIL UID HOSTS HOST ... REASON
 *
 * 1 is the version, HOSTS the number of hosts; the reason extends to the end of
 * the line. */
#include "config/redirect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/records.h"
#include "config_int.h"

/* ---- one redirect */

struct first_error {
	struct mx_errbuf *eb;
	bool said;
};

static void
on_wrong(void *arg, unsigned line, bool warning, const char *text)
{
	struct first_error *f = arg;

	(void)line;
	if (warning || f->said)
		return;
	f->said = true;
	(void)mx_fail(f->eb, MX_ESYNTAX, "%s", text);
}

static struct redirect *
redirect_alloc(const char *domain)
{
	struct redirect *r = mem_alloc(sizeof(*r));

	r->refs = 1;
	(void)strlcpy(r->domain, domain, sizeof(r->domain));
	return r;
}

struct redirect *
redirect_create(const char *domain, char *const *host, size_t n,
    struct mx_errbuf *eb)
{
	struct conf_item item[REDIRECT_HOSTS_MAX] = { { NULL, 0 } };
	struct conf_value v = { .list = true, .n = n, .item = item };
	struct first_error first = { .eb = eb };
	struct value_reason why = { .tell = on_wrong, .arg = &first };
	struct conf_domain d = { .name = domain };
	struct redirect *r;

	if (n == 0 || n > REDIRECT_HOSTS_MAX) {
		(void)mx_fail(eb, MX_ESYNTAX, "from 1 to %d hosts are taken",
		    REDIRECT_HOSTS_MAX);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		item[i].text = host[i];
	if (option_set(&options[OPT_DOMAIN_primary], &d, &v, &why) != 0)
		return NULL;
	r = redirect_alloc(domain);
	r->to = d.primary;
	return r;
}

struct redirect *
redirect_ref(struct redirect *r)
{
	__atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
	return r;
}

void
redirect_unref(struct redirect **rp)
{
	struct redirect *r = *rp;

	*rp = NULL;
	if (r == NULL || __atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	strlist_fini(&r->to);
	mem_free(&r);
}

int
redirect_check(const struct redirect *r, const struct config *c,
    const struct conf_domain *d, struct mx_errbuf *eb)
{
	int rc = 0;

	for (size_t i = 0; i < r->to.n && rc == 0; i++)
		rc = check_redirected(c, d->pin, r->to.s[i], eb);
	return rc;
}

void
redirect_write(const struct redirect *r, struct buf *out)
{
	int rc = buf_addf(out, "1 %" PRId64 " %" PRId64 " %" PRId64 " %zu",
	    r->since, r->until, r->uid, r->to.n);

	for (size_t i = 0; i < r->to.n && rc == 0; i++)
		rc = buf_addf(out, " %s", r->to.s[i]);
	if (rc == 0)
		rc = buf_addf(out, " %s", r->reason);
	MX_ASSERT(rc == 0); /* it fits in REDIRECT_RECORD_MAX */
}

static bool
take_int(char **line, int64_t min, int64_t max, int64_t *v)
{
	const char *word = records_word(line);

	return word != NULL && text_int(word, min, max, v) == 0;
}

static struct redirect *
read_line(const char *domain, char *line)
{
	char *host[REDIRECT_HOSTS_MAX];
	int64_t version, since, until, uid, n;
	struct redirect *r;

	if (!take_int(&line, 1, 1, &version) ||
	    !take_int(&line, 0, INT64_MAX, &since) ||
	    !take_int(&line, 0, INT64_MAX, &until) ||
	    !take_int(&line, -1, INT64_MAX, &uid) ||
	    !take_int(&line, 1, REDIRECT_HOSTS_MAX, &n))
		return NULL;
	for (int64_t i = 0; i < n; i++)
		if ((host[i] = records_word(&line)) == NULL)
			return NULL;
	if (line == NULL || strlen(line) >= REDIRECT_REASON_MAX ||
	    (r = redirect_create(domain, host, (size_t)n, NULL)) == NULL)
		return NULL;
	r->since = since;
	r->until = until;
	r->uid = uid;
	(void)strlcpy(r->reason, line, sizeof(r->reason));
	return r;
}

struct redirect *
redirect_read(const char *domain, const void *data, size_t len)
{
	char canonical[TEXT_DOMAIN_MAX], text[REDIRECT_RECORD_MAX + 1];

	if (len > REDIRECT_RECORD_MAX || memchr(data, '\0', len) != NULL ||
	    text_domain(domain, strlen(domain), canonical) != 0 ||
	    strcmp(domain, canonical) != 0)
		return NULL;
	memcpy(text, data, len);
	text[len] = '\0';
	return read_line(domain, text);
}

char *
redirect_hosts(const struct strlist *hosts, char *dst, size_t size)
{
	(void)strlcpy(dst, hosts->n == 0 ? "its MX records" : "", size);
	for (size_t i = 0; i < hosts->n; i++) {
		(void)strlcat(dst, i > 0 ? ", " : "", size);
		(void)strlcat(dst, hosts->s[i], size);
	}
	return dst;
}

/* ---- sets */

static int
compare_domain(const void *domain, const void *r)
{
	return strcmp(domain, (*(struct redirect *const *)r)->domain);
}

struct redirect *
redirect_set_find(const struct redirect_set *s, const char *domain)
{
	struct redirect *const *r = NULL;

	if (s != NULL)
		r = bsearch(domain, s->r, s->n, sizeof(s->r[0]),
		    compare_domain);
	return r != NULL ? *r : NULL;
}

/* `r` NULL: without that domain. */
static struct redirect_set *
change(const struct redirect_set *s, const char *domain, struct redirect *r)
{
	size_t n = s != NULL ? s->n : 0, i = 0;
	struct redirect_set *to =
	    mem_alloc(sizeof(*to) + (n + 1) * sizeof(to->r[0]));

	to->refs = 1;
	for (; i < n && strcmp(s->r[i]->domain, domain) < 0; i++)
		to->r[to->n++] = redirect_ref(s->r[i]);
	if (r != NULL)
		to->r[to->n++] = redirect_ref(r);
	if (i < n && strcmp(s->r[i]->domain, domain) == 0)
		i++;
	for (; i < n; i++)
		to->r[to->n++] = redirect_ref(s->r[i]);
	if (to->n == 0)
		mem_free(&to);
	return to;
}

struct redirect_set *
redirect_set_with(const struct redirect_set *s, struct redirect *r)
{
	return change(s, r->domain, r);
}

struct redirect_set *
redirect_set_without(const struct redirect_set *s, const char *domain)
{
	return change(s, domain, NULL);
}

struct redirect_set *
redirect_set_ref(struct redirect_set *s)
{
	if (s != NULL)
		__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void
redirect_set_unref(struct redirect_set **sp)
{
	struct redirect_set *s = *sp;

	*sp = NULL;
	if (s == NULL || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (size_t i = 0; i < s->n; i++)
		redirect_unref(&s->r[i]);
	mem_free(&s);
}

/* ---- in configurations */

const struct strlist *
config_own_primary(const struct conf_domain *d)
{
	return d->redirect != NULL ? &d->redirected : &d->primary;
}

static bool
same_hosts(const struct strlist *a, const struct strlist *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->s[i], b->s[i]) != 0)
			return false;
	return true;
}

bool
redirect_is_configured(const struct redirect *r, const struct conf_domain *d)
{
	return same_hosts(&r->to, config_own_primary(d));
}

bool
redirect_same(const struct conf_domain *a, const struct conf_domain *b)
{
	return a->redirect == b->redirect &&
	    same_hosts(&a->redirected, &b->redirected);
}

void
redirect_apply(const struct redirect_set *s, struct conf_domain *d)
{
	const struct redirect *r = redirect_set_find(s, d->name);

	if (r == NULL || redirect_is_configured(r, d))
		return;
	d->redirect = r;
	d->redirected = d->primary;
	d->primary = r->to;
}

struct config *
config_redirected(struct config *base, struct redirect_set *s)
{
	struct config *c;

	MX_ASSERT(base->base == NULL);
	c = config_borrow(base);
	c->base = config_ref(base);
	c->redirects = redirect_set_ref(s);
	c->domain = mem_array(base->ndomains + 1, sizeof(*c->domain));
	c->ndomains = base->ndomains;
	if (base->ndomains > 0)
		memcpy(c->domain, base->domain,
		    base->ndomains * sizeof(*c->domain));
	for (size_t i = 0; s != NULL && i < c->ndomains; i++)
		redirect_apply(s, &c->domain[i]);
	return c;
}

struct config *
config_base(struct config *c)
{
	return c->base != NULL ? c->base : c;
}
