/* SPDX-License-Identifier: ISC
 * backend_shared: an engine shared by nodes, and the spool of this node for
 * mail that the engine does not take in time. The loop knows by id what is in
 * the spool. A message is entirely in one of the two: new mail goes to the
 * engine while that is there, and a large body ends where it began. A small
 * message that the engine's writer could not place is put into the spool from
 * there, under the same id, and only if the engine certainly does not have it.
 *
 * Small state with a slash in its key is shared and in the engine; the rest is
 * private to this node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/store/shared_int.h"

char shared_here, shared_there, shared_doubted;

static struct backend_shared *
shared_of(struct backend *b)
{
	return (struct backend_shared *)b;
}

bool
shared_is_away(const struct backend_shared *sh)
{
	return sh->of_engine.state != STORE_OK;
}

bool
shared_is_local(const struct backend_shared *sh, uint64_t id)
{
	return idmap_get(&sh->ids, id) != NULL;
}

void
shared_post(struct backend_shared *sh, struct store *s, struct store_req *r)
{
	(void)sh;
	store_post(s, r);
}

void
shared_get(struct backend_shared *sh, struct store *s, struct store_get *g)
{
	(void)sh;
	STAILQ_INSERT_TAIL(&s->to_reader, &g->mail, link);
	loop_task_schedule(s->post);
}

/* ---- changes */

static struct store_move *
moving(struct backend_shared *sh, uint64_t id, struct mail_list *to_engine)
{
	void *v = idmap_get(&sh->ids, id);

	if (v == &shared_doubted && !sh->closing)
		return move_ask(sh, id, to_engine);
	return v == &shared_here || v == &shared_doubted ? NULL : v;
}

/* Where the large body was begun; its first chunk decides. */
static bool
large_is_local(struct backend_shared *sh, const struct store_req *r)
{
	void *where = idmap_get(&sh->larges, r->id);

	if (where == NULL) {
		where = shared_is_away(sh) && !sh->refuse_away ? &shared_here :
								 &shared_there;
		idmap_put(&sh->larges, r->id, where);
	}
	if (r->mail.kind != STORE_CHUNK_WRITE) /* ends it */
		(void)idmap_take(&sh->larges, r->id);
	return where == &shared_here;
}

static bool
is_for_spool(struct backend_shared *sh, const struct store_req *r)
{
	switch (r->mail.kind) {
	case STORE_COMMIT:
		if (r->large)
			return large_is_local(sh, r);
		return shared_is_away(sh) && !sh->refuse_away;
	case STORE_CHUNK_WRITE:
	case STORE_DISCARD:
		return large_is_local(sh, r);
	case STORE_UPDATE:
	case STORE_REMOVE:
		return !r->quiet && shared_is_local(sh, r->id);
	case STORE_STATE:
		return strchr(r->key, '/') == NULL;
	case STORE_UNREADABLE: /* the scan reads the spool */
		return true;
	default:
		return false;
	}
}

/* Both get their limits. */
static void
change_limits(struct backend_shared *sh, const struct store_req *r,
    struct mail_list *to_spool)
{
	struct store_req *copy = mem_alloc(sizeof(*copy));

	copy->mail.kind = STORE_LIMITS;
	copy->conf = r->conf;
	STAILQ_INSERT_TAIL(to_spool, &copy->mail, link);
	sh->refuse_away = r->conf.refuse_away;
}

