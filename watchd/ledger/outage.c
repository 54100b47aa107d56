/* SPDX-License-Identifier: ISC
 * outage: see outage.h. One table of numbers is used for writing and reading,
 * so that neither can miss one. */
#include "ledger/outage.h"

#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "status/json.h"

static const char *const kind_name[] = {
#define KIND(NAME, name) [OUTAGE_##NAME] = #name,
	OUTAGE_KINDS(KIND)
#undef KIND
};
static const char *const state_name[] = {
#define STATE(NAME, name) [OUTAGE_##NAME] = #name,
	OUTAGE_STATES(STATE)
#undef STATE
};
static const char *const mark_name[] = {
#define MARK(NAME, name) [OUTAGE_MARK_##NAME] = #name,
	OUTAGE_MARKS(MARK)
#undef MARK
};

const char *
outage_kind_name(enum outage_kind k)
{
	return kind_name[k];
}

const char *
outage_state_name(enum outage_state s)
{
	return state_name[s];
}

const char *
outage_mark_name(enum outage_mark_kind k)
{
	return mark_name[k];
}

/* ---- life */

void
outage_text_set(char **text, const char *to)
{
	char *clean = json_clean(to);
	size_t n = strlen(clean);

	if (n > OUTAGE_TEXT_MAX) {
		n = OUTAGE_TEXT_MAX - 3;
		while (n > 0 && ((unsigned char)clean[n] & 0xc0) == 0x80)
			n--; /* not within a UTF-8 character */
		memcpy(clean + n, "...", sizeof("..."));
	}
	mem_free(text);
	*text = clean;
}

void
outage_init(struct outage *o, enum outage_kind kind, const char *name)
{
	*o = (struct outage){ .kind = kind,
		.name = mem_strdup(name),
		.primary = mem_strdup(""),
		.reply = mem_strdup("") };
}

static void
mark_fini(struct outage_mark *m)
{
	mem_free(&m->who);
	mem_free(&m->what);
}

void
outage_fini(struct outage *o)
{
	for (unsigned i = 0; i < o->nmarks; i++)
		mark_fini(&o->mark[i]);
	mem_free(&o->mark);
	for (unsigned i = 0; i < o->nnodes; i++)
		mem_free(&o->node[i]);
	mem_free(&o->node);
	mem_free(&o->name);
	mem_free(&o->primary);
	mem_free(&o->reply);
}

/* Keeps the beginning, and the latest marks. */
static void
mark_make_room(struct outage *o)
{
	const unsigned at = OUTAGE_MARKS_MAX / 2;

	mark_fini(&o->mark[at]);
	o->nmarks--;
	o->marks_lost++;
	memmove(&o->mark[at], &o->mark[at + 1],
	    (o->nmarks - at) * sizeof(o->mark[0]));
}

void
outage_mark_add(struct outage *o, enum outage_mark_kind kind, int64_t at,
    const char *who, const char *what)
{
	struct outage_mark *m;

	if (o->nmarks == OUTAGE_MARKS_MAX)
		mark_make_room(o);
	o->mark = mem_grow(o->mark, o->nmarks + 1, sizeof(*o->mark));
	m = &o->mark[o->nmarks++];
	*m = (struct outage_mark){ .kind = kind, .at = at };
	outage_text_set(&m->who, who);
	outage_text_set(&m->what, what);
}

bool
outage_maintained(const struct outage *o)
{
	for (unsigned i = o->nmarks; i-- > 0;)
		if (o->mark[i].kind == OUTAGE_MARK_MAINTENANCE)
			return strcmp(o->mark[i].who, "end") != 0;
	return false;
}

void
outage_down_until(struct outage *o, int64_t wall_ms)
{
	int64_t ms = wall_ms - o->failed * 1000 - o->unwatched_ms;

	if (o->state != OUTAGE_DOWN || o->flaps > 0 || ms <= o->down_ms)
		return;
	if (outage_maintained(o))
		o->maintenance_ms += ms - o->down_ms;
	o->down_ms = ms;
}

