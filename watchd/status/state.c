/* SPDX-License-Identifier: ISC
 * state: the names. */
#include "status/state.h"

#define STATE(NAME, name) #name,
static const char *const health_names[] = { HEALTH_STATES(STATE) };
static const char *const store_names[] = { STORE_STATES(STATE) };
#undef STATE

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
