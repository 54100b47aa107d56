/* SPDX-License-Identifier: ISC
 * ledger_int: shared by ledger.c and, for a node of a cluster, ledger_shared.c
 * and ledger_reading.c. */
#ifndef MX_LEDGER_LEDGER_INT_H
#define MX_LEDGER_LEDGER_INT_H

#include <sys/queue.h>

#include "base/writeback.h"
#include "ledger/joint.h"
#include "ledger/ledger.h"
#include "ledger/ledger_file.h"
#include "ledger/ledger_key.h"

/* A report of another node, queued. */
struct ledger_news {
	STAILQ_ENTRY(ledger_news) link;
	char *key;
	void *data;
	size_t len;
};
STAILQ_HEAD(ledger_news_list, ledger_news);

struct ledger {
	struct conf_ledger conf;
	struct ledger_ops ops;
	struct kept *kept; /* ours, as in the file */
	struct kept *view; /* what is shown: the same without a cluster */
	struct book *book;
	struct availability *availability;
	struct ledger_file *file;
	char *path;
	/* With a cluster, else NULL: */
	struct joint *joint;
	struct writeback *out; /* reports to the others */
	struct kept_line *name; /* line of `alive` */
	int64_t alive_told; /* wall seconds */
	struct ledger_news_list news;
	unsigned
	    hear; /* reports that may still be processed before the next tick */
};

/* ledger_shared.c; without a cluster only the first may be called. */
void ledger_shared_create(struct ledger *);
/* ledger_reading.c: the file was read; it was last written at `alive` (0: no
 * file). Takes back our own reports that the file lacks, and reads those of
 * others. Returns when we were last alive. */
int64_t ledger_shared_load(struct ledger *, int64_t alive);
/* For the start, before any event. */
void ledger_shared_settle(struct ledger *, const struct book_time *);
/* One of our records has changed. `save`: report it, too. */
void ledger_shared_keep(struct ledger *, const struct outage *,
    struct kept_line *, bool save);
/* Reports one of ours (NULL: removed); or what we know of a primary. */
void ledger_shared_tell(struct ledger *, uint64_t id, int64_t said,
    struct kept_line *);
void ledger_shared_tell_known(struct ledger *, const char *label);
/* Processes a key of another node. */
void ledger_shared_heard(struct ledger *, const char *key,
    const struct ledger_key *, const void *, size_t len);
void ledger_shared_trimmed(void *ledger, uint64_t id);
void ledger_shared_tick(struct ledger *, const struct book_time *);
void ledger_shared_destroy(struct ledger *);

#endif
