/* SPDX-License-Identifier: ISC
 * reader: reads envelopes and bodies, so that a slow disk delays only the
 * requests that need it. A read transaction lasts for one request (for a batch
 * of a scan: a thousand records), never while waiting for others, so that the
 * writer can reuse freed pages. The tail is asked first for records that the
 * database does not have; one that left the tail before is in the transaction
 * begun afterwards. A record that is removed while it is being read is detected
 * by a second look-up. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "relay/store/reader.h"
#include "relay/store/store_int.h"

/* Twice the default number of connections to a primary, each with a large body
 * of its own. */
#define READER_FILES 48
#define READER_BATCH 16 /* answers per wake-up */

struct reader_file {
	uint64_t number; /* 0: unused */
	int fd;
	uint64_t used;
};

struct store_reader {
	pthread_t thread;
	struct spool *sp;
	struct mailbox *in, *out;
	struct reader_file files[READER_FILES];
	uint64_t clock;
	struct buf copy; /* of a record in the tail */
	bool quit;
};

static void
file_close(struct reader_file *f)
{
	if (f->number != 0)
		close(f->fd);
	f->number = f->used = 0;
}

/* The cache keeps the descriptor. -1 and errno. */
static int
file_get(struct store_reader *rd, uint64_t number)
{
	struct reader_file *f, *oldest = &rd->files[0];
	int fd;

	for (f = rd->files; f < rd->files + READER_FILES; f++) {
		if (f->number == number) {
			f->used = ++rd->clock;
			return f->fd;
		}
		if (f->number == 0 || f->used < oldest->used)
			oldest = f;
	}
	fd = segment_open_read(&rd->sp->seg, number);
	if (fd < 0 && errno == EMFILE) { /* close a cached one */
		file_close(oldest);
		fd = segment_open_read(&rd->sp->seg, number);
	}
	if (fd < 0)
		return -1;
	file_close(oldest);
	*oldest = (struct reader_file){ number, fd, ++rd->clock };
	return fd;
}

