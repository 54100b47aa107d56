/* SPDX-License-Identifier: ISC
 * renewal: a look is a job of the helper, with its own copies of paths and
 * stamps. */
#include "net/renewal.h"

#include <sys/stat.h>

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define RENEWAL_EVERY (5 * CLOCK_SEC)

/* The stamp by which a changed file is recognised. */
struct renewal_stamp {
	int64_t mtime_ns, ctime_ns, size; /* ctime: a changed mode counts */
	uint64_t ino;
};

struct renewal_files {
	char *path[RENEWAL_FILES];
	struct renewal_stamp stamp[RENEWAL_FILES];
};

/* One look: owned by the thread from renewal_look() until on_looked(). */
struct renewal_job {
	struct helper_job job; /* first */
	const struct renewal_kind *kind;
	struct renewal *renewal; /* NULL: destroyed meanwhile; loop thread */
	struct renewal_files files; /* the last stamps, then the present ones */
	void *fresh;
	bool moved;
	struct mx_errbuf why;
};

struct renewal {
	const struct renewal_kind *kind;
	struct renewal_files files;
	struct renewal_job *look; /* under way in the helper; NULL: none */
	void *arg;
	int64_t next_look;
	bool refused;
};

static void
files_copy(struct renewal_files *f, const char *const *path)
{
	for (size_t i = 0; i < RENEWAL_FILES; i++)
		if (path[i] != NULL)
			f->path[i] = mem_strdup(path[i]);
}

static void
files_fini(struct renewal_files *f)
{
	for (size_t i = 0; i < RENEWAL_FILES; i++)
		mem_free(&f->path[i]);
}

static int64_t
ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * CLOCK_SEC + t->tv_nsec;
}

static struct renewal_stamp
stamp_of(const char *path)
{
	struct stat st;

	if (path == NULL || stat(path, &st) != 0)
		return (struct renewal_stamp){ 0 };
	return (struct renewal_stamp){ ns_of(&st.st_mtim), ns_of(&st.st_ctim),
		st.st_size, st.st_ino };
}

/* True when one of them changed since the last call. A missing file does not
 * count: it is just being replaced. */
static bool
files_moved(struct renewal_files *f)
{
	struct renewal_stamp now;
	bool moved = false;

	for (size_t i = 0; i < RENEWAL_FILES; i++) {
		now = stamp_of(f->path[i]);
		if (now.ino == 0 ||
		    memcmp(&f->stamp[i], &now, sizeof(now)) == 0)
			continue;
		f->stamp[i] = now;
		moved = true;
	}
	return moved;
}

static void *
files_load(const struct renewal_kind *kind, const struct renewal_files *f,
    struct mx_errbuf *eb)
{
	return kind->load((const char *const *)f->path, eb);
}

struct renewal *
renewal_create(const struct renewal_kind *kind, const char *const *path)
{
	struct renewal *r = mem_alloc(sizeof(*r));

	r->kind = kind;
	files_copy(&r->files, path);
	return r;
}

void *
renewal_load(struct renewal *r, struct mx_errbuf *eb)
{
	/* Stamps are taken before reading, so that a change meanwhile is
	 * noticed. */
	(void)files_moved(&r->files);
	return files_load(r->kind, &r->files, eb);
}

static void
run_look(struct helper_job *job)
{
	struct renewal_job *l = (struct renewal_job *)job;

	l->moved = files_moved(&l->files);
	if (l->moved)
		l->fresh = files_load(l->kind, &l->files, &l->why);
}

static void
drop_look(struct helper_job *job)
{
	struct renewal_job *l = (struct renewal_job *)job;

	if (l->renewal != NULL)
		l->renewal->look = NULL;
	if (l->fresh != NULL)
		l->kind->drop(l->fresh);
	files_fini(&l->files);
	mem_free(&l);
}

static void
on_looked(struct helper_job *job)
{
	struct renewal_job *l = (struct renewal_job *)job;
	struct renewal *r = l->renewal;
	void *fresh = l->fresh;

	if (r != NULL && l->moved) {
		memcpy(r->files.stamp, l->files.stamp, sizeof(l->files.stamp));
		r->refused = fresh == NULL;
		l->fresh = NULL;
		if (fresh != NULL)
			r->kind->take(r->arg, fresh);
		else
			r->kind->refuse(r->arg, l->why.text);
	}
	drop_look(job);
}

void
renewal_look(struct renewal *r, struct helper *helper, void *arg, int64_t now)
{
	struct renewal_job *l;

	if (now < r->next_look || r->look != NULL)
		return;
	r->next_look = now + RENEWAL_EVERY;
	r->arg = arg;
	l = mem_alloc(sizeof(*l));
	l->job.run = run_look;
	l->job.done = on_looked;
	l->job.drop = drop_look;
	l->kind = r->kind;
	l->renewal = r;
	files_copy(&l->files, (const char *const *)r->files.path);
	memcpy(l->files.stamp, r->files.stamp, sizeof(l->files.stamp));
	r->look = l;
	helper_do(helper, &l->job);
}

bool
renewal_refused(const struct renewal *r)
{
	return r != NULL && r->refused;
}

void
renewal_destroy(struct renewal **rp)
{
	struct renewal *r = *rp;

	if (r == NULL)
		return;
	if (r->look != NULL)
		r->look->renewal = NULL;
	files_fini(&r->files);
	mem_free(rp);
}
