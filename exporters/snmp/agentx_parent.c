/* SPDX-License-Identifier: ISC
 * agentx_parent: the packets to and from the child. Snapshots: packed and sent
 * PACK_SLICE domains a turn, the next one not before SNAPSHOT_EVERY and a
 * second for each thousand domains have passed; by then it replaces one that is
 * still unfinished. Notifications: one under way at a time, which stays in the
 * queue until the child reports that the master accepted it, so that neither a
 * dying child nor an absent master loses any; only their number and age are
 * bounded (notify_queue). */
#include "exporters/snmp/agentx_parent.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "exporters/snmp/agentx_child.h"
#include "exporters/snmp/notify_queue.h"
#include "exporters/snmp/numbers.h"

#define SNAPSHOT_EVERY (5 * CLOCK_SEC)
#define PACK_SLICE     256 /* domains */
#define PACK_EVERY_MS  5
#define SILENT_MAX     (30 * CLOCK_SEC) /* without an answer it is killed */
#define LOG_EVERY_SEC  5 /* of the child's messages; it limits itself, too */

enum said { SAID_NOTHING, SAID_CONNECTED, SAID_NOT };

struct agentx {
	struct loop *loop;
	struct numbers numbers;
	struct conf_snmp conf; /* our copy */
	struct agentx_child *child;

	struct pack pack; /* the snapshot being sent */
	struct wire_out out; /* its packets not sent yet */
	struct loop_timer *slice;
	unsigned ages; /* where notify_ages() continues */
	uint64_t generation; /* of the newest snapshot packed */
	int64_t next_snapshot, heard; /* monotonic ns */

	struct notify_queue queue;
	struct loop_timer *spacing;
	uint64_t seq; /* of the last notification sent */
	uint64_t dropped_then; /* at the last tick */
	int64_t dropped_wall; /* last time some were dropped; 0: never */

	struct wire_status last; /* the last one received */
	enum said said; /* state of the link as logged */
	uint64_t requests; /* of earlier children */
	uint64_t snapshots_dropped;
};

static void send_more(struct agentx *);

/* ---- the state of the registrations */

static bool
is_connected(const struct agentx *ax)
{
	return ax->last.connected != 0 &&
	    (ax->last.standing & 1u << WIRE_MXWATCH) != 0;
}

static const char *
module_name(enum wire_module module)
{
	static const char *const name[WIRE_MODULES] = {
		[WIRE_MXWATCH] = "MXWATCH-MIB",
		[WIRE_NETWORK_SERVICES] = "NETWORK-SERVICES-MIB",
		[WIRE_MTA] = "MTA-MIB",
	};

	return name[module];
}

/* Logged at each change; nothing is logged while registrations are being
 * requested. */
static void
say_link(struct agentx *ax)
{
	uint32_t known = ax->last.standing | ax->last.taken;
	enum said is = is_connected(ax) ? SAID_CONNECTED : SAID_NOT;

	if (is == ax->said ||
	    (ax->last.connected != 0 && (known & 1u << WIRE_MXWATCH) == 0))
		return;
	ax->said = is;
	if (is == SAID_CONNECTED)
		log_notice("agentx", "connected=1 master=%s",
		    log_q(ax->conf.agentx));
	else
		log_warn("agentx", "connected=0 master=%s session=%u",
		    log_q(ax->conf.agentx), ax->last.connected);
}

/* Another agent serves part of our objects: logged at each change. */
static void
say_taken(const struct agentx *ax, uint32_t was)
{
	uint32_t is = ax->last.taken;

	for (unsigned m = 0; m < WIRE_MODULES; m++) {
		if ((is & ~was & 1u << m) != 0)
			log_error("agentx",
			    "problem=\"another subagent serves these objects "
			    "at the master agent\" module=%s effect=\"that one "
			    "answers\" do=\"%s\"",
			    module_name(m),
			    m == WIRE_MTA ?
				"start snmpd with -I -mta_sendmail" :
				"stop the other subagent");
		else if ((was & ~is & 1u << m) != 0 && ax->last.connected != 0)
			log_notice("agentx", "module=%s taken=0",
			    module_name(m));
	}
}

static void
take_status(struct agentx *ax, const struct wire_status *st)
{
	uint32_t taken = ax->last.taken;

	ax->last = *st;
	ax->heard = loop_now(ax->loop);
	say_link(ax);
	say_taken(ax, taken);
	if (ax->queue.sent != NULL && st->notice == ax->seq)
		notify_queue_answer(&ax->queue, st->notice_taken != 0,
		    ax->heard);
}