void
outage_node_add(struct outage *o, const char *name)
{
	o->node = mem_grow(o->node, o->nnodes + 1, sizeof(*o->node));
	o->node[o->nnodes++] = mem_strdup(name);
}

/* ---- the line */

enum number { NUMBER_TIME, NUMBER_MS, NUMBER_U64, NUMBER_UINT };

static const struct outage_number {
	const char *key;
	enum number type;
	size_t offset;
} outage_numbers[] = {
#define N(key, type, field)                                                    \
	{                                                                      \
		key, NUMBER_##type, offsetof(struct outage, field)             \
	}
	N("failed", TIME, failed),
	N("detected", TIME, detected),
	N("recovered", TIME, recovered),
	N("first_delivery", TIME, first_delivery),
	N("drained", TIME, drained),
	N("detected_after_seconds", MS, detected_ms),
	N("down_seconds", MS, down_ms),
	N("drain_seconds", MS, drain_ms),
	N("unwatched_seconds", MS, unwatched_ms),
	N("maintenance_seconds", MS, maintenance_ms),
	N("flaps", UINT, flaps),
	N("domains", UINT, domains),
	N("recorded", UINT, recorded),
	N("unrecorded", UINT, unrecorded),
	N("accepted", U64, accepted),
	N("refused", U64, refused),
	N("delivered", U64, delivered),
	N("returned", U64, returned),
	N("expired", U64, expired),
	N("depth", U64, depth),
	N("age_seconds", MS, age_ms),
	N("marks_lost", UINT, marks_lost),
#undef N
};

static void
number_write(cJSON *j, const struct outage *o, const struct outage_number *n)
{
	const char *at = (const char *)o + n->offset;

	switch (n->type) {
	case NUMBER_TIME:
		json_time(j, n->key, *(const int64_t *)(const void *)at);
		break;
	case NUMBER_MS:
		json_num(j, n->key,
		    (double)*(const int64_t *)(const void *)at / 1e3);
		break;
	case NUMBER_U64:
		json_num(j, n->key,
		    (double)*(const uint64_t *)(const void *)at);
		break;
	case NUMBER_UINT:
		json_num(j, n->key, *(const unsigned *)(const void *)at);
		break;
	}
}

static void
number_read(const cJSON *j, struct outage *o, const struct outage_number *n)
{
	char *at = (char *)o + n->offset;
	int64_t v = json_get_int(j, n->key);
	double d = json_get_num(j, n->key);

	switch (n->type) {
	case NUMBER_TIME:
		*(int64_t *)(void *)at = v;
		break;
	case NUMBER_MS:
		*(int64_t *)(void *)at =
		    d >= 0 && d < 1e11 ? (int64_t)(d * 1e3 + .5) : 0;
		break;
	case NUMBER_U64:
		*(uint64_t *)(void *)at = (uint64_t)v;
		break;
	case NUMBER_UINT:
		*(unsigned *)(void *)at = v <= INT32_MAX ? (unsigned)v : 0;
		break;
	}
}

static void
write_marks(cJSON *j, const struct outage *o)
{
	cJSON *list = json_array(j, "marks"), *e;

	for (unsigned i = 0; i < o->nmarks; i++) {
		e = json_push_object(list);
		json_time(e, "at", o->mark[i].at);
		json_text(e, "what", mark_name[o->mark[i].kind]);
		json_text(e, "who", o->mark[i].who);
		json_text(e, "text", o->mark[i].what);
	}
}

/* Without a cluster there are none, and the line is as before. */
static void
write_nodes(cJSON *j, const struct outage *o)
{
	cJSON *list;

	if (o->nnodes == 0)
		return;
	list = json_array(j, "nodes");
	for (unsigned i = 0; i < o->nnodes; i++)
		json_say(list, "%s", o->node[i]);
}

