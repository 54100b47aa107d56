/* SPDX-License-Identifier: ISC
 * alert: the sections receiver, alert, heartbeat and maintenance while they are
 * read, and the built-in alerts with the defaults of status/alert.def. A
 * configuration always has every alert, so that the rules need not check which
 * ones were written. */
#include <string.h>

#include "base/mem.h"
#include "config_int.h"

const struct alert_info conf_alert_info[ALERT_KIND_MAX] = {
#define ALERT(...) ALERT_INFO(__VA_ARGS__)
#include "status/alert.def"
#undef ALERT
};

enum alert_kind
config_alert_kind(const char *name)
{
	unsigned i;

	for (i = 0; i < ALERT_KIND_MAX; i++)
		if (strcmp(conf_alert_info[i].name, name) == 0)
			break;
	return (enum alert_kind)i;
}

bool
option_is_titled(const struct option *o)
{
	return o->section == SEC_RECEIVER || o->section == SEC_ALERT ||
	    o->section == SEC_HEARTBEAT || o->section == SEC_MAINTENANCE;
}

/* A default that its own option refuses is an error in alert.def. */
static void
set(enum option_id id, void *base, const char *text)
{
	struct conf_item item = { mem_strdup(text), 0 };
	struct conf_value v = { .n = 1, .item = &item };
	int rc = option_set(&options[id], base, &v, NULL);

	MX_ASSERT(rc == 0);
	mem_free(&item.text);
}

void
alerts_init(struct config *c)
{
	const struct alert_info *info;
	struct conf_alert *a;
	unsigned i;

	for (i = 0; i < ALERT_KIND_MAX; i++) {
		info = &conf_alert_info[i];
		a = &c->alert[i];
		a->enabled = info->enabled;
		a->everybody = true;
		set(OPT_ALERT_warn, a, info->warn);
		set(OPT_ALERT_crit, a, info->crit);
		set(OPT_ALERT_for, a, info->hold);
		set(OPT_ALERT_clear, a, info->clear);
		if (strcmp(info->repeat, "0s") != 0)
			set(OPT_ALERT_repeat, a, info->repeat);
	}
}

static void
section_defaults(enum conf_section section, void *base)
{
	unsigned i;

	for (i = 0; i < OPT_COUNT; i++)
		if (options[i].section == section)
			option_set_default(&options[i], base);
}

void *
title_base(struct conf_title *t, struct config *c)
{
	enum alert_kind kind;

	if (t->section == SEC_RECEIVER) {
		t->receiver = mem_alloc(sizeof(*t->receiver));
		section_defaults(SEC_RECEIVER, t->receiver);
		return t->receiver;
	}
	if (t->section == SEC_HEARTBEAT) {
		t->heartbeat = mem_alloc(sizeof(*t->heartbeat));
		section_defaults(SEC_HEARTBEAT, t->heartbeat);
		return t->heartbeat;
	}
	if (t->section == SEC_MAINTENANCE) {
		t->maintenance = mem_alloc(sizeof(*t->maintenance));
		section_defaults(SEC_MAINTENANCE, t->maintenance);
		return t->maintenance;
	}
	kind = config_alert_kind(t->title);
	if (kind == ALERT_KIND_MAX)
		return NULL;
	t->alert = &c->alert[kind];
	return t->alert;
}

/* Titles are already sorted by section and title. */
void
titles_take(struct conf_loader *l)
{
	struct config *c = l->c;
	struct conf_title *t;
	size_t i;

	c->receiver = mem_array(l->ntitles + 1, sizeof(*c->receiver));
	c->heartbeat = mem_array(l->ntitles + 1, sizeof(*c->heartbeat));
	c->maintenance = mem_array(l->ntitles + 1, sizeof(*c->maintenance));
	for (i = 0; i < l->ntitles; i++) {
		t = &l->title[i];
		if (t->receiver != NULL) {
			t->receiver->name = mem_strdup(t->title);
			c->receiver[c->nreceivers++] = *t->receiver;
		} else if (t->heartbeat != NULL) {
			t->heartbeat->name = mem_strdup(t->title);
			c->heartbeat[c->nheartbeats++] = *t->heartbeat;
		} else if (t->maintenance != NULL) {
			t->maintenance->name = mem_strdup(t->title);
			c->maintenance[c->nmaintenances++] = *t->maintenance;
		} else if (t->set[OPT_ALERT_receivers].line != 0) {
			t->alert->everybody = false;
		}
		mem_free(&t->receiver);
		mem_free(&t->heartbeat);
		mem_free(&t->maintenance);
		mem_free(&t->set);
		mem_free(&t->title);
	}
	mem_free(&l->title);
}

static void
section_free(enum conf_section section, void *base)
{
	unsigned i;

	for (i = 0; i < OPT_COUNT; i++)
		if (options[i].section == section)
			option_free(&options[i], base);
}

void
alerts_free(struct config *c)
{
	size_t i;

	for (i = 0; i < c->nreceivers; i++) {
		section_free(SEC_RECEIVER, &c->receiver[i]);
		mem_free(&c->receiver[i].name);
	}
	for (i = 0; i < c->nheartbeats; i++) {
		section_free(SEC_HEARTBEAT, &c->heartbeat[i]);
		mem_free(&c->heartbeat[i].name);
	}
	for (i = 0; i < c->nmaintenances; i++) {
		section_free(SEC_MAINTENANCE, &c->maintenance[i]);
		mem_free(&c->maintenance[i].name);
	}
	for (i = 0; i < ALERT_KIND_MAX; i++)
		section_free(SEC_ALERT, &c->alert[i]);
	mem_free(&c->receiver);
	mem_free(&c->heartbeat);
	mem_free(&c->maintenance);
}
