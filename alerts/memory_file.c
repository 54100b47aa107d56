/* SPDX-License-Identifier: ISC
 * memory_file: the memory as JSON, and its file. Reading trusts nothing: the
 * file may be damaged or edited. An invalid object makes the whole file
 * unusable; alerts unknown to this version are skipped. */

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alerts/memory.h"
#include "base/file.h"
#include "base/mem.h"
#include "status/json.h"

#define VERSION	   1
#define TIME_MAX   1e15 /* ms */
#define OBJECT_MAX 200000
#define COUNT_MAX  1e9

/* ---- writing */

static void
write_instance(cJSON *o, const struct instance *i)
{
	json_text(o, "alert", conf_alert_info[i->kind].name);
	json_text(o, "domain", i->domain);
	json_num(o, "state", i->state);
	json_num(o, "severity", i->severity);
	json_num(o, "was", i->was);
	json_num(o, "was_ms", (double)i->was_ms);
	json_num(o, "since_ms", (double)i->since_ms);
	json_num(o, "spell_ms", (double)i->spell_ms);
	json_num(o, "start_ms", (double)i->start_ms);
	json_num(o, "fired_ms", (double)i->fired_ms);
	json_num(o, "clear_ms", (double)i->clear_ms);
	json_num(o, "end_ms", (double)i->end_ms);
	json_num(o, "over_ms", (double)i->over_ms);
	json_num(o, "times", i->times);
	json_num(o, "flaps", i->flaps);
	json_num(o, "audible", i->audible);
	json_num(o, "acked", i->acked);
	json_text(o, "acked_by", i->acked_by);
	json_text(o, "primary", i->primary);
	json_text(o, "summary", i->summary);
}

static void
write_note(cJSON *o, const struct note *n)
{
	cJSON *list = json_array(o, "members"), *m;

	json_text(o, "alert", note_name(n));
	json_text(o, "group", n->group);
	json_text(o, "primary", n->primary);
	json_num(o, "severity", n->severity);
	json_num(o, "total", n->total);
	json_num(o, "messages", (double)n->messages);
	json_num(o, "expiry_ms", (double)n->expiry_ms);
	for (unsigned i = 0; i < n->n; i++) {
		m = json_push_object(list);
		json_text(m, "domain", n->member[i].domain);
		json_num(m, "severity", n->member[i].severity);
		json_num(m, "start_ms", (double)n->member[i].start_ms);
		json_num(m, "end_ms", (double)n->member[i].end_ms);
		json_num(m, "well_ms", (double)n->member[i].well_ms);
		json_num(m, "times", n->member[i].times);
		json_bool(m, "told", n->member[i].told);
		json_text(m, "summary", n->member[i].summary);
	}
}

static void
write_entry(cJSON *o, const struct outbox_entry *e)
{
	json_text(o, "receiver", e->receiver);
	json_text(o, "host", e->host);
	write_note(o, &e->note);
	json_num(o, "phase", e->phase);
	json_num(o, "flags",
	    e->attempted | e->reached << 1 | e->ended << 2 | e->again << 3);
	json_num(o, "due_ms", (double)e->due_ms);
	json_num(o, "phase_ms", (double)e->phase_ms);
	json_num(o, "told_ms", (double)e->told_ms);
	json_num(o, "told", e->told);
}

static void
write_silence(cJSON *o, const struct silence *s)
{
	json_num(o, "id", (double)s->id);
	json_text(o, "match", s->match);
	json_num(o, "from_ms", (double)s->from_ms);
	json_num(o, "until_ms", (double)s->until_ms);
	json_text(o, "reason", s->reason);
}

static void
write_failing(cJSON *o, const struct memory_failing *f)
{
	json_text(o, "receiver", f->receiver);
	json_num(o, "since_ms", (double)f->since_ms);
	json_bool(o, "rejected", f->rejected);
}

