/* SPDX-License-Identifier: ISC
 * store_log_flips: places of the log go bad: bits, sectors, pages that are as they
 * were before, files that are short, gone or exchanged; in what the database has
 * and in the tail that it has not. A start then has every message that was
 * promised, or says which is damaged, or is refused with the name of the file;
 * mxwatch-salvage brings out all that is whole. Only what is damaged up to the very
 * end of the log may be taken for a group that a crash cut short. The same places
 * on every run: `store_log_flips [SEED [PLACES]]`. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "relay/store/journal_files.h"
#include "tests/unit/store_kit.h"

#define PLACES	 100
#define MESSAGES 60
#define APPLIED	 24 /* of them */
#define PAGE	 4096u
#define SECTOR	 512u

struct extent_of { /* of a record, or of a body */
	size_t file; /* index */
	uint64_t from, to;
};

struct message {
	uint64_t id, seq, removed_seq; /* 0: not in the tail */
	size_t len;
	bool removed;
	struct extent_of body, record;
};

struct record {
	uint64_t seq;
	struct extent_of at;
};

struct trial {
	struct kit kit;
	char spool[300], hurt[300], out[300], err[300];
	struct message msgs[MESSAGES];
	struct record *tail; /* ascending */
	size_t ntail;
	struct journal_files files;
	struct segment_dir dir;
	uint64_t first_tail; /* file that a start reads first */
	uint64_t seed, at;
	struct extent_of bad, worse; /* the second for two files */
	unsigned wrong, refused, silent, told;
};

static void
wrong(struct trial *t, uint64_t id, const char *what)
{
	fprintf(stderr,
	    "place %" PRIu64 ": file %zu, %" PRIu64 " to %" PRIu64
	    ": message %016" PRIx64 ": %s\n",
	    t->at, t->bad.file, t->bad.from, t->bad.to, id, what);
	t->wrong++;
}

