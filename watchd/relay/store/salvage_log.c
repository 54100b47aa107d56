/* SPDX-License-Identifier: ISC
 * salvage_log: see salvage_log.h. */
#include <sys/stat.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "relay/le.h"
#include "relay/store/journal.h"
#include "relay/store/salvage_log.h"
#include "relay/store/segment.h"

struct log_files {
	struct segment_dir dir;
	uint64_t *numbers; /* ascending */
	size_t n;
};

static void
list_one(void *arg, uint64_t number, uint64_t size)
{
	struct log_files *l = arg;

	(void)size;
	if (!journal_is(number))
		return;
	l->numbers = mem_grow(l->numbers, l->n + 1, sizeof(*l->numbers));
	l->numbers[l->n++] = number;
}

static int
number_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool
open_file(const struct log_files *l, size_t i, uint64_t salt,
    struct journal_file *f)
{
	struct stat st;

	*f = (struct journal_file){ .number = l->numbers[i], .salt = salt };
	f->fd = segment_open_read(&l->dir, f->number);
	if (f->fd < 0)
		return false;
	if (fstat(f->fd, &st) == 0) {
		f->size = (uint64_t)st.st_size;
		return true;
	}
	close(f->fd);
	return false;
}

/* What a file that is whole begins its first record with. */
static uint64_t
salt_of(const struct log_files *l)
{
	struct journal_file f;
	uint8_t raw[8];
	uint64_t first, salt = 0;
	size_t i;

	for (i = 0; i < l->n && salt == 0; i++) {
		if (!open_file(l, i, 0, &f))
			continue;
		if (journal_head(&f, &first) == 0 &&
		    pread(f.fd, raw, 8, JOURNAL_HEAD) == 8)
			salt = le_get(raw, 8);
		close(f.fd);
	}
	return salt;
}

/* The sequence from which on the files behind this one say it anew. */
static uint64_t
voided_from(const struct log_files *l, size_t i)
{
	struct journal_file f;
	uint64_t first, from = UINT64_MAX;

	for (i++; i < l->n; i++) {
		if (!open_file(l, i, 0, &f))
			continue;
		if (journal_head(&f, &first) == 0 && first < from)
			from = first;
		close(f.fd);
	}
	return from;
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
		if (m == NULL || m->env != NULL) /* it does not rise again */
			note_record(sl, r->id, r->seq, r->rest, r->len);
		break;
	case JOURNAL_REMOVE:
		note(sl, r->id, r->seq, NULL);
		break;
	default:
		break;
	}
}

static void
read_file(struct salvage_log *sl, const struct journal_file *f,
    uint64_t void_from)
{
	struct buf buf;
	struct journal_record r;
	uint64_t at = JOURNAL_HEAD, next;
	int rc;

	buf_init(&buf, JOURNAL_REST_MAX);
	while ((rc = journal_read(f, at, &r, &buf)) != -MX_ENOENT) {
		if (rc == 0 && r.seq >= void_from)
			break;
		next = at + 1;
		if (rc == 0) {
			read_one(sl, &r);
			next = at + journal_size(&r, f->number);
		}
		if (rc == 0) {
			at = next;
			continue;
		}
		/* holes that were made for their space look the same */
		if (journal_find(f, next, &r, &at) < 0)
			break;
	}
	buf_fini(&buf);
}

void
salvage_log_read(struct salvage_log *sl, int segments, uint64_t salt)
{
	struct log_files l = { .dir = { .fd = segments } };
	struct journal_file f;
	size_t i;

	*sl = (struct salvage_log){ .salt = salt };
	idmap_init(&sl->messages);
	if (segments < 0 || segment_each(&l.dir, list_one, &l) < 0)
		return;
	if (l.n > 0)
		qsort(l.numbers, l.n, sizeof(*l.numbers), number_cmp);
	if (sl->salt == 0)
		sl->salt = salt_of(&l);
	for (i = 0; i < l.n; i++) {
		if (!open_file(&l, i, sl->salt, &f))
			continue;
		read_file(sl, &f, voided_from(&l, i));
		close(f.fd);
	}
	free(l.numbers);
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
