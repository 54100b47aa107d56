/* SPDX-License-Identifier: ISC
 * err: the error codes of the whole program and a buffer for the message to the
 * operator. Functions return 0 or a negative code. */
#ifndef MX_BASE_ERR_H
#define MX_BASE_ERR_H

#include "base/defs.h"

enum mx_err {
	MX_EOK = 0,
	MX_ESYNTAX = 1, /* the input does not match its grammar */
	MX_ETOOBIG, /* a cap was exceeded: nothing was kept */
	MX_ENOENT, /* it does not exist */
	MX_EEXIST, /* it exists already */
	MX_EFULL, /* no space left: temporary, for the operator to fix */
	MX_EIO, /* the disk failed: no further promises */
	MX_ECORRUPT, /* a checksum or version is wrong */
	MX_EBUSY, /* it is in use: try later */
	MX_ENET, /* a connection or a look-up failed */
	MX_ETLS, /* TLS failed */
	MX_ECANCELED, /* cancelled by the caller or at shutdown */
	MX_ESYS, /* a system call failed: errno is in the text */
};

/* "no space left" and the like: static, never NULL. Accepts either sign. */
const char *mx_strerror(int err);

/* A message for the operator: the fault, its place and the remedy. Used at the
 * start and by configuration and control. Owned by the caller, usually on its
 * stack. */
struct mx_errbuf {
	char text[512];
};

/* Formats into eb (NULL is allowed) and returns -err, so that a failing
 * function ends with `return mx_fail(eb, MX_ENOENT, "...", ...)`. */
int mx_fail(struct mx_errbuf *eb, enum mx_err err, const char *fmt, ...)
    MX_PRINTF(3, 4);

#endif
