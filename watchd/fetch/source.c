/* SPDX-License-Identifier: ISC
 * source: see source.h. A bounded number of requests is under way at once;
 * other due ones wait in a line. An answer refers to its source by id, because
 * that may have been closed meanwhile. */
#include "fetch/source.h"

#include <sys/queue.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/idmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "base/source_spec.h"
#include "fetch/fetch.h"

#define RETRY_MS 30000 /* after the first failure; doubles */
#define JITTER	 10 /* percent of an interval */

struct source {
	TAILQ_ENTRY(source) link; /* in the line */
	struct source_set *set;
	uint64_t id;
	char *spec, *name, *path, *token_file;
	void (*told)(void *arg);
	void *arg;
	struct loop_timer *timer; /* for the next request */
	bool waiting; /* in the line */
	bool busy; /* under way */
	bool again; /* asked for while one was under way */
	struct source_state state;
};

TAILQ_HEAD(source_line, source);

struct source_set {
	struct loop *loop;
	struct mailbox *box;
	struct loop_io *box_io;
	struct fetch_client *client; /* NULL: not started */
	struct idmap by_id;
	uint64_t last_id;
	struct source_line line;
	unsigned busy;
	struct source_conf conf;
	char *ca_file;
	struct source_counts counts;
};

/* ---- requests */

static void
send_request(struct source *s)
{
	struct source_set *set = s->set;
	struct carry c = { .timeout_ms = set->conf.timeout_ms,
		.into_max = set->conf.size_max,
		.ca_file = set->ca_file,
		.token_file = s->token_file,
		.token = s->id,
		.get = true,
		.into = s->path };
	struct message m;

	s->busy = true;
	set->busy++;
	if (spec_is_exec(s->spec)) {
		message_init(&m, CARRY_EXEC);
		c.argv = spec_argv(s->spec);
	} else {
		message_init(&m, CARRY_HTTP);
		m.url = mem_strdup(s->spec);
	}
	fetch_send(set->client, &m, &c);
	strlist_fini(&c.argv);
}

static void
serve(struct source_set *set)
{
	struct source *s;

	while (set->client != NULL && set->busy < set->conf.connections &&
	    (s = TAILQ_FIRST(&set->line)) != NULL) {
		TAILQ_REMOVE(&set->line, s, link);
		s->waiting = false;
		send_request(s);
	}
}

/* It is due: starts at once, or joins the line. */
static void
on_due(void *arg)
{
	struct source *s = arg;

	loop_timer_cancel(s->timer);
	s->again = s->busy;
	if (s->waiting || s->busy)
		return;
	s->waiting = true;
	TAILQ_INSERT_TAIL(&s->set->line, s, link);
	serve(s->set);
}

/* Jitter, so that sources which started together spread out. */
static int64_t
next_ms(const struct source *s, int64_t retry_after_ms)
{
	int64_t ms = s->set->conf.interval_ms, sooner = RETRY_MS;

	for (unsigned i = 1; i < s->state.failures && sooner < ms; i++)
		sooner *= 2;
	if (s->state.failures > 0 && sooner < ms)
		ms = sooner;
	if (s->state.failures > 0 && retry_after_ms > ms)
		ms = retry_after_ms;
	return rnd_jitter(ms, JITTER);
}

static void
confirmed(struct source *s, const struct send_result *r)
{
	if (s->state.failures > 0)
		log_notice("fetch", "source=%s state=ok failures=%u",
		    log_q(s->name), s->state.failures);
	s->state.confirmed_ms = clock_wall_ms();
	s->state.failures = 0;
	s->state.error[0] = '\0';
	if (r->unchanged)
		s->set->counts.unchanged++;
	else
		s->set->counts.changed++;
}

