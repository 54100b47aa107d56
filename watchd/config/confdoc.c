/* SPDX-License-Identifier: ISC
 * confdoc: prints the documentation of the option table. Not installed: it
 * writes contrib/mxwatch.conf.sample and the option list in the manual page,
 * and tests/lint/manual compares both with it. */
#include <stdio.h>
#include <string.h>

#include "config/config.h"

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "sample") == 0) {
		config_write_sample(stdout);
	} else if (argc == 2 && strcmp(argv[1], "mdoc") == 0) {
		config_write_mdoc(stdout);
	} else {
		fputs("usage: confdoc sample | mdoc\n", stderr);
		return 2;
	}
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
