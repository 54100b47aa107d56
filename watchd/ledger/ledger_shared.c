/* SPDX-License-Identifier: ISC
 * ledger_shared: the ledger of a node of a cluster: its reports to the others,
 * and theirs. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/ledger_int.h"
#include "status/json.h"

#define ALIVE_SEC 30
#define PUT_MAX	  50 /* per tick */
#define HEAR_MAX  300 /* per tick; a thousand may come at once */
#define REST_MAX  1000 /* at the end */
#define ID_MAX	  (INT64_C(1) << 46) /* of other nodes: our ids follow them */

/* ---- reports of others */

static void
damaged(const char *key)
{
	static struct log_limit limit;

	if (log_limit_ok(&limit, 60))
		log_warn("ledger", "key=%s problem=\"it is invalid\"",
		    log_q(key));
}

static void
account_told(struct ledger *l, unsigned node, const char *key, uint64_t id,
    const void *data, size_t len)
{
	struct kept_line *line;
	const char *text;
	char *copy;
	int64_t said;
	size_t n;
	bool ok;

	if (len == 0) {
		joint_drop(l->joint, node, id);
		return;
	}
	if (!ledger_value_parse(data, len, &said, &text, &n)) {
		damaged(key);
		return;
	}
	copy = mem_strndup(text, n);
	line = kept_line_create(copy);
	ok = joint_put(l->joint, node, id, said, line);
	kept_line_unref(&line);
	mem_free(&copy);
	if (!ok)
		damaged(key);
	else if (id <
	    ID_MAX) /* later records have greater ids, whichever node's */
		book_last_id(l->book, id);
}

static void
known_told(struct ledger *l, unsigned node, const char *key, const char *label,
    const void *data, size_t len)
{
	int64_t until, since = 0;
	const char *text;
	cJSON *json;
	size_t n;

	if (len == 0) {
		joint_known(l->joint, node, label, 0, 0);
		return;
	}
	if (ledger_value_parse(data, len, &until, &text, &n)) {
		json = cJSON_ParseWithLength(text, n);
		since = json_get_int(json, "since");
		cJSON_Delete(json);
	}
	if (since == 0)
		damaged(key);
	else
		joint_known(l->joint, node, label, since, until);
}

static void
alive_told(struct ledger *l, unsigned node, const void *data, size_t len)
{
	const char *text = "";
	int64_t at = 0;
	size_t n = 0;
	char *name;

	if (len > 0 &&
	    (!ledger_value_parse(data, len, &at, &text, &n) ||
		n > TEXT_DOMAIN_MAX))
		return;
	name = mem_strndup(text, n);
	joint_said(l->joint, node, at);
	joint_named(l->joint, node, name);
	mem_free(&name);
}

void
ledger_shared_heard(struct ledger *l, const char *key,
    const struct ledger_key *k, const void *data, size_t len)
{
	if (k->id != 0)
		account_told(l, k->node, key, k->id, data, len);
	else if (k->label != NULL)
		known_told(l, k->node, key, k->label, data, len);
	else if (k->alive)
		alive_told(l, k->node, data, len);
}

/* Our own keys are reported to us when we started without the engine. Those
 * that we lack are from a lost file, and only shown. */
static void
hear(struct ledger *l, const char *key, const void *data, size_t len)
{
	struct ledger_key k;

	if (!ledger_key_parse(&k, key))
		return;
	if (k.node != l->ops.node ||
	    (k.id != 0 && kept_find(l->kept, k.id) == NULL))
		ledger_shared_heard(l, key, &k, data, len);
}

bool
ledger_told(struct ledger *l, const char *key, const void *data, size_t len)
{
	struct ledger_news *n;
	struct ledger_key k;

	if (l->joint == NULL || !ledger_key_parse(&k, key))
		return false;
	if (l->hear > 0) { /* then none is queued */
		l->hear--;
		hear(l, key, data, len);
		return true;
	}
	n = mem_alloc(sizeof(*n));
	n->key = mem_strdup(key);
	n->data = len > 0 ? mem_dup(data, len) : NULL;
	n->len = len;
	STAILQ_INSERT_TAIL(&l->news, n, link);
	return true;
}

/* In order: queued reports come before later ones. */
static void
hear_some(struct ledger *l, unsigned max)
{
	struct ledger_news *n;

	while (max > 0 && (n = STAILQ_FIRST(&l->news)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->news, link);
		max--;
		if (l->joint != NULL)
			hear(l, n->key, n->data, n->len);
		mem_free(&n->key);
		mem_free(&n->data);
		mem_free(&n);
	}
	l->hear = max;
}

/* NULL: remove the key. */
static void
put(struct ledger *l, const struct ledger_key *k, int64_t number,
    struct kept_line *line)
{
	char key[LEDGER_KEY_SIZE];

	writeback_put(l->out, ledger_key_print(k, key),
	    line != NULL ? ledger_value_print(number, line) : NULL);
}

/* ---- our reports */

void
ledger_shared_tell(struct ledger *l, uint64_t id, int64_t said,
    struct kept_line *line)
{
	put(l, &(struct ledger_key){ .node = l->ops.node, .id = id }, said,
	    line);
}

void
ledger_shared_keep(struct ledger *l, const struct outage *o,
    struct kept_line *line, bool save)
{
	int64_t now = clock_wall_ms();

