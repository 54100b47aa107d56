/* SPDX-License-Identifier: ISC
 * store: the loop's side of the store. Requests are sent as messages to the
 * writer and the reader thread; their answers come back through one mailbox and
 * are passed to the callers. Nothing here touches the disk except store_open(),
 * store_close() and the readers of small state. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crc.h"
#include "base/mem.h"
#include "relay/store/store_int.h"

#define EPOCH_2020_MS INT64_C(1577836800000)
#define NUMBER_BITS   12 /* messages per millisecond before we run ahead */

uint32_t
store_crc(uint32_t crc, const void *data, size_t len)
{
	return crc_32(crc, data, len);
}

uint64_t
store_id_now(void)
{
	int64_t ms = clock_wall_ms() - EPOCH_2020_MS;

	return ms > 0 ? (uint64_t)ms << NUMBER_BITS << 8 : 0;
}

uint64_t
store_next_id(struct store *s)
{
	uint64_t number = store_id_now() >> 8;

	if (s->sharing != NULL)
		return sharing_next_id(s, number);
	/* increases even when the clock does not */
	if (number <= s->last_id >> 8)
		number = (s->last_id >> 8) + 1;
	s->last_id = number << 8;
	return s->last_id;
}

void
store_req_free(struct store_req *r)
{
	unsigned i;

	for (i = 0; i < r->nparts && r->parts != NULL; i++)
		envelope_destroy(&r->parts[i]);
	free(r->parts);
	free(r->data);
	free(r->key);
	free(r->theirs);
	store_names_free(&r->names, r->nnames);
	free(r);
}

void
store_get_free(struct store_get *g)
{
	unsigned i;

	for (i = 0; i < g->n && g->envs != NULL; i++)
		envelope_destroy(&g->envs[i]);
	free(g->envs);
	for (i = 0; i < g->n && g->briefs != NULL; i++)
		envelope_destroy(&g->briefs[i].env);
	free(g->briefs);
	free(g->ids);
	free(g->bad);
	free(g->data);
	if (g->whole != NULL)
		store_get_free(g->whole);
	store_names_free(&g->names, g->nnames);
	free(g->after);
	free(g);
}

static void
drop_req(struct mail *m)
{
	store_req_free((struct store_req *)m);
}

static void
drop_get(struct mail *m)
{
	store_get_free((struct store_get *)m);
}

static void
thread_end(pthread_t thread, struct mailbox **in, struct mail *quit,
    void (*drop)(struct mail *))
{
	quit->kind = STORE_QUIT;
	mailbox_post(*in, quit);
	(void)pthread_join(thread, NULL);
	mailbox_destroy(in, drop);
}

void
store_writer_end(pthread_t thread, struct mailbox **in)
{
	struct store_req *quit = mem_alloc(sizeof(*quit));

	thread_end(thread, in, &quit->mail, drop_req);
}

void
store_reader_end(pthread_t thread, struct mailbox **in)
{
	struct store_get *quit = mem_alloc(sizeof(*quit));

	thread_end(thread, in, &quit->mail, drop_get);
}

static void
store_post_all(void *arg)
{
	struct store *s = arg;

	s->backend->ops->change(s->backend, &s->to_writer);
	s->backend->ops->read(s->backend, &s->to_reader);
}

/* Size of the body that the writer answers for. */
static uint64_t
body_len(const struct store_req *r)
{
	return r->mail.kind == STORE_CHUNK_WRITE ||
		r->mail.kind == STORE_COMMIT ?
	    r->len :
	    0;
}

void
store_post(struct store *s, struct store_req *r)
{
	s->waiting += body_len(r);
	STAILQ_INSERT_TAIL(&s->to_writer, &r->mail, link);
	loop_task_schedule(s->post);
}

void
store_submit(struct store *s, struct store_req *r)
{
	s->out++;
	store_post(s, r);
}

/* ---- requests */

struct store_req *
store_req_create(int kind, uint64_t id, store_done_cb *cb, void *arg,
    uint64_t token)
{
	struct store_req *r = mem_alloc(sizeof(*r));

	r->mail.kind = kind;
	r->id = id;
	r->cb.done = cb;
	r->arg = arg;
	r->token = token;
	return r;
}

struct store_req *
store_req_take_back(uint64_t id)
{
	struct store_req *r = mem_alloc(sizeof(*r));

	r->mail.kind = STORE_REMOVE;
	r->id = id;
	r->quiet = true;
	return r;
}

/* ---- answers */

static void
answer_commit(struct store_req *r)
{
	struct envelope **parts = r->parts;
	unsigned n = r->nparts;

	r->parts = NULL; /* owned by the callee; the array stays ours */
	r->cb.commit(r->arg, r->token, r->rc, parts, n);
	free(parts);
}

