/* SPDX-License-Identifier: ISC
 * log_spool: see log_spool.h. Children make it, of which the last ends without
 * a word; then the log is read for what lies where. */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/fault/log_spool.h"

#define LARGE 262145u /* has a file of its own */

/* ---- work */

static atomic_bool sync_fails;

/* The C library's, but for one that fails. */
int
fdatasync(int fd)
{
	if (atomic_exchange(&sync_fails, false)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static void
change(struct log_spool *s, struct message *m)
{
	MX_ASSERT(m->attempts < SPOOL_CHANGES);
	MX_ASSERT(kit_update(&s->kit, m->id) == 0);
	m->attempts++;
}

static void
drop(struct log_spool *s, struct message *m)
{
	MX_ASSERT(kit_remove(&s->kit, m->id) == 0);
	m->removed = true;
}

static void
fill(struct log_spool *s, unsigned from, unsigned to)
{
	unsigned i;

	for (i = from; i < to; i++) {
		struct message *m = &s->msgs[i];

		m->len = (size_t)kit_chance(&s->seed, 5000);
		if (i % 20 == 7 || i == 36)
			m->len += LARGE;
		m->id = kit_commit(&s->kit, m->len, i, 1);
		MX_ASSERT(m->id != 0);
		if (i % 4 == 0)
			change(s, m);
		if (i % 5 == 4) /* of the other part, too */
			drop(s, &s->msgs[i - 3]);
	}
}

static void
on_refused(void *arg, uint64_t token, int rc, struct envelope **parts,
    unsigned n)
{
	(void)token;
	MX_ASSERT(rc == -MX_EIO && n == 1);
	envelope_destroy(&parts[0]);
	kit_one_done(arg);
}

/* A group that is on the disk, and of which nobody knows it. */
static void
fail_group(struct log_spool *s)
{
	struct store_tx *tx;
	struct envelope *e;
	unsigned i;

	atomic_store(&sync_fails, true);
	for (i = 0; i < s->nrefused; i++) {
		tx = store_tx_begin(s->kit.store);
		e = kit_envelope("example.org");
		s->refused[i] = store_tx_id(tx);
		MX_ASSERT(store_tx_append(tx, "refused", 7) == 0);
		s->kit.waiting++;
		store_tx_commit(&tx, &e, 1, on_refused, &s->kit, 0);
	}
	kit_wait_all(&s->kit);
	MX_ASSERT(!atomic_load(&sync_fails));
}

/* What becomes of those that are stored goes into the file that voids it: of
 * all, so that it is longer than a page. */
static void
change_more(struct log_spool *s)
{
	unsigned i;

	for (i = 0; i < SPOOL_MESSAGES; i++) {
		if (s->msgs[i].removed)
			continue;
		change(s, &s->msgs[i]);
		if (i % 10 == 8)
			drop(s, &s->msgs[i]);
	}
}

static void
child(struct log_spool *s, bool behind)
{
	kit_attach(&s->kit, s->dir);
	s->kit.conf.segment_size = 64u << 10;
	s->kit.conf.map_size = 4u << 20;
	s->kit.conf.behind_ms = behind ? 3600 * 1000 : 10;
	MX_ASSERT(kit_open(&s->kit));
	if (behind) {
		fill(s, SPOOL_APPLIED, SPOOL_MESSAGES);
		if (s->nrefused > 0) {
			fail_group(s);
			change_more(s);
		}
	} else {
		fill(s, 0, SPOOL_APPLIED);
		kit_close(&s->kit);
	}
}

static void
make_part(struct log_spool *s, bool behind)
{
	int fds[2], status;
	ssize_t n = sizeof(s->msgs), more = sizeof(s->refused);
	pid_t pid;

	MX_ASSERT(pipe(fds) == 0);
	if ((pid = fork()) == 0) {
		child(s, behind);
		MX_ASSERT(write(fds[1], s->msgs, sizeof(s->msgs)) == n &&
		    write(fds[1], s->refused, sizeof(s->refused)) == more);
		_exit(0);
	}
	close(fds[1]);
	MX_ASSERT(read(fds[0], s->msgs, sizeof(s->msgs)) == n &&
	    read(fds[0], s->refused, sizeof(s->refused)) == more);
	close(fds[0]);
	MX_ASSERT(waitpid(pid, &status, 0) == pid && status == 0);
	s->seed += 1 + behind;
}

/* ---- what lies where */

static struct message *
find(struct log_spool *s, uint64_t id)
{
	unsigned i;

	for (i = 0; i < SPOOL_MESSAGES && s->msgs[i].id != id; i++)
		;
	return i < SPOOL_MESSAGES ? &s->msgs[i] : NULL;
}

static size_t
file_of(const struct log_spool *s, uint64_t number)
{
	size_t i;

	for (i = 0; i < s->nfiles && s->numbers[i] != number; i++)
		;
	return i;
}

static void
note_tail(struct log_spool *s, const struct journal_record *r,
    const struct record *at)
{
	struct message *m = find(s, r->id);
	struct envelope *e;

	s->tail = mem_grow(s->tail, s->ntail + 1, sizeof(*s->tail));
	s->tail[s->ntail++] = *at;
	switch (r->kind) {
	case JOURNAL_COMMIT:
		m->commit = *at;
		break;
	case JOURNAL_UPDATE:
		MX_ASSERT(envelope_decode(r->rest, r->len, &e) == 0);
		m->change[e->attempts - 1] = *at;
		envelope_destroy(&e);
		break;
	case JOURNAL_REMOVE:
		m->removed_seq = r->seq;
		break;
	default:
		break;
	}
}

static uint64_t
begin_of(const struct journal_files *l, size_t i)
{
	struct journal_file f;
	uint64_t first;

	MX_ASSERT(journal_files_open(l, i, 0, &f) == 0);
	MX_ASSERT(journal_head(&f, &first) == 0);
	close(f.fd);
	return first;
}

static void
read_file(struct log_spool *s, const struct journal_files *l, size_t i)
{
	struct buf buf = BUF_INIT(JOURNAL_REST_MAX);
	struct journal_record r;
	struct journal_file f;
	struct record rec;
	uint64_t at, end, first;

	MX_ASSERT(journal_files_open(l, i, 0, &f) == 0);
	MX_ASSERT(pread(f.fd, &f.salt, 8, JOURNAL_HEAD) == 8);
	first = i + 1 < l->n ? begin_of(l, i + 1) : UINT64_MAX;
	for (at = JOURNAL_HEAD;
	     journal_read(&f, at, &r, &buf) == 0 && r.seq < first; at = end) {
		end = at + journal_size(&r, f.number);
		rec = (struct record){ r.seq, { i, at, end } };
		if (r.kind == JOURNAL_COMMIT)
			find(s, r.id)->body =
			    (struct extent_of){ file_of(s, r.body.segment),
				    r.body.offset, r.body.offset + r.body.len };
		if (f.number >= s->first_tail)
			note_tail(s, &r, &rec);
	}
	if (s->nrefused > 0 &&
	    i + 2 == l->n) { /* what is void is there, whole */
		MX_ASSERT(r.seq == first);
		s->void_head =
		    (struct record){ first, { i + 1, 0, JOURNAL_HEAD } };
	}
	close(f.fd);
	buf_fini(&buf);
}

static void
list_body(void *arg, uint64_t number, uint64_t size)
{
	struct log_spool *s = arg;

	(void)size;
	if (journal_is(number))
		return;
	s->numbers = mem_grow(s->numbers, s->nfiles + 1, sizeof(*s->numbers));
	s->numbers[s->nfiles++] = number;
}

static int
number_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The files of the log, in *l for who reads them, and all of them. */
static void
list(struct log_spool *s, struct segment_dir *dir, struct journal_files *l)
{
	char *path = mem_printf("%s/seg", s->dir);

	dir->fd = open(path, O_RDONLY | O_DIRECTORY);
	mem_free(&path);
	MX_ASSERT(dir->fd >= 0);
	MX_ASSERT(journal_files_list(l, dir, JOURNAL_FIRST) == 0);
	mem_free(&s->numbers);
	s->numbers = mem_dup(l->numbers, l->n * sizeof(*l->numbers));
	s->nlogs = s->nfiles = l->n;
	MX_ASSERT(segment_each(dir, list_body, s) == 0);
	qsort(s->numbers + s->nlogs, s->nfiles - s->nlogs, sizeof(*s->numbers),
	    number_cmp);
}

void
log_spool_make(struct log_spool *s, const char *dir, uint64_t seed, bool voids)
{
	struct segment_dir seg = { .fd = -1 };
	struct journal_files l;
	size_t i;

	*s = (struct log_spool){ .seed = seed,
		.nrefused = voids ? SPOOL_REFUSED : 0 };
	(void)strlcpy(s->dir, dir, sizeof(s->dir));
	MX_ASSERT(mkdir(s->dir, 0700) == 0);
	make_part(s, false);
	list(s, &seg, &l);
	s->first_tail = l.numbers[l.n - 1] + 1;
	journal_files_free(&l);
	close(seg.fd);
	make_part(s, true);
	list(s, &seg, &l);
	for (i = 0; i < l.n; i++)
		read_file(s, &l, i);
	journal_files_free(&l);
	close(seg.fd);
	MX_ASSERT(s->ntail >= SPOOL_MESSAGES - SPOOL_APPLIED);
	/* more than one; and the last is longer than a page */
	MX_ASSERT(s->tail[0].at.file + 1 + voids < s->nlogs);
	MX_ASSERT(s->tail[s->ntail - 1].at.file == s->nlogs - 1);
	MX_ASSERT(!voids || s->void_head.at.file == s->nlogs - 1);
	MX_ASSERT(s->tail[s->ntail - 1].at.to > 4096);
	MX_ASSERT(s->nfiles == s->nlogs + 4);
}

void
log_spool_free(struct log_spool *s)
{
	mem_free(&s->tail);
	mem_free(&s->numbers);
}
