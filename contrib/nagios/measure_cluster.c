/* SPDX-License-Identifier: ISC
 * measure_cluster: `cluster` of the document, one fact after another. States
 * that are normal for a moment, while a domain or a node moves, are warnings:
 * the monitor checks again before it notifies. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "measure.h"
#include "status/json.h"

#define LOCAL_OLD 600.0 /* seconds; by then it should have moved */

static double
since(const cJSON *status, const cJSON *o, const char *key)
{
	double from = json_get_num(o, key);
	double age = json_get_num(status, "time") - from;

	return from > 0 && age > 0 ? age : 0;
}

static const char *
span(double seconds, char *dst, size_t size)
{
	int64_t ms = seconds < 1e12 ? (int64_t)seconds * 1000 : 0;

	return text_duration_fmt(ms, dst, size);
}

static void
measure_engine(const cJSON *status, const cJSON *c, struct cluster_facts *f)
{
	const cJSON *engine = json_get(c, "engine");
	bool away = cJSON_IsNumber(json_get(engine, "away_since"));
	bool required = json_get_bool(engine, "require_sync");
	struct measure *m = &f->fact[CLUSTER_AWAY];
	char t[32];

	m->value = since(status, engine, "away_since");
	if (away)
		m->own = LEVEL_CRITICAL;
	(void)snprintf(m->text, sizeof(m->text),
	    "the engine is unreachable for %s", span(m->value, t, sizeof(t)));
	m = &f->fact[CLUSTER_SYNCHRONOUS];
	m->value = json_get_bool(engine, "synchronous");
	/* unknown while the engine is unreachable */
	if (!away && m->value < 1)
		m->own = required ? LEVEL_CRITICAL : LEVEL_WARNING;
	(void)snprintf(m->text, sizeof(m->text),
	    "the engine has no synchronous standby%s",
	    required ? ", and takes no mail" : "");
}

static void
measure_nodes(const cJSON *c, struct cluster_facts *f)
{
	struct measure *m = &f->fact[CLUSTER_MISSING];
	const cJSON *n;
	size_t len;

	f->fact[CLUSTER_LIVE].value = json_get_num(c, "live");
	m->value = json_get_num(c, "missing");
	if (m->value >= 1)
		m->own = json_get_num(c, "live") > 1 ? LEVEL_WARNING :
						       LEVEL_CRITICAL;
	(void)snprintf(m->text, sizeof(m->text), "%.0f of its nodes missing",
	    m->value);
	cJSON_ArrayForEach (n, json_get(c, "nodes")) {
		const char *state = json_get_text(n, "state");

		if (strcmp(state, "silent") != 0 && strcmp(state, "dead") != 0)
			continue;
		len = strlen(m->text);
		(void)snprintf(m->text + len, sizeof(m->text) - len,
		    ", %.64s is %.20s", json_get_text(n, "node"), state);
	}
	m = &f->fact[CLUSTER_DIFFERING];
	m->value = json_get_num(c, "differing");
	if (m->value >= 1)
		m->own = LEVEL_WARNING;
	(void)snprintf(m->text, sizeof(m->text),
	    "%.0f of its nodes with another configuration", m->value);
	m = &f->fact[CLUSTER_FENCED];
	m->value = json_get_bool(c, "fenced");
	if (m->value > 0)
		m->own = LEVEL_WARNING;
	(void)strlcpy(m->text, "this node was declared dead", sizeof(m->text));
}

static void
measure_mail(const struct check *check, const cJSON *status, const cJSON *c,
    struct cluster_facts *f)
{
	const cJSON *local = json_get(c, "local");
	struct measure *m = &f->fact[CLUSTER_UNOWNED];
	double messages = json_get_num(local, "messages");
	char t[32];

	m->value = json_get_num(json_get(c, "domains"), "unowned");
	if (m->value >= 1)
		m->own = LEVEL_WARNING;
	(void)snprintf(m->text, sizeof(m->text), "%.0f domain%s without a node",
	    m->value, m->value == 1 ? "" : "s");
	f->fact[CLUSTER_LOCAL_MSGS].value = messages;
	m = &f->fact[CLUSTER_LOCAL];
	m->value = since(status, local, "oldest");
	if (m->value > LOCAL_OLD && !check->warning.set && !check->critical.set)
		m->own = LEVEL_WARNING;
	(void)snprintf(m->text, sizeof(m->text),
	    "%.0f message%s at this node alone, the oldest %s old", messages,
	    messages == 1 ? "" : "s", span(m->value, t, sizeof(t)));
}

bool
measure_cluster(const struct check *check, const cJSON *status,
    struct cluster_facts *f)
{
	const cJSON *c = json_get(status, "cluster");

	*f = (struct cluster_facts){ .text = "" };
	if (!cJSON_IsObject(c))
		return false;
	for (unsigned i = 0; i < CLUSTER_FACTS; i++)
		f->fact[i].known = true;
	measure_engine(status, c, f);
	measure_nodes(c, f);
	measure_mail(check, status, c, f);
	(void)snprintf(f->text, sizeof(f->text),
	    "%.64s of %.0f live nodes, %.0f of %.0f domains are its own",
	    json_get_text(c, "node"), json_get_num(c, "live"),
	    json_get_num(json_get(c, "domains"), "ours"),
	    json_get_num(json_get(c, "domains"), "all"));
	return true;
}