int
memory_write(const struct memory *m, struct buf *out)
{
	struct memory *walk = (struct memory *)(uintptr_t)m;
	cJSON *o = json_object(), *list;
	struct outbox_entry *e;
	struct instance *i;
	char *text;
	int rc;

	json_num(o, "version", VERSION);
	json_num(o, "last_silence", (double)m->last_silence);
	list = json_array(o, "silences");
	for (unsigned k = 0; k < m->nsilences; k++)
		write_silence(json_push_object(list), &m->silence[k]);
	list = json_array(o, "failing");
	for (unsigned k = 0; k < m->nfailing; k++)
		write_failing(json_push_object(list), &m->failing[k]);
	list = json_array(o, "instances");
	RB_FOREACH (i, instance_tree, &walk->instances)
		if (i->state != INSTANCE_INACTIVE)
			write_instance(json_push_object(list), i);
	list = json_array(o, "outbox");
	RB_FOREACH (e, outbox_tree, &walk->outbox.tree)
		if (e->note.kind != NOTE_TEST)
			write_entry(json_push_object(list), e);
	text = json_print(o);
	rc = buf_adds(out, text);
	mem_free(&text);
	return rc;
}

/* ---- reading; `ok` is false after any invalid value */

struct reader {
	const cJSON *o;
	bool ok;
};

static const cJSON *
get(const struct reader *r, const char *key)
{
	return json_get(r->o, key);
}

static int64_t
get_int(struct reader *r, const char *key, double max)
{
	const cJSON *v = get(r, key);

	if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0) ||
	    v->valuedouble > max || v->valuedouble != floor(v->valuedouble)) {
		r->ok = false;
		return 0;
	}
	return (int64_t)v->valuedouble;
}

static void
get_text(struct reader *r, const char *key, char *dst, size_t size)
{
	const cJSON *v = get(r, key);

	dst[0] = '\0';
	if (!cJSON_IsString(v) || strlcpy(dst, v->valuestring, size) >= size) {
		dst[0] = '\0';
		r->ok = false;
	}
	r->ok &= json_is_clean(dst);
}

/* A field that older versions did not write. */
static int64_t
get_new(struct reader *r, const char *key, double max, int64_t absent)
{
	return get(r, key) != NULL ? get_int(r, key, max) : absent;
}

/* ALERT_KIND_MAX for an alert of another version. */
static enum alert_kind
get_kind(struct reader *r)
{
	char name[64];

	get_text(r, "alert", name, sizeof(name));
	return config_alert_kind(name);
}

static bool
read_instance(struct memory *m, const cJSON *o)
{
	struct reader r = { o, true };
	enum alert_kind kind = get_kind(&r);
	char domain[TEXT_DOMAIN_MAX];
	struct instance *i;

	get_text(&r, "domain", domain, sizeof(domain));
	if (!r.ok || kind == ALERT_KIND_MAX)
		return r.ok;
	i = instance_get(&m->instances, kind, domain);
	i->state = (enum instance_state)get_int(&r, "state", INSTANCE_RESOLVED);
	i->severity =
	    (enum alert_severity)get_int(&r, "severity", ALERT_SEV_CRITICAL);
	i->was = (enum alert_severity)get_int(&r, "was", ALERT_SEV_CRITICAL);
	i->was_ms = get_int(&r, "was_ms", TIME_MAX);
	i->start_ms = get_int(&r, "start_ms", TIME_MAX);
	i->since_ms = get_new(&r, "since_ms", TIME_MAX, i->start_ms);
	i->spell_ms = get_new(&r, "spell_ms", TIME_MAX, i->since_ms);
	i->fired_ms = get_int(&r, "fired_ms", TIME_MAX);
	i->clear_ms = get_int(&r, "clear_ms", TIME_MAX);
	i->end_ms = get_int(&r, "end_ms", TIME_MAX);
	i->over_ms = get_new(&r, "over_ms", TIME_MAX, i->end_ms);
	i->times = (unsigned)get_new(&r, "times", COUNT_MAX, 1);
	i->flaps = (unsigned)get_new(&r, "flaps", COUNT_MAX, 0);
	i->audible = get_new(&r, "audible", 1, 1) != 0;
	i->acked = (enum alert_severity)get_new(&r, "acked", ALERT_SEV_CRITICAL,
	    ALERT_SEV_NONE);
	if (get(&r, "acked_by") != NULL)
		get_text(&r, "acked_by", i->acked_by, sizeof(i->acked_by));
	get_text(&r, "primary", i->primary, sizeof(i->primary));
	get_text(&r, "summary", i->summary, sizeof(i->summary));
	return r.ok;
}

