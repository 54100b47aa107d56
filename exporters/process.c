/* SPDX-License-Identifier: ISC
 * process: reads /proc/self (proc(5)). The command name in stat may hold
 * blanks and parentheses: fields are counted from its last ')'. */
#include "exporters/process.h"

#include <sys/resource.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static double
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	double n = -1; /* not counting that of the folder */

	if (d == NULL)
		return -1;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			n++;
	closedir(d);
	return n;
}

bool
process_read(struct process_info *pi)
{
	unsigned long utime, stime, vsize;
	long threads, rss;
	struct rlimit rl;
	char line[1024], *p;
	FILE *f;
	size_t n;

	*pi = (struct process_info){ -1, -1, -1, -1, -1, -1 };
	if ((f = fopen("/proc/self/stat", "re")) == NULL)
		return false;
	n = fread(line, 1, sizeof(line) - 1, f);
	fclose(f);
	line[n] = '\0';
	if ((p = strrchr(line, ')')) == NULL ||
	    sscanf(p + 1,
		" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu "
		"%*d %*d %*d %*d %ld %*d %*u %lu %ld",
		&utime, &stime, &threads, &vsize, &rss) != 5)
		return false;
	pi->cpu_seconds =
	    (double)(utime + stime) / (double)sysconf(_SC_CLK_TCK);
	pi->threads = (double)threads;
	pi->virtual_bytes = (double)vsize;
	pi->resident_bytes = (double)rss * (double)sysconf(_SC_PAGESIZE);
	pi->open_fds = count_fds();
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0)
		pi->max_fds = (double)rl.rlim_cur;
	return true;
}
