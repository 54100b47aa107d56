/* SPDX-License-Identifier: ISC
 * alerts: the loop thread's interface to the alert thread. */
#include "alerts/alerts.h"

#include <inttypes.h>
#include <string.h>

#include "alerts/alerts_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

void
alerts_mail_free(struct mail *m)
{
	struct fetch_answer *fa = (struct fetch_answer *)(void *)m;
	struct alerts_mail *am = (struct alerts_mail *)(void *)m;

	if (m->kind == MAIL_ANSWER) {
		fetch_answer_drop(&fa);
		return;
	}
	config_unref(&am->conf);
	mem_free(&am->key);
	mem_free(&am->text);
	mem_free(&am);
}

static void
post(struct alerts *a, int kind, struct config *conf, const char *name,
    int64_t ticket)
{
	struct alerts_mail *am = mem_alloc(sizeof(*am));

	am->mail.kind = kind;
	am->conf = conf != NULL ? config_ref(conf) : NULL;
	(void)strlcpy(am->name, name, sizeof(am->name));
	am->ticket = ticket;
	mailbox_post(a->box, &am->mail);
}

struct alerts *
alerts_new(struct config *conf, struct snapshot_box *snapshots,
    struct fetcher *fetch)
{
	struct alerts *a = mem_alloc(sizeof(*a));
	struct mx_errbuf eb = { "" };

	a->conf = config_ref(conf);
	a->loop_conf = config_ref(conf);
	a->snapshots = snapshots;
	a->path = mem_printf("%s/alerts.json", conf->spool);
	a->box = mailbox_create();
	a->rules = rules_create();
	identity_init(&a->identity);
	buf_init(&a->image, MEMORY_FILE_MAX);
	buf_init(&a->changed, ALERTS_CHANGED_MAX);
	STAILQ_INIT(&a->share);
	a->known = snap_alerts_create(0, 0, 0);
	a->loop_known = snap_alerts_ref(a->known);
	pthread_mutex_init(&a->state, NULL);
	pthread_mutex_init(&a->shown, NULL);
	marks_init(&a->marks);
	memory_init(&a->memory);
	if (memory_load(&a->memory, a->path, &eb) != 0)
		log_error("alerts", "problem=%s", log_q(eb.text));
	a->fetch = fetch_client_create(fetch, a->box, MAIL_ANSWER);
	return a;
}

struct alerts *
alerts_create(struct config *conf, struct snapshot_box *snapshots,
    struct fetcher *fetch)
{
	struct alerts *a = alerts_new(conf, snapshots, fetch);

	MX_ASSERT(thread_start(&a->thread, alerts_run, a) == 0);
	return a;
}

void
alerts_configure(struct alerts *a, struct config *conf)
{
	config_unref(&a->loop_conf);
	a->loop_conf = config_ref(conf);
	post(a, MAIL_CONF, conf, "", 0);
}

void
alerts_delete(struct alerts **ap)
{
	struct alerts *a = *ap;
	struct incident_change *c;

	fetch_client_destroy(&a->fetch);
	mailbox_destroy(&a->box, alerts_mail_free);
	rules_destroy(&a->rules);
	memory_fini(&a->memory);
	buf_fini(&a->image);
	buf_fini(&a->changed);
	while ((c = STAILQ_FIRST(&a->share)) != NULL) {
		STAILQ_REMOVE_HEAD(&a->share, link);
		incident_change_free(&c);
	}
	snap_alerts_unref(&a->known);
	snap_alerts_unref(&a->loop_known);
	for (unsigned i = 0; i < ALERTS_TESTS; i++)
		mem_free(&a->test[i].line);
	mem_free(&a->path);
	config_unref(&a->conf);
	config_unref(&a->loop_conf);
	pthread_mutex_destroy(&a->state);
	pthread_mutex_destroy(&a->shown);
	marks_fini(&a->marks);
	mem_free(ap);
}

void
alerts_stop(struct alerts *a)
{
	post(a, MAIL_STOP, NULL, "", 0);
}

