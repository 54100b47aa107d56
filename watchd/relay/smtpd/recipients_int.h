/* SPDX-License-Identifier: ISC
 * recipients_int: what goes between the loop (recipients.c: references,
 * judgement, the table in use) and the thread that looks at the files
 * (recipients_watch.c). Orders go there, sights come back, each through a
 * mailbox. A `struct look` is the thread's from ORDER_WATCH until it has been
 * given back in the sight that answers ORDER_FORGET. */
#ifndef MX_SMTPD_RECIPIENTS_INT_H
#define MX_SMTPD_RECIPIENTS_INT_H

#include <sys/queue.h>
#include <sys/stat.h>

#include "base/mailbox.h"
#include "relay/smtpd/recipients.h"

/* A file is another one when any of these differs. */
struct file_id {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

/* The thread's idea of one file. */
struct look {
	TAILQ_ENTRY(look) link;
	struct recipients *file; /* only handed back */
	const char *path; /* the file's */
	const char
	    *source; /* as configured: the same, or where it comes from */
	const char *name; /* of that, as it is shown */
	bool fetched; /* by us: it is never seen half written */
	struct file_id seen; /* what was read last */
	struct file_id found; /* at the last look, if another one */
	unsigned restless; /* looks in a row that found another file */
	int trouble; /* errno of the last look; 0 none */
	unsigned owed; /* orders that want an answer */
	bool again; /* read it even if it is the one that was read last */
	bool keeping; /* in the line of those to be copied, once all is read */
	TAILQ_ENTRY(look) keep_link;
	int64_t due;
	enum { LOOK_ASKED, LOOK_RESTING, LOOK_SETTLING } place;
};

/* One reading of a file. */
struct load {
	struct file_id id;
	bool changed; /* while it was read */
	int error; /* errno: the system's trouble, not the file's */
	struct rcpt_table *table; /* NULL: see why */
	struct rcpt_note note;
	struct mx_errbuf why;
};
/* Any thread. */
void load_run(struct load *, const char *path);

enum order_kind {
	ORDER_WATCH, /* from now on; it is asked for, too */
	ORDER_LOOK, /* now; wants an answer */
	ORDER_FORGET,
	ORDER_KEEP, /* what was read last is good: copy it when there is time */
	ORDER_SWEEP, /* no other file than those that are looked at is known */
	ORDER_FREE, /* a table that is no longer used: large ones take time */
	ORDER_STOP,
};
struct order {
	struct mail mail; /* .kind */
	struct look *look;
	bool again; /* LOOK: the last one was refused, judge it again */
	struct rcpt_table *table;
};

/* The finding of a look, when the loop has to know. */
struct sight {
	struct mail mail;
	struct recipients *file;
	unsigned answers; /* so many orders */
	struct look *gone; /* FORGET is obeyed: the loop frees it */
	int missing; /* errno of stat(), to be told of; 0: none */
	bool judge; /* `load` is to be judged */
	bool kept; /* `load` is the copy of what was good before the restart */
	struct load load;
};

struct recipients_watch;
struct recipients_watch *recipients_watch_start(struct mailbox *out);
/* Before the first order: where copies are kept (NULL: nowhere). */
void recipients_watch_keep(struct recipients_watch *, const char *folder);
void recipients_watch_give(struct recipients_watch *, struct order *);
/* Waits for the thread. What it had is left to the caller. */
void recipients_watch_stop(struct recipients_watch **);

#endif
