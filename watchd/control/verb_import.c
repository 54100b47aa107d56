/* SPDX-License-Identifier: ISC
 * verb_import: a copy of a message, as `export` and mxwatch-salvage(8) write
 * it, is queued as a new message: the client sends its envelope and content in
 * lines after the request. Each recipient has to be one for whom RCPT would be
 * answered 250. Nothing is queued before all of it is durable. Loop thread. */
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "control/verbs.h"
#include "smtp/path.h"

#define TEXT_MAX    500 /* of envid, helo, client, orcpt */
#define MESSAGE_MAX (UINT64_C(1) << 31)

struct import_work {
	struct relay_intake *in;
	const struct relay *relay;
	char *sender; /* NULL: no envelope yet */
	char *envid, *ret, *helo, *client;
	bool body8, utf8;
	struct relay_copy_rcpt *rcpts; /* owns their strings */
	unsigned nrcpts;
	uint64_t size;
};

static void
import_free(void *work)
{
	struct import_work *w = work;

	w->relay->abort(&w->in);
	for (unsigned i = 0; i < w->nrcpts; i++) {
		mem_free(&w->rcpts[i].mailbox);
		mem_free(&w->rcpts[i].domain);
		mem_free(&w->rcpts[i].orcpt);
	}
	mem_free(&w->rcpts);
	mem_free(&w->sender);
	mem_free(&w->envid);
	mem_free(&w->ret);
	mem_free(&w->helo);
	mem_free(&w->client);
	mem_free(&w);
}

static void
refuse(struct call *c, const char *what)
{
	call_fail(c, CONTROL_REFUSED, "%s", what);
}

/* NULL: missing, or too long. */
static char *
short_text(const cJSON *o, const char *key)
{
	const cJSON *item = json_get(o, key);

	return cJSON_IsString(item) && strlen(item->valuestring) <= TEXT_MAX ?
	    mem_strdup(item->valuestring) :
	    NULL;
}

static char *
text_or_empty(const cJSON *o, const char *key)
{
	char *text = short_text(o, key);

	return text != NULL ? text : mem_strdup("");
}

static void
take_envelope(struct call *c, const cJSON *e)
{
	struct import_work *w = c->work;
	const char *sender = json_get_text(e, "sender");
	struct smtp_path path = { .mailbox = "" };

	if (w->sender != NULL) {
		refuse(c, "the envelope was sent twice");
		return;
	}
	w->utf8 = json_get_bool(e, "smtputf8");
	if (!cJSON_IsString(json_get(e, "sender")) ||
	    (*sender != '\0' &&
		(smtp_mailbox_parse(sender, strlen(sender), &path) != 0 ||
		    (path.utf8 && !w->utf8)))) {
		call_fail(c, CONTROL_REFUSED,
		    "\"%.100s\" is not a sender address", sender);
		return;
	}
	w->sender = mem_strdup(path.mailbox);
	w->envid = short_text(e, "envid");
	w->ret = short_text(e, "ret");
	w->helo = text_or_empty(e, "helo");
	w->client = text_or_empty(e, "client");
	w->body8 = json_get_bool(e, "8bit");
}

static bool
take_rcpt(struct call *c, const cJSON *o)
{
	const char *address = json_get_text(o, "address");
	struct import_work *w = c->work;
	double notify = json_get_num(o, "notify");
	struct buf rule = BUF_INIT(4096);
	struct smtp_path path;
	char reply[160] = "";

	if (w->nrcpts == RELAY_COPY_RCPTS) {
		refuse(c, "too many recipients");
		return false;
	}
	if (smtp_mailbox_parse(address, strlen(address), &path) != 0 ||
	    path.literal || (path.utf8 && !w->utf8)) {
		call_fail(c, CONTROL_REFUSED,
		    "\"%.100s\" is not a recipient address", address);
		return false;
	}
	call_ops(c)->rcpt(call_ops(c)->arg, path.mailbox, reply, sizeof(reply),
	    &rule);
	buf_fini(&rule);
	if (reply[0] != '2') {
		call_fail(c, CONTROL_FAILED,
		    "<%.200s> is not accepted: RCPT would be answered %s",
		    path.mailbox, reply);
		return false;
	}
	w->rcpts = mem_grow(w->rcpts, w->nrcpts + 1, sizeof(*w->rcpts));
	w->rcpts[w->nrcpts++] = (struct relay_copy_rcpt){ .mailbox = mem_strdup(
							      path.mailbox),
		.domain = mem_strdup(path.domain),
		.orcpt = short_text(o, "orcpt"),
		.notify = notify > 0 && notify < 32 ? (unsigned)notify : 0 };
	return true;
}

