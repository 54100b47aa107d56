/* SPDX-License-Identifier: ISC
 * agentx_parent: one child process at most, and a socketpair on which both
 * sides only ever send what fits. Snapshots: packed and sent PACK_SLICE domains
 * a turn, the next one not before SNAPSHOT_EVERY and a second for each thousand
 * domains have passed; the newest replaces one that is not through then.
 * Notices: a queue of 64, one on its way at a time, the next
 * 20 ms after its receipt; a child that dies takes the one on its way along,
 * and it is counted as dropped like those that found the queue full. */
#include "exporters/snmp/agentx_parent.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/spawn.h"
#include "exporters/snmp/pack.h"

#define SNAPSHOT_EVERY	 (5 * CLOCK_SEC)
#define PACK_SLICE	 256 /* domains */
#define PACK_EVERY_MS	 5
#define FRESH_MAX	 1000 /* domains: then not a snapshot for each notice */
#define SILENT_MAX	 (30 * CLOCK_SEC) /* then it is killed */
#define STOP_MAX	 (2 * CLOCK_SEC) /* to end by itself */
#define RESTART_FIRST_MS 1000
#define RESTART_MAX_MS	 60000
#define LIVED_LONG	 (60 * CLOCK_SEC) /* then the back-off begins anew */
#define QUEUE_MAX	 64
#define SPACING_MS	 20
#define READ_MAX	 16 /* packets a turn */

struct agentx {
	struct loop *loop;
	struct helper *helper; /* borrowed; gone before this is */
	struct index index;
	bool keeping; /* its numbers are on their way to the disk */
	struct conf_snmp conf; /* our copy */

	struct spawner *spawner; /* borrowed */
	bool filter; /* its system calls */
	struct program program;
	struct loop_io *life; /* of the program; NULL: none runs */
	int fd; /* -1: the child is asked to end, or none */
	struct loop_io *io;
	int64_t started, heard; /* monotonic ns */
	int64_t kill_at; /* once fd is -1 */
	int64_t restart_at, restart_ms;
	bool start_failed; /* said once */
	bool link_known;

	struct pack pack; /* the snapshot on its way */
	struct wire_out out; /* its packets that were not sent */
	struct loop_timer *slice;
	unsigned ages; /* where pack_ages() goes on */
	uint64_t generation; /* of the newest snapshot packed */
	int64_t next_snapshot;
	struct wire_status last; /* the child's newest */

	struct wire_notice queue[QUEUE_MAX];
	unsigned head, n; /* of the queue */
	unsigned knows; /* of these the snapshot on its way knows */
	unsigned covered; /* of these a packed snapshot knows */
	bool in_flight; /* queue[head] */
	uint64_t seq;
	struct loop_timer *spacing;

	struct agentx_stats total; /* of the children before this one */
};

static void send_more(struct agentx *);

/* ---- the queue of notices */

static void
queue_drop_head(struct agentx *ax)
{
	ax->head = (ax->head + 1) % QUEUE_MAX;
	ax->n--;
	if (ax->knows > 0)
		ax->knows--;
	if (ax->covered > 0)
		ax->covered--;
	ax->in_flight = false;
}

/* False when the queue is full. */
static bool
queue_add(void *arg, const struct wire_notice *w)
{
	struct agentx *ax = arg;

	if (ax->n == QUEUE_MAX)
		return false;
	ax->queue[(ax->head + ax->n++) % QUEUE_MAX] = *w;
	return true;
}

void
agentx_notice(struct agentx *ax, const struct notice *n)
{
	struct wire_notice w;

	if (ax != NULL && ax->conf.present &&
	    pack_notice(&w, n, &ax->index, loop_now(ax->loop)) &&
	    !queue_add(ax, &w))
		ax->total.notifications_dropped++;
}

/* ---- the child's life */

static void
say_link(struct agentx *ax, bool connected)
{
	if (ax->link_known && connected == (ax->last.connected != 0))
		return;
	ax->link_known = true;
	if (connected)
		log_notice("agentx", "connected=1 master=%s",
		    log_q(ax->conf.agentx));
	else
		log_warn("agentx", "connected=0 master=%s",
		    log_q(ax->conf.agentx));
}

/* Our end closes, which is the child's signal to end; what it counted is
 * kept. The process itself ends later. */
