/* SPDX-License-Identifier: ISC
 * numbers: a copy of new numbers goes to the helper; one job at a time. */
#include "exporters/snmp/numbers.h"

#include "base/log.h"
#include "base/mem.h"

/* The numbers being written: owned by the thread until it is done. */
struct keeping {
	struct helper_job job; /* first */
	struct numbers *n;
	const char *path; /* of the index, which outlives the job */
	struct index_copy *copy;
	int rc;
	struct mx_errbuf why;
};

static void
keeping_run(struct helper_job *job)
{
	struct keeping *k = (struct keeping *)job;

	k->rc = index_write(k->copy, &k->why);
}

static void
say_failed(const char *path, const struct mx_errbuf *why)
{
	log_error("agentx",
	    "problem=\"cannot store the SNMP index numbers\" file=%s error=%s",
	    log_q(path), log_q(why->text));
}

static void
keeping_end(struct keeping *k)
{
	k->n->keeping = false;
	if (k->rc != 0)
		say_failed(k->path, &k->why);
	index_copy_destroy(&k->copy);
	mem_free(&k);
}

static void
keeping_done(struct helper_job *job)
{
	struct numbers *n = ((struct keeping *)job)->n;

	keeping_end((struct keeping *)job);
	numbers_keep(n);
}

/* The daemon ends: it may not have been written. */
static void
keeping_drop(struct helper_job *job)
{
	keeping_run(job);
	keeping_end((struct keeping *)job);
}

void
numbers_keep(struct numbers *n)
{
	struct index *x = &n->x.domains;
	struct index_copy *copy;
	struct keeping *k;

	if (n->keeping)
		return;
	copy = index_copy(x);
	if (copy == NULL) {
		x = &n->x.primaries;
		copy = index_copy(x);
	}
	if (copy == NULL)
		return;
	k = mem_alloc(sizeof(*k));
	k->job.run = keeping_run;
	k->job.done = keeping_done;
	k->job.drop = keeping_drop;
	k->n = n;
	k->path = x->path;
	k->copy = copy;
	n->keeping = true;
	helper_do(n->helper, &k->job);
}

static void
read_index(struct index *x, enum index_kind kind, const char *spool,
    const char *name)
{
	char *path = mem_printf("%s/%s", spool, name);
	int rc = index_init(x, kind, path);

	if (rc != 0)
		log_warn("agentx",
		    "problem=\"some SNMP index numbers are lost\" file=%s "
		    "error=%s effect=\"their objects get new ones\"",
		    log_q(path), log_q(mx_strerror(rc)));
	mem_free(&path);
}

void
numbers_init(struct numbers *n, struct helper *helper, const char *spool)
{
	n->helper = helper;
	n->keeping = false;
	read_index(&n->x.domains, INDEX_DOMAINS, spool, "snmp-index");
	read_index(&n->x.primaries, INDEX_PRIMARIES, spool, "snmp-primaries");
}

/* At the end there is no helper any more, and blocking is allowed. */
static void
write_last(struct index *x)
{
	struct index_copy *copy = index_copy(x);
	struct mx_errbuf why;

	if (copy != NULL && index_write(copy, &why) != 0)
		say_failed(x->path, &why);
	index_copy_destroy(&copy);
}

void
numbers_fini(struct numbers *n)
{
	write_last(&n->x.domains);
	write_last(&n->x.primaries);
	index_fini(&n->x.domains);
	index_fini(&n->x.primaries);
}
