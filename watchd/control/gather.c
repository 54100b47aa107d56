/* SPDX-License-Identifier: ISC
 * gather: see gather.h. */
#include "control/gather.h"

#include <string.h>

#include "base/mem.h"
#include "control/claim.h"
#include "control/gather_end.h"
#include "control/page.h"
#include "control/ranking.h"
#include "control/select.h"
#include "control/verbs.h"

#define PAGE_LEAST   (64u * 1024)
#define REPLY_MAX    (64u << 20) /* a page may end with a long line */
#define STEP_BYTES   (64u * 1024) /* sent between checks of the backlog */
#define KEY_LINE_MAX 300

/* ---- where requests go */

enum travel { HERE, OWNER, ALL };

/* The destination, by the target of the request; a verb not listed is answered
 * here. */
static const struct plan {
	enum travel domain, id, address, none;
	enum gather_order order;
} plans[VERB_MAX] = {
	[VERB_status] = { .domain = OWNER, .none = ALL, GATHER_DOMAINS },
	[VERB_queue] = { .domain = ALL, .none = ALL, GATHER_IDS },
	[VERB_mailq] = { .none = ALL, GATHER_IDS },
	[VERB_show] = { .id = ALL, .order = GATHER_IDS },
	[VERB_ages] = { .domain = ALL, .none = ALL },
	[VERB_export] = { .domain = ALL, .id = ALL, .none = ALL, GATHER_IDS },
	[VERB_flush] = { .domain = OWNER, .none = ALL },
	[VERB_hold] = { .domain = OWNER, .id = ALL, .none = ALL },
	[VERB_release] = { .domain = OWNER, .id = ALL, .none = ALL },
	[VERB_extend] = { .domain = OWNER, .id = ALL, .none = ALL },
	[VERB_bounce] = { .domain = ALL, .id = ALL, .none = ALL },
	[VERB_remove] = { .domain = ALL, .id = ALL, .none = ALL },
	[VERB_vault] = { .domain = ALL, .none = ALL, GATHER_IDS },
	[VERB_replay] = { .domain = ALL, .id = ALL, .none = ALL, GATHER_IDS },
	[VERB_purge] = { .id = ALL, .address = ALL, .order = GATHER_IDS },
	[VERB_why] = { .domain = OWNER, .id = ALL, .address = OWNER },
	[VERB_recipients] = { .domain = OWNER },
	[VERB_forget] = { .domain = OWNER },
	[VERB_doctor] = { .domain = OWNER }, /* else answered here */
	[VERB_drill] = { .domain = OWNER },
	[VERB_alerts] = { .domain = OWNER, .none = ALL },
	[VERB_events] = { .domain = ALL, .none = ALL, GATHER_RANKED },
	[VERB_ack] = { .none = ALL },
};

static enum travel
travel_of(const struct call *c)
{
	const struct plan *p = &plans[c->verb];

	if ((c->fields & FIELD_ID) != 0)
		return p->id;
	if ((c->fields & FIELD_ADDRESS) != 0)
		return p->address;
	/* parts of a message may be at a node that does not own the domain */
	if ((c->fields & FIELD_DOMAIN) != 0)
		return select_is_given(c) ? p->none : p->domain;
	/* each node probes: its view of the primaries is its own; and each
	 * knows all domains */
	return (c->fields & (FIELD_PRIMARIES | FIELD_NAMES)) != 0 ? HERE :
								    p->none;
}

/* ---- a node's part */

static void
source_lost(struct gather_source *s)
{
	s->state = SOURCE_LOST;
	s->page = 0;
}

/* A page is here. `more`: the number of the next, 0: none. */
static void
source_filled(struct gather_source *s, uint64_t more)
{
	s->page = more;
	s->state = SOURCE_LINES;
	call_continue(s->g->call);
}

