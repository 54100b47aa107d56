/* SPDX-License-Identifier: ISC
 * ledger_reading: the start of a node of a cluster: takes back its own reports
 * that its file lacks, and reports what the state lacks. */
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/idmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/ledger_int.h"

#define NEWER_MS 60000 /* report newer than the file */

struct ledger_reading {
	struct ledger *ledger;
	struct idmap same; /* ids that are equal in the state */
	struct idmap known; /* hashes of labels: the same */
	int64_t file_alive, alive;
	unsigned taken;
};

static uint64_t
label_hash(const char *label)
{
	return hash_text(HASH_INIT, label);
}

static bool
is_same(const struct kept_line *have, const char *text, size_t n)
{
	return have != NULL && have->len == n &&
	    memcmp(have->text, text, n) == 0;
}

/* The file does not have it, or has an older version. */
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

	if (!ledger_value_parse(data, len, &said, &text, &n))
		return;
	if (is_same(have, text, n))
		idmap_put(&rd->same, id, l);
	if (is_same(have, text, n) ||
	    (have != NULL && said <= rd->file_alive * 1000 + NEWER_MS))
		return;
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

	if (!ledger_value_parse(data, len, &until, &text, &n))
		return;
	if (have == NULL) {
		(void)availability_load(l->availability, text, n, 0);
		have = availability_line(l->availability, label);
		if (have != NULL)
			ledger_file_add(l->file, have->text, have->len);
	}
	if (is_same(have, text, n) && until == 0)
		idmap_put(&rd->known, label_hash(label), l);
}

static void
on_state(void *arg, const char *key, const void *data, size_t len)
{
	struct ledger_reading *rd = arg;
	struct ledger *l = rd->ledger;
	struct ledger_key k;
	const char *text;
	int64_t at;
	size_t n;

	if (!ledger_key_parse(&k, key) || len == 0)
		return;
	if (k.node != l->ops.node)
		ledger_shared_heard(l, key, &k, data, len);
	else if (k.id != 0)
		own_account(rd, k.id, data, len);
	else if (k.label != NULL)
		own_known(rd, k.label, data, len);
	else if (k.alive && ledger_value_parse(data, len, &at, &text, &n))
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
		ledger_shared_tell_known(l, label);
}

static void
tell_rest(struct ledger_reading *rd, int64_t alive)
{
	struct ledger *l = rd->ledger;
	struct kept_line *line;
	uint64_t id;

	for (unsigned i = 0; (line = kept_line_at(l->kept, i)) != NULL; i++) {
		id = kept_id_at(l->kept, i);
		(void)joint_put(l->joint, l->ops.node, id, alive * 1000, line);
		if (idmap_get(&rd->same, id) == NULL)
			ledger_shared_tell(l, id, alive * 1000, line);
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
	l->ops.each(l->ops.arg, LEDGER_PREFIX, on_state, &rd);
	if (rd.alive < alive)
		rd.alive = alive;
	/* Ids of earlier reports that cannot be read must not be
	 * overwritten. */
	if (alive == 0 && !l->ops.ready(l->ops.arg))
		book_last_id(l->book, (uint64_t)clock_wall());
	tell_rest(&rd, rd.alive);
	joint_said(l->joint, l->ops.node, rd.alive);
	idmap_fini(&rd.same);
	idmap_fini(&rd.known);
	log_info("ledger", "accounts=%u taken_back=%u to_tell=%u",
	    joint_count(l->joint), rd.taken, writeback_count(l->out));
	return rd.alive;
}
