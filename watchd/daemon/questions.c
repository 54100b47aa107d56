/* SPDX-License-Identifier: ISC
 * questions: see questions.h. */
#include "daemon/questions.h"

#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/verbs.h"
#include "daemon/daemon_int.h"
#include "status/json.h"

#define PAGE_MESSAGES 50
#define PAGE_RCPTS    5 /* recipients shown per message */
#define OPEN_MAX      32 /* slow ones have been given up by the desk */

/* HTTP (RFC 9110) */
enum { STATUS_OK = 200, STATUS_NOT_FOUND = 404, STATUS_UNAVAILABLE = 503 };

struct web_question {
	TAILQ_ENTRY(web_question) link;
	struct questions *of;
	struct http_question asked;
	/* for the ages: next message, histogram */
	uint64_t after;
	struct hist ages;
};

struct questions {
	struct daemon *daemon;
	struct http_desk *desk;
	TAILQ_HEAD(web_question_list, web_question)
	open; /* to be answered by a callback */
	unsigned n; /* in both lists */
	struct web_question_list counting; /* ages; the first is in progress */
	struct loop_timer *slice;
};

static void
question_end(struct web_question_list *list, struct web_question *q)
{
	TAILQ_REMOVE(list, q, link);
	q->of->n--;
	mem_free(&q);
}

static void
say(struct web_question *q, unsigned status, char *text)
{
	http_desk_answer(q->of->desk, q->asked.number, status, text);
}

/* ---- the reasons for a domain's state */

/* The text is two lines: the answer, and the end marker. */
static void
on_why(void *arg, const char *text, size_t len, bool whole)
{
	struct web_question *q = arg;
	const char *lf = memchr(text, '\n', len);
	cJSON *o = cJSON_ParseWithLength(text, len);

	if (json_get_bool(o, "done"))
		say(q, STATUS_NOT_FOUND,
		    mem_printf("%s\n", json_get_text(o, "error")));
	else if (whole && lf != NULL)
		say(q, STATUS_OK, mem_strndup(text, (size_t)(lf - text)));
	else
		say(q, STATUS_UNAVAILABLE,
		    mem_strdup("the node that has its mail does not answer\n"));
	cJSON_Delete(o);
	question_end(&q->of->open, q);
}

/* ---- messages */

static cJSON *
message(const struct msg_view *v)
{
	struct msg_view some = *v;
	cJSON *o;

	if (some.nrcpts > PAGE_RCPTS)
		some.nrcpts = PAGE_RCPTS;
	o = verbs_message(&some, true);
	cJSON_DeleteItemFromObjectCaseSensitive(o, "recipients");
	json_num(o, "recipients", v->nrcpts);
	return o;
}

static void
on_messages(void *arg, int rc, const struct msg_view *v, unsigned n,
    uint64_t next)
{
	struct web_question *q = arg;
	char id[TEXT_ID_MAX];
	cJSON *o, *list;

	if (rc < 0) {
		say(q, STATUS_UNAVAILABLE,
		    mem_printf("the queue cannot be listed: %s\n",
			mx_strerror(rc)));
	} else {
		o = json_object();
		json_text(o, "domain", q->asked.domain);
		list = json_array(o, "messages");
		for (unsigned i = 0; i < n; i++)
			json_push(list, message(&v[i]));
		if (next != 0)
			json_text(o, "next", text_id(next, id));
		else
			json_null(o, "next");
		say(q, STATUS_OK, json_print(o));
	}
	question_end(&q->of->open, q);
}

static void
ask_messages(struct web_question *q)
{
	const struct relay *r = q->of->daemon->relay;

	r->list(r->self, q->asked.domain, NULL, q->asked.after, PAGE_MESSAGES,
	    on_messages, q);
}

/* ---- ages */

static char *
ages_text(const struct web_question *q)
{
	cJSON *o = json_object(), *list, *j;

	json_text(o, "domain", q->asked.domain);
	list = json_array(o, "ages");
	for (unsigned i = 0; i <= hist_age.n; i++) {
		j = json_push_object(list);
		if (i < hist_age.n)
			json_num(j, "le", hist_age.le[i]);
		else
			json_null(j, "le");
		json_num(j, "messages", (double)q->ages.count[i]);
	}
	return json_print(o);
}

static void
count_age(void *arg, const char *domain MX_UNUSED, int64_t arrival_ms)
{
	struct web_question *q = arg;

	hist_add(&q->ages, &hist_age,
	    (double)(clock_wall_ms() - arrival_ms) / 1e3);
}

static void
on_slice(void *arg)
{
	struct questions *all = arg;
	struct web_question *q = TAILQ_FIRST(&all->counting);
	const struct relay *r = all->daemon->relay;

	if (q == NULL)
		return;
	q->after = r->look(r->self, q->asked.domain, q->after, count_age, q);
	if (q->after == 0) {
		say(q, STATUS_OK, ages_text(q));
		question_end(&all->counting, q);
	}
	loop_timer_set(all->slice, 0);
}

/* ---- the desk */

static void
on_question(void *arg, const struct http_question *asked)
{
	struct questions *all = arg;
	struct web_question *q;

	if (all->n == OPEN_MAX) {
		http_desk_answer(all->desk, asked->number, STATUS_UNAVAILABLE,
		    mem_strdup("too many answers are awaited\n"));
		return;
	}
	all->n++;
	q = mem_alloc(sizeof(*q));
	q->of = all;
	q->asked = *asked;
	if (asked->kind == HTTP_QUESTION_AGES) {
		TAILQ_INSERT_TAIL(&all->counting, q, link);
		loop_timer_set(all->slice, 0);
		return;
	}
	TAILQ_INSERT_TAIL(&all->open, q, link);
	if (asked->kind == HTTP_QUESTION_WHY)
		control_why(all->daemon->control, asked->domain, on_why, q);
	else
		ask_messages(q);
}

struct questions *
questions_create(struct daemon *d)
{
	struct questions *all = mem_alloc(sizeof(*all));

	all->daemon = d;
	TAILQ_INIT(&all->open);
	TAILQ_INIT(&all->counting);
	all->slice = loop_timer_create(d->loop, on_slice, all);
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
	loop_timer_destroy(&all->slice);
	while ((q = TAILQ_FIRST(&all->counting)) != NULL)
		question_end(&all->counting, q);
	while ((q = TAILQ_FIRST(&all->open)) != NULL)
		question_end(&all->open, q);
	mem_free(allp);
}
