/* SPDX-License-Identifier: ISC
 * incidents: see incidents.h. */
#include "alerts/incidents.h"

#include <string.h>

#include "base/mem.h"
#include "status/json.h"

#define TIME_MAX 1e15 /* ms */

static int
incident_compare(const struct incident *a, const struct incident *b)
{
	int rc;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	rc = strcmp(a->group, b->group);
	return rc != 0 ? rc : strcmp(a->node, b->node);
}

RB_PROTOTYPE(incident_tree, incident, link, incident_compare)
RB_GENERATE(incident_tree, incident, link, incident_compare)

void
incidents_init(struct incidents *x)
{
	memset(x, 0, sizeof(*x));
	RB_INIT(&x->others);
	RB_INIT(&x->ours);
	STAILQ_INIT(&x->changes);
}

void
incident_change_free(struct incident_change **cp)
{
	mem_free(&(*cp)->key);
	mem_free(&(*cp)->text);
	mem_free(cp);
}

static void
incident_remove(struct incident_tree *tree, struct incident *i, unsigned *n)
{
	RB_REMOVE(incident_tree, tree, i);
	mem_free(&i->member);
	mem_free(&i->text);
	mem_free(&i);
	--*n;
}

void
incidents_fini(struct incidents *x)
{
	struct incident_change *c;
	struct incident *i;

	while ((i = RB_MIN(incident_tree, &x->others)) != NULL)
		incident_remove(&x->others, i, &x->nothers);
	while ((i = RB_MIN(incident_tree, &x->ours)) != NULL)
		incident_remove(&x->ours, i, &x->nours);
	while ((c = STAILQ_FIRST(&x->changes)) != NULL) {
		STAILQ_REMOVE_HEAD(&x->changes, link);
		incident_change_free(&c);
	}
}

static struct incident *
incident_find(const struct incident_tree *tree, const char *node,
    enum alert_kind kind, const char *group)
{
	struct incident key = { .kind = kind };

	(void)strlcpy(key.node, node, sizeof(key.node));
	(void)strlcpy(key.group, group, sizeof(key.group));
	return RB_FIND(incident_tree, (struct incident_tree *)(uintptr_t)tree,
	    &key);
}

static struct incident *
incident_add(struct incident_tree *tree, const char *node, enum alert_kind kind,
    const char *group, unsigned *n)
{
	struct incident *i = mem_alloc(sizeof(*i));

	i->kind = kind;
	(void)strlcpy(i->node, node, sizeof(i->node));
	(void)strlcpy(i->group, group, sizeof(i->group));
	RB_INSERT(incident_tree, tree, i);
	++*n;
	return i;
}

/* ---- as text */

static void
change(struct incidents *x, const struct incident *i, const char *text)
{
	struct incident_change *c = mem_alloc(sizeof(*c));

	c->key = mem_printf(INCIDENTS_PREFIX "%s/%s/%s", i->node,
	    conf_alert_info[i->kind].name, i->group);
	c->text = text != NULL ? mem_strdup(text) : NULL;
	STAILQ_INSERT_TAIL(&x->changes, c, link);
}

static char *
write_text(const char *primary, const struct incident_member *m, unsigned n)
{
	cJSON *o = json_object(), *list, *j;

	json_text(o, "primary", primary);
	list = json_array(o, "members");
	for (unsigned i = 0; i < n; i++) {
		j = json_push_object(list);
		json_text(j, "domain", m[i].domain);
		json_num(j, "severity", m[i].severity);
		json_num(j, "since_ms", (double)m[i].since_ms);
		json_num(j, "fired_ms", (double)m[i].fired_ms);
		if (m[i].acked == ALERT_SEV_NONE)
			continue;
		json_num(j, "acked", m[i].acked);
		json_text(j, "acked_by", m[i].acked_by);
	}
	return json_print(o);
}

