/* SPDX-License-Identifier: ISC
 * programs: see programs.h. All but programs_create() runs in the spawner. */
#include "daemon/programs.h"

#include <string.h>

#include "base/source_spec.h"
#include "daemon/daemon.h"
#include "daemon/privileges.h"

static int
begin(void *arg)
{
	struct config **conf = arg;
	struct mx_errbuf eb;

	/* The daemon meets the same failure and reports it. */
	return privileges_drop(*conf, &eb);
}

static bool
is_same(const struct strlist *list, const char *const *argv)
{
	size_t i;

	for (i = 0; i < list->n && argv[i] != NULL; i++)
		if (strcmp(list->s[i], argv[i]) != 0)
			return false;
	return i == list->n && argv[i] == NULL;
}

static bool
is_spec(const char *spec, const char *const *argv)
{
	struct strlist list = spec_argv(spec);
	bool same = is_same(&list, argv);

	strlist_fini(&list);
	return same;
}

static bool
names(const struct config *c, const char *const *argv)
{
	if (c->snmp.present && strcmp(argv[0], c->snmp.program) == 0)
		return true;
	if (c->domains_from != NULL && spec_is_exec(c->domains_from) &&
	    is_spec(c->domains_from, argv))
		return true;
	for (size_t i = 0; i < c->ndomains; i++)
		if (c->domain[i].recipients != NULL &&
		    spec_is_exec(c->domain[i].recipients) &&
		    is_spec(c->domain[i].recipients, argv))
			return true;
	for (size_t i = 0; i < c->nreceivers; i++)
		if (is_same(&c->receiver[i].command, argv))
			return true;
	return false;
}

static bool
allowed(const char *const *argv, void *arg)
{
	struct config **conf = arg, *now;
	struct conf_errors errs = { 0 };

	if (names(*conf, argv))
		return true;
	now = daemon_config((*conf)->file, &errs);
	conf_errors_fini(&errs);
	if (now == NULL)
		return false;
	config_unref(conf);
	*conf = now;
	return names(now, argv);
}

struct spawner *
programs_create(struct config *conf, bool quiet, struct mx_errbuf *eb)
{
	static struct config *known;
	struct spawn_ops ops = { begin, allowed, &known };

	known = conf;
	return spawner_create(&ops, quiet, eb);
}