static void
answer_req(struct store *s, struct store_req *r)
{
	s->waiting -= body_len(r);
	if (r->mail.kind == STORE_CHUNK_WRITE)
		store_tx_wrote(s, r);
	else {
		s->out--;
		if (r->mail.kind == STORE_COMMIT)
			answer_commit(r);
		else if (r->mail.kind == STORE_GIVE ||
		    r->mail.kind == STORE_TAKE)
			sharing_owned(s, r);
		else if (r->cb.done != NULL)
			r->cb.done(r->arg, r->token, r->rc);
		if (r->mail.kind == STORE_STATE)
			sharing_state_done(s, r);
	}
	store_req_free(r);
	store_tx_crowd(s);
}

static void
answer_tell(struct store *s, struct store_tell *t)
{
	struct store_info old = s->info;
	const struct store_events *ev = &s->events;

	switch (t->mail.kind) {
	case STORE_TELL_INFO:
		s->info = t->info;
		if (s->info.state != old.state && ev->state != NULL)
			ev->state(ev->arg, s->info.state, t->why);
		if (s->info.unwritable != old.unwritable &&
		    ev->writable != NULL)
			ev->writable(ev->arg, !s->info.unwritable);
		break;
	case STORE_TELL_ERROR:
		if (ev->error != NULL)
			ev->error(ev->arg, t->op, t->error);
		break;
	default:
		if (ev->commit != NULL)
			ev->commit(ev->arg, t->seconds, t->messages);
		break;
	}
	free(t);
}

static void
scan_damaged(struct store_scan_run *run, const struct store_get *g)
{
	unsigned room = STORE_DAMAGED_MAX - run->nbad;
	unsigned n = g->damaged < room ? g->damaged : room;

	run->damaged += g->damaged;
	if (n == 0)
		return;
	run->bad = mem_grow(run->bad, run->nbad + n, sizeof(*run->bad));
	memcpy(run->bad + run->nbad, g->bad, n * sizeof(*run->bad));
	run->nbad += n;
}

/* The next batch is read while this one is indexed; only one is on its way, so
 * the reader cannot fill the memory. */
static void
scan_continue(struct store *s, uint64_t from, uint64_t last)
{
	struct mail_list one = STAILQ_HEAD_INITIALIZER(one);
	struct store_get *g = mem_alloc(sizeof(*g));

	g->mail.kind = STORE_SCAN;
	g->id = from;
	g->last = last;
	STAILQ_INSERT_TAIL(&one, &g->mail, link);
	s->backend->ops->read(s->backend, &one);
}

static void
scan_end(struct store *s, int rc)
{
	/* writes there may be lost; a store that is being closed has no writer
	 * for this, and the next opening scans again */
	if (s->scanning && rc == -MX_EIO)
		store_post(s,
		    store_req_create(STORE_UNREADABLE, 0, NULL, NULL, 0));
	if (!s->scanning)
		return;
	s->scanning = false;
	s->scan.done(s->scan.arg, rc, s->scan.damaged);
}

static void
answer_scan(struct store *s, struct store_get *g)
{
	scan_damaged(&s->scan, g);
	if (s->scanning && !g->end)
		scan_continue(s, g->id, g->last);
	for (unsigned i = 0; i < g->n && s->scanning; i++)
		s->scan.one(s->scan.arg, &g->briefs[i]);
	if (g->end)
		scan_end(s, g->rc);
	store_get_free(g);
}

static void
answer_get(struct store *s, struct store_get *g)
{
	struct store_want *want = idmap_take(&s->wants, g->req);
	struct store_loaded loaded;

	if (want == NULL) { /* cancelled */
		store_get_free(g);
		return;
	}
	if (g->rc == -MX_EIO && !g->away && s->events.error != NULL)
		s->events.error(s->events.arg, STORE_OP_READ, EIO);
	switch (g->mail.kind) {
	case STORE_LOAD:
		loaded = (struct store_loaded){ g->rc, g->envs[0], g->data,
			g->data != NULL ? g->len : 0 };
		g->envs[0] = NULL;
		g->data = NULL;
		want->cb.load(want->arg, &loaded);
		break;
	case STORE_READ:
		want->cb.read(want->arg, g->rc, g->data, g->len);
		g->data = NULL;
		break;
	default:
		want->cb.fetch(want->arg, g->envs, g->n);
		mem_free(&g->envs);
		break;
	}
	free(want);
	store_get_free(g);
}

