/* SPDX-License-Identifier: ISC
 * salvage_log: see salvage_log.h. */
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "relay/le.h"
#include "relay/store/journal_files.h"
#include "relay/store/salvage_log.h"

/* The salt in the first record of a valid file. */
static uint64_t
salt_of(const struct journal_files *l)
{
	struct journal_file f;
	uint8_t raw[8];
	uint64_t first, salt = 0;
	size_t i;

	for (i = 0; i < l->n && salt == 0; i++) {
		if (journal_files_open(l, i, 0, &f) < 0)
			continue;
		if (journal_head(&f, &first) == 0 &&
		    pread(f.fd, raw, 8, JOURNAL_HEAD) == 8)
			salt = le_get(raw, 8);
		close(f.fd);
	}
	return salt;
}

static void
note(struct salvage_log *sl, uint64_t id, uint64_t seq, struct envelope *e)
{
	struct logged *m = idmap_get(&sl->messages, id);

	if (m == NULL) {
		m = mem_alloc(sizeof(*m));
		idmap_put(&sl->messages, id, m);
	}
	envelope_destroy(&m->env);
	*m = (struct logged){ seq, e };
}

static void
note_record(struct salvage_log *sl, uint64_t id, uint64_t seq, const char *data,
    size_t len)
{
	struct envelope *e = NULL;

	if (envelope_decode(data, len, &e) == 0 && e->id == id)
		note(sl, id, seq, e);
	else
		envelope_destroy(&e);
}

static void
read_one(struct salvage_log *sl, const struct journal_record *r)
{
	const struct logged *m;
	const char *data;
	size_t at = 0, len;
	unsigned i;

	switch (r->kind) {
	case JOURNAL_COMMIT:
		for (i = 0; i < r->nparts; i++)
			if (journal_part(r, &at, &data, &len))
				note_record(sl, r->id | i, r->seq, data, len);
		break;
	case JOURNAL_UPDATE:
		m = idmap_get(&sl->messages, r->id);
		/* a removed one is not revived */
		if (m == NULL || m->env != NULL)
			note_record(sl, r->id, r->seq, r->rest, r->len);
		break;
	case JOURNAL_REMOVE:
		note(sl, r->id, r->seq, NULL);
		break;
	default:
		break;
	}
}

/* Sequences have no gap: a missing one was damaged. */
static void
count_missing(struct salvage_log *sl, uint64_t seq)
{
	if (seq <= sl->last)
		return;
	sl->missing += seq - sl->last - 1;
	sl->last = seq;
}

static void
read_file(struct salvage_log *sl, const struct journal_file *f,
    uint64_t void_from)
{
	struct buf buf;
	struct journal_record r;
	uint64_t at = JOURNAL_HEAD;
	int rc;

	buf_init(&buf, JOURNAL_REST_MAX);
	while ((rc = journal_read(f, at, &r, &buf)) != -MX_ENOENT) {
		if (rc == 0 && r.seq >= void_from)
			break;
		if (rc == 0) {
			count_missing(sl, r.seq);
			read_one(sl, &r);
			at += journal_size(&r, f->number);
		} else if (journal_find(f, at + 1, &r, &at) < 0) {
			break; /* or holes punched to free space */
		}
	}
	buf_fini(&buf);
}

void
salvage_log_read(struct salvage_log *sl, int segments, uint64_t salt,
    uint64_t applied)
{
	struct segment_dir dir = { .fd = segments };
	struct journal_files l;
	struct journal_file f;
	uint64_t from;
	size_t i;

	*sl = (struct salvage_log){ .salt = salt, .last = applied };
	idmap_init(&sl->messages);
	if (segments < 0)
		return;
	if (journal_files_list(&l, &dir, JOURNAL_FIRST) < 0) {
		journal_files_free(&l);
		return;
	}
	if (sl->salt == 0)
		sl->salt = salt_of(&l);
	for (i = 0; i < l.n; i++) {
		if (journal_files_open(&l, i, sl->salt, &f) < 0)
			continue;
		(void)journal_files_void(&l, i, &from);
		read_file(sl, &f, from);
		close(f.fd);
	}
	journal_files_free(&l);
}

static void
free_one(uint64_t id, void *value, void *arg)
{
	struct logged *m = value;

	(void)id;
	(void)arg;
	envelope_destroy(&m->env);
	free(m);
}

void
salvage_log_free(struct salvage_log *sl)
{
	idmap_each(&sl->messages, free_one, NULL);
	idmap_fini(&sl->messages);
}
