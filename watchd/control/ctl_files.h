/* SPDX-License-Identifier: ISC
 * ctl_files: messages as files, as mxwatch-salvage(8) writes them: ID.eml, the
 * message as it was accepted, and ID.json, its envelope. For mxwatchctl. */
#ifndef MX_CONTROL_CTL_FILES_H
#define MX_CONTROL_CTL_FILES_H

#include "base/err.h"
#include "status/json.h"

struct ctl_export { /* zeroed, but for the folder */
	const char *dir;
	int dir_fd, fd; /* fd: of the .eml being written */
	bool open; /* the folder is open */
	char id[32]; /* of that message; "": none */
	cJSON *envelope; /* of that message */
	unsigned files; /* messages written */
	struct mx_errbuf eb; /* an error stops the export; "": none */
};

/* Writes a line of the answer; nothing after an error. */
void ctl_export_line(struct ctl_export *, const cJSON *line);
/* Removes an incomplete message. */
void ctl_export_end(struct ctl_export *);

/* Sends the copy FILE.eml, with FILE.json beside it, after an import request.
 * 0, or -1 with *eb: nothing was imported. A daemon that stops reading is no
 * failure here: its answer has the reason. */
int ctl_import_say(int fd, const char *file, struct mx_errbuf *eb);

#endif
