/* SPDX-License-Identifier: ISC
 * fmt_slack: an incoming webhook as defined by Slack and adopted by Mattermost,
 * Rocket.Chat and others: {"text": ...}. Its three special characters are
 * escaped, so that a reply of a primary cannot mention @channel. */
#include "alerts/format.h"

#include <string.h>

#include "base/mem.h"

#define TITLE_MAX 300
#define LINES_MAX 2700

static void
add_escaped(struct buf *out, const char *text)
{
	int rc = 0;

	for (; *text != '\0' && rc == 0; text++)
		rc = *text == '&' ? buf_adds(out, "&amp;") :
		    *text == '<'  ? buf_adds(out, "&lt;") :
		    *text == '>'  ? buf_adds(out, "&gt;") :
				    buf_add(out, text, 1);
	MX_ASSERT(rc == 0);
}

static void
fmt_slack(const struct format_ctx *x, const struct note *n, bool resolve,
    struct message *m)
{
	struct buf lines = BUF_INIT(MESSAGE_MAX / 4);
	struct buf text = BUF_INIT(MESSAGE_MAX);
	char *title = format_title(x, n, resolve), *body;
	cJSON *o = json_object();

	message_init(m, CARRY_HTTP);
	m->url = mem_strdup(x->url);
	text_cut(title, TITLE_MAX + 1, title);
	format_lines(x, n, LINES_MAX, &lines);
	body = mem_printf("%s\n%s", title, buf_str(&lines));
	add_escaped(&text, body);
	/* ASCII already, and its line feeds are intended. */
	json_sub(o, "text", cJSON_CreateString(buf_str(&text)));
	format_json(m, o);
	buf_fini(&lines);
	buf_fini(&text);
	mem_free(&body);
	mem_free(&title);
}

/* docs.slack.dev, "Sending messages using incoming webhooks": errors. */
static const struct receiver_answer answers[] = {
	{ 403, CARRY_REJECTED, "posting there is not allowed" },
	{ 404, CARRY_REJECTED, "no such webhook or channel" },
	{ 410, CARRY_REJECTED, "the channel is archived" },
	{ 0, CARRY_SENT, NULL },
};

const struct receiver_type receiver_slack = {
	.note = fmt_slack,
	.answers = answers,
};
