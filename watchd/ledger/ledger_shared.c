/* SPDX-License-Identifier: ISC
 * ledger_shared: the ledger of a node of a cluster. Two nodes may record one outage:
 * while the engine is away, or until both know who is alive; of such twins the one
 * with the lower id stays. */
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/ledger_int.h"

#define KNOWN	 LEDGER_PREFIX "known/"
#define ALIVE	 LEDGER_PREFIX "alive"
#define ALIVE_NS (20 * CLOCK_SEC)

struct ledger_shared {
	struct ledger_store *store;
	char *waiting; /* the file of what was left at an end */
	int64_t start_ms; /* wall */
	int64_t alive; /* wall seconds, before we began; 0: not known */
	int64_t gap_ms; /* nobody watched for so long before that */
	bool absent; /* and that is not on record yet */
	bool imported; /* what is in our own files */
	bool spent_file, spent_waiting; /* they are, once it is written */
	int64_t alive_ns; /* when to say next that we live */
};

/* ---- what we write */

static void
key_of(char *key, size_t size, uint64_t id)
{
	(void)snprintf(key, size, LEDGER_PREFIX "%020" PRIu64, id);
}

void
ledger_shared_put(struct ledger *l, uint64_t id, struct kept_line *line)
{
	char key[LEDGER_KEY_MAX];

	key_of(key, sizeof(key), id);
	ledger_store_put(l->shared->store, key, line);
}

void
ledger_shared_known(struct ledger *l, const char *label, struct kept_line *line)
{
	char key[LEDGER_KEY_MAX];

	(void)snprintf(key, sizeof(key), KNOWN "%s", label);
	ledger_store_put(l->shared->store, key, line);
}

/* Nothing is before what was left for us at the last end is read. */
bool
ledger_shared_ours(const struct ledger *l, enum outage_kind kind,
    const char *name)
{
	return l->shared->imported && l->ops.ours(l->ops.arg, kind, name);
}

/* What is of all is done by one. */
static bool
speaks(const struct ledger *l)
{
	return ledger_shared_ours(l, OUTAGE_DAEMON, LEDGER_DAEMON);
}

static void
on_known(void *arg, const char *label, struct kept_line *line)
{
	struct ledger *l = arg;

	if (ledger_shared_ours(l, OUTAGE_PRIMARY, label))
		ledger_shared_known(l, label, line);
}

static void
say_alive(struct ledger *l, const struct book_time *t)
{
	char text[24];
	struct kept_line *line;

	(void)snprintf(text, sizeof(text), "%" PRId64, t->wall_ms / 1000);
	line = kept_line_create(text);
	ledger_store_put(l->shared->store, ALIVE, line);
	kept_line_unref(&line);
	l->shared->alive_ns = t->now + ALIVE_NS;
}

void
ledger_put_done(struct ledger *l, uint64_t token, int rc)
{
	if (l != NULL && l->shared != NULL)
		ledger_store_done(l->shared->store, token, rc);
}

/* ---- what others write */

/* Somebody watched until then; who says so in time watched when we began. */
static void
take_alive(struct ledger_shared *s, int64_t alive)
{
	int64_t gap_ms = s->start_ms - alive * 1000;

	if (gap_ms < LEDGER_GAP_MS) {
		s->gap_ms = 0;
		s->absent = false;
	} else if (s->alive == 0) {
		s->gap_ms = gap_ms;
		s->absent = true;
	}
	s->alive = alive;
}

static void
drop_twin(struct ledger *l, const struct outage *o, uint64_t id)
{
	(void)kept_drop(l->kept, id);
	book_told_gone(l->book, id);
	if (ledger_shared_ours(l, o->kind, o->name))
		ledger_shared_put(l, id, NULL);
}

/* True: it is to be kept. */
static bool
settle_twins(struct ledger *l, const struct outage *o)
{
	uint64_t id;

	while ((id = kept_twin(l->kept, o)) != 0) {
		if (id < o->id) {
			if (ledger_shared_ours(l, o->kind, o->name))
				ledger_shared_put(l, o->id, NULL);
			return false;
		}
		if (book_writes(l->book, o->kind, o->name, id) &&
		    ledger_shared_ours(l, o->kind, o->name))
			book_rename(l->book, o->kind, o->name, o->id,
			    o->failed);
		drop_twin(l, o, id);
	}
	return true;
}

