/* SPDX-License-Identifier: ISC
 * content: see content.h. */
#include "control/content.h"

#include <unistd.h>

#include "base/base64.h"
#include "base/crc.h"

bool
content_is_asked(const struct call *c)
{
	return c->verb == VERB_export || c->verb == VERB_import ||
	    (c->fields & (FIELD_HEADERS | FIELD_BODY | FIELD_RAW)) != 0;
}

bool
content_is_allowed(struct call *c)
{
	const struct control_ops *ops = call_ops(c);

	if (!content_is_asked(c))
		return true;
	if (c->uid != 0 && c->uid != geteuid())
		call_fail(c, CONTROL_FAILED,
		    "only root and the user of the daemon may read or import "
		    "messages");
	else if (!ops->content(ops->arg))
		call_fail(c, CONTROL_FAILED,
		    "access to message content is off (control_content)");
	else
		return true;
	return false;
}

void
content_begin(struct content_reader *t, uint64_t id, enum content_part part)
{
	*t = (struct content_reader){ .id = id, .part = part, .column0 = true };
}

void
content_ask(struct call *c, const struct content_reader *t,
    relay_content_cb *cb)
{
	const struct relay *r = call_relay(c);

	r->content(r->self, t->id, t->at, CONTENT_PIECE, cb, call_ticket(c));
}

/* The length of the header within the piece, its empty line included. */
static size_t
header_length(struct content_reader *t, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n' && t->column0) {
			t->behind = true;
			return i + 1;
		}
		if (data[i] == '\n') {
			t->column0 = true;
			t->cr = false;
		} else if (data[i] == '\r' && t->column0 && !t->cr)
			t->cr = true;
		else
			t->column0 = false;
	}
	return len;
}

static void
send_piece(struct call *c, struct content_reader *t, const char *data,
    size_t len)
{
	char id[TEXT_ID_MAX], text[BASE64_LEN(CONTENT_PIECE) + 1];
	cJSON *o;

	if (len == 0)
		return;
	o = json_object();
	json_text(o, "id", text_id(t->id, id));
	json_text(o, "data", base64_encode(data, len, text));
	call_send(c, o);
	t->sent += (double)len;
}

void
content_take(struct call *c, struct content_reader *t, int rc, const char *data,
    size_t len, const struct relay_content *of)
{
	size_t header = 0;

	MX_ASSERT(len <= CONTENT_PIECE);
	if (rc == 0 && len == 0 && t->at < of->size)
		rc = -MX_ECORRUPT; /* truncated */
	t->rc = rc;
	if (rc < 0) {
		t->over = true;
		return;
	}
	t->at += len;
	t->crc = crc_32(t->crc, data, len);
	if (!t->behind)
		header = header_length(t, data, len);
	if (t->part == CONTENT_ALL)
		send_piece(c, t, data, len);
	else if (t->part == CONTENT_HEADERS)
		send_piece(c, t, data, header);
	else
		send_piece(c, t, data + header, len - header);
	t->over =
	    t->at >= of->size || (t->part == CONTENT_HEADERS && t->behind);
	if (t->at >= of->size && t->crc != of->crc)
		t->rc = -MX_ECORRUPT;
}
