/* SPDX-License-Identifier: ISC
 * err: the words for error codes, the message of a failed step at the start,
 * and the end of the program when an invariant is broken. Any thread. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"

static const char *const err_words[] = {
	[MX_EOK] = "no error",
	[MX_ESYNTAX] = "syntax error",
	[MX_ETOOBIG] = "too big",
	[MX_ENOENT] = "not found",
	[MX_EEXIST] = "already exists",
	[MX_EFULL] = "no space left",
	[MX_EIO] = "input/output error",
	[MX_ECORRUPT] = "data is damaged or of an unknown version",
	[MX_EBUSY] = "in use by another process",
	[MX_ENET] = "network failure",
	[MX_ETLS] = "TLS failure",
	[MX_ECANCELED] = "cancelled",
	[MX_ESYS] = "system call failed",
};

const char *
mx_strerror(int err)
{
	if (err < 0 && err > -(int)MX_COUNT(err_words))
		err = -err;
	if (err < 0 || err >= (int)MX_COUNT(err_words))
		return "unknown error";
	return err_words[err];
}

int
mx_fail(struct mx_errbuf *eb, enum mx_err err, const char *fmt, ...)
{
	va_list ap;

	if (eb != NULL) {
		va_start(ap, fmt);
		(void)vsnprintf(eb->text, sizeof(eb->text), fmt, ap);
		va_end(ap);
	}
	return -(int)err;
}

void
mx_panic(const char *cond, const char *file, int line)
{
	log_error("panic", "broken=%s file=%s line=%d", log_q(cond),
	    log_q(file), line);
	(void)log_drain(1000);
	abort();
}
