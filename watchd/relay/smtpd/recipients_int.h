/* SPDX-License-Identifier: ISC
 * recipients_int: messages between the loop (recipients.c: references,
 * judgement, the table in use) and the thread that checks the files
 * (recipients_watch.c). Orders go there, sights come back, each through a
 * mailbox. A `struct look` belongs to the thread from ORDER_WATCH until it
 * comes back in the sight that answers ORDER_FORGET. */
#ifndef MX_SMTPD_RECIPIENTS_INT_H
#define MX_SMTPD_RECIPIENTS_INT_H

#include <sys/queue.h>
#include <sys/stat.h>

#include "base/mailbox.h"
#include "relay/smtpd/recipients.h"

/* A file has changed when any of these differs. */
struct file_id {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

/* The thread's state of one file. */
struct look {
	TAILQ_ENTRY(look) link;
	struct recipients *file; /* only passed back */
	const char *path; /* of the file */
	const char
	    *source; /* as configured: the path, or where it is fetched from */
	const char *name; /* of that, as displayed */
	bool fetched; /* fetched by us: never seen half written */
	struct file_id seen; /* the version read last */
	struct file_id found; /* at the last look, if it had changed */
	unsigned restless; /* looks in a row that found a change */
	int trouble; /* errno of the last look; 0 none */
	unsigned owed; /* orders to be answered */
	bool again; /* read it even if it did not change */
	bool keeping; /* waits to be copied, after all reading */
	TAILQ_ENTRY(look) keep_link;
	int64_t due;
	enum { LOOK_ASKED, LOOK_RESTING, LOOK_SETTLING } place;
};

/* One reading of a file. */
struct load {
	struct file_id id;
	bool changed; /* while it was read */
	int error; /* errno: a failure of the system, not of the file */
	struct rcpt_table *table; /* NULL: see why */
	struct rcpt_note note;
	struct mx_errbuf why;
};
/* Any thread. */
void load_run(struct load *, const char *path);

enum order_kind {
	ORDER_WATCH, /* starts watching; answered, too */
	ORDER_LOOK, /* look now; answered */
	ORDER_FORGET,
	ORDER_KEEP, /* the version read last is good: copy it when idle */
	ORDER_SWEEP, /* delete the copies of all files that are not watched */
	ORDER_FREE, /* an unused table: freeing a large one takes time */
	ORDER_STOP,
};
struct order {
	struct mail mail; /* .kind */
	struct look *look;
	bool again; /* LOOK: judge again the one that was refused */
	struct rcpt_table *table;
};

/* The result of a look, if the loop needs it. */
struct sight {
	struct mail mail;
	struct recipients *file;
	unsigned answers; /* number of orders answered */
	struct look *gone; /* FORGET was executed: the loop frees it */
	int missing; /* errno of stat() to report; 0: none */
	bool judge; /* `load` is to be judged */
	bool kept; /* `load` is the kept copy from before the restart */
	struct load load;
};

struct recipients_watch;
struct recipients_watch *recipients_watch_start(struct mailbox *out);
/* Before the first order: the folder for copies (NULL: none). */
void recipients_watch_keep(struct recipients_watch *, const char *folder);
void recipients_watch_give(struct recipients_watch *, struct order *);
/* Waits for the thread. Its looks are left to the caller. */
void recipients_watch_stop(struct recipients_watch **);

#endif
