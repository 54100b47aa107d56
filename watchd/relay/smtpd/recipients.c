/* SPDX-License-Identifier: ISC
 * recipients: see recipients.h. The loop's side: references to files, their
 * tables, and whether a new version is accepted. The thread that reads
 * (recipients_watch.c) reports only when there is something to judge or it was
 * asked. A file without references stays until the thread has released it.
 * Created by smtpd.c and policy.c; several configurations share one object
 * across reloads, hence the reference count. */
#include "relay/smtpd/recipients.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/source_spec.h"
#include "relay/smtpd/recipients_int.h"
#include "relay/smtpd/recipients_keep.h"

struct recipients {
	LIST_ENTRY(recipients) link;
	struct recipients_set *set;
	unsigned refs; /* 0: waits for the thread to release it */
	unsigned shrink;
	unsigned asks; /* orders without an answer yet */
	char *source, *name; /* as configured; as displayed */
	char *path; /* of the file */
	struct source *fetched; /* NULL: a local file that others maintain */
	struct rcpt_table *table;
	int64_t written_ms; /* of the table in use; wall */
	bool refused; /* the version read last is not in use */
	/* The file differs from the list in use, or cannot be read: since, wall
	 * ms, and why; 0 and "" otherwise. */
	int64_t trouble_ms;
	char trouble[160];
	/* a domain without an entry in that table was reported */
	bool told_empty;
	int64_t opened_ms; /* wall */
	struct look *look;
};

struct recipients_set {
	struct loop *loop;
	void (*settled)(void *arg);
	void (*changed)(void *arg, struct recipients *); /* may be NULL */
	void *arg;
	LIST_HEAD(, recipients) files;
	size_t unread; /* number of files with asks */
	bool keeps; /* keeps copies of good versions */
	bool swept; /* copies of unknown files were deleted */
	char *folder; /* of the copies and fetched lists; NULL */
	struct source_set *sources; /* NULL: nothing can be fetched */
	struct recipients_watch *watch;
	struct mailbox *mailbox;
	struct loop_io *mailbox_io;
};

static bool
shrank(const struct recipients *r, size_t n)
{
	uint64_t had = r->table != NULL ? rcpt_table_len(r->table) : 0;

	return n < had && (had - n) * 100 > had * (uint64_t)r->shrink;
}

static void
order(struct recipients *r, enum order_kind kind, bool again)
{
	struct order *o = mem_alloc(sizeof(*o));

	o->mail.kind = (int)kind;
	o->look = r->look;
	o->again = again;
	if ((kind == ORDER_WATCH || kind == ORDER_LOOK) && r->asks++ == 0)
		r->set->unread++;
	recipients_watch_give(r->set->watch, o);
}

/* Uses the copy from before the restart until the file has been read and
 * compared with it. */
static void
take_kept(struct recipients *r, struct load *l)
{
	if (r->table != NULL)
		return;
	r->table = l->table;
	l->table = NULL;
	log_info("smtpd", "recipients=%s entries=%zu last_good=kept",
	    log_q(r->name), rcpt_table_len(r->table));
}

static void
order_free(struct recipients_set *set, struct rcpt_table **table)
{
	struct order *o;

	if (*table == NULL)
		return;
	o = mem_alloc(sizeof(*o));
	o->mail.kind = ORDER_FREE;
	o->table = *table;
	*table = NULL;
	recipients_watch_give(set->watch, o);
}

/* The list in use is not what the source has, from now on; "" ends that. */
static void
set_trouble(struct recipients *r, const char *why)
{
	if (why[0] == '\0')
		r->trouble_ms = 0;
	else if (r->trouble_ms == 0)
		r->trouble_ms = clock_wall_ms();
	(void)strlcpy(r->trouble, why, sizeof(r->trouble));
	if (r->set->changed != NULL)
		r->set->changed(r->set->arg, r);
}