/* "mx3/primary_down/mx1.test" */
static bool
read_key(const char *key, char *node, size_t size, enum alert_kind *kind,
    const char **group)
{
	const char *name, *slash;
	char alert[64];

	if (strncmp(key, INCIDENTS_PREFIX, strlen(INCIDENTS_PREFIX)) != 0)
		return false;
	key += strlen(INCIDENTS_PREFIX);
	name = strchr(key, '/');
	slash = name != NULL ? strchr(name + 1, '/') : NULL;
	if (slash == NULL || name == key || (size_t)(name - key) >= size ||
	    (size_t)(slash - name - 1) >= sizeof(alert) ||
	    strlen(slash + 1) >= NOTE_GROUP_MAX)
		return false;
	memcpy(node, key, (size_t)(name - key));
	node[name - key] = '\0';
	memcpy(alert, name + 1, (size_t)(slash - name - 1));
	alert[slash - name - 1] = '\0';
	*kind = config_alert_kind(alert);
	*group = slash + 1;
	return *kind != ALERT_KIND_MAX;
}

static bool
get_text(const cJSON *o, const char *key, char *dst, size_t size)
{
	const cJSON *v = json_get(o, key);

	return cJSON_IsString(v) && strlcpy(dst, v->valuestring, size) < size &&
	    json_is_clean(dst);
}

static bool
get_int(const cJSON *o, const char *key, double max, int64_t *to)
{
	const cJSON *v = json_get(o, key);

	if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0) ||
	    v->valuedouble > max)
		return false;
	*to = (int64_t)v->valuedouble;
	return true;
}

static bool
read_member(struct incident_member *m, const cJSON *o)
{
	int64_t severity, acked = ALERT_SEV_NONE;

	if (!get_text(o, "domain", m->domain, sizeof(m->domain)) ||
	    !get_int(o, "severity", ALERT_SEV_CRITICAL, &severity) ||
	    !get_int(o, "since_ms", TIME_MAX, &m->since_ms) ||
	    !get_int(o, "fired_ms", TIME_MAX, &m->fired_ms) || severity == 0)
		return false;
	if (json_get(o, "acked") != NULL &&
	    (!get_int(o, "acked", ALERT_SEV_CRITICAL, &acked) ||
		!get_text(o, "acked_by", m->acked_by, sizeof(m->acked_by))))
		return false;
	m->severity = (enum alert_severity)severity;
	m->acked = (enum alert_severity)acked;
	return true;
}

static bool
read_text(struct incident *i, const void *text, size_t len)
{
	cJSON *o = cJSON_ParseWithLength(text, len);
	const cJSON *list = json_get(o, "members"), *j;
	bool ok = get_text(o, "primary", i->primary, sizeof(i->primary)) &&
	    cJSON_IsArray(list);

	i->n = 0;
	mem_free(&i->member);
	i->member = mem_array(NOTE_MEMBERS_MAX, sizeof(*i->member));
	if (!ok)
		list = NULL;
	cJSON_ArrayForEach (j, list)
		ok = ok && i->n < NOTE_MEMBERS_MAX &&
		    read_member(&i->member[i->n++], j);
	cJSON_Delete(o);
	return ok && i->n > 0;
}

/* ---- one record */

static int
member_find(const struct incident *i, const char *domain)
{
	for (unsigned k = 0; i != NULL && k < i->n; k++)
		if (strcmp(i->member[k].domain, domain) == 0)
			return (int)k;
	return -1;
}

static void
member_remove(struct incident *i, int k)
{
	i->n--;
	memmove(&i->member[k], &i->member[k + 1],
	    (i->n - (unsigned)k) * sizeof(*i->member));
}

static void
member_add(struct incident *i, const struct incident_member *m)
{
	if (i->member == NULL)
		i->member = mem_array(NOTE_MEMBERS_MAX, sizeof(*i->member));
	if (i->n < NOTE_MEMBERS_MAX)
		i->member[i->n++] = *m;
}

