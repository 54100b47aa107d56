/* SPDX-License-Identifier: ISC
 * sim_outside: what the daemon has around him that is not simulated (smtpd,
 * web, control socket, SNMP, alerts, privileges) as empty functions, and the
 * functions of the product that are watched, or broken on purpose, on their way
 * (the linker's --wrap). */
#ifndef MX_TESTS_SIM_OUTSIDE_H
#define MX_TESTS_SIM_OUTSIDE_H

#include "base/defs.h"

/* Breaks a rule of the product; false: there is no such. NULL: none. */
bool sim_mutate(const char *name);
void sim_mutations(void); /* prints them: name, property, what it is */
const char *sim_mutation_property(void); /* that has to see it */
unsigned sim_depth(unsigned depth); /* what the daemon takes for it */

void sim_jobs_begin(void);
/* All are ended when the daemon is destroyed. */
unsigned sim_jobs_out(void);

#endif
