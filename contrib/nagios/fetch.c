/* SPDX-License-Identifier: ISC
 * fetch: the document over the control socket, or by way of HTTP with what
 * fetch_http.c (plain) and fetch_tls.c (libcurl) bring. */
#include "fetch.h"

#include <string.h>

#include "control/ctl_client.h"
#include "control/protocol.h"

struct fetch_reply {
	cJSON *document;
	char error[400];
};

static void
on_line(const char *text, const cJSON *line, void *arg)
{
	struct fetch_reply *a = arg;

	(void)text;
	if (a->document == NULL && json_get(line, "domains") != NULL)
		a->document = cJSON_Duplicate(line, true);
	if (json_get_bool(line, "done"))
		(void)strlcpy(a->error, json_get_text(line, "error"),
		    sizeof(a->error));
}

static cJSON *
fetch_socket(const struct fetch *f, struct mx_errbuf *eb)
{
	struct fetch_reply a = { 0 };
	cJSON *request = json_object();
	int rc;

	json_text(request, "verb", "status");
	rc = ctl_ask(f->socket, request, on_line, &a, eb);
	cJSON_Delete(request);
	if (rc == CONTROL_OK && a.document != NULL)
		return a.document;
	if (rc >= 0)
		(void)mx_fail(eb, MX_ENET, "%s: %s", f->socket,
		    a.error[0] != '\0' ? a.error : "no status document");
	cJSON_Delete(a.document);
	return NULL;
}

cJSON *
fetch_status(const struct fetch *f, bool *refused, struct mx_errbuf *eb)
{
	struct buf body = BUF_INIT(FETCH_MAX);
	cJSON *document = NULL;
	long status = 0;
	int rc;

	*refused = false;
	if (f->host == NULL)
		return fetch_socket(f, eb);
	rc = f->tls ? fetch_tls(f, &body, &status, eb) :
		      fetch_plain(f, &body, &status, eb);
	if (rc != 0)
		goto out;
	*refused = status == 401 || status == 403;
	if (status != 200)
		(void)mx_fail(eb, MX_ENET, "%s port %s answers %ld", f->host,
		    f->port, status);
	else if ((document = cJSON_ParseWithLength(buf_str(&body), body.len)) ==
	    NULL)
		(void)mx_fail(eb, MX_ESYNTAX,
		    "the answer of %s port %s is not understood", f->host,
		    f->port);
out:
	buf_fini(&body);
	return document;
}
