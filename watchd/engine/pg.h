/* SPDX-License-Identifier: ISC
 * pg: one connection to PostgreSQL (libpq), used by one thread, which may block
 * in it, but never beyond the given deadline. Statements are sent in batches: a
 * batch is one transaction, sent at once (pipeline mode), and costs one round
 * trip. Values are binary.
 *
 *	pg_up(p, until, &eb)
 *	a = pg_add(p, &stmt); pg_int8(a, 7); pg_bytes(a, data, len);
 *	... more ...
 *	rc = pg_run(p, until, &eb)
 *	pg_rows(p, i), pg_get_int8(p, i, row, column): results, until the
 * next */
#ifndef MX_ENGINE_PG_H
#define MX_ENGINE_PG_H

#include "base/buf.h"
#include "base/err.h"

struct pg;

/* A statement, prepared when a connection first uses it; static memory. One
 * without a name is prepared each time, and has to live as long as its
 * batch. */
struct pg_stmt {
	const char *name;
	const char *sql;
};

/* `conninfo` as for libpq, including password files and services; `who` is our
 * application_name. Does not connect yet. */
struct pg *pg_create(const char *conninfo, const char *who);
void pg_destroy(struct pg **);

/* 0 at once when connected; otherwise connects. `until`: monotonic ns.
 * -MX_ENET: no connection; the next pg_add() drops the statements added so
 * far. */
int pg_up(struct pg *, int64_t until, struct mx_errbuf *) MX_NODISCARD;
bool pg_is_up(const struct pg *);
void pg_drop(struct pg *); /* closes it; the next pg_up() makes another */
/* Any thread: from now on no call waits longer than PG_HURRY_MS in total,
 * whatever `until` says. */
#define PG_HURRY_MS 1000
void pg_hurry(struct pg *);

/* ---- a batch */
struct pg_args;
struct pg_args *pg_add(struct pg *, const struct pg_stmt *);
void pg_int4(struct pg_args *, int32_t);
void pg_int8(struct pg_args *, int64_t);
void pg_text(struct pg_args *, const char *);
void pg_bytes(struct pg_args *, const void *, size_t);
/* Begins an array of one of these types, to be filled element by element. */
enum pg_type { PG_INT4, PG_INT8, PG_TEXT, PG_BYTES };
void pg_array(struct pg_args *, enum pg_type);
void pg_array_int4(struct pg_args *, int32_t);
void pg_array_int8(struct pg_args *, int64_t);
/* for text as well */
void pg_array_bytes(struct pg_args *, const void *, size_t);

/* Sends the batch and waits for all its answers; the same batch once more when
 * it is called again. 0, or the first thing that went wrong, with the server's
 * sentence:
 * -MX_ENET	the connection is gone, or `until` came: what became of the
 *		batch is not known. There is no connection any more
 * -MX_EFULL	the server has no room (class 53 of SQLSTATE), or
 *		numeric_value_out_of_range: how a statement of ours says "not now"
 * -MX_EBUSY	division_by_zero: how one says "not so"
 * -MX_ECANCELED	a conflict with somebody else (class 40, 55): nothing of it was
 *		done, and it may be said again
 * -MX_EEXIST	a constraint (class 23)
 * -MX_ENOENT	a table or column that it does not have (class 42, 3D, 3F)
 * -MX_EIO	anything else that it says */
int pg_run(struct pg *, int64_t until, struct mx_errbuf *) MX_NODISCARD;
/* Of the error; "" if it is not from the server. */
const char *pg_sqlstate(const struct pg *);
/* A statement of the batch raised a warning: at the end of a transaction this
 * means "not known" (it did not wait for a standby). */
bool pg_warned(const struct pg *);

/* ---- results, by the position in the batch; valid until the next pg_add() */
unsigned pg_rows(const struct pg *, unsigned stmt);
int64_t pg_get_int8(const struct pg *, unsigned stmt, unsigned row,
    unsigned column); /* int4 as well; NULL: 0 */
const void *pg_get(const struct pg *, unsigned stmt, unsigned row,
    unsigned column, size_t *len); /* text is NUL-terminated */

#endif
