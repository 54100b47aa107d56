/* SPDX-License-Identifier: ISC
 * judge: compares the value of each selected domain with the thresholds and
 * puts the worst first. */
#include "judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "measure.h"
#include "status/json.h"

#define OUTPUT_MAX (256u * 1024)

const struct mode_info mode_info[CHECK_MODE_MAX] = {
#define MODE(name, word, label, unit, units, sums)                             \
	[CHECK_##name] = { word, label, unit, units, sums },
	CHECK_MODES
#undef MODE
};

enum check_mode
check_mode_parse(const char *word, size_t len)
{
	enum check_mode mode = 0;

	while (mode < CHECK_MODE_MAX &&
	    (strlen(mode_info[mode].word) != len ||
		memcmp(word, mode_info[mode].word, len) != 0))
		mode++;
	return mode;
}

const char *
level_name(enum level level)
{
	static const char *const names[] = { "OK", "WARNING", "CRITICAL",
		"UNKNOWN" };

	return names[level];
}

/* Text of the document goes to a terminal, a shell and web pages of others:
 * control characters are removed, as is anything with a meaning to a monitor
 * ('|') or in a label (' and =). Text that does not fit is omitted; the level
 * is independent of it. */
static void MX_PRINTF(3, 4) say(struct buf *b, bool perf, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 32 || c > 126)
			*p = '?';
		else if (c == '|' && !perf)
			*p = '!';
	}
	if (buf_adds(b, text) != 0)
		return;
}

static void
newline(struct buf *b)
{
	if (b->len > 0 && buf_add(b, "\n", 1) != 0)
		return;
}

/* Without a value there is no perfdata: the guidelines allow "U", but perfdata
 * writers such as those of Icinga 2 refuse it and log a line each time. */
static void
say_perf(struct verdict *v, const char *domain, const char *label,
    const char *unit, const struct measure *m, const struct check *c)
{
	static const struct check_range none;
	char value[64], max[64] = "", label_text[320];
	char warn[RANGE_TEXT_MAX], crit[RANGE_TEXT_MAX];
	size_t n;

	if (!m->known)
		return;
	(void)snprintf(label_text, sizeof(label_text), "%s%s%s", domain,
	    domain[0] != '\0' ? "_" : "", label);
	while ((n = strcspn(label_text, "'=|")) < strlen(label_text))
		label_text[n] = '?';
	range_number(m->value, value, sizeof(value));
	if (m->max > 0)
		range_number(m->max, max, sizeof(max));
	range_fmt(c != NULL ? &c->warning : &none, m->whole, warn);
	range_fmt(c != NULL ? &c->critical : &none, m->whole, crit);
	say(&v->perf, true, "%s'%s'=%s%s;%s;%s;0;%s",
	    v->perf.len > 0 ? " " : "", label_text, value, unit, warn, crit,
	    max);
}

/* A counter has a unit of its own; a window makes it a plain number. */
static const char *
unit_of(const struct check *c)
{
	return c->window != NULL ? "" : mode_info[c->mode].unit;
}

static enum level
judge_measure(const struct check *c, const struct measure *m)
{
	if (m->known && range_alerts(&c->critical, m->value, m->whole))
		return LEVEL_CRITICAL;
	if (m->own < LEVEL_WARNING && m->known &&
	    range_alerts(&c->warning, m->value, m->whole))
		return LEVEL_WARNING;
	return m->own;
}

