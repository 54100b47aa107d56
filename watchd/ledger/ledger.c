/* SPDX-License-Identifier: ISC
 * ledger: connects the book, the list, the file and the availability. */
#include "ledger/ledger_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define GAP_MS	  INT64_C(60000) /* shorter absences are not recorded */
#define DAEMON	  "mxwatchd"
#define FILE_NAME "outages"

/* ---- from the book to the list and the file */

static void
keep(struct ledger *l, const struct outage *o, bool save)
{
	struct kept_line *line = kept_put(l->kept, o);

	if (save)
		ledger_file_add(l->file, line->text, line->len);
	if (l->joint != NULL)
		ledger_shared_keep(l, o, line, save);
	if (o->kind == OUTAGE_PRIMARY)
		(void)availability_seen(l->availability, o->name, clock_wall());
}

static void
on_write(void *arg, const struct outage *o, bool save)
{
	keep(arg, o, save);
}

static bool
on_exists(void *arg, enum outage_kind kind, const char *name)
{
	const struct ledger *l = arg;

	return l->ops.exists(l->ops.arg, kind, name);
}

static bool
is_primary(void *arg, const char *label)
{
	return on_exists(arg, OUTAGE_PRIMARY, label);
}

static struct book_conf
book_conf(const struct conf_ledger *c)
{
	return (struct book_conf){ .open = c->open, .merge_ms = c->merge_ms };
}

/* ---- the start */

struct ledger_loading {
	struct ledger *ledger;
	int64_t oldest; /* wall seconds */
	unsigned bad;
};

static void
on_line(void *arg, const char *line, size_t len)
{
	struct ledger_loading *load = arg;
	struct ledger *l = load->ledger;
	struct outage o;

	if (outage_parse(&o, line, len) == 0) {
		(void)kept_put(l->kept, &o);
		book_last_id(l->book, o.id);
		outage_fini(&o);
	} else if (!availability_load(l->availability, line, len,
		       load->oldest)) {
		load->bad++; /* of a later version, perhaps */
	}
}

/* We were away for long, and others saw its end: for us it ended when we went.
 * Otherwise our account would join together what they saw separately. */
static bool
has_ended(struct ledger *l, struct outage *o, int64_t gap_ms,
    const struct book_time *t)
{
	if (l->joint == NULL || gap_ms < GAP_MS || o->state != OUTAGE_DOWN ||
	    joint_elsewhere(l->joint, l->ops.node, o->kind, o->name) !=
		JOINT_ENDED)
		return false;
	outage_down_until(o, t->wall_ms - gap_ms);
	o->state = OUTAGE_OVER;
	o->recovered = (t->wall_ms - gap_ms) / 1000;
	if (o->recovered < o->failed)
		o->recovered = o->failed;
	return true;
}

/* Primaries are restored first, so that their domains find them. */
static void
restore(struct ledger *l, enum outage_kind kind, int64_t gap_ms,
    const struct book_time *t)
{
	const struct kept_line *line;
	struct outage o;

	for (unsigned i = 0; (line = kept_line_at(l->kept, i)) != NULL; i++) {
		if (strstr(line->text, "\"state\":\"over\"") != NULL ||
		    outage_parse(&o, line->text, line->len) != 0)
			continue;
		if (o.kind == kind && has_ended(l, &o, gap_ms, t))
			keep(l, &o, true);
		if (o.kind == kind && o.state != OUTAGE_OVER)
			book_restore(l->book, &o, gap_ms, t);
		else
			outage_fini(&o);
	}
}

/* While we did not run nothing was watched. */
static void
note_absence(struct ledger *l, int64_t alive, int64_t gap_ms,
    const struct book_time *t)
{
	struct outage o;

	if (gap_ms < GAP_MS)
		return;
	outage_init(&o, OUTAGE_DAEMON, DAEMON);
	o.id = book_next_id(l->book);
	o.state = OUTAGE_OVER;
	o.failed = o.detected = alive;
	o.recovered = o.drained = t->wall_ms / 1000;
	o.unwatched_ms = gap_ms;
	keep(l, &o, true);
	outage_fini(&o);
}

static void
set_aside(const char *path)
{
	char *bad = mem_printf("%s.bad", path);

	if (rename(path, bad) != 0)
		log_error("ledger", "file=%s problem=%s", log_q(path),
		    log_q(strerror(errno)));
	else
		log_error("ledger",
		    "file=%s problem=\"it was not written by mxwatchd\" "
		    "moved_to=%s",
		    log_q(path), log_q(bad));
	mem_free(&bad);
}

static void
load(struct ledger *l, const struct book_time *t)
{
	struct ledger_loading load = { .ledger = l,
		.oldest = t->wall_ms / 1000 - l->conf.keep_ms / 1000 };
	struct ledger_file_read st;
	int64_t gap_ms;
	int rc = ledger_file_load(l->path, on_line, &load, &st);

	if (rc < 0)
		set_aside(l->path);
	ledger_file_holds(l->file, st.lines);
	if (rc < 0 || st.alive == 0 || st.bad > 0)
		ledger_file_renew(l->file);
	if (st.bad + load.bad > 0)
		log_warn("ledger", "file=%s lines=%u bad=%u", log_q(l->path),
		    st.lines, st.bad + load.bad);
	if (l->joint != NULL)
		st.alive = ledger_shared_load(l, st.alive);
	gap_ms = st.alive != 0 ? t->wall_ms - st.alive * 1000 : 0;
	if (gap_ms < 0)
		gap_ms = 0;
	restore(l, OUTAGE_PRIMARY, gap_ms, t);
	restore(l, OUTAGE_DOMAIN, gap_ms, t);
	note_absence(l, st.alive, gap_ms, t);
	if (l->joint != NULL)
		ledger_shared_settle(l, t);
	log_info("ledger", "outages=%u open=%u primaries=%u file=%s",
	    kept_count(l->kept), book_open(l->book),
	    availability_count(l->availability), log_q(l->path));
}