static void
child_drop(struct agentx *ax)
{
	if (ax->fd == -1)
		return;
	say_link(ax, false);
	loop_io_destroy(&ax->io);
	close(ax->fd);
	ax->fd = -1;
	loop_timer_cancel(ax->spacing);
	loop_timer_cancel(ax->slice);
	pack_end(&ax->pack);
	wire_out_fini(&ax->out);
	if (ax->in_flight) {
		queue_drop_head(ax);
		ax->total.notifications_dropped++;
	}
	ax->knows = ax->covered = 0;
	ax->total.requests += ax->last.requests;
	ax->total.notifications_dropped += ax->last.notices_dropped;
	memset(&ax->last, 0, sizeof(ax->last));
	ax->kill_at = loop_now(ax->loop) + STOP_MAX;
}

static void
child_ended(struct agentx *ax)
{
	int64_t now = loop_now(ax->loop);

	loop_io_destroy(&ax->life);
	child_drop(ax);
	if (now - ax->started >= LIVED_LONG)
		ax->restart_ms = RESTART_FIRST_MS;
	ax->restart_at = now + ax->restart_ms * CLOCK_MS;
	ax->restart_ms *= 2;
	if (ax->restart_ms > RESTART_MAX_MS)
		ax->restart_ms = RESTART_MAX_MS;
}

/* It could not be started; said once. */
static void
child_failed(struct agentx *ax, int error)
{
	ax->restart_at = loop_now(ax->loop) + RESTART_MAX_MS * CLOCK_MS;
	if (!ax->start_failed)
		log_error("agentx",
		    "problem=\"cannot start the subagent\" program=%s "
		    "error=%s effect=\"nothing is served over SNMP\"",
		    log_q(ax->conf.program), log_q(spawn_reason(error)));
	ax->start_failed = true;
}

static void
on_life(unsigned ready MX_UNUSED, void *arg)
{
	struct agentx *ax = arg;
	pid_t pid = ax->program.pid;
	int status;

	switch (spawn_poll(&ax->program, &status)) {
	case SPAWN_RUNS:
		if (pid == 0 && ax->program.pid != 0) {
			ax->start_failed = false;
			log_info("agentx", "started=1 pid=%ld",
			    (long)ax->program.pid);
		}
		break;
	case SPAWN_FAILED:
		child_ended(ax);
		child_failed(ax, status);
		break;
	case SPAWN_ENDED:
		if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0)
			log_warn("agentx", "ended=1 pid=%ld %s=%d", (long)pid,
			    WIFSIGNALED(status) ? "signal" : "exit",
			    WIFSIGNALED(status) ? WTERMSIG(status) :
						  WEXITSTATUS(status));
		child_ended(ax);
	}
}

/* The end of one that was asked to and did not. */
static void
child_kill(struct agentx *ax)
{
	if (ax->life == NULL || ax->fd != -1 ||
	    loop_now(ax->loop) < ax->kill_at)
		return;
	log_warn("agentx", "killed=1 pid=%ld", (long)ax->program.pid);
	spawn_kill(&ax->program);
	child_ended(ax);
}

static int
spawn_with(struct agentx *ax, int theirs)
{
	char index[16];
	const char *argv[8] = { ax->conf.program, "-x", ax->conf.agentx, "-i",
		index };
	struct spawn_request r = { argv, theirs, WIRE_FD, false };
	size_t n = 5;

	if (ax->conf.mta_mib)
		argv[n++] = "-m";
	if (!ax->filter)
		argv[n++] = "-S";
	snprintf(index, sizeof(index), "%u", ax->conf.appl_index);
	return spawn_start(ax->spawner, &r, &ax->program);
}

static void on_ready(unsigned ready, void *arg);

static void
child_start(struct agentx *ax)
{
	int64_t now = loop_now(ax->loop);
	int sv[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) != 0) {
		rc = errno;
	} else {
		rc = spawn_with(ax, sv[1]);
		close(sv[1]);
		if (rc != 0)
			close(sv[0]);
	}
	if (rc != 0) {
		child_failed(ax, rc);
		return;
	}
	ax->life = loop_io_create(ax->loop, ax->program.fd, on_life, ax);
	loop_io_want(ax->life, LOOP_READ);
	ax->fd = sv[0];
	ax->io = loop_io_create(ax->loop, ax->fd, on_ready, ax);
	loop_io_want(ax->io, LOOP_READ);
	ax->started = ax->heard = now;
	ax->next_snapshot = now;
}

/* ---- what the child says */

static void
take_status(struct agentx *ax, const struct wire_status *st)
{
	say_link(ax, st->connected != 0);
	ax->last = *st;
	ax->heard = loop_now(ax->loop);
	if (ax->in_flight && st->notice >= ax->seq) {
		queue_drop_head(ax);
		loop_timer_set(ax->spacing, SPACING_MS);
	}
}