/* Consumes the outage. */
static void
take_record(struct ledger *l, struct outage *o, bool early,
    const struct book_time *t)
{
	book_last_id(l->book, o->id);
	/* what is not ours any more is not written any more; what is ours now
	 * was told before that */
	if (!ledger_shared_ours(l, o->kind, o->name))
		(void)book_feeds(l->book, o->kind, o->name, 0, t);
	if (book_writes(l->book, o->kind, o->name, o->id) ||
	    !settle_twins(l, o)) {
		outage_fini(o);
		return;
	}
	(void)kept_put(l->kept, o);
	if (o->kind == OUTAGE_PRIMARY)
		availability_changed(l->availability, o->name,
		    t->wall_ms / 1000);
	(void)book_told(l->book, o, early, t);
	outage_fini(o);
}

static bool
id_of(const char *key, uint64_t *id)
{
	int64_t n;

	if (text_int(key + strlen(LEDGER_PREFIX), 1, INT64_MAX, &n) != 0)
		return false;
	*id = (uint64_t)n;
	return true;
}

static void
told_record(struct ledger *l, const char *key, const void *data, size_t len,
    bool early, const struct book_time *t)
{
	struct outage o;
	uint64_t id;

	if (!id_of(key, &id) || ledger_store_waits(l->shared->store, key))
		return; /* ours is newer */
	if (len == 0) {
		(void)kept_drop(l->kept, id);
		book_told_gone(l->book, id);
	} else if (outage_parse(&o, data, len) == 0) {
		if (o.id == id)
			take_record(l, &o, early, t);
		else
			outage_fini(&o);
	}
}

static void
told(struct ledger *l, const char *key, const void *data, size_t len,
    bool early, const struct book_time *t)
{
	char text[24];
	int64_t n;

	if (strncmp(key, KNOWN, strlen(KNOWN)) == 0) {
		if (len == 0)
			availability_forget(l->availability,
			    key + strlen(KNOWN));
		else
			(void)availability_load(l->availability, data, len, 0);
	} else if (strcmp(key, ALIVE) == 0) {
		(void)snprintf(text, sizeof(text), "%.*s",
		    len < sizeof(text) ? (int)len : 0, (const char *)data);
		if (text_int(text, 1, INT64_MAX / 1000, &n) == 0)
			take_alive(l->shared, n);
	} else {
		told_record(l, key, data, len, early, t);
	}
}

bool
ledger_told(struct ledger *l, const char *key, const void *data, size_t len,
    const struct book_time *t)
{
	if (strncmp(key, LEDGER_PREFIX, strlen(LEDGER_PREFIX)) != 0)
		return false;
	if (l != NULL && l->shared != NULL)
		told(l, key, len > 0 ? data : "", len, false, t);
	return true;
}

/* ---- what is in our own files */

struct ledger_import {
	struct ledger *ledger;
	const struct book_time *t;
	struct kept *kept; /* the records of the file */
	bool first; /* nobody has recorded anything yet */
	uint64_t *was, *is; /* ids: of the file, ascending; and ours */
	unsigned n, taken;
};

static void
import_line(void *arg, const char *line, size_t len)
{
	struct ledger_import *im = arg;
	struct outage o;

	if (outage_parse(&o, line, len) == 0) {
		(void)kept_put(im->kept, &o);
		outage_fini(&o);
	} else {
		(void)availability_load(im->ledger->availability, line, len, 0);
	}
}

static uint64_t
import_id(const struct ledger_import *im, uint64_t was)
{
	for (unsigned lo = 0, hi = im->n; lo < hi;) {
		unsigned mid = lo + (hi - lo) / 2;

		if (im->was[mid] == was)
			return im->is[mid];
		if (im->was[mid] < was)
			lo = mid + 1;
		else
			hi = mid;
	}
	return 0;
}

