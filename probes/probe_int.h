/* SPDX-License-Identifier: ISC
 * probe_int: what probe_smtp.c asks probe.c, and tests try. Pure. */
#ifndef MX_PROBES_PROBE_INT_H
#define MX_PROBES_PROBE_INT_H

#include "probes/probe.h"

/* The subject of a reply to MAIL or RCPT. */
enum probe_finding probe_finding_of(const struct smtp_reply *, enum smtp_phase);

#endif
