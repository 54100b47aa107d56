/* SPDX-License-Identifier: ISC
 * relay: the names of the interface. Pure; metrics.def uses the same words (a
 * test compares them). */
#include "relay/relay.h"

const char *
flush_trigger_name(enum flush_trigger trigger)
{
	static const char *const names[FLUSH_TRIGGER_MAX] = {
		"recovery",
		"manual",
		"timer",
		"etrn",
	};

	return (unsigned)trigger < FLUSH_TRIGGER_MAX ? names[trigger] :
						       "unknown";
}
