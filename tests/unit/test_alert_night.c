/* SPDX-License-Identifier: ISC
 * A night in virtual time: an outage that flaps, a restart of the daemon in the
 * middle of it, a pager that is away, a silence, a maintenance window, two nodes
 * with one pager. What each receiver got is compared with a script of what a
 * person should get.
 *
 * The rules, the memory, the outbox and the formats are the real ones. A pager
 * is as PagerDuty is: an incident for a dedup_key, opened by a trigger, and a
 * resolve of one that is not open is dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alerts/alerts_int.h"
#include "base/mem.h"

#define SEC  INT64_C(1000)
#define MIN  (60 * SEC)
#define HR   (60 * MIN)
#define DAY  (24 * HR)
#define T0   INT64_C(1799971200000) /* 2027-01-15T00:00:00Z */
#define STEP (10 * SEC)

enum { A, B, C, D, DOMAINS }; /* A to C are on mx1, D is on mx9 */
static const char *const names[DOMAINS] = { "a.example", "b.example",
	"c.example", "d.example" };

/* ---- the pager and the chat, which both nodes have */

struct away {
	const char *receiver;
	int64_t from, until;
};
static struct away away;
static char heard[16384]; /* a line for each message that got through */
static char incident[8][256]; /* dedup_keys that are open */

static int64_t now;
static char key_path[] = "/tmp/mxwatch-night-XXXXXX"; /* of the pager */

static char *
clock_text(char *dst, size_t size)
{
	snprintf(dst, size, "%02d:%02d", (int)((now - T0) / HR),
	    (int)((now - T0) % HR / MIN));
	return dst;
}

static void
hear(const char *receiver, const char *text)
{
	char at[16];
	size_t n = strlen(heard);

	snprintf(heard + n, sizeof(heard) - n, "%s %s: %s\n",
	    clock_text(at, sizeof(at)), receiver, text);
}

static void
pager_gets(const struct message *m)
{
	cJSON *o = cJSON_Parse(buf_str(&m->body));
	const char *key = json_get_text(o, "dedup_key");
	bool trigger = strcmp(json_get_text(o, "event_action"), "trigger") == 0;
	char text[1200];
	unsigned i, empty = 8;

	for (i = 0; i < 8; i++) {
		if (strcmp(incident[i], key) == 0)
			break;
		if (incident[i][0] == '\0')
			empty = i;
	}
	if (trigger)
		snprintf(text, sizeof(text), "%s %s",
		    i < 8 ? "updates" : "OPENS",
		    json_get_text(json_get(o, "payload"), "summary"));
	else
		snprintf(text, sizeof(text), "%s %s",
		    i < 8 ? "CLOSES" : "drops", key);
	if (trigger && i == 8)
		(void)strlcpy(incident[empty], key, sizeof(incident[empty]));
	else if (!trigger && i < 8)
		incident[i][0] = '\0';
	hear("pager", text);
	cJSON_Delete(o);
}

static void
chat_gets(const struct message *m)
{
	cJSON *o = cJSON_Parse(buf_str(&m->body));
	char *line = mem_strdup(json_get_text(o, "text"));

	line[strcspn(line, "\n")] = '\0';
	hear("chat", line);
	mem_free(&line);
	cJSON_Delete(o);
}

/* ---- a node */

struct node {
	struct config *conf;
	struct memory memory;
	struct rules *rules;
	struct snapshot *s;
	struct snap_domain *d[DOMAINS];
	int64_t not_before[2]; /* of each receiver */
};

