/* SPDX-License-Identifier: ISC
 * removed: the domains that left a configuration while mail was queued for
 * them. They go by the settings that they had until their queues are empty:
 * a configuration carries them beside its own. Their settings are kept as text, in
 * the words of mxwatchd.conf(5); what is for new mail only (recipients, admission)
 * is left out, for none is taken any more.
 *
 *	removed_text() of each	->  removed_attach() to the configuration
 *	config_settings()	finds them behind the domains of the file
 *	removed_end()		the queue is empty: it is not found any more */
#ifndef MX_CONFIG_REMOVED_H
#define MX_CONFIG_REMOVED_H

#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"

/* The defaults of the table, and no domain: for removed_text(). config_unref(). */
struct config *config_builtin(void);
/* Appends the section of that domain: what differs from the built-in defaults, so
 * that the text means the same under any `defaults`. 0 or -MX_ETOOBIG. Pure; any
 * thread. */
int removed_text(const struct conf_domain *, const struct config *builtin,
    struct buf *) MX_NODISCARD;
/* Is it such a section? Else *eb says why not. */
bool removed_is_valid(const char *text, size_t len, struct mx_errbuf *);
/* Gives the configuration the domains of such sections, less those that it has
 * itself. Before anybody else has the configuration. 0, or -MX_ESYNTAX and what is
 * wrong with the first section that does not hold: then none is there. */
int removed_attach(struct config *, const char *text, size_t len,
    struct mx_errbuf *) MX_NODISCARD;
/* How many there are, those that ended included; the i-th, ascending by name. */
size_t removed_count(const struct config *);
const struct conf_domain *removed_at(const struct config *, size_t i);
/* It has not ended. Any thread: what the loop thread ends may be seen a little
 * later by others. */
bool removed_is_kept(const struct config *, const char *name);
void removed_end(const struct config *, const char *name);

#endif