static void
store_inbox(struct mail *m, void *arg)
{
	struct store *s = arg;

	if (s->backend->ops->answered != NULL &&
	    s->backend->ops->answered(s->backend, s, m))
		return;
	switch (m->kind) {
	case STORE_TELL_INFO:
	case STORE_TELL_ERROR:
	case STORE_TELL_COMMIT:
		answer_tell(s, (struct store_tell *)m);
		break;
	case STORE_TELL_NEWS:
		sharing_news(s, (struct store_news *)m);
		break;
	case STORE_SCAN:
		answer_scan(s, (struct store_get *)m);
		break;
	case STORE_SCAN_DOMAINS:
		sharing_scanned(s, (struct store_get *)m);
		break;
	case STORE_LOAD:
	case STORE_READ:
	case STORE_FETCH:
		answer_get(s, (struct store_get *)m);
		break;
	default:
		answer_req(s, (struct store_req *)m);
		break;
	}
}

/* ---- requests to the writer */

void
store_update(struct store *s, const struct envelope *e, store_done_cb *cb,
    void *arg, uint64_t token)
{
	struct store_req *r =
	    store_req_create(STORE_UPDATE, e->id, cb, arg, token);
	struct buf record;

	buf_init(&record, SIZE_MAX / 4); /* the codec has its own cap */
	r->rc = envelope_encode(e, &record);
	r->len = record.len;
	r->data = buf_take(&record);
	store_submit(s, r);
}

void
store_remove(struct store *s, uint64_t id, store_done_cb *cb, void *arg,
    uint64_t token)
{
	store_submit(s, store_req_create(STORE_REMOVE, id, cb, arg, token));
}

void
store_state_put(struct store *s, const char *key, const void *data, size_t len,
    store_done_cb *cb, void *arg, uint64_t token)
{
	struct store_req *r = store_req_create(STORE_STATE, 0, cb, arg, token);

	if (*key == '\0' || strlen(key) > STORE_KEY_MAX)
		r->rc = -MX_ETOOBIG;
	sharing_state(s, key);
	r->key = mem_strdup(key);
	r->data = len > 0 ? mem_dup(data, len) : NULL;
	r->len = len;
	store_submit(s, r);
}

bool
store_state_some(struct store *s, const char *prefix, const char *after,
    unsigned max,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg)
{
	return s->backend->ops->states(s->backend, prefix, after, max, one,
	    arg);
}

void
store_state_each(struct store *s, const char *prefix,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg)
{
	(void)store_state_some(s, prefix, "", UINT_MAX, one, arg);
}

static void
set_limits(struct store *s, const struct store_conf *conf)
{
	s->waiting_max = conf->waiting_max > 0 ? conf->waiting_max : UINT64_MAX;
}

void
store_reconfigure(struct store *s, const struct store_conf *conf)
{
	struct store_req *r = store_req_create(STORE_LIMITS, 0, NULL, NULL, 0);

	r->conf = *conf;
	r->conf.dir = NULL;
	store_post(s, r);
	set_limits(s, conf);
	store_tx_crowd(s);
}

/* ---- requests to the reader */

static struct store_get *
get_create(struct store *s, int kind, struct store_want **want, void *arg)
{
	struct store_get *g = mem_alloc(sizeof(*g));

	g->mail.kind = kind;
	g->req = ++s->last_req;
	*want = mem_alloc(sizeof(**want));
	(*want)->arg = arg;
	idmap_put(&s->wants, g->req, *want);
	return g;
}

static uint64_t
get_submit(struct store *s, struct store_get *g)
{
	uint64_t req = g->req;

	STAILQ_INSERT_TAIL(&s->to_reader, &g->mail, link);
	loop_task_schedule(s->post);
	return req;
}

uint64_t
store_load(struct store *s, uint64_t id, size_t body_max, store_load_cb *cb,
    void *arg)
{
	struct store_want *want;
	struct store_get *g = get_create(s, STORE_LOAD, &want, arg);

	want->cb.load = cb;
	g->id = id;
	g->len = body_max;
	return get_submit(s, g);
}

uint64_t
store_read(struct store *s, const struct body_ref *body, uint64_t offset,
    size_t len, store_read_cb *cb, void *arg)
{
	struct store_want *want;
	struct store_get *g = get_create(s, STORE_READ, &want, arg);

	want->cb.read = cb;
	g->body = *body;
	g->offset = offset;
	g->len = len;
	return get_submit(s, g);
}

uint64_t
store_fetch(struct store *s, const uint64_t *ids, unsigned n,
    store_fetch_cb *cb, void *arg)
{
	struct store_want *want;
	struct store_get *g = get_create(s, STORE_FETCH, &want, arg);

	MX_ASSERT(n > 0 && n <= STORE_FETCH_MAX);
	want->cb.fetch = cb;
	g->ids = mem_dup(ids, n * sizeof(*ids));
	g->n = n;
	return get_submit(s, g);
}

void
store_cancel(struct store *s, uint64_t request)
{
	free(idmap_take(&s->wants, request));
}

