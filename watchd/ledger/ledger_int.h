/* SPDX-License-Identifier: ISC
 * ledger_int: what ledger.c and, of a node of a cluster, ledger_shared.c and ledger_reading.c
 * share. */
#ifndef MX_LEDGER_LEDGER_INT_H
#define MX_LEDGER_LEDGER_INT_H

#include <sys/queue.h>

#include "base/writeback.h"
#include "ledger/joint.h"
#include "ledger/ledger.h"
#include "ledger/ledger_file.h"
#include "ledger/ledger_key.h"

/* What another node told, until it is looked at. */
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
	struct kept *kept; /* ours: what the file has */
	struct kept *view; /* what is shown: the same one where we are alone */
	struct book *book;
	struct availability *availability;
	struct ledger_file *file;
	char *path;
	/* In a cluster, else NULL: */
	struct joint *joint;
	struct writeback *out; /* for the others */
	struct kept_line *name; /* the line of `alive` */
	int64_t alive_told; /* wall seconds */
	struct ledger_news_list news;
	unsigned
	    hear; /* so much more of it is looked at before the next tick */
};

/* ledger_shared.c; for who is alone only the first may be called. */
void ledger_shared_create(struct ledger *);
/* ledger_reading.c: the file is read, and was alive then (0: there is none): what we told and do not
 * have is ours again, what others told is known. Returns when we were alive. */
int64_t ledger_shared_load(struct ledger *, int64_t alive);
/* Nobody has been asked yet. */
void ledger_shared_settle(struct ledger *, const struct book_time *);
/* One of our records is another than before. `save`: for the others, too. */
void ledger_shared_keep(struct ledger *, const struct outage *,
    struct kept_line *, bool save);
/* Puts one of ours (NULL: it is to be gone); what we know of a primary. */
void ledger_shared_tell(struct ledger *, uint64_t id, int64_t said,
    struct kept_line *);
void ledger_shared_tell_known(struct ledger *, const char *label);
/* What that key says of another node. */
void ledger_shared_heard(struct ledger *, const char *key,
    const struct ledger_key *, const void *, size_t len);
void ledger_shared_trimmed(void *ledger, uint64_t id);
void ledger_shared_tick(struct ledger *, const struct book_time *);
void ledger_shared_destroy(struct ledger *);

#endif