/* Of our own node: what we left for others. */
static struct incident *
left_find(const struct incidents *x, const struct incident *ours)
{
	return incident_find(&x->others, x->node, ours->kind, ours->group);
}

/* The text that our record should have: what we report, and what we left. NULL:
 * none. */
static char *
text_of(const struct incidents *x, const struct incident *i)
{
	const struct incident *left = left_find(x, i);
	struct incident all = { .n = 0 };
	char *text = NULL, *made;

	for (unsigned k = 0; k < i->n; k++)
		member_add(&all, &i->member[k]);
	for (unsigned k = 0; left != NULL && k < left->n; k++)
		if (member_find(i, left->member[k].domain) < 0)
			member_add(&all, &left->member[k]);
	if (all.n > 0) {
		made = write_text(i->primary, all.member, all.n);
		text = mem_strdup(made);
		cJSON_free(made);
	}
	mem_free(&all.member);
	return text;
}

/* Writes it, unless it is up to date; may free it. */
static void
put_ours(struct incidents *x, struct incident *i)
{
	char *text = text_of(x, i);

	if (text == NULL ? i->text != NULL :
			   i->text == NULL || strcmp(text, i->text) != 0)
		change(x, i, text);
	mem_free(&i->text);
	i->text = text;
	if (text == NULL)
		incident_remove(&x->ours, i, &x->nours);
}

/* ---- records of others */

/* Another node took over members that we had left, or overwrote a newer
 * version. */
static void
ours_changed(struct incidents *x, struct incident *i, const struct incident *is)
{
	struct incident *left = left_find(x, i);

	for (unsigned k = 0; left != NULL && k < left->n;)
		if (member_find(is, left->member[k].domain) < 0)
			member_remove(left, (int)k);
		else
			k++;
	if (left != NULL && left->n == 0)
		incident_remove(&x->others, left, &x->nothers);
	mem_free(&i->text);
	if (is != NULL)
		i->text = mem_strdup(is->text);
	put_ours(x, i);
}

static void
theirs_changed(struct incidents *x, const char *node, enum alert_kind kind,
    const char *group, struct incident *is)
{
	struct incident *i = incident_find(&x->others, node, kind, group);

	if (i == NULL && is != NULL && x->nothers < INCIDENTS_MAX * SNAP_NODES)
		i = incident_add(&x->others, node, kind, group, &x->nothers);
	if (i == NULL)
		return;
	mem_free(&i->member);
	i->n = 0;
	if (is == NULL) {
		incident_remove(&x->others, i, &x->nothers);
		return;
	}
	(void)strlcpy(i->primary, is->primary, sizeof(i->primary));
	i->n = is->n;
	i->member = is->member;
	is->member = NULL;
}

void
incidents_told(struct incidents *x, const char *key, const void *text,
    size_t len)
{
	struct incident is = { .n = 0 }, *ours;
	char node[SNAP_NAME_MAX];
	enum alert_kind kind;
	const char *group;
	bool there;

	if (!read_key(key, node, sizeof(node), &kind, &group))
		return;
	there = len > 0 && len <= INCIDENTS_TEXT && read_text(&is, text, len);
	ours = incident_find(&x->ours, node, kind, group);
	if (ours != NULL) {
		if (there)
			is.text = mem_strndup(text, len);
		ours_changed(x, ours, there ? &is : NULL);
	} else
		theirs_changed(x, node, kind, group, there ? &is : NULL);
	mem_free(&is.member);
	mem_free(&is.text);
}

/* Some of its members were taken over. */
static void
rewrite(struct incidents *x, struct incident *i)
{
	struct incident *ours =
	    incident_find(&x->ours, i->node, i->kind, i->group);
	char *text = NULL;

	if (ours != NULL)
		put_ours(x, ours);
	else {
		if (i->n > 0)
			text = write_text(i->primary, i->member, i->n);
		change(x, i, text);
		cJSON_free(text);
	}
	if (i->n == 0)
		incident_remove(&x->others, i, &x->nothers);
}

