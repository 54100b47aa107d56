/* SPDX-License-Identifier: ISC
 * claim: see claim.h. */
#include "control/claim.h"

#include <string.h>

#include "base/mem.h"
#include "control/verbs.h"

#define STUB_HEAD "{\"domain\":\""
#define STUB_TAIL "\"}"

static unsigned
owner_of(const struct call *c, const char *domain)
{
	const struct control_cluster_ops *ops = &call_ops(c)->cluster;

	return ops->owner(ops->arg, domain);
}

unsigned
claim_us(const struct call *c)
{
	const struct control_cluster_ops *ops = &call_ops(c)->cluster;
	struct control_node node[CONTROL_NODES];
	unsigned n = ops->nodes(ops->arg, node, MX_COUNT(node));

	for (unsigned i = 0; i < n; i++)
		if (node[i].us)
			return node[i].id;
	return 0;
}

bool
claim_of(const struct call *c, const char *domain, unsigned node)
{
	return node != 0 && owner_of(c, domain) == node;
}

bool
claim_denied(const struct call *c, const char *domain)
{
	return c->node[0] != '\0' && (c->fields & FIELD_ID) == 0 &&
	    !claim_of(c, domain, claim_us(c));
}

/* A domain without "owner" is not shared by a cluster. */
void
claim_none(cJSON *domain)
{
	if (json_get(domain, "owner") == NULL)
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(domain, "ours");
	cJSON_DeleteItemFromObjectCaseSensitive(domain, "owner");
	json_text(domain, "owner", "");
	json_bool(domain, "ours", false);
}

cJSON *
claim_stub(const char *domain)
{
	cJSON *o = json_object();

	json_text(o, "domain", domain);
	return o;
}

bool
claim_is_stub(const struct gather_source *s)
{
	return s->us &&
	    s->len == strlen(s->key) + strlen(STUB_HEAD) + strlen(STUB_TAIL);
}

/* A stub counts less than any claim; of two claims the one of the owner as this
 * node knows it counts. */
static unsigned
worth(const struct gather *g, const struct gather_source *s)
{
	if (claim_is_stub(s))
		return 0;
	return owner_of(g->call, s->key) == s->id ? 2 : 1;
}

struct gather_source *
claim_choose(struct gather *g, struct gather_source *first)
{
	struct gather_source *best = first;

	for (unsigned i = 0; i < g->n; i++) {
		struct gather_source *s = &g->source[i];

		if (s == best || s->line == NULL ||
		    strcmp(s->key, best->key) != 0)
			continue;
		if (worth(g, s) > worth(g, best)) {
			best->line = NULL;
			best = s;
		} else
			s->line = NULL;
	}
	return best;
}

static bool
is_lost(const struct gather *g, const char *domain)
{
	unsigned owner = owner_of(g->call, domain);

	for (unsigned i = 0; i < g->n; i++)
		if (g->source[i].state == SOURCE_LOST &&
		    g->source[i].id == owner)
			return true;
	return false;
}

/* The snapshot is that of the document's head. */
size_t
claim_none_sent(struct gather_source *s)
{
	struct gather *g = s->g;
	cJSON *o = NULL;
	size_t len;
	char *text;

	s->line = NULL;
	if (!is_lost(g, s->key))
		o = status_unclaimed(g->head, s->key);
	if (o == NULL)
		return 0;
	text = json_print(o);
	len = strlen(text);
	if (g->lines++ > 0)
		call_send_part(g->call, ",", 1);
	call_send_part(g->call, text, len);
	mem_free(&text);
	return len;
}
