/* SPDX-License-Identifier: ISC
 * verbs: request lines. verbs.c reads and checks them and runs the short verbs;
 * the other files hold the longer ones. Loop thread. */
#ifndef MX_CONTROL_VERBS_H
#define MX_CONTROL_VERBS_H

#include "base/clock.h"
#include "control/control_int.h"

/* Never fails: an error in the line is the answer. */
void verbs_start(struct call *, const char *line, size_t len);
void verbs_begin(struct call *); /* the same, with call.request, an object */

/* One each, called with the request checked. */
#define VERB(name, fields, arguments, help) void verb_##name(struct call *);
CONTROL_VERBS
#undef VERB

/* Is the domain configured, or is mail queued for it? Else the call has
 * failed. */
bool verbs_domain_known(struct call *);
/* Calls fn for the next domains of *all, from *at on, that have mail, for a
 * slice of the loop's time; then drops *all. True: call it again. */
#define VERBS_SLICE_NS (2 * CLOCK_MS)
bool verbs_domains_some(struct call *, struct snapshot **all, unsigned *at,
    void (*fn)(struct call *, void *arg, const char *domain), void *arg);
/* The "limit" of the request, 1 to max; *n is unchanged without one. False: it
 * is wrong, and the call has failed. */
bool verbs_limit(struct call *, unsigned max, unsigned *n);

/* verb_status.c: the status document, made now, or its head (all before the
 * first domain). status_piece() is true after the last piece. status_end()
 * takes NULL. */
struct status;
struct status *status_begin(struct call *, bool head_only);
bool status_piece(struct call *, struct status *);
void status_end(struct status **);
/* A domain that no node claims; NULL: no such domain. */
cJSON *status_unclaimed(const struct status *, const char *domain);

/* verb_content.c: `show` of a message's content. */
void verb_show_content(struct call *);
/* verb_queue.c: a MESSAGE as in protocol.h. */
cJSON *verbs_message(const struct msg_view *, bool rcpts);

#endif