/* What another node has recorded as well is there already. A time in which this one
 * did not run is one in which others may have. */
static void
import_one(struct ledger_import *im, struct outage *o)
{
	struct ledger *l = im->ledger;
	uint64_t twin = kept_twin(l->kept, o), was = o->id;

	if (o->kind == OUTAGE_DAEMON && !im->first)
		return;
	o->id = twin != 0 ? twin : book_next_id(l->book);
	o->part_of = import_id(im, o->part_of);
	im->was = mem_grow(im->was, im->n + 1, sizeof(*im->was));
	im->is = mem_grow(im->is, im->n + 1, sizeof(*im->is));
	im->was[im->n] = was;
	im->is[im->n++] = o->id;
	if (twin != 0)
		return;
	im->taken++;
	ledger_keep(l, o, true);
	(void)book_told(l->book, o, true, im->t);
}

/* What was left is of ids that all know: newer than what is there, unless another
 * node has ended it. */
static void
import_left(struct ledger_import *im, struct outage *o)
{
	struct ledger *l = im->ledger;
	const struct kept_line *line = kept_line_of(l->kept, o->id);

	if ((line != NULL &&
		strstr(line->text, "\"state\":\"over\"") != NULL) ||
	    book_writes(l->book, o->kind, o->name, o->id) ||
	    kept_twin(l->kept, o) != 0)
		return;
	im->taken++;
	book_last_id(l->book, o->id);
	ledger_keep(l, o, true);
	(void)book_told(l->book, o, true, im->t);
}

static void
import(struct ledger *l, const char *path,
    void (*one)(struct ledger_import *, struct outage *),
    const struct book_time *t)
{
	struct ledger_import im = { .ledger = l,
		.t = t,
		.kept = kept_create(),
		.first = kept_count(l->kept) == 0 };
	struct ledger_file_read st;
	const struct kept_line *line;
	struct outage o;
	int rc = ledger_file_load(path, import_line, &im, &st);

	for (unsigned i = 0; (line = kept_line_at(im.kept, i)) != NULL; i++)
		if (outage_parse(&o, line->text, line->len) == 0) {
			one(&im, &o);
			outage_fini(&o);
		}
	if (rc < 0 || st.bad > 0)
		log_warn("ledger", "file=%s lines=%u bad=%u error=%s",
		    log_q(path), st.lines, st.bad, log_q(mx_strerror(rc)));
	log_notice("ledger", "event=taken_over file=%s outages=%u", log_q(path),
	    im.taken);
	kept_destroy(&im.kept);
	mem_free(&im.was);
	mem_free(&im.is);
}

static void
import_all(struct ledger *l, const struct book_time *t)
{
	struct ledger_shared *s = l->shared;

	s->imported = true;
	s->spent_waiting = access(s->waiting, F_OK) == 0;
	s->spent_file = access(l->path, F_OK) == 0;
	if (s->spent_waiting)
		import(l, s->waiting, import_left, t);
	if (s->spent_file)
		import(l, l->path, import_one, t);
	if (s->spent_file || s->spent_waiting)
		availability_tell_all(l->availability);
}

/* It is kept under another name, for who takes the cluster apart. */
static void
import_end(struct ledger *l)
{
	struct ledger_shared *s = l->shared;
	char *to = mem_printf("%s.alone", l->path);

	if ((s->spent_file && rename(l->path, to) != 0) ||
	    (s->spent_waiting && unlink(s->waiting) != 0))
		log_error("ledger", "file=%s problem=%s", log_q(l->path),
		    log_q(strerror(errno)));
	s->spent_file = s->spent_waiting = false;
	mem_free(&to);
}

/* ---- life */

struct ledger_early {
	struct ledger *ledger;
	const struct book_time *t;
};

static void
on_early(void *arg, const char *key, const void *data, size_t len)
{
	const struct ledger_early *e = arg;

	told(e->ledger, key, data, len, true, e->t);
}

