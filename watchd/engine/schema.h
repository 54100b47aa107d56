/* SPDX-License-Identifier: ISC
 * schema: the tables that the nodes share, their version, and the statements
 * that hold a node to its place. All in the schema "mxwatch":
 *
 *	meta(version)		one row
 *	node(id, name, instance, free, epoch, beat, batch)
 *				who shares it (relay/store/engine_node.c)
 *	part(id, domain, env)	envelopes, as envelope_encode() has them
 *	body(id, at, data)	content: octets from `at` on; id is that of
 *				part 0; a partition a day (ids begin with time)
 *	state(key, value)	small durable state
 *
 * Any thread, with a connection of its own. */
#ifndef MX_ENGINE_SCHEMA_H
#define MX_ENGINE_SCHEMA_H

#include "engine/pg.h"

#define SCHEMA_VERSION 1

/* Makes what is missing, or nothing: 0, or what pg_run() says. */
int schema_init(struct pg *, int64_t until, struct mx_errbuf *) MX_NODISCARD;
/* -MX_ENOENT: there is none, or another version than ours; eb says what to do.
 */
int schema_check(struct pg *, int64_t until, struct mx_errbuf *) MX_NODISCARD;
/* Partitions of bodies for the days from `first_id` on, `days` of them. */
int schema_days(struct pg *, uint64_t first_id, unsigned days, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;
/* Of the days before that of `first_id`: content without a part is deleted (of
 * messages that came to nothing), and what is empty is dropped, unless somebody is
 * at it just now. *dropped: so many days. */
int schema_sweep(struct pg *, uint64_t first_id, unsigned *dropped,
    int64_t until, struct mx_errbuf *) MX_NODISCARD;

#endif