static void
on_page(void *arg, const char *text, size_t len, uint64_t more)
{
	struct gather_source *s = arg;
	int rc = buf_add(&s->in, text, len);

	MX_ASSERT(rc == 0);
	source_filled(s, more);
}

/* Consumes the line before those of the answer. */
static int
take_head(struct gather_source *s, uint64_t *more)
{
	char *lf = s->in.len > 0 ? memchr(s->in.data, '\n', s->in.len) : NULL;
	cJSON *o;
	int rc;

	if (lf == NULL)
		return -MX_ESYNTAX;
	*lf = '\0';
	o = cJSON_Parse(s->in.data);
	rc = cJSON_IsNumber(json_get(o, "page")) ? 0 : -MX_ESYNTAX;
	*more = (uint64_t)json_get_int(o, "page");
	cJSON_Delete(o);
	s->at = (size_t)(lf + 1 - s->in.data);
	return rc;
}

static void
on_said(void *arg, int rc, const char *text, size_t len, bool end)
{
	struct gather_source *s = arg;
	uint64_t more = 0;

	if (s->state != SOURCE_ASKED)
		return;
	if (rc >= 0)
		rc = buf_add(&s->in, text, len);
	if (rc >= 0 && !end)
		return;
	if (rc >= 0)
		rc = take_head(s, &more);
	if (rc >= 0) {
		source_filled(s, more);
		return;
	}
	if (!end) /* more than the limit */
		s->g->ops->forget(s->g->ops->arg, s->ticket);
	source_lost(s);
	call_continue(s->g->call);
}

static char *
request_line(const struct gather_source *s)
{
	const struct call *c = s->g->call;
	cJSON *o = json_object();

	json_text(o, "node", s->g->us);
	if (s->page != 0) {
		json_num(o, "page", (double)s->page);
		return json_print(o);
	}
	json_num(o, "call", (double)c->id);
	json_num(o, "uid", (int)c->uid);
	json_num(o, "pid", c->pid);
	json_num(o, "max", (double)s->g->page_max);
	json_sub(o, "request", cJSON_Duplicate(c->request, true));
	return json_print(o);
}

static void
source_ask(struct gather_source *s)
{
	const struct control_cluster_ops *ops = s->g->ops;
	char *line;

	buf_clear(&s->in);
	s->at = 0;
	s->state = SOURCE_ASKED;
	if (s->us && s->page == 0)
		s->page = page_begin(s->g->call, s->g->page_max, on_page, s);
	else if (s->us)
		page_next(s->page, on_page, s);
	if (s->us)
		return;
	line = request_line(s);
	if (strlen(line) > CONTROL_LINE_MAX)
		source_lost(s);
	else
		s->ticket = ops->ask(ops->arg, s->id, line, on_said, s);
	mem_free(&line);
}

/* For requests whose answer is ignored. */
static void
on_dropped(void *arg, int rc, const char *text, size_t len, bool end)
{
	(void)arg;
	(void)rc;
	(void)text;
	(void)len;
	(void)end;
}

/* Ends the call at the node, which would keep it for the next request. */
static void
send_drop(const struct gather_source *s)
{
	const struct control_cluster_ops *ops = s->g->ops;
	cJSON *o = json_object();
	char *line;

	json_text(o, "node", s->g->us);
	json_num(o, "drop", (double)s->g->call->id);
	line = json_print(o);
	(void)ops->ask(ops->arg, s->id, line, on_dropped, NULL);
	mem_free(&line);
}

static void
source_fini(struct gather_source *s)
{
	const struct control_cluster_ops *ops = s->g->ops;

	if (s->us)
		page_drop(s->page);
	if (!s->us && s->state == SOURCE_ASKED)
		ops->forget(ops->arg, s->ticket);
	if (!s->us && (s->state == SOURCE_ASKED || s->page != 0))
		send_drop(s);
	buf_fini(&s->in);
	cJSON_Delete(s->done);
}

