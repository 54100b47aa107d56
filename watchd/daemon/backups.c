/* SPDX-License-Identifier: ISC
 * backups: see backups.h. */
#include "daemon/backups.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/removed.h"
#include "daemon/domains.h"
#include "daemon/removed.h"

#define PREFIX	     "mx_backup/"
#define NETWORKS_KEY "mx_backup_networks"
#define NETWORKS_MAX (64u << 10)

struct conf_domain
backups_settings(const struct config *conf, const char *name)
{
	struct conf_domain d = conf->mx_backup.domain;

	d.name = name;
	return d;
}

size_t
backups_room(const struct config *conf)
{
	return conf->mx_backup.networks.n > 0 ? conf->mx_backup.domains_max : 0;
}

/* ---- the operations of mx_backup */

/* The configuration that the modules use: while a reload is applied it is not
 * yet the one in force. */
static const struct config *
conf_of(const struct daemon *d)
{
	return mx_backup_conf(d->mx_backup);
}

/* A removed domain, whose mail goes by its MX records anyway, is taken over. */
static void
on_enter(void *arg, const char *domain)
{
	struct daemon *d = arg;
	struct conf_domain cd = backups_settings(conf_of(d), domain);

	removed_end(conf_of(d), domain);
	removed_end(d->conf, domain);
	apply_domain(d, &cd);
}

static void
on_leave(void *arg, const char *domain, const char *why)
{
	struct daemon *d = arg;

	if (config_settings(conf_of(d), domain) == NULL)
		domains_leave(d->domains, domain, why);
}

static uint64_t
on_queued(void *arg, const char *domain)
{
	struct daemon *d = arg;
	struct relay_domain rd;

	d->relay->domain(d->relay->self, domain, &rd);
	return rd.recipients;
}

static bool
on_taken(void *arg, const char *domain)
{
	struct daemon *d = arg;
	const struct config *conf = conf_of(d);

	return removed_is_kept(conf, domain) &&
	    config_settings(conf, domain)->primary.n > 0;
}

static void
put(struct daemon *d, const char *domain, const void *record, size_t len)
{
	char key[sizeof(PREFIX) + TEXT_DOMAIN_MAX];

	(void)snprintf(key, sizeof(key), PREFIX "%s", domain);
	store_state_put(d->store, key, record, len, NULL, NULL, 0);
}

static void
on_keep(void *arg, const char *domain, const void *record, size_t len)
{
	put(arg, domain, record, len);
}

static const struct mx_backup_ops backup_ops = {
	.enter = on_enter,
	.leave = on_leave,
	.queued = on_queued,
	.is_taken = on_taken,
	.keep = on_keep,
};

void
backups_create(struct daemon *d)
{
	struct mx_backup_ops ops = backup_ops;

	ops.arg = d;
	d->mx_backup = mx_backup_create(d->loop, d->dns, d->backup_names, &ops);
}

void
backups_destroy(struct daemon *d)
{
	mx_backup_destroy(&d->mx_backup);
}

/* While the clock is doubted no entry ages. */
void
backups_tick(struct daemon *d)
{
	if (queue_clock_doubt(d->queue) == 0)
		mx_backup_tick(d->mx_backup);
}

/* A look-up is only started here: the operator gets its result when asking
 * again. */
static void
look(struct daemon *d, const char *domain, struct mx_backup_view *v)
{
	mx_backup_look(d->mx_backup, domain, v);
	if (v->evidence[0] == '\0')
		mx_backup_look_up(d->mx_backup, domain);
}

bool
backups_ask(void *arg, const char *domain, const uint64_t *client,
    struct mx_backup_view *v)
{
	struct daemon *d = arg;

	if (!mx_backup_is_on(d->mx_backup))
		return false;
	if (client != NULL)
		mx_backup_ask(d->mx_backup, domain, *client, v);
	else
		look(d, domain, v);
	return true;
}

void
backups_accepted(void *arg, const char *domain)
{
	struct daemon *d = arg;

	mx_backup_accepted(d->mx_backup, domain);
}

/* ---- across restarts */