void
alerts_destroy(struct alerts **ap)
{
	if (*ap == NULL)
		return;
	alerts_stop(*ap);
	pthread_join((*ap)->thread, NULL);
	alerts_delete(ap);
}

/* The event is in the next snapshot, or the one after, which the thread
 * examines anyway. This only makes it look sooner. */
void
alerts_notice(struct alerts *a, const struct notice *n MX_UNUSED)
{
	post(a, MAIL_LOOK, NULL, "", 0);
}

void
alerts_changed(struct alerts *a, void (*fn)(const char *domain, void *arg),
    void *arg)
{
	struct buf names;

	pthread_mutex_lock(&a->shown);
	if (a->known == a->loop_known) {
		pthread_mutex_unlock(&a->shown);
		return;
	}
	snap_alerts_unref(&a->loop_known);
	a->loop_known = snap_alerts_ref(a->known);
	names = a->changed;
	buf_init(&a->changed, ALERTS_CHANGED_MAX);
	pthread_mutex_unlock(&a->shown);
	for (size_t i = 0; i < names.len; i += strlen(names.data + i) + 1)
		fn(names.data + i, arg);
	buf_fini(&names);
}

void
alerts_told(struct alerts *a, void (*fn)(const struct alert_mark *, void *),
    void *arg)
{
	marks_take(&a->marks, fn, arg);
}

_Static_assert(sizeof(ALERTS_SHARED) == sizeof(INCIDENTS_PREFIX),
    "they are one");

void
alerts_incident(struct alerts *a, const char *key, const void *text, size_t len)
{
	struct alerts_mail *am = mem_alloc(sizeof(*am));

	am->mail.kind = MAIL_INCIDENT;
	am->key = mem_strdup(key);
	am->text = len > 0 ? mem_dup(text, len) : NULL;
	am->len = len;
	mailbox_post(a->box, &am->mail);
}

void
alerts_incidents(struct alerts *a,
    void (*fn)(const char *key, const char *text, void *arg), void *arg)
{
	struct incident_changes list = STAILQ_HEAD_INITIALIZER(list);
	struct incident_change *c;

	pthread_mutex_lock(&a->shown);
	STAILQ_CONCAT(&list, &a->share);
	pthread_mutex_unlock(&a->shown);
	while ((c = STAILQ_FIRST(&list)) != NULL) {
		STAILQ_REMOVE_HEAD(&list, link);
		fn(c->key, c->text, arg);
		incident_change_free(&c);
	}
}

uint32_t
alerts_of(const struct alerts *a, const char *domain)
{
	return snap_alerts_of(a->loop_known, domain);
}

void
alerts_snapshot(struct alerts *a, struct snapshot *s)
{
	struct snap_alerts *told = snap_alerts_ref(a->loop_known);

	snapshot_tell(s, &told);
}

uint64_t
alerts_silence(struct alerts *a, const char *match, int64_t for_ms,
    const char *reason)
{
	int64_t now = clock_wall_ms();
	uint64_t id;

	pthread_mutex_lock(&a->state);
	id = memory_silence(&a->memory, match, now, now + for_ms, reason);
	pthread_mutex_unlock(&a->state);
	post(a, MAIL_LOOK, NULL, "", 0);
	return id;
}

int
alerts_unsilence(struct alerts *a, uint64_t id)
{
	bool ok;

	pthread_mutex_lock(&a->state);
	ok = memory_unsilence(&a->memory, id);
	pthread_mutex_unlock(&a->state);
	post(a, MAIL_LOOK, NULL, "", 0);
	return ok ? 0 : -MX_ENOENT;
}

void
alerts_node(struct alerts *a, unsigned node)
{
	pthread_mutex_lock(&a->state);
	a->memory.node = node;
	pthread_mutex_unlock(&a->state);
}

bool
alerts_silence_text(struct alerts *a, uint64_t id, struct buf *out)
{
	const struct silence *s;

	pthread_mutex_lock(&a->state);
	s = memory_silence_find(&a->memory, id);
	if (s != NULL)
		silence_write(s, out);
	pthread_mutex_unlock(&a->state);
	return s != NULL;
}

