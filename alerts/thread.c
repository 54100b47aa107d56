/* SPDX-License-Identifier: ISC
 * thread: the alert thread. A turn: take the mail; once a second evaluate the
 * newest snapshot; select what to send; save; send; show; then wait for mail,
 * which includes results of transfers, or for the next second. */
#include <string.h>

#include "alerts/alerts_int.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define STEP_MS 1000
#define STEP_NS (STEP_MS * CLOCK_MS)
#define SOON_NS (CLOCK_SEC / 5) /* after a notice: a storm causes one look */
/* Per alert, for work proportional to their number: 50,000 are 5 s. */
#define LONG_LIST_NS (CLOCK_SEC / 10000)

static void
take_config(struct alerts *a, struct config **conf)
{
	struct config *old = a->conf;

	a->conf = *conf;
	*conf = NULL;
	receivers_build(a);
	a->next_step = 0;
	config_unref(&old);
}

static void
look_soon(struct alerts *a)
{
	int64_t soon = a->last_step + SOON_NS;

	if (soon < a->next_step)
		a->next_step = soon;
}

static void
take_answer(struct alerts *a, struct mail *m)
{
	struct fetch_answer *fa = (struct fetch_answer *)(void *)m;

	if (fa->stage == CARRY_ENDED)
		notify_done(a, fa->arg, &fa->result);
	else
		notify_test_told(a, fa->arg, fa->stage);
	fetch_answer_free(&fa);
}

static int
until_next_step(const struct alerts *a)
{
	int64_t ms = (a->next_step - clock_now()) / CLOCK_MS + 1;

	return ms < 0 ? 0 : ms > STEP_MS ? STEP_MS : (int)ms;
}

static void
take_mail(struct alerts *a)
{
	struct alerts_mail *am;
	struct mail_list list;
	struct mail *m;

	if (!mailbox_wait(a->box, &list, until_next_step(a)))
		return;
	while ((m = STAILQ_FIRST(&list)) != NULL) {
		STAILQ_REMOVE_HEAD(&list, link);
		am = (struct alerts_mail *)(void *)m;
		if (m->kind == MAIL_ANSWER) {
			take_answer(a, m);
			continue;
		}
		if (m->kind == MAIL_CONF)
			take_config(a, &am->conf);
		else if (m->kind == MAIL_LOOK)
			look_soon(a);
		else if (m->kind == MAIL_INCIDENT)
			incidents_told(&a->memory.incidents, am->key, am->text,
			    am->len);
		else if (m->kind == MAIL_TEST)
			notify_test(a, am->name, am->ticket);
		else
			a->stopping = true;
		alerts_mail_free(m);
	}
}

/* One line for each alert that begins, changes or ends. */
static void
on_change(const struct instance *i, void *arg MX_UNUSED)
{
	bool over = i->state == INSTANCE_RESOLVED;

	(over ? log_notice : log_warn)("alerts",
	    "alert=%s %s=%s state=%s severity=%s text=%s",
	    conf_alert_info[i->kind].name, alert_label(i->kind),
	    log_q(i->domain), instance_state_name(i->state),
	    severity_name(i->severity), log_peer(i->summary));
}

static bool
step(struct alerts *a, const struct snapshot *s)
{
	struct rules_self self;
	bool changed;

	for (size_t i = 0; i < a->nreceivers; i++) {
		struct receiver *r = &a->receiver[i];

		/* It has accepted everything. */
		if (!r->rejected && r->broken[0] == '\0' &&
		    r->type->note != NULL &&
		    outbox_pending(&a->memory.outbox, r->shown.name) == 0)
			r->failing_ms = 0;
	}
	pthread_mutex_lock(&a->state);
	receivers_failing(a, &self);
	changed = memory_step(&a->memory, a->rules, a->conf, s, &self,
	    clock_wall_ms());
	pthread_mutex_unlock(&a->state);
	pthread_mutex_lock(&a->shown);
	STAILQ_CONCAT(&a->share, &a->memory.incidents.changes);
	pthread_mutex_unlock(&a->shown);
	if (a->memory.outbox.dropped != a->dropped) {
		static struct log_limit limit;

		if (log_limit_ok(&limit, 300))
			log_error("alerts",
			    "problem=\"an outbox is full; alerts wait\"");
		a->dropped = a->memory.outbox.dropped;
	}
	return changed;
}

/* Was work proportional to the number of alerts done lately? For tens of
 * thousands it takes a tenth of a second, and is then done each five. */
static bool
is_lately(const struct alerts *a, int64_t last)
{
	return clock_now() - last < a->known->nalerts * LONG_LIST_NS;
}

/* The memory is saved before notes are sent; instances alone may wait. */
static void
save(struct alerts *a)
{
	struct mx_errbuf eb = { "" };
	int rc;
	bool failed;

	pthread_mutex_lock(&a->state);
	if (!a->memory.outbox.changed &&
	    (!a->memory.changed ||
		(!a->stopping && is_lately(a, a->last_save)))) {
		pthread_mutex_unlock(&a->state);
		return;
	}
	a->memory.changed = a->memory.outbox.changed = false;
	a->last_save = clock_now();
	rc = memory_write(&a->memory, &a->image);
	pthread_mutex_unlock(&a->state);
	if (rc == 0)
		rc = memory_save(&a->image, a->path, &eb);
	else
		rc = mx_fail(&eb, rc, "%s would be too large", a->path);
	failed = rc != 0;
	buf_clear(&a->image);
	if (failed) {
		/* Sends nevertheless: a page that may be repeated after a crash
		 * is better than none. */
		if (!a->save_failed)
			log_error("alerts", "problem=%s", log_q(eb.text));
		a->memory.outbox.changed = true;
	} else if (a->save_failed)
		log_notice("alerts", "saving=ok");
	a->save_failed = failed;
}