static bool
take_packet(struct agentx *ax, const union wire_packet *p, size_t len)
{
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
	(l->error != 0 ? log_error : log_warn)("agentx", "library=%s",
	    log_q(l->text));
	return true;
}

static void
on_ready(unsigned ready, void *arg)
{
	static union wire_packet p;
	struct agentx *ax = arg;
	ssize_t n;

	for (unsigned i = 0; (ready & LOOP_READ) != 0 && i < READ_MAX; i++) {
		n = recv(ax->fd, &p, sizeof(p), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0 || !take_packet(ax, &p, (size_t)n)) {
			if (n > 0)
				log_error("agentx",
				    "problem=\"it is of another build, or "
				    "broken\" effect=\"it is restarted\"");
			child_drop(ax);
			return;
		}
	}
	send_more(ax);
}

/* ---- what it is told */

/* False: the socket is full, or the child is gone. */
static bool
send_packet(struct agentx *ax, const void *packet, size_t len)
{
	if (send(ax->fd, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
		loop_io_want(ax->io, LOOP_READ | LOOP_WRITE);
	else
		child_drop(ax);
	return false;
}

static bool
send_notice(struct agentx *ax)
{
	struct wire_out o;
	const void *packet;
	size_t len, stride;
	bool sent;

	wire_out_init(&o, ax->seq + 1);
	*(struct wire_notice *)wire_out_add(&o, WIRE_NOTICE) =
	    ax->queue[ax->head];
	packet = wire_out_peek(&o, &len, &stride);
	sent = send_packet(ax, packet, len);
	wire_out_fini(&o);
	if (sent) {
		ax->seq++;
		ax->in_flight = true;
	}
	return sent;
}

/* A notice follows the snapshot that knows of it, so that its varbinds are
 * those of the moment. */
static void
send_more(struct agentx *ax)
{
	size_t len, stride;
	const void *packet;

	while (ax->fd != -1 &&
	    (packet = wire_out_peek(&ax->out, &len, &stride)) != NULL) {
		if (!send_packet(ax, packet, len))
			return;
		ax->out.sent += stride;
	}
	if (ax->fd != -1 && !ax->in_flight && ax->covered > 0 &&
	    !loop_timer_pending(ax->spacing) && !send_notice(ax))
		return;
	if (ax->fd != -1)
		loop_io_want(ax->io, LOOP_READ);
}

static void
on_spacing(void *arg)
{
	send_more(arg);
}

/* The numbers on their way to the disk: the thread's until it is done. */
struct keeping {
	struct helper_job job; /* first */
	struct agentx *ax;
	struct index_copy *copy;
	int rc;
	struct mx_errbuf why;
};

static void keep_numbers(struct agentx *);

static void
keeping_run(struct helper_job *job)
{
	struct keeping *k = (struct keeping *)job;

	k->rc = index_write(k->copy, &k->why);
}

static void
keeping_end(struct keeping *k)
{
	k->ax->keeping = false;
	if (k->rc != 0)
		log_error("agentx",
		    "problem=\"cannot keep the numbers of the domains\" "
		    "file=%s error=%s",
		    log_q(k->ax->index.path), log_q(k->why.text));
	index_copy_destroy(&k->copy);
	mem_free(&k);
}

static void
keeping_done(struct helper_job *job)
{
	struct agentx *ax = ((struct keeping *)job)->ax;

	keeping_end((struct keeping *)job);
	keep_numbers(ax);
}

/* The end of the daemon: it may not have been written. */
static void
keeping_drop(struct helper_job *job)
{
	struct keeping *k = (struct keeping *)job;

	keeping_run(job);
	keeping_end(k);
}

static void
keep_numbers(struct agentx *ax)
{
	struct index_copy *copy;
	struct keeping *k;

	if (ax->keeping || (copy = index_copy(&ax->index)) == NULL)
		return;
	k = mem_alloc(sizeof(*k));
	k->job.run = keeping_run;
	k->job.done = keeping_done;
	k->job.drop = keeping_drop;
	k->ax = ax;
	k->copy = copy;
	ax->keeping = true;
	helper_do(ax->helper, &k->job);
}

/* The next packets, once those before them went. A notice that the snapshot
 * knows of may follow its last one. */
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
	if (pack_step(&ax->pack, &ax->out, &ax->index, PACK_SLICE))
		goto later;
	pack_end(&ax->pack);
	keep_numbers(ax);
	ax->covered = ax->knows;
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
		ax->total.snapshots_dropped++;
	wire_out_fini(&ax->out);
	wire_out_init(&ax->out, ++ax->generation);
	ax->covered = 0;
	ax->knows = ax->n;
	pack_begin(&ax->pack, s);
	ax->next_snapshot = loop_now(ax->loop) + SNAPSHOT_EVERY +
	    s->domains.n / 1000 * CLOCK_SEC;
	pack_slice(ax);
}

static bool
is_silent(const struct agentx *ax, int64_t now)
{
	return ax->fd != -1 && now - ax->heard > SILENT_MAX &&
	    (ax->in_flight || ax->last.generation < ax->generation);
}

void
agentx_tick(struct agentx *ax, struct snapshot *s)
{
	struct age_limits limits = { ax->conf.age_warning,
		ax->conf.age_critical };
	int64_t now = loop_now(ax->loop);

	if (ax->conf.present)
		pack_ages(s, &ax->index, &limits, &ax->ages, queue_add, ax);
	if (is_silent(ax, now)) {
		log_warn("agentx",
		    "problem=\"the subagent is stuck\" silent=%llds "
		    "effect=\"it is killed and restarted\"",
		    (long long)((now - ax->heard) / CLOCK_SEC));
		child_drop(ax);
		ax->kill_at = now;
	}
	child_kill(ax);
	if (!ax->conf.present)
		return;
	if (ax->life == NULL && now >= ax->restart_at)
		child_start(ax);
	if (ax->fd == -1)
		return;
	if (now >= ax->next_snapshot ||
	    (ax->pack.s == NULL && ax->covered < ax->n &&
		s->domains.n <= FRESH_MAX))
		push_snapshot(ax, s);
	/* Else it is told with what is known of its domain there. */
	if (ax->pack.s == NULL && s->domains.n > FRESH_MAX)
		ax->covered = ax->n;
	send_more(ax);
}

void
agentx_stats(const struct agentx *ax, struct agentx_stats *st)
{
	*st = ax->total;
	st->connected = ax->last.connected != 0;
	st->requests += ax->last.requests;
	st->notifications_dropped += ax->last.notices_dropped;
}

/* ---- configuration, birth and death */

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
		child_drop(ax);
		ax->restart_at = 0;
		ax->restart_ms = RESTART_FIRST_MS;
		ax->start_failed = ax->link_known = false;
	}
	if (!conf->present)
		ax->head = ax->n = ax->knows = ax->covered = 0;
	mem_free(&old.agentx);
	mem_free(&old.program);
}