static void
change(struct backend *b, struct mail_list *list)
{
	struct mail_list to_spool = STAILQ_HEAD_INITIALIZER(to_spool);
	struct mail_list to_engine = STAILQ_HEAD_INITIALIZER(to_engine);
	struct mail_list gets = STAILQ_HEAD_INITIALIZER(gets);
	struct backend_shared *sh = shared_of(b);
	struct store_move *m;
	struct store_req *r;
	struct mail *mail;

	while ((mail = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		r = (struct store_req *)mail;
		if (mail->kind == STORE_MOVE) {
			move_begin(sh, r, &gets, &to_engine);
			continue;
		}
		if ((mail->kind == STORE_UPDATE ||
			mail->kind == STORE_REMOVE) &&
		    r->move == NULL && !r->quiet &&
		    (m = moving(sh, r->id, &to_engine)) != NULL) {
			move_hold(m, r);
			continue;
		}
		if (mail->kind == STORE_LIMITS)
			change_limits(sh, r, &to_spool);
		r->local = is_for_spool(sh, r);
		STAILQ_INSERT_TAIL(r->local ? &to_spool : &to_engine, mail,
		    link);
	}
	sh->spool->ops->change(sh->spool, &to_spool);
	sh->engine->ops->change(sh->engine, &to_engine);
	sh->spool->ops->read(sh->spool, &gets);
}

/* Called on the engine's thread. */
static void
land(void *arg, struct store_req *r)
{
	struct backend_shared *sh = arg;
	struct mail_list one = STAILQ_HEAD_INITIALIZER(one);

	r->local = true;
	STAILQ_INSERT_TAIL(&one, &r->mail, link);
	sh->spool->ops->change(sh->spool, &one);
}

/* ---- answers */

/* Mail that may be in the engine as well: if the spool had no room, its client
 * is told so, and the engine's copy must not be delivered. */
static void
landed(struct backend_shared *sh, struct store *s, struct store_req *r)
{
	unsigned i;

	for (i = 0; i < r->nparts; i++) {
		r->parts[i]->flags &= (uint16_t)~ENV_MOVING;
		if (r->rc == 0)
			idmap_put(&sh->ids, r->parts[i]->id,
			    r->doubt ? &shared_doubted : &shared_here);
		else if (r->doubt)
			shared_post(sh, s,
			    store_req_take_back(r->parts[i]->id));
	}
}

static bool
changed(struct backend_shared *sh, struct store *s, struct store_req *r)
{
	if (r->quiet) {
		store_req_free(r);
		return true;
	}
	if (r->move != NULL && r->mail.kind != STORE_MOVE) {
		move_req(sh, s, r);
		return true;
	}
	if (!r->local)
		return false;
	if (r->mail.kind == STORE_COMMIT)
		landed(sh, s, r);
	if (r->mail.kind == STORE_REMOVE && (r->rc == 0 || r->rc == -MX_ENOENT))
		(void)idmap_take(&sh->ids, r->id);
	return false;
}

/* The state of both: the engine's counts while it takes mail. */
static void
info_of_both(const struct backend_shared *sh, struct store_info *info)
{
	const struct store_info *e = &sh->of_engine;

	*info = sh->of_spool;
	info->away_ms = e->away_ms;
	info->alone = e->alone;
	info->fenced = e->fenced;
	info->unwritable = info->unwritable || e->unwritable;
	if (info->state == STORE_FAILED)
		return;
	if (e->state == STORE_FAILED) {
		info->state = STORE_FAILED;
	} else if (e->state == STORE_OK) {
		info->state = STORE_OK;
		info->elsewhere = true;
	} else if (sh->refuse_away) {
		info->state = STORE_FULL;
	}
}

static void
told(struct backend_shared *sh, struct store *s, struct store_tell *t)
{
	*(t->engine ? &sh->of_engine : &sh->of_spool) = t->info;
	info_of_both(sh, &t->info);
	if (t->engine && sh->of_engine.state == STORE_OK)
		move_ask_again(sh, s);
}

static bool
answered(struct backend *b, struct store *s, struct mail *mail)
{
	struct backend_shared *sh = shared_of(b);

	switch (mail->kind) {
	case STORE_TELL_INFO:
		told(sh, s, (struct store_tell *)mail);
		return false;
	case STORE_TELL_ERROR:
	case STORE_TELL_COMMIT:
	case STORE_TELL_NEWS:
		return false;
	case STORE_LOAD:
	case STORE_READ:
	case STORE_FETCH:
	case STORE_SCAN:
	case STORE_SCAN_DOMAINS:
		return shared_got(sh, s, (struct store_get *)mail);
	default:
		return changed(sh, s, (struct store_req *)mail);
	}
}

/* ---- the rest */

struct own_states {
	void (*one)(void *arg, const char *key, const void *, size_t len);
	void *arg;
};

/* A spool that was used before it was shared has keys with a slash, too. */
static void
own_state(void *arg, const char *key, const void *value, size_t len)
{
	const struct own_states *o = arg;

	if (strchr(key, '/') == NULL)
		o->one(o->arg, key, value, len);
}

static bool
states(struct backend *b, const char *prefix, const char *after, unsigned max,
    void (*one)(void *arg, const char *key, const void *, size_t len),
    void *arg)
{
	struct backend_shared *sh = shared_of(b);
	struct own_states o = { one, arg };

	/* the loop must not wait for an engine that is away */
	if (strchr(prefix, '/') != NULL)
		return sh->of_engine.away_ms == 0 &&
		    sh->engine->ops->states(sh->engine, prefix, after, max, one,
			arg);
	return sh->spool->ops->states(sh->spool, prefix, after, max, own_state,
	    &o);
}

static void
owners(struct backend *b,
    void (*one)(void *arg, const char *domain, unsigned node), void *arg)
{
	struct backend_shared *sh = shared_of(b);

	sh->engine->ops->owners(sh->engine, one, arg);
}

static void
behind(struct backend *b, struct store_info *info)
{
	struct backend_shared *sh = shared_of(b);

	sh->spool->ops->behind(sh->spool, info);
}

static bool
holds(const struct backend *b)
{
	const struct backend_shared *sh = (const struct backend_shared *)b;

	return sh->engine->ops->holds(sh->engine);
}

static bool
is_local(const struct backend *b, uint64_t id)
{
	return shared_is_local((const struct backend_shared *)b, id);
}

static bool
is_free(const struct backend *b, uint64_t id)
{
	return idmap_get(&((const struct backend_shared *)b)->ids, id) ==
	    &shared_here;
}

static void
hurry(struct backend *b)
{
	struct backend_shared *sh = shared_of(b);

	sh->closing = true;
	move_hurry(sh);
	sh->engine->ops->hurry(sh->engine);
}

static void
stop(struct backend *b)
{
	struct backend_shared *sh = shared_of(b);

	sh->stopped = true;
	if (sh->engine != NULL)
		sh->engine->ops->stop(sh->engine); /* its mail may still land */
	sh->spool->ops->stop(sh->spool);
}

static void
end(struct backend *b)
{
	struct backend_shared *sh = shared_of(b);

	move_free_all(sh);
	idmap_fini(&sh->ids);
	idmap_fini(&sh->larges);
	if (sh->engine != NULL)
		sh->engine->ops->close(sh->engine);
	sh->spool->ops->close(sh->spool);
	free(sh);
}

static const struct backend_ops shared_ops = {
	.change = change,
	.read = shared_read,
	.states = states,
	.owners = owners,
	.behind = behind,
	.holds = holds,
	.is_local = is_local,
	.is_free = is_free,
	.answered = answered,
	.hurry = hurry,
	.stop = stop,
	.close = end,
};

/* ---- opening */

#define NODE_KEY "node" /* in the spool: "NUMBER NAME", of the last run */

static void
note_node(struct backend_shared *sh, const char *name)
{
	struct mail_list one = STAILQ_HEAD_INITIALIZER(one);
	struct store_req *r = mem_alloc(sizeof(*r));
	char text[STORE_NAME_MAX + 16];

	r->len =
	    (size_t)snprintf(text, sizeof(text), "%u %s", sh->b.node, name);
	r->mail.kind = STORE_STATE;
	r->key = mem_strdup(NODE_KEY);
	r->data = mem_dup(text, r->len);
	r->quiet = true;
	STAILQ_INSERT_TAIL(&one, &r->mail, link);
	sh->spool->ops->change(sh->spool, &one);
}

/* Groups in doubt since the last run are asked for before anything is
 * written. */
static void
read_doubt(void *arg, const char *key, const void *value, size_t len)
{
	struct backend_shared *sh = arg;
	struct mail_list one = STAILQ_HEAD_INITIALIZER(one);
	char *text = mem_alloc(len + 1), *at = text, *end;
	struct store_req *r;
	uint64_t id;

	memcpy(text, value, len);
	if (strcmp(key, SHARED_DOUBT) != 0 ||
	    strtol(at, &at, 10) != (long)sh->engine->node) {
		free(text);
		return;
	}
	r = mem_alloc(sizeof(*r));
	r->mail.kind = STORE_DOUBT;
	r->batch = strtoll(at, &at, 10);
	for (; (id = strtoull(at, &end, 16)) != 0; at = end) {
		r->data = mem_grow(r->data, r->len + sizeof(id), 1);
		memcpy(r->data + r->len, &id, sizeof(id));
		r->len += sizeof(id);
	}
	free(text);
	STAILQ_INSERT_TAIL(&one, &r->mail, link);
	sh->engine->ops->change(sh->engine, &one);
}

struct noted {
	const char *name;
	unsigned node; /* 0: it had another name */
};

static void
read_node(void *arg, const char *key, const void *value, size_t len)
{
	struct noted *n = arg;
	char text[STORE_NAME_MAX + 16], *end;
	unsigned long node;

	if (strcmp(key, NODE_KEY) != 0 || len >= sizeof(text))
		return;
	memcpy(text, value, len);
	text[len] = '\0';
	node = strtoul(text, &end, 10);
	if (node <= STORE_NODE_MAX && *end == ' ' &&
	    strcmp(end + 1, n->name) == 0)
		n->node = (unsigned)node;
}

/* Does not wait for an engine that is away, if we are one of its nodes. */
static int
open_engine(struct backend_shared *sh, const struct store_conf *conf,
    struct mx_errbuf *eb)
{
	struct noted n = { .name = conf->node };
	struct mx_errbuf why;
	int rc;

	rc = backend_engine_open(&sh->engine, conf, sh->out, eb);
	if (rc != -MX_ENET)
		return rc;
	(void)sh->spool->ops->states(sh->spool, NODE_KEY, "", 1, read_node, &n);
	if (n.node == 0) {
		why = *eb;
		return mx_fail(eb, MX_ENET,
		    "the engine is unreachable, and node %s was not in the "
		    "cluster with this spool before: %s",
		    conf->node, why.text);
	}
	log_warn("store", "event=engine_away error=%s", log_q(eb->text));
	return backend_engine_open_away(&sh->engine, conf, n.node, sh->out, eb);
}

int
backend_shared_open(struct backend **out, const struct store_conf *conf,
    struct mailbox *out_box, struct mx_errbuf *eb)
{
	struct backend_shared *sh;
	struct backend *spool;
	int rc;

	*out = NULL;
	/* lock the folder first: its holder may be the same node */
	if ((rc = backend_spool_open(&spool, conf, out_box, eb)) < 0)
		return rc;
	sh = mem_alloc(sizeof(*sh));
	sh->b.ops = &shared_ops;
	sh->spool = spool;
	sh->out = out_box;
	sh->refuse_away = conf->refuse_away;
	idmap_init(&sh->ids);
	idmap_init(&sh->larges);
	TAILQ_INIT(&sh->doubts);
	rc = open_engine(sh, conf, eb);
	if (rc < 0) {
		stop(&sh->b);
		end(&sh->b);
		return rc;
	}
	backend_engine_land(sh->engine, land, sh);
	(void)spool->ops->states(spool, SHARED_DOUBT, "", 1, read_doubt, sh);
	sh->of_engine = sh->engine->info;
	sh->of_spool = spool->info;
	info_of_both(sh, &sh->b.info);
	sh->b.node = sh->engine->node;
	note_node(sh, conf->node);
	sh->b.last_id = spool->last_id;
	if (sh->engine->last_id > sh->b.last_id)
		sh->b.last_id = sh->engine->last_id;
	*out = &sh->b;
	return 0;
}
