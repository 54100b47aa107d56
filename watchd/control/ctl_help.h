/* SPDX-License-Identifier: ISC
 * ctl_help: help about verbs and options, and shell completions, from the
 * tables of protocol.h. */
#ifndef MX_CONTROL_CTL_HELP_H
#define MX_CONTROL_CTL_HELP_H

#include <stdio.h>

#include "control/protocol.h"

/* Writes a verb's purpose, synopsis and options. */
void ctl_help_verb(FILE *, enum control_verb);
/* Writes the shell's completion script for mxwatchctl. */
void ctl_complete_bash(FILE *);
void ctl_complete_zsh(FILE *);

#endif