void
incidents_take(struct incidents *x, incidents_fn *fn, void *arg)
{
	struct incident *i, *next;
	unsigned left;

	RB_FOREACH_SAFE (i, incident_tree, &x->others, next) {
		left = 0;
		for (unsigned k = 0; k < i->n; k++)
			if (!fn(arg, i, &i->member[k]))
				i->member[left++] = i->member[k];
		if (left == i->n)
			continue;
		i->n = left;
		rewrite(x, i);
	}
}

const char *
incidents_other(const struct incidents *x, enum alert_kind kind,
    const char *group)
{
	struct incident key = { .kind = kind }, *i;
	struct incident_tree *tree =
	    (struct incident_tree *)(uintptr_t)&x->others;

	(void)strlcpy(key.group, group, sizeof(key.group));
	i = RB_NFIND(incident_tree, tree, &key);
	while (i != NULL && strcmp(i->node, x->node) == 0)
		i = RB_NEXT(incident_tree, tree, i);
	return i != NULL && i->kind == kind && strcmp(i->group, group) == 0 ?
	    i->node :
	    NULL;
}

/* ---- our records */

void
incidents_leave(struct incidents *x, enum alert_kind kind, const char *group,
    const char *domain)
{
	struct incident *i = incident_find(&x->ours, x->node, kind, group);
	struct incident *left;
	int k = member_find(i, domain);

	if (k < 0)
		return; /* nothing was reported by us */
	left = left_find(x, i);
	if (left == NULL)
		left =
		    incident_add(&x->others, x->node, kind, group, &x->nothers);
	(void)strlcpy(left->primary, i->primary, sizeof(left->primary));
	if (member_find(left, domain) < 0)
		member_add(left, &i->member[k]);
	member_remove(i, k);
}

void
incidents_begin(struct incidents *x)
{
	struct incident *i;

	RB_FOREACH (i, incident_tree, &x->ours)
		i->seen = false;
}

static struct incident_member
member_of(const struct instance *i)
{
	struct incident_member m = { .severity = i->severity,
		.acked = i->acked,
		.since_ms = i->since_ms,
		.fired_ms = i->fired_ms };

	(void)strlcpy(m.domain, i->domain, sizeof(m.domain));
	(void)strlcpy(m.acked_by, i->acked_by, sizeof(m.acked_by));
	return m;
}

void
incidents_fires(struct incidents *x, enum alert_kind kind, const char *group,
    const char *primary, struct instance *const *list, size_t n)
{
	struct incident *i = incident_find(&x->ours, x->node, kind, group);
	struct incident_member m;
	size_t first = 0;

	while (first < n && !list[first]->audible)
		first++;
	if (x->node[0] == '\0' || first == n ||
	    (i == NULL && x->nours >= INCIDENTS_MAX))
		return;
	if (i == NULL)
		i = incident_add(&x->ours, x->node, kind, group, &x->nours);
	(void)strlcpy(i->primary, primary, sizeof(i->primary));
	i->seen = true;
	i->n = 0;
	for (size_t k = first; k < n && i->n < NOTE_MEMBERS_MAX; k++) {
		m = member_of(list[k]);
		if (list[k]->audible)
			member_add(i, &m);
	}
	put_ours(x, i);
}

void
incidents_keep(struct incidents *x, enum alert_kind kind, const char *group)
{
	struct incident *i = incident_find(&x->ours, x->node, kind, group);

	if (i != NULL)
		i->seen = true;
}

void
incidents_end(struct incidents *x)
{
	struct incident *i, *next;

	RB_FOREACH_SAFE (i, incident_tree, &x->ours, next) {
		if (i->seen)
			continue;
		i->n = 0;
		put_ours(x, i);
	}
}
