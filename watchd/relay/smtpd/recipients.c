/* SPDX-License-Identifier: ISC
 * recipients: see recipients.h. The identity of a file is its inode, size,
 * mtime and ctime. A file that changed is not read before a second look finds
 * it as the first one did, and what was read counts only if it is still the
 * same afterwards: half of a list that is being written in place would turn
 * away people who exist. The helper thread gets a job and posts it back
 * through a mailbox; it touches nothing else. Created by policy.c; several configurations share
 * one object across reloads, hence the reference count. */
#include "relay/smtpd/recipients.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define CHECK_MS   2000
#define SETTLE_MS  1000 /* unchanged for so long: written to its end */
#define RESTLESS   60 /* looks in a row that found another file */
#define SMALL_FILE (1 << 20) /* read on the loop: a few milliseconds */
#define FILE_MAX   ((off_t)1 << 30)

struct file_id {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

/* One reading of the file. */
struct load {
	struct mail mail;
	char *path;
	struct file_id id;
	bool changed; /* while it was read */
	int error; /* errno: the system's trouble, not the file's */
	struct rcpt_table *table; /* NULL: see why */
	struct rcpt_note note;
	struct mx_errbuf why;
};

struct recipients {
	unsigned refs;
	unsigned shrink;
	struct loop *loop;
	struct loop_timer *timer;
	char *path;
	struct rcpt_table *table;
	struct file_id seen; /* what the table comes from */
	struct file_id found; /* at the last look, if another one */
	unsigned restless;
	int trouble; /* errno of the last look, reported; 0 none */
	bool loading;
	pthread_t thread;
	struct mailbox *mailbox; /* of the helper; NULL until it is needed */
	struct loop_io *mailbox_io;
};

static void
file_id_set(struct file_id *id, const struct stat *st)
{
	memset(id, 0, sizeof(*id));
	id->dev = st->st_dev;
	id->ino = st->st_ino;
	id->size = st->st_size;
	id->mtime = st->st_mtim;
	id->ctime = st->st_ctim;
}

static bool
time_equal(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
file_id_equal(const struct file_id *a, const struct file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    time_equal(&a->mtime, &b->mtime) &&
	    time_equal(&a->ctime, &b->ctime);
}

static struct load *
load_create(const char *path)
{
	struct load *l = mem_alloc(sizeof(*l));

	l->path = mem_strdup(path);
	return l;
}

static void
load_destroy(struct load **lp)
{
	rcpt_table_destroy(&(*lp)->table);
	mem_free(&(*lp)->path);
	mem_free(lp);
}

static void
load_drop(struct mail *m)
{
	struct load *l = (struct load *)m;

	load_destroy(&l);
}

static int
read_all(int fd, char *data, size_t size, size_t *len)
{
	ssize_t n;

	*len = 0;
	while (*len < size) {
		n = read(fd, data + *len, size - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	return 0;
}

/* Any thread: works on the job alone. */
static void
load_run(struct load *l)
{
	struct file_id now;
	struct stat st;
	char *data = NULL;
	size_t len;
	/* Not to hang when somebody put a FIFO there. */
	int fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0) {
		l->error = errno;
		(void)mx_fail(&l->why, MX_ESYS, "%s", strerror(errno));
		goto out;
	}
	file_id_set(&l->id, &st);
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		(void)mx_fail(&l->why, MX_ESYS, "no regular file below 1 GB");
		goto out;
	}
	data = malloc((size_t)st.st_size + 1);
	if (data == NULL || read_all(fd, data, (size_t)st.st_size, &len) < 0) {
		l->error = errno;
		(void)mx_fail(&l->why, MX_ESYS, "%s", strerror(errno));
		goto out;
	}
	if (fstat(fd, &st) == 0) {
		file_id_set(&now, &st);
		l->changed = !file_id_equal(&now, &l->id);
	}
	if (!l->changed)
		l->table = rcpt_table_parse(data, len, &l->note, &l->why);
out:
	free(data);
	if (fd >= 0)
		close(fd);
}

static bool
shrank(const struct recipients *r, size_t n)
{
	uint64_t had = r->table != NULL ? rcpt_table_len(r->table) : 0;

	return n < had && (had - n) * 100 > had * (uint64_t)r->shrink;
}

/* Judges what was read; takes the table when it is good. */
static void
load_judge(struct recipients *r, struct load *l)
{
	const char *kept = r->table != NULL ? "the last good one is used" :
					      "its domain is answered with 451";

	if (l->table == NULL) {
		log_error("smtpd",
		    "recipients=%s line=%u error=%s consequence=\"%s\"",
		    log_q(r->path), l->note.line, log_q(l->why.text), kept);
		return;
	}
	if (shrank(r, rcpt_table_len(l->table))) {
		log_error("smtpd",
		    "recipients=%s entries=%zu before=%zu error=\"lost more "
		    "than %u%% at once\" consequence=\"%s\" "
		    "hint=\"raise recipients_shrink and reload\"",
		    log_q(r->path), rcpt_table_len(l->table),
		    rcpt_table_len(r->table), r->shrink, kept);
		return;
	}
	if (l->note.ignored > 0)
		log_warn("smtpd",
		    "recipients=%s ignored=%u reason=\"keys without @\"",
		    log_q(r->path), l->note.ignored);
	log_notice("smtpd", "recipients=%s entries=%zu", log_q(r->path),
	    rcpt_table_len(l->table));
	rcpt_table_destroy(&r->table);
	r->table = l->table;
	l->table = NULL;
}

/* What the system did not let us read (no descriptor, no permission) is tried
 * again at each look, and reported once. */
static void
load_apply(struct recipients *r, struct load *l)
{
	if (!l->changed && (l->error == 0 || l->error != r->trouble))
		load_judge(r, l);
	r->trouble = l->error;
	if (l->error == 0 && !l->changed)
		r->seen = l->id;
	load_destroy(&l);
}

static void
load_done(struct mail *m, void *arg)
{
	struct recipients *r = arg;

	pthread_join(r->thread, NULL);
	r->loading = false;
	load_apply(r, (struct load *)m);
}

struct helper {
	struct load *load;
	struct mailbox *to;
};

static void *
helper_main(void *arg)
{
	struct helper *h = arg;
	struct load *l = h->load;
	struct mailbox *to = h->to;

	mem_free(&h);
	load_run(l);
	mailbox_post(to, &l->mail);
	return NULL;
}

static bool
load_in_helper(struct recipients *r, struct load *l)
{
	struct helper *h;
	sigset_t all, old;
	int rc;

	if (r->mailbox == NULL) {
		if ((r->mailbox = mailbox_try_create()) == NULL)
			return false;
		r->mailbox_io = loop_mailbox(r->loop, r->mailbox, load_done, r);
	}
	h = mem_alloc(sizeof(*h));
	h->load = l;
	h->to = r->mailbox;
	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&r->thread, NULL, helper_main, h);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		mem_free(&h);
	r->loading = rc == 0;
	return r->loading;
}

/* Whether a file that changed is the one of the last look. */
static bool
has_settled(struct recipients *r, const struct file_id *id)
{
	bool same = file_id_equal(id, &r->found);

	r->found = *id;
	if (!same && ++r->restless == RESTLESS)
		log_warn("smtpd",
		    "recipients=%s event=\"it does not stop changing and is "
		    "not read\" hint=\"write another file and rename it\"",
		    log_q(r->path));
	if (same)
		r->restless = 0;
	return same;
}

/* Looks whether the file is another one, and reads it if so: at once with
 * `now`, else when it has settled. `wait`: not in a helper. Returns when to
 * look again. */
static int64_t
check(struct recipients *r, bool now, bool wait)
{
	struct file_id id;
	struct load *l;
	struct stat st;

	if (r->loading)
		return CHECK_MS;
	if (stat(r->path, &st) < 0) {
		if (errno != r->trouble)
			log_error("smtpd", "recipients=%s error=%s",
			    log_q(r->path), log_q(strerror(errno)));
		r->trouble = errno;
		return CHECK_MS;
	}
	file_id_set(&id, &st);
	if (r->trouble == 0 && file_id_equal(&id, &r->seen))
		return CHECK_MS;
	if (!now && !has_settled(r, &id))
		return SETTLE_MS;
	l = load_create(r->path);
	if (!wait && st.st_size >= SMALL_FILE && load_in_helper(r, l))
		return CHECK_MS;
	load_run(l);
	load_apply(r, l);
	return CHECK_MS;
}

static void
check_again(void *arg)
{
	struct recipients *r = arg;

	loop_timer_set(r->timer, check(r, false, false));
}

struct recipients *
recipients_open(struct loop *loop, const char *path, unsigned shrink, bool wait)
{
	struct recipients *r = mem_alloc(sizeof(*r));

	r->refs = 1;
	r->loop = loop;
	r->path = mem_strdup(path);
	r->shrink = shrink;
	r->timer = loop_timer_create(loop, check_again, r);
	loop_timer_set(r->timer, check(r, true, wait));
	return r;
}

struct recipients *
recipients_ref(struct recipients *r)
{
	r->refs++;
	return r;
}

void
recipients_unref(struct recipients **rp)
{
	struct recipients *r = *rp;

	*rp = NULL;
	if (r == NULL || --r->refs > 0)
		return;
	loop_timer_destroy(&r->timer);
	if (r->loading)
		pthread_join(r->thread, NULL);
	if (r->mailbox != NULL) {
		loop_io_destroy(&r->mailbox_io);
		mailbox_destroy(&r->mailbox, load_drop);
	}
	rcpt_table_destroy(&r->table);
	mem_free(&r->path);
	mem_free(&r);
}

const char *
recipients_path(const struct recipients *r)
{
	return r->path;
}

void
recipients_recheck(struct recipients *r, unsigned shrink)
{
	r->shrink = shrink;
	memset(&r->seen, 0, sizeof(r->seen));
	(void)check(r, true, false);
}

int
recipients_check(const char *path, unsigned *line, struct mx_errbuf *eb)
{
	struct load *l = load_create(path);
	int rc = 0;

	load_run(l);
	*line = l->note.line;
	if (l->table == NULL)
		rc = mx_fail(eb, MX_ESYNTAX, "%s",
		    l->changed ? "it is being written" : l->why.text);
	load_destroy(&l);
	return rc;
}

enum rcpt_found
recipients_find(const struct recipients *r, const char *mailbox,
    const char **text)
{
	*text = "";
	if (r->table == NULL)
		return RCPT_FOUND_UNKNOWABLE;
	return rcpt_table_find(r->table, mailbox, text);
}
