/* SPDX-License-Identifier: ISC
 * ledger_file: one job of the helper at a time: it appends, or rewrites, or
 * only sets the modification time. */
#include "ledger/ledger_file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#define MAGIC	    "mxwatch-outages 1"
#define HASH_DIGITS 16
#define PENDING_MAX (4u << 20)
#define ALIVE_NS    (20 * CLOCK_SEC)
#define RETRY_NS    (60 * CLOCK_SEC)
#define OLD_LINES   1000 /* more than twice the valid lines */
#define FILE_MODE   0600

struct ledger_file {
	struct helper *helper;
	char *path;
	struct buf pending;
	unsigned lines; /* in the file, pending ones included */
	bool busy; /* a job is under way */
	bool all; /* it has to be rewritten */
	bool failed; /* the last job failed; logged once */
	int64_t alive; /* when to set the time next */
	int64_t retry; /* earliest retry: monotonic ns */
};

struct file_job {
	struct helper_job job; /* first */
	struct ledger_file *file;
	const char *path; /* of the file */
	struct buf data; /* to be appended */
	struct kept_line **line; /* or NULL: the complete new content */
	unsigned n;
	int rc; /* errno */
};

/* ---- writing: helper thread */

static int
append(const char *path, const struct buf *data)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	int rc = 0;

	if (fd < 0)
		return errno;
	if (data->len == 0 && futimens(fd, NULL) != 0)
		rc = errno;
	if (data->len > 0 &&
	    (file_write_all(fd, data->data, data->len) != 0 ||
		fdatasync(fd) != 0))
		rc = errno;
	if (close(fd) != 0 && rc == 0)
		rc = errno;
	return rc;
}

static uint64_t
line_hash(const char *line, size_t len)
{
	return hash_bytes(HASH_INIT, line, len);
}

static int
print_all(FILE *f, const void *arg)
{
	const struct file_job *j = arg;

	if (fputs(MAGIC "\n", f) < 0)
		return -1;
	for (unsigned i = 0; i < j->n; i++)
		if (fprintf(f, "%016" PRIx64 " %s\n",
			line_hash(j->line[i]->text, j->line[i]->len),
			j->line[i]->text) < 0)
			return -1;
	return 0;
}

static void
run_job(struct helper_job *job)
{
	struct file_job *j = (struct file_job *)job;

	if (j->line == NULL)
		j->rc = append(j->path, &j->data);
	else if (file_print(j->path, FILE_MODE, print_all, j, NULL) != 0)
		j->rc = errno != 0 ? errno : EIO;
}

static void
job_free(struct file_job *j)
{
	for (unsigned i = 0; i < j->n; i++)
		kept_line_unref(&j->line[i]);
	mem_free(&j->line);
	buf_fini(&j->data);
	mem_free(&j);
}

/* ---- the loop */

static void
judge(struct ledger_file *f, const struct file_job *j)
{
	if (j->rc == 0) {
		if (f->failed)
			log_notice("ledger", "written=1");
		f->failed = false;
		return;
	}
	if (!f->failed && j->rc != ENOENT)
		log_error("ledger",
		    "file=%s problem=%s effect=\"outages are "
		    "kept in memory only\"",
		    log_q(f->path), log_q(strerror(j->rc)));
	f->failed = j->rc != ENOENT;
	f->all = true;
	f->retry = j->rc == ENOENT ? clock_now() : clock_now() + RETRY_NS;
}

static void
on_done(struct helper_job *job)
{
	struct file_job *j = (struct file_job *)job;

	j->file->busy = false;
	judge(j->file, j);
	job_free(j);
}

/* The helper is destroyed before the file. */
static void
on_drop(struct helper_job *job)
{
	struct file_job *j = (struct file_job *)job;

	j->file->busy = false;
	j->file->all = true;
	job_free(j);
}

static struct file_job *
job_create(struct ledger_file *f)
{
	struct file_job *j = mem_alloc(sizeof(*j));

	j->job.run = run_job;
	j->job.done = on_done;
	j->job.drop = on_drop;
	j->file = f;
	j->path = f->path;
	buf_init(&j->data, PENDING_MAX);
	return j;
}

static struct file_job *
job_of_pending(struct ledger_file *f)
{
	struct file_job *j = job_create(f);
	struct buf empty = j->data;

	j->data = f->pending;
	f->pending = empty;
	return j;
}

void
ledger_file_add(struct ledger_file *f, const char *line, size_t len)
{
	if (f->all)
		return;
	f->lines++;
	if (buf_addf(&f->pending, "%016" PRIx64 " ", line_hash(line, len)) !=
		0 ||
	    buf_add(&f->pending, line, len) != 0 ||
	    buf_adds(&f->pending, "\n") != 0)
		f->all = true; /* the disk is slow: rewrite everything later */
}

