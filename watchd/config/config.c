/* SPDX-License-Identifier: ISC
 * config: the life of a configuration. Reading sets the defaults of the table
 * in the fixed sections and in `defaults`; then the values of the text; then
 * follow the steps that need the whole file (duplicate domains, inheritance
 * from defaults, cross-checks); at last the domains are moved to one sorted
 * array. All or nothing: with a single error the caller gets NULL and keeps its
 * configuration. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/backup_names.h"
#include "config/elsewhere.h"
#include "config/redirect.h"
#include "config/removed.h"
#include "config_int.h"
#include "pool.h"

static void
own_free(struct config *c)
{
	for (size_t i = 0; i < OPT_COUNT; i++)
		if (!option_is_titled(&options[i]) &&
		    !option_of_domain(&options[i]))
			option_free(&options[i], c);
	alerts_free(c);
	for (size_t i = 0; i < c->npins; i++)
		pin_unref(&c->pins[i]);
	mem_free(&c->pins);
	pin_unref(&c->pin);
	mem_free(&c->file);
}

static void
config_destroy(struct config *c)
{
	config_unref(&c->removed);
	backup_names_unref(&c->backups);
	mem_free(&c->ended);
	mem_free(&c->domain);
	pool_destroy(&c->pool);
	redirect_set_unref(&c->redirects);
	if (c->base != NULL) /* which owns all else, `local` included */
		config_unref(&c->base);
	else if (c->local != NULL) /* likewise */
		config_unref(&c->local);
	else
		own_free(c);
	mem_free(&c);
}

struct config *
config_ref(struct config *c)
{
	__atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

void
config_unref(struct config **cp)
{
	struct config *c = *cp;

	*cp = NULL;
	if (c != NULL && __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) == 0)
		config_destroy(c);
}

static struct config *
config_create(const char *file)
{
	struct config *c = mem_alloc(sizeof(*c));
	const struct option *o;
	size_t i;

	c->refs = 1;
	c->file = mem_strdup(file);
	c->pool = pool_create();
	c->defaults.name = "";
	for (i = 0; i < OPT_COUNT; i++) {
		o = &options[i];
		if (option_of_domain(o)) {
			option_set_default(o, &c->defaults);
			option_share(o, &c->defaults, c->pool);
		} else if (!option_is_titled(o)) {
			option_set_default(o, c);
		}
	}
	alerts_init(c);
	return c;
}

struct config *
config_builtin(void)
{
	return config_create("");
}

static int
compare_entries(const void *va, const void *vb)
{
	const struct conf_entry *a = *(struct conf_entry *const *)va;
	const struct conf_entry *b = *(struct conf_entry *const *)vb;
	int rc = strcmp(a->d.name, b->d.name);

	if (rc != 0)
		return rc;
	if (a->at.file != b->at.file)
		return a->at.file < b->at.file ? -1 : 1;
	return a->at.line < b->at.line ? -1 : a->at.line > b->at.line;
}

static int
compare_titles(const void *va, const void *vb)
{
	const struct conf_title *a = va, *b = vb;
	int rc = strcmp(a->title, b->title);

	if (a->section != b->section)
		return a->section < b->section ? -1 : 1;
	if (rc != 0)
		return rc;
	if (a->at.file != b->at.file)
		return a->at.file < b->at.file ? -1 : 1;
	return a->at.line < b->at.line ? -1 : a->at.line > b->at.line;
}