static bool
is_shown(const struct instance *i)
{
	return i->state == INSTANCE_PENDING || i->state == INSTANCE_FIRING;
}

static const char *
put_text(struct snap_alerts *t, size_t *at, const char *text)
{
	char *p = t->text + *at;
	size_t n = strlen(text) + 1;

	memcpy(p, text, n);
	*at += n;
	return p;
}

/* The instances and their texts; under a->state. */
static struct snap_alerts *
show_alerts(struct alerts *a)
{
	int64_t now = clock_wall_ms();
	struct snap_alerts *t;
	struct instance *i;
	size_t text = 0;
	unsigned n = 0;
	struct snap_alert *s;

	RB_FOREACH (i, instance_tree, &a->memory.instances) {
		if (!is_shown(i))
			continue;
		n++;
		text += strlen(i->domain) + strlen(i->primary) +
		    strlen(i->summary) + strlen(i->acked_by) + 4;
	}
	t = snap_alerts_create(n, (unsigned)a->nreceivers,
	    (unsigned)a->nheartbeats);
	t->text = mem_alloc(text + 1);
	s = t->alert;
	text = 0;
	RB_FOREACH (i, instance_tree, &a->memory.instances) {
		if (!is_shown(i))
			continue;
		*s++ = (struct snap_alert){ .kind = i->kind,
			.domain = put_text(t, &text, i->domain),
			.primary = put_text(t, &text, i->primary),
			.summary = put_text(t, &text, i->summary),
			.acked_by = put_text(t, &text, i->acked_by),
			.held = instance_is_held(i),
			.severity = i->severity,
			.firing = i->state == INSTANCE_FIRING,
			.silenced = memory_silenced(&a->memory, i, now),
			.since = i->since_ms / 1000 };
	}
	return t;
}

/* Collects domains whose firing alerts differ; both are sorted. */
static void
compare(const struct snap_alerts *was, const struct snap_alerts *is,
    struct buf *out)
{
	static const struct snap_firing none;
	const struct snap_firing *a = was->nfiring > 0 ? was->firing : &none;
	const struct snap_firing *b = is->nfiring > 0 ? is->firing : &none;
	const struct snap_firing *ae = a + was->nfiring, *be = b + is->nfiring;
	const char *name;
	int c;

	while (a < ae || b < be) {
		c = a == ae ? 1 : b == be ? -1 : strcmp(a->domain, b->domain);
		name = c > 0 ? b->domain : a->domain;
		if ((c != 0 || a->alerts != b->alerts) &&
		    buf_add(out, name, strlen(name) + 1) != 0)
			return; /* see ALERTS_CHANGED_MAX */
		a += c <= 0;
		b += c >= 0;
	}
}

/* Passes the state to the loop thread. */
static void
show(struct alerts *a)
{
	struct buf names = BUF_INIT(ALERTS_CHANGED_MAX);
	/* only this thread replaces it */
	struct snap_alerts *t, *old = a->known;
	struct snap_receiver *sr;

	pthread_mutex_lock(&a->state);
	t = show_alerts(a);
	pthread_mutex_unlock(&a->state);
	for (size_t i = 0; i < a->nreceivers; i++) {
		sr = &t->receiver[i];
		*sr = a->receiver[i].shown;
		sr->pending = outbox_pending(&a->memory.outbox, sr->name);
		if (a->receiver[i].broken[0] != '\0')
			(void)strlcpy(sr->error, a->receiver[i].broken,
			    sizeof(sr->error));
	}
	for (size_t i = 0; i < a->nheartbeats; i++)
		t->heartbeat[i] = a->heartbeat[i].shown;
	snap_alerts_index(t);
	compare(old, t, &names);
	pthread_mutex_lock(&a->shown);
	if (names.len > 0 && buf_add(&a->changed, names.data, names.len) != 0)
		buf_clear(&a->changed); /* see ALERTS_CHANGED_MAX */
	a->known = t;
	pthread_mutex_unlock(&a->shown);
	buf_fini(&names);
	snap_alerts_unref(&old);
	a->last_show = clock_now();
}

void
alerts_turn(struct alerts *a)
{
	struct snapshot *s = NULL;
	bool stepped = false, changed = false;

	take_mail(a);
	if (clock_now() >= a->next_step) {
		a->last_step = clock_now();
		a->next_step = a->last_step + STEP_NS;
		s = snapshot_box_get(a->snapshots);
		stepped = s != NULL;
	}
	if (stepped && !a->stopping) {
		changed = step(a, s);
		notify_heartbeats(a, s);
		notify_alertmanagers(a, changed);
	}
	if (!a->stopping)
		notify_entries(a);
	save(a);
	notify_send(a);
	if ((stepped || a->told) && !is_lately(a, a->last_show)) {
		show(a);
		a->told = false;
	}
	snapshot_unref(&s);
}

void
alerts_begin(struct alerts *a)
{
	a->memory.on_change = on_change;
	a->started_ms = clock_wall_ms();
	receivers_build(a);
	identity_check_spool(&a->identity, a->conf->spool);
	show(a);
}

/* Takes the results that are there. Transfers under way are not awaited: they
 * are marked on the disk and repeated by the next start. */
void
alerts_end(struct alerts *a)
{
	a->next_step = 0;
	take_mail(a);
	save(a);
	receivers_free(a);
	identity_fini(&a->identity);
}

void *
alerts_run(void *arg)
{
	struct alerts *a = arg;

	alerts_begin(a);
	while (!a->stopping)
		alerts_turn(a);
	alerts_end(a);
	return NULL;
}