char *
outage_print(const struct outage *o)
{
	cJSON *j = json_object();

	json_num(j, "id", (double)o->id);
	json_text(j, "kind", kind_name[o->kind]);
	json_text(j, "name", o->name);
	json_text(j, "state", state_name[o->state]);
	json_text(j, "primary", o->primary);
	if (o->part_of != 0)
		json_num(j, "part_of", (double)o->part_of);
	else
		json_null(j, "part_of");
	json_bool(j, "gone", o->gone);
	if (o->phase != SMTP_PHASE_NONE)
		json_text(j, "phase", smtp_phase_name(o->phase));
	else
		json_null(j, "phase");
	json_text(j, "reply", o->reply);
	json_text(j, "seen", o->by_delivery ? "delivery" : "probe");
	for (size_t i = 0; i < MX_COUNT(outage_numbers); i++)
		number_write(j, o, &outage_numbers[i]);
	json_num(j, "peak_rate", o->peak_rate);
	write_marks(j, o);
	write_nodes(j, o);
	return json_print(j);
}

/* ---- parsing: the file may be damaged or edited */

static int
word_index(const char *word, const char *const *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name[i], word) == 0)
			return (int)i;
	return -1;
}

static enum smtp_phase
phase_parse(const char *word)
{
	for (unsigned i = SMTP_PHASE_NONE + 1; i < SMTP_PHASE_MAX; i++)
		if (strcmp(smtp_phase_name((enum smtp_phase)i), word) == 0)
			return (enum smtp_phase)i;
	return SMTP_PHASE_NONE;
}

static void
read_marks(struct outage *o, const cJSON *j)
{
	const cJSON *e;
	int kind;

	cJSON_ArrayForEach (e, json_get(j, "marks")) {
		kind = word_index(json_get_text(e, "what"), mark_name,
		    MX_COUNT(mark_name));
		if (kind >= 0)
			outage_mark_add(o, (enum outage_mark_kind)kind,
			    json_get_int(e, "at"), json_get_text(e, "who"),
			    json_get_text(e, "text"));
	}
}

static void
read_rest(struct outage *o, const cJSON *j)
{
	double rate = json_get_num(j, "peak_rate");

	o->id = (uint64_t)json_get_int(j, "id");
	outage_text_set(&o->primary, json_get_text(j, "primary"));
	o->part_of = (uint64_t)json_get_int(j, "part_of");
	o->gone = json_get_bool(j, "gone");
	o->phase = phase_parse(json_get_text(j, "phase"));
	outage_text_set(&o->reply, json_get_text(j, "reply"));
	o->by_delivery = strcmp(json_get_text(j, "seen"), "delivery") == 0;
	o->peak_rate = rate >= 0 && rate < 1e9 ? rate : 0;
	read_marks(o, j);
	/* after the marks, which count the dropped ones */
	for (size_t i = 0; i < MX_COUNT(outage_numbers); i++)
		number_read(j, o, &outage_numbers[i]);
}

int
outage_parse(struct outage *o, const char *line, size_t len)
{
	cJSON *j = cJSON_ParseWithLength(line, len);
	const char *name = json_get_text(j, "name");
	int kind, state, rc = -MX_ESYNTAX;

	kind = word_index(json_get_text(j, "kind"), kind_name,
	    MX_COUNT(kind_name));
	state = word_index(json_get_text(j, "state"), state_name,
	    MX_COUNT(state_name));
	if (!cJSON_IsObject(j) || kind < 0 || state <= OUTAGE_SUSPECTED ||
	    name[0] == '\0' || strlen(name) >= OUTAGE_NAME_MAX ||
	    json_get_int(j, "id") == 0 || json_get_int(j, "failed") == 0)
		goto out;
	outage_init(o, (enum outage_kind)kind, name);
	o->state = (enum outage_state)state;
	read_rest(o, j);
	rc = 0;
out:
	cJSON_Delete(j);
	return rc;
}
