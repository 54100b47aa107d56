/* SPDX-License-Identifier: ISC
 * notify_world: see notify_world.h. It stands in for fetch/fetch.c. */
#include "tests/unit/notify_world.h"

#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/fake_loop.h"

struct world w;

/* ---- the fetcher */

struct fetch_client {
	struct mailbox *box;
	int kind;
};

struct fetch_client *
fetch_client_create(struct fetcher *f MX_UNUSED, struct mailbox *box, int kind)
{
	struct fetch_client *cl = mem_alloc(sizeof(*cl));

	cl->box = box;
	cl->kind = kind;
	return cl;
}

/* Nobody hears of what is on its way. */
void
fetch_client_destroy(struct fetch_client **clp)
{
	for (unsigned i = 0; i < w.n; i++) {
		if (w.sent[i].answered)
			continue;
		w.sent[i].answered = true;
		w.sent[i].drop(w.sent[i].arg);
	}
	mem_free(clp);
}

void
fetch_send(struct fetch_client *cl MX_UNUSED, struct message *m,
    const struct carry *c)
{
	assert_true(w.n < MX_COUNT(w.sent));
	w.sent[w.n++] =
	    (struct sent){ *m, c->arg, c->drop, c->timeout_ms, false };
	memset(m, 0, sizeof(*m));
}

void
fetch_answer_free(struct fetch_answer **ap)
{
	mem_free(ap);
}

void
fetch_answer_drop(struct fetch_answer **ap)
{
	if ((*ap)->drop != NULL)
		(*ap)->drop((*ap)->arg);
	mem_free(ap);
}

void
world_answer(unsigned i, enum carry_result result, int status, int64_t after)
{
	struct fetch_answer *fa = mem_alloc(sizeof(*fa));

	assert_true(i < w.n && !w.sent[i].answered);
	w.sent[i].answered = true;
	fa->mail.kind = w.a->fetch->kind;
	fa->arg = w.sent[i].arg;
	fa->drop = w.sent[i].drop;
	fa->result.result = result;
	fa->result.status = status;
	fa->result.retry_after_ms = after * 1000;
	if (status != 0)
		(void)snprintf(fa->result.text, sizeof(fa->result.text),
		    "HTTP %d", status);
	else
		(void)strlcpy(fa->result.text, "timed out",
		    sizeof(fa->result.text));
	mailbox_post(w.a->fetch->box, &fa->mail);
}

void
world_told(unsigned i, enum carry_stage stage)
{
	struct fetch_answer *fa = mem_alloc(sizeof(*fa));

	assert_true(i < w.n && !w.sent[i].answered);
	fa->mail.kind = w.a->fetch->kind;
	fa->stage = stage;
	fa->arg = w.sent[i].arg;
	mailbox_post(w.a->fetch->box, &fa->mail);
}

cJSON *
world_body(unsigned i)
{
	cJSON *o;

	assert_true(i < w.n);
	o = cJSON_Parse(buf_str(&w.sent[i].m.body));
	assert_non_null(o);
	return o;
}

const char *
world_says(unsigned i)
{
	static const char *const words[] = { "trigger", "resolve", "firing",
		"resolved" };
	cJSON *o = world_body(i);
	const char *said = json_get_text(o, "event_action");
	unsigned k = 0;

	if (said[0] == '\0')
		said = json_get_text(o, "status");
	while (strcmp(said, words[k]) != 0)
		assert_true(++k < MX_COUNT(words));
	cJSON_Delete(o);
	return words[k];
}

bool
world_goes_to(unsigned i, const char *url)
{
	assert_true(i < w.n);
	return strcmp(w.sent[i].m.url, url) == 0;
}

/* ---- the daemon */

