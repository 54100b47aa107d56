/* SPDX-License-Identifier: ISC
 * mx_backup: the answers for domains, and the results of look-ups. Negative
 * results are kept in a bounded table (base/ways.h), which evicts the one that
 * expires first. */
#include "relay/mxbackup/mx_backup.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/mxbackup/mx_backup_int.h"

#define NEGATIVE_WAYS 8u
/* Lifetime of temporary results: the resolver fails, or there is no room. */
#define RETRY_NS (60 * CLOCK_SEC)

static const enum mx_backup_result result_of[BACKUP_VERDICT_MAX] = {
	[BACKUP_FITS] = MX_BACKUP_ACCEPTED,
	[BACKUP_DNS] = MX_BACKUP_DNS,
	[BACKUP_NO_MX] = MX_BACKUP_NO_MX,
	[BACKUP_NOT_NAMED] = MX_BACKUP_NOT_NAMED,
	[BACKUP_NOT_BETTER] = MX_BACKUP_NOT_BETTER,
	[BACKUP_OUTSIDE] = MX_BACKUP_OUTSIDE,
};

/* ---- negative results */

static int64_t
negative_worth(const void *entry, const void *arg MX_UNUSED)
{
	const struct backup_negative *n = entry;

	return n->until_ns == 0 ? WAYS_FREE : n->until_ns;
}

static uint64_t
key_of(const struct mx_backup *m, const char *domain)
{
	return hash_text(m->seed, domain);
}

static void
negative_note(struct mx_backup *m, const char *domain,
    enum mx_backup_result result, const char *evidence, int64_t for_ns)
{
	struct backup_negative *n =
	    ways_take(&m->negative, key_of(m, domain), negative_worth, NULL);

	n->until_ns = loop_now(m->loop) + for_ns;
	n->looked_ms = clock_wall_ms();
	n->result = result;
	strlcpy(n->evidence, evidence, sizeof(n->evidence));
}

/* NULL: none. */
static const struct backup_negative *
negative_find(const struct mx_backup *m, const char *domain)
{
	const struct backup_negative *n =
	    ways_find(&m->negative, key_of(m, domain), negative_worth, NULL);

	return n != NULL && n->until_ns > loop_now(m->loop) ? n : NULL;
}

static void
negative_reset(struct mx_backup *m)
{
	uint32_t places = 64;

	while (places < m->conf->mx_backup.negative_cache)
		places *= 2;
	ways_fini(&m->negative);
	ways_init(&m->negative, places, NEGATIVE_WAYS,
	    sizeof(struct backup_negative));
}

/* ---- results of look-ups */

static void
enter(struct mx_backup *m, const char *domain, const struct backup_finding *f)
{
	struct backup_entry *e;

	if (config_domain(m->conf, domain) != NULL)
		return; /* a reload added it meanwhile */
	if (m->ops.is_taken(m->ops.arg, domain)) {
		negative_note(m, domain, MX_BACKUP_REMOVED,
		    "mail from its time in the configuration is still queued",
		    RETRY_NS);
		return;
	}
	if ((e = entry_create(m, domain)) == NULL) {
		negative_note(m, domain, MX_BACKUP_FULL,
		    "there are mx_backup { domains_max } domains, all of which "
		    "have mail",
		    RETRY_NS);
		return;
	}
	entry_found(m, e, f, clock_wall_ms());
	e->asked_ms = e->looked_ms;
	entry_keep(m, e);
	backup_names_add(m->names, domain);
	log_notice("mx_backup", "domain=%s event=taken_in evidence=%s", domain,
	    log_q(f->evidence));
	m->ops.enter(m->ops.arg, domain);
}

/* Mail that was accepted while it did fit is still delivered; no more is
 * accepted. */
static void
entry_unfit(struct mx_backup *m, struct backup_entry *e,
    const struct backup_finding *f)
{
	char domain[TEXT_DOMAIN_MAX];

	strlcpy(domain, e->name, sizeof(domain));
	entry_found(m, e, f, clock_wall_ms());
	if (m->ops.queued(m->ops.arg, domain) > 0)
		return;
	entry_destroy(m, e, f->evidence);
	negative_note(m, domain, result_of[f->verdict], f->evidence,
	    m->conf->mx_backup.negative_ttl_ms * CLOCK_MS);
}

static void
on_lookup(void *arg, const char *domain, const struct backup_finding *f)
{
	struct mx_backup *m = arg;
	struct backup_entry *e = entry_find(m, domain);

	if (e != NULL && f->verdict == BACKUP_DNS)
		e->next_look_ns = loop_now(m->loop) + RETRY_NS;
	else if (e != NULL && f->verdict == BACKUP_FITS)
		entry_found(m, e, f, clock_wall_ms());
	else if (e != NULL)
		entry_unfit(m, e, f);
	else if (f->verdict == BACKUP_FITS)
		enter(m, domain, f);
	else
		negative_note(m, domain, result_of[f->verdict], f->evidence,
		    f->verdict == BACKUP_DNS ?
			RETRY_NS :
			m->conf->mx_backup.negative_ttl_ms * CLOCK_MS);
}

/* ---- answers */

static enum mx_backup_answer
answer_of(enum mx_backup_result result)
{
	switch (result) {
	case MX_BACKUP_ACCEPTED:
		return MX_BACKUP_YES;
	case MX_BACKUP_ASKED:
	case MX_BACKUP_BUSY:
	case MX_BACKUP_DNS:
	case MX_BACKUP_FULL:
		return MX_BACKUP_LATER;
	default:
		return MX_BACKUP_NO;
	}
}