/* Judges a new version; uses its table if it is good. */
static bool
judge(struct recipients *r, struct load *l)
{
	const char *kept = r->table != NULL ? "the last good one stays in "
					      "force" :
					      "its domain gets 451";

	char text[sizeof(r->trouble)];

	if (l->table == NULL) {
		snprintf(text, sizeof(text), "line %u: %.120s", l->note.line,
		    l->why.text);
		set_trouble(r, l->note.line > 0 ? text : l->why.text);
		log_error("smtpd",
		    "recipients=%s line=%u error=%s consequence=\"%s\"",
		    log_q(r->name), l->note.line, log_q(l->why.text), kept);
		return false;
	}
	if (shrank(r, rcpt_table_len(l->table))) {
		snprintf(text, sizeof(text),
		    "it lost more than %u%% at once, from %zu to %zu",
		    r->shrink, rcpt_table_len(r->table),
		    rcpt_table_len(l->table));
		set_trouble(r, text);
		log_error("smtpd",
		    "recipients=%s entries=%zu before=%zu error=\"lost more "
		    "than %u%% at once\" consequence=\"%s\" "
		    "hint=\"raise recipients_shrink and reload\"",
		    log_q(r->name), rcpt_table_len(l->table),
		    rcpt_table_len(r->table), r->shrink, kept);
		return false;
	}
	if (l->note.ignored > 0)
		log_warn("smtpd",
		    "recipients=%s ignored=%u reason=\"keys without @\"",
		    log_q(r->name), l->note.ignored);
	log_notice("smtpd", "recipients=%s entries=%zu", log_q(r->name),
	    rcpt_table_len(l->table));
	order_free(r->set, &r->table);
	r->table = l->table;
	l->table = NULL;
	r->told_empty = false;
	r->written_ms =
	    (int64_t)l->id.mtime.tv_sec * 1000 + l->id.mtime.tv_nsec / 1000000;
	set_trouble(r, "");
	return true;
}

static void
file_free(struct recipients *r)
{
	LIST_REMOVE(r, link);
	mem_free(&r->look);
	rcpt_table_destroy(&r->table);
	mem_free(&r->source);
	mem_free(&r->name);
	mem_free(&r->path);
	mem_free(&r);
}

static void
settle(struct recipients_set *set)
{
	struct order *o;

	if (set->keeps && !set->swept) {
		o = mem_alloc(sizeof(*o));
		o->mail.kind = ORDER_SWEEP;
		recipients_watch_give(set->watch, o);
	}
	set->swept = true;
	set->settled(set->arg);
}

/* There is no file before the first fetch: the source reports why. */
static void
missing(struct recipients *r, int error)
{
	if (r->fetched != NULL && error == ENOENT)
		return;
	set_trouble(r, strerror(error));
	log_error("smtpd", "recipients=%s error=%s", log_q(r->name),
	    log_q(strerror(error)));
}

static void
on_sight(struct mail *m, void *arg)
{
	struct recipients_set *set = arg;
	struct sight *s = (struct sight *)m;
	struct recipients *r = s->file;
	bool last;

	if (r->refs > 0 && s->missing != 0)
		missing(r, s->missing);
	if (r->refs > 0 && s->kept)
		take_kept(r, &s->load);
	if (r->refs > 0 && s->judge) {
		r->refused = !judge(r, &s->load);
		if (!r->refused && set->keeps)
			order(r, ORDER_KEEP, false);
	}
	order_free(set, &s->load.table);
	MX_ASSERT(s->answers <= r->asks);
	r->asks -= s->answers;
	last = s->answers > 0 && r->asks == 0 && --set->unread == 0;
	if (s->gone != NULL) {
		order_free(set, &r->table);
		file_free(r);
	}
	mem_free(&s);
	if (last)
		settle(set);
}

static void
drop_sight(struct mail *m)
{
	struct sight *s = (struct sight *)m;

	rcpt_table_destroy(&s->load.table);
	mem_free(&s);
}

struct recipients_set *
recipients_set_create(struct loop *loop, void (*settled)(void *arg), void *arg)
{
	struct recipients_set *set = mem_alloc(sizeof(*set));

	set->loop = loop;
	set->settled = settled;
	set->arg = arg;
	LIST_INIT(&set->files);
	set->mailbox = mailbox_create();
	set->mailbox_io = loop_mailbox(loop, set->mailbox, on_sight, set);
	set->watch = recipients_watch_start(set->mailbox);
	return set;
}

void
recipients_set_keep(struct recipients_set *set, const char *folder)
{
	recipients_watch_keep(set->watch, folder);
	mem_free(&set->folder);
	set->folder = mem_strdup(folder);
	set->keeps = true;
}

void
recipients_set_sources(struct recipients_set *set, struct source_set *sources)
{
	set->sources = sources;
}

void
recipients_set_on_change(struct recipients_set *set,
    void (*changed)(void *arg, struct recipients *))
{
	set->changed = changed;
}