static void
on_space(void *arg)
{
	struct call *c = call_of_ticket(arg);

	if (c != NULL)
		call_input_wait(c, false);
}

static void
take_data(struct call *c, const char *text)
{
	struct import_work *w = c->work;
	size_t len;
	char *data;
	int rc;

	if (w->nrcpts == 0) {
		refuse(c, "the recipients must come before the content");
		return;
	}
	data = base64_bytes(text, &len);
	if (data == NULL)
		rc = -MX_ESYNTAX;
	else if (w->size + len > MESSAGE_MAX)
		rc = -MX_ETOOBIG;
	else
		rc = w->relay->append(w->in, data, len);
	mem_free(&data);
	if (rc != 0) {
		call_fail(c,
		    rc == -MX_ESYNTAX ? CONTROL_REFUSED : CONTROL_FAILED,
		    "the message was not accepted: %s", mx_strerror(rc));
		return;
	}
	w->size += len;
	if (w->relay->congested(w->in, on_space, call_ticket(c)))
		call_input_wait(c, true);
}

static void
on_committed(void *arg, uint64_t token MX_UNUSED, int rc, uint64_t id)
{
	struct call *c = call_of_ticket(arg);
	char text[TEXT_ID_MAX];
	cJSON *more;

	if (c == NULL)
		return;
	if (rc < 0) {
		call_fail(c, CONTROL_FAILED, "the message was not accepted: %s",
		    mx_strerror(rc));
		return;
	}
	more = json_object();
	json_text(more, "id", text_id(id, text));
	json_num(more, "bytes", (double)((struct import_work *)c->work)->size);
	call_done(c, CONTROL_OK, more);
}

static void
take_end(struct call *c, double size)
{
	struct import_work *w = c->work;
	struct relay_copy copy = { .sender = w->sender,
		.envid = w->envid,
		.ret = w->ret,
		.helo = w->helo,
		.client = w->client,
		.body8 = w->body8,
		.utf8 = w->utf8,
		.rcpts = w->rcpts,
		.nrcpts = w->nrcpts };
	int rc;

	if (w->size == 0 || (double)w->size != size) {
		refuse(c, "the length of the content is not the announced one");
		return;
	}
	c->input = NULL;
	rc = w->relay->commit(&w->in, &copy, on_committed, call_ticket(c), 0);
	if (rc < 0)
		call_fail(c, CONTROL_FAILED, "the message was not accepted: %s",
		    mx_strerror(rc));
}

static void
take_recipients(struct call *c, const cJSON *list)
{
	const struct import_work *w = c->work;
	const cJSON *o;

	if (w->sender == NULL) {
		refuse(c, "the envelope must come before the recipients");
		return;
	}
	cJSON_ArrayForEach (o, list) {
		if (!take_rcpt(c, o))
			return;
	}
}

static void
import_line(struct call *c, const char *line, size_t len)
{
	cJSON *o = cJSON_ParseWithLength(line, len);

	if (cJSON_IsObject(json_get(o, "envelope")))
		take_envelope(c, json_get(o, "envelope"));
	else if (cJSON_IsArray(json_get(o, "recipients")))
		take_recipients(c, json_get(o, "recipients"));
	else if (cJSON_IsString(json_get(o, "data")))
		take_data(c, json_get_text(o, "data"));
	else if (cJSON_IsNumber(json_get(o, "size")))
		take_end(c, json_get_num(o, "size"));
	else
		refuse(c, "import does not know a line after the request");
	cJSON_Delete(o);
}

void
verb_import(struct call *c)
{
	const struct relay *r = call_relay(c);
	struct import_work *w = mem_alloc(sizeof(*w));

	w->relay = r;
	w->in = r->intake(r->self);
	c->work = w;
	c->work_free = import_free;
	c->input = import_line;
}
