/* SPDX-License-Identifier: ISC
 * sim_outside: see sim_outside.h. */
#include "tests/sim/sim_outside.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/idmap.h"
#include "daemon/cluster_show.h"
#include "daemon/clustered.h"
#include "daemon/daemon_int.h"
#include "daemon/file_check.h"
#include "primary/address.h"
#include "primary/host.h"
#include "tests/sim/sim_judge.h"
#include "tests/sim/sim_world_int.h"

/* ---- watched and broken */

enum mutation {
	MUTATE_NONE,
	MUTATE_WINDOW,
	MUTATE_GATE,
	MUTATE_LOST,
	MUTATE_TWICE,
	MUTATE_JOB,
	MUTATE_STARVE,
	MUTATE_LATE,
	MUTATE_DEAF,
	MUTATE_BEHIND,
	MUTATE_MAX,
};
static const struct {
	const char *name, *property, *what;
} mutations[MUTATE_MAX] = {
	[MUTATE_WINDOW] = { "window", "window_shared",
	    "a window grows beyond connections" },
	[MUTATE_GATE] = { "gate", "while_down", "a gate is never closed" },
	[MUTATE_LOST] = { "lost", "lost", "what was put off counts as taken" },
	[MUTATE_TWICE] = { "twice", "twice",
	    "an outcome is taken for a lost connection" },
	[MUTATE_JOB] = { "job", "job", "a job is never ended" },
	[MUTATE_STARVE] = { "starve", "starved", "a domain gets nothing" },
	[MUTATE_LATE] = { "late", "first",
	    "there is room for a connection half of the time" },
	[MUTATE_DEAF] = { "deaf", "down", "success in down is not heard" },
	[MUTATE_BEHIND] = { "behind", "behind",
	    "more messages are under way than pipeline_depth" },
};
static enum mutation mutation;
static struct idmap jobs; /* by address: the id of its part */
static struct idmap parts; /* that are out */

bool
sim_mutate(const char *name)
{
	unsigned i;

	mutation = MUTATE_NONE;
	if (name == NULL)
		return true;
	for (i = 1; i < MUTATE_MAX; i++)
		if (strcmp(mutations[i].name, name) == 0)
			mutation = (enum mutation)i;
	return mutation != MUTATE_NONE;
}

void
sim_mutations(void)
{
	for (unsigned i = 1; i < MUTATE_MAX; i++)
		printf("mutation %s (%s) %s\n", mutations[i].name,
		    mutations[i].property, mutations[i].what);
}

unsigned
sim_depth(unsigned depth)
{
	return mutation == MUTATE_BEHIND && depth < 8 ? depth + 1 : depth;
}

const char *
sim_mutation_property(void)
{
	return mutations[mutation].property;
}

void
sim_jobs_begin(void)
{
	idmap_fini(&jobs);
	idmap_fini(&parts);
	idmap_init(&jobs);
	idmap_init(&parts);
}

unsigned
sim_jobs_out(void)
{
	return (unsigned)idmap_len(&jobs);
}

static void
job_begin(struct queue_job *job)
{
	uint64_t key = (uintptr_t)job;

	if (idmap_get(&parts, job->id) != NULL)
		judge_fail(P_JOB, "part %llx is out twice",
		    (unsigned long long)job->id);
	idmap_put(&jobs, key, job);
	idmap_put(&parts, job->id, job);
}

static void
job_end(struct queue_job *job)
{
	if (idmap_take(&jobs, (uintptr_t)job) == NULL)
		judge_fail(P_JOB, "a job is ended that was not out");
	else
		(void)idmap_take(&parts, job->id);
}

struct queue_job *__real_queue_take(struct queue *, const char *domain);
struct queue_job *__wrap_queue_take(struct queue *, const char *domain);
struct queue_job *
__wrap_queue_take(struct queue *q, const char *domain)
{
	struct queue_job *job;

	if (mutation == MUTATE_STARVE && strcmp(domain, "d0.test") == 0)
		return NULL;
	job = __real_queue_take(q, domain);
	if (job != NULL)
		job_begin(job);
	return job;
}

void __real_queue_done(struct queue *, struct queue_job *, enum job_outcome,
    const struct envelope *env);
