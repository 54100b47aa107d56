/* SPDX-License-Identifier: ISC
 * soft_state: see soft_state.h. */
#include "daemon/soft_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon_int.h"
#include "daemon/kept_file.h"

#define DNS_SAVE_NS  (300 * CLOCK_SEC)
#define HOST_SAVE_NS (60 * CLOCK_SEC) /* between two saves */

struct soft_state {
	struct daemon *daemon;
	struct kept_file *hosts;
	char *dns_path;
	struct dns_saving *dns; /* being copied; NULL: none */
	struct loop_timer *dns_copy;
	bool dns_saving; /* the helper is writing */
	int64_t dns_next;
};

struct save {
	struct helper_job job; /* first */
	struct soft_state *soft_state;
	struct dns_saving *dns;
};

static void
run_save(struct helper_job *job)
{
	struct save *s = (struct save *)job;

	dns_saving_write(s->dns);
}

static void
on_saved(struct helper_job *job)
{
	struct save *s = (struct save *)job;

	s->soft_state->dns_saving = false;
	dns_saving_destroy(&s->dns);
	mem_free(&s);
}

/* Copied in slices, one in a turn: with many domains it is some 10 MB. */
static void
on_dns_copy(void *arg)
{
	struct soft_state *ss = arg;
	struct save *s;

	if (dns_saving_copy(ss->daemon->dns, ss->dns)) {
		loop_timer_set(ss->dns_copy, 0);
		return;
	}
	s = mem_alloc(sizeof(*s));
	s->job.run = run_save;
	s->job.done = s->job.drop = on_saved;
	s->soft_state = ss;
	s->dns = ss->dns;
	ss->dns = NULL;
	ss->dns_saving = true;
	helper_do(ss->daemon->helper, &s->job);
}

static void *
copy_hosts(void *arg, bool always)
{
	const struct soft_state *ss = arg;
	struct host_memory *m = ss->daemon->reach.memory;

	if (!always && !host_memory_changed(m))
		return NULL;
	return host_memory_copy(m, loop_now(ss->daemon->loop), clock_wall());
}

static int
write_hosts(const void *copy, const char *path)
{
	return host_memory_write(copy, path);
}

static void
free_hosts(void *copy)
{
	struct host_memory_copy *c = copy;

	host_memory_copy_destroy(&c);
}

static const struct kept_file_kind hosts_kind = {
	.interval_ns = HOST_SAVE_NS,
	.copy = copy_hosts,
	.write = write_hosts,
	.free = free_hosts,
};

void
soft_state_tick(struct soft_state *ss)
{
	struct daemon *d = ss->daemon;
	int64_t now = loop_now(d->loop);

	if (now >= ss->dns_next && !ss->dns_saving && ss->dns == NULL) {
		ss->dns_next = now + DNS_SAVE_NS;
		ss->dns = dns_saving_create(d->dns, ss->dns_path);
		loop_timer_set(ss->dns_copy, 0);
	}
	kept_file_tick(ss->hosts, d->helper, now);
}

static void
read_hosts(struct soft_state *ss)
{
	struct daemon *d = ss->daemon;
	struct host_memory *m = d->reach.memory;
	const char *path = kept_file_path(ss->hosts);
	int rc = host_memory_read(m, path, loop_now(d->loop), clock_wall());

	if (rc < 0 && rc != -MX_ENOENT)
		log_warn("daemon", "host_memory=empty file=%s reason=%s",
		    log_q(path), log_q(mx_strerror(rc)));
	else
		log_info("daemon", "host_memory=%zu file=%s",
		    host_memory_len(m), log_q(path));
	host_memory_addresses(m, d->reach.book);
}

struct soft_state *
soft_state_create(struct daemon *d)
{
	struct soft_state *ss = mem_alloc(sizeof(*ss));

	ss->daemon = d;
	ss->dns_path = mem_printf("%s/dns-memory", d->conf->spool);
	ss->hosts =
	    kept_file_create(d->conf->spool, "host-memory", &hosts_kind, ss);
	dns_memory_load(d->dns, ss->dns_path);
	read_hosts(ss);
	ss->dns_copy = loop_timer_create(d->loop, on_dns_copy, ss);
	ss->dns_next = loop_now(d->loop) + DNS_SAVE_NS;
	return ss;
}

void
soft_state_destroy(struct soft_state **ssp)
{
	struct soft_state *ss = *ssp;

	if (ss == NULL)
		return;
	dns_saving_destroy(&ss->dns);
	loop_timer_destroy(&ss->dns_copy);
	dns_memory_save(ss->daemon->dns, ss->dns_path);
	kept_file_destroy(&ss->hosts);
	mem_free(&ss->dns_path);
	mem_free(ssp);
}
