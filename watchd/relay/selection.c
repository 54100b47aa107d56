/* SPDX-License-Identifier: ISC
 * selection: see selection.h. */
#include "relay/selection.h"

#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "net/prefix.h"

struct selector {
	char *sender, *rcpt, *domain;
	char *reply; /* with a '*' at each end */
	struct prefix_list *client;
	unsigned states;
	int64_t before_ms, after_ms, vaulted_ms;
	uint64_t larger, smaller;
};

struct selector *
selector_create(const struct selection *from)
{
	struct selector *s = mem_alloc(sizeof(*s));
	char *client;

	if (from == NULL)
		return s;
	s->sender = mem_strdup(from->sender);
	s->rcpt = mem_strdup(from->rcpt);
	s->domain = mem_strdup(from->domain);
	if (from->reply != NULL)
		s->reply = mem_printf("*%s*", from->reply);
	if (from->client != NULL) {
		client = mem_strdup(from->client);
		s->client = prefix_list_create(&client, 1);
		mem_free(&client);
	}
	s->states = from->states;
	s->before_ms = from->before_ms;
	s->after_ms = from->after_ms;
	s->vaulted_ms = from->vaulted_ms;
	s->larger = from->larger;
	s->smaller = from->smaller;
	return s;
}

void
selector_destroy(struct selector **sp)
{
	struct selector *s = *sp;

	if (s == NULL)
		return;
	mem_free(&s->sender);
	mem_free(&s->rcpt);
	mem_free(&s->domain);
	mem_free(&s->reply);
	prefix_list_destroy(&s->client);
	mem_free(sp);
}

bool
selector_sees(const struct selector *s, const char *domain, int64_t arrival_ms,
    uint64_t size, enum msg_state state)
{
	if (s->states != 0 && (s->states >> state & 1) == 0)
		return false;
	if ((s->before_ms != 0 && arrival_ms >= s->before_ms) ||
	    (s->after_ms != 0 && arrival_ms <= s->after_ms))
		return false;
	if ((s->larger != 0 && size <= s->larger) ||
	    (s->smaller != 0 && size >= s->smaller))
		return false;
	return s->domain == NULL ||
	    fnmatch(s->domain, domain, FNM_CASEFOLD) == 0;
}

/* A '[' begins a character set in a pattern, but also an address literal: a
 * literal match counts as well. */
static bool
fits(const char *pattern, const char *text)
{
	return strcasecmp(pattern, text) == 0 ||
	    (strpbrk(pattern, "*?[") != NULL &&
		fnmatch(pattern, text, FNM_CASEFOLD) == 0);
}

static bool
comes_from(const struct selector *s, const char *client)
{
	struct net_addr a;

	return addr_parse(&a, client, 0, ':') == 0 &&
	    prefix_list_match(s->client, &a);
}

static bool
has_reply(const struct selector *s, const struct rcpt_view *r)
{
	char text[RCPT_SAID_MAX];

	return r->reply[0] != '\0' &&
	    fnmatch(s->reply, rcpt_said(r, text), FNM_CASEFOLD) == 0;
}

/* A message without recipients is one whose record does not decode: its sender
 * is not known, rather than the null sender. */
static bool
has_sender(const struct selector *s, const struct msg_view *v)
{
	return v->rcpts != NULL && fits(s->sender, v->sender);
}

bool
selector_wants(const struct selector *s, const struct msg_view *v)
{
	bool rcpt = s->rcpt == NULL, reply = s->reply == NULL;

	if (s->sender != NULL && !has_sender(s, v))
		return false;
	if (s->client != NULL && !comes_from(s, v->client))
		return false;
	if (s->vaulted_ms != 0 && v->vault_ms < s->vaulted_ms)
		return false;
	for (unsigned i = 0; v->rcpts != NULL && i < v->nrcpts; i++) {
		rcpt = rcpt || fits(s->rcpt, v->rcpts[i].mailbox);
		reply = reply || has_reply(s, &v->rcpts[i]);
	}
	return rcpt && reply;
}
