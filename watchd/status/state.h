/* SPDX-License-Identifier: ISC
 * state: the states of a domain and of the spool, with their names, for the
 * modules that set them (primary/health.h, relay/store/store.h) and those that
 * show them. The order is that of the MIB and of the stored history: append
 * only. Pure. */
#ifndef MX_STATUS_STATE_H
#define MX_STATUS_STATE_H

#include "base/defs.h"

#define HEALTH_STATES(STATE)                                                   \
	STATE(UNKNOWN, unknown) /* no verdict yet */                           \
	STATE(UP, up)                                                          \
	STATE(SUSPECT, suspect) /* failed lately, not down yet */              \
	STATE(DOWN, down)                                                      \
	STATE(RECOVERING, recovering) /* answers; its mail is being tried */   \
	STATE(DISABLED, disabled) /* not probed */

enum health_state {
#define STATE(NAME, name) HEALTH_##NAME,
	HEALTH_STATES(STATE)
#undef STATE
	    HEALTH_STATE_MAX,
};

#define STORE_STATES(STATE)                                                    \
	STATE(OK, ok)                                                          \
	STATE(FULL, full) /* too little space: 452 until there is more */      \
	STATE(FAILED, failed) /* the disk failed: 451 until a restart */       \
	STATE(STALLED, stalled) /* a commit is overdue: 451 until it ends */

enum store_state {
#define STATE(NAME, name) STORE_##NAME,
	STORE_STATES(STATE)
#undef STATE
	    STORE_STATE_MAX,
};

/* The scope of a refusal, by the judge (primary/judge.h). */
#define JUDGE_SCOPES(SCOPE)                                                    \
	SCOPE(NOBODY, nobody) /* it is none */                                 \
	SCOPE(RECIPIENT, recipient) /* one mailbox */                          \
	SCOPE(SENDER, sender) /* reverse path, its domain, its signature */    \
	SCOPE(MESSAGE, message) /* size, content, what it needs */             \
	SCOPE(US, us) /* who we are: PTR, block list, policy */                \
	SCOPE(ROUTE, route) /* no mail for the domain there, or a loop */      \
	SCOPE(PRIMARY, primary) /* it accepts nothing now, or is out of order */

enum judge_scope {
#define SCOPE(NAME, name) JUDGE_##NAME,
	JUDGE_SCOPES(SCOPE)
#undef SCOPE
	    JUDGE_SCOPE_MAX,
};

/* "unknown" for any other value. */
const char *health_state_name(enum health_state);
const char *store_state_name(enum store_state);
const char *judge_scope_name(enum judge_scope);

#endif
