/* SPDX-License-Identifier: ISC
 * ledger_shared: the ledger of a node of a cluster: what it tells the others, what
 * they tell, and what it reads of both at its start. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/idmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/ledger_int.h"
#include "status/json.h"

#define PREFIX	  "outage/"
#define KNOWN	  "known/"
#define ALIVE	  "alive"
#define KEY_SIZE  (OUTAGE_NAME_MAX + 64)
#define ALIVE_SEC 30
#define PUT_MAX	  50 /* a tick */
#define REST_MAX  5000 /* at the end */
#define ID_MAX	  (INT64_C(1) << 46) /* of others: ours go on behind them */
#define NEWER_MS  60000 /* what was told is newer than the file */

/* ---- keys */

static const char *
key_of(unsigned node, uint64_t id, const char *label, char key[KEY_SIZE])
{
	if (label != NULL)
		(void)snprintf(key, KEY_SIZE, PREFIX "%u/" KNOWN "%s", node,
		    label);
	else if (id != 0)
		(void)snprintf(key, KEY_SIZE, PREFIX "%u/%" PRIu64, node, id);
	else
		(void)snprintf(key, KEY_SIZE, PREFIX "%u/" ALIVE, node);
	return key;
}

/* What stands behind the number of the node; 0: it is no such key. */
static unsigned
key_node(const char *key, const char **rest)
{
	unsigned n = 0;

	if (strncmp(key, PREFIX, strlen(PREFIX)) != 0)
		return 0;
	key += strlen(PREFIX);
	for (; *key >= '0' && *key <= '9' && n < JOINT_NODES; key++)
		n = n * 10 + (unsigned)(*key - '0');
	if (n >= JOINT_NODES || *key != '/')
		return 0;
	*rest = key + 1;
	return n;
}

static uint64_t
key_id(const char *rest)
{
	int64_t id;

	return text_int(rest, 1, INT64_MAX, &id) == 0 ? (uint64_t)id : 0;
}

static bool
is_known(const char *rest)
{
	return strncmp(rest, KNOWN, strlen(KNOWN)) == 0;
}

/* ---- what others tell */

