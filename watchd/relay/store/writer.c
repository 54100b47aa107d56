/* SPDX-License-Identifier: ISC
 * writer: the queue of the writer thread. It takes all waiting requests and
 * makes them one group of the log; those that arrive meanwhile form the next
 * one, so groups grow with the load and a single message does not wait for
 * others. Chunks of large bodies are written as they arrive. When the disk
 * fails no mail is accepted until a restart: after a failed fsync the content
 * of the disk is unknown. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "relay/store/writer_int.h"

#define WRITER_TICK_MS 1000
#define BEHIND_RECORD  2048 /* log bytes that count as a record of backlog */

void
writer_error(struct store_writer *w, enum store_op op, int error)
{
	struct store_tell *t = mem_alloc(sizeof(*t));

	t->mail.kind = STORE_TELL_ERROR;
	t->op = op;
	t->error = error;
	mailbox_post(w->out, &t->mail);
}

void
writer_fail(struct store_writer *w, enum store_op op, const char *what)
{
	int error = errno;

	writer_error(w, op, error);
	if (w->failed)
		return;
	w->failed = true;
	snprintf(w->failed_why, sizeof(w->failed_why), "%s: %s", what,
	    strerror(error));
	log_error("store",
	    "event=failed what=%s error=%s "
	    "meaning=\"no mail is accepted until a restart\"",
	    log_q(what), log_q(strerror(error)));
}

static void
writer_state(const struct store_writer *w, struct store_info *info)
{
	*info = (struct store_info){
		.state = w->failed ? STORE_FAILED :
		    w->space.full  ? STORE_FULL :
				     STORE_OK,
		.size_bytes = w->space.size_bytes,
		.free_bytes = w->space.free_bytes,
		.free_inodes = w->space.free_inodes,
		.reserve_bytes = w->space.reserve,
		.segments = w->segments,
		.segment_bytes = w->segment_bytes,
		.unwritable = w->unwritable,
	};
}

void
writer_tell(struct store_writer *w, bool looked)
{
	struct store_tell *t;
	struct store_info info;
	const char *why = "";

	writer_state(w, &info);
	if (!looked && info.state == w->told.state &&
	    info.unwritable == w->told.unwritable)
		return;
	w->told = info;
	t = mem_alloc(sizeof(*t));
	t->mail.kind = STORE_TELL_INFO;
	t->info = info;
	if (info.state == STORE_FAILED)
		why = w->failed_why;
	else if (info.state == STORE_FULL && w->space.why != NULL)
		why = w->space.why;
	(void)strlcpy(t->why, why, sizeof(t->why));
	mailbox_post(w->out, &t->mail);
}

/* Called on the applier's thread as well. */
static void
writer_unlinked(void *arg, uint64_t number, uint64_t size, int error)
{
	struct store_writer *w = arg;
	struct store_get *forget = mem_alloc(sizeof(*forget));

	if (error != 0)
		writer_error(w, STORE_OP_UNLINK, error);
	forget->mail.kind = STORE_FORGET;
	forget->body.segment = number;
	mailbox_post(w->reader, &forget->mail);
	w->segments--;
	w->segment_bytes -= size;
}

void
writer_drop_large(struct store_writer *w, struct large *l, bool unlink_it)
{
	uint64_t number = l->seg.number, size = l->seg.size;

	int error = 0;

	segment_close(&l->seg);
	if (unlink_it && number != 0) {
		if (segment_unlink(&w->sp->seg, number) < 0)
			error = errno; /* a start will sweep it */
		writer_unlinked(w, number, size, error);
	}
	free(l);
}

static struct large *
writer_large(struct store_writer *w, uint64_t id)
{
	struct large *l = idmap_get(&w->larges, id);

	if (l != NULL)
		return l;
	l = mem_alloc(sizeof(*l));
	idmap_put(&w->larges, id, l);
	l->rc = segment_create(&w->sp->seg, false, &l->seg);
	if (l->rc == 0)
		w->segments++;
	return l;
}

static void
writer_chunk(struct store_writer *w, struct store_req *r)
{
	struct large *l = writer_large(w, r->id);
	struct iovec iov = { r->data, r->len };

	if (l->rc == 0 && w->failed)
		l->rc = -MX_EIO;
	if (l->rc == 0) {
		l->crc = store_crc(l->crc, r->data, r->len);
		l->rc = segment_append(&l->seg, &iov, 1);
		if (l->rc == 0) {
			w->segment_bytes += r->len;
			segment_begin_sync(&l->seg);
		} else if (l->rc == -MX_EFULL)
			space_ran_out(&w->space);
		else
			writer_fail(w, STORE_OP_WRITE, "write to a segment");
	}
	r->rc = l->rc;
	mem_free(&r->data);
	STAILQ_INSERT_TAIL(&w->answers, &r->mail, link);
}

static void
writer_discard(struct store_writer *w, struct store_req *r)
{
	struct large *l = idmap_take(&w->larges, r->id);

	if (l != NULL)
		writer_drop_large(w, l, true);
	store_req_free(r);
}

static void
writer_limits(struct store_writer *w, const struct store_conf *c)
{
	uint64_t behind = c->behind_max > 0 ? c->behind_max : UINT64_MAX / 4;

	w->group_max = c->group_max > 0 ? c->group_max : 1;
	w->group_max = STORE_MIN(w->group_max, GROUP_OPS);
	w->segment_size = c->segment_size;
	w->space.reserve = c->reserve;
	w->space.reserve_inodes = c->reserve_inodes;
	w->space.next = 0;
	tail_limit(w->sp->tail,
	    &(struct tail_limits){
		.bytes_max = behind,
		.records_max =
		    (unsigned)STORE_MIN(UINT32_MAX / 4, behind / BEHIND_RECORD),
		.delay_ms = c->behind_ms,
	    });
}