static bool
on_packet(void *arg, const union wire_packet *p, size_t len)
{
	static struct log_limit limit;
	struct agentx *ax = arg;
	const struct wire_log *l;

	if (wire_check(p, len) != 0)
		return false;
	if (p->head.type == WIRE_STATUS) {
		take_status(ax, wire_record(p, 0));
		return true;
	}
	if (p->head.type != WIRE_LOG)
		return false;
	l = wire_record(p, 0);
	if (!log_limit_ok(&limit, LOG_EVERY_SEC))
		return true;
	(l->error != 0 ? log_error : log_warn)("agentx", "library=%s",
	    log_q(l->text));
	return true;
}

static void
on_gone(void *arg)
{
	struct agentx *ax = arg;

	loop_timer_cancel(ax->spacing);
	loop_timer_cancel(ax->slice);
	pack_end(&ax->pack);
	wire_out_fini(&ax->out);
	notify_queue_answer(&ax->queue, false, loop_now(ax->loop));
	ax->requests += ax->last.requests;
	memset(&ax->last, 0, sizeof(ax->last));
	say_link(ax);
}

/* ---- notifications */

static void
add(struct agentx *ax, const struct wire_notice *w, enum notify_worth worth)
{
	struct index_entry *e = NULL;

	if (w->event == WIRE_STATE_CHANGE)
		e = index_of(&ax->numbers.x.domains, w->domain);
	notify_queue_add(&ax->queue, w, worth, e, loop_now(ax->loop));
}

void
agentx_notice(struct agentx *ax, const struct notice *n)
{
	enum notify_worth worth;
	struct wire_notice w;

	if (ax == NULL || !ax->conf.present)
		return;
	worth = notify_of_notice(&w, n, &ax->numbers.x, loop_now(ax->loop));
	if (worth == NOTIFY_NOT)
		return;
	add(ax, &w, worth);
	if (!loop_timer_pending(ax->spacing))
		loop_timer_set(ax->spacing, 0);
}

static bool
on_age(void *arg, const struct wire_notice *w)
{
	struct agentx *ax = arg;

	if (!notify_queue_room(&ax->queue, w, NOTIFY_NEWS))
		return false;
	add(ax, w, NOTIFY_NEWS);
	return true;
}

static bool
send_notice(struct agentx *ax, const struct wire_notice *n)
{
	struct wire_out o;
	const void *packet;
	size_t len, stride;
	bool sent;

	wire_out_init(&o, ax->seq + 1);
	*(struct wire_notice *)wire_out_add(&o, WIRE_NOTICE) = *n;
	packet = wire_out_peek(&o, &len, &stride);
	sent = agentx_child_send(ax->child, packet, len);
	wire_out_fini(&o);
	if (sent) {
		ax->seq++;
		notify_queue_sent(&ax->queue);
	}
	return sent;
}

/* They wait while there is no master. */
static void
send_notices(struct agentx *ax)
{
	const struct wire_notice *n;
	int64_t wait;

	n = notify_queue_next(&ax->queue, loop_now(ax->loop), &wait);
	if (ax->last.connected == 0)
		return;
	if (n != NULL)
		(void)send_notice(ax, n);
	else if (wait >= 0)
		loop_timer_set(ax->spacing, wait / CLOCK_MS + 1);
}

/* Losses are shown while they are recent; the alert uses this. */
static void
note_dropped(struct agentx *ax)
{
	uint64_t n = ax->queue.dropped;

	if (n == ax->dropped_then)
		return;
	log_warn("agentx",
	    "problem=\"notifications were dropped\" dropped=%llu waiting=%u "
	    "do=\"check the tables; see trap_queue and trap_lifetime\"",
	    (unsigned long long)(n - ax->dropped_then), ax->queue.n);
	ax->dropped_then = n;
	ax->dropped_wall = clock_wall();
}

/* ---- snapshots */

static void
send_more(struct agentx *ax)
{
	size_t len, stride;
	const void *packet;

	while ((packet = wire_out_peek(&ax->out, &len, &stride)) != NULL) {
		if (!agentx_child_send(ax->child, packet, len))
			return;
		ax->out.sent += stride;
	}
	send_notices(ax);
}

static void
on_room(void *arg)
{
	send_more(arg);
}

/* Packs the next slice, after the previous packets were sent. */
static void
pack_slice(struct agentx *ax)
{
	size_t len, stride;

	if (ax->pack.s == NULL)
		return;
	if (wire_out_peek(&ax->out, &len, &stride) != NULL)
		goto later;
	wire_out_fini(&ax->out);
	wire_out_init(&ax->out, ax->generation);
	if (pack_step(&ax->pack, &ax->out, &ax->numbers.x, PACK_SLICE))
		goto later;
	pack_end(&ax->pack);
	numbers_keep(&ax->numbers);
	return;
later:
	loop_timer_set(ax->slice, PACK_EVERY_MS);
}

static void
on_slice(void *arg)
{
	struct agentx *ax = arg;

	pack_slice(ax);
	send_more(ax);
}