static void
view_set(struct mx_backup_view *v, enum mx_backup_result result,
    int64_t looked_ms, const char *evidence)
{
	v->result = result;
	v->answer = answer_of(result);
	v->looked_ms = looked_ms;
	strlcpy(v->evidence, evidence, sizeof(v->evidence));
}

static void
view_entry(const struct mx_backup *m, const struct backup_entry *e,
    struct mx_backup_view *v)
{
	enum mx_backup_result result = result_of[e->verdict];

	if (result == MX_BACKUP_ACCEPTED &&
	    m->ops.queued(m->ops.arg, e->name) >=
		m->conf->mx_backup.recipients_max)
		result = MX_BACKUP_FULL;
	v->is_entry = true;
	v->asked_ms = e->asked_ms;
	view_set(v, result, e->looked_ms,
	    e->evidence != NULL ? e->evidence : "");
}

void
mx_backup_look(const struct mx_backup *m, const char *domain,
    struct mx_backup_view *v)
{
	const struct backup_entry *e = entry_find(m, domain);
	const struct backup_negative *n;

	memset(v, 0, sizeof(*v));
	if (e != NULL)
		view_entry(m, e, v);
	else if ((n = negative_find(m, domain)) != NULL)
		view_set(v, n->result, n->looked_ms, n->evidence);
	else
		view_set(v, MX_BACKUP_ASKED, 0, "");
}

/* The last result stays valid until there is another one: a failing resolver,
 * which is likely while the primary's site is down, changes nothing. */
static void
recheck(struct mx_backup *m, struct backup_entry *e)
{
	int64_t age = clock_wall_ms() - e->looked_ms;

	if (age >= 0 && age < m->conf->mx_backup.recheck_ms)
		return;
	if (e->next_look_ns > loop_now(m->loop))
		return;
	(void)backup_lookups_begin(m->lookups, e->name, BACKUP_NO_CLIENT);
}

void
mx_backup_ask(struct mx_backup *m, const char *domain, uint64_t client_key,
    struct mx_backup_view *v)
{
	struct backup_entry *e = entry_find(m, domain);

	mx_backup_look(m, domain, v);
	if (e != NULL) {
		if (e->verdict == BACKUP_FITS)
			entry_asked(m, e);
		recheck(m, e);
		return;
	}
	if (v->result == MX_BACKUP_ASKED &&
	    backup_lookups_begin(m->lookups, domain, client_key) != 0)
		v->result = MX_BACKUP_BUSY;
}

void
mx_backup_look_up(struct mx_backup *m, const char *domain)
{
	(void)backup_lookups_begin(m->lookups, domain, BACKUP_NO_CLIENT);
}

/* ---- life */

struct mx_backup *
mx_backup_create(struct loop *loop, struct dns *dns, struct backup_names *names,
    const struct mx_backup_ops *ops)
{
	struct mx_backup *m = mem_alloc(sizeof(*m));

	m->loop = loop;
	m->ops = *ops;
	m->names = backup_names_ref(names);
	m->lookups = backup_lookups_create(loop, dns, on_lookup, m);
	m->seed = rnd_u64();
	RB_INIT(&m->tree);
	TAILQ_INIT(&m->entries[false]);
	TAILQ_INIT(&m->entries[true]);
	return m;
}

void
mx_backup_destroy(struct mx_backup **mp)
{
	struct mx_backup *m = *mp;
	struct backup_entry *e;

	if (m == NULL)
		return;
	backup_lookups_destroy(&m->lookups);
	for (unsigned i = 0; i < MX_COUNT(m->entries); i++)
		while ((e = TAILQ_FIRST(&m->entries[i])) != NULL) {
			TAILQ_REMOVE(&m->entries[i], e, link);
			mem_free(&e->evidence);
			mem_free(&e);
		}
	ways_fini(&m->negative);
	prefix_list_destroy(&m->networks);
	backup_names_unref(&m->names);
	config_unref(&m->conf);
	mem_free(mp);
}

void
mx_backup_configure(struct mx_backup *m, struct config *conf,
    const struct route_self *self)
{
	struct prefix_list *networks = prefix_list_create(
	    conf->mx_backup.networks.s, conf->mx_backup.networks.n);
	struct config *was = m->conf;

	m->conf = config_ref(conf);
	backup_lookups_configure(m->lookups, &conf->mx_backup, self, networks);
	prefix_list_destroy(&m->networks);
	m->networks = networks;
	config_unref(&was);
	negative_reset(m);
}

bool
mx_backup_narrows(const struct conf_mx_backup *was,
    const struct conf_mx_backup *is)
{
	struct prefix_list *old =
	    prefix_list_create(was->networks.s, was->networks.n);
	struct prefix_list *new =
	    prefix_list_create(is->networks.s, is->networks.n);
	bool covers = prefix_list_covers(new, old);

	prefix_list_destroy(&old);
	prefix_list_destroy(&new);
	return !covers;
}

const struct config *
mx_backup_conf(const struct mx_backup *m)
{
	return m->conf;
}

bool
mx_backup_is_on(const struct mx_backup *m)
{
	return m->conf != NULL && m->conf->mx_backup.networks.n > 0;
}
