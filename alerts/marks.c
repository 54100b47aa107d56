/* SPDX-License-Identifier: ISC
 * marks: see marks.h. */
#include "alerts/marks.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

void
marks_init(struct marks *m)
{
	*m = (struct marks){ .mark = NULL };
	pthread_mutex_init(&m->lock, NULL);
}

void
marks_fini(struct marks *m)
{
	mem_free(&m->mark);
	pthread_mutex_destroy(&m->lock);
}

static void
fill(struct alert_mark *a, const char *receiver, const struct note *n,
    bool resolve, int64_t wall)
{
	unsigned names = n->n < MARKS_DOMAINS ? n->n : MARKS_DOMAINS;

	(void)strlcpy(a->receiver, receiver, sizeof(a->receiver));
	(void)strlcpy(a->primary, n->primary, sizeof(a->primary));
	for (unsigned i = 0; i < names; i++)
		(void)strlcpy(a->domain[i], n->member[i].domain,
		    sizeof(a->domain[i]));
	a->ndomains = names;
	(void)snprintf(a->what, sizeof(a->what), "%s, %s", note_name(n),
	    resolve ? "resolve" : "trigger");
	a->wall = wall;
}

void
marks_add(struct marks *m, const char *receiver, const struct note *n,
    bool resolve, int64_t wall)
{
	pthread_mutex_lock(&m->lock);
	if (m->mark == NULL)
		m->mark = mem_array(MARKS_MAX, sizeof(*m->mark));
	if (m->n < MARKS_MAX)
		fill(&m->mark[m->n++], receiver, n, resolve, wall);
	else
		m->lost++;
	pthread_mutex_unlock(&m->lock);
}

void
marks_take(struct marks *m, void (*fn)(const struct alert_mark *, void *),
    void *arg)
{
	struct alert_mark *mark;
	unsigned n, lost;

	pthread_mutex_lock(&m->lock);
	mark = m->mark;
	n = m->n;
	lost = m->lost;
	m->mark = NULL;
	m->n = m->lost = 0;
	pthread_mutex_unlock(&m->lock);
	for (unsigned i = 0; i < n; i++)
		fn(&mark[i], arg);
	mem_free(&mark);
	if (lost > 0)
		log_warn("alerts",
		    "problem=\"marks lost\" marks=%u effect=\"they are missing "
		    "from the record of outages\"",
		    lost);
}
