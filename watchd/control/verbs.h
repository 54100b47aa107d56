/* SPDX-License-Identifier: ISC
 * verbs: what is done with a request line. verbs.c reads and checks it and
 * does what is done at once; the other files hold the verbs that take longer.
 * Loop thread. */
#ifndef MX_CONTROL_VERBS_H
#define MX_CONTROL_VERBS_H

#include "control/control_int.h"

/* Never fails: what is wrong with the line is the answer. */
void verbs_start(struct call *, const char *line, size_t len);
void verbs_begin(struct call *); /* the same, with call.request, an object */

/* One each, called with the request checked. */
#define VERB(name, fields, arguments, help) void verb_##name(struct call *);
CONTROL_VERBS
#undef VERB

/* Is that domain configured, or is anything queued for it? Else the call has
 * been failed. */
bool verbs_domain_known(struct call *);

/* verb_status.c: the document, or all before its first domain; of now. True: that
 * was the last piece. end() takes NULL. */
struct status;
struct status *status_begin(struct call *, bool head_only);
bool status_piece(struct call *, struct status *);
void status_end(struct status **);
/* One of its domains, that no node claims; NULL: there is none of that name. */
cJSON *status_unclaimed(const struct status *, const char *domain);

/* verb_content.c: show, of what is in the message. */
void verb_show_content(struct call *);
/* verb_queue.c: a MESSAGE of protocol.h. */
cJSON *verbs_message(const struct msg_view *, bool rcpts);

#endif
