/* SPDX-License-Identifier: ISC
 * event_file: the events of `mxwatchctl events` over a restart, in the file
 * "events" of the spool. */
#include "config.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/happened.h"
#include "daemon/daemon_int.h"
#include "daemon/kept_file.h"

#define EVENTS_SAVE_NS (10 * CLOCK_SEC) /* what a kill may lose */

static void *
copy_events(void *arg, bool always)
{
	struct daemon *d = arg;

	return happened_copy(control_happened(d->control), always);
}

static int
write_events(const void *copy, const char *path)
{
	return happened_write(copy, path);
}

static void
free_events(void *copy)
{
	struct happened *h = copy;

	happened_destroy(&h);
}

void
daemon_events_begin(struct daemon *d)
{
	static const struct kept_file_kind kind = {
		.interval_ns = EVENTS_SAVE_NS,
		.copy = copy_events,
		.write = write_events,
		.free = free_events,
	};
	const char *path;
	int n;

	d->events_file = kept_file_create(d->conf->spool, "events", &kind, d);
	path = kept_file_path(d->events_file);
	n = happened_read(control_happened(d->control), path);
	if (n < 0 && n != -MX_ENOENT)
		log_warn("daemon", "events=none file=%s reason=%s", log_q(path),
		    log_q(mx_strerror(n)));
	control_event(d->control,
	    &(struct control_event){ .wall = clock_wall(),
		.what = "start",
		.domain = "",
		.host = "",
		.text = "mxwatchd " PACKAGE_VERSION " was started" });
}

void
daemon_events_tick(struct daemon *d)
{
	kept_file_tick(d->events_file, d->helper, loop_now(d->loop));
}

void
daemon_events_end(struct daemon *d)
{
	kept_file_destroy(&d->events_file);
}