/* Takes cmd. */
static int
shell(char *cmd)
{
	int rc = system(cmd);

	mem_free(&cmd);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- a spool whose database is behind */

static void
fill(struct trial *t, unsigned from, unsigned to)
{
	unsigned i;

	for (i = from; i < to; i++) {
		struct message *m = &t->msgs[i];

		m->len = (size_t)kit_chance(&t->seed, 5000);
		m->id = kit_commit(&t->kit, m->len, i, 1);
		MX_ASSERT(m->id != 0);
		if (i % 5 != 4)
			continue;
		m = &t->msgs[i - 3]; /* of the other part, too */
		m->removed = true;
		MX_ASSERT(kit_remove(&t->kit, m->id) == 0);
	}
}

/* In two children: the second ends without a word. */
static void
make_part(struct trial *t, unsigned from, unsigned to, bool behind)
{
	int fds[2], status;
	pid_t pid;

	MX_ASSERT(pipe(fds) == 0);
	if ((pid = fork()) == 0) {
		kit_attach(&t->kit, t->spool);
		t->kit.conf.segment_size = 64u << 10;
		t->kit.conf.map_size = 4u << 20;
		t->kit.conf.behind_ms = behind ? 3600 * 1000 : 10;
		MX_ASSERT(kit_open(&t->kit));
		fill(t, from, to);
		if (!behind)
			kit_close(&t->kit);
		MX_ASSERT(
		    write(fds[1], t->msgs, sizeof(t->msgs)) == sizeof(t->msgs));
		_exit(0);
	}
	close(fds[1]);
	MX_ASSERT(read(fds[0], t->msgs, sizeof(t->msgs)) == sizeof(t->msgs));
	close(fds[0]);
	MX_ASSERT(waitpid(pid, &status, 0) == pid && status == 0);
	t->seed += to;
}

static struct message *
find(struct trial *t, uint64_t id)
{
	unsigned i;

	for (i = 0; i < MESSAGES && t->msgs[i].id != id; i++)
		;
	return i < MESSAGES ? &t->msgs[i] : NULL;
}

static void
note(struct trial *t, const struct journal_record *r, size_t file, uint64_t at,
    uint64_t end)
{
	struct message *m = find(t, r->id);
	struct record *tail;
	bool applied = m != NULL && m < t->msgs + APPLIED;

	if (r->kind == JOURNAL_COMMIT) {
		m->body = (struct extent_of){ file, r->body.offset,
			r->body.offset + r->body.len };
		m->record = (struct extent_of){ file, at, end };
		m->seq = applied ? 0 : r->seq;
	}
	if (t->files.numbers[file] < t->first_tail)
		return;
	if (r->kind == JOURNAL_REMOVE)
		m->removed_seq = r->seq;
	t->tail = mem_grow(t->tail, t->ntail + 1, sizeof(*t->tail));
	tail = &t->tail[t->ntail++];
	*tail = (struct record){ r->seq, { file, at, end } };
}

static void
read_log(struct trial *t)
{
	struct buf buf = BUF_INIT(JOURNAL_REST_MAX);
	struct journal_record r;
	struct journal_file f;
	uint64_t at, end;
	size_t i;

	for (i = 0; i < t->files.n; i++) {
		MX_ASSERT(journal_files_open(&t->files, i, 0, &f) == 0);
		MX_ASSERT(pread(f.fd, &f.salt, 8, JOURNAL_HEAD) == 8);
		for (at = JOURNAL_HEAD; journal_read(&f, at, &r, &buf) == 0;
		     at = end) {
			end = at + journal_size(&r, f.number);
			note(t, &r, i, at, end);
		}
		close(f.fd);
	}
	buf_fini(&buf);
}

static void
list(struct trial *t)
{
	char *path = mem_printf("%s/seg", t->spool);

	t->dir.fd = open(path, O_RDONLY | O_DIRECTORY);
	mem_free(&path);
	MX_ASSERT(t->dir.fd >= 0);
	MX_ASSERT(journal_files_list(&t->files, &t->dir, JOURNAL_FIRST) == 0);
}

static void
make_spool(struct trial *t)
{
	MX_ASSERT(mkdir(t->spool, 0700) == 0);
	make_part(t, 0, APPLIED, false);
	list(t);
	t->first_tail = t->files.numbers[t->files.n - 1] + 1;
	journal_files_free(&t->files);
	close(t->dir.fd);
	make_part(t, APPLIED, MESSAGES, true);
	list(t);
	read_log(t);
	MX_ASSERT(t->ntail >= MESSAGES - APPLIED);
	MX_ASSERT(t->tail[0].at.file + 1 < t->files.n); /* more than one */
}

/* ---- damage */

static char *
path_of(struct trial *t, size_t file)
{
	return mem_printf("%s/seg/%016" PRIx64, t->hurt,
	    t->files.numbers[file]);
}

/* Where a record or the head of the file begins, as a rule. */
static uint64_t
choose_at(struct trial *t, size_t file, uint64_t size)
{
	size_t i = (size_t)kit_chance(&t->seed, t->ntail);

	switch (kit_chance(&t->seed, 4)) {
	case 0:
		return kit_chance(&t->seed, JOURNAL_HEAD);
	case 1:
		if (t->tail[i].at.file == file)
			return t->tail[i].at.from +
			    kit_chance(&t->seed, JOURNAL_RECORD);
		/* FALLTHROUGH */
	default:
		return kit_chance(&t->seed, size);
	}
}

static void
overwrite(struct trial *t, const struct extent_of *e, uint8_t mask)
{
	char *path = path_of(t, e->file), byte;
	int fd = open(path, O_RDWR);
	uint64_t at;

	MX_ASSERT(fd >= 0);
	for (at = e->from; at < e->to; at++) {
		MX_ASSERT(pread(fd, &byte, 1, (off_t)at) == 1);
		byte = mask == 0 ? 0 : (char)(byte ^ (char)mask);
		MX_ASSERT(pwrite(fd, &byte, 1, (off_t)at) == 1);
	}
	close(fd);
	mem_free(&path);
}

static void
exchange(struct trial *t, size_t file)
{
	size_t other = (file + 1) % t->files.n;
	char *a = path_of(t, file), *b = path_of(t, other);

	MX_ASSERT(shell(mem_printf("mv %s %s.x && mv %s %s && mv %s.x %s", a, a,
		      b, a, a, b)) == 0);
	t->worse = (struct extent_of){ other, 0, UINT64_MAX };
	mem_free(&a);
	mem_free(&b);
}

static void
damage(struct trial *t)
{
	size_t file = (size_t)kit_chance(&t->seed, t->files.n);
	char *path = path_of(t, file);
	struct extent_of *e = &t->bad;
	struct stat st;
	uint64_t at;

	MX_ASSERT(stat(path, &st) == 0);
	at = choose_at(t, file, (uint64_t)st.st_size);
	*e = (struct extent_of){ file, at, at + 1 };
	t->worse = (struct extent_of){ SIZE_MAX, 0, 0 };
	switch (kit_chance(&t->seed, 10)) {
	case 0:
		e->to = UINT64_MAX;
		MX_ASSERT(truncate(path, (off_t)at) == 0);
		break;
	case 1:
		*e = (struct extent_of){ file, 0, UINT64_MAX };
		MX_ASSERT(unlink(path) == 0);
		break;
	case 2:
		*e = (struct extent_of){ file, 0, UINT64_MAX };
		exchange(t, file);
		break;
	case 3: /* what a page was before its last records */
	case 4:
		e->to = at / PAGE * PAGE + PAGE;
		e->to = least(e->to, (uint64_t)st.st_size);
		overwrite(t, e, 0);
		break;
	case 5:
	case 6:
		e->from -= at % SECTOR;
		e->to = least(e->from + SECTOR, (uint64_t)st.st_size);
		overwrite(t, e, 0);
		break;
	default:
		overwrite(t, e, (uint8_t)(1u << kit_chance(&t->seed, 8)));
		break;
	}
	mem_free(&path);
}

static bool
meets(const struct extent_of *a, const struct extent_of *b)
{
	return a->file == b->file && a->from < b->to && b->from < a->to;
}

static bool
is_hurt(const struct trial *t, const struct extent_of *e)
{
	return meets(e, &t->bad) || meets(e, &t->worse);
}

/* From here on nothing is left that could vouch for it. */
static uint64_t
lost_from(const struct trial *t)
{
	size_t i = t->ntail;

	while (i > 0 && is_hurt(t, &t->tail[i - 1].at))
		i--;
	return i < t->ntail ? t->tail[i].seq : UINT64_MAX;
}

/* ---- the start */

static int
open_it(struct trial *t)
{
	unsigned i;
	int fd = open(t->err, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	(void)dup2(fd, 2);
	kit_attach(&t->kit, t->hurt);
	t->kit.conf.map_size = 4u << 20;
	if (!kit_open(&t->kit)) {
		fprintf(stderr, "refused: %s\n", t->kit.eb.text);
		return 10;
	}
	for (i = 0; i < MESSAGES; i++) {
		int rc = kit_verify(&t->kit, t->msgs[i].id, t->msgs[i].len, i);

		printf("%u %d\n", i, rc);
	}
	fflush(stdout);
	kit_close(&t->kit);
	return 0;
}

static void
check_message(struct trial *t, unsigned i, int rc)
{
	const struct message *m = &t->msgs[i];
	uint64_t lost = lost_from(t);

	if (m->removed) {
		if (rc != -MX_ENOENT && m->removed_seq < lost)
			wrong(t, m->id, "was removed and is back");
		return;
	}
	if (rc == 0)
		return;
	if (rc == -MX_ENOENT && m->seq < lost)
		wrong(t, m->id, "is lost without a word");
	else if (rc == -MX_ENOENT)
		t->silent++;
	else if (!is_hurt(t, &m->body))
		wrong(t, m->id, "is said to be damaged and is not");
	else
		t->told++;
}

static bool
says_what(const struct trial *t)
{
	char text[2000] = "";
	int fd = open(t->err, O_RDONLY);

	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	return strstr(text, "/seg/") != NULL &&
	    strstr(text, "mxwatch-salvage") != NULL;
}

/* Is anything hurt that a start has to read? */
static bool
concerns_tail(const struct trial *t)
{
	struct extent_of head = { 0, 0, JOURNAL_HEAD };
	size_t i;

	for (i = 0; i < t->ntail; i++) {
		head.file = t->tail[i].at.file;
		if (is_hurt(t, &t->tail[i].at) || is_hurt(t, &head))
			return true;
	}
	return false;
}

static void
check_start(struct trial *t)
{
	int fds[2], status, rc;
	unsigned i;
	FILE *f;
	pid_t pid;

	MX_ASSERT(pipe(fds) == 0);
	fflush(stdout);
	if ((pid = fork()) == 0) {
		(void)dup2(fds[1], 1);
		_exit(open_it(t));
	}
	close(fds[1]);
	MX_ASSERT((f = fdopen(fds[0], "r")) != NULL);
	while (fscanf(f, "%u %d", &i, &rc) == 2)
		check_message(t, i, rc);
	fclose(f);
	MX_ASSERT(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 10) {
		t->refused++;
		if (!concerns_tail(t))
			wrong(t, 0, "refused for what is not read any more");
		if (!says_what(t))
			wrong(t, 0, "refused without a name");
	} else if (status != 0)
		wrong(t, 0, "the start died");
}

/* ---- salvage */

static bool
came_out(struct trial *t, unsigned i, const char *folder)
{
	const struct message *m = &t->msgs[i];
	char id[TEXT_ID_MAX], *path, *want, *got;
	bool same;
	int fd;

	path = mem_printf("%s/%s%s.eml", t->out, folder, text_id(m->id, id));
	fd = open(path, O_RDONLY);
	mem_free(&path);
	if (fd < 0)
		return false;
	want = mem_alloc(m->len + 2);
	got = mem_alloc(m->len + 2);
	kit_fill(want, m->len, i);
	same = read(fd, got, m->len + 1) == (ssize_t)m->len &&
	    memcmp(got, want, m->len) == 0;
	close(fd);
	mem_free(&want);
	mem_free(&got);
	if (!same)
		wrong(t, m->id, "came out with other bytes");
	return true;
}

static bool
removal_is_hurt(const struct trial *t, const struct message *m)
{
	return m->removed_seq != 0 &&
	    is_hurt(t, &t->tail[m->removed_seq - t->tail[0].seq].at);
}

static void
check_salvage(struct trial *t)
{
	unsigned i, missing = 0;
	int rc;

	rc = shell(mem_printf("rm -rf %s; ./mxwatch-salvage %s %s >/dev/null",
	    t->out, t->hurt, t->out));
	if (rc != 0 && rc != STORE_EXIT_DAMAGED)
		wrong(t, 0, "mxwatch-salvage failed");
	for (i = 0; i < MESSAGES; i++) {
		const struct message *m = &t->msgs[i];
		bool sure = came_out(t, i, ""),
		     unsure = came_out(t, i, "unsure/");

		if (m->removed && sure && !removal_is_hurt(t, m))
			wrong(t, m->id, "was removed and came out as sure");
		if (m->removed || sure || unsure)
			continue;
		missing += m->seq < lost_from(t);
		if (!is_hurt(t, &m->body) &&
		    (m->seq == 0 || !is_hurt(t, &m->record)))
			wrong(t, m->id, "is whole and did not come out");
	}
	if (missing > 0 && rc == 0)
		wrong(t, 0, "mxwatch-salvage said that nothing is damaged");
}

int
main(int argc, char **argv)
{
	struct trial t = { .seed = 11 };
	unsigned places = PLACES;
	struct kit top;

	if (argc > 1)
		t.seed = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		places = (unsigned)strtoul(argv[2], NULL, 10);
	kit_init(&top, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NULL);
	snprintf(t.spool, sizeof(t.spool), "%s/spool", top.dir);
	snprintf(t.hurt, sizeof(t.hurt), "%s/hurt", top.dir);
	snprintf(t.out, sizeof(t.out), "%s/out", top.dir);
	snprintf(t.err, sizeof(t.err), "%s/err", top.dir);
	make_spool(&t);
	for (t.at = 0; t.at < places && t.wrong < 20; t.at++) {
		MX_ASSERT(shell(mem_printf("rm -rf %s; cp -a %s %s", t.hurt,
			      t.spool, t.hurt)) == 0);
		damage(&t);
		check_salvage(&t);
		check_start(&t);
	}
	printf("%" PRIu64 " places: %u refused, %u bodies told as damaged, %u "
	       "messages at the end of the log taken for torn, %u wrong\n",
	    t.at, t.refused, t.told, t.silent, t.wrong);
	free(t.tail);
	journal_files_free(&t.files);
	close(t.dir.fd);
	kit_fini(&top);
	return t.wrong > 0;
}