static void
damaged(const char *key)
{
	static struct log_limit limit;

	if (log_limit_ok(&limit, 60))
		log_warn("ledger", "key=%s problem=\"it does not hold\"",
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
	if (!ledger_share_parse(data, len, &said, &text, &n)) {
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
	    ID_MAX) /* later ones have greater ids, whosever they are */
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
	if (ledger_share_parse(data, len, &until, &text, &n)) {
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
	    (!ledger_share_parse(data, len, &at, &text, &n) ||
		n > TEXT_DOMAIN_MAX))
		return;
	name = mem_strndup(text, n);
	joint_said(l->joint, node, at);
	joint_named(l->joint, node, name);
	mem_free(&name);
}

static void
others_told(struct ledger *l, unsigned node, const char *key, const char *rest,
    const void *data, size_t len)
{
	uint64_t id = key_id(rest);

	if (id != 0)
		account_told(l, node, key, id, data, len);
	else if (is_known(rest))
		known_told(l, node, key, rest + strlen(KNOWN), data, len);
	else if (strcmp(rest, ALIVE) == 0)
		alive_told(l, node, data, len);
}

/* Ours is told to us when we began without the engine. What we do not have is of a
 * file that is gone, and is only shown. */
bool
ledger_told(struct ledger *l, const char *key, const void *data, size_t len)
{
	const char *rest;
	unsigned node;
	uint64_t id;

	if (l->joint == NULL || (node = key_node(key, &rest)) == 0)
		return false;
	id = key_id(rest);
	if (node != l->ops.node || (id != 0 && kept_find(l->kept, id) == NULL))
		others_told(l, node, key, rest, data, len);
	return true;
}

/* ---- what we tell */

void
ledger_shared_keep(struct ledger *l, uint64_t id, struct kept_line *line,
    bool save)
{
	int64_t now = clock_wall_ms();
	char key[KEY_SIZE];

	(void)joint_put(l->joint, l->ops.node, id, now, line);
	if (save)
		ledger_share_put(l->share, key_of(l->ops.node, id, NULL, key),
		    now, line);
}

void
ledger_shared_trimmed(void *ledger, uint64_t id)
{
	struct ledger *l = ledger;
	char key[KEY_SIZE];

	joint_drop(l->joint, l->ops.node, id);
	ledger_share_put(l->share, key_of(l->ops.node, id, NULL, key), 0, NULL);
}

static void
tell_known(struct ledger *l, const char *label)
{
	int64_t until;
	char key[KEY_SIZE];

	(void)availability_known(l->availability, label, &until);
	ledger_share_put(l->share, key_of(l->ops.node, 0, label, key), until,
	    availability_line(l->availability, label));
}

static void
on_known(void *arg, const char *label, bool gone)
{
	struct ledger *l = arg;
	int64_t since, until;
	char key[KEY_SIZE];

	since = availability_known(l->availability, label, &until);
	joint_known(l->joint, l->ops.node, label, gone ? 0 : since, until);
	if (gone)
		ledger_share_put(l->share, key_of(l->ops.node, 0, label, key),
		    0, NULL);
	else
		tell_known(l, label);
}

static void
tell_alive(struct ledger *l, int64_t wall)
{
	char key[KEY_SIZE];

	l->alive_told = wall;
	joint_said(l->joint, l->ops.node, wall);
	ledger_share_put(l->share, key_of(l->ops.node, 0, NULL, key), wall,
	    l->name);
}

void
ledger_put_done(struct ledger *l, uint64_t token, int rc)
{
	if (l->share != NULL)
		ledger_share_done(l->share, token, rc);
}

/* ---- the start */

struct ledger_reading {
	struct ledger *ledger;
	struct idmap same; /* ids: the state has what we have */
	struct idmap known; /* hashes of labels: the same */
	int64_t file_alive, alive;
	unsigned taken;
};

static uint64_t
label_hash(const char *label)
{
	return hash_text(HASH_INIT, label);
}

/* The file does not have it, or is an older copy. */
static void
own_account(struct ledger_reading *rd, uint64_t id, const void *data,
    size_t len)
{
	struct ledger *l = rd->ledger;
	const struct kept_line *have = kept_find(l->kept, id);
	struct outage o;
	const char *text;
	int64_t said;
	size_t n;

	if (!ledger_share_parse(data, len, &said, &text, &n))
		return;
	if (have != NULL &&
	    ((have->len == n && memcmp(have->text, text, n) == 0) ||
		said <= rd->file_alive * 1000 + NEWER_MS)) {
		if (have->len == n && memcmp(have->text, text, n) == 0)
			idmap_put(&rd->same, id, l);
		return;
	}
	if (outage_parse(&o, text, n) != 0)
		return;
	if (o.id == id) {
		have = kept_put(l->kept, &o);
		ledger_file_add(l->file, have->text, have->len);
		book_last_id(l->book, id);
		idmap_put(&rd->same, id, l);
		rd->taken++;
	}
	outage_fini(&o);
}

static void
own_known(struct ledger_reading *rd, const char *label, const void *data,
    size_t len)
{
	struct ledger *l = rd->ledger;
	const struct kept_line *have =
	    availability_line(l->availability, label);
	const char *text;
	int64_t until;
	size_t n;

	if (!ledger_share_parse(data, len, &until, &text, &n))
		return;
	if (have == NULL) {
		(void)availability_load(l->availability, text, n, 0);
		have = availability_line(l->availability, label);
		if (have != NULL)
			ledger_file_add(l->file, have->text, have->len);
	}
	if (have != NULL && have->len == n && until == 0 &&
	    memcmp(have->text, text, n) == 0)
		idmap_put(&rd->known, label_hash(label), l);
}

static void
on_state(void *arg, const char *key, const void *data, size_t len)
{
	struct ledger_reading *rd = arg;
	struct ledger *l = rd->ledger;
	const char *rest, *text;
	unsigned node = key_node(key, &rest);
	int64_t at;
	size_t n;

	if (node == 0 || len == 0)
		return;
	if (node != l->ops.node)
		others_told(l, node, key, rest, data, len);
	else if (key_id(rest) != 0)
		own_account(rd, key_id(rest), data, len);
	else if (is_known(rest))
		own_known(rd, rest + strlen(KNOWN), data, len);
	else if (strcmp(rest, ALIVE) == 0 &&
	    ledger_share_parse(data, len, &at, &text, &n))
		rd->alive = at;
}

static void
on_label(void *arg, const char *label)
{
	struct ledger_reading *rd = arg;
	struct ledger *l = rd->ledger;
	int64_t since, until;

	since = availability_known(l->availability, label, &until);
	joint_known(l->joint, l->ops.node, label, since, until);
	if (idmap_get(&rd->known, label_hash(label)) == NULL)
		tell_known(l, label);
}

static void
tell_rest(struct ledger_reading *rd, int64_t alive)
{
	struct ledger *l = rd->ledger;
	struct kept_line *line;
	char key[KEY_SIZE];
	uint64_t id;

	for (unsigned i = 0; (line = kept_line_at(l->kept, i)) != NULL; i++) {
		id = kept_id_at(l->kept, i);
		(void)joint_put(l->joint, l->ops.node, id, alive * 1000, line);
		if (idmap_get(&rd->same, id) == NULL)
			ledger_share_put(l->share,
			    key_of(l->ops.node, id, NULL, key), alive * 1000,
			    line);
	}
	availability_each(l->availability, on_label, rd);
}

int64_t
ledger_shared_load(struct ledger *l, int64_t alive)
{
	struct ledger_reading rd = { .ledger = l,
		.file_alive = alive,
		.alive = alive };

	idmap_init(&rd.same);
	idmap_init(&rd.known);
	l->ops.each(l->ops.arg, PREFIX, on_state, &rd);
	if (rd.alive < alive)
		rd.alive = alive;
	/* What we told before, and cannot read, is not written over. */
	if (alive == 0 && !l->ops.ready(l->ops.arg))
		book_last_id(l->book, (uint64_t)clock_wall());
	tell_rest(&rd, rd.alive);
	joint_said(l->joint, l->ops.node, rd.alive);
	idmap_fini(&rd.same);
	idmap_fini(&rd.known);
	log_info("ledger", "accounts=%u taken_back=%u to_tell=%u",
	    joint_count(l->joint), rd.taken, ledger_share_count(l->share));
	return rd.alive;
}

/* ---- what is old */

static void
on_old(void *arg, unsigned node, uint64_t id, const char *label)
{
	struct ledger *l = arg;
	char key[KEY_SIZE];

	if (node == l->ops.node) {
		if (id == 0 || kept_find(l->kept, id) != NULL)
			return;
	} else if (joint_lives(l->joint, node)) {
		return; /* it does that itself */
	}
	ledger_share_put(l->share, key_of(node, id, label, key), 0, NULL);
	if (id != 0)
		joint_drop(l->joint, node, id);
	else if (label != NULL)
		joint_known(l->joint, node, label, 0, 0);
	else
		joint_said(l->joint, node, 0);
}

void
ledger_shared_tick(struct ledger *l, const struct book_time *t)
{
	int64_t wall = t->wall_ms / 1000;

	if (wall - l->alive_told >= ALIVE_SEC || wall < l->alive_told)
		tell_alive(l, wall);
	joint_tick(l->joint, t->wall_ms);
	if (l->ops.speaks(l->ops.arg))
		joint_old(l->joint, wall - l->conf.keep_ms / 1000, on_old, l);
	ledger_share_tick(l->share, PUT_MAX);
}

void
ledger_rest(struct ledger *l, const struct book_time *t)
{
	if (l->joint == NULL)
		return;
	book_flush(l->book, t);
	tell_alive(l, t->wall_ms / 1000);
	ledger_share_tick(l->share, REST_MAX);
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
on_put(void *arg, const char *key, const void *data, size_t len, uint64_t token)
{
	const struct ledger *l = arg;

	l->ops.put(l->ops.arg, key, data, len, token);
}

void
ledger_shared_create(struct ledger *l)
{
	const struct joint_ops jo = { on_alive, on_changed, l };
	const struct ledger_share_ops so = { on_ready, on_put, l };
	const struct availability_shared as = { on_since, on_known, l };

	l->view = l->kept;
	if (l->ops.node != 0)
		l->view = kept_create();
	l->availability = availability_create(l->view);
	if (l->ops.node == 0)
		return;
	l->name = kept_line_create(l->ops.name);
	l->joint = joint_create(l->view, &jo);
	joint_named(l->joint, l->ops.node, l->name->text);
	l->share = ledger_share_create(&so);
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
	ledger_share_destroy(&l->share);
	kept_line_unref(&l->name);
	kept_destroy(&l->view);
}
