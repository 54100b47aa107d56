/* SPDX-License-Identifier: ISC
 * elsewhere: see elsewhere.h. The loader of the file is used; the result is a
 * configuration that borrows all but the domains from the local one. */
#include "config/elsewhere.h"

#include <string.h>

#include "base/mem.h"
#include "config/redirect.h"
#include "config_int.h"
#include "pool.h"

/* The pin of the source's domains. Without networks (a kept source may have had
 * some) only loopback and this host are barred. */
void
elsewhere_pin(struct config *c)
{
	char v4[] = "0.0.0.0/0", v6[] = "::/0", *any[] = { v4, v6 };
	const struct strlist *n = &c->domains_from_networks;

	c->pin = n->n > 0 ?
	    pin_create(n->s, n->n, true, "outside domains_from_networks") :
	    pin_create(any, MX_COUNT(any), true, "an address of this host");
}

struct config *
config_borrow(const struct config *owner)
{
	struct config *c = mem_alloc(sizeof(*c));

	*c = *owner;
	c->refs = 1;
	c->pool = pool_create();
	c->domain = NULL;
	c->ndomains = 0;
	c->base = NULL;
	c->redirects = NULL;
	c->removed = NULL;
	c->backups = NULL;
	c->ended = NULL;
	return c;
}

static void
read_text(struct conf_loader *l, const struct domain_texts *texts, size_t i)
{
	const char *source = domain_texts_source(texts), *file;
	size_t len;
	const char *text = domain_texts_at(texts, i, &file, &len);
	char *name = *file != '\0' ? mem_printf("%s/%s", source, file) :
				     mem_strdup(source);
	const char *p = text;

	while (p < text + len && strchr(" \t\r\n", *p) != NULL && *p != '\0')
		p++;
	if (p < text + len && (*p == '{' || *p == '['))
		parse_json(l, name, text, len);
	else
		parse_text(l, name, text, len);
	mem_free(&name);
}

/* A domain in both file and source is an error, because neither may override
 * the other silently; a kept source's is left out with a warning. */
static void
find_local_twins(struct conf_loader *l, bool kept)
{
	size_t n = 0, i;
	struct conf_entry *e;
	char q[CONF_QUOTE_MAX];

	for (i = 0; i < l->nentries; i++) {
		e = l->entry[i];
		if (config_domain(l->c->local, e->d.name) == NULL) {
			l->entry[n++] = e;
		} else if (kept) {
			conf_warn(l, e->at,
			    "domain %s is in the configuration file as well, "
			    "which takes precedence",
			    conf_quote(e->d.name, q));
		} else {
			l->entry[n++] = e;
			conf_err(l, e->at,
			    "domain %s is in the configuration file as well; "
			    "remove it from one of them",
			    conf_quote(e->d.name, q));
		}
	}
	l->nentries = n;
}

/* Both are sorted by name; c->domain has only the source's so far. */
static void
merge(struct config *c)
{
	const struct config *local = c->local;
	struct conf_domain *mine = c->domain, *to;
	size_t n = c->ndomains, i = 0, k = 0;

	c->ndomains = n + local->ndomains;
	c->domain = to = mem_array(c->ndomains + 1, sizeof(*to));
	while (i < n || k < local->ndomains)
		if (k == local->ndomains ||
		    (i < n && strcmp(mine[i].name, local->domain[k].name) < 0))
			*to++ = mine[i++];
		else
			*to++ = local->domain[k++];
	mem_free(&mine);
}

struct config *
elsewhere_join(struct config *local, const struct domain_texts *texts,
    bool kept, struct conf_errors *errs)
{
	struct config *c = config_borrow(local);
	struct conf_loader l = { .c = c,
		.errs = errs,
		.rules = RULES_ELSEWHERE,
		.taken_before = kept };
	size_t i;

	memset(errs, 0, sizeof(*errs));
	c->local = config_ref(local);
	for (i = 0; texts != NULL && i < domain_texts_count(texts); i++)
		read_text(&l, texts, i);
	loader_find_twins(&l);
	find_local_twins(&l, kept);
	loader_inherit(&l);
	for (i = 0; i < l.nentries; i++) {
		l.entry[i]->d.elsewhere = true;
		l.entry[i]->d.pin = c->pin;
	}
	if (!kept)
		check_entries(&l);
	conf_errors_sort(&l);
	loader_fini(&l);
	merge(c);
	if (errs->nfatal > 0)
		config_unref(&c);
	return c;
}

struct config *
elsewhere_local(struct config *c)
{
	c = config_base(c);
	return c->local != NULL ? c->local : c;
}

size_t
elsewhere_count(const struct config *c)
{
	return c->local != NULL ? c->ndomains - c->local->ndomains : 0;
}

size_t
elsewhere_lost(const struct config *old, const struct config *new)
{
	size_t lost = 0;

	for (size_t i = 0; i < old->ndomains; i++)
		lost += old->domain[i].elsewhere &&
		    config_domain(new, old->domain[i].name) == NULL;
	return lost;
}
