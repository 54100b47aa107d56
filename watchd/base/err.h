/* SPDX-License-Identifier: ISC
 * err: the error codes of the whole program and a buffer for the one
 * sentence that an operator reads. Functions return 0 or a negative code. */
#ifndef MX_BASE_ERR_H
#define MX_BASE_ERR_H

#include "base/defs.h"

enum mx_err {
	MX_EOK = 0,
	MX_ESYNTAX = 1, /* what was read is not what its grammar allows */
	MX_ETOOBIG, /* a cap was reached: nothing was kept */
	MX_ENOENT, /* there is no such thing */
	MX_EEXIST, /* there is one already */
	MX_EFULL, /* no space left: temporary, operator's */
	MX_EIO, /* the disk failed: nothing more may be promised */
	MX_ECORRUPT, /* a checksum or a version does not hold */
	MX_EBUSY, /* somebody else has it: try later */
	MX_ENET, /* a connection or a look-up failed */
	MX_ETLS, /* TLS failed */
	MX_ECANCELED, /* given up by the caller or at shutdown */
	MX_ESYS, /* a system call failed: errno was put into the text */
};

/* "no space left" and the like: static, never NULL. Takes either sign. */
const char *mx_strerror(int err);

/* Message for the operator: the fault, its place and the remedy. Used by
 * start-up, configuration and control. Owned by the caller, usually on its stack. */
struct mx_errbuf {
	char text[512];
};

/* Formats into eb (NULL is allowed) and returns -err, so that a failing
 * function ends with `return mx_fail(eb, MX_ENOENT, "...", ...)`. */
int mx_fail(struct mx_errbuf *eb, enum mx_err err, const char *fmt, ...)
    MX_PRINTF(3, 4);

#endif
