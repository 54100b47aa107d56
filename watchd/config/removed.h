/* SPDX-License-Identifier: ISC
 * removed: domains that were removed from the configuration while mail was
 * queued for them. They keep their settings until their queues are empty: a
 * configuration has a second list of them. Their settings are stored as text
 * in the format of mxwatchd.conf(5), without those for new mail (recipients,
 * admission), because none is accepted any more.
 *
 *	removed_text() of each	->  removed_attach() to the configuration
 *	config_settings()	finds them after the domains of the file
 *	removed_end()		the queue is empty: it is not found any more */
#ifndef MX_CONFIG_REMOVED_H
#define MX_CONFIG_REMOVED_H

#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"

/* The defaults of the table without a domain: for removed_text(). Freed with
 * config_unref(). */
struct config *config_builtin(void);
/* Appends the section of the domain: the options that differ from the built-in
 * defaults, so that the text is independent of `defaults`, and without a
 * redirect. 0 or -MX_ETOOBIG.
 * Pure; any thread. */
int removed_text(const struct conf_domain *, const struct config *builtin,
    struct buf *) MX_NODISCARD;
/* Is the text such a section? Else *eb has the error. */
bool removed_is_valid(const char *text, size_t len, struct mx_errbuf *);
/* Gives the configuration the domains of such sections, except those that it
 * has itself. Before the configuration is shared. 0, or -MX_ESYNTAX and the
 * error of the first invalid section: then none is attached. */
int removed_attach(struct config *, const char *text, size_t len,
    struct mx_errbuf *) MX_NODISCARD;
/* Their number, ended ones included; the i-th, ascending by name. */
size_t removed_count(const struct config *);
const struct conf_domain *removed_at(const struct config *, size_t i);
/* NULL: it is none, or has ended. */
const struct conf_domain *removed_find(const struct config *, const char *name);
/* Has it not ended? Any thread: others may see the end, which the loop thread
 * sets, a little later. */
bool removed_is_kept(const struct config *, const char *name);
void removed_end(const struct config *, const char *name);

#endif
