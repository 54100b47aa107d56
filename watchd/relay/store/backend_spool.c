/* SPDX-License-Identifier: ISC
 * backend_spool: the spool as a backend: its folder, and the writer and the
 * reader over it. */
#include <stdlib.h>

#include "base/mem.h"
#include "relay/store/backend.h"
#include "relay/store/reader.h"
#include "relay/store/writer.h"

struct backend_spool {
	struct backend b;
	struct spool spool;
	struct store_writer *writer;
	struct store_reader *reader;
};

static struct backend_spool *
spool_of(struct backend *b)
{
	return (struct backend_spool *)b;
}

static void
spool_change(struct backend *b, struct mail_list *list)
{
	writer_post(spool_of(b)->writer, list);
}

static void
spool_read(struct backend *b, struct mail_list *list)
{
	mailbox_post_list(reader_mailbox(spool_of(b)->reader), list);
}

static bool
spool_states(struct backend *b, const char *prefix, const char *after,
    unsigned max,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg)
{
	return reader_states(&spool_of(b)->spool, prefix, after, max, one, arg);
}

static void
spool_behind(struct backend *b, struct store_info *info)
{
	tail_behind(spool_of(b)->spool.tail, &info->behind_records,
	    &info->behind_bytes);
}

static bool
spool_holds(const struct backend *b)
{
	(void)b; /* the folder is locked */
	return true;
}

static void
spool_hurry(struct backend *b)
{
	(void)b;
}

static void
spool_stop(struct backend *b)
{
	writer_stop(&spool_of(b)->writer); /* it posts to the reader */
	reader_stop(&spool_of(b)->reader);
}

static void
spool_end(struct backend *b)
{
	spool_close(&spool_of(b)->spool);
	free(b);
}

static const struct backend_ops spool_ops = {
	.change = spool_change,
	.read = spool_read,
	.states = spool_states,
	.behind = spool_behind,
	.holds = spool_holds,
	.hurry = spool_hurry,
	.stop = spool_stop,
	.close = spool_end,
};

int
backend_spool_open(struct backend **out, const struct store_conf *conf,
    struct mailbox *out_box, struct mx_errbuf *eb)
{
	struct backend_spool *s = mem_alloc(sizeof(*s));
	int rc;

	*out = NULL;
	s->b.ops = &spool_ops;
	rc = spool_open(&s->spool, conf->dir, conf->map_size, eb);
	if (rc == 0) {
		s->b.last_id = s->spool.last_id;
		s->reader = reader_start(&s->spool, out_box);
		if (s->reader != NULL)
			s->writer = writer_start(&s->spool, conf, out_box,
			    reader_mailbox(s->reader), &s->b.info);
		if (s->writer == NULL)
			rc = mx_fail(eb, MX_ESYS, "no thread for the spool");
	}
	if (rc < 0) {
		spool_stop(&s->b);
		spool_end(&s->b);
		return rc;
	}
	*out = &s->b;
	return 0;
}
