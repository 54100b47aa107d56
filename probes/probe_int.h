/* SPDX-License-Identifier: ISC
 * probe_int: the part of probe.c that probe_smtp.c calls, and tests check.
 * Pure. */
#ifndef MX_PROBES_PROBE_INT_H
#define MX_PROBES_PROBE_INT_H

#include "probes/probe.h"

/* The subject of a reply to MAIL or RCPT. */
enum probe_finding probe_finding_of(const struct smtp_reply *, enum smtp_phase);

#endif
