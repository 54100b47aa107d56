/* SPDX-License-Identifier: ISC
 * soft_state: see soft_state.h. At most one job of the helper per file: while a
 * slow disk is busy with it, the next save is left out. */
#include "daemon/soft_state.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/daemon_int.h"

#define DNS_SAVE_NS  (300 * CLOCK_SEC)
#define HOST_SAVE_NS (60 * CLOCK_SEC) /* between two saves */

struct soft_state {
	struct daemon *daemon;
	char *dns_path, *host_path;
	struct dns_saving *dns; /* being copied; NULL: none */
	struct loop_timer *dns_copy;
	bool dns_saving, host_saving; /* the helper is writing */
	int64_t dns_next, host_next;
};

struct save {
	struct helper_job job; /* first */
	bool *saving;
	const char *path;
	struct dns_saving *dns; /* exactly one of dns and */
	struct host_memory_copy *hosts; /* hosts is set */
};

static void
write_hosts(const struct host_memory_copy *c, const char *path)
{
	int rc = host_memory_write(c, path);

	if (rc < 0)
		log_warn("daemon", "file=%s not_saved=%s", log_q(path),
		    log_q(mx_strerror(rc)));
}

static void
run_save(struct helper_job *job)
{
	struct save *s = (struct save *)job;

	if (s->dns != NULL)
		dns_saving_write(s->dns);
	else
		write_hosts(s->hosts, s->path);
}

static void
on_saved(struct helper_job *job)
{
	struct save *s = (struct save *)job;

	*s->saving = false;
	dns_saving_destroy(&s->dns);
	host_memory_copy_destroy(&s->hosts);
	mem_free(&s);
}

/* Consumes `dns` or `hosts`, whichever is not NULL. */
static void
save(struct soft_state *ss, bool *saving, const char *path,
    struct dns_saving *dns, struct host_memory_copy *hosts)
{
	struct save *s = mem_alloc(sizeof(*s));

	*saving = true;
	s->job.run = run_save;
	s->job.done = s->job.drop = on_saved;
	s->saving = saving;
	s->path = path;
	s->dns = dns;
	s->hosts = hosts;
	helper_do(ss->daemon->helper, &s->job);
}

/* Copied in slices, one in a turn: with many domains it is some 10 MB. */
static void
on_dns_copy(void *arg)
{
	struct soft_state *ss = arg;

	if (dns_saving_copy(ss->daemon->dns, ss->dns)) {
		loop_timer_set(ss->dns_copy, 0);
		return;
	}
	save(ss, &ss->dns_saving, ss->dns_path, ss->dns, NULL);
	ss->dns = NULL;
}

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
	if (now >= ss->host_next && !ss->host_saving &&
	    host_memory_changed(d->reach.memory)) {
		ss->host_next = now + HOST_SAVE_NS;
		save(ss, &ss->host_saving, ss->host_path, NULL,
		    host_memory_copy(d->reach.memory, now, clock_wall()));
	}
}

static void
read_hosts(struct soft_state *ss)
{
	struct daemon *d = ss->daemon;
	struct host_memory *m = d->reach.memory;
	int rc =
	    host_memory_read(m, ss->host_path, loop_now(d->loop), clock_wall());

	if (rc < 0 && rc != -MX_ENOENT)
		log_warn("daemon", "host_memory=empty file=%s reason=%s",
		    log_q(ss->host_path), log_q(mx_strerror(rc)));
	else
		log_info("daemon", "host_memory=%zu file=%s",
		    host_memory_len(m), log_q(ss->host_path));
	host_memory_addresses(m, d->reach.book);
}

struct soft_state *
soft_state_create(struct daemon *d)
{
	struct soft_state *ss = mem_alloc(sizeof(*ss));

	ss->daemon = d;
	ss->dns_path = mem_printf("%s/dns-memory", d->conf->spool);
	ss->host_path = mem_printf("%s/host-memory", d->conf->spool);
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
	struct host_memory_copy *c;
	struct daemon *d;

	if (ss == NULL)
		return;
	d = ss->daemon;
	dns_saving_destroy(&ss->dns);
	loop_timer_destroy(&ss->dns_copy);
	dns_memory_save(d->dns, ss->dns_path);
	/* Written whether changed or not: the helper may have dropped the last
	 * job. */
	c = host_memory_copy(d->reach.memory, loop_now(d->loop), clock_wall());
	write_hosts(c, ss->host_path);
	host_memory_copy_destroy(&c);
	mem_free(&ss->dns_path);
	mem_free(&ss->host_path);
	mem_free(ssp);
}
