/* SPDX-License-Identifier: ISC
 * salvage_export: writes one message of a spool into two files, ID.eml with the
 * bytes as received and ID.json with the envelope. For mxwatch-salvage; one
 * thread. */
#ifndef MX_STORE_SALVAGE_EXPORT_H
#define MX_STORE_SALVAGE_EXPORT_H

#include "relay/envelope.h"

struct exporter {
	int segments; /* folder of the segment files; -1: there is none */
	int out; /* folder to write to; -1: nothing is written */
	const char *path; /* its name, for messages */
};

enum export_result { EXPORT_WHOLE, EXPORT_DAMAGED, EXPORT_FAILED };

/* Is the body there and its checksum correct? */
bool export_intact(const struct exporter *, const struct envelope *);
/* Into the subfolder (created when missing); NULL: none. A damaged body is
 * written as far as it can be read. Without `out` the body is only read and
 * checked. EXPORT_FAILED: `out` cannot be written, errno says why. */
enum export_result export_message(const struct exporter *,
    const struct envelope *, const char *subfolder);

#endif