void
alerts_silence_told(struct alerts *a, uint64_t id, const void *data, size_t len)
{
	struct silence s = { .id = 0 };
	bool news;
	int rc = len > 0 ? silence_read(&s, id, data, len) : 0;

	if (rc != 0) {
		log_error("alerts",
		    "silence=%" PRIu64 " problem=\"its record is invalid\"",
		    id);
		return;
	}
	pthread_mutex_lock(&a->state);
	news = len > 0 ? memory_silence_add(&a->memory, &s, clock_wall_ms()) :
			 memory_unsilence(&a->memory, id);
	pthread_mutex_unlock(&a->state);
	if (news)
		post(a, MAIL_LOOK, NULL, "", 0);
}

void
alerts_silences_over(struct alerts *a, void (*fn)(uint64_t id, void *arg),
    void *arg)
{
	if (pthread_mutex_trylock(&a->state) != 0)
		return; /* the thread is evaluating: not now */
	memory_silences_over(&a->memory, clock_wall_ms(), fn, arg);
	pthread_mutex_unlock(&a->state);
}

void
alerts_silences(struct alerts *a,
    void (*fn)(const struct alerts_silenced *, void *), void *arg)
{
	int64_t now = clock_wall_ms();

	pthread_mutex_lock(&a->state);
	for (unsigned i = 0; i < a->memory.nsilences; i++) {
		const struct silence *s = &a->memory.silence[i];

		if (s->until_ms > now)
			fn(&(struct alerts_silenced){ s->id, s->match,
			       s->reason, s->from_ms, s->until_ms },
			    arg);
	}
	pthread_mutex_unlock(&a->state);
}

unsigned
alerts_ack(struct alerts *a, const char *match, const char *by)
{
	unsigned n;

	pthread_mutex_lock(&a->state);
	n = memory_ack(&a->memory, match, by);
	pthread_mutex_unlock(&a->state);
	post(a, MAIL_LOOK, NULL, "", 0);
	return n;
}

/* Added to the time limits of both messages, for the fetch thread and this
 * one. */
#define TEST_SLACK_MS 10000

int64_t
alerts_test(struct alerts *a, const char *receiver, int64_t *limit_ms)
{
	int64_t ticket = a->last_ticket + 1;
	struct test_result *t = &a->test[ticket % ALERTS_TESTS];
	const struct conf_receiver *c = NULL;
	bool busy;

	for (size_t i = 0; i < a->loop_conf->nreceivers; i++)
		if (strcmp(a->loop_conf->receiver[i].name, receiver) == 0)
			c = &a->loop_conf->receiver[i];
	if (c == NULL)
		return -MX_ENOENT;
	*limit_ms = 2 * c->timeout_ms + TEST_SLACK_MS;
	pthread_mutex_lock(&a->shown);
	busy = t->ticket != 0 && t->rc == 0;
	if (!busy) {
		mem_free(&t->line);
		*t = (struct test_result){ .ticket = ticket,
			.left = 1,
			.began = clock_now() };
	}
	pthread_mutex_unlock(&a->shown);
	if (busy)
		return -MX_EBUSY;
	a->last_ticket = ticket;
	post(a, MAIL_TEST, NULL, receiver, ticket);
	return ticket;
}

bool
alerts_test_line(struct alerts *a, int64_t ticket, unsigned i,
    struct alerts_test_line *line)
{
	const struct test_result *t = &a->test[ticket % ALERTS_TESTS];
	bool there;

	pthread_mutex_lock(&a->shown);
	there = t->ticket == ticket && i < t->nlines;
	if (there)
		*line = t->line[i];
	pthread_mutex_unlock(&a->shown);
	return there;
}

int
alerts_test_result(struct alerts *a, int64_t ticket, char *text, size_t size)
{
	const struct test_result *t = &a->test[ticket % ALERTS_TESTS];
	int rc = -MX_ENET;

	(void)strlcpy(text, "is no longer known", size);
	pthread_mutex_lock(&a->shown);
	if (t->ticket == ticket) {
		(void)strlcpy(text, t->text, size);
		rc = t->rc;
	}
	pthread_mutex_unlock(&a->shown);
	return rc;
}