static void
push_snapshot(struct agentx *ax, struct snapshot *s)
{
	size_t len, stride;

	if (ax->pack.s != NULL ||
	    wire_out_peek(&ax->out, &len, &stride) != NULL)
		ax->snapshots_dropped++;
	wire_out_fini(&ax->out);
	wire_out_init(&ax->out, ++ax->generation);
	pack_begin(&ax->pack, s);
	ax->next_snapshot = loop_now(ax->loop) + SNAPSHOT_EVERY +
	    s->domains.n / 1000 * CLOCK_SEC;
	pack_slice(ax);
}

static bool
is_silent(const struct agentx *ax, int64_t now)
{
	return agentx_child_is_open(ax->child) &&
	    now - ax->heard > SILENT_MAX &&
	    (ax->queue.sent != NULL || ax->last.generation < ax->generation);
}

void
agentx_tick(struct agentx *ax, struct snapshot *s)
{
	struct age_limits limits = { ax->conf.age_warning,
		ax->conf.age_critical };
	int64_t now = loop_now(ax->loop);
	bool was_open = agentx_child_is_open(ax->child);

	if (ax->conf.present)
		notify_ages(s, &ax->numbers.x.domains, &limits, &ax->ages,
		    on_age, ax);
	if (is_silent(ax, now)) {
		log_warn("agentx",
		    "problem=\"the subagent is stuck\" silent=%llds "
		    "effect=\"it is killed and restarted\"",
		    (long long)((now - ax->heard) / CLOCK_SEC));
		agentx_child_kill(ax->child);
	}
	agentx_child_tick(ax->child, ax->conf.present ? &ax->conf : NULL);
	if (!was_open && agentx_child_is_open(ax->child))
		ax->next_snapshot = ax->heard = now;
	if (agentx_child_is_open(ax->child) && now >= ax->next_snapshot)
		push_snapshot(ax, s);
	send_more(ax);
	note_dropped(ax);
}

void
agentx_show(const struct agentx *ax, struct snap_agentx *v)
{
	memset(v, 0, sizeof(*v));
	v->wanted = ax->conf.present;
	v->session = ax->last.connected != 0;
	v->connected = is_connected(ax);
	v->requests = ax->requests + ax->last.requests;
	v->notifications_dropped = ax->queue.dropped;
	v->notifications_waiting = ax->queue.n;
	v->dropped_wall = ax->dropped_wall;
	v->snapshots_dropped = ax->snapshots_dropped;
	for (unsigned m = 0; m < WIRE_MODULES; m++)
		if ((ax->last.taken & 1u << m) != 0)
			v->taken[v->ntaken++] = module_name(m);
}

/* ---- configuration, creation and destruction */

/* Would the child be started in the same way? */
static bool
same(const struct conf_snmp *a, const struct conf_snmp *b)
{
	return a->present == b->present && a->mta_mib == b->mta_mib &&
	    a->appl_index == b->appl_index &&
	    strcmp(a->agentx, b->agentx) == 0 &&
	    strcmp(a->program, b->program) == 0;
}

void
agentx_configure(struct agentx *ax, const struct conf_snmp *conf)
{
	struct conf_snmp old = ax->conf;

	ax->conf = *conf;
	ax->conf.agentx = mem_strdup(conf->agentx);
	ax->conf.program = mem_strdup(conf->program);
	if (old.agentx == NULL || !same(&old, conf)) {
		agentx_child_restart(ax->child);
		ax->said = SAID_NOTHING;
	}
	notify_queue_limit(&ax->queue, conf->trap_queue, conf->trap_rate,
	    conf->trap_lifetime_ms);
	if (!conf->present)
		notify_queue_fini(&ax->queue);
	mem_free(&old.agentx);
	mem_free(&old.program);
}

struct agentx *
agentx_create(struct loop *loop, struct helper *helper, struct spawner *spawner,
    bool filter, const char *spool)
{
	struct agentx *ax = mem_alloc(sizeof(*ax));
	struct agentx_child_ops ops = { on_packet, on_room, on_gone, ax };

	ax->loop = loop;
	numbers_init(&ax->numbers, helper, spool);
	notify_queue_init(&ax->queue);
	ax->spacing = loop_timer_create(loop, on_room, ax);
	ax->slice = loop_timer_create(loop, on_slice, ax);
	wire_out_init(&ax->out, 0);
	ax->child = agentx_child_create(loop, spawner, filter, &ops);
	return ax;
}

void
agentx_destroy(struct agentx **axp)
{
	struct agentx *ax = *axp;

	if (ax == NULL)
		return;
	agentx_child_destroy(&ax->child);
	loop_timer_destroy(&ax->spacing);
	loop_timer_destroy(&ax->slice);
	pack_end(&ax->pack);
	wire_out_fini(&ax->out);
	notify_queue_fini(&ax->queue);
	numbers_fini(&ax->numbers);
	mem_free(&ax->conf.agentx);
	mem_free(&ax->conf.program);
	mem_free(axp);
}