void __wrap_queue_done(struct queue *, struct queue_job *, enum job_outcome,
    const struct envelope *env);
void
__wrap_queue_done(struct queue *q, struct queue_job *job,
    enum job_outcome outcome, const struct envelope *env)
{
	struct envelope *copy = NULL;

	if (mutation == MUTATE_JOB && clock_now() > 3600 * CLOCK_SEC)
		return;
	job_end(job);
	if (mutation == MUTATE_TWICE && outcome == JOB_TRIED) {
		outcome = JOB_LOST;
		env = NULL;
	}
	if (mutation == MUTATE_LOST && outcome == JOB_TRIED && env != NULL) {
		copy = envelope_copy(env);
		for (uint32_t i = 0; i < copy->nrcpts; i++)
			copy->rcpts[i].state = RCPT_DELIVERED;
		env = copy;
	}
	__real_queue_done(q, job, outcome, env);
	envelope_destroy(&copy);
}

void __real_queue_warned(struct queue *, struct queue_job *,
    const struct envelope *env);
void __wrap_queue_warned(struct queue *, struct queue_job *,
    const struct envelope *env);
void
__wrap_queue_warned(struct queue *q, struct queue_job *job,
    const struct envelope *env)
{
	job_end(job);
	__real_queue_warned(q, job, env);
}

void __real_bounce_expire(struct bounce *, struct queue_job *);
void __wrap_bounce_expire(struct bounce *, struct queue_job *);
void
__wrap_bounce_expire(struct bounce *b, struct queue_job *job)
{
	job_begin(job);
	__real_bounce_expire(b, job);
}

void __real_bounce_warn(struct bounce *, struct queue_job *, unsigned stage);
void __wrap_bounce_warn(struct bounce *, struct queue_job *, unsigned stage);
void
__wrap_bounce_warn(struct bounce *b, struct queue_job *job, unsigned stage)
{
	job_begin(job);
	__real_bounce_warn(b, job, stage);
}

void __real_queue_gate(struct queue *, const char *domain, enum queue_gate);
void __wrap_queue_gate(struct queue *, const char *domain, enum queue_gate);

void
__wrap_queue_gate(struct queue *q, const char *domain, enum queue_gate gate)
{
	if (mutation == MUTATE_GATE && gate == GATE_CLOSED &&
	    clock_now() > 600 * CLOCK_SEC)
		return;
	__real_queue_gate(q, domain, gate);
}

void __real_host_init(struct host *, unsigned max);
void __wrap_host_init(struct host *, unsigned max);
void
__wrap_host_init(struct host *h, unsigned max)
{
	__real_host_init(h, mutation == MUTATE_WINDOW ? max * 4 : max);
}

void __real_window_max_set(struct window *, unsigned max);
void __wrap_window_max_set(struct window *, unsigned max);
void
__wrap_window_max_set(struct window *w, unsigned max)
{
	__real_window_max_set(w, mutation == MUTATE_WINDOW ? max * 4 : max);
}

bool __real_host_room(const struct host *, int64_t now);
bool __wrap_host_room(const struct host *, int64_t now);
bool
__wrap_host_room(const struct host *h, int64_t now)
{
	if (mutation == MUTATE_LATE && now / CLOCK_SEC % 20 < 10)
		return false;
	return __real_host_room(h, now);
}

bool __real_health_feed(struct health *, enum health_input, int64_t now,
    struct health_change *out);
bool __wrap_health_feed(struct health *, enum health_input, int64_t now,
    struct health_change *out);
bool
__wrap_health_feed(struct health *h, enum health_input in, int64_t now,
    struct health_change *out)
{
	if (mutation == MUTATE_DEAF && in == HEALTH_IN_OK &&
	    h->state == HEALTH_DOWN)
		in = HEALTH_IN_NEUTRAL;
	return __real_health_feed(h, in, now, out);
}

/* The machine's own addresses would make two machines differ. */
int __wrap_addr_local_list(struct net_addr **list, size_t *n);
int
__wrap_addr_local_list(struct net_addr **list, size_t *n)
{
	*list = NULL;
	*n = 0;
	return 0;
}