static void
node_init(struct node *n, const char *hostname)
{
	static const char text[] =
	    "hostname = \"%s\"\nresolver = {\"127.0.0.1\"}\n"
	    "receiver \"pager\" { type = \"pagerduty\" severity = \"critical\" "
	    "routing_key_file = \"%s\" }\n"
	    "receiver \"chat\" { type = \"slack\" "
	    "url = \"https://chat.example/\" }\n"
	    "alert \"probe_stale\" { enabled = no }\n"
	    "domain \"a.example\" { primary = {\"mx1.example\"} }\n"
	    "domain \"b.example\" { primary = {\"mx1.example\"} }\n"
	    "domain \"c.example\" { primary = {\"mx1.example\"} }\n"
	    "domain \"d.example\" { primary = {\"mx9.example\"} }\n";
	char *t = mem_printf(text, hostname, key_path);
	struct conf_errors errs;

	memset(n, 0, sizeof(*n));
	n->conf = config_parse("test", t, strlen(t), &errs);
	for (size_t i = 0; i < errs.n; i++)
		if (!errs.e[i].warning)
			fail_msg("%s", errs.e[i].text);
	conf_errors_fini(&errs);
	mem_free(&t);
	memory_init(&n->memory);
	n->rules = rules_create();
	n->s = snapshot_create();
	n->s->ready = n->s->indexed = n->s->reload_ok = true;
	n->s->start = (T0 - DAY) / 1000;
	n->s->spool_free_bytes = UINT64_C(1) << 40;
	n->s->spool_reserve_bytes = UINT64_C(1) << 30;
	for (unsigned i = 0; i < DOMAINS; i++) {
		n->d[i] = snapshot_add(n->s, names[i], 1);
		n->d[i]->primary[0].label =
		    i == D ? "mx9.example" : "mx1.example";
		n->d[i]->lifetime = 30 * 86400;
		n->d[i]->state = HEALTH_UP;
		n->d[i]->state_since = (T0 - DAY) / 1000;
	}
}

static void
node_fini(struct node *n)
{
	snapshot_unref(&n->s);
	rules_destroy(&n->rules);
	memory_fini(&n->memory);
	config_unref(&n->conf);
}

static void
node_send(struct node *n, unsigned which)
{
	const struct conf_receiver *c = &n->conf->receiver[which];
	struct format_ctx x = { .conf = c,
		.hostname = n->conf->hostname,
		.instance = n->conf->hostname,
		.shared = n->conf->hostname,
		.runbook_url = "",
		.url = c->url.n > 0 ? c->url.s[0] : NULL,
		.routing_key = "k",
		.now_ms = now,
		.phase_ms = now };
	struct outbox_entry *e = outbox_next(&n->memory.outbox, c->name, now);
	bool reached = away.receiver == NULL ||
	    strcmp(away.receiver, c->name) != 0 || now < away.from ||
	    now >= away.until;
	struct message m;

	if (e == NULL || now < n->not_before[which])
		return;
	e->attempted = true;
	x.untold = !e->reached;
	receiver_type(c->type)->note(&x, &e->note, e->phase == OUTBOX_RESOLVE,
	    &m);
	outbox_sending(&n->memory.outbox, e);
	if (reached && c->type == RECEIVER_PAGERDUTY)
		pager_gets(&m);
	else if (reached)
		chat_gets(&m);
	outbox_done(&n->memory.outbox, e, reached ? CARRY_SENT : CARRY_RETRY,
	    now);
	n->not_before[which] = reached ? 0 : now + MIN;
	message_fini(&m);
}

static void
node_step(struct node *n)
{
	static const struct rules_self self;

	n->s->wall_ms = now;
	memory_step(&n->memory, n->rules, n->conf, n->s, &self, now);
	/* A message each time; most have none. */
	for (unsigned i = 0; i < 4; i++)
		node_send(n, i % 2);
}

/* ---- what happens to it */

static void
state(struct node *n, unsigned i, enum health_state to)
{
	struct snap_domain *d = n->d[i];

	d->state = to;
	d->state_since = now / 1000;
	if (to == HEALTH_UP || to == HEALTH_UNKNOWN)
		d->unwell_since = 0;
	else if (d->unwell_since == 0)
		d->unwell_since = now / 1000;
	if (to == HEALTH_DOWN)
		d->count.transitions[HEALTH_DOWN]++;
	d->cause = to == HEALTH_UP ? "" : "connect: connection refused";
}

