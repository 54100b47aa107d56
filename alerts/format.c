/* SPDX-License-Identifier: ISC
 * format: the shared parts of the formats. */
#include "alerts/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alerts/forecast.h"
#include "base/mem.h"
#include "net/hmac.h"

#define KEY_MAX 255 /* limit of PagerDuty */

char *
format_ascii(const char *text)
{
	char *s = mem_strdup(text);

	text_ascii(s);
	return s;
}

void
format_time(cJSON *o, const char *key, int64_t ms)
{
	char t[40];

	json_text(o, key, text_date_3339(ms / 1000, t, sizeof(t)));
}

void
format_json(struct message *m, cJSON *o)
{
	char *text = json_print(o);
	int rc;

	rc = buf_adds(&m->body, text);
	MX_ASSERT(rc == 0);
	mem_free(&text);
	if (m->carrier == CARRY_HTTP)
		message_header(m, "Content-Type: application/json");
}

/* The only domain that it is about; NULL: none, or several. */
static const struct note_member *
only_member(const struct note *n, bool resolve)
{
	unsigned listed = resolve ? n->n : note_lasting(n);

	return listed == 1 && note_unlisted(n) == 0 ? &n->member[0] : NULL;
}

/* "resolved after 2h13m, 4 times: " */
static void
resolved_fmt(const struct format_ctx *x, const struct note *n, char *dst,
    size_t size)
{
	char lasted[32], came[32] = "";
	unsigned times = 1;
	int64_t end = 0;

	for (unsigned i = 0; i < n->n; i++) {
		if (n->member[i].end_ms > end)
			end = n->member[i].end_ms;
		if (n->member[i].times > times)
			times = n->member[i].times;
	}
	if (times > 1)
		snprintf(came, sizeof(came), ", %u times", times);
	/* A receiver that never got the trigger must not look for it. */
	snprintf(dst, size, "resolved after %s%s%s: ",
	    forecast_time_fmt(end - note_start(n), lasted, sizeof(lasted)),
	    came, x->untold ? ", could not be sent earlier" : "");
}

char *
format_title(const struct format_ctx *x, const struct note *n, bool resolve)
{
	const struct note_member *only = only_member(n, resolve);
	const char *about = n->primary[0] != '\0' ? n->primary : n->group;
	const char *what, *severity = "";
	char resolved[112] = "", queue[128] = "", *text, *title;

	if (n->kind == NOTE_TEST)
		return mem_printf("%s: test of receiver %s%s", x->instance,
		    x->conf->name, resolve ? " (resolved)" : "");
	what = conf_alert_info[n->kind].summary;
	if (resolve)
		resolved_fmt(x, n, resolved, sizeof(resolved));
	else
		severity = n->severity == ALERT_SEV_CRITICAL ? " (critical)" :
							       " (warning)";
	if (!resolve)
		note_queue_fmt(n, queue, sizeof(queue));
	if (only == NULL)
		text = mem_printf(": %s, %u domains%s%s", about,
		    resolve ? n->n + note_unlisted(n) : n->total,
		    queue[0] != '\0' ? ", " : "", queue);
	else if (resolve) /* the former reason is outdated */
		text = mem_printf("%s%s", only->domain[0] != '\0' ? ": " : "",
		    only->domain);
	else
		text = mem_printf(": %s%s%s", only->domain,
		    only->domain[0] != '\0' ? ": " : "", only->summary);
	title = mem_printf("%s: %s%s%s%s", x->instance, resolved, what,
	    severity, text);
	mem_free(&text);
	text = format_ascii(title);
	mem_free(&title);
	return text;
}

/* "a.test: refused\n  since ...\n"; the caller frees it. */
static char *
member_lines(const struct note_member *m)
{
	char *summary = format_ascii(m->summary), *over, *lines;
	char start[40], end[40], lasted[32];

	text_date_3339(m->start_ms / 1000, start, sizeof(start));
	text_date_3339(m->end_ms / 1000, end, sizeof(end));
	over = m->end_ms == 0 ? mem_strdup("") :
				mem_printf(" until %s, for %s", end,
				    forecast_time_fmt(m->end_ms - m->start_ms,
					lasted, sizeof(lasted)));
	lines = mem_printf("%s%s%s%s\n  since %s%s\n", m->domain,
	    m->domain[0] != '\0' ? ": " : "", m->end_ms != 0 ? "it was: " : "",
	    summary, start, over);
	mem_free(&summary);
	mem_free(&over);
	return lines;
}

/* "next: ...\npage: ...\nrunbook: ...\n"; the caller frees it. */
static char *
tail_lines(const struct format_ctx *x, const struct note *n)
{
	bool over = note_lasting(n) == 0;
	char *next = format_note_next(n), *page = format_note_link(x, n, over);
	char *book = over ? mem_strdup("") : format_runbook(x, n->kind);
	char *tail = mem_printf("%s%s%s%s%s%s%s%s%s",
	    next[0] != '\0' ? "next: " : "", next, next[0] != '\0' ? "\n" : "",
	    page[0] != '\0' ? "page: " : "", page, page[0] != '\0' ? "\n" : "",
	    book[0] != '\0' ? "runbook: " : "", book,
	    book[0] != '\0' ? "\n" : "");

	mem_free(&next);
	mem_free(&page);
	mem_free(&book);
	return tail;
}

