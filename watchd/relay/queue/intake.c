/* SPDX-License-Identifier: ISC
 * intake: new mail on its way into the queue. An intake wraps the store
 * transaction with the body; queue_commit() hands it and the envelopes to the
 * store. The store calls intake_stored() when its group is durable or has
 * failed; only then the parts are indexed and the requester is called. A
 * message over max_messages is refused from the queue's task, so that no
 * callback comes from inside queue_commit(). Loop thread. */
#include <stdlib.h>

#include "base/mem.h"
#include "relay/mail_log.h"
#include "relay/queue/queue_int.h"

struct queue_intake *
queue_begin(struct queue *q)
{
	struct queue_intake *in = mem_alloc(sizeof(*in));

	in->queue = q;
	in->module = "queue";
	message_id_init(&in->message_id);
	in->tx = store_tx_begin(q->store);
	return in;
}

uint64_t
queue_intake_id(const struct queue_intake *in)
{
	return store_tx_id(in->tx);
}

int
queue_append(struct queue_intake *in, const void *data, size_t len)
{
	message_id_feed(&in->message_id, data, len);
	return store_tx_append(in->tx, data, len);
}

bool
queue_congested(struct queue_intake *in, void (*space)(void *arg), void *arg)
{
	return store_tx_congested(in->tx, space, arg);
}

void
queue_intake_by(struct queue_intake *in, const char *module, const char *fields)
{
	in->module = module;
	free(in->by);
	in->by = mem_strdup(fields);
}

static void
intake_free(struct queue_intake *in)
{
	free(in->by);
	free(in);
}

void
queue_abort(struct queue_intake **inp)
{
	if (*inp == NULL)
		return;
	store_tx_abort(&(*inp)->tx);
	intake_free(*inp);
	*inp = NULL;
}

static void
intake_stored(void *arg, uint64_t token, int rc, struct envelope **parts,
    unsigned n)
{
	struct queue_intake *in = arg;
	struct queue *q = in->queue;
	struct envelope_brief brief;
	uint64_t id = n > 0 ? parts[0]->id : 0;
	int64_t now = clock_wall_ms();

	for (unsigned i = 0; i < n; i++) {
		if (rc == 0)
			mail_log_accepted(in->module, parts[i],
			    in->by != NULL ? in->by : "");
		if (rc == 0 && !q->dead) {
			envelope_brief(parts[i], &brief);
			attach_index(q, &brief, now);
		}
		envelope_destroy(&parts[i]);
	}
	/* also after queue_destroy(): requesters count their commits */
	in->cb(in->arg, token, rc, id);
	intake_free(in);
	q->completions--;
	queue_release(q);
}

static bool
is_report(struct envelope *const *parts, unsigned n)
{
	return n == 1 && (parts[0]->flags & ENV_DSN) != 0;
}

void
queue_commit(struct queue_intake **inp, struct envelope **parts, unsigned n,
    queue_commit_cb *cb, void *arg, uint64_t token)
{
	struct queue_intake *in = *inp;
	struct queue *q = in->queue;

	*inp = NULL;
	in->cb = cb;
	in->arg = arg;
	in->token = token;
	/* A report is accepted beyond the limit: the message that it is about
	 * cannot be removed before. */
	if (queue_full(q) && !is_report(parts, n)) {
		store_tx_abort(&in->tx);
		for (unsigned i = 0; i < n; i++)
			envelope_destroy(&parts[i]);
		STAILQ_INSERT_TAIL(&q->refused, in, link);
		loop_task_schedule(q->task);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		if (in->message_id.text[0] != '\0')
			parts[i]->message_id = mem_strdup(in->message_id.text);
	q->completions++;
	store_tx_commit(&in->tx, parts, n, intake_stored, in, token);
}

void
intake_refuse(struct queue *q)
{
	struct queue_intake *in;

	while ((in = STAILQ_FIRST(&q->refused)) != NULL) {
		STAILQ_REMOVE_HEAD(&q->refused, link);
		in->cb(in->arg, in->token, -MX_EFULL, 0);
		intake_free(in);
	}
}

int
queue_accepting(const struct queue *q, uint64_t size)
{
	int rc = store_accepting(q->store, size);

	return rc == 0 && queue_full(q) ? -MX_EFULL : rc;
}

bool
queue_away(const struct queue *q)
{
	struct store_info si;

	store_info(q->store, &si);
	return si.away_ms != 0;
}

unsigned
queue_pressure(const struct queue *q)
{
	return store_pressure(q->store);
}

bool
queue_full(const struct queue *q)
{
	return q->conf.max_messages > 0 && q->messages >= q->conf.max_messages;
}
