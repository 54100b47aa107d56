/* SPDX-License-Identifier: ISC
 * verb_outages: the record of outages, page by page, the next one when the
 * client has taken the last. The outages of a domain include those of its
 * primaries, because a domain has a record of its own only if mail was
 * affected. Loop thread. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/verbs.h"
#include "status/status_primaries.h"

#define PAGE_LINES  50
#define PAGE_MAX    (PAGE_LINES * 16384u)
#define NAMES_MAX   33 /* a domain, and its primaries */
#define SERVERS_MAX 100

struct outages_walk {
	struct snapshot *s; /* owner of the names */
	const char *name[NAMES_MAX];
	struct kept_query query;
	double shown;
};

static void
walk_free(void *work)
{
	struct outages_walk *w = work;

	snapshot_unref(&w->s);
	mem_free(&w);
}

static void
push_availability(cJSON *list, const struct snap_server *v)
{
	cJSON *o = json_push_object(list);

	json_text(o, "primary", v->label);
	status_availability(o, &v->host);
}

static void
add_availability(cJSON *more, const struct outages_walk *w)
{
	cJSON *list = json_array(more, "availability");
	const struct snap_server *v;

	for (unsigned i = 0; i < w->query.nnames; i++)
		if ((v = snapshot_server(w->s, w->name[i])) != NULL)
			push_availability(list, v);
	if (w->query.nnames > 0 || w->query.id != 0 ||
	    w->s->nservers > SERVERS_MAX)
		return;
	for (unsigned i = 0; i < w->s->nservers; i++)
		push_availability(list, w->s->server[i]);
}

static bool
is_known(const struct outages_walk *w)
{
	return w->query.nnames == 0 ||
	    snapshot_find(w->s, w->name[0]) != NULL ||
	    snapshot_server(w->s, w->name[0]) != NULL;
}

static void
walk_end(struct call *c)
{
	const struct outages_walk *w = c->work;
	cJSON *more;

	if (w->shown < 1 && w->query.id != 0) {
		call_fail(c, CONTROL_FAILED, "there is no outage %" PRIu64,
		    w->query.id);
		return;
	}
	if (w->shown < 1 && !is_known(w)) {
		call_fail(c, CONTROL_FAILED,
		    "%.255s: no such domain or primary, and no record of one",
		    w->name[0]);
		return;
	}
	more = json_object();
	json_num(more, "shown", w->shown);
	add_availability(more, w);
	call_done(c, CONTROL_OK, more);
}

static void
walk_step(struct call *c)
{
	const struct control_ops *ops = call_ops(c);
	struct outages_walk *w = c->work;
	struct buf page = BUF_INIT(PAGE_MAX);
	bool more =
	    ops->outages(ops->arg, &w->query, "\n", &page, &w->query.before);

	for (size_t i = 0; i < page.len; i++)
		w->shown += page.data[i] == '\n';
	call_send_part(c, buf_str(&page), page.len);
	if (more && page.len > 0)
		call_continue(c);
	else
		walk_end(c);
	buf_fini(&page);
}

/* Stores a domain in its canonical form, or the label as it is. */
static void
take_subject(struct call *c, struct outages_walk *w)
{
	const char *subject = json_get_text(c->request, "subject");
	const struct snap_domain *d;
	unsigned n = 0;

	if (text_domain(subject, strlen(subject), c->domain) != 0)
		(void)strlcpy(c->domain, "", sizeof(c->domain));
	d = snapshot_find(w->s, c->domain);
	w->name[n++] = d != NULL ||
		(c->domain[0] != '\0' &&
		    snapshot_server(w->s, subject) == NULL) ?
	    c->domain :
	    subject;
	for (unsigned i = 0; d != NULL && i < d->nprimaries && n < NAMES_MAX;
	     i++)
		w->name[n++] = d->primary[i].label;
	w->query.name = w->name;
	w->query.nnames = n;
}

static int
take_id(struct call *c, struct outages_walk *w)
{
	const char *text = json_get_text(c->request, "outage");
	int64_t id;

	if (text_int(text, 1, INT64_MAX, &id) != 0)
		return -MX_ESYNTAX;
	w->query.id = (uint64_t)id;
	return 0;
}

void
verb_outages(struct call *c)
{
	struct outages_walk *w = mem_alloc(sizeof(*w));

	c->work = w;
	c->work_free = walk_free;
	c->step = walk_step;
	w->s = call_ops(c)->snapshot(call_ops(c)->arg, NULL);
	w->query.limit = PAGE_LINES;
	if ((c->fields & FIELD_SINCE) != 0)
		w->query.since = clock_wall() - c->since_ms / 1000;
	if ((c->fields & FIELD_SUBJECT) != 0)
		take_subject(c, w);
	if ((c->fields & FIELD_OUTAGE) != 0 && take_id(c, w) != 0) {
		call_fail(c, CONTROL_REFUSED,
		    "\"%.60s\" is not the id of an outage",
		    json_get_text(c->request, "outage"));
		return;
	}
	call_continue(c);
}
