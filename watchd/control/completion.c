/* SPDX-License-Identifier: ISC
 * completion: a program that the build runs to make the completion scripts:
 * `completion bash`, `completion zsh`. */
#include <stdio.h>
#include <string.h>

#include "control/ctl_help.h"

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "bash") == 0)
		ctl_complete_bash(stdout);
	else if (argc == 2 && strcmp(argv[1], "zsh") == 0)
		ctl_complete_zsh(stdout);
	else {
		fprintf(stderr, "usage: completion bash | zsh\n");
		return 2;
	}
	return fflush(stdout) != 0 || ferror(stdout);
}