struct ledger *
ledger_create(const struct conf_ledger *conf, const char *spool,
    struct helper *helper, const struct ledger_ops *ops,
    const struct book_time *t)
{
	struct ledger *l = mem_alloc(sizeof(*l));
	struct book_conf bc = book_conf(conf);
	struct book_ops bo = { on_write, on_exists, l };

	l->conf = *conf;
	l->ops = *ops;
	l->path = mem_printf("%s/" FILE_NAME, spool);
	l->kept = kept_create();
	l->book = book_create(&bc, &bo);
	ledger_shared_create(l);
	l->file = ledger_file_create(helper, l->path);
	load(l, t);
	return l;
}

void
ledger_configure(struct ledger *l, const struct conf_ledger *conf)
{
	struct book_conf bc = book_conf(conf);

	l->conf = *conf;
	book_configure(l->book, &bc);
}

/* ---- rewriting the file */

/* References only: some ms for the largest number. */
static struct kept_line **
all_lines(struct ledger *l, unsigned *np)
{
	unsigned n = kept_count(l->kept);
	unsigned all = n + availability_count(l->availability);
	struct kept_line **line;

	line = mem_array(all + 1, sizeof(struct kept_line *));
	for (unsigned i = 0; i < n; i++)
		line[i] = kept_line_ref(kept_line_at(l->kept, i));
	availability_lines(l->availability, line + n);
	*np = all;
	return line;
}

static void
file_tick(struct ledger *l, int64_t now)
{
	struct kept_line **line;
	unsigned n;

	if (ledger_file_wants_all(l->file)) {
		line = all_lines(l, &n);
		ledger_file_all(l->file, line, n);
	}
	ledger_file_tick(l->file,
	    kept_count(l->kept) + availability_count(l->availability), now);
}

void
ledger_destroy(struct ledger **lp, const struct book_time *t)
{
	struct ledger *l = *lp;
	struct kept_line **line;
	unsigned n;

	if (l == NULL)
		return;
	book_flush(l->book, t);
	if (ledger_file_lacks(l->file)) {
		line = all_lines(l, &n);
		ledger_file_all_now(l->file, line, n);
	}
	ledger_file_destroy(&l->file);
	ledger_shared_destroy(l);
	availability_destroy(&l->availability);
	book_destroy(&l->book);
	kept_destroy(&l->kept);
	mem_free(&l->path);
	mem_free(lp);
}

/* ---- events */

void
ledger_primary(struct ledger *l, const struct book_verdict *v,
    const struct book_time *t)
{
	const struct kept_line *line;

	book_primary(l->book, v, t);
	if (v->state == HEALTH_UNKNOWN || v->state == HEALTH_DISABLED ||
	    !availability_seen(l->availability, v->label, t->wall_ms / 1000))
		return;
	line = availability_line(l->availability, v->label);
	ledger_file_add(l->file, line->text, line->len);
}

void
ledger_domain(struct ledger *l, const struct snap_domain *was,
    const struct snap_domain *is, const struct book_time *t)
{
	book_domain(l->book, was, is, t);
}

bool
ledger_mark(struct ledger *l, enum outage_kind kind, const char *name,
    enum outage_mark_kind mark, const char *who, const char *what, int64_t wall)
{
	return book_mark(l->book, kind, name, mark, wall, who, what);
}

void
ledger_mark_all(struct ledger *l, enum outage_mark_kind mark, const char *who,
    const char *what, int64_t wall)
{
	book_mark_all(l->book, mark, wall, who, what);
}

void
ledger_maintenance(struct ledger *l, enum outage_kind kind, const char *name,
    bool begins, const char *reason, const struct book_time *t)
{
	book_maintenance(l->book, kind, name, begins, reason, t);
}

void
ledger_tick(struct ledger *l, const struct book_time *t)
{
	int64_t wall = t->wall_ms / 1000, keep_sec = l->conf.keep_ms / 1000;

	book_tick(l->book, t);
	kept_trim(l->kept, wall - keep_sec, l->conf.max,
	    l->joint != NULL ? ledger_shared_trimmed : NULL, l);
	availability_tick(l->availability, is_primary, l, wall, keep_sec);
	if (l->joint != NULL)
		ledger_shared_tick(l, t);
	file_tick(l, t->now);
}

/* ---- queries */

unsigned
ledger_open(const struct ledger *l)
{
	return l->joint != NULL ? kept_open(l->view) : book_open(l->book);
}

bool
ledger_failing(const struct ledger *l)
{
	return ledger_file_failing(l->file);
}

const struct availability *
ledger_availability(const struct ledger *l)
{
	return l->availability;
}

bool
ledger_page(struct ledger *l, const struct kept_query *q, const char *end,
    struct buf *out, uint64_t *before)
{
	return kept_page(l->view, q, end, out, before);
}