static bool
named(const char *const *list, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

static bool
wanted(const struct check *c, const cJSON *domain)
{
	const char *name = json_get_text(domain, "domain");

	return (c->nonly == 0 || named(c->only, c->nonly, name)) &&
	    !named(c->except, c->nexcept, name);
}

/* The state while the domains are judged. */
struct check_tally {
	const struct check *check;
	const cJSON *status;
	struct verdict *v;
	bool perf; /* numbers of each domain */
	unsigned domains, bad, lines;
	double rank, sum, whole;
	char worst[512]; /* "example.org: 3 messages" */
};

static void
note(struct check_tally *t, const char *name, enum level level, double rank,
    const char *text)
{
	struct verdict *v = t->v;

	if (level != LEVEL_OK)
		t->bad++;
	if (t->worst[0] == '\0' || level > v->level ||
	    (level == v->level && rank > t->rank)) {
		t->rank = rank;
		(void)snprintf(t->worst, sizeof(t->worst), "%.253s%s%s", name,
		    name[0] != '\0' ? ": " : "", text);
	}
	if (level > v->level)
		v->level = level;
	if (level == LEVEL_OK && t->check->verbose < 1)
		return;
	if (++t->lines > JUDGE_LINES)
		return;
	newline(&v->more);
	say(&v->more, false, "%s: %s: %s", level_name(level),
	    name[0] != '\0' ? name : "mxwatchd", text);
}

static void
say_primaries(struct check_tally *t, const cJSON *domain)
{
	const cJSON *p;

	if (t->check->verbose < 2 || t->lines > JUDGE_LINES)
		return;
	cJSON_ArrayForEach (p, json_get(domain, "primaries")) {
		newline(&t->v->more);
		say(&t->v->more, false, "  %.253s %s: %.500s",
		    json_get_text(p, "primary"),
		    !json_get_bool(p, "probed")	    ? "not probed" :
			json_get_bool(p, "healthy") ? "healthy" :
						      "failed",
		    json_get_text(p, "text"));
	}
}

/* All about a domain in one line: the age with its thresholds, and the
 * primary. */
static void
judge_all(struct check_tally *t, const char *name, const cJSON *domain)
{
	struct measure age, primary, queue;
	enum level level;
	char text[900];

	measure_domain(t->check, CHECK_AGE, t->status, domain, &age);
	measure_domain(t->check, CHECK_PRIMARY, t->status, domain, &primary);
	measure_domain(t->check, CHECK_QUEUE, t->status, domain, &queue);
	level = judge_measure(t->check, &age);
	if (primary.own > level)
		level = primary.own;
	(void)snprintf(text, sizeof(text), "%s, %s", age.text, primary.text);
	note(t, name, level, age.rank, text);
	t->sum += queue.value;
	if (!t->perf)
		return;
	say_perf(t->v, name, "age", "s", &age, t->check);
	say_perf(t->v, name, "msgs", "", &queue, NULL);
}

static void
judge_domain(struct check_tally *t, const cJSON *domain)
{
	const char *name = json_get_text(domain, "domain");
	const struct mode_info *mode = &mode_info[t->check->mode];
	struct measure m;

	t->domains++;
	if (t->check->mode == CHECK_ALL) {
		judge_all(t, name, domain);
	} else {
		measure_domain(t->check, t->check->mode, t->status, domain, &m);
		t->sum += m.value;
		t->whole += m.whole;
		note(t, name,
		    t->check->sum ? LEVEL_OK : judge_measure(t->check, &m),
		    m.rank, m.text);
		if (t->perf)
			say_perf(t->v, name, mode->label, unit_of(t->check), &m,
			    t->check->sum ? NULL : t->check);
	}
	say_primaries(t, domain);
}

/* Judges the daemon as a whole. */
static void
judge_daemon(struct check_tally *t)
{
	struct measure m;
	char text[512];

	measure_spool(t->status, &m);
	if (t->check->mode == CHECK_SPOOL && !(m.whole > 0) &&
	    (t->check->warning.percent || t->check->critical.percent))
		note(t, "", LEVEL_UNKNOWN, 1e18,
		    "the daemon does not say how large the file system is");
	if (t->check->mode == CHECK_SPOOL) {
		note(t, "", judge_measure(t->check, &m), 0, m.text);
		say_perf(t->v, "spool", "free", "B", &m, t->check);
		return;
	}
	if (m.own != LEVEL_OK)
		note(t, "", m.own, 1e18, m.text);
	if (!json_get_bool(t->status, "ready")) {
		(void)snprintf(text, sizeof(text), "not ready: %.400s",
		    json_get_text(t->status, "not_ready"));
		note(t, "", LEVEL_CRITICAL, 1e18, text);
	}
	if (!json_get_bool(json_get(t->status, "config"), "reload_ok"))
		note(t, "", LEVEL_WARNING, 1e18, "the last reload failed");
	say_perf(t->v, "spool", "free", "B", &m, NULL);
}

/* A check of heartbeats without any is a configuration error. */
static void
judge_heartbeats(struct check_tally *t)
{
	const cJSON *list = json_get(t->status, "heartbeats"), *h;
	struct measure m;

	cJSON_ArrayForEach (h, list) {
		const char *name = json_get_text(h, "heartbeat");

		measure_heartbeat(t->status, h, &m);
		note(t, name, judge_measure(t->check, &m), m.rank, m.text);
		say_perf(t->v, name, "heartbeat", "s", &m, t->check);
	}
	if (cJSON_GetArraySize(list) == 0)
		note(t, "", LEVEL_UNKNOWN, 0, "no heartbeat is configured");
}

/* Judges the cluster, at one of its nodes. In mode `all` the thresholds are not
 * for the cluster. */
static void
judge_cluster(struct check_tally *t)
{
	static const char *const label[CLUSTER_FACTS] = { "away", "synchronous",
		"live", "missing", "differing", "fenced", "unowned",
		"local_msgs", "local" };
	static const struct check plain;
	bool alone = t->check->mode == CHECK_CLUSTER;
	const struct check *c = alone ? t->check : &plain;
	struct cluster_facts f;
	unsigned bad = t->bad;

	if (!measure_cluster(c, t->status, &f)) {
		if (alone)
			note(t, "", LEVEL_UNKNOWN, 0,
			    "it is no node of a cluster");
		return;
	}
	for (unsigned i = 0; i < CLUSTER_FACTS; i++) {
		const struct measure *m = &f.fact[i];
		bool judged = i == CLUSTER_LOCAL;
		enum level level = judged ? judge_measure(c, m) : m->own;

		if (level != LEVEL_OK)
			note(t, "cluster", level, 1e17, m->text);
		if (alone)
			say_perf(t->v, "cluster", label[i],
			    judged || i == CLUSTER_AWAY ? "s" : "", m,
			    judged ? c : NULL);
	}
	if (alone && t->bad == bad)
		note(t, "cluster", LEVEL_OK, 0, f.text);
}

/* Reports the sum of all domains, and judges it on request. */
static void
judge_sum(struct check_tally *t)
{
	const struct check *c = t->check;
	struct measure m = { .known = true,
		.value = t->sum,
		.whole = t->whole };

	if (c->mode != CHECK_ALL && !mode_info[c->mode].sums)
		return;
	if (c->sum) {
		t->v->level = judge_measure(c, &m);
		t->bad = t->v->level != LEVEL_OK;
		measure_words(c, c->mode, t->sum, t->worst, sizeof(t->worst));
	}
	if (c->mode == CHECK_ALL)
		say_perf(t->v, "total", "msgs", "", &m, NULL);
	else
		say_perf(t->v, "total", mode_info[c->mode].label, unit_of(c),
		    &m, c->sum ? c : NULL);
}

/* A requested domain that is missing is not OK. */
static bool
all_there(const struct check *c, const cJSON *status, struct verdict *v)
{
	const cJSON *d;
	bool found;

	for (unsigned i = 0; i < c->nonly; i++) {
		found = false;
		cJSON_ArrayForEach (d, json_get(status, "domains"))
			if (strcmp(json_get_text(d, "domain"), c->only[i]) == 0)
				found = true;
		if (found)
			continue;
		v->level = LEVEL_UNKNOWN;
		say(&v->line, false, "%s: no such domain", c->only[i]);
		return false;
	}
	return true;
}

void
judge(const struct check *c, const cJSON *status, struct verdict *v)
{
	const cJSON *domains = json_get(status, "domains"), *d;
	bool of_domains = c->mode != CHECK_SPOOL &&
	    c->mode != CHECK_HEARTBEAT && c->mode != CHECK_CLUSTER;
	struct check_tally t = { .check = c, .status = status, .v = v };
	unsigned n = 0;

	*v = (struct verdict){ .line = BUF_INIT(OUTPUT_MAX),
		.perf = BUF_INIT(OUTPUT_MAX),
		.more = BUF_INIT(OUTPUT_MAX) };
	if (!cJSON_IsArray(domains)) {
		v->level = LEVEL_CRITICAL;
		say(&v->line, false, "the answer is no status document");
		return;
	}
	if (!all_there(c, status, v))
		return;
	cJSON_ArrayForEach (d, domains)
		n += wanted(c, d);
	t.perf = c->nonly > 0 || n <= JUDGE_PERF_DOMAINS;
	if (c->mode == CHECK_SPOOL || c->mode == CHECK_ALL)
		judge_daemon(&t);
	if (c->mode == CHECK_CLUSTER || c->mode == CHECK_ALL)
		judge_cluster(&t);
	if (c->mode == CHECK_HEARTBEAT)
		judge_heartbeats(&t);
	if (of_domains) {
		cJSON_ArrayForEach (d, domains)
			if (wanted(c, d))
				judge_domain(&t, d);
		judge_sum(&t);
	}
	if (t.bad > 1)
		say(&v->line, false, "%u not well, worst ", t.bad);
	else if (t.domains != 1 && of_domains)
		say(&v->line, false, "%u domains%s", t.domains,
		    t.worst[0] == '\0'	? "" :
			c->sum || t.bad ? ", " :
					  ", worst ");
	say(&v->line, false, "%s", t.worst);
	if (t.lines > JUDGE_LINES) {
		newline(&v->more);
		say(&v->more, false, "and %u more", t.lines - JUDGE_LINES);
	}
}

void
verdict_fini(struct verdict *v)
{
	buf_fini(&v->line);
	buf_fini(&v->perf);
	buf_fini(&v->more);
}