/* Without the store's answer the file says when we were there. */
void
ledger_shared_load(struct ledger *l, const struct book_time *t)
{
	struct ledger_early early = { l, t };
	struct ledger_shared *s = mem_alloc(sizeof(*s));
	struct stat sb;

	l->shared = s;
	s->store = ledger_store_create(l->ops.put, l->ops.arg);
	s->waiting = mem_printf("%s.waiting", l->path);
	s->start_ms = t->wall_ms;
	book_node(l->book, l->ops.node);
	availability_tell(l->availability, on_known, l);
	l->ops.each(l->ops.arg, LEDGER_PREFIX, on_early, &early);
	if (s->alive == 0 && stat(l->path, &sb) == 0)
		take_alive(s, sb.st_mtime);
	log_info("ledger", "outages=%u open=%u primaries=%u shared=1",
	    kept_count(l->kept), book_open(l->book),
	    availability_count(l->availability));
}

int64_t
ledger_gap(const struct ledger *l)
{
	return l->shared != NULL ? l->shared->gap_ms : 0;
}

static void
on_trimmed(void *arg, uint64_t id)
{
	ledger_shared_put(arg, id, NULL);
}

void
ledger_shared_settle(struct ledger *l, const struct book_time *t)
{
	if (!l->shared->imported && l->ops.ready(l->ops.arg))
		import_all(l, t);
	book_settle(l->book, l->shared->gap_ms, t);
}

/* While nothing can be written it is not known either who should. */
void
ledger_shared_tick(struct ledger *l, const struct book_time *t)
{
	struct ledger_shared *s = l->shared;

	if (!l->ops.ready(l->ops.arg))
		return;
	if (speaks(l)) {
		if (s->absent)
			ledger_note_absence(l, s->alive, s->gap_ms);
		s->absent = false;
		kept_trim(l->kept, t->wall_ms / 1000 - l->conf.keep_ms / 1000,
		    l->conf.max, on_trimmed, l);
		if (t->now >= s->alive_ns)
			say_alive(l, t);
	}
	ledger_store_tick(s->store);
	if ((s->spent_file || s->spent_waiting) &&
	    ledger_store_waiting(s->store) == 0)
		import_end(l);
}

bool
ledger_shared_failing(const struct ledger *l)
{
	return ledger_store_failing(l->shared->store);
}

void
ledger_leave(struct ledger *l, enum outage_kind kind, const char *name,
    const struct book_time *t)
{
	if (l->shared != NULL)
		book_leave(l->book, kind, name, t);
}

void
ledger_arrived(struct ledger *l, const char *domain)
{
	if (l->shared != NULL)
		book_arrived(l->book, domain);
}

void
ledger_forget(struct ledger *l)
{
	if (l->shared == NULL)
		return;
	book_forget(l->book);
	kept_clear(l->kept);
	ledger_store_forget(l->shared->store);
}

void
ledger_rest(struct ledger *l, const struct book_time *t)
{
	if (l->shared == NULL)
		return;
	book_settle(l->book, l->shared->gap_ms, t);
	book_flush(l->book, t);
	if (speaks(l))
		say_alive(l, t);
	ledger_store_flush(l->shared->store);
}

/* What the store did not take is there for the next start, behind what that of
 * before has left. */
static void
keep_left(struct ledger *l)
{
	struct ledger_shared *s = l->shared;
	struct ledger_file *f;
	struct kept_line **line;
	unsigned n;

	if ((line = ledger_store_left(s->store, &n)) == NULL)
		return;
	log_notice("ledger", "event=waiting file=%s lines=%u",
	    log_q(s->waiting), n);
	f = ledger_file_create(NULL, s->waiting);
	if (!s->imported && access(s->waiting, F_OK) == 0) {
		for (unsigned i = 0; i < n; i++) {
			ledger_file_add(f, line[i]->text, line[i]->len);
			kept_line_unref(&line[i]);
		}
		mem_free(&line);
	} else {
		ledger_file_all_now(f, line, n);
	}
	ledger_file_destroy(&f);
}

void
ledger_shared_end(struct ledger *l)
{
	keep_left(l);
	ledger_store_destroy(&l->shared->store);
	mem_free(&l->shared->waiting);
	mem_free(&l->shared);
}