/* After sorting, duplicates are adjacent, in the order of the file. */
void
loader_find_twins(struct conf_loader *l)
{
	const struct conf_entry *first = NULL, *e;
	const struct conf_title *t, *u = NULL;
	char q[CONF_QUOTE_MAX];
	size_t i;

	if (l->nentries > 0)
		qsort(l->entry, l->nentries, sizeof(*l->entry),
		    compare_entries);
	for (i = 0; i < l->nentries; i++) {
		e = l->entry[i];
		if (first != NULL && e->d.name[0] != '\0' &&
		    strcmp(first->d.name, e->d.name) == 0)
			conf_err(l, e->at,
			    "domain %s is listed twice (first at %s:%u)",
			    conf_quote(e->d.name, q), l->file[first->at.file],
			    first->at.line);
		else
			first = e;
	}
	if (l->ntitles > 0)
		qsort(l->title, l->ntitles, sizeof(*l->title), compare_titles);
	for (i = 0; i < l->ntitles; i++) {
		t = &l->title[i];
		if (u != NULL && u->section == t->section &&
		    strcmp(u->title, t->title) == 0)
			conf_err(l, t->at,
			    "%s %s is listed twice (first at %s:%u)",
			    sections[t->section].name, conf_quote(t->title, q),
			    l->file[u->at.file], u->at.line);
		else
			u = t;
	}
}

void
loader_inherit(struct conf_loader *l)
{
	struct conf_entry *e;
	size_t i, k;

	for (i = 0; i < l->nentries; i++) {
		e = l->entry[i];
		for (k = 0; k < OPT_DOMAIN_COUNT; k++)
			if (e->set[k].line == 0)
				option_copy(&options[OPT_DOMAIN_FIRST + k],
				    &e->d, &l->c->defaults);
	}
}

/* The pin does not bar this host: the route does, which knows our ports. */
static struct pin *
add_pin(struct config *c, const struct strlist *networks, const char *barred)
{
	struct pin *pin = pin_create(networks->s, networks->n, false, barred);

	if ((c->npins & (c->npins - 1)) == 0) /* a power of two is full */
		c->pins = mem_grow(c->pins, c->npins > 0 ? c->npins * 2 : 1,
		    sizeof(struct pin *));
	c->pins[c->npins++] = pin;
	return pin;
}

/* Values from defaults, or equal to those of the previous domain, get the same
 * pin: equal lists are one list of the pool. */
static void
make_pins(struct config *c)
{
	const struct strlist *last = NULL, *is;
	struct pin *pin = NULL;

	for (size_t i = 0; i < c->ndomains; i++) {
		is = &c->domain[i].primary_networks;
		if (is->n == 0)
			continue;
		if (last == NULL || is->s != last->s)
			pin = add_pin(c, is, "outside primary_networks");
		c->domain[i].pin = pin;
		last = is;
	}
}

/* Differs from `defaults` where strangers would otherwise have control: their
 * names are in no list, and a probe with RCPT for each domain's postmaster
 * would let them put questions to the primary. */
static void
make_mx_backup(struct config *c)
{
	const struct conf_mx_backup *b = &c->mx_backup;
	struct conf_domain *d = &c->mx_backup.domain;

	*d = c->defaults;
	d->mx_backup = true;
	d->primary = (struct strlist){ 0 };
	d->primary_networks = b->networks;
	d->pin = b->networks.n > 0 ?
	    add_pin(c, &b->networks, "outside mx_backup { networks }") :
	    NULL;
	d->recipients = NULL;
	d->recipients_learn = true;
	d->recipients_unknown = UNKNOWN_DEFER;
	d->recipients_learn_max = b->recipients_max;
	d->lifetime_ms = b->lifetime_ms;
	if (d->probe.depth > DEPTH_STARTTLS)
		d->probe.depth = DEPTH_STARTTLS;
}

/* Hands the domains to the configuration and frees all else. */
void
loader_fini(struct conf_loader *l)
{
	struct config *c = l->c;
	size_t i;

	c->domain = mem_array(l->nentries + 1, sizeof(*c->domain));
	c->ndomains = l->nentries;
	for (i = 0; i < l->nentries; i++)
		c->domain[i] = l->entry[i]->d;
	for (i = 0; i < l->nblocks; i++)
		mem_free(&l->block[i]);
	mem_free(&l->block);
	mem_free(&l->entry);
	pool_seal(c->pool);
	for (i = 0; i < l->nfiles; i++)
		mem_free(&l->file[i]);
	mem_free(&l->file);
	mem_free(&l->errat);
	for (i = 0; i < l->nlines; i++)
		mem_free(&l->lines[i].line);
	mem_free(&l->lines);
	free(l->local);
}

