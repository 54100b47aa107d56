/* SPDX-License-Identifier: ISC
 * schema: the tables that the nodes share, their version, and the maintenance
 * of both. All in the schema "mxwatch":
 *
 *	meta(version)		one row
 *	node(id, name, instance, free, epoch, beat, batch, lease)
 *				the nodes (relay/store/engine_node.c); lease:
 *				ms for which a node trusts its place
 *	stir(node, beat, batch)	the groups of each node, the last one counts: a
 *				row changed by every group would become slow to
 *				read while a snapshot keeps its old versions
 *	unit(name, owner, node, batch)
 *				the owner of a domain's mail
 *	part(id, domain, env)	envelopes, as envelope_encode() makes them
 *	body(id, at, data)	content: octets from `at` on; id is that of
 *				part 0; a partition a day (ids begin with time)
 *	state(key, value, node, batch, written)
 *				small durable state; without a value: removed
 *	own(node, key, value)	the same, private to a node: keys without slash
 *	arrival(node, batch, id, domain, written)
 *				mail that a node took for another owner
 *	moved(id, node)		parts moved from a node's spool, until they are
 *				removed there
 *
 * (node, batch) is the group that wrote a row last: the groups of a node are
 * committed in order, so a reader that has seen one of them knows what it has
 * not seen yet.
 *
 * Any thread, with a connection of its own. */
#ifndef MX_ENGINE_SCHEMA_H
#define MX_ENGINE_SCHEMA_H

#include "engine/pg.h"

#define SCHEMA_VERSION 2
/* Octets of content that fit on a page with the rest of the row: such a row is
 * cheaper than a longer value, which the engine stores in rows of 2 KB. */
#define SCHEMA_PIECE 8000

/* Creates the missing tables: 0, or the result of pg_run(). Tables of an
 * earlier version are left unchanged: *version is the version found. */
int schema_init(struct pg *, int *version, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;
/* Upgrades from an earlier version; daemons of that version can go on
 * meanwhile. *from: the earlier version. -MX_ENOENT: no tables; -MX_EEXIST: a
 * version newer than ours. */
int schema_upgrade(struct pg *, int *from, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;
/* -MX_ENOENT: no tables, or another version than ours; eb says what to do. */
int schema_check(struct pg *, int64_t until, struct mx_errbuf *) MX_NODISCARD;
/* Creates partitions of bodies for `days` days from that of `first_id` on. */
int schema_days(struct pg *, uint64_t first_id, unsigned days, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;
/* Deletes old rows: arrivals after an hour, all but the last groups of nodes,
 * state that was removed a day ago, by the engine's clock. */
int schema_tidy(struct pg *, int64_t until, struct mx_errbuf *) MX_NODISCARD;
/* For the days before that of `first_id`: deletes content without a part (of
 * aborted messages), and drops empty partitions, unless they are in use.
 * *dropped: how many. */
int schema_sweep(struct pg *, uint64_t first_id, unsigned *dropped,
    int64_t until, struct mx_errbuf *) MX_NODISCARD;

#endif