bool
writer_into_group(struct store_writer *w, struct store_req *r)
{
	struct group *g = &w->group;

	if (g->n == GROUP_OPS || g->bytes >= GROUP_BYTES ||
	    (r->mail.kind == STORE_COMMIT && g->commits == w->group_max))
		return false;
	if (g->n == g->size) {
		g->size = g->size > 0 ? 2 * g->size : 64;
		g->reqs =
		    mem_grow(g->reqs, g->size, sizeof(struct store_req *));
		g->entries =
		    mem_grow(g->entries, g->size, sizeof(struct tail_entry *));
	}
	g->entries[g->n] = NULL;
	g->reqs[g->n++] = r;
	g->commits += r->mail.kind == STORE_COMMIT;
	g->bytes += r->len;
	return true;
}

static void
writer_make_group(struct store_writer *w)
{
	struct mail *m;
	struct store_req *r;

	while ((m = STAILQ_FIRST(&w->queue)) != NULL) {
		r = (struct store_req *)m;
		if (m->kind != STORE_CHUNK_WRITE && m->kind != STORE_DISCARD &&
		    m->kind != STORE_LIMITS && m->kind != STORE_UNREADABLE &&
		    m->kind != STORE_QUIT) {
			if (!writer_into_group(w, r))
				break;
			STAILQ_REMOVE_HEAD(&w->queue, link);
			continue;
		}
		STAILQ_REMOVE_HEAD(&w->queue, link);
		if (m->kind == STORE_CHUNK_WRITE)
			writer_chunk(w, r);
		else if (m->kind == STORE_DISCARD)
			writer_discard(w, r);
		else {
			if (m->kind == STORE_LIMITS)
				writer_limits(w, &r->conf);
			else if (m->kind == STORE_QUIT)
				w->quit = true;
			else {
				errno = EIO;
				writer_fail(w, STORE_OP_READ,
				    "reading the whole database");
			}
			store_req_free(r);
		}
	}
	mailbox_post_list(w->out, &w->answers); /* answers to chunks */
}

/* While the database cannot follow the log, new mail is refused. */
static void
writer_follow(struct store_writer *w)
{
	int rc = tail_is_stuck(w->sp->tail);

	if (rc == -MX_EIO && !w->failed) {
		errno = EIO;
		writer_fail(w, STORE_OP_WRITE, "commit to the database");
	} else if (rc == -MX_EFULL) {
		if (!w->space.full)
			writer_error(w, STORE_OP_WRITE, ENOSPC);
		space_ran_out(&w->space);
	}
}

static void *
writer_main(void *arg)
{
	struct store_writer *w = arg;
	struct mail_list more;

	while (!w->quit || !STAILQ_EMPTY(&w->queue)) {
		if (STAILQ_EMPTY(&w->queue))
			(void)mailbox_wait(w->in, &more, WRITER_TICK_MS);
		else
			(void)mailbox_take(w->in, &more);
		STAILQ_CONCAT(&w->queue, &more);
		writer_make_group(w);
		if (w->group.n > 0)
			group_run(w);
		if (w->unwritable && clock_now() >= w->try_next)
			group_try(w);
		writer_follow(w);
		writer_tell(w, space_look(&w->space, clock_now()));
	}
	return NULL;
}

void
writer_post(struct store_writer *w, struct mail_list *list)
{
	mailbox_post_list(w->in, list);
}

static void
drop_one(uint64_t id, void *l, void *arg)
{
	(void)id;
	writer_drop_large(arg, l, true);
}

void
writer_stop(struct store_writer **wp)
{
	struct store_writer *w = *wp;

	if (w == NULL)
		return;
	store_writer_end(w->thread, &w->in);
	applier_stop(&w->applier);
	idmap_each(&w->larges, drop_one, w);
	idmap_fini(&w->larges);
	segment_trim(&w->cur);
	segment_close(&w->cur);
	buf_fini(&w->record);
	free(w->group.reqs);
	free(w->group.entries);
	mem_free(wp);
}

struct store_writer *
writer_start(struct spool *sp, const struct store_conf *conf,
    struct mailbox *out, struct mailbox *reader, struct store_info *info)
{
	struct store_writer *w = mem_alloc(sizeof(*w));

	w->sp = sp;
	w->out = out;
	w->reader = reader;
	w->in = mailbox_create();
	STAILQ_INIT(&w->queue);
	STAILQ_INIT(&w->answers);
	idmap_init(&w->larges);
	buf_init(&w->record, SIZE_MAX / 4); /* the codec has its own cap */
	w->segments = sp->segments;
	w->segment_bytes = sp->segment_bytes;
	space_init(&w->space, sp, conf);
	writer_limits(w, conf);
	writer_state(w, info);
	w->told = *info;
	w->seq = sp->applied.seq;
	w->applier = applier_start(sp, sp->tail,
	    &(struct applier_events){ writer_unlinked, w });
	if (w->applier == NULL ||
	    thread_start(&w->thread, writer_main, w) != 0) {
		applier_stop(&w->applier);
		mailbox_destroy(&w->in, NULL);
		mem_free(&w);
	}
	return w;
}
