/* SPDX-License-Identifier: ISC
 * receiver: makes a configured receiver usable: reads its secrets, which are
 * never logged. A missing secret leaves the receiver broken and visible, but
 * not the daemon. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "alerts/alerts_int.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

/* The first line of a secret; NULL: the reason is in r->broken. */
static char *
read_secret(struct receiver *r, const char *path)
{
	struct mx_errbuf eb = { "" };
	char *secret = file_secret_line(path, &eb), *why;

	if (secret == NULL) {
		why = mem_printf("%s: %s", path, eb.text);
		text_cut(r->broken, sizeof(r->broken), why);
		mem_free(&why);
		log_error("alerts", "receiver=%s file=%s problem=%s",
		    r->conf->name, log_q(path), log_q(eb.text));
	}
	return secret;
}

static void
wipe(char **p)
{
	if (*p != NULL)
		explicit_bzero(*p, strlen(*p));
	mem_free(p);
}

static void
receiver_free(struct receiver *r)
{
	wipe(&r->url);
	wipe(&r->routing_key);
	wipe(&r->token);
	wipe(&r->hmac_key);
	wipe(&r->password);
	mem_free(&r->from);
}

static void
receiver_build(struct alerts *a, struct receiver *r,
    const struct conf_receiver *c)
{
	r->conf = c;
	r->type = receiver_type(c->type);
	(void)strlcpy(r->shown.name, c->name, sizeof(r->shown.name));
	if (c->url.n > 0)
		r->url = mem_strdup(c->url.s[0]);
	else if (c->url_file != NULL)
		r->url = read_secret(r, c->url_file);
	if (c->routing_key_file != NULL)
		r->routing_key = read_secret(r, c->routing_key_file);
	if (c->token_file != NULL)
		r->token = read_secret(r, c->token_file);
	if (c->hmac_key_file != NULL)
		r->hmac_key = read_secret(r, c->hmac_key_file);
	if (c->password_file != NULL)
		r->password = read_secret(r, c->password_file);
	r->from = c->from != NULL ? mem_strdup(c->from) :
				    mem_printf("mxwatch@%s", a->conf->hostname);
}

/* Restores the state kept over a restart: since when it fails. */
static void
receiver_remember(const struct alerts *a, struct receiver *r)
{
	const struct memory_failing *f =
	    memory_failing(&a->memory, r->shown.name);

	if (f == NULL)
		return;
	r->rejected = f->rejected;
	if (r->type->note != NULL)
		r->failing_ms = f->since_ms;
	else
		for (unsigned i = 0; i < CONF_URLS_MAX && i < r->conf->url.n;
		     i++)
			r->am[i].failing_ms = f->since_ms;
}

/* Keeps the state over a reload: counters, and recent failures. */
static void
receiver_keep(struct receiver *r, const struct receiver *old)
{
	r->shown = old->shown;
	r->busy = old->busy;
	r->failures = old->failures;
	r->failing_ms = old->failing_ms;
	r->rejected = old->rejected;
	memcpy(r->am, old->am, sizeof(r->am));
	/* The fault may just have been fixed: ends all pauses. */
	for (unsigned i = 0; i < CONF_URLS_MAX; i++)
		r->am[i].next = 0;
}

static void
heartbeats_build(struct alerts *a)
{
	struct heartbeat *list =
	    mem_array(a->conf->nheartbeats + 1, sizeof(*list));

	for (size_t i = 0; i < a->conf->nheartbeats; i++) {
		list[i].conf = &a->conf->heartbeat[i];
		(void)strlcpy(list[i].shown.name, list[i].conf->name,
		    sizeof(list[i].shown.name));
		for (size_t k = 0; k < a->nheartbeats; k++)
			if (strcmp(a->heartbeat[k].shown.name,
				list[i].conf->name) == 0) {
				list[i].shown = a->heartbeat[k].shown;
				list[i].busy = a->heartbeat[k].busy;
			}
	}
	mem_free(&a->heartbeat);
	a->heartbeat = list;
	a->nheartbeats = a->conf->nheartbeats;
}