const struct conf_reader conf_reads_nothing = { NULL, NULL };

/* Checks with the rights of the user who will read the files. A user that does
 * not exist can read none. */
static void
check_as(struct conf_loader *l)
{
	struct mx_errbuf why = { "" };

	if (l->as == NULL || l->as == &conf_reads_nothing ||
	    l->set[OPT_TOP_user].wrong) {
		check_config(l);
	} else if (l->as->become(l->c, &why) == 0) {
		check_config(l);
		l->as->back();
	} else {
		conf_err(l, l->set[OPT_TOP_user], "%s", why.text);
	}
}

/* text NULL: read the file. `whole`: a configuration, not only domains. */
static struct config *
load(const char *name, const char *text, size_t len, bool whole,
    const struct conf_reader *as, struct conf_errors *errs)
{
	bool fits = !whole || len <= CONF_FILE_MAX;
	struct conf_loader l = { .errs = errs,
		.as = as,
		.rules = whole ? RULES_FILE : RULES_KEPT,
		.taken_before = !whole };
	struct config *c;

	memset(errs, 0, sizeof(*errs));
	l.c = c = config_create(name);
	if (text != NULL)
		parse_text(&l, name, text, fits ? len : 0);
	else
		parse_file(&l, name);
	if (!fits)
		conf_err(&l, (struct conf_pos){ 0 }, "is larger than %u MiB",
		    CONF_FILE_MAX >> 20);
	/* If the file cannot be read, nothing else is reported. */
	if (l.nfiles > 1 || errs->n == 0 || errs->e[0].line != 0) {
		loader_find_twins(&l);
		loader_inherit(&l);
		if (whole)
			check_as(&l);
	}
	conf_errors_sort(&l);
	titles_take(&l);
	loader_fini(&l);
	make_pins(c);
	make_mx_backup(c);
	if (whole)
		elsewhere_pin(c);
	if (errs->nfatal > 0)
		config_unref(&c);
	return c;
}

struct config *
config_load(const char *file, struct conf_errors *errs)
{
	return load(file, NULL, 0, true, NULL, errs);
}

struct config *
config_load_as(const char *file, const struct conf_reader *as,
    struct conf_errors *errs)
{
	return load(file, NULL, 0, true, as, errs);
}

struct config *
config_parse(const char *name, const char *text, size_t len,
    struct conf_errors *errs)
{
	return load(name, text, len, true, NULL, errs);
}

struct config *
config_parse_domains(const char *text, size_t len, struct conf_errors *errs)
{
	return load("", text, len, false, NULL, errs);
}

static int
compare_name(const void *name, const void *domain)
{
	return strcmp(name, ((const struct conf_domain *)domain)->name);
}

const struct conf_domain *
config_domain(const struct config *c, const char *name)
{
	return bsearch(name, c->domain, c->ndomains, sizeof(*c->domain),
	    compare_name);
}

const char *
config_tls_word(enum conf_tls tls)
{
	static const char *const word[] = {
		[CONF_TLS_MAY] = "may",
		[CONF_TLS_REQUIRE] = "require",
		[CONF_TLS_DANE] = "dane",
		[CONF_TLS_NONE] = "none",
	};

	return word[tls];
}

char *
config_static_changes(const struct config *old, const struct config *new,
    char *dst, size_t size)
{
	const struct option *o;
	const char *section;
	size_t i, n = 0;
	int rc;

	MX_ASSERT(size > 0);
	dst[0] = '\0';
	for (i = 0; i < OPT_COUNT; i++) {
		o = &options[i];
		if (o->cls != CLASS_RESTART || option_equal(o, old, new))
			continue;
		section = sections[o->section].name;
		rc = snprintf(dst + n, size - n, "%s%s%s%s", n > 0 ? ", " : "",
		    section, *section != '\0' ? "." : "", o->name);
		if (rc < 0 || (size_t)rc >= size - n)
			break;
		n += (size_t)rc;
	}
	return dst;
}