static struct config *
configuration(const char *sections)
{
	char *text = mem_printf("hostname = \"mx2.test\"\n"
				"resolver = {\"127.0.0.1\"}\nspool = \"%s\"\n"
				"alerts { instance = \"mx2\" }\n"
				"domain \"a.test\" { primary = "
				"{\"192.0.2.1\"} }\n%s",
	    w.dir, sections);
	struct conf_errors errs;
	struct config *c = config_parse("test", text, strlen(text), &errs);

	for (size_t i = 0; i < errs.n; i++)
		if (!errs.e[i].warning)
			fail_msg("%s", errs.e[i].text);
	conf_errors_fini(&errs);
	mem_free(&text);
	return c;
}

static void
start(void)
{
	w.a = alerts_new(w.conf, w.box, NULL);
	alerts_begin(w.a);
}

static void
stop(void)
{
	alerts_stop(w.a);
	while (!w.a->stopping)
		alerts_turn(w.a);
	alerts_end(w.a);
	alerts_delete(&w.a);
}

void
world_begin(const char *sections)
{
	fake_time_reset();
	memset(&w, 0, sizeof(w));
	(void)strlcpy(w.dir, "/tmp/notify.XXXXXX", sizeof(w.dir));
	assert_non_null(mkdtemp(w.dir));
	w.loop = loop_create();
	w.box = snapshot_box_create();
	w.since = clock_wall();
	world_secret("key", "0123456789abcdef0123456789abcdef\n");
	w.conf = configuration(sections);
	start();
	world_pass(1);
}

static void
remove_file(const char *name)
{
	char *path = mem_printf("%s/%s", w.dir, name);

	(void)unlink(path);
	mem_free(&path);
}

void
world_end(void)
{
	if (w.a != NULL)
		stop();
	for (unsigned i = 0; i < w.n; i++)
		message_fini(&w.sent[i].m);
	snapshot_box_destroy(&w.box);
	config_unref(&w.conf);
	loop_destroy(&w.loop);
	remove_file("key");
	remove_file("alerts.json");
	remove_file("alerts.instance");
	assert_int_equal(rmdir(w.dir), 0);
}

void
world_restart(bool kill)
{
	if (kill) { /* what is in memory alone is gone */
		receivers_free(w.a);
		identity_fini(&w.a->identity);
		alerts_delete(&w.a);
	} else
		stop();
	start();
}

void
world_reload(const char *sections)
{
	struct config *c = configuration(sections);

	alerts_configure(w.a, c);
	config_unref(&w.conf);
	w.conf = c;
}

void
world_secret(const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", w.dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(chmod(path, 0600), 0);
	fputs(text, f);
	fclose(f);
	mem_free(&path);
}

void
world_primary(bool up)
{
	if (w.down == !up)
		return;
	w.down = !up;
	w.since = clock_wall();
	w.downs += w.down;
}

/* What the daemon sees now. */
static struct snapshot *
snapshot_of(void)
{
	struct snapshot *s = snapshot_create();
	struct snap_domain *d = snapshot_add(s, "a.test", 1);

	d->state = w.down ? HEALTH_DOWN : HEALTH_UP;
	d->state_since = w.since;
	d->cause = w.down ? "connection refused" : "";
	d->count.transitions[HEALTH_DOWN] = w.downs;
	d->lifetime = 30 * 86400;
	d->deferred = w.queued;
	d->primary[0].label = "192.0.2.1";
	d->primary[0].healthy = !w.down;
	d->primary[0].probed = true;
	d->primary[0].last_run = clock_wall();
	s->ready = s->indexed = s->reload_ok = true;
	s->start = clock_wall() - 86400;
	s->wall_ms = clock_wall_ms();
	s->made = clock_now();
	s->spool_free_bytes = UINT64_C(1) << 40;
	s->spool_reserve_bytes = UINT64_C(1) << 30;
	return s;
}

void
world_pass(unsigned seconds)
{
	for (; seconds > 0; seconds--) {
		fake_loop_advance(w.loop, 1000);
		snapshot_box_put(w.box, snapshot_of());
		alerts_notice(w.a, NULL); /* it does not sleep for mail */
		alerts_turn(w.a);
	}
}

struct snap_receiver
world_receiver(const char *name)
{
	struct receiver *r = receiver_find(w.a, name);

	assert_non_null(r);
	return r->shown;
}
