/* SPDX-License-Identifier: ISC
 * log_corpus: makes what fuzz_log begins with, as files in the folder that is
 * its argument: what a store wrote in groups, of every kind of record, in one
 * file and in several, torn, voided, with zeros ahead, and behind a database
 * that knows a part of it. */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "relay/le.h"
#include "relay/store/journal_files.h"
#include "tests/fuzz/journal_mend.h"
#include "tests/fuzz/log_input.h"
#include "tests/unit/store_kit.h"

#define ZEROS 200u /* that are left of those ahead */
#define TORN  (ZEROS + 30)
#define ALL   UINT_MAX

/* One input, of a log that is there: from its first file on. */
struct form {
	const char *name;
	unsigned flags;
	uint64_t segment_size;
	unsigned known; /* records that the database has */
	bool all_known; /* all of the first file */
	unsigned shift; /* the second file is numbered anew, so much lower */
	unsigned gap; /* behind so many records a number is left out */
	unsigned gone, gone_from; /* so many files, from this one on */
	unsigned cut_first; /* bytes that the end of the first file lacks */
	unsigned cut; /* that of the last; ALL: its head is left */
};

static const struct form forms[] = {
	{ .name = "one", .segment_size = 1u << 20 },
	{ .name = "several", .segment_size = 2000 },
	{ .name = "known", .segment_size = 2000, .known = 4 },
	{ .name = "void", .segment_size = 2000, .shift = 1 },
	{ .name = "gap", .segment_size = 2000, .gap = 2 },
	{ .name = "gone",
	    .segment_size = 2000,
	    .gone = 1,
	    .gone_from = 1,
	    .cut_first = TORN },
	{ .name = "begun", .segment_size = 2000, .gone = 3, .cut = ALL },
	{ .name = "lost",
	    .segment_size = 2000,
	    .gone = 2,
	    .gone_from = 1,
	    .cut_first = TORN,
	    .cut = ALL },
	{ .name = "short",
	    .segment_size = 1u << 20,
	    .all_known = true,
	    .cut = TORN },
	{ .name = "torn", .segment_size = 2000, .cut = TORN },
	{ .name = "last",
	    .segment_size = 2000,
	    .flags = LOG_MEND | LOG_LAST,
	    .cut = ALL },
	{ .name = "mended",
	    .segment_size = 2000,
	    .flags = LOG_MEND | LOG_COUNT | LOG_JOIN,
	    .known = 2 },
};

/* ---- a store */

static void
on_commit(void *arg, uint64_t token, int rc, struct envelope **parts,
    unsigned n)
{
	(void)token;
	MX_ASSERT(rc == 0);
	for (unsigned i = 0; i < n; i++)
		envelope_destroy(&parts[i]);
	kit_one_done(arg);
}

static void
on_done(void *arg, uint64_t token, int rc)
{
	(void)token;
	MX_ASSERT(rc == 0);
	kit_one_done(arg);
}

static uint64_t
commit(struct kit *k, size_t len, unsigned nparts)
{
	struct store_tx *tx = store_tx_begin(k->store);
	struct envelope *parts[3];
	uint64_t id = store_tx_id(tx);
	char data[500];

	kit_fill(data, len, id);
	MX_ASSERT(store_tx_append(tx, data, len) == 0);
	for (unsigned i = 0; i < nparts; i++)
		parts[i] = kit_envelope("example.org");
	k->waiting++;
	store_tx_commit(&tx, parts, nparts, on_commit, k, 0);
	return id;
}

static void
change(struct kit *k, uint64_t id)
{
	struct envelope *e;

	MX_ASSERT(kit_load(k, id, 0) == 0);
	e = envelope_copy(k->loaded.env);
	e->attempts++;
	k->waiting++;
	store_update(k->store, e, on_done, k, 0);
	envelope_destroy(&e);
}

static void
drop(struct kit *k, uint64_t id)
{
	k->waiting++;
	store_remove(k->store, id, on_done, k, 0);
}

/* Groups of several records, of each kind. */
static void
work(struct kit *k)
{
	uint64_t ids[4];

	for (unsigned turn = 0; turn < 3; turn++) {
		for (unsigned i = 0; i < 4; i++)
			ids[i] = commit(k, 100 * (size_t)i, 1 + i % 3);
		kit_wait_all(k);
		change(k, ids[3]);
		drop(k, ids[1]);
		k->waiting++;
		store_state_put(k->store, "known:a.example", "1 2",
		    turn == 2 ? 0 : 3, on_done, k, 0);
		kit_wait_all(k);
		change(k, ids[0]);
		drop(k, ids[1] | 1);
		kit_wait_all(k);
	}
	MX_ASSERT(kit_commit(k, 300000, 1, 1) != 0);
	MX_ASSERT(kit_remove(k, ids[2]) == 0);
}

/* ---- an input of what it has written */

struct maker {
	const struct form *form;
	struct buf out;
	struct journal_files files;
	uint64_t salt;
	unsigned records;
	uint64_t next; /* number of the next file, if none is left out */
};

