/* SPDX-License-Identifier: ISC
 * recipients: one recipients file, watched. It is looked at every two seconds
 * and read again when it changed and has been left alone for a second; large
 * ones in a helper thread. A file that
 * cannot be read, does not parse, or suddenly holds far fewer recipients is
 * reported once a change, and the last good one stays in use. While there
 * never was a good one, nothing is known of any recipient: that is our
 * trouble, so the answer is 4xx. Loop thread. */
#ifndef MX_SMTPD_RECIPIENTS_H
#define MX_SMTPD_RECIPIENTS_H

#include "net/loop.h"
#include "relay/smtpd/rcpt_table.h"

struct recipients;

/* One reference is the caller's. `shrink`: percent lost at once that is
 * refused. `wait`: read it now, whatever its size (start-up). */
struct recipients *
recipients_open(struct loop *, const char *path, unsigned shrink, bool wait);
struct recipients *recipients_ref(struct recipients *);
void recipients_unref(struct recipients **);

const char *recipients_path(const struct recipients *);
/* A reload: it is read now, and what was refused before is judged again. */
void recipients_recheck(struct recipients *, unsigned shrink);

/* For who checks a configuration: 0 when the file is a good one; or why not,
 * and the line (0: all of it). Reads it here and now; any thread. */
int recipients_check(const char *path, unsigned *line,
    struct mx_errbuf *) MX_NODISCARD;

enum rcpt_found recipients_find(const struct recipients *, const char *mailbox,
    const char **text);

#endif
