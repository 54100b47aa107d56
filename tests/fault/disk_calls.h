/* SPDX-License-Identifier: ISC
 * disk_calls: those of the C library's functions for files that are made of
 * others. Who watches a disk (disk_model.c in a program, tests/e2e's
 * disktrace.c preloaded into one) links this and defines the others: the two
 * below, and write(), pwrite() and mkdirat() under their own names. */
#ifndef MX_TESTS_DISK_CALLS_H
#define MX_TESTS_DISK_CALLS_H

#include <sys/types.h>

int disk_open(int at, const char *path, int flags, mode_t mode);
int disk_sync(int fd);

#endif