void
store_scan(struct store *s,
    void (*one)(void *arg, const struct envelope_brief *),
    void (*done)(void *arg, int rc, uint64_t damaged), void *arg)
{
	MX_ASSERT(!s->scanning);
	free(s->scan.bad);
	s->scan =
	    (struct store_scan_run){ .one = one, .done = done, .arg = arg };
	s->scanning = true;
	scan_continue(s, 0, s->scan_last);
}

const uint64_t *
store_damaged(const struct store *s, unsigned *n)
{
	*n = s->scan.nbad;
	return s->scan.bad;
}

int64_t
store_id_ms(uint64_t id)
{
	return (int64_t)(id >> 8 >> NUMBER_BITS) + EPOCH_2020_MS;
}

/* ---- queries */

void
store_info(const struct store *s, struct store_info *info)
{
	*info = s->info;
	s->backend->ops->behind(s->backend, info);
	sharing_info(s, info);
	info->waiting_bytes = s->waiting;
}

unsigned
store_pressure(const struct store *s)
{
	return (unsigned)((double)s->waiting * 100 / (double)s->waiting_max);
}

int
store_accepting(const struct store *s, uint64_t size)
{
	const struct store_info *i = &s->info;

	if (i->state == STORE_FAILED)
		return -MX_EIO;
	if (s->waiting >= s->waiting_max)
		return -MX_EFULL;
	if (i->state == STORE_OK && i->elsewhere)
		return 0;
	if (i->state == STORE_FULL || i->free_bytes < i->reserve_bytes ||
	    i->free_bytes - i->reserve_bytes < size)
		return -MX_EFULL;
	return 0;
}

/* ---- life */

static int
backend_open(struct backend **b, const struct store_conf *conf,
    struct mailbox *inbox, struct mx_errbuf *eb)
{
#ifdef HAVE_LIBPQ
	if (conf->engine != NULL && conf->dir != NULL)
		return backend_shared_open(b, conf, inbox, eb);
	if (conf->engine != NULL)
		return backend_engine_open(b, conf, inbox, eb);
#endif
	return backend_spool_open(b, conf, inbox, eb);
}

int
store_open(struct store **out, struct loop *loop, const struct store_conf *conf,
    const struct store_events *events, struct mx_errbuf *eb)
{
	struct store *s = mem_alloc(sizeof(*s));
	int rc;

	idmap_init(&s->txs);
	idmap_init(&s->wants);
	STAILQ_INIT(&s->to_writer);
	STAILQ_INIT(&s->to_reader);
	TAILQ_INIT(&s->crowd);
	set_limits(s, conf);
	if (events != NULL)
		s->events = *events;
	*out = NULL;
	s->inbox = mailbox_create();
	rc = backend_open(&s->backend, conf, s->inbox, eb);
	if (rc < 0) {
		store_close(&s);
		return rc;
	}
	s->scan_last = s->last_id = s->backend->last_id;
	s->info = s->backend->info;
	s->io = loop_mailbox(loop, s->inbox, store_inbox, s);
	s->post = loop_task_create(loop, store_post_all, s);
	if (s->backend->node != 0)
		sharing_create(s, loop);
	*out = s;
	return 0;
}

static void
store_drain(struct store *s, bool wait)
{
	struct mail_list list;
	struct mail *m;

	if (wait)
		(void)mailbox_wait(s->inbox, &list, -1);
	else
		(void)mailbox_take(s->inbox, &list);
	while ((m = STAILQ_FIRST(&list)) != NULL) {
		STAILQ_REMOVE_HEAD(&list, link);
		store_inbox(m, s);
	}
}

static void
drop_tell(struct mail *m)
{
	/* from a backend that did not start completely */
	if (m->kind == STORE_TELL_NEWS)
		store_news_free((struct store_news *)m);
	else
		free(m);
}

void
store_close(struct store **sp)
{
	struct store *s = *sp;

	if (s == NULL)
		return;
	MX_ASSERT(idmap_len(&s->txs) == 0);
	if (s->scanning) {
		s->scanning = false;
		s->scan.done(s->scan.arg, -MX_ECANCELED, s->scan.damaged);
	}
	sharing_end(s);
	if (s->backend != NULL)
		s->backend->ops->hurry(s->backend);
	/* messages taken from the inbox and not handled go back to it */
	loop_io_destroy(&s->io);
	while (s->out > 0 || idmap_len(&s->wants) > 0) {
		store_post_all(s);
		store_drain(s, true);
	}
	if (s->backend != NULL) {
		store_post_all(s); /* unanswered ones */
		s->backend->ops->stop(s->backend);
		store_drain(s, false);
	}
	loop_task_destroy(&s->post);
	mailbox_destroy(&s->inbox, drop_tell);
	if (s->backend != NULL)
		s->backend->ops->close(s->backend);
	sharing_destroy(s);
	idmap_fini(&s->wants);
	idmap_fini(&s->txs);
	free(s->scan.bad);
	mem_free(sp);
}