/* The sort key: the value of the line's first member. */
static void
take_key(struct gather_source *s)
{
	const char *from = memchr(s->line, ':', s->len), *to;
	char text[KEY_LINE_MAX] = "";
	bool part;

	if (from != NULL && from[1] == '"' &&
	    (to = strpbrk(from + 2, "\"\n")) != NULL &&
	    (size_t)(to - from) < sizeof(text)) {
		memcpy(text, from + 2, (size_t)(to - from - 2));
		text[to - from - 2] = '\0';
	}
	(void)strlcpy(s->key, text, sizeof(s->key));
	if (s->g->order == GATHER_IDS &&
	    text_id_parse(text, &s->key_id, &part) != 0)
		s->key_id = 0;
}

/* Has the source a line? If not, the next page is requested, or it is over. */
static bool
source_peek(struct gather_source *s)
{
	static const char last[] = "{\"done\":true";
	char *lf;

	if (s->line != NULL || s->state != SOURCE_LINES)
		return s->line != NULL;
	lf = s->at < s->in.len ?
	    memchr(s->in.data + s->at, '\n', s->in.len - s->at) :
	    NULL;
	if (lf == NULL && s->page != 0)
		source_ask(s);
	else if (lf == NULL)
		source_lost(s);
	if (lf == NULL)
		return false;
	s->line = s->in.data + s->at;
	s->len = (size_t)(lf - s->line);
	s->at += s->len + 1;
	if (s->len >= sizeof(last) - 1 &&
	    memcmp(s->line, last, sizeof(last) - 1) == 0) {
		s->done = cJSON_ParseWithLength(s->line, s->len);
		s->line = NULL;
		s->state = SOURCE_OVER;
		return false;
	}
	if (s->g->order != GATHER_AS_IT_COMES)
		take_key(s);
	return true;
}

/* ---- all of them */

static bool
goes_before(const struct gather_source *a, const struct gather_source *b)
{
	if (a->g->order == GATHER_IDS)
		return a->key_id < b->key_id;
	if (a->g->reverse)
		return strcmp(a->key, b->key) > 0;
	return strcmp(a->key, b->key) < 0;
}

/* Is the next line the first of all nodes' lines? */
static bool
is_merged(const struct gather *g)
{
	return g->order != GATHER_AS_IT_COMES && !g->live;
}

/* The source of the next line. NULL: none yet; *over: all are over. */
static struct gather_source *
pick(struct gather *g, bool *over)
{
	struct gather_source *best = NULL;
	bool waits = false;

	*over = true;
	for (unsigned i = 0; i < g->n; i++) {
		struct gather_source *s = &g->source[i];

		if (source_peek(s)) {
			if (best == NULL ||
			    (is_merged(g) && goes_before(s, best)))
				best = s;
		} else if (s->state == SOURCE_ASKED)
			waits = true;
	}
	*over = best == NULL && !waits;
	if (waits && is_merged(g))
		return NULL;
	if (best != NULL && strcmp(best->key, GATHER_LIVE_KEY) == 0)
		g->live = true;
	return best != NULL && g->array ? claim_choose(g, best) : best;
}

/* Removes the sort key, which is for nodes only. */
static void
drop_rank(struct gather_source *s)
{
	static const char rank[] = "{\"sort\":\"";
	size_t n = sizeof(rank) - 1;
	const char *end;

	if (s->len < n || memcmp(s->line, rank, n) != 0)
		return;
	end = memchr(s->line + n, '"', s->len - n);
	if (end == NULL || end[1] != ',')
		return;
	s->len -= (size_t)(end + 1 - s->line);
	s->line = end + 1;
	s->in.data[s->line - s->in.data] = '{';
}

/* Do the lines name the node that they are from? */
static bool
has_tags(const struct call *c, const struct gather *g)
{
	return g->n > 1 && (c->verb == VERB_alerts || c->verb == VERB_events);
}

