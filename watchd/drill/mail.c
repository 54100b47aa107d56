/* SPDX-License-Identifier: ISC
 * mail: see mail.h. */
#include "drill/mail.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"
#include "base/text.h"

void
drill_mark(uint64_t a, uint64_t b, char mark[DRILL_MARK_MAX])
{
	(void)snprintf(mark, DRILL_MARK_MAX,
	    "mxwatch-drill-%016" PRIx64 "%016" PRIx64, a, b);
}

/* Auto-Submitted (RFC 3834) keeps vacation programs from answering. */
void
drill_mail_write(const struct drill_letter *l, struct buf *out)
{
	char date[64];
	int rc = buf_addf(out,
	    "From: postmaster@%s\r\n"
	    "To: <%s>\r\n"
	    "Subject: mxwatch drill of %s\r\n"
	    "Date: %s\r\n"
	    "Message-ID: <%s@%s>\r\n"
	    "Auto-Submitted: auto-generated\r\n"
	    "X-Mxwatch-Drill: %s\r\n"
	    "\r\n"
	    "The backup mail server %s made this message to see whether "
	    "mail\r\n"
	    "that it takes for %s is delivered to its primary mail server.\r\n"
	    "It was, since you can read this. Nothing is to be done, and "
	    "the\r\n"
	    "message can be deleted.\r\n",
	    l->hostname, l->recipient, l->domain,
	    text_date_5322(l->wall, date, sizeof(date)), l->mark, l->hostname,
	    l->mark, l->hostname, l->domain);

	MX_ASSERT(rc == 0);
}