/* The networks by which the stored entries were taken in, one a line. */
static void
keep_networks(struct daemon *d)
{
	const struct strlist *list = &d->conf->mx_backup.networks;
	struct buf text = BUF_INIT(NETWORKS_MAX);
	int rc = 0;

	for (size_t i = 0; i < list->n && rc == 0; i++)
		rc = buf_addf(&text, "%s\n", list->s[i]);
	store_state_put(d->store, NETWORKS_KEY, text.data,
	    rc == 0 ? text.len : 0, NULL, NULL, 0);
	buf_fini(&text);
}

struct backups_load {
	struct daemon *d;
	struct strlist networks; /* of the previous run */
	bool narrower;
	char *text;
};

static void
load_networks(void *arg, const char *key, const void *data, size_t len)
{
	struct backups_load *l = arg;
	char *line, *next;

	if (strcmp(key, NETWORKS_KEY) != 0)
		return;
	l->text = next = mem_strndup(data, len);
	while ((line = strsep(&next, "\n")) != NULL) {
		if (line[0] == '\0')
			continue;
		l->networks.s = mem_grow(l->networks.s, l->networks.n + 1,
		    sizeof(*l->networks.s));
		l->networks.s[l->networks.n++] = line;
	}
}

/* A domain whose entry is not kept becomes a removed domain if it has mail: its
 * settings are in the store. */
static void
load_one(void *arg, const char *key, const void *data, size_t len)
{
	struct backups_load *l = arg;
	const char *name = key + strlen(PREFIX);
	struct daemon *d = l->d;
	int rc = -MX_ENOENT;

	if (strncmp(key, PREFIX, strlen(PREFIX)) != 0)
		return;
	if (!l->narrower && config_domain(d->conf, name) == NULL)
		rc = mx_backup_load(d->mx_backup, name, data, len);
	if (rc == -MX_ESYNTAX)
		log_error("mx_backup",
		    "domain=%s problem=\"its record is invalid\"", name);
	if (rc != 0)
		put(d, name, NULL, 0);
}

void
backups_load(struct daemon *d)
{
	struct backups_load l = { .d = d };
	struct conf_mx_backup was = { 0 };

	store_state_each(d->store, NETWORKS_KEY, load_networks, &l);
	was.networks = l.networks;
	l.narrower = !mx_backup_is_on(d->mx_backup) ||
	    mx_backup_narrows(&was, &d->conf->mx_backup);
	store_state_each(d->store, PREFIX, load_one, &l);
	mx_backup_loaded(d->mx_backup);
	keep_networks(d);
	mem_free(&l.networks.s);
	mem_free(&l.text);
}

/* ---- reloads */

int
backups_text(const struct config *old, const struct config *new,
    struct backup_names *names, const struct config *builtin, struct buf *text)
{
	char name[TEXT_DOMAIN_MAX] = "";
	struct conf_domain cd;
	int rc = 0;

	if (!mx_backup_narrows(&old->mx_backup, &new->mx_backup))
		return 0;
	while (rc == 0 && backup_names_next(names, name)) {
		cd = backups_settings(old, name);
		rc = removed_text(&cd, builtin, text);
	}
	return rc;
}

/* Domains that are to leave keep the settings that they have. */
bool
backups_change(struct daemon *d, const struct config *new, char *name,
    int64_t until)
{
	struct conf_domain cd;

	while (backup_names_next(d->backup_names, name)) {
		if (config_is_mx_backup(new, name)) {
			cd = backups_settings(new, name);
			apply_domain(d, &cd);
		}
		if (clock_now() > until)
			return true;
	}
	return false;
}

static void
leave(struct daemon *d, const struct config *old, const char *name)
{
	struct conf_domain cd = backups_settings(old, name);

	mx_backup_drop(d->mx_backup, name);
	if (removed_is_kept(d->conf, name))
		apply_left(d, &cd);
}

/* A domain that was taken in during the reload is not a removed one. */
bool
backups_leave(struct daemon *d, const struct config *old, char *name,
    int64_t until)
{
	bool narrower = mx_backup_narrows(&old->mx_backup, &d->conf->mx_backup);

	if (name[0] == '\0')
		keep_networks(d);
	while (backup_names_next(d->backup_names, name)) {
		if (!config_is_mx_backup(d->conf, name))
			leave(d, old, name);
		else if (narrower)
			mx_backup_doubt(d->mx_backup, name);
		if (clock_now() > until)
			return true;
	}
	return false;
}
