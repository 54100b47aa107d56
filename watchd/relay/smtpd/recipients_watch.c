/* SPDX-License-Identifier: ISC
 * recipients_watch: the thread that checks the recipients files. Requested
 * files come first, in the order of the requests; the others when they are due.
 * A file is identified by inode, size, mtime and ctime. A changed file is read
 * only after a second look finds the same identity, and the content counts only
 * if the identity is still the same afterwards: a half-written list would
 * refuse existing recipients. Fetched files are replaced atomically, so one
 * look is enough. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "relay/smtpd/recipients_int.h"
#include "relay/smtpd/recipients_keep.h"

#define CHECK_MS  2000
#define SETTLE_MS 1000 /* unchanged for this long: completely written */
#define PAUSE_MS  20 /* the shortest sleep: those due in it come together */
#define RESTLESS  60
#define FILE_MAX  ((off_t)1 << 30)

TAILQ_HEAD(look_list, look);

struct recipients_watch {
	pthread_t thread;
	bool runs; /* the thread; used by the loop */
	struct mailbox *in, *out;
	/* Files with the same interval are due in the order in which they were
	 * queued: a list each keeps them sorted. */
	struct look_list list[3]; /* by look.place */
	struct look_list keep; /* by keep_link */
	char *folder; /* of the copies; NULL: none are kept */
	bool stop;
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

/* The content of a file, to be freed, or NULL and the reason. */
static char *
load_data(struct load *l, const char *path, size_t *size)
{
	struct file_id now;
	struct stat st;
	char *data = NULL;
	ssize_t len = -1;
	/* A FIFO in its place must not block the thread. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0) {
		l->error = errno;
		(void)mx_fail(&l->why, MX_ESYS, "%s", strerror(errno));
		goto out;
	}
	file_id_set(&l->id, &st);
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		(void)mx_fail(&l->why, MX_ESYS,
		    "not a regular file below 1 GB");
		goto out;
	}
	data = malloc((size_t)st.st_size + 1);
	if (data != NULL)
		len = file_fill(fd, data, (size_t)st.st_size);
	if (len < 0) {
		l->error = errno;
		(void)mx_fail(&l->why, MX_ESYS, "%s", strerror(errno));
		goto out;
	}
	if (fstat(fd, &st) == 0) {
		file_id_set(&now, &st);
		l->changed = !file_id_equal(&now, &l->id);
	}
	*size = (size_t)len;
out:
	if (fd >= 0)
		close(fd);
	if (len < 0) {
		free(data);
		data = NULL;
	}
	return data;
}

void
load_run(struct load *l, const char *path)
{
	size_t len;
	char *data = load_data(l, path, &len);

	if (data != NULL && !l->changed)
		l->table = rcpt_table_parse(data, len, &l->note, &l->why);
	free(data);
}

/* Is the changed file the same as at the last look? */
static bool
has_settled(struct look *l, const struct file_id *id)
{
	bool same = file_id_equal(id, &l->found);

	l->found = *id;
	if (!same && ++l->restless == RESTLESS)
		log_warn("smtpd",
		    "recipients=%s event=\"it keeps changing and is not read\" "
		    "hint=\"write a new file and rename it\"",
		    log_q(l->name));
	if (same)
		l->restless = 0;
	return same;
}

/* A file that could not be opened (no descriptor, no permission) is tried again
 * at each look, and reported once. */
static void
look_read(struct look *l, struct sight *s)
{
	struct load *load = &s->load;

	load_run(load, l->path);
	s->judge =
	    !load->changed && (load->error == 0 || load->error != l->trouble);
	l->trouble = load->error;
	if (load->error == 0 && !load->changed) {
		l->seen = load->id;
		l->again = false;
	}
}

/* Checks whether the file has changed, and reads it then: at once when asked,
 * otherwise when it is stable. */
static int64_t
look_at(struct look *l, struct sight *s)
{
	struct file_id id;
	struct stat st;

	if (stat(l->path, &st) < 0) {
		if (errno != l->trouble)
			s->missing = errno;
		l->trouble = errno;
		return CHECK_MS;
	}
	file_id_set(&id, &st);
	if (l->trouble == 0 && !l->again && file_id_equal(&id, &l->seen))
		return CHECK_MS;
	if (l->owed == 0 && !l->fetched && !has_settled(l, &id))
		return SETTLE_MS;
	look_read(l, s);
	return CHECK_MS;
}

static void
look_put(struct recipients_watch *w, struct look *l, int64_t delay_ms)
{
	l->place = delay_ms == 0  ? LOOK_ASKED :
	    delay_ms == SETTLE_MS ? LOOK_SETTLING :
				    LOOK_RESTING;
	l->due = clock_now() + delay_ms * CLOCK_MS;
	TAILQ_INSERT_TAIL(&w->list[l->place], l, link);
}

static void
look_take(struct recipients_watch *w, struct look *l)
{
	TAILQ_REMOVE(&w->list[l->place], l, link);
}

static struct sight *
sight_create(const struct look *l)
{
	struct sight *s = mem_alloc(sizeof(*s));

	s->file = l->file;
	s->answers = l->owed;
	return s;
}

/* ---- copies of good versions */

/* The version used before the restart, for comparison. */
static void
kept_read(struct recipients_watch *w, const struct look *l)
{
	struct buf text = BUF_INIT(KEEP_MAX);
	struct mx_errbuf eb = { "" };
	struct sight *s;
	int rc;

	if (w->folder == NULL)
		return;
	rc = keep_load(w->folder, l->source, &text, &eb);
	s = mem_alloc(sizeof(*s));
	s->file = l->file;
	s->kept = true;
	if (rc == 0)
		s->load.table = rcpt_table_parse(buf_str(&text), text.len,
		    &s->load.note, &eb);
	buf_fini(&text);
	if (s->load.table != NULL) {
		mailbox_post(w->out, &s->mail);
		return;
	}
	if (rc != -MX_ENOENT)
		log_warn("smtpd", "recipients=%s last_good=unreadable error=%s",
		    log_q(l->name), log_q(eb.text));
	mem_free(&s);
}

static void
keep_leave(struct recipients_watch *w, struct look *l)
{
	if (l->keeping)
		TAILQ_REMOVE(&w->keep, l, keep_link);
	l->keeping = false;
}

/* Copies the file that was accepted, if it has not changed since. An identical
 * copy is not written again, which is the usual case at a start. */
static void
keep_one(struct recipients_watch *w, struct look *l)
{
	struct buf old = BUF_INIT(KEEP_MAX);
	struct mx_errbuf eb = { "" };
	struct load load = { 0 };
	size_t len = 0;
	char *data = load_data(&load, l->path, &len);

	keep_leave(w, l);
	if (data == NULL || load.changed || !file_id_equal(&load.id, &l->seen))
		goto out;
	if (keep_load(w->folder, l->source, &old, NULL) == 0 &&
	    old.len == len && memcmp(old.data, data, len) == 0)
		goto out;
	if (keep_store(w->folder, l->source, data, len, &eb) < 0)
		log_warn("smtpd",
		    "recipients=%s not_kept=%s consequence=\"a restart has "
		    "nothing to compare it with\"",
		    log_q(l->name), log_q(eb.text));
out:
	buf_fini(&old);
	free(data);
}

static void
sweep(struct recipients_watch *w)
{
	const char **source = NULL;
	size_t n = 0, size = 0;
	struct look *l;

	if (w->folder == NULL)
		return;
	for (unsigned i = 0; i < MX_COUNT(w->list); i++)
		TAILQ_FOREACH (l, &w->list[i], link) {
			if (n == size) {
				size += size / 2 + 16;
				source =
				    mem_grow(source, size, sizeof(*source));
			}
			source[n++] = l->source;
		}
	keep_sweep(w->folder, source, n);
	mem_free(&source);
}

static void
look_work(struct recipients_watch *w, struct look *l)
{
	struct sight *s = sight_create(l);
	int64_t delay;

	look_take(w, l);
	delay = look_at(l, s);
	l->owed = 0;
	look_put(w, l, delay);
	if (s->answers > 0 || s->missing != 0 || s->judge)
		mailbox_post(w->out, &s->mail);
	else
		mem_free(&s);
}

static void
obey(struct recipients_watch *w, struct order *o)
{
	struct look *l = o->look;
	struct sight *s;

	switch (o->mail.kind) {
	case ORDER_LOOK:
		look_take(w, l);
		/* FALLTHROUGH */
	case ORDER_WATCH:
		if (o->mail.kind == ORDER_WATCH)
			kept_read(w, l);
		l->owed++;
		l->again = l->again || o->again;
		look_put(w, l, 0);
		break;
	case ORDER_KEEP:
		if (!l->keeping)
			TAILQ_INSERT_TAIL(&w->keep, l, keep_link);
		l->keeping = true;
		break;
	case ORDER_SWEEP:
		sweep(w);
		break;
	case ORDER_FORGET:
		look_take(w, l);
		keep_leave(w, l);
		s = sight_create(l);
		s->gone = l;
		mailbox_post(w->out, &s->mail);
		break;
	case ORDER_FREE:
		rcpt_table_destroy(&o->table);
		break;
	default:
		w->stop = true;
		break;
	}
	mem_free(&o);
}

/* The next look that is due; NULL: none, and *ms is the time to wait. */
static struct look *
look_next(struct recipients_watch *w, int *ms)
{
	struct look *l = TAILQ_FIRST(&w->list[LOOK_ASKED]), *first = NULL;
	int64_t now = clock_now();

	if (l != NULL)
		return l;
	for (unsigned i = LOOK_RESTING; i < MX_COUNT(w->list); i++) {
		l = TAILQ_FIRST(&w->list[i]);
		if (l != NULL && (first == NULL || l->due < first->due))
			first = l;
	}
	if (first == NULL)
		*ms = -1;
	else if (first->due <= now)
		return first;
	else if ((*ms = (int)((first->due - now) / CLOCK_MS)) < PAUSE_MS)
		*ms = PAUSE_MS;
	return NULL;
}

static void *
watch_main(void *arg)
{
	struct recipients_watch *w = arg;
	struct mail_list orders;
	struct look *l;
	struct mail *m;
	int ms;

	while (!w->stop) {
		ms = 0;
		/* Requests come before copies. */
		if ((l = look_next(w, &ms)) != NULL) {
			look_work(w, l);
		} else if ((l = TAILQ_FIRST(&w->keep)) != NULL) {
			keep_one(w, l);
			ms = 0;
		}
		if (!mailbox_wait(w->in, &orders, ms))
			continue;
		while ((m = STAILQ_FIRST(&orders)) != NULL) {
			STAILQ_REMOVE_HEAD(&orders, link);
			obey(w, (struct order *)m);
		}
	}
	return NULL;
}

struct recipients_watch *
recipients_watch_start(struct mailbox *out)
{
	struct recipients_watch *w = mem_alloc(sizeof(*w));

	w->out = out;
	w->in = mailbox_create();
	for (unsigned i = 0; i < MX_COUNT(w->list); i++)
		TAILQ_INIT(&w->list[i]);
	TAILQ_INIT(&w->keep);
	return w;
}

void
recipients_watch_keep(struct recipients_watch *w, const char *folder)
{
	MX_ASSERT(!w->runs);
	mem_free(&w->folder);
	w->folder = folder != NULL ? mem_strdup(folder) : NULL;
}

void
recipients_watch_give(struct recipients_watch *w, struct order *o)
{
	/* The thread is started with the first file. */
	if (!w->runs)
		MX_ASSERT(thread_start(&w->thread, watch_main, w) == 0);
	w->runs = true;
	mailbox_post(w->in, &o->mail);
}

void
recipients_watch_stop(struct recipients_watch **wp)
{
	struct order *o;

	if ((*wp)->runs) {
		o = mem_alloc(sizeof(*o));
		o->mail.kind = ORDER_STOP;
		recipients_watch_give(*wp, o);
		pthread_join((*wp)->thread, NULL);
	}
	mailbox_destroy(&(*wp)->in, NULL); /* STOP was its last order */
	mem_free(&(*wp)->folder);
	mem_free(wp);
}