/* Who follows has to know whose lines are missing from now on. */
static void
tell_silent(struct call *c, struct gather *g)
{
	cJSON *o;

	for (unsigned i = 0; i < g->n; i++) {
		struct gather_source *s = &g->source[i];

		if (s->told || json_get_bool(s->done, "missing") ||
		    (s->state != SOURCE_LOST && s->state != SOURCE_OVER))
			continue;
		s->told = true;
		o = json_object();
		json_push(json_array(o, "silent"), cJSON_CreateString(s->name));
		call_send(c, o);
	}
}

static size_t
emit(struct call *c, struct gather_source *s)
{
	struct gather *g = s->g;
	size_t len;

	if (g->array && claim_is_stub(s))
		return claim_none_sent(s);
	if (g->order == GATHER_RANKED)
		drop_rank(s);
	len = s->len;
	if (g->limit > 0 && g->lines >= g->limit) {
		s->line = NULL;
		return len + 1;
	}
	if (g->array && g->lines > 0)
		call_send_part(c, ",", 1);
	if (has_tags(c, g) && len > 2) {
		call_send_part(c, s->tag, strlen(s->tag));
		call_send_part(c, s->line + 1, len - 1);
	} else
		call_send_part(c, s->line, len);
	if (!g->array)
		call_send_part(c, "\n", 1);
	g->lines++;
	s->line = NULL;
	return len + 1;
}

static void
gather_step(struct call *c)
{
	struct gather *g = c->work;
	struct gather_source *s;
	size_t sent = 0;
	bool over;

	if (g->head != NULL && !g->headed) {
		g->headed = status_piece(c, g->head);
		call_continue(c);
		return;
	}
	for (unsigned i = 0; i < g->n; i++)
		if (g->source[i].state == SOURCE_NEW)
			source_ask(&g->source[i]);
	while ((s = pick(g, &over)) != NULL && sent < STEP_BYTES)
		sent += emit(c, s);
	if (!over && (c->fields & FIELD_FOLLOW) != 0)
		tell_silent(c, g);
	if (s != NULL)
		call_continue(c);
	else if (over)
		gather_end(c, g);
}

static void
gather_free(void *work)
{
	struct gather *g = work;

	for (unsigned i = 0; i < g->n; i++)
		source_fini(&g->source[i]);
	for (unsigned i = 0; i < g->n; i++)
		mem_free(&g->source[i].tag);
	status_end(&g->head);
	mem_free(&g);
}

/* ---- start */

static void
add_source(struct gather *g, const struct control_node *n, bool asked)
{
	struct gather_source *s = &g->source[g->n++];
	cJSON *o = json_object();

	s->g = g;
	s->id = n->id;
	s->us = n->us;
	s->state = asked ? SOURCE_NEW : SOURCE_LOST;
	(void)strlcpy(s->name, n->name, sizeof(s->name));
	json_text(o, "node", n->name);
	s->tag = json_print(o);
	s->tag[strlen(s->tag) - 1] = ','; /* the object goes on */
	buf_init(&s->in, REPLY_MAX);
}

/* A sorted or limited list: each node sorts and limits, then this one. A limit
 * of a verb that sorts nothing is each node's alone: the rows of ages, with the
 * rest in one, are added up by the client. */
static void
take_order(const struct call *c, struct gather *g)
{
	const char *sort = json_get_text(c->request, "sort");
	int64_t limit;

	if ((control_verbs[c->verb].fields & FIELD_SORT) == 0)
		return;
	g->reverse = (c->fields & FIELD_REVERSE) != 0;
	if (g->reverse ||
	    (*sort != '\0' && ranking_parse(sort) != RANKING_AGE)) {
		g->order = GATHER_RANKED;
		g->limit = RANKING_LIMIT;
	}
	/* each node refuses an invalid limit */
	if (text_int(json_get_text(c->request, "limit"), 1, RANKING_LIMIT_MAX,
		&limit) == 0)
		g->limit = (unsigned)limit;
}

