/* SPDX-License-Identifier: ISC
 * elsewhere: domains that a source has (domains_from) beside those of the file. A
 * source is not trusted as the file is: it has sections `domain` and nothing else,
 * in the words of mxwatchd.conf(5) or as JSON, with options of CLASS_REMOTE, and
 * each of its domains has the pin of domains_from_networks.
 *
 * The configuration of a file is one object, `local`, that is read once; with
 * what a source has it makes another one, which shares all but the domains:
 *
 *	config_load() -> local;  elsewhere_join(local, texts) -> in force
 *	another text:  elsewhere_join(elsewhere_local(in force), texts)
 *
 * so that a change of the source never puts a file into force that somebody is
 * editing. JSON: {"domains": [{"name": "example.org", "primary": ["mx.example.org"],
 * "lifetime": "10d", "probe": {"interval": "30s"}}]}. Pure; any thread. */
#ifndef MX_CONFIG_ELSEWHERE_H
#define MX_CONFIG_ELSEWHERE_H

#include "config/config.h"
#include "config/domain_texts.h"

/* `texts` NULL: there are none yet. `kept`: they were in force before a restart,
 * under another file perhaps; a domain that the file has, too, is left out with a
 * warning. NULL: *errs says what is wrong. */
struct config *elsewhere_join(struct config *local,
    const struct domain_texts *texts, bool kept, struct conf_errors *errs);
/* What the file says; the configuration itself when it was never joined. Lent. */
struct config *elsewhere_local(struct config *);

size_t elsewhere_count(const struct config *); /* domains of a source */
/* How many of those of `old` the other one has not at all. */
size_t elsewhere_lost(const struct config *old, const struct config *new);

#endif
