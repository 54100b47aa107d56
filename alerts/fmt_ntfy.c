/* SPDX-License-Identifier: ISC
 * fmt_ntfy: the body is the text, headers have the rest. A body above 4096
 * bytes would become an attachment. */
#include "alerts/format.h"

#include <string.h>

#include "base/mem.h"

#define BODY_MAX  4000
#define TITLE_MAX 200

static void
fmt_ntfy(const struct format_ctx *x, const struct note *n, bool resolve,
    struct message *m)
{
	struct buf lines = BUF_INIT(MESSAGE_MAX / 2);
	char *title = format_title(x, n, resolve);
	char *page = format_note_link(x, n, resolve);
	int rc;

	message_init(m, CARRY_HTTP);
	m->url = mem_strdup(x->url);
	text_cut(title, TITLE_MAX + 1, title);
	message_header(m, "Content-Type: text/plain");
	message_header(m, "Title: %s", title);
	message_header(m, "Priority: %d",
	    resolve				  ? 3 :
		n->severity == ALERT_SEV_CRITICAL ? 5 :
						    4);
	message_header(m, "Tags: %s",
	    resolve ? "white_check_mark" : "rotating_light");
	if (page[0] != '\0')
		message_header(m, "Click: %s", page);
	if (x->token != NULL)
		message_header(m, "Authorization: Bearer %s", x->token);
	format_lines(x, n, BODY_MAX, &lines);
	rc = buf_adds(&m->body, lines.len > 0 ? buf_str(&lines) : title);
	MX_ASSERT(rc == 0);
	buf_fini(&lines);
	mem_free(&page);
	mem_free(&title);
}

static const struct receiver_answer answers[] = {
	{ 401, CARRY_REJECTED, "the topic does not accept the token" },
	{ 403, CARRY_REJECTED, "the token may not publish there" },
	{ 0, CARRY_SENT, NULL },
};

const struct receiver_type receiver_ntfy = {
	.note = fmt_ntfy,
	.answers = answers,
};