static int
body_read(struct store_reader *rd, const struct body_ref *b, uint64_t offset,
    char *data, size_t len)
{
	size_t done = 0;
	ssize_t n;
	int fd;

	if (len == 0)
		return 0;
	if (FAULT("store.read") != 0)
		return -MX_EIO;
	if ((fd = file_get(rd, b->segment)) < 0)
		return errno == ENOENT ? -MX_ECORRUPT : -MX_EIO;
	while (done < len) {
		n = pread(fd, data + done, len - done,
		    (off_t)(b->offset + offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -MX_EIO;
		if (n == 0)
			return -MX_ECORRUPT;
		done += (size_t)n;
	}
	return 0;
}

static int
record_read(struct store_reader *rd, uint64_t id, struct envelope **env)
{
	struct db_txn *t = NULL;
	const void *data;
	size_t len;
	int rc;

	*env = NULL;
	buf_clear(&rd->copy);
	switch (tail_get(rd->sp->tail, id, &rd->copy)) {
	case TAIL_HERE:
		return store_record_decode(id, rd->copy.data, rd->copy.len,
		    env);
	case TAIL_REMOVED:
		return -MX_ENOENT;
	default:
		break;
	}
	if ((rc = db_begin(rd->sp->db, false, &t)) < 0)
		return rc;
	if ((rc = db_record_get(t, id, &data, &len)) == 0)
		rc = store_record_decode(id, data, len, env);
	db_abort(&t);
	return rc;
}

static void
do_load(struct store_reader *rd, struct store_get *g)
{
	struct envelope *again = NULL;
	int rc;

	g->envs = mem_array(1, sizeof(struct envelope *));
	g->n = 1;
	if ((g->rc = record_read(rd, g->id, &g->envs[0])) < 0)
		return;
	g->body = g->envs[0]->body;
	store_get_room(g);
	if ((rc = body_read(rd, &g->body, 0, g->data, g->len)) == 0)
		rc = store_get_check(g);
	if (rc == -MX_ECORRUPT &&
	    record_read(rd, g->id, &again) == -MX_ENOENT) {
		rc = -MX_ENOENT; /* removed meanwhile */
		envelope_destroy(&g->envs[0]);
	}
	envelope_destroy(&again);
	store_get_answer(g, rc);
}

static void
do_read(struct store_reader *rd, struct store_get *g)
{
	store_get_room(g);
	store_get_answer(g,
	    body_read(rd, &g->body, g->offset, g->data, g->len));
}

static void
do_fetch(struct store_reader *rd, struct store_get *g)
{
	unsigned i;

	g->envs = mem_array(g->n, sizeof(struct envelope *));
	for (i = 0; i < g->n; i++)
		(void)record_read(rd, g->ids[i], &g->envs[i]);
}

/* Adds what the scan found in the database, or the newer version in the
 * tail. */
static void
scan_one(struct store_reader *rd, struct store_get *g, uint64_t id,
    const void *data, size_t len)
{
	buf_clear(&rd->copy);
	switch (tail_get(rd->sp->tail, id, &rd->copy)) {
	case TAIL_HERE:
		data = rd->copy.data;
		len = rd->copy.len;
		break;
	case TAIL_REMOVED:
		return;
	default:
		break;
	}
	store_get_brief(g, id, data, len);
}

/* A batch with a transaction of its own; continues after the last id seen. All
 * requested records were in the database at the opening. */
static void
do_scan(struct store_reader *rd, struct store_get *g)
{
	struct db_txn *t = NULL;
	const void *data;
	uint64_t id = g->id;
	size_t len;
	unsigned seen;

	g->briefs = mem_grow(NULL, STORE_FETCH_MAX, sizeof(*g->briefs));
	g->rc = FAULT("store.scan") != 0 ? -MX_EIO : 0;
	if (g->rc == 0)
		g->rc = db_begin(rd->sp->db, false, &t);
	for (seen = 0; seen < STORE_FETCH_MAX && g->rc == 0; seen++) {
		g->rc = db_record_next(t, &id, &data, &len);
		if (g->rc < 0 || id > g->last)
			break;
		scan_one(rd, g, id, data, len);
		g->id = ++id;
	}
	db_abort(&t);
	g->end = g->rc < 0 || id > g->last;
	if (g->rc == -MX_ENOENT)
		g->rc = 0;
}

/* True when the request is to be sent back as an answer. */
static bool
reader_do(struct store_reader *rd, struct store_get *g)
{
	struct reader_file *f;

	switch (g->mail.kind) {
	case STORE_LOAD:
		do_load(rd, g);
		return true;
	case STORE_READ:
		do_read(rd, g);
		return true;
	case STORE_FETCH:
		do_fetch(rd, g);
		return true;
	case STORE_SCAN:
		do_scan(rd, g);
		return true;
	case STORE_FORGET: /* an open file would keep its space */
		for (f = rd->files; f < rd->files + READER_FILES; f++)
			if (f->number == g->body.segment)
				file_close(f);
		break;
	default:
		rd->quit = true;
		break;
	}
	store_get_free(g);
	return false;
}

static void *
reader_main(void *arg)
{
	struct store_reader *rd = arg;
	struct mail_list list, answers = STAILQ_HEAD_INITIALIZER(answers);
	struct mail *m;
	unsigned n = 0;

	while (!rd->quit) {
		(void)mailbox_wait(rd->in, &list, -1);
		while ((m = STAILQ_FIRST(&list)) != NULL) {
			STAILQ_REMOVE_HEAD(&list, link);
			if (!reader_do(rd, (struct store_get *)m))
				continue;
			STAILQ_INSERT_TAIL(&answers, m, link);
			if (++n % READER_BATCH == 0)
				mailbox_post_list(rd->out, &answers);
		}
		mailbox_post_list(rd->out, &answers);
	}
	return NULL;
}

struct mailbox *
reader_mailbox(struct store_reader *rd)
{
	return rd->in;
}

void
reader_stop(struct store_reader **rp)
{
	struct store_reader *rd = *rp;
	unsigned i;

	if (rd == NULL)
		return;
	store_reader_end(rd->thread, &rd->in);
	for (i = 0; i < READER_FILES; i++)
		file_close(&rd->files[i]);
	buf_fini(&rd->copy);
	mem_free(rp);
}

struct store_reader *
reader_start(struct spool *sp, struct mailbox *out)
{
	struct store_reader *rd = mem_alloc(sizeof(*rd));

	rd->sp = sp;
	rd->out = out;
	rd->in = mailbox_create();
	buf_init(&rd->copy, SIZE_MAX / 4); /* the codec has its own cap */
	if (thread_start(&rd->thread, reader_main, rd) != 0) {
		mailbox_destroy(&rd->in, NULL);
		mem_free(&rd);
	}
	return rd;
}