static void
mx1(struct node *n, enum health_state to)
{
	for (unsigned i = A; i <= C; i++)
		state(n, i, to);
}

static void
queue(struct node *n, unsigned i, uint64_t messages)
{
	n->d[i]->deferred = messages;
	n->d[i]->oldest_ms = n->d[i]->oldest_live_ms = n->d[i]->ripest_ms =
	    messages > 0 ? now : 0;
	n->d[i]->ripest_life_ms = 30 * DAY;
	n->d[i]->next_expiry_ms = messages > 0 ? now + 30 * DAY : 0;
}

/* Ends and starts it: it remembers what was told, and knows no state. */
static void
restart(struct node *n)
{
	struct buf text = BUF_INIT(1 << 20);

	assert_int_equal(memory_write(&n->memory, &text), 0);
	memory_fini(&n->memory);
	memory_init(&n->memory);
	assert_int_equal(memory_read(&n->memory, buf_str(&text), text.len), 0);
	buf_fini(&text);
	rules_destroy(&n->rules);
	n->rules = rules_create();
	for (unsigned i = 0; i < DOMAINS; i++) {
		memset(&n->d[i]->count, 0, sizeof(n->d[i]->count));
		state(n, i, HEALTH_UNKNOWN);
	}
	n->s->start = now / 1000;
}

static struct node node[2]; /* mx2.test, mx3.test */

static void
until(int hour, int minute)
{
	for (; now < T0 + hour * HR + minute * MIN; now += STEP)
		for (unsigned i = 0; i < 2; i++)
			node_step(&node[i]);
}

static void
script(const char *want)
{
	if (strcmp(heard, want) != 0)
		print_message("got:\n%s\n", heard);
	assert_string_equal(heard, want);
	heard[0] = '\0';
}

