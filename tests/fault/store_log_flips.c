/* SPDX-License-Identifier: ISC
 * store_log_flips: places of the log go bad: bits, sectors, pages that are as
 * they were before, files that are short, gone or exchanged; in what the
 * database has and in the tail that it has not, in what is void, in the files
 * of large bodies (log_spool.h). A start then has every message that was
 * promised as it was last changed, and none that was refused or removed, or
 * says which is damaged, or is refused with the name of the file;
 * mxwatch-salvage brings out all that is whole. Only what is damaged up to the
 * very end of the log may be taken for a group that a crash cut short. The same
 * places on every run: `store_log_flips [SEED [PLACES]]`. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/fault/log_spool.h"

#define PLACES 140
#define PAGE   4096u
#define SECTOR 512u

struct trial {
	struct log_spool s; /* as it was */
	char hurt[300], out[300], err[300];
	struct kit kit; /* in the child that opens it */
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

/* ---- damage */

static char *
path_of(struct trial *t, size_t file)
{
	return mem_printf("%s/seg/%016" PRIx64, t->hurt, t->s.numbers[file]);
}

/* Where a record or the head of a file of the log begins, as a rule. */
static void
choose(struct trial *t, size_t *file, uint64_t *at)
{
	const struct extent_of *e;
	char *path;
	struct stat st;

	*file = (size_t)kit_chance(&t->seed, t->s.nlogs);
	*at = kit_chance(&t->seed, JOURNAL_HEAD);
	switch (kit_chance(&t->seed, 4)) {
	case 0:
		return;
	case 1:
		e = &t->s.tail[kit_chance(&t->seed, t->s.ntail)].at;
		*file = e->file;
		*at = e->from + kit_chance(&t->seed, JOURNAL_RECORD);
		return;
	default:
		*file = (size_t)kit_chance(&t->seed, t->s.nfiles);
		path = path_of(t, *file);
		MX_ASSERT(stat(path, &st) == 0 && st.st_size > 0);
		*at = kit_chance(&t->seed, (uint64_t)st.st_size);
		mem_free(&path);
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
	size_t other = (file + 1) % t->s.nfiles;
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
	struct extent_of *e = &t->bad;
	struct stat st;
	size_t file;
	uint64_t at;
	char *path;

	choose(t, &file, &at);
	path = path_of(t, file);
	MX_ASSERT(stat(path, &st) == 0);
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
	size_t i = t->s.ntail;

	while (i > 0 && is_hurt(t, &t->s.tail[i - 1].at))
		i--;
	return i < t->s.ntail ? t->s.tail[i].seq : UINT64_MAX;
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
	for (i = 0; i < SPOOL_MESSAGES; i++) {
		const struct message *m = &t->s.msgs[i];
		int rc = kit_verify(&t->kit, m->id, m->len, i);

		printf("%u %d %u\n", i, rc,
		    rc == 0 ? t->kit.loaded.env->attempts : 0);
	}
	for (i = 0; i < t->s.nrefused; i++)
		printf("%u %d 0\n", SPOOL_MESSAGES + i,
		    kit_load(&t->kit, t->s.refused[i], SIZE_MAX));
	fflush(stdout);
	kit_close(&t->kit);
	return 0;
}

/* Each change that must be there has its number, and none is invented. */
static void
check_changes(struct trial *t, const struct message *m, unsigned attempts)
{
	unsigned i, least = 0;

	for (i = 0; i < m->attempts; i++)
		if (m->change[i].seq < lost_from(t))
			least = i + 1;
	if (attempts < least || attempts > m->attempts)
		wrong(t, m->id, "has not the last change");
	t->silent += attempts < m->attempts;
}

static void
check_message(struct trial *t, unsigned i, int rc, unsigned attempts)
{
	const struct message *m = &t->s.msgs[i];
	uint64_t lost = lost_from(t);

	if (m->removed) {
		if (rc != -MX_ENOENT && m->removed_seq < lost)
			wrong(t, m->id, "was removed and is back");
		return;
	}
	if (rc == 0)
		check_changes(t, m, attempts);
	else if (rc == -MX_ENOENT && m->commit.seq < lost)
		wrong(t, m->id, "is lost without a word");
	else if (rc == -MX_ENOENT)
		t->silent++;
	else if (!is_hurt(t, &m->body))
		wrong(t, m->id, "is said to be damaged and is not");
	else
		t->told++;
}

/* What voids it is the last file: nobody knows of one that is gone whole. */
static void
check_refused(struct trial *t, unsigned i, int rc)
{
	if (rc != -MX_ENOENT && t->s.void_head.seq < lost_from(t))
		wrong(t, t->s.refused[i], "was refused and is there");
}

static void
check_line(struct trial *t, unsigned i, int rc, unsigned attempts)
{
	if (i < SPOOL_MESSAGES)
		check_message(t, i, rc, attempts);
	else
		check_refused(t, i - SPOOL_MESSAGES, rc);
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

	for (i = 0; i < t->s.ntail; i++) {
		head.file = t->s.tail[i].at.file;
		if (is_hurt(t, &t->s.tail[i].at) || is_hurt(t, &head))
			return true;
	}
	return false;
}

static void
check_start(struct trial *t)
{
	int fds[2], status, rc;
	unsigned i, attempts, lines = 0;
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
	for (; fscanf(f, "%u %d %u", &i, &rc, &attempts) == 3; lines++)
		check_line(t, i, rc, attempts);
	fclose(f);
	MX_ASSERT(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 10) {
		t->refused++;
		if (!concerns_tail(t))
			wrong(t, 0, "refused for what is not read any more");
		if (!says_what(t))
			wrong(t, 0, "refused without a name");
	} else if (status != 0 || lines != SPOOL_MESSAGES + t->s.nrefused)
		wrong(t, 0, "the start died");
}

/* ---- salvage */

static int
open_out(const struct trial *t, uint64_t message, const char *folder)
{
	char id[TEXT_ID_MAX];
	char *path =
	    mem_printf("%s/%s%s.eml", t->out, folder, text_id(message, id));
	int fd = open(path, O_RDONLY);

	mem_free(&path);
	return fd;
}

static bool
came_out(struct trial *t, unsigned i, const char *folder)
{
	const struct message *m = &t->s.msgs[i];
	char *want, *got;
	bool same;
	int fd = open_out(t, m->id, folder);

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
	    is_hurt(t, &t->s.tail[m->removed_seq - t->s.tail[0].seq].at);
}

/* Its body, and a record that has its envelope. */
static bool
is_whole(const struct trial *t, const struct message *m)
{
	bool known = m->commit.seq == 0 || !is_hurt(t, &m->commit.at);
	unsigned i;

	for (i = 0; i < m->attempts; i++)
		known = known || !is_hurt(t, &m->change[i].at);
	return known && !is_hurt(t, &m->body);
}

static void
check_void(struct trial *t)
{
	unsigned i;
	int fd;

	if (is_hurt(t, &t->s.void_head.at))
		return; /* nobody knows that it is void */
	for (i = 0; i < 2 * t->s.nrefused; i++) {
		fd = open_out(t, t->s.refused[i / 2], i % 2 ? "unsure/" : "");
		if (fd < 0)
			continue;
		wrong(t, t->s.refused[i / 2], "was refused and came out");
		close(fd);
	}
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
	for (i = 0; i < SPOOL_MESSAGES; i++) {
		const struct message *m = &t->s.msgs[i];
		bool sure = came_out(t, i, ""),
		     unsure = came_out(t, i, "unsure/");

		if (m->removed && sure && !removal_is_hurt(t, m))
			wrong(t, m->id, "was removed and came out as sure");
		if (m->removed || sure || unsure)
			continue;
		missing += m->commit.seq < lost_from(t);
		if (is_whole(t, m))
			wrong(t, m->id, "is whole and did not come out");
	}
	check_void(t);
	if (missing > 0 && rc == 0)
		wrong(t, 0, "mxwatch-salvage said that nothing is damaged");
}

static void
run(struct trial *t, const char *dir, bool voids, uint64_t places)
{
	char spool[300];

	snprintf(spool, sizeof(spool), "%s/spool%u", dir, voids);
	log_spool_make(&t->s, spool, t->seed, voids);
	for (; t->at < places && t->wrong < 20; t->at++) {
		MX_ASSERT(shell(mem_printf("rm -rf %s; cp -a %s %s", t->hurt,
			      spool, t->hurt)) == 0);
		damage(t);
		check_salvage(t);
		check_start(t);
	}
	log_spool_free(&t->s);
}

int
main(int argc, char **argv)
{
	struct trial t = { .seed = 11 };
	uint64_t places = PLACES;
	struct kit top;

	if (argc > 1)
		t.seed = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		places = strtoull(argv[2], NULL, 10);
	kit_init(&top, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NULL);
	snprintf(t.hurt, sizeof(t.hurt), "%s/hurt", top.dir);
	snprintf(t.out, sizeof(t.out), "%s/out", top.dir);
	snprintf(t.err, sizeof(t.err), "%s/err", top.dir);
	run(&t, top.dir, false, places / 2);
	run(&t, top.dir, true, places);
	printf("%" PRIu64 " places: %u refused, %u bodies told as damaged, %u "
	       "messages or changes at the end of the log taken for torn, "
	       "%u wrong\n",
	    t.at, t.refused, t.told, t.silent, t.wrong);
	kit_fini(&top);
	return t.wrong > 0;
}
