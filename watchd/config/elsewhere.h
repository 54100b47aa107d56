/* SPDX-License-Identifier: ISC
 * elsewhere: domains from a source (domains_from) besides those of the file. A
 * source is trusted less than the file: it has sections `domain` and nothing
 * else, in the format of mxwatchd.conf(5) or as JSON, with options of
 * CLASS_REMOTE, and each of its domains has the pin of domains_from_networks.
 *
 * The configuration of the file is one object, `local`, that is read once; with
 * the domains of a source it makes another one, which shares all but the
 * domains:
 *
 *	config_load() -> local;  elsewhere_join(local, texts) -> in force
 *	another text:  elsewhere_join(elsewhere_local(in force), texts)
 *
 * so a change of the source never puts a file into force that is being edited.
 * JSON: {"domains": [{"name": "example.org", "primary": ["mx.example.org"],
 * "lifetime": "10d", "probe": {"interval": "30s"}}]}. Pure; any thread. */
#ifndef MX_CONFIG_ELSEWHERE_H
#define MX_CONFIG_ELSEWHERE_H

#include "config/config.h"
#include "config/domain_texts.h"

/* `texts` NULL: none yet. `kept`: they were in force before a restart, perhaps
 * with another file; a domain that the file has, too, is then left out with a
 * warning. NULL: *errs has the errors. */
struct config *elsewhere_join(struct config *local,
    const struct domain_texts *texts, bool kept, struct conf_errors *errs);
/* The configuration of the file alone, without redirects; the given one if it
 * has neither. Borrowed. */
struct config *elsewhere_local(struct config *);

size_t elsewhere_count(const struct config *); /* domains of a source */
/* The number of source domains of `old` that the other one lacks. */
size_t elsewhere_lost(const struct config *old, const struct config *new);

#endif
