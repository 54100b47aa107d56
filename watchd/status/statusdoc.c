/* SPDX-License-Identifier: ISC
 * statusdoc: prints the documentation in metrics.def and alert.def. Not
 * installed: it generates the list in mxwatch-metrics(7) and the table in
 * mxwatch-alerts(7), and tests/lint/manual and tests/lint/runbook compare these
 * and doc/RUNBOOK.md with it. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/defs.h"
#include "status/alert.h"
#include "status/metrics.h"

/* Rows of metrics.def and, before a GROUP_MARK, the groups between them. */
#define GROUP_MARK '*'
static const char *const rows[] = {
#define METRIC(scope, name, ...) #name,
#define METRIC_GROUP(title)	 "*" title,
#include "status/metrics.def"
#undef METRIC
#undef METRIC_GROUP
};

static const struct alert_info alerts[] = {
#define ALERT(...) ALERT_INFO(__VA_ARGS__)
#include "status/alert.def"
#undef ALERT
};

/* Each sentence on a line of its own, as required by mdoc. */
static void
put_text(const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (p == text && (*p == '.' || *p == '\''))
			fputs("\\&", stdout);
		if (*p == '\\')
			fputs("\\e", stdout);
		else if (p > text && p[-1] == '.' && *p == ' ' &&
		    isupper((unsigned char)p[1]))
			putchar('\n');
		else
			putchar(*p);
	}
	putchar('\n');
}

/* The labels that distinguish the objects of a scope. */
static const char *
scope_labels(const struct metric *m)
{
	switch (m->scope) {
	case METRIC_DOMAIN:
		return "domain";
	case METRIC_PRIMARY:
		return m->value == METRIC_INFO_PRIORITY ?
		    "domain , primary , priority" :
		    "domain , primary";
	case METRIC_SERVER:
		return "primary";
	case METRIC_RECEIVER:
	case METRIC_HEARTBEAT:
		return "receiver";
	case METRIC_DNSBL:
		return "list";
	case METRIC_NODE:
		return "node";
	case METRIC_GLOBAL:
	case METRIC_SCOPE_MAX:
		break;
	}
	return NULL;
}

static void
put_head(const struct metric *m)
{
	const char *const label[] = { scope_labels(m), m->labels->key,
		m->labels2->key };
	const char *sep = " Brq Va";

	printf(".It Va " METRIC_PREFIX "%s", m->name);
	for (size_t i = 0; i < MX_COUNT(label); i++) {
		if (label[i] == NULL)
			continue;
		printf("%s %s", sep, label[i]);
		sep = " ,";
	}
	putchar('\n');
}

static void
put_values(const struct metric_labels *l)
{
	/* These names are in mxwatch-alerts(7). */
	if (l->key == NULL || strcmp(l->key, "alert") == 0)
		return;
	printf(".Va %s :\n", l->key);
	for (unsigned i = 0; i < l->n; i++)
		printf("%s%s\n", l->label[i].name, i + 1 < l->n ? "," : ".");
}

static void
put_metric(const struct metric *m)
{
	static const char *const type[] = { "Counter", "Gauge", "Histogram" };

	put_head(m);
	if (metric_continues(m)) {
		puts("The same.");
		return;
	}
	printf("%s.\n", type[m->type]);
	put_text(m->help);
	put_values(m->labels);
	put_values(m->labels2);
	if (m->bounds == NULL)
		return;
	puts("Buckets:");
	for (unsigned i = 0; i < m->bounds->n; i++)
		printf("%g,\n", m->bounds->le[i]);
	puts("+Inf.");
}

static void
put_metrics(void)
{
	const char *end = "";
	size_t n = 0;

	for (size_t i = 0; i < MX_COUNT(rows); i++) {
		if (rows[i][0] != GROUP_MARK) {
			put_metric(&metrics[n++]);
			continue;
		}
		printf("%s.Ss %s\n.Bl -tag -width Ds\n", end, rows[i] + 1);
		end = ".El\n";
	}
	fputs(end, stdout);
}

static void
put_defaults(void)
{
	puts(".Bl -column \"cluster_configurations_differ\" \"10000\" "
	     "\"50000\" \"10m\" \"10m\" \"1d\"");
	puts(".It Sy alert Ta warn Ta crit Ta for Ta clear Ta repeat");
	for (size_t i = 0; i < MX_COUNT(alerts); i++) {
		const struct alert_info *a = &alerts[i];

		printf(".It Cm %s Ta %s Ta %s Ta %s Ta %s Ta %s%s\n", a->name,
		    a->warn, a->crit, a->hold, a->clear,
		    strcmp(a->repeat, "0s") == 0 ? "-" : a->repeat,
		    a->enabled ? "" : " (off)");
	}
	puts(".El");
}

static void
put_next(void)
{
	for (size_t i = 0; i < MX_COUNT(alerts); i++)
		printf("%s\t%s\n", alerts[i].name, alerts[i].next);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *word;
		void (*put)(void);
	} parts[] = { { "metrics", put_metrics }, { "alerts", put_defaults },
		{ "next", put_next } };

	for (size_t i = 0; argc == 2 && i < MX_COUNT(parts); i++) {
		if (strcmp(argv[1], parts[i].word) != 0)
			continue;
		parts[i].put();
		return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
	}
	fputs("usage: statusdoc metrics | alerts | next\n", stderr);
	return 2;
}