struct agentx *
agentx_create(struct loop *loop, struct helper *helper, struct spawner *spawner,
    bool filter, const char *spool)
{
	struct agentx *ax = mem_alloc(sizeof(*ax));
	char *path = mem_printf("%s/snmp-index", spool);
	int rc;

	ax->loop = loop;
	ax->helper = helper;
	ax->spawner = spawner;
	ax->filter = filter;
	ax->program = PROGRAM_NONE;
	ax->fd = -1;
	ax->restart_ms = RESTART_FIRST_MS;
	ax->spacing = loop_timer_create(loop, on_spacing, ax);
	ax->slice = loop_timer_create(loop, on_slice, ax);
	wire_out_init(&ax->out, 0);
	rc = index_init(&ax->index, path);
	if (rc != 0)
		log_warn("agentx",
		    "problem=\"the numbers of some domains are lost\" file=%s "
		    "error=%s effect=\"they get new ones\"",
		    log_q(path), mx_strerror(rc));
	mem_free(&path);
	return ax;
}

void
agentx_destroy(struct agentx **axp)
{
	const struct timespec nap = { 0, 10 * CLOCK_MS };
	struct agentx *ax = *axp;
	int status;

	if (ax == NULL)
		return;
	ax->link_known = true; /* its end at ours is no news */
	ax->last.connected = 0;
	child_drop(ax);
	for (int i = 0; ax->life != NULL && i < 50; i++) {
		if (spawn_poll(&ax->program, &status) != SPAWN_RUNS)
			break;
		nanosleep(&nap, NULL);
	}
	loop_io_destroy(&ax->life);
	spawn_kill(&ax->program);
	loop_timer_destroy(&ax->spacing);
	loop_timer_destroy(&ax->slice);
	pack_end(&ax->pack);
	wire_out_fini(&ax->out);
	index_fini(&ax->index);
	mem_free(&ax->conf.agentx);
	mem_free(&ax->conf.program);
	mem_free(axp);
}
