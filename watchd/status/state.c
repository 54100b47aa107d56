/* SPDX-License-Identifier: ISC
 * state: the names. */
#include "status/state.h"

#define STATE(NAME, name) #name,
static const char *const health_names[] = { HEALTH_STATES(STATE) };
static const char *const store_names[] = { STORE_STATES(STATE) };
#undef STATE
#define SCOPE(NAME, name) #name,
static const char *const scope_names[] = { JUDGE_SCOPES(SCOPE) };
#undef SCOPE

const char *
health_state_name(enum health_state state)
{
	return (unsigned)state < HEALTH_STATE_MAX ? health_names[state] :
						    "unknown";
}

const char *
store_state_name(enum store_state state)
{
	return (unsigned)state < STORE_STATE_MAX ? store_names[state] :
						   "unknown";
}

const char *
judge_scope_name(enum judge_scope scope)
{
	return (unsigned)scope < JUDGE_SCOPE_MAX ? scope_names[scope] :
						   "unknown";
}