static void
go(struct call *c, struct gather *g, const struct control_node *node,
    unsigned n)
{
	unsigned asked = 0;

	for (unsigned i = 0; i < n; i++)
		if (node[i].us)
			(void)strlcpy(g->us, node[i].name, sizeof(g->us));
	for (unsigned i = 0; i < g->n; i++)
		asked += g->source[i].state == SOURCE_NEW;
	g->call = c;
	g->ops = &call_ops(c)->cluster;
	g->order = plans[c->verb].order;
	take_order(c, g);
	g->array = c->verb == VERB_status && g->owner == NULL;
	g->page_max = GATHER_PAGES / (asked + 1);
	if (g->page_max < PAGE_LEAST)
		g->page_max = PAGE_LEAST;
	if (g->array)
		g->head = status_begin(c, true);
	c->work = g;
	c->work_free = gather_free;
	c->step = gather_step;
	call_continue(c);
}

/* Can the verb be run without the owner while the owner cannot be asked?
 * Reading can, and flushing the mail that is here. */
static bool
does_without_owner(const struct call *c)
{
	return c->verb != VERB_hold && c->verb != VERB_release &&
	    c->verb != VERB_extend && c->verb != VERB_forget &&
	    c->verb != VERB_drill;
}

static bool
ask_owner(struct call *c, const struct control_node *node, unsigned n,
    bool away)
{
	const struct control_cluster_ops *ops = &call_ops(c)->cluster;
	unsigned id = ops->owner(ops->arg, c->domain);
	const struct control_node *owner = NULL;
	struct gather *g;

	for (unsigned i = 0; i < n; i++)
		if (node[i].id == id)
			owner = &node[i];
	if (owner == NULL || owner->us)
		return false;
	if (away && !does_without_owner(c)) {
		call_fail(c, CONTROL_FAILED,
		    "the engine is unreachable, so %s, which has %s, cannot be "
		    "asked from here; ask there, or wait",
		    owner->name, c->domain);
		return true;
	}
	g = mem_alloc(sizeof(*g));
	g->owner = c->domain;
	g->away = away;
	for (unsigned i = 0; away && i < n; i++)
		if (node[i].us)
			add_source(g, &node[i], true);
	add_source(g, owner, owner->asks && !away);
	go(c, g, node, n);
	return true;
}

static bool
ask_all(struct call *c, const struct control_node *node, unsigned n, bool away)
{
	struct gather *g;
	unsigned others = 0;

	for (unsigned i = 0; i < n; i++)
		others += !node[i].us && (node[i].asks || node[i].domains > 0);
	if (others == 0)
		return false;
	g = mem_alloc(sizeof(*g));
	g->away = away;
	/* this node first: of equal errors its own is reported */
	for (unsigned i = 0; i < n; i++)
		if (node[i].us)
			add_source(g, &node[i], true);
	for (unsigned i = 0; i < n; i++)
		if (!node[i].us && (node[i].asks || node[i].domains > 0))
			add_source(g, &node[i], node[i].asks && !away);
	go(c, g, node, n);
	return true;
}

bool
gather_start(struct call *c)
{
	const struct control_cluster_ops *ops = &call_ops(c)->cluster;
	struct control_node node[CONTROL_NODES];
	struct snap_cluster v = { 0 };
	enum travel travel = travel_of(c);
	unsigned n;

	if (c->node[0] != '\0' && travel == HERE) {
		call_fail(c, CONTROL_REFUSED,
		    "%s cannot be asked for by another node",
		    control_verbs[c->verb].name);
		return true;
	}
	if (ops->nodes == NULL || c->part || travel == HERE)
		return false;
	n = ops->nodes(ops->arg, node, MX_COUNT(node));
	ops->view(ops->arg, &v);
	return travel == OWNER ? ask_owner(c, node, n, v.away_ms != 0) :
				 ask_all(c, node, n, v.away_ms != 0);
}