static void
know(struct maker *m, uint64_t end, uint64_t seq)
{
	uint8_t *p = (uint8_t *)m->out.data;

	le_put(p + 3, end, 4);
	le_put(p + 7, seq, 4);
}

/* The salt is that of the targets, and numbers are as the form wants them. */
static void
rewrite(struct maker *m, const struct journal_file *f, uint8_t *data, size_t i)
{
	struct buf buf = BUF_INIT(JOURNAL_REST_MAX);
	uint64_t at = JOURNAL_HEAD, shift = i == 1 ? m->form->shift : 0, seq;
	struct journal_record r;
	uint8_t *p;

	le_put(data + 16, le_get(data + 16, 8) - shift, 8);
	mend_head(data, f->number);
	while (journal_read(f, at, &r, &buf) == 0) {
		p = data + at;
		seq = r.seq - shift;
		if (m->form->gap > 0 && m->records >= m->form->gap)
			seq++;
		le_put(p + 8, seq, 8);
		le_put(p + 16, r.durable - shift, 8);
		mend_record_head(p);
		at += journal_size(&r, f->number);
		if (++m->records == m->form->known ||
		    (i == 0 && m->form->all_known))
			know(m, at, r.seq);
	}
	buf_fini(&buf);
}

static void
add_file(struct maker *m, size_t i)
{
	struct journal_file f;
	uint8_t head[LOG_INPUT_FILE] = { 0 }, *data;
	size_t len;

	MX_ASSERT(journal_files_open(&m->files, i, m->salt, &f) == 0);
	data = mem_alloc((size_t)f.size + ZEROS);
	MX_ASSERT(read(f.fd, data, (size_t)f.size) == (ssize_t)f.size);
	rewrite(m, &f, data, i);
	for (len = (size_t)f.size; len > 0 && data[len - 1] == 0; len--)
		;
	len += ZEROS;
	if (i + 1 == m->files.n)
		len = m->form->cut == ALL ? JOURNAL_HEAD : len - m->form->cut;
	if (i == 0)
		len -= m->form->cut_first;
	head[0] = (uint8_t)(f.number - m->next);
	m->next = f.number + 1;
	le_put(head + 1, len, 4);
	MX_ASSERT(buf_add(&m->out, head, sizeof(head)) == 0);
	MX_ASSERT(buf_add(&m->out, data, len) == 0);
	mem_free(&data);
	close(f.fd);
}

static void
make(struct kit *k, const struct form *form, const char *folder)
{
	struct maker m = { .form = form,
		.out = BUF_INIT(LOG_INPUT_BYTES),
		.next = JOURNAL_FIRST };
	struct segment_dir dir;
	uint8_t head[LOG_INPUT] = { 0 };
	struct journal_file f;
	char *path = mem_printf("%s/seg", k->dir);
	FILE *to;

	dir = (struct segment_dir){ .fd = open(path, O_RDONLY | O_DIRECTORY) };
	mem_free(&path);
	MX_ASSERT(journal_files_list(&m.files, &dir, JOURNAL_FIRST) == 0);
	if (m.files.n > LOG_FILES)
		m.files.n = LOG_FILES;
	MX_ASSERT(journal_files_open(&m.files, 0, 0, &f) == 0);
	MX_ASSERT(pread(f.fd, &m.salt, 8, JOURNAL_HEAD) == 8);
	close(f.fd);
	head[0] = (uint8_t)form->flags;
	MX_ASSERT(m.files.n == LOG_FILES || form->segment_size > 2000);
	head[1] = (uint8_t)(m.files.n - 1 - form->gone);
	MX_ASSERT(buf_add(&m.out, head, sizeof(head)) == 0);
	for (size_t i = 0; i < m.files.n; i++)
		if (i < form->gone_from || i >= form->gone_from + form->gone)
			add_file(&m, i);
	path = mem_printf("%s/%s", folder, form->name);
	MX_ASSERT((to = fopen(path, "wb")) != NULL);
	MX_ASSERT(fwrite(m.out.data, m.out.len, 1, to) == 1);
	MX_ASSERT(fclose(to) == 0);
	printf("%s: %zu bytes, %zu files\n", path, m.out.len,
	    m.files.n - form->gone);
	mem_free(&path);
	buf_fini(&m.out);
	journal_files_free(&m.files);
	close(dir.fd);
}

int
main(int argc, char **argv)
{
	struct kit k;

	if (argc != 2) {
		fprintf(stderr, "usage: log_corpus FOLDER\n");
		return 2;
	}
	for (size_t i = 0; i < MX_COUNT(forms); i++) {
		kit_init(&k, NULL);
		k.conf.segment_size = forms[i].segment_size;
		k.conf.behind_ms = 3600 * 1000;
		MX_ASSERT(kit_open(&k));
		work(&k);
		make(&k, &forms[i], argv[1]);
		kit_fini(&k);
	}
	return 0;
}
