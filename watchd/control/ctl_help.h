/* SPDX-License-Identifier: ISC
 * ctl_help: the verbs and their options for people and for shells, out of the tables
 * of protocol.h. */
#ifndef MX_CONTROL_CTL_HELP_H
#define MX_CONTROL_CTL_HELP_H

#include <stdio.h>

#include "control/protocol.h"

/* What a verb does, how it is called, and each of its options. */
void ctl_help_verb(FILE *, enum control_verb);
/* A script that completes command lines of mxwatchctl. */
void ctl_complete_bash(FILE *);
void ctl_complete_zsh(FILE *);

#endif