static void
night(void **st)
{
	struct node *n = &node[0], *other = &node[1];
	int fd;

	(void)st;
	fd = mkstemp(key_path);
	assert_true(
	    fd >= 0 && write(fd, "0123456789abcdef0123456789abcdef", 32) == 32);
	(void)close(fd);
	now = T0;
	node_init(n, "mx2.test");
	node_init(other, "mx3.test");
	until(1, 0);
	script(""); /* all is well */

	/* Both see it go down; to the other node it is back soon. */
	queue(n, A, 12);
	queue(n, B, 3);
	mx1(n, HEALTH_SUSPECT);
	mx1(other, HEALTH_SUSPECT);
	until(1, 1);
	mx1(n, HEALTH_DOWN);
	mx1(other, HEALTH_DOWN);
	until(1, 10);
	mx1(other, HEALTH_UP);
	until(1, 20);
	script(
	    "01:01 chat: mx2.test: the primary is down (warning): mx1.example, "
	    "3 domains, 15 messages wait, the first expires at "
	    "2027-02-14T01:00:00Z\n"
	    "01:01 chat: mx3.test: the primary is down (warning): mx1.example, "
	    "3 domains\n"
	    "01:15 chat: mx3.test: resolved after 10m: the primary is down: "
	    "mx1.example, 3 domains\n");

	/* It flaps. */
	for (int i = 0; i < 3; i++) {
		mx1(n, HEALTH_RECOVERING);
		until(1, 21 + 5 * i);
		mx1(n, HEALTH_UP);
		until(1, 23 + 5 * i);
		mx1(n, HEALTH_DOWN);
		until(1, 25 + 5 * i);
	}
	/* It stays down; the daemon is restarted meanwhile. */
	until(2, 0);
	restart(n);
	until(2, 2);
	mx1(n, HEALTH_DOWN);
	state(n, D, HEALTH_UP);
	until(3, 0);
	script("02:33 chat: mx2.test: the primary is down (critical): "
	       "mx1.example, "
	       "3 domains, 15 messages wait, the first expires at "
	       "2027-02-14T01:00:00Z\n"
	       "02:33 pager: OPENS mx2.test: the primary is down (critical): "
	       "mx1.example, 3 domains, 15 messages wait, the first expires at "
	       "2027-02-14T01:00:00Z\n");
	/* Whoever was woken has it in hand: nothing more for four hours. */
	assert_int_equal(memory_ack(&n->memory, "mx1.example", "ann"), 3);
	until(7, 0);
	script("");
	mx1(n, HEALTH_RECOVERING);
	until(7, 10);
	queue(n, A, 0);
	queue(n, B, 0);
	mx1(n, HEALTH_UP);
	until(8, 0);
	script(
	    "07:15 chat: mx2.test: resolved after 6h10m, 4 times: the primary "
	    "is down: mx1.example, 3 domains\n"
	    "07:15 pager: CLOSES mxwatch/mx2.test/primary_down/mx1.example\n");

	/* The pager is away for all that there is to page. */
	away = (struct away){ "pager", T0 + 8 * HR, T0 + 10 * HR };
	state(n, D, HEALTH_DOWN);
	until(9, 30);
	state(n, D, HEALTH_UP);
	until(11, 0);
	script(
	    "08:01 chat: mx2.test: the primary is down (warning): d.example: "
	    "connect: connection refused; no mail is waiting\n"
	    "09:00 chat: mx2.test: the primary is down (critical): d.example: "
	    "connect: connection refused; no mail is waiting\n"
	    "09:35 chat: mx2.test: resolved after 1h30m: the primary is down: "
	    "d.example\n"
	    "10:00 pager: drops mxwatch/mx2.test/primary_down/mx9.example\n");

	/* Somebody works on it and said so. */
	assert_int_not_equal(memory_silence(&n->memory, "d.example", now,
				 now + 2 * HR, "disk swap"),
	    0);
	state(n, D, HEALTH_DOWN);
	until(12, 30);
	state(n, D, HEALTH_UP);
	until(12, 50);
	script("");
	/* What is still wrong when the silence ends is told then. */
	state(n, D, HEALTH_DOWN);
	until(13, 10);
	script(
	    "13:00 chat: mx2.test: the primary is down (warning): d.example: "
	    "connect: connection refused; no mail is waiting\n");
	state(n, D, HEALTH_UP);
	until(14, 0);
	script("13:20 chat: mx2.test: resolved after 20m: the primary is down: "
	       "d.example\n");
	/* A window of maintenance: nobody is told that the primary is down, but
	 * of mail that is about to expire; and what is still wrong at its end. */
	for (unsigned k = A; k <= C; k++)
		n->d[k]->maintenance.active = true;
	queue(n, A, 1);
	n->d[A]->next_expiry_ms = now + 11 * HR;
	mx1(n, HEALTH_DOWN);
	until(15, 0);
	script(
	    "14:01 chat: mx2.test: mail is about to expire (critical): "
	    "a.example: the next message expires in 10h58m; nothing is being "
	    "delivered: 1 message expires at 2027-01-16T01:00:00Z\n"
	    "14:01 pager: OPENS mx2.test: mail is about to expire (critical): "
	    "a.example: the next message expires in 10h58m; nothing is being "
	    "delivered: 1 message expires at 2027-01-16T01:00:00Z\n");
	for (unsigned k = A; k <= C; k++)
		n->d[k]->maintenance.active = false;
	queue(n, A, 0);
	until(15, 10);
	script(
	    "15:00 chat: mx2.test: the primary is down (critical): "
	    "mx1.example, "
	    "3 domains\n"
	    "15:00 pager: CLOSES mxwatch/mx2.test/queue_expiry/mx1.example\n"
	    "15:00 chat: mx2.test: resolved after 1h: mail is about to expire: "
	    "a.example\n"
	    "15:00 pager: OPENS mx2.test: the primary is down (critical): "
	    "mx1.example, 3 domains\n");
	node_fini(n);
	node_fini(other);
	(void)unlink(key_path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(night) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