	(void)joint_put_outage(l->joint, l->ops.node, o, now, line);
	if (save)
		ledger_shared_tell(l, o->id, now, line);
}

void
ledger_shared_trimmed(void *ledger, uint64_t id)
{
	struct ledger *l = ledger;

	joint_drop(l->joint, l->ops.node, id);
	ledger_shared_tell(l, id, 0, NULL);
}

void
ledger_shared_tell_known(struct ledger *l, const char *label)
{
	int64_t until;

	(void)availability_known(l->availability, label, &until);
	put(l, &(struct ledger_key){ .node = l->ops.node, .label = label },
	    until, availability_line(l->availability, label));
}

static void
on_known(void *arg, const char *label, bool gone)
{
	struct ledger *l = arg;
	const struct ledger_key k = { .node = l->ops.node, .label = label };
	int64_t since, until;

	since = availability_known(l->availability, label, &until);
	joint_known(l->joint, l->ops.node, label, gone ? 0 : since, until);
	if (gone)
		put(l, &k, 0, NULL);
	else
		ledger_shared_tell_known(l, label);
}

static void
tell_alive(struct ledger *l, int64_t wall)
{
	l->alive_told = wall;
	joint_said(l->joint, l->ops.node, wall);
	put(l, &(struct ledger_key){ .node = l->ops.node }, wall, l->name);
}

void
ledger_put_done(struct ledger *l, uint64_t token, int rc)
{
	if (l->out != NULL)
		writeback_done(l->out, token, rc);
}

/* ---- old data */

static void
node_left(struct ledger *l, unsigned node)
{
	joint_said(l->joint, node, 0);
	joint_named(l->joint, node, "");
}

static void
on_old(void *arg, unsigned node, uint64_t id, const char *label)
{
	const struct ledger_key k = { .node = node, .id = id, .label = label };
	struct ledger *l = arg;

	if (node == l->ops.node) {
		if (id == 0 || kept_find(l->kept, id) != NULL)
			return;
	} else if (joint_lives(l->joint, node)) {
		return; /* that node does it itself */
	}
	put(l, &k, 0, NULL);
	if (id != 0)
		joint_drop(l->joint, node, id);
	else if (label != NULL)
		joint_known(l->joint, node, label, 0, 0);
	else
		node_left(l, node);
}

void
ledger_shared_tick(struct ledger *l, const struct book_time *t)
{
	int64_t wall = t->wall_ms / 1000;

	if (wall - l->alive_told >= ALIVE_SEC || wall < l->alive_told)
		tell_alive(l, wall);
	hear_some(l, HEAR_MAX);
	joint_tick(l->joint, t->wall_ms);
	if (l->ops.speaks(l->ops.arg))
		joint_old(l->joint, wall - l->conf.keep_ms / 1000, on_old, l);
	writeback_tick(l->out, PUT_MAX);
}

void
ledger_rest(struct ledger *l, const struct book_time *t)
{
	if (l->joint == NULL)
		return;
	book_flush(l->book, t);
	tell_alive(l, t->wall_ms / 1000);
	writeback_tick(l->out, REST_MAX);
}

/* ---- life */

static bool
on_alive(void *arg, unsigned node, int64_t said)
{
	const struct ledger *l = arg;

	return node == l->ops.node || l->ops.alive(l->ops.arg, node, said);
}

static void
on_changed(void *arg, const char *label)
{
	struct ledger *l = arg;

	availability_again(l->availability, label, clock_wall());
}

static int64_t
on_since(void *arg, const char *label)
{
	const struct ledger *l = arg;

	return joint_since(l->joint, label);
}

static bool
on_ready(void *arg)
{
	const struct ledger *l = arg;

	return l->ops.ready(l->ops.arg);
}

static void
on_put(void *arg, const char *key, const char *text, uint64_t token)
{
	const struct ledger *l = arg;

	l->ops.put(l->ops.arg, key, text, text != NULL ? strlen(text) : 0,
	    token);
}

void
ledger_shared_create(struct ledger *l)
{
	const struct joint_ops jo = { on_alive, on_changed, l };
	const struct writeback_ops oo = { on_ready, on_put, l };
	const struct availability_shared as = { on_since, on_known, l };

	STAILQ_INIT(&l->news);
	l->view = l->kept;
	if (l->ops.node != 0)
		l->view = kept_create();
	l->availability = availability_create(l->view);
	if (l->ops.node == 0)
		return;
	l->name = kept_line_create(l->ops.name);
	l->joint = joint_create(l->view, &jo);
	joint_named(l->joint, l->ops.node, l->name->text);
	l->out = writeback_create(&oo);
	availability_share(l->availability, &as);
}

void
ledger_shared_settle(struct ledger *l, const struct book_time *t)
{
	tell_alive(l, t->wall_ms / 1000);
	joint_settle(l->joint, t->wall_ms);
}

void
ledger_shared_destroy(struct ledger *l)
{
	if (l->joint == NULL)
		return;
	joint_destroy(&l->joint);
	hear_some(l, UINT32_MAX); /* no one else will */
	writeback_destroy(&l->out);
	kept_line_unref(&l->name);
	kept_destroy(&l->view);
}
