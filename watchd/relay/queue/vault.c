/* SPDX-License-Identifier: ISC
 * vault: keeps mail that was bounced, expired or removed by an operator for a
 * while, so that a mistake can be undone. The part's record stays in the store
 * under its id, with ENV_VAULT, the time in due_ms, and only the recipients
 * that failed; so its body stays, too, and nothing is copied. A replay clears
 * the flag: the part is queued with a fresh lifetime, under the same id.
 *
 *	queue --part_over, remove--> vault --replay--> queue
 *	                               `-- keep, size, space, purge --> gone
 *
 * A part takes some 100 bytes of memory. The oldest is dropped first. Loop
 * thread. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/mail_log.h"
#include "relay/queue/queue_int.h"

#define VAULT_STEP    500 /* parts dropped in a turn */
#define VAULT_LOOK_MS 1000 /* between looks at the free space */

int
vaulted_cmp(const struct vaulted *a, const struct vaulted *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

RB_GENERATE(vault_tree, vaulted, link, vaulted_cmp)

static struct vaulted *
vault_find(struct queue *q, uint64_t id)
{
	struct vaulted key = { .id = id };

	return RB_FIND(vault_tree, &q->vault.tree, &key);
}

void
vault_init(struct queue *q)
{
	RB_INIT(&q->vault.tree);
	heap_init(&q->vault.by_since);
	heap_init(&q->vault.by_until);
	q->vault.size = UINT64_MAX; /* until queue_vault() */
}

static void
vaulted_forget(struct queue *q, struct vaulted *v)
{
	RB_REMOVE(vault_tree, &q->vault.tree, v);
	LIST_REMOVE(v, dest_link);
	dest_touch(v->dest);
	heap_remove(&q->vault.by_since, &v->since);
	heap_remove(&q->vault.by_until, &v->until);
	q->vault.messages--;
	q->vault.bytes -= v->size;
	q->local.vaulted -= v->local;
	q->vault.leaving -= v->leaving;
	free(v);
}

void
vault_fini(struct queue *q)
{
	struct vaulted *v;

	while ((v = RB_MIN(vault_tree, &q->vault.tree)) != NULL)
		vaulted_forget(q, v);
	heap_fini(&q->vault.by_since);
	heap_fini(&q->vault.by_until);
}

bool
vault_has(struct queue *q, uint64_t id)
{
	return vault_find(q, id) != NULL;
}

static int64_t
keep_of(const struct queue *q, const char *domain)
{
	const struct dest *d = dest_find(q, domain);

	return d != NULL ? d->policy->vault_keep_ms : q->policy.vault_keep_ms;
}

void
vault_add(struct queue *q, const struct envelope_brief *env)
{
	struct vaulted *v;

	if (vault_find(q, env->id) != NULL)
		return;
	v = mem_alloc(sizeof(*v));
	v->id = env->id;
	v->size = env->size;
	v->dest = dest_get(q, env->domain);
	LIST_INSERT_HEAD(&dest_rare_make(v->dest)->vaulted, v, dest_link);
	v->replayed = (env->flags & ENV_REPLAYED) != 0;
	v->local = q->conf.shared && store_is_local(q->store, v->id);
	q->local.vaulted += v->local;
	RB_INSERT(vault_tree, &q->vault.tree, v);
	heap_insert(&q->vault.by_since, &v->since, env->due_ms);
	heap_insert(&q->vault.by_until, &v->until,
	    env->due_ms + keep_of(q, env->domain));
	q->vault.messages++;
	q->vault.bytes += v->size;
	if (q->vault_ms == 0)
		q->vault_ms = clock_wall_ms() + VAULT_LOOK_MS;
	schedule_arm(q);
}

/* ---- adding */

/* A copy without the recipients that were delivered, which must not get it
 * again. */
static struct envelope *
vault_envelope(const struct envelope *env, const char *why)
{
	static const struct smtp_status removed = { 5, 0, 0 };
	struct envelope *copy = envelope_copy(env);
	struct rcpt *r;

	for (uint32_t i = 0; i < copy->nrcpts; i++) {
		r = &copy->rcpts[i];
		if (r->state == RCPT_PENDING)
			rcpt_set(r, RCPT_FAILED, 0, &removed, why);
		r->reported = true;
	}
	envelope_drop_rcpts(copy, RCPT_DELIVERED);
	copy->flags =
	    (uint16_t)((copy->flags | ENV_VAULT) & ~(unsigned)ENV_HELD);
	copy->due_ms = clock_wall_ms();
	return copy;
}

static bool
is_kept(const struct part *e, const struct envelope *env)
{
	return keep_of(e->dest->queue, env->domain) > 0 &&
	    (env->flags & (ENV_DSN | ENV_DRILL)) == 0 &&
	    envelope_count(env, RCPT_DELIVERED) < env->nrcpts;
}

/* Told first: what is written of it is durable before the removal. */
static void
tell_drilled(const struct part *e, const struct envelope *env)
{
	const struct queue_ops *ops = &e->dest->queue->ops;

	if ((env->flags & ENV_DRILL) != 0 && ops->drilled != NULL)
		ops->drilled(ops->arg, env);
}

void
vault_or_remove(struct part *e, const struct envelope *env)
{
	bool kept = is_kept(e, env);

	tell_drilled(e, env);
	mail_log_end(env, kept, store_id_ms(env->id), clock_wall_ms());
	if (kept)
		record_vault(e, vault_envelope(env, ""));
	else
		record_remove(e);
}

/* Logs the recipients that a removal by the operator leaves without the
 * message. */
static void
log_removed(const struct part *e, const struct envelope *env, bool kept)
{
	int64_t began = store_id_ms(e->id), now = clock_wall_ms();

	if (env == NULL) {
		mail_log_end_unread(e->id, e->dest->name);
		return;
	}
	for (uint32_t i = 0; i < env->nrcpts; i++)
		if (env->rcpts[i].state == RCPT_PENDING)
			mail_log_given_up(env, &env->rcpts[i], "removed", began,
			    now);
	tell_drilled(e, env);
	mail_log_end(env, kept, began, now);
}

static void
dropped_loaded(struct queue_request *r, struct envelope **envs, unsigned n)
{
	struct part *e = parts_find(r->queue, r->ids[0]);
	bool kept;

	MX_ASSERT(e != NULL && e->state == PART_SAVING && n == 1);
	if (part_is_lost(e)) {
		part_lose(e);
		return;
	}
	kept = envs[0] != NULL && !e->purge && is_kept(e, envs[0]);
	log_removed(e, envs[0], kept);
	if (kept)
		record_vault(e,
		    vault_envelope(envs[0],
			"removed by the postmaster of this server"));
	else
		record_remove(e);
}

/* Removed by an operator, or finished by a run that ended before the removal:
 * the envelope has to be read from the store. */
void
vault_dropped(struct part *e)
{
	struct queue_request *r = request_create(e->dest->queue, &e->id, 1);

	part_set(e, PART_SAVING);
	r->answer = dropped_loaded;
	request_send(r);
}

/* ---- domains of other nodes */

static bool
is_lost(const struct vaulted *v)
{
	const struct queue *q = v->dest->queue;

	return !dest_is_ours(v->dest) && !store_is_local(q->store, v->id);
}

bool
vault_leave(struct dest *d, unsigned *budget)
{
	struct queue *q = d->queue;
	struct vaulted *v, *next;

	if (d->rare == NULL)
		return true;
	LIST_FOREACH_SAFE(v, &d->rare->vaulted, dest_link, next)
	{
		if (*budget == 0)
			return false;
		--*budget;
		if (!store_is_local(q->store, v->id))
			vaulted_forget(q, v);
	}
	return true;
}

bool
vault_purge_lost(struct queue *q, uint64_t *after, unsigned *budget)
{
	struct vaulted *v, *next, key = { .id = *after + 1 };

	v = RB_NFIND(vault_tree, &q->vault.tree, &key);
	for (; v != NULL && *budget > 0; v = next, --*budget) {
		next = RB_NEXT(vault_tree, &q->vault.tree, v);
		*after = v->id;
		if (!store_is_local(q->store, v->id))
			vaulted_forget(q, v);
	}
	return v == NULL;
}

/* ---- moving to the engine, where the next owner finds it */

static void
vault_moved(void *arg, uint64_t id, int rc)
{
	struct queue *q = arg;
	struct vaulted *v = q->dead ? NULL : vault_find(q, id);

	q->completions--;
	q->local.out--;
	if (rc == 0 && v != NULL) {
		q->local.vaulted -= v->local;
		v->local = false;
		if (is_lost(v))
			vaulted_forget(q, v);
	}
	if (!q->dead && q->local.walking)
		loop_task_schedule(q->task);
	queue_release(q);
}

bool
vault_move_step(struct queue *q, unsigned *budget)
{
	struct vaulted key = { .id = q->local.vault_after + 1 };
	struct vaulted *v = RB_NFIND(vault_tree, &q->vault.tree, &key);

	if (q->local.vaulted == 0)
		return false;
	for (; v != NULL && *budget > 0; --*budget) {
		if (q->local.out >= LOCAL_MOVES_MAX)
			return true;
		q->local.vault_after = v->id;
		if (v->local && !v->leaving) {
			q->local.out++;
			q->completions++;
			store_move(q->store, v->id, vault_moved, q, v->id);
		}
		v = RB_NEXT(vault_tree, &q->vault.tree, v);
	}
	return v != NULL;
}

/* ---- dropping */

static void
vault_removed(void *arg, uint64_t id, int rc)
{
	struct queue *q = arg;

	(void)id;
	if (rc != 0 && rc != -MX_ENOENT)
		log_warn("vault", "event=not_removed error=%s",
		    log_q(mx_strerror(rc)));
	q->completions--;
	queue_release(q);
}

/* Drops the part; a record that the store cannot remove comes back with the
 * next start. */
static void
vault_drop(struct queue *q, struct vaulted *v, enum vault_end why)
{
	bool lost = is_lost(v);
	uint64_t id = v->id;

	vaulted_forget(q, v);
	if (lost)
		return;
	q->stats->g.vault_ended[why]++;
	q->completions++;
	store_remove(q->store, id, vault_removed, q, id);
}

static struct vaulted *
oldest(struct queue *q)
{
	struct heap_node *n = heap_min(&q->vault.by_since);

	return n != NULL ? HEAP_ENTRY(n, struct vaulted, since) : NULL;
}

/* Bytes that queued mail needs: before the reserve is reached, not after. */
static uint64_t
wanted_back(const struct queue *q)
{
	struct store_info i;
	uint64_t enough;

	store_info(q->store, &i);
	enough = i.reserve_bytes + i.reserve_bytes / 2;
	if (i.size_bytes != 0 && i.free_bytes < enough)
		return enough - i.free_bytes;
	return i.state == STORE_FULL ? UINT64_MAX : 0;
}

/* Drops the oldest parts while space is needed or the vault is too large. */
static void
vault_shrink(struct queue *q, unsigned *budget)
{
	uint64_t wanted = q->vault.messages > 0 ? wanted_back(q) : 0;
	bool space;
	struct vaulted *v;

	while (*budget > 0 && (v = oldest(q)) != NULL &&
	    (wanted > 0 || q->vault.bytes > q->vault.size)) {
		space = wanted > 0;
		wanted -= v->size < wanted ? v->size : wanted;
		vault_drop(q, v, space ? VAULT_END_SPACE : VAULT_END_SIZE);
		--*budget;
	}
}

/* Returns the time of the next look; 0: the vault is empty. */
int64_t
vault_tick(struct queue *q, int64_t now)
{
	unsigned n = VAULT_STEP;
	struct heap_node *h;

	while (n > 0 && (h = heap_min(&q->vault.by_until)) != NULL &&
	    h->key <= now && queue_clock_doubt(q) == 0) {
		vault_drop(q, HEAP_ENTRY(h, struct vaulted, until),
		    VAULT_END_AGE);
		n--;
	}
	vault_shrink(q, &n);
	if (q->vault.messages == 0)
		return 0;
	return n == 0 ? now : now + VAULT_LOOK_MS;
}

void
queue_vault(struct queue *q, uint64_t size)
{
	q->vault.size = size;
	schedule_arm(q);
}

/* ---- operator */

void
vault_view(void *self, struct relay_vault *out)
{
	struct queue *q = self;
	const struct heap_node *n = heap_min(&q->vault.by_since);

	*out = (struct relay_vault){ .messages = q->vault.messages,
		.bytes = q->vault.bytes,
		.size = q->vault.size,
		.leaving = q->vault.leaving,
		.oldest_ms = n != NULL ? n->key : 0 };
}

static void
list_answer(struct queue_request *r, struct envelope **envs, unsigned n)
{
	struct msg_view *views = mem_array(n > 0 ? n : 1, sizeof(*views));
	struct rcpt_view **rcpts = mem_array(n > 0 ? n : 1, sizeof(*rcpts));
	struct vaulted *v;
	unsigned used = 0;

	for (unsigned i = 0; i < n; i++) {
		v = vault_find(r->queue, r->ids[i]);
		if (v == NULL || envs[i] == NULL)
			continue;
		if (envs[i]->nrcpts > 0)
			rcpts[i] = view_rcpts(envs[i]);
		views[used] = (struct msg_view){ .id = v->id,
			.domain = envs[i]->domain,
			.sender = envs[i]->sender,
			.state = MSG_VAULT,
			.size = v->size,
			.arrival_ms = envs[i]->arrival_ms,
			.vault_ms = v->since.key,
			.expiry_ms = v->until.key,
			.last_try_ms = envs[i]->last_try_ms,
			.attempts = envs[i]->attempts,
			.replayed = v->replayed,
			.helo = envs[i]->helo != NULL ? envs[i]->helo : "",
			.client =
			    envs[i]->client != NULL ? envs[i]->client : "",
			.host = envs[i]->host != NULL ? envs[i]->host : "",
			.nrcpts = envs[i]->nrcpts,
			.rcpts = rcpts[i] };
		used += selector_sees(r->selector, envs[i]->domain,
			    envs[i]->arrival_ms, v->size, MSG_VAULT) &&
		    selector_wants(r->selector, &views[used]);
	}
	r->list(r->arg, 0, views, used, r->next);
	for (unsigned i = 0; i < n; i++)
		free(rcpts[i]);
	free(rcpts);
	free(views);
}

void
vault_list(void *self, const char *domain, const struct selection *wanted,
    uint64_t after, unsigned max, relay_list_cb *cb, void *arg)
{
	struct selector *s = selector_create(wanted);
	uint64_t ids[LIST_MAX] = { 0 };
	struct vaulted *v, key = { .id = after + 1 };
	unsigned n = 0, seen = 0;
	struct queue *q = self;
	struct dest *d = domain != NULL ? dest_find(q, domain) : NULL;
	struct queue_request *r;

	if (max == 0 || max > LIST_MAX)
		max = LIST_MAX;
	v = RB_NFIND(vault_tree, &q->vault.tree, &key);
	/* A page is bounded by the parts looked at, too. */
	for (; v != NULL && n < max && seen < VAULT_STEP * 10; seen++) {
		after = v->id;
		if (domain == NULL || v->dest == d)
			ids[n++] = v->id;
		v = RB_NEXT(vault_tree, &q->vault.tree, v);
	}
	r = request_create(q, ids, n);
	r->answer = list_answer;
	r->selector = s;
	r->list = cb;
	r->arg = arg;
	r->next = v != NULL ? after : 0;
	request_send(r);
}

static void
set_leaving(struct queue *q, struct vaulted *v, bool leaving)
{
	q->vault.leaving += leaving;
	q->vault.leaving -= v->leaving;
	v->leaving = leaving;
}

/* A record that is being written back. */
struct replay {
	struct queue *queue;
	struct envelope *env;
};

static void
replay_stored(void *arg, uint64_t id, int rc)
{
	struct replay *p = arg;
	struct queue *q = p->queue;
	struct vaulted *v = q->dead ? NULL : vault_find(q, id);
	struct envelope_brief brief;
	char text[TEXT_ID_MAX];

	q->completions--;
	if (rc == -MX_ENOENT && q->conf.shared) {
		if (v != NULL)
			vaulted_forget(q, v);
	} else if (rc != 0) {
		if (v != NULL)
			set_leaving(q, v, false);
		log_error("vault", "id=%s event=not_replayed error=%s",
		    text_id(id, text), log_q(mx_strerror(rc)));
	} else if (!q->dead) {
		if (v != NULL)
			vaulted_forget(q, v);
		q->stats->g.vault_ended[VAULT_END_REPLAY]++;
		envelope_brief(p->env, &brief);
		attach_index(q, &brief, clock_wall_ms());
	}
	envelope_destroy(&p->env);
	free(p);
	queue_release(q);
}

static void
replay_loaded(struct queue_request *r, struct envelope **envs, unsigned n)
{
	struct vaulted *v = vault_find(r->queue, r->ids[0]);
	struct envelope *env = envs[0];
	struct replay *p;
	char id[TEXT_ID_MAX];

	MX_ASSERT(n == 1);
	if (v == NULL)
		return;
	if (env == NULL) {
		set_leaving(r->queue, v, false);
		return;
	}
	envs[0] = NULL;
	for (uint32_t i = 0; i < env->nrcpts; i++) {
		env->rcpts[i].state = RCPT_PENDING;
		env->rcpts[i].code = 0;
		env->rcpts[i].reported = false;
	}
	env->flags =
	    (uint16_t)((env->flags & ~(unsigned)ENV_VAULT) | ENV_REPLAYED);
	env->arrival_ms = env->due_ms = clock_wall_ms();
	env->extended_ms = 0;
	env->attempts = 0;
	env->warned = 0;
	log_notice("vault", "id=%s event=replayed domain=%s from=%s rcpts=%u",
	    text_id(env->id, id), env->domain, log_q(env->sender), env->nrcpts);
	p = mem_alloc(sizeof(*p));
	p->queue = r->queue;
	p->env = env;
	r->queue->completions++;
	store_update(r->queue->store, env, replay_stored, p, env->id);
}

int
vault_replay(void *self, uint64_t id, bool again)
{
	struct queue *q = self;
	struct vaulted *v = vault_find(q, id);
	struct queue_request *r;

	if (v == NULL || v->leaving)
		return -MX_ENOENT;
	if (v->replayed && !again)
		return -MX_EBUSY;
	set_leaving(q, v, true);
	r = request_create(q, &id, 1);
	r->answer = replay_loaded;
	request_send(r);
	return 0;
}

int
vault_purge(void *self, uint64_t id)
{
	struct queue *q = self;
	struct vaulted *v = vault_find(q, id);

	if (v == NULL || v->leaving)
		return -MX_ENOENT;
	vault_drop(q, v, VAULT_END_PURGE);
	return 0;
}