bool
ledger_file_wants_all(const struct ledger_file *f)
{
	return f->all && !f->busy && clock_now() >= f->retry;
}

void
ledger_file_all(struct ledger_file *f, struct kept_line **line, unsigned n)
{
	struct file_job *j = job_create(f);

	buf_clear(&f->pending);
	f->all = false;
	f->lines = n;
	j->line = line;
	j->n = n;
	f->busy = true;
	helper_do(f->helper, &j->job);
}

void
ledger_file_tick(struct ledger_file *f, unsigned living, int64_t now)
{
	if (f->lines > 2 * living + OLD_LINES)
		f->all = true;
	if (f->all || f->busy || (f->pending.len == 0 && now < f->alive))
		return;
	f->alive = now + ALIVE_NS;
	f->busy = true;
	helper_do(f->helper, &job_of_pending(f)->job);
}

void
ledger_file_holds(struct ledger_file *f, unsigned lines)
{
	f->lines = lines;
}

void
ledger_file_renew(struct ledger_file *f)
{
	f->all = true;
}

bool
ledger_file_lacks(const struct ledger_file *f)
{
	return f->all;
}

void
ledger_file_all_now(struct ledger_file *f, struct kept_line **line, unsigned n)
{
	struct file_job *j = job_create(f);

	buf_clear(&f->pending);
	j->line = line;
	j->n = n;
	run_job(&j->job);
	if (j->rc != 0)
		log_warn("ledger", "file=%s not_saved=%s", log_q(f->path),
		    log_q(strerror(j->rc)));
	f->all = false;
	job_free(j);
}

bool
ledger_file_failing(const struct ledger_file *f)
{
	return f->failed;
}

struct ledger_file *
ledger_file_create(struct helper *h, const char *path)
{
	struct ledger_file *f = mem_alloc(sizeof(*f));

	f->helper = h;
	f->path = mem_strdup(path);
	buf_init(&f->pending, PENDING_MAX);
	return f;
}

void
ledger_file_destroy(struct ledger_file **fp)
{
	struct ledger_file *f = *fp;
	int rc;

	if (f == NULL)
		return;
	rc = append(f->path, &f->pending); /* updates the time at least */
	if (rc != 0 && rc != ENOENT)
		log_warn("ledger", "file=%s not_saved=%s", log_q(f->path),
		    log_q(strerror(rc)));
	buf_fini(&f->pending);
	mem_free(&f->path);
	mem_free(fp);
}

/* ---- reading */

/* The text after a valid hash; NULL. */
static const char *
line_check(const char *line, size_t len, size_t *rest)
{
	char want[HASH_DIGITS + 2];

	if (len < HASH_DIGITS + 2 || len > OUTAGE_LINE_MAX ||
	    memchr(line, '\0', len) != NULL)
		return NULL;
	*rest = len - HASH_DIGITS - 1;
	(void)snprintf(want, sizeof(want), "%016" PRIx64 " ",
	    line_hash(line + HASH_DIGITS + 1, *rest));
	return memcmp(line, want, HASH_DIGITS + 1) == 0 ?
	    line + HASH_DIGITS + 1 :
	    NULL;
}

int
ledger_file_parse(const char *text, size_t len,
    void (*fn)(void *arg, const char *line, size_t len), void *arg,
    struct ledger_file_read *st)
{
	const size_t head = strlen(MAGIC "\n");
	const char *p = text + head, *stop = text + len, *lf, *line;
	size_t rest;

	if (len < head || memcmp(text, MAGIC "\n", head) != 0)
		return -MX_ECORRUPT;
	for (; p < stop; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(stop - p));
		if (lf == NULL) { /* torn */
			st->bad++;
			break;
		}
		if (lf == p)
			continue;
		line = line_check(p, (size_t)(lf - p), &rest);
		if (line == NULL) {
			st->bad++;
			continue;
		}
		st->lines++;
		fn(arg, line, rest);
	}
	return 0;
}

int
ledger_file_load(const char *path,
    void (*fn)(void *arg, const char *line, size_t len), void *arg,
    struct ledger_file_read *st)
{
	struct buf text = BUF_INIT(LEDGER_FILE_MAX);
	struct stat sb;
	int rc;

	*st = (struct ledger_file_read){ 0 };
	rc = file_load(path, &text, NULL);
	if (rc == 0)
		rc = ledger_file_parse(buf_str(&text), text.len, fn, arg, st);
	else if (rc == -MX_ENOENT)
		rc = 0;
	if (rc == 0 && stat(path, &sb) == 0)
		st->alive = sb.st_mtime;
	buf_fini(&text);
	return rc;
}