/* Active members come first, as note_update() leaves them. */
static bool
read_members(struct note *note, const cJSON *list)
{
	unsigned n = 0;
	const cJSON *o;

	if (!cJSON_IsArray(list))
		return false;
	cJSON_ArrayForEach (o, list)
		n++;
	if (n > NOTE_LIST_MAX)
		return false;
	note->member = mem_array((n + 7) / 8 * 8, sizeof(*note->member));
	cJSON_ArrayForEach (o, list) {
		struct note_member *m = &note->member[note->n++];
		struct reader r = { o, true };

		get_text(&r, "domain", m->domain, sizeof(m->domain));
		get_text(&r, "summary", m->summary, sizeof(m->summary));
		m->severity = (enum alert_severity)get_int(&r, "severity",
		    ALERT_SEV_CRITICAL);
		m->start_ms = get_int(&r, "start_ms", TIME_MAX);
		m->end_ms = get_int(&r, "end_ms", TIME_MAX);
		m->well_ms = get_new(&r, "well_ms", TIME_MAX, 0);
		m->times = (unsigned)get_new(&r, "times", COUNT_MAX, 1);
		/* Missing in files of older versions. */
		m->told = !cJSON_IsFalse(get(&r, "told"));
		if (!r.ok ||
		    (note->n > 1 && m->end_ms == 0 && m[-1].end_ms != 0))
			return false;
	}
	return true;
}

static bool
read_entry(struct memory *m, const cJSON *o)
{
	struct reader r = { o, true };
	enum alert_kind kind = get_kind(&r);
	char receiver[SNAP_NAME_MAX], group[NOTE_GROUP_MAX];
	struct outbox_entry *e;
	int64_t flags;

	get_text(&r, "receiver", receiver, sizeof(receiver));
	get_text(&r, "group", group, sizeof(group));
	if (!r.ok || kind == ALERT_KIND_MAX)
		return r.ok;
	e = outbox_get(&m->outbox, receiver, kind, group);
	if (e == NULL || e->phase_ms != 0) /* too many, or a duplicate */
		return false;
	if (!read_members(&e->note, get(&r, "members")))
		return false;
	get_text(&r, "primary", e->note.primary, sizeof(e->note.primary));
	e->note.severity =
	    (enum alert_severity)get_int(&r, "severity", ALERT_SEV_CRITICAL);
	e->note.total = (unsigned)get_int(&r, "total", OBJECT_MAX);
	e->note.messages = (uint64_t)get_new(&r, "messages", TIME_MAX, 0);
	e->note.expiry_ms = get_new(&r, "expiry_ms", TIME_MAX, 0);
	e->phase = (enum outbox_phase)get_int(&r, "phase", OUTBOX_RESOLVE);
	/* Until a step confirms it. */
	e->quiet = e->phase == OUTBOX_TRIGGER;
	flags = get_int(&r, "flags", 15);
	e->attempted = flags & 1;
	e->reached = (flags & 2) != 0;
	e->ended = (flags & 4) != 0;
	e->again = (flags & 8) != 0;
	e->due_ms = get_int(&r, "due_ms", TIME_MAX);
	e->phase_ms = get_int(&r, "phase_ms", TIME_MAX);
	e->told_ms = get_int(&r, "told_ms", TIME_MAX);
	e->told = (enum alert_severity)get_int(&r, "told", ALERT_SEV_CRITICAL);
	e->told_total = e->note.total;
	if (get(&r, "host") != NULL)
		get_text(&r, "host", e->host, sizeof(e->host));
	return r.ok && e->note.total >= note_lasting(&e->note) &&
	    e->phase_ms != 0;
}

