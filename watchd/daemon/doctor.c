/* SPDX-License-Identifier: ISC
 * doctor: the environment of the doctor (doctor/doctor.h), its findings over a
 * restart, in the file "findings" of the spool, and its operations for the
 * control socket. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon_int.h"
#include "daemon/kept_file.h"
#include "doctor/doctor.h"
#include "doctor/records_file.h"

#define FINDINGS_SAVE_NS (30 * CLOCK_SEC) /* between two saves */

/* ---- for the checks */

static const struct route_self *
on_self(void *arg)
{
	struct daemon *d = arg;

	return self_route(d->self);
}

static bool
on_ours(void *arg, const char *domain)
{
	struct daemon *d = arg;

	return d->cluster == NULL || cluster_is_ours(d->cluster, domain);
}

struct refused_list {
	unsigned n;
	char *first;
	size_t size;
};

static void
on_refused_one(void *arg, const char *mailbox, int64_t since_ms)
{
	struct refused_list *list = arg;

	(void)since_ms;
	if (list->n++ == 0)
		(void)strlcpy(list->first, mailbox, list->size);
}

static unsigned
on_refused(void *arg, const char *domain, char *dst, size_t size)
{
	struct daemon *d = arg;
	struct refused_list list = { .first = dst, .size = size };

	d->relay->refused(d->relay->self, domain, on_refused_one, &list);
	return list.n;
}

/* Shorter than those of a delivery: an operator may be waiting for the
 * answer. */
static const struct reach_limits limits = { .short_connect_ms = 3000,
	.short_reply_ms = 10000,
	.tls_silence_ms = 10000,
	.total_ms = 40000,
	.reply_ms = 30000 };

/* ---- over a restart */

static void *
copy_findings(void *arg, bool always)
{
	struct daemon *d = arg;

	return doctor_copy(d->doctor, always);
}

static int
write_findings(const void *copy, const char *path)
{
	return findings_write(copy, path);
}

static void
free_findings(void *copy)
{
	struct findings_copy *c = copy;

	findings_copy_destroy(&c);
}

static void
read_findings(struct daemon *d)
{
	static const struct kept_file_kind kind = {
		.interval_ns = FINDINGS_SAVE_NS,
		.copy = copy_findings,
		.write = write_findings,
		.free = free_findings,
	};
	const char *path;
	int n;

	d->findings_file =
	    kept_file_create(d->conf->spool, "findings", &kind, d);
	path = kept_file_path(d->findings_file);
	n = doctor_read(d->doctor, path);
	if (n < 0 && n != -MX_ENOENT)
		log_warn("daemon", "findings=none file=%s reason=%s",
		    log_q(path), log_q(mx_strerror(n)));
}

/* ---- life */

void
daemon_doctor_create(struct daemon *d)
{
	struct doctor_env env = { .loop = d->loop,
		.dns = d->dns,
		.helper = d->helper,
		.fetcher = d->fetcher,
		.watches = d->watch,
		.schedule = d->schedule,
		.reach = d->reach,
		.places = daemon_place_ops };
	const struct doctor_ops ops = { .self = on_self,
		.ours = on_ours,
		.refused = on_refused,
		.arg = d };

	env.reach.limits = &limits;
	env.places.arg = d;
	d->doctor = doctor_create(&env, &ops);
	doctor_configure(d->doctor, d->conf);
	read_findings(d);
}

void
daemon_doctor_tick(struct daemon *d)
{
	kept_file_tick(d->findings_file, d->helper, loop_now(d->loop));
}

void
daemon_doctor_configure(struct daemon *d, struct config *conf)
{
	if (d->doctor != NULL) /* NULL while the daemon starts */
		doctor_configure(d->doctor, conf);
}

void
daemon_doctor_destroy(struct daemon *d)
{
	kept_file_destroy(&d->findings_file);
	doctor_destroy(&d->doctor);
}

void
daemon_doctor_snapshot(struct daemon *d, struct snapshot *s)
{
	if (d->doctor != NULL)
		doctor_show(d->doctor, s);
}

/* ---- for the control socket */

static int
op_ask(void *arg, const char *domain, uint64_t *seq)
{
	struct daemon *d = arg;

	return doctor_ask(d->doctor, domain, seq);
}

static bool
op_is_busy(void *arg, const char *domain)
{
	struct daemon *d = arg;

	return doctor_is_busy(d->doctor, domain);
}

static void
tell(const struct doctor_record *r, control_finding_cb *fn, void *fn_arg)
{
	char name[TEXT_DOMAIN_MAX];

	(void)strlcpy(name, r->name, sizeof(name));
	for (unsigned i = 0; i < r->n; i++) {
		const struct snap_finding f = { .domain = name,
			.check = r->finding[i].check,
			.severity = r->finding[i].severity,
			.text = r->finding[i].text,
			.remedy = r->finding[i].remedy,
			.checked = r->checked };

		fn(fn_arg, &f);
	}
}

static bool
op_of(void *arg, const char *domain, control_finding_cb *fn, void *fn_arg)
{
	struct daemon *d = arg;
	const struct doctor_record *r =
	    doctor_records_of(doctor_findings(d->doctor), domain);

	if (r != NULL)
		tell(r, fn, fn_arg);
	return r != NULL;
}

static bool
op_next(void *arg, const char *after, char name[TEXT_DOMAIN_MAX],
    control_finding_cb *fn, void *fn_arg)
{
	struct daemon *d = arg;
	const struct doctor_record *r =
	    doctor_records_next(doctor_findings(d->doctor), after);

	if (r == NULL)
		return false;
	(void)strlcpy(name, r->name, TEXT_DOMAIN_MAX);
	tell(r, fn, fn_arg);
	return true;
}

static bool
op_since(void *arg, uint64_t *seq, control_finding_cb *fn, void *fn_arg)
{
	struct daemon *d = arg;
	const struct doctor_record *r =
	    doctor_records_since(doctor_findings(d->doctor), *seq);

	if (r == NULL)
		return false;
	*seq = r->seq;
	tell(r, fn, fn_arg);
	return true;
}

static int64_t
op_ended(void *arg)
{
	struct daemon *d = arg;

	return doctor_ended(d->doctor);
}

const struct control_doctor_ops daemon_doctor_ops = {
	.ask = op_ask,
	.is_busy = op_is_busy,
	.of = op_of,
	.next = op_next,
	.since = op_since,
	.ended = op_ended,
};
