/* SPDX-License-Identifier: ISC
 * ctl_files: messages as files: ID.eml, the message as it was accepted, and ID.json,
 * its envelope, as mxwatch-salvage(8) writes them. For mxwatchctl. */
#ifndef MX_CONTROL_CTL_FILES_H
#define MX_CONTROL_CTL_FILES_H

#include "base/err.h"
#include "status/json.h"

struct ctl_export { /* zeroes, and the folder */
	const char *dir;
	int dir_fd, fd; /* fd: of the .eml that is being written */
	bool open; /* the folder is */
	char id[32]; /* of that; "": none */
	cJSON *envelope; /* of it */
	unsigned files; /* messages that were written */
	struct mx_errbuf eb; /* why it cannot go on; "": it can */
};

/* A line of the answer; nothing more is written when something has failed. */
void ctl_export_line(struct ctl_export *, const cJSON *line);
/* What was begun and not ended is removed. */
void ctl_export_end(struct ctl_export *);

/* Says the copy FILE.eml, with FILE.json beside it, behind a request to import it.
 * 0, or -1: *eb says why, and nothing came of it. A daemon that does not listen to
 * the end is no failure here: it says why. */
int ctl_import_say(int fd, const char *file, struct mx_errbuf *eb);

#endif