/* Logged once, and again when the reason changes. */
static void
failed(struct source *s, const struct send_result *r)
{
	if (strcmp(s->state.error, r->text) != 0)
		log_warn("fetch", "source=%s problem=%s consequence=\"%s\"",
		    log_q(s->name), log_q(r->text),
		    s->state.confirmed_ms != 0 ? "the last good one stays in "
						 "force" :
						 "there is none yet");
	(void)strlcpy(s->state.error, r->text, sizeof(s->state.error));
	s->state.failures++;
	s->set->counts.failed++;
}

static void
on_answer(struct mail *m, void *arg)
{
	struct fetch_answer *a = (struct fetch_answer *)m;
	const struct send_result *r = &a->result;
	struct source_set *set = arg;
	struct source *s = idmap_get(&set->by_id, a->token);

	set->busy--;
	if (s != NULL) {
		s->busy = false;
		s->state.tried = true;
		if (s->state.confirmed_ms == 0)
			s->state.confirmed_ms = r->had_ms;
		if (r->result == CARRY_SENT)
			confirmed(s, r);
		else
			failed(s, r);
		loop_timer_set(s->timer,
		    s->again ? 0 : next_ms(s, r->retry_after_ms));
		s->again = false;
		s->told(s->arg);
	}
	fetch_answer_free(&a);
	serve(set);
}

/* ---- life */

static void
drop_answer(struct mail *m)
{
	struct fetch_answer *a = (struct fetch_answer *)m;

	fetch_answer_drop(&a);
}

struct source_set *
source_set_create(struct loop *loop)
{
	struct source_set *set = mem_alloc(sizeof(*set));

	set->loop = loop;
	TAILQ_INIT(&set->line);
	idmap_init(&set->by_id);
	set->box = mailbox_create();
	set->box_io = loop_mailbox(loop, set->box, on_answer, set);
	return set;
}

void
source_set_start(struct source_set *set, struct fetcher *fetcher)
{
	MX_ASSERT(set->client == NULL);
	set->client = fetch_client_create(fetcher, set->box, 0);
	serve(set);
}

void
source_set_destroy(struct source_set **setp)
{
	struct source_set *set = *setp;

	if (set == NULL)
		return;
	fetch_client_destroy(&set->client);
	loop_io_destroy(&set->box_io);
	mailbox_destroy(&set->box, drop_answer);
	idmap_fini(&set->by_id);
	mem_free(&set->ca_file);
	mem_free(setp);
}

void
source_set_conf(struct source_set *set, const struct source_conf *conf)
{
	char *ca_file = mem_strdup(conf->ca_file);

	mem_free(&set->ca_file);
	set->conf = *conf;
	set->ca_file = ca_file;
	set->conf.ca_file = NULL;
	serve(set);
}

struct source_counts
source_set_counts(const struct source_set *set)
{
	return set->counts;
}

struct source *
source_begin(struct source_set *set, const char *spec, const char *path,
    const char *token_file, void (*told)(void *arg), void *arg)
{
	struct source *s = mem_alloc(sizeof(*s));

	s->set = set;
	s->spec = mem_strdup(spec);
	s->name = spec_name(spec);
	s->path = mem_strdup(path);
	s->token_file = mem_strdup(token_file);
	s->told = told;
	s->arg = arg;
	s->id = ++set->last_id;
	idmap_put(&set->by_id, s->id, s);
	s->timer = loop_timer_create(set->loop, on_due, s);
	on_due(s);
	return s;
}

void
source_end(struct source **sp)
{
	struct source *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (s->waiting)
		TAILQ_REMOVE(&s->set->line, s, link);
	(void)idmap_take(&s->set->by_id, s->id);
	loop_timer_destroy(&s->timer);
	mem_free(&s->spec);
	mem_free(&s->name);
	mem_free(&s->path);
	mem_free(&s->token_file);
	mem_free(&s);
}

void
source_ask(struct source *s, const char *token_file)
{
	char *token = mem_strdup(token_file);

	mem_free(&s->token_file);
	s->token_file = token;
	on_due(s);
}

const struct source_state *
source_state(const struct source *s)
{
	return &s->state;
}
