/* SPDX-License-Identifier: ISC
 * prom_self: see prom_self.h. The process_* metrics have the names that
 * Prometheus client libraries use. */
#include "exporters/prom_self.h"

#include "base/mem.h"
#include "exporters/process.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

static void
put_build_info(struct prom_writer *w)
{
	static const struct {
		const char *key, *value;
	} info[] = {
		{ "version", PACKAGE_VERSION },
		{ "revision", MX_REVISION },
		{ "compiler", __VERSION__ },
		{ "libcurl", MX_CURL_VERSION },
		{ "netsnmp", MX_NETSNMP_VERSION },
		{ "ldns", MX_LDNS_VERSION },
	};
	struct buf labels = BUF_INIT(4096);
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < MX_COUNT(info); i++)
		rc = prom_label(&labels, i == 0 ? "{" : ",", info[i].key,
		    info[i].value);
	MX_ASSERT(rc == 0);
	prom_put_head(w, METRIC_PREFIX, "build_info", METRIC_GAUGE, false,
	    "Build information, always 1.");
	prom_puts(w, METRIC_PREFIX "build_info");
	prom_put(w, labels.data, labels.len);
	buf_fini(&labels);
	prom_puts(w, "} 1\n");
}

/* Values that /proc does not have are left out. */
static void
put_process_rows(struct prom_writer *w, const struct process_info *pi,
    int64_t start)
{
	const struct {
		const char *name, *help;
		enum metric_type type;
		double value;
	} rows[] = {
		{ "cpu_seconds_total",
		    "Total user and system CPU time spent in seconds.",
		    METRIC_COUNTER, pi->cpu_seconds },
		{ "open_fds", "Number of open file descriptors.", METRIC_GAUGE,
		    pi->open_fds },
		{ "max_fds", "Maximum number of open file descriptors.",
		    METRIC_GAUGE, pi->max_fds },
		{ "virtual_memory_bytes", "Virtual memory size in bytes.",
		    METRIC_GAUGE, pi->virtual_bytes },
		{ "resident_memory_bytes", "Resident memory size in bytes.",
		    METRIC_GAUGE, pi->resident_bytes },
		{ "threads", "Number of OS threads in the process.",
		    METRIC_GAUGE, pi->threads },
		{ "start_time_seconds",
		    "Start time of the process since unix epoch in seconds.",
		    METRIC_GAUGE, (double)start },
	};

	_Static_assert(MX_COUNT(rows) == PROM_SELF_SERIES - 1, "the estimate");
	for (unsigned i = 0; i < MX_COUNT(rows); i++) {
		if (rows[i].value < 0)
			continue;
		prom_put_head(w, "process_", rows[i].name, rows[i].type, false,
		    rows[i].help);
		prom_puts(w, "process_");
		prom_puts(w, rows[i].name);
		prom_put(w, " ", 1);
		prom_put_value(w, rows[i].value);
		prom_put(w, "\n", 1);
	}
}

void
prom_self(struct prom_writer *w, const struct snapshot *s)
{
	struct process_info pi;

	(void)process_read(&pi);
	put_build_info(w);
	put_process_rows(w, &pi, s->start);
}
