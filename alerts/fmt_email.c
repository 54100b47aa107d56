/* SPDX-License-Identifier: ISC
 * fmt_email: one message to all recipients. All mail about one incident refers
 * to the same Message-ID, which is never sent, so that it forms a thread; a
 * retry has the same Message-ID again; and it is marked as automatic, so that
 * no vacation responder answers it. */
#include "alerts/format.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "net/hmac.h"

#define SUBJECT_MAX 200

static void
fmt_email(const struct format_ctx *x, const struct note *n, bool resolve,
    struct message *m)
{
	char *title = format_title(x, n, resolve), *key = format_key(x, n);
	char date[64], thread[HMAC_HEX_MAX];
	struct buf lines = BUF_INIT(MESSAGE_MAX / 2);
	size_t len;
	int rc;

	message_init(m, CARRY_SMTP);
	text_cut(title, SUBJECT_MAX + 1, title);
	sha256_hex(key, strlen(key), thread);
	thread[32] = '\0';
	text_date_5322(x->now_ms / 1000, date, sizeof(date));
	rc = buf_addf(&m->body, "Date: %s\r\nFrom: <%s>\r\n", date, x->from);
	for (size_t i = 0; i < x->conf->to.n && rc == 0; i++)
		rc = buf_addf(&m->body, "%s <%s>%s\r\n", i == 0 ? "To:" : "   ",
		    x->conf->to.s[i], i + 1 < x->conf->to.n ? "," : "");
	if (rc == 0)
		rc = buf_addf(&m->body,
		    "Subject: %s\r\n"
		    "Message-ID: <%" PRId64 ".%s.%c@%s>\r\n"
		    "References: <%s@%s>\r\nIn-Reply-To: <%s@%s>\r\n"
		    "Auto-Submitted: auto-generated\r\n"
		    "X-Mxwatch-Key: %s\r\n"
		    "MIME-Version: 1.0\r\n"
		    "Content-Type: text/plain; charset=us-ascii\r\n\r\n",
		    title, x->phase_ms, thread, resolve ? 'r' : 't',
		    x->hostname, thread, x->hostname, thread, x->hostname, key);
	format_lines(x, n, MESSAGE_MAX / 2, &lines);
	/* SMTP needs CRLF line ends. */
	for (const char *p = buf_str(&lines); *p != '\0' && rc == 0;) {
		len = strcspn(p, "\n");
		rc = buf_add(&m->body, p, len);
		if (rc == 0)
			rc = buf_adds(&m->body, "\r\n");
		p += len + (p[len] == '\n');
	}
	if (rc == 0)
		rc = buf_addf(&m->body, "\r\n-- \r\nmxwatch on %s\r\n",
		    x->instance);
	MX_ASSERT(rc == 0);
	/* curl takes the EHLO name from the path. */
	len = strlen(x->conf->smarthost);
	while (len > 0 && x->conf->smarthost[len - 1] == '/')
		len--;
	m->url =
	    mem_printf("%.*s/%s", (int)len, x->conf->smarthost, x->hostname);
	buf_fini(&lines);
	mem_free(&title);
	mem_free(&key);
}

/* A smarthost's replies have words of their own. */
const struct receiver_type receiver_email = { .note = fmt_email };