/* So would its routes. This one has IPv4, and IPv6 from a private address. */
enum address_route
__wrap_address_route(const struct net_addr *to, const struct net_addr *source);
enum address_route
__wrap_address_route(const struct net_addr *to,
    const struct net_addr *source MX_UNUSED)
{
	return to->u.sa.sa_family == AF_INET ? ADDRESS_FIT : ADDRESS_UNFIT;
}

/* ---- no files but those of the world */

void
file_check_lists(const struct config *conf, uint64_t most,
    struct conf_errors *errs)
{
	(void)conf;
	(void)most;
	(void)errs;
}

void
file_check_certificates(const struct config *conf, struct conf_errors *errs)
{
	(void)conf;
	(void)errs;
}

/* ---- alerts and SNMP: they hear of everything, and so does the judge */

void
daemon_alerts_notice(struct daemon *d, const struct notice *n)
{
	(void)d;
	if (n->kind == NOTICE_RELOAD && n->a != 0)
		reload_done();
	else
		judge_notice(n);
}

/* No cluster, and nothing of one. */
void
cluster_show_domain(const struct cluster *c, struct snap_domain *d,
    struct snap_verdict room[SNAP_NODES])
{
	(void)c;
	(void)d;
	(void)room;
}

void
cluster_show_primary(const struct cluster *c, const char *label,
    struct snap_host *h)
{
	(void)c;
	(void)label;
	(void)h;
}

void
cluster_show(const struct cluster *c, const struct store *store,
    bool require_sync, struct snapshot *s)
{
	(void)c;
	(void)store;
	(void)require_sync;
	(void)s;
}

void
clustered_control(struct daemon *d, struct control_cluster_ops *ops)
{
	(void)d;
	(void)ops;
}

void
clustered_asked(void *d, uint64_t ticket, const char *line)
{
	(void)d;
	(void)ticket;
	(void)line;
}

/* Nobody asks the doctor: it would look at true DNS and web servers. */
const struct control_doctor_ops daemon_doctor_ops;

void
daemon_doctor_create(struct daemon *d)
{
	(void)d;
}

void
daemon_doctor_tick(struct daemon *d)
{
	(void)d;
}

void
daemon_doctor_configure(struct daemon *d, struct config *conf)
{
	(void)d;
	(void)conf;
}

void
daemon_doctor_destroy(struct daemon *d)
{
	(void)d;
}

void
daemon_doctor_snapshot(struct daemon *d, struct snapshot *s)
{
	(void)d;
	(void)s;
}

bool
daemon_alerts_told(struct daemon *d, const char *key, const void *text,
    size_t len)
{
	(void)d;
	(void)key;
	(void)text;
	(void)len;
	return false;
}

void
alert_share_destroy(struct alert_share **a)
{
	(void)a;
}

void
daemon_alerts_create(struct daemon *d)
{
	(void)d;
}

void
daemon_alerts_configure(struct daemon *d)
{
	(void)d;
}

void
daemon_alerts_destroy(struct daemon *d)
{
	(void)d;
}

void
daemon_alerts_snapshot(struct daemon *d, struct snapshot *s)
{
	(void)d;
	(void)s;
}

void
daemon_alerts_tick(struct daemon *d)
{
	(void)d;
}

uint32_t
daemon_alerts_of(const struct daemon *d, const char *domain)
{
	(void)d;
	(void)domain;
	return 0;
}

const struct control_alert_ops daemon_alert_ops;

struct agentx *
agentx_create(struct loop *l, struct helper *helper, struct spawner *spawner,
    bool filter, const char *spool)
{
	(void)helper;
	(void)l;
	(void)spawner;
	(void)filter;
	(void)spool;
	return NULL;
}

void
agentx_destroy(struct agentx **a)
{
	(void)a;
}

void
agentx_configure(struct agentx *a, const struct conf_snmp *c)
{
	(void)a;
	(void)c;
}

void
agentx_tick(struct agentx *a, struct snapshot *s)
{
	(void)a;
	(void)s;
}

void
agentx_notice(struct agentx *a, const struct notice *n)
{
	(void)a;
	(void)n;
}

void
agentx_show(const struct agentx *a, struct snap_agentx *v)
{
	(void)a;
	memset(v, 0, sizeof(*v));
}
