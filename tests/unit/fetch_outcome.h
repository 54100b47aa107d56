/* SPDX-License-Identifier: ISC
 * fetch_outcome: what a transport made of what it was given. */
#ifndef MX_TESTS_FETCH_OUTCOME_H
#define MX_TESTS_FETCH_OUTCOME_H

#include "fetch/transport.h"

struct outcome {
	unsigned n, dropped;
	struct send_result r; /* the last one */
};

/* `done` of transport_create(), whose arg is a struct outcome, and carry.drop. */
void outcome_note(void *arg, const struct send_result *, void *owner);
void outcome_drop(void *arg);
/* Polls until there are n of them, for twenty seconds at most. */
void outcome_wait(struct transport *, struct outcome *, unsigned n);

#endif
