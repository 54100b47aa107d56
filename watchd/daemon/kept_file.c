/* SPDX-License-Identifier: ISC
 * kept_file: see kept_file.h. At most one job of the helper per file: while a
 * slow disk is busy with it, the next save waits. */
#include "daemon/kept_file.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

struct kept_file {
	const struct kept_file_kind *kind;
	void *arg;
	char *path;
	bool saving; /* the helper has a job */
	int64_t next; /* monotonic ns */
};

struct kept_save {
	struct helper_job job; /* first */
	struct kept_file *file;
	void *copy;
};

static void
write_copy(const struct kept_file *f, const void *copy)
{
	int rc = f->kind->write(copy, f->path);

	if (rc < 0)
		log_warn("daemon", "file=%s not_saved=%s", log_q(f->path),
		    log_q(mx_strerror(rc)));
}

static void
run_save(struct helper_job *job)
{
	struct kept_save *s = (struct kept_save *)job;

	write_copy(s->file, s->copy);
}

static void
on_saved(struct helper_job *job)
{
	struct kept_save *s = (struct kept_save *)job;

	s->file->saving = false;
	s->file->kind->free(s->copy);
	mem_free(&s);
}

struct kept_file *
kept_file_create(const char *folder, const char *name,
    const struct kept_file_kind *kind, void *arg)
{
	struct kept_file *f = mem_alloc(sizeof(*f));

	f->kind = kind;
	f->arg = arg;
	f->path = mem_printf("%s/%s", folder, name);
	return f;
}

const char *
kept_file_path(const struct kept_file *f)
{
	return f->path;
}

void
kept_file_tick(struct kept_file *f, struct helper *helper, int64_t now)
{
	struct kept_save *s;
	void *copy;

	if (f == NULL || f->saving || now < f->next)
		return;
	copy = f->kind->copy(f->arg, false);
	if (copy == NULL)
		return;
	s = mem_alloc(sizeof(*s));
	s->job.run = run_save;
	s->job.done = s->job.drop = on_saved;
	s->file = f;
	s->copy = copy;
	f->saving = true;
	f->next = now + f->kind->interval_ns;
	helper_do(helper, &s->job);
}

void
kept_file_destroy(struct kept_file **fp)
{
	struct kept_file *f = *fp;
	void *copy;

	if (f == NULL)
		return;
	MX_ASSERT(!f->saving);
	copy = f->kind->copy(f->arg, true);
	if (copy != NULL) {
		write_copy(f, copy);
		f->kind->free(copy);
	}
	mem_free(&f->path);
	mem_free(fp);
}
