/* SPDX-License-Identifier: ISC
 * schema: the tables that the nodes share, their version, and the statements
 * that hold a node to its place. All in the schema "mxwatch":
 *
 *	meta(version)		one row
 *	node(id, name, instance, free, epoch, beat, batch, lease)
 *				who shares it (relay/store/engine_node.c); lease:
 *				ms for which it trusts itself
 *	stir(node, beat, batch)	what each said, the last of a node counts: a row
 *				that is changed by each group would be long to
 *				find while somebody's snapshot keeps what it was
 *	unit(name, owner, node, batch)
 *				whose the mail of a domain is
 *	part(id, domain, env)	envelopes, as envelope_encode() has them
 *	body(id, at, data)	content: octets from `at` on; id is that of
 *				part 0; a partition a day (ids begin with time)
 *	state(key, value, node, batch, written)
 *				small durable state; without a value: gone
 *	own(node, key, value)	the same of a node alone: keys without a slash
 *	arrival(node, batch, id, domain, written)
 *				mail that a node took for an owner elsewhere
 *	moved(id, node)		what came from a node's spool, until it is gone
 *				from there
 *
 * (node, batch) is the group that wrote a row last: groups of a node are
 * committed in their order, so who has seen one of them knows what he has not
 * seen yet.
 *
 * Any thread, with a connection of its own. */
#ifndef MX_ENGINE_SCHEMA_H
#define MX_ENGINE_SCHEMA_H

#include "engine/pg.h"

#define SCHEMA_VERSION 2
/* Octets of content that fit a page with what stands before them: a row for each is
 * cheaper than what the engine makes of a longer one, which are rows of 2 KB. */
#define SCHEMA_PIECE 8000

/* Makes what is missing, or nothing: 0, or what pg_run() says. Tables of a version
 * before stay as they are: *version says which there are now. */
int schema_init(struct pg *, int *version, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;
/* Of a version before to ours; daemons of that version go on meanwhile. *from: the
 * version that it was. -MX_ENOENT: there are no tables; -MX_EEXIST: they are of
 * a version that is newer than ours. */
int schema_upgrade(struct pg *, int *from, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;
/* -MX_ENOENT: there is none, or another version than ours; eb says what to do.
 */
int schema_check(struct pg *, int64_t until, struct mx_errbuf *) MX_NODISCARD;
/* Partitions of bodies for the days from `first_id` on, `days` of them. */
int schema_days(struct pg *, uint64_t first_id, unsigned days, int64_t until,
    struct mx_errbuf *) MX_NODISCARD;
/* What nobody needs any more: arrivals of an hour ago, what nodes said before their
 * last, state that was removed a day ago, by the engine's clock. */
int schema_tidy(struct pg *, int64_t until, struct mx_errbuf *) MX_NODISCARD;
/* Of the days before that of `first_id`: content without a part is deleted (of
 * messages that came to nothing), and what is empty is dropped, unless somebody is
 * at it just now. *dropped: so many days. */
int schema_sweep(struct pg *, uint64_t first_id, unsigned *dropped,
    int64_t until, struct mx_errbuf *) MX_NODISCARD;

#endif
