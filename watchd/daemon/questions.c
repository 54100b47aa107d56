/* SPDX-License-Identifier: ISC
 * questions: see questions.h. A question becomes a request of the control
 * protocol, and its lines become one document. */
#include "daemon/questions.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"
#include "control/protocol.h"
#include "daemon/daemon_int.h"
#include "status/json.h"

#define PAGE_MESSAGES 50
#define OPEN_MAX      32 /* slow ones have been given up by the desk */

/* HTTP (RFC 9110) */
enum { STATUS_OK = 200, STATUS_NOT_FOUND = 404, STATUS_UNAVAILABLE = 503 };

struct web_question {
	TAILQ_ENTRY(web_question) link;
	struct questions *of;
	struct http_question asked;
};

struct questions {
	struct daemon *daemon;
	struct http_desk *desk;
	TAILQ_HEAD(, web_question) open;
	unsigned n; /* in it */
};

/* The lines of an answer, parsed. */
struct web_answer {
	cJSON *lines; /* an array, without... */
	cJSON *done; /* ...the last one; NULL: it has not come */
};

static void
question_end(struct web_question *q)
{
	TAILQ_REMOVE(&q->of->open, q, link);
	q->of->n--;
	mem_free(&q);
}

static void
say(struct web_question *q, unsigned status, char *text)
{
	http_desk_answer(q->of->desk, q->asked.number, status, text);
}

/* ---- documents */

/* Names the nodes of the cluster that did not answer: what they have is
 * missing. */
static void
put_silent(cJSON *o, const cJSON *done)
{
	const cJSON *silent = json_get(done, "silent");

	json_sub(o, "silent",
	    silent != NULL ? cJSON_Duplicate(silent, true) :
			     cJSON_CreateArray());
}

/* Adds the counts of a node to those of others. */
static void
add_ages(cJSON *sum, const cJSON *ages)
{
	const cJSON *from;
	cJSON *to, *n;
	int i = 0;

	cJSON_ArrayForEach (from, ages) {
		to = cJSON_GetArrayItem(sum, i++);
		n = json_get(to, "messages");
		if (n == NULL)
			json_push(sum, cJSON_Duplicate(from, true));
		else
			cJSON_SetNumberValue(n,
			    n->valuedouble + json_get_num(from, "messages"));
	}
}

static cJSON *
ages_document(const struct web_question *q, const struct web_answer *a)
{
	cJSON *o = json_object(), *list;
	const cJSON *line;

	json_text(o, "domain", q->asked.domain);
	list = json_array(o, "ages");
	cJSON_ArrayForEach (line, a->lines) {
		add_ages(list, json_get(line, "ages"));
	}
	put_silent(o, a->done);
	return o;
}

/* One more than a page is asked for, to know whether there is a next. */
static cJSON *
messages_document(const struct web_question *q, const struct web_answer *a)
{
	int n = cJSON_GetArraySize(a->lines);
	cJSON *o = json_object(), *list;
	const char *last = NULL;

	json_text(o, "domain", q->asked.domain);
	list = json_array(o, "messages");
	for (int i = 0; i < n && i < PAGE_MESSAGES; i++) {
		json_push(list, cJSON_DetachItemFromArray(a->lines, 0));
		last = json_get_text(cJSON_GetArrayItem(list, i), "id");
	}
	if (n > PAGE_MESSAGES)
		json_text(o, "next", last);
	else
		json_null(o, "next");
	put_silent(o, a->done);
	return o;
}

static cJSON *
why_document(const struct web_question *q MX_UNUSED, const struct web_answer *a)
{
	return cJSON_DetachItemFromArray(a->lines, 0);
}

static void
put_verb(cJSON *o, const char *verb, const struct web_question *q)
{
	json_text(o, "verb", verb);
	json_text(o, "domain", q->asked.domain);
}

static cJSON *
why_request(const struct web_question *q)
{
	cJSON *o = json_object();

	put_verb(o, "why", q);
	return o;
}

static cJSON *
ages_request(const struct web_question *q)
{
	cJSON *o = json_object();

	put_verb(o, "ages", q);
	return o;
}