static bool
read_silence(struct memory *m, const cJSON *o)
{
	struct reader r = { o, m->nsilences < SILENCE_MAX };
	struct silence s;

	memset(&s, 0, sizeof(s));
	s.id = (uint64_t)get_int(&r, "id", TIME_MAX);
	get_text(&r, "match", s.match, sizeof(s.match));
	get_text(&r, "reason", s.reason, sizeof(s.reason));
	s.from_ms = get_int(&r, "from_ms", TIME_MAX);
	s.until_ms = get_int(&r, "until_ms", TIME_MAX);
	if (!r.ok)
		return false;
	m->silence =
	    mem_grow(m->silence, m->nsilences + 1, sizeof(*m->silence));
	m->silence[m->nsilences++] = s;
	return true;
}

static bool
read_failing(struct memory *m, const cJSON *o)
{
	struct reader r = { o, true };
	struct memory_failing f = { .rejected =
					cJSON_IsTrue(get(&r, "rejected")) };

	get_text(&r, "receiver", f.receiver, sizeof(f.receiver));
	f.since_ms = get_int(&r, "since_ms", TIME_MAX);
	if (!r.ok)
		return false;
	m->failing = mem_grow(m->failing, m->nfailing + 1, sizeof(*m->failing));
	m->failing[m->nfailing++] = f;
	return true;
}

static bool
read_list(struct memory *m, const struct reader *r, const char *key,
    bool (*one)(struct memory *, const cJSON *))
{
	const cJSON *list = get(r, key), *o;
	unsigned n = 0;

	if (!cJSON_IsArray(list))
		return false;
	cJSON_ArrayForEach (o, list)
		if (!cJSON_IsObject(o) || ++n > OBJECT_MAX || !one(m, o))
			return false;
	return true;
}

int
memory_read(struct memory *m, const char *text, size_t len)
{
	struct reader r = { cJSON_ParseWithLength(text, len), true };
	bool ok;

	ok = cJSON_IsObject(r.o) && get_int(&r, "version", 1e6) == VERSION &&
	    read_list(m, &r, "silences", read_silence) &&
	    (get(&r, "failing") == NULL || /* a version without it */
		read_list(m, &r, "failing", read_failing)) &&
	    read_list(m, &r, "instances", read_instance) &&
	    read_list(m, &r, "outbox", read_entry);
	m->last_silence = (uint64_t)get_int(&r, "last_silence", TIME_MAX);
	ok = ok && r.ok;
	cJSON_Delete((cJSON *)(uintptr_t)r.o);
	if (!ok) {
		memory_fini(m);
		memory_init(m);
		return -MX_ECORRUPT;
	}
	m->changed = m->outbox.changed = false;
	return 0;
}

/* ---- the file */

int
memory_save(const struct buf *text, const char *path, struct mx_errbuf *eb)
{
	struct mx_errbuf why;

	if (file_replace(path, 0600, text->data, text->len, &why) == 0)
		return 0;
	return mx_fail(eb, MX_EIO, "cannot write %s: %s", path, why.text);
}

int
memory_load(struct memory *m, const char *path, struct mx_errbuf *eb)
{
	struct buf text = BUF_INIT(MEMORY_FILE_MAX);
	struct mx_errbuf why;
	char *aside;
	int rc = file_load(path, &text, &why);

	if (rc == 0)
		rc = memory_read(m, buf_str(&text), text.len);
	buf_fini(&text);
	if (rc == 0 || rc == -MX_ENOENT)
		return 0;
	if (rc == -MX_ESYS)
		return mx_fail(eb, MX_EIO, "cannot read %s: %s", path,
		    why.text);
	aside = mem_printf("%s.bad", path);
	if (rename(path, aside) != 0)
		(void)unlink(path);
	rc = mx_fail(eb, MX_ECORRUPT,
	    "%s is invalid and was moved to %s; continuing alerts are sent "
	    "again",
	    path, aside);
	mem_free(&aside);
	return rc;
}
