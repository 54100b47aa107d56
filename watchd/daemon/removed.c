/* SPDX-License-Identifier: ISC
 * removed: see removed.h. A note per domain has the hash of the stored
 * settings, so that they are written once and not with every message. It is
 * checked again after a configuration was read. */
#include "daemon/removed.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/idmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "cluster/cluster.h"
#include "config/removed.h"
#include "daemon/redirected.h"

#define PREFIX	 "settings/"
#define TEXT_MAX (256u << 10) /* 1,000 primaries of the longest names */
#define ALL_MAX	 (64u << 20)

struct settings_note {
	uint64_t text; /* hash of the stored text; 0: perhaps none */
	uint64_t configured; /* removed.configured at the last comparison */
};

struct removed {
	struct daemon *daemon;
	struct config *builtin;
	struct idmap notes; /* struct settings_note, by hash of the domain */
	uint64_t configured; /* number of configurations so far */
};

static uint64_t
key_of(const char *name)
{
	return hash_text(HASH_INIT, name);
}

static struct settings_note *
note_get(struct removed *r, const char *name)
{
	struct settings_note *n = idmap_get(&r->notes, key_of(name));

	if (n == NULL) {
		n = mem_alloc(sizeof(*n));
		idmap_put(&r->notes, key_of(name), n);
	}
	return n;
}

static void
note_free(uint64_t id, void *note, void *arg)
{
	(void)id;
	(void)arg;
	mem_free(&note);
}

/* ---- the store */

/* A text that could not be stored is offered again when the domain is next
 * looked at. */
static void
on_put(void *arg, uint64_t key, int rc)
{
	struct removed *r = arg;
	struct settings_note *n = idmap_get(&r->notes, key);

	if (rc != 0 && n != NULL)
		n->text = n->configured = 0;
}

static void
put(struct removed *r, const char *name, const void *text, size_t len)
{
	char key[sizeof(PREFIX) + TEXT_DOMAIN_MAX];

	(void)snprintf(key, sizeof(key), PREFIX "%s", name);
	store_state_put(r->daemon->store, key, text, len, on_put, r,
	    key_of(name));
}

void
removed_note(struct removed *r, const struct conf_domain *cd)
{
	struct settings_note *n = note_get(r, cd->name);
	struct buf text = BUF_INIT(TEXT_MAX);
	uint64_t hash;

	if (n->configured == r->configured)
		return;
	n->configured = r->configured;
	if (removed_text(cd, r->builtin, &text) != 0) {
		log_error("daemon",
		    "domain=%s problem=\"its settings are too long to keep "
		    "after its removal\"",
		    cd->name);
		buf_fini(&text);
		return;
	}
	hash = hash_bytes(HASH_INIT, text.data, text.len);
	if (n->text != hash)
		put(r, cd->name, text.data, text.len);
	n->text = hash;
	buf_fini(&text);
}

struct settings_load {
	struct removed *r;
	const struct config *conf;
	struct buf text; /* sections of the domains that are not in it */
};

static void
load_one(void *arg, const char *key, const void *data, size_t len)
{
	struct settings_load *l = arg;
	const char *name = key + strlen(PREFIX);
	struct mx_errbuf eb = { "" };
	int rc = 0;

	if (strncmp(key, PREFIX, strlen(PREFIX)) != 0)
		return;
	note_get(l->r, name)->text = hash_bytes(HASH_INIT, data, len);
	if (config_domain(l->conf, name) != NULL)
		return;
	if (!removed_is_valid(data, len, &eb) ||
	    (rc = buf_add(&l->text, data, len)) != 0)
		log_error("daemon",
		    "domain=%s problem=\"the settings from before its removal "
		    "are invalid\" error=%s effect=\"its queued mail is sent "
		    "to its MX hosts\"",
		    name, log_q(rc != 0 ? mx_strerror(rc) : eb.text));
}

void
removed_load(struct removed *r, struct config *conf)
{
	struct settings_load l = { .r = r,
		.conf = conf,
		.text = BUF_INIT(ALL_MAX) };
	struct mx_errbuf eb = { "" };

	store_state_each(r->daemon->store, PREFIX, load_one, &l);
	if (l.text.len > 0 &&
	    removed_attach(conf, l.text.data, l.text.len, &eb) != 0)
		log_error("daemon", "problem=\"removed domains\" error=%s",
		    log_q(eb.text));
	buf_fini(&l.text);
	removed_configured(r);
}

/* ---- the end of a removed domain */

/* While a configuration was being read, removed domains of the previous one may
 * have ended. */
void
removed_configured(struct removed *r)
{
	const struct config *conf = r->daemon->conf;
	const char *name;

	r->configured++;
	for (size_t i = 0; r->configured > 1 && i < removed_count(conf); i++) {
		name = removed_at(conf, i)->name;
		if (stats_peek(r->daemon->stats, name) == NULL)
			removed_end(conf, name);
	}
}

/* In a cluster its mail is at its owner, which removes the stored settings when
 * it is gone. Until then any node may become the owner. */
static bool
is_elsewhere(const struct removed *r, const char *name)
{
	const struct settings_note *n = idmap_get(&r->notes, key_of(name));
	const struct cluster *c = r->daemon->cluster;

	return c != NULL && !cluster_is_ours(c, name) && n != NULL &&
	    n->text != 0;
}

bool
removed_is_over(const struct removed *r, const struct snap_domain *s)
{
	return s->removed && snap_domain_messages(s) == 0 &&
	    !queue_loading(r->daemon->queue) && !is_elsewhere(r, s->name);
}

bool
removed_told(struct daemon *d, const char *key, const void *data, size_t len)
{
	const char *name = key + strlen(PREFIX);
	struct removed *r = d->removed;

	if (strncmp(key, PREFIX, strlen(PREFIX)) != 0)
		return false;
	if (r == NULL)
		return true;
	note_get(r, name)->text =
	    len > 0 ? hash_bytes(HASH_INIT, data, len) : 0;
	stats_touch(d->stats, name);
	return true;
}

void
removed_over(struct removed *r, const char *name, bool mx_backup,
    const char *why)
{
	struct daemon *d = r->daemon;
	void *note = idmap_take(&r->notes, key_of(name));
	struct relay_domain rd;

	mem_free(&note);
	put(r, name, NULL, 0);
	d->relay->domain(d->relay->self, name, &rd);
	log_notice("daemon", "domain=%s event=gone reason=%s messages=%ju",
	    name, log_q(why), (uintmax_t)relay_domain_messages(&rd));
	removed_end(d->conf, name);
	drill_forget(d->drills, name);
	queue_policy(d->queue, name, NULL);
	watch_domain_drop(d->watch, name);
	deliver_route_again(d->deliver, name);
	stats_domain_drop(d->stats, name, mx_backup);
	daemon_ledger_maintained(d, OUTAGE_DOMAIN, name, false, "");
	redirected_over(d, name);
}

struct removed *
removed_create(struct daemon *d)
{
	struct removed *r = mem_alloc(sizeof(*r));

	r->daemon = d;
	r->builtin = config_builtin();
	idmap_init(&r->notes);
	return r;
}

void
removed_destroy(struct removed **rp)
{
	if (*rp == NULL)
		return;
	idmap_each(&(*rp)->notes, note_free, NULL);
	idmap_fini(&(*rp)->notes);
	config_unref(&(*rp)->builtin);
	mem_free(rp);
}
