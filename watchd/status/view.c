/* SPDX-License-Identifier: ISC
 * view: the names of message states. */
#include "status/view.h"

const char *
msg_state_name(enum msg_state state)
{
	static const char *const names[] = { "deferred", "active", "held",
		"vault" };

	return (unsigned)state < MX_COUNT(names) ? names[state] : "unknown";
}
