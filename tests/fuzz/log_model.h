/* SPDX-License-Identifier: ISC
 * log_model: what records of the log make of the messages that are stored, by
 * the plain meaning of journal.h, and whether a database has just that. */
#ifndef MX_TESTS_LOG_MODEL_H
#define MX_TESTS_LOG_MODEL_H

#include "base/idmap.h"
#include "relay/store/db.h"

struct log_model {
	struct idmap messages; /* id -> struct model_value */
};

void model_init(struct log_model *);
void model_fini(struct log_model *);
void model_record(struct log_model *, const struct journal_record *);
/* The database has these messages, and nothing else but where it is in the
 * log. */
void
model_fill(const struct log_model *, struct db *, const struct journal_pos *);
/* Ends the program where the database has something else. */
void model_compare(const struct log_model *, struct db *);

#endif