static cJSON *
messages_request(const struct web_question *q)
{
	cJSON *o = json_object();
	char id[TEXT_ID_MAX], limit[16];

	put_verb(o, "queue", q);
	json_text(o, "after", text_id(q->asked.after, id));
	(void)snprintf(limit, sizeof(limit), "%d", PAGE_MESSAGES + 1);
	json_text(o, "limit", limit);
	json_bool(o, "rcpts", true);
	return o;
}

static const struct {
	cJSON *(*request)(const struct web_question *);
	cJSON *(
	    *document)(const struct web_question *, const struct web_answer *);
} kinds[] = {
	[HTTP_QUESTION_WHY] = { why_request, why_document },
	[HTTP_QUESTION_AGES] = { ages_request, ages_document },
	[HTTP_QUESTION_MESSAGES] = { messages_request, messages_document },
};

/* ---- answers */

static void
answer_parse(struct web_answer *a, const char *text, size_t len)
{
	const char *end = text + len, *lf;
	cJSON *o;

	*a = (struct web_answer){ .lines = cJSON_CreateArray() };
	for (; (lf = memchr(text, '\n', (size_t)(end - text))) != NULL;
	     text = lf + 1) {
		o = cJSON_ParseWithLength(text, (size_t)(lf - text));
		if (json_get_bool(o, "done") && a->done == NULL)
			a->done = o;
		else if (cJSON_IsObject(o))
			json_push(a->lines, o);
		else
			cJSON_Delete(o);
	}
}

/* Masks addresses in all texts of the document; it is no deeper than its own
 * verb makes it. */
static void
mask(cJSON *o)
{
	if (cJSON_IsString(o))
		text_mask_people(o->valuestring);
	for (o = o->child; o != NULL; o = o->next)
		mask(o);
}

static char *
document_text(const struct web_question *q, const struct web_answer *a)
{
	cJSON *o = kinds[q->asked.kind].document(q, a);

	if (!q->asked.people)
		mask(o);
	return json_print(o);
}

/* An answer without a line is one about nothing: of a domain that is not known,
 * or of one whose node is silent. */
static void
answer_say(struct web_question *q, const struct web_answer *a, bool whole)
{
	bool failed = json_get_num(a->done, "rc") != 0;
	bool silent = cJSON_GetArraySize(json_get(a->done, "silent")) > 0;

	if (!whole || a->done == NULL)
		say(q, STATUS_UNAVAILABLE,
		    mem_strdup("a node that has some of its mail does not "
			       "answer\n"));
	else if (failed && cJSON_GetArraySize(a->lines) == 0)
		say(q, silent ? STATUS_UNAVAILABLE : STATUS_NOT_FOUND,
		    mem_printf("%s\n", json_get_text(a->done, "error")));
	else
		say(q, STATUS_OK, document_text(q, a));
}

static void
on_answer(void *arg, const char *text, size_t len, bool whole)
{
	struct web_question *q = arg;
	struct web_answer a;

	answer_parse(&a, text, len);
	answer_say(q, &a, whole);
	cJSON_Delete(a.lines);
	cJSON_Delete(a.done);
	question_end(q);
}

/* ---- the desk */

static void
on_question(void *arg, const struct http_question *asked)
{
	struct questions *all = arg;
	struct web_question *q;

	if (all->n == OPEN_MAX) {
		http_desk_answer(all->desk, asked->number, STATUS_UNAVAILABLE,
		    mem_strdup("too many requests are waiting\n"));
		return;
	}
	all->n++;
	q = mem_alloc(sizeof(*q));
	q->of = all;
	q->asked = *asked;
	TAILQ_INSERT_TAIL(&all->open, q, link);
	control_ask(all->daemon->control, kinds[asked->kind].request(q),
	    on_answer, q);
}

struct questions *
questions_create(struct daemon *d)
{
	struct questions *all = mem_alloc(sizeof(*all));

	all->daemon = d;
	TAILQ_INIT(&all->open);
	all->desk = http_desk_create(d->loop, on_question, all);
	return all;
}

struct http_desk *
questions_desk(const struct questions *all)
{
	return all->desk;
}

void
questions_destroy(struct questions **allp)
{
	struct questions *all = *allp;
	struct web_question *q;

	if (all == NULL)
		return;
	http_desk_destroy(&all->desk);
	while ((q = TAILQ_FIRST(&all->open)) != NULL)
		question_end(q);
	mem_free(allp);
}