void
recipients_set_destroy(struct recipients_set **setp)
{
	struct recipients_set *set = *setp;
	struct recipients *r;

	if (set == NULL)
		return;
	recipients_watch_stop(&set->watch);
	loop_io_destroy(&set->mailbox_io);
	mailbox_destroy(&set->mailbox, drop_sight);
	while ((r = LIST_FIRST(&set->files)) != NULL) {
		MX_ASSERT(r->refs == 0);
		file_free(r);
	}
	mem_free(&set->folder);
	mem_free(setp);
}

size_t
recipients_set_unread(const struct recipients_set *set)
{
	return set->unread;
}

static void
on_fetched(void *arg)
{
	struct recipients *r = arg;

	if (r->set->changed != NULL)
		r->set->changed(r->set->arg, r);
}

struct recipients *
recipients_open(struct recipients_set *set, const struct recipients_conf *conf)
{
	struct recipients *r = mem_alloc(sizeof(*r));

	r->set = set;
	r->refs = 1;
	r->source = mem_strdup(conf->source);
	r->name = spec_name(conf->source);
	r->shrink = conf->shrink;
	r->opened_ms = clock_wall_ms();
	if (spec_is_source(conf->source)) {
		MX_ASSERT(set->sources != NULL && set->folder != NULL);
		r->path = keep_fetched(set->folder, conf->source);
		r->fetched = source_begin(set->sources, conf->source, r->path,
		    conf->token_file, on_fetched, r);
	} else {
		r->path = mem_strdup(conf->source);
	}
	r->look = mem_alloc(sizeof(*r->look));
	r->look->file = r;
	r->look->path = r->path;
	r->look->source = r->source;
	r->look->name = r->name;
	r->look->fetched = r->fetched != NULL;
	LIST_INSERT_HEAD(&set->files, r, link);
	order(r, ORDER_WATCH, false);
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
	source_end(&r->fetched);
	order(r, ORDER_FORGET, false);
}

void
recipients_recheck(struct recipients *r, const struct recipients_conf *conf)
{
	r->shrink = conf->shrink;
	if (r->fetched != NULL)
		source_ask(r->fetched, conf->token_file);
	order(r, ORDER_LOOK, r->refused);
}

struct rcpt_table *
recipients_read(const char *path, unsigned *line, struct mx_errbuf *eb)
{
	struct load l = { 0 };

	load_run(&l, path);
	*line = l.note.line;
	if (l.table == NULL)
		(void)mx_fail(eb, MX_ESYNTAX, "%s",
		    l.changed ? "it is being written" : l.why.text);
	return l.table;
}

const char *
recipients_name(const struct recipients *r)
{
	return r->name;
}

void
recipients_state(const struct recipients *r, struct recipients_state *st)
{
	const struct source_state *f =
	    r->fetched != NULL ? source_state(r->fetched) : NULL;

	*st = (struct recipients_state){ r->name, .trouble = r->trouble };
	if (r->trouble[0] == '\0' && f != NULL)
		st->trouble = f->error;
	if (r->table != NULL)
		st->entries = rcpt_table_len(r->table);
	if (r->trouble_ms != 0)
		st->confirmed_ms = r->trouble_ms;
	else if (f != NULL && f->tried)
		st->confirmed_ms =
		    f->confirmed_ms != 0 ? f->confirmed_ms : r->opened_ms;
}

bool
recipients_known(const struct recipients *r)
{
	return r->table != NULL;
}

bool
recipients_names(const struct recipients *r, const char *mailbox)
{
	return r->table != NULL && rcpt_table_names(r->table, mailbox);
}

bool
recipients_lists(const struct recipients *r, const struct rcpt_rules *rules,
    const char *mailbox)
{
	return r->table != NULL && rcpt_table_lists(r->table, rules, mailbox);
}

int64_t
recipients_written_ms(const struct recipients *r)
{
	return r->written_ms;
}

enum rcpt_found
recipients_find(struct recipients *r, const struct rcpt_rules *rules,
    const char *mailbox, struct rcpt_match *m)
{
	enum rcpt_found found;

	m->key = m->text = "";
	if (r->table == NULL)
		return RCPT_FOUND_UNKNOWABLE;
	found = rcpt_table_find(r->table, rules, mailbox, m);
	if (found == RCPT_FOUND_NO_DOMAIN && !r->told_empty)
		log_warn("smtpd",
		    "recipients=%s domain=%s error=\"it has no entry of that "
		    "domain\" consequence=\"its recipients get 451\"",
		    log_q(r->name), log_q(strrchr(mailbox, '@') + 1));
	r->told_empty |= found == RCPT_FOUND_NO_DOMAIN;
	return found;
}