#define MORE_ROOM 32 /* "and 4294967295 more\n" */

void
format_lines(const struct format_ctx *x, const struct note *n, size_t max,
    struct buf *out)
{
	char *tail = tail_lines(x, n), *lines;
	size_t left = max - MORE_ROOM, len;
	unsigned more = note_unlisted(n), i;
	int rc = 0;

	left -= strlen(tail) < left ? strlen(tail) : left;
	for (i = 0; i < n->n && rc == 0; i++) {
		lines = member_lines(&n->member[i]);
		len = strlen(lines);
		if (len > left)
			more += n->n - i;
		else
			rc = buf_add(out, lines, len);
		mem_free(&lines);
		if (len > left)
			break;
		left -= len;
	}
	if (rc == 0 && more > 0)
		rc = buf_addf(out, "and %u more\n", more);
	if (rc == 0)
		rc = buf_adds(out, tail);
	MX_ASSERT(rc == 0); /* `max` is within the buffer's */
	mem_free(&tail);
}

char *
format_link(const struct format_ctx *x, const char *about)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~:";
	size_t len = x->page_url != NULL ? strlen(x->page_url) : 0;
	struct buf out = BUF_INIT(8192);
	int rc;

	if (len == 0)
		return mem_strdup("");
	while (len > 0 && x->page_url[len - 1] == '/')
		len--;
	rc = buf_addf(&out, "%.*s/%s", (int)len, x->page_url,
	    about[0] != '\0' ? "#" : "");
	for (; *about != '\0' && rc == 0; about++)
		rc = strchr(plain, *about) != NULL ?
		    buf_add(&out, about, 1) :
		    buf_addf(&out, "%%%02X", (unsigned char)*about);
	MX_ASSERT(rc == 0); /* a line of the file, a name */
	return buf_take(&out);
}

char *
format_note_link(const struct format_ctx *x, const struct note *n, bool resolve)
{
	const struct note_member *only = only_member(n, resolve);

	if (n->kind >= ALERT_KIND_MAX ||
	    alert_scope(n->kind) != ALERT_SCOPE_DOMAIN)
		return format_link(x, "");
	return format_link(x, only != NULL ? only->domain : n->group);
}

char *
format_runbook(const struct format_ctx *x, enum alert_kind kind)
{
	if (kind >= ALERT_KIND_MAX || x->runbook_url == NULL ||
	    x->runbook_url[0] == '\0')
		return mem_strdup("");
	return mem_printf("%s#%s", x->runbook_url, conf_alert_info[kind].name);
}

char *
format_next(enum alert_kind kind, const char *domain)
{
	static const char word[] = "DOMAIN";
	struct buf out = BUF_INIT(4096);
	const char *p, *at;
	int rc = 0;

	if (kind >= ALERT_KIND_MAX) /* a test */
		return mem_strdup("");
	p = conf_alert_info[kind].next;
	while (domain[0] != '\0' && rc == 0 && (at = strstr(p, word)) != NULL) {
		rc = buf_add(&out, p, (size_t)(at - p));
		if (rc == 0)
			rc = buf_adds(&out, domain);
		p = at + sizeof(word) - 1;
	}
	if (rc == 0)
		rc = buf_adds(&out, p);
	MX_ASSERT(rc == 0); /* a name or two of 253 bytes */
	return buf_take(&out);
}

char *
format_note_next(const struct note *n)
{
	const struct note_member *only = only_member(n, false);

	if (note_lasting(n) == 0)
		return mem_strdup("");
	return format_next(n->kind, only != NULL ? only->domain : "");
}

char *
format_key(const struct format_ctx *x, const struct note *n)
{
	char *key =
	    mem_printf("mxwatch/%s/%s/%s", x->instance, note_name(n), n->group);
	char hex[HMAC_HEX_MAX];

	if (strlen(key) > KEY_MAX) {
		sha256_hex(key, strlen(key), hex);
		mem_free(&key);
		key = mem_strdup(hex);
	}
	return key;
}

char *
format_alertname(const char *name)
{
	char *out = mem_printf("Mxwatch%s", name), *to = out + 7;
	bool upper = true;

	for (const char *p = name; *p != '\0'; p++) {
		if (*p == '_') {
			upper = true;
			continue;
		}
		*to++ = upper && *p >= 'a' && *p <= 'z' ?
		    (char)(*p - 'a' + 'A') :
		    *p;
		upper = false;
	}
	*to = '\0';
	return out;
}

const struct receiver_type *
receiver_type(enum conf_receiver_type type)
{
	static const struct receiver_type *const types[] = {
#define RECEIVER(type, name, ...) [RECEIVER_##type] = &receiver_##name,
#include "config/receiver.def"
#undef RECEIVER
	};

	return types[type];
}

void
format_answer(const struct receiver_type *t, struct send_result *r)
{
	const struct receiver_answer *a = t->answers;
	char *text;

	while (a != NULL && a->status != 0 && a->status != r->status)
		a++;
	if (a == NULL || a->status == 0)
		return;
	r->result = a->result;
	text = mem_printf("%s: %s", r->text, a->text);
	text_cut(r->text, sizeof(r->text), text);
	mem_free(&text);
}