void
receivers_build(struct alerts *a)
{
	struct receiver *list =
			    mem_array(a->conf->nreceivers + 1, sizeof(*list)),
			*old;

	identity_take(&a->identity, a->conf);
	(void)strlcpy(a->memory.instance, a->identity.name,
	    sizeof(a->memory.instance));
	(void)strlcpy(a->memory.shared_instance, a->identity.shared,
	    sizeof(a->memory.shared_instance));
	for (size_t i = 0; i < a->conf->nreceivers; i++) {
		old = receiver_find(a, a->conf->receiver[i].name);
		receiver_build(a, &list[i], &a->conf->receiver[i]);
		if (old != NULL && old->type == list[i].type)
			receiver_keep(&list[i], old);
		else
			receiver_remember(a, &list[i]);
	}
	for (size_t i = 0; i < a->nreceivers; i++)
		receiver_free(&a->receiver[i]);
	mem_free(&a->receiver);
	a->receiver = list;
	a->nreceivers = a->conf->nreceivers;
	heartbeats_build(a);
}

void
receivers_free(struct alerts *a)
{
	for (size_t i = 0; i < a->nreceivers; i++)
		receiver_free(&a->receiver[i]);
	mem_free(&a->receiver);
	mem_free(&a->heartbeat);
	a->nreceivers = a->nheartbeats = 0;
}

struct receiver *
receiver_find(struct alerts *a, const char *name)
{
	for (size_t i = 0; i < a->nreceivers; i++)
		if (strcmp(a->receiver[i].shown.name, name) == 0)
			return &a->receiver[i];
	return NULL;
}

int64_t
receiver_failing(const struct receiver *r)
{
	int64_t first = r->failing_ms;

	for (unsigned i = 0; i < CONF_URLS_MAX; i++)
		if (r->am[i].failing_ms != 0 &&
		    (first == 0 || r->am[i].failing_ms < first))
			first = r->am[i].failing_ms;
	return first;
}

void
receivers_failing(struct alerts *a, struct rules_self *self)
{
	struct memory_failing *list =
	    mem_array(a->nreceivers + 1, sizeof(*list));
	const struct receiver *r;
	unsigned n = 0;

	memset(self, 0, sizeof(*self));
	for (size_t i = 0; i < a->nreceivers; i++) {
		r = &a->receiver[i];
		if (receiver_failing(r) == 0)
			continue;
		list[n] =
		    (struct memory_failing){ .since_ms = receiver_failing(r),
			    .rejected = r->rejected };
		(void)strlcpy(list[n++].receiver, r->shown.name,
		    sizeof(list[0].receiver));
		if (self->failing_since_ms != 0 &&
		    receiver_failing(r) >= self->failing_since_ms)
			continue;
		self->failing_since_ms = receiver_failing(r);
		(void)strlcpy(self->failing, r->shown.name,
		    sizeof(self->failing));
		text_cut(self->error, sizeof(self->error),
		    r->broken[0] != '\0' ? r->broken : r->shown.error);
	}
	self->others = n > 0 ? n - 1 : 0;
	memory_set_failing(&a->memory, list, n);
	mem_free(&list);
}

void
receiver_context(const struct alerts *a, const struct receiver *r,
    struct format_ctx *x)
{
	*x = (struct format_ctx){ .conf = r->conf,
		.hostname = a->conf->hostname,
		.instance = a->identity.name,
		.shared = a->identity.shared,
		.page_url = a->conf->web.url,
		.runbook_url = a->conf->alerts.runbook_url,
		.url = r->url,
		.routing_key = r->routing_key,
		.token = r->token,
		.hmac_key = r->hmac_key,
		.from = r->from,
		.now_ms = clock_wall_ms(),
		.phase_ms = clock_wall_ms() };
}
