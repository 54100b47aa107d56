/* SPDX-License-Identifier: ISC
 * fetch: gets the document over the control socket, or over HTTP with
 * fetch_http.c (plain) and fetch_tls.c (libcurl). */
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
fetch_socket(const struct fetch *f, bool *refused, struct mx_errbuf *eb)
{
	struct fetch_reply a = { 0 };
	cJSON *request = json_object();
	int rc;

	json_text(request, "verb", "status");
	if (f->domain != NULL)
		json_text(request, "domain", f->domain);
	rc = ctl_ask(f->socket, request, on_line, &a, eb);
	cJSON_Delete(request);
	if (rc == CONTROL_OK && a.document != NULL)
		return a.document;
	*refused = f->domain != NULL && rc == CONTROL_FAILED;
	if (*refused)
		(void)mx_fail(eb, MX_ENOENT, "%s", a.error);
	else if (rc >= 0)
		(void)mx_fail(eb, MX_ENET, "%s: %s", f->socket,
		    a.error[0] != '\0' ? a.error : "no status document");
	cJSON_Delete(a.document);
	return NULL;
}

static cJSON *
fetch_http(const struct fetch *f, bool *refused, struct mx_errbuf *eb)
{
	struct buf body = BUF_INIT(FETCH_MAX);
	cJSON *document = NULL;
	long status = 0;
	int rc;

	rc = f->tls ? fetch_tls(f, &body, &status, eb) :
		      fetch_plain(f, &body, &status, eb);
	if (rc != 0)
		goto out;
	*refused = status == 401 || status == 403 ||
	    (status == 404 && f->domain != NULL);
	if (status == 404 && f->domain != NULL)
		(void)mx_fail(eb, MX_ENOENT, "%s: no such domain", f->domain);
	else if (status != 200)
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

static cJSON *
fetch_one(const struct fetch *f, bool *refused, struct mx_errbuf *eb)
{
	return f->host == NULL ? fetch_socket(f, refused, eb) :
				 fetch_http(f, refused, eb);
}

/* Moves the domains of one document to the end of the other's. */
static void
append_domains(cJSON *to, cJSON *from)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(to, "domains");
	cJSON *more = cJSON_GetObjectItemCaseSensitive(from, "domains");

	while (cJSON_IsArray(list) && cJSON_GetArraySize(more) > 0)
		json_push(list, cJSON_DetachItemFromArray(more, 0));
}

cJSON *
fetch_status(struct fetch *f, const char *const *domain, unsigned n,
    bool *refused, struct mx_errbuf *eb)
{
	cJSON *all, *one;

	*refused = false;
	/* A daemon without ?domain= answers with all domains. */
	f->domain = n > 0 ? domain[0] : NULL;
	all = fetch_one(f, refused, eb);
	for (unsigned i = 1; i < n && all != NULL; i++) {
		f->domain = domain[i];
		one = fetch_one(f, refused, eb);
		if (one == NULL)
			cJSON_Delete(all);
		else
			append_domains(all, one);
		if (one == NULL)
			all = NULL;
		cJSON_Delete(one);
	}
	return all;
}
