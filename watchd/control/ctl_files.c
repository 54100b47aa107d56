/* SPDX-License-Identifier: ISC
 * ctl_files: see ctl_files.h. */
#include "control/ctl_files.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "control/ctl_client.h"

#define PIECE	     45000u /* bytes of a line of data */
#define RCPTS_A_LINE 50
#define ENVELOPE_MAX (64u << 20)

/* ---- export */

static void
failed(struct ctl_export *x, const char *name, const char *ending)
{
	(void)mx_fail(&x->eb, MX_ESYS, "%s/%s%s: %s", x->dir, name, ending,
	    strerror(errno));
}

static int
file_create(const struct ctl_export *x, const char *ending)
{
	char name[48];

	(void)snprintf(name, sizeof(name), "%s%s", x->id, ending);
	return openat(x->dir_fd, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void
file_remove(const struct ctl_export *x, const char *ending)
{
	char name[48];

	(void)snprintf(name, sizeof(name), "%s%s", x->id, ending);
	(void)unlinkat(x->dir_fd, name, 0);
}

static void
dir_open(struct ctl_export *x)
{
	if (mkdir(x->dir, 0700) != 0 && errno != EEXIST) {
		failed(x, "", "");
		return;
	}
	x->dir_fd = open(x->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->dir_fd < 0)
		failed(x, "", "");
	else
		x->open = true;
}

static void
message_begin(struct ctl_export *x, const char *id, const cJSON *envelope)
{
	uint64_t number;
	bool part;

	if (!x->open)
		dir_open(x);
	if (x->eb.text[0] != '\0')
		return;
	/* becomes a file name: only a valid id may */
	if (text_id_parse(id, &number, &part) != 0) {
		(void)mx_fail(&x->eb, MX_ESYNTAX,
		    "the daemon's answer has no "
		    "id");
		return;
	}
	(void)text_id(number, x->id);
	x->fd = file_create(x, ".eml");
	if (x->fd < 0) {
		failed(x, x->id, ".eml");
		x->id[0] = '\0';
		return;
	}
	x->envelope = cJSON_Duplicate(envelope, true);
}

static void
message_drop(struct ctl_export *x)
{
	if (x->id[0] == '\0')
		return;
	file_remove(x, ".eml");
	if (x->fd >= 0)
		close(x->fd);
	cJSON_Delete(x->envelope);
	x->envelope = NULL;
	x->id[0] = '\0';
}

static void
message_data(struct ctl_export *x, const char *text)
{
	size_t len;
	char *data = base64_bytes(text, &len);

	if (data == NULL)
		(void)mx_fail(&x->eb, MX_ESYNTAX,
		    "cannot parse the daemon's answer");
	else if (file_write_all(x->fd, data, len) != 0)
		failed(x, x->id, ".eml");
	mem_free(&data);
}

static int
envelope_write(struct ctl_export *x)
{
	char *text = cJSON_Print(x->envelope);
	int fd = file_create(x, ".json"), rc = -1;

	if (fd >= 0 && text != NULL) {
		rc = file_write_all(fd, text, strlen(text)) != 0 ||
			file_write_all(fd, "\n", 1) != 0 || fsync(fd) != 0 ?
		    -1 :
		    0;
		if (close(fd) != 0)
			rc = -1;
		if (rc != 0)
			file_remove(x, ".json");
	}
	cJSON_free(text);
	return rc;
}

static void
message_end(struct ctl_export *x, const cJSON *body)
{
	int rc;

	if (!cJSON_IsString(body)) { /* it left the queue meanwhile */
		message_drop(x);
		return;
	}
	json_text(x->envelope, "body", body->valuestring);
	rc = fsync(x->fd);
	if (close(x->fd) != 0)
		rc = -1;
	x->fd = -1;
	if (rc != 0)
		failed(x, x->id, ".eml");
	else if (envelope_write(x) != 0)
		failed(x, x->id, ".json");
	if (x->eb.text[0] != '\0')
		return;
	cJSON_Delete(x->envelope);
	x->envelope = NULL;
	x->id[0] = '\0';
	x->files++;
}

void
ctl_export_line(struct ctl_export *x, const cJSON *line)
{
	const cJSON *envelope = json_get(line, "envelope");
	const cJSON *data = json_get(line, "data");

	if (x->eb.text[0] != '\0' || json_get_bool(line, "done"))
		return;
	if (cJSON_IsObject(envelope) && x->id[0] == '\0')
		message_begin(x, json_get_text(line, "id"), envelope);
	else if (x->id[0] == '\0' ||
	    strcmp(x->id, json_get_text(line, "id")) != 0)
		(void)mx_fail(&x->eb, MX_ESYNTAX,
		    "cannot parse the daemon's answer");
	else if (cJSON_IsString(data))
		message_data(x, data->valuestring);
	else
		message_end(x, json_get(line, "body"));
}

void
ctl_export_end(struct ctl_export *x)
{
	message_drop(x);
	if (x->open)
		close(x->dir_fd);
	x->open = false;
}

/* ---- import */

/* False: the daemon reads no more. */
static bool
say(int fd, cJSON *o)
{
	char *text = json_print(o);
	bool sent = ctl_send_line(fd, text);

	mem_free(&text);
	return sent;
}

/* Is the copy still for that recipient? Pending ones only; of a message of the
 * vault, all that were not delivered. */
static bool
is_for(const cJSON *envelope, const cJSON *rcpt)
{
	const char *state = json_get_text(rcpt, "state");

	return strcmp(state, "pending") == 0 ||
	    (json_get_bool(envelope, "vault") &&
		strcmp(state, "delivered") != 0);
}

static bool
say_envelope(int fd, const cJSON *envelope)
{
	static const char *const keys[] = { "sender", "envid", "ret", "helo",
		"client", "8bit", "smtputf8" };
	cJSON *o = json_object(), *e = json_member(o, "envelope");

	for (size_t i = 0; i < MX_COUNT(keys); i++)
		if (json_get(envelope, keys[i]) != NULL)
			json_sub(e, keys[i],
			    cJSON_Duplicate(json_get(envelope, keys[i]), true));
	return say(fd, o);
}

/* The number of recipients; -1: the daemon reads no more. */
static int
say_recipients(int fd, const cJSON *envelope)
{
	static const char *const keys[] = { "address", "orcpt", "notify" };
	cJSON *o = NULL, *list = NULL, *to;
	const cJSON *r;
	int n = 0;

	cJSON_ArrayForEach (r, json_get(envelope, "recipients")) {
		if (!is_for(envelope, r))
			continue;
		if (o == NULL) {
			o = json_object();
			list = json_array(o, "recipients");
		}
		to = json_push_object(list);
		for (size_t i = 0; i < MX_COUNT(keys); i++)
			if (json_get(r, keys[i]) != NULL)
				json_sub(to, keys[i],
				    cJSON_Duplicate(json_get(r, keys[i]),
					true));
		if (++n % RCPTS_A_LINE == 0) {
			if (!say(fd, o))
				return -1;
			o = NULL;
		}
	}
	return o == NULL || say(fd, o) ? n : -1;
}

/* Sends a content that is complete; 1: the daemon reads no more. */
static int
say_content(int fd, FILE *f)
{
	static char piece[PIECE], text[BASE64_LEN(PIECE) + 1];
	double size = 0;
	size_t n;
	cJSON *o;

	while ((n = fread(piece, 1, sizeof(piece), f)) > 0) {
		o = json_object();
		json_text(o, "data", base64_encode(piece, n, text));
		size += (double)n;
		if (!say(fd, o))
			return 1;
	}
	if (ferror(f))
		return -1;
	o = json_object();
	json_num(o, "size", size);
	return say(fd, o) ? 0 : 1;
}

static int
say_files(int fd, const char *file, const char *beside, struct mx_errbuf *eb)
{
	struct buf text = BUF_INIT(ENVELOPE_MAX);
	struct mx_errbuf why = { "" };
	cJSON *envelope = NULL;
	int rc = -1, n = 0;
	FILE *f;

	if (file_load(beside, &text, &why) == 0)
		envelope = cJSON_Parse(buf_str(&text));
	f = fopen(file, "re");
	if (why.text[0] != '\0')
		(void)mx_fail(eb, MX_ESYS, "%s: %s", beside, why.text);
	else if (!cJSON_IsObject(envelope))
		(void)mx_fail(eb, MX_ESYNTAX, "%s: is not an envelope", beside);
	else if (strcmp(json_get_text(envelope, "body"), "damaged") == 0)
		(void)mx_fail(eb, MX_ESYNTAX,
		    "%s: the message is damaged, according to %s", file,
		    beside);
	else if (f == NULL)
		(void)mx_fail(eb, MX_ESYS, "%s: %s", file, strerror(errno));
	else if (!say_envelope(fd, envelope) ||
	    (n = say_recipients(fd, envelope)) < 0)
		rc = 0; /* the daemon's answer has the reason */
	else if (n == 0)
		(void)mx_fail(eb, MX_ESYNTAX,
		    "%s: all recipients of the message are done", beside);
	else if (say_content(fd, f) < 0)
		(void)mx_fail(eb, MX_ESYS, "%s: %s", file, strerror(errno));
	else
		rc = 0;
	if (f != NULL)
		fclose(f);
	cJSON_Delete(envelope);
	buf_fini(&text);
	return rc;
}

int
ctl_import_say(int fd, const char *file, struct mx_errbuf *eb)
{
	size_t len = strlen(file);
	char *beside;
	int rc;

	if (len < 4 || strcmp(file + len - 4, ".eml") != 0)
		return mx_fail(eb, MX_ESYNTAX,
		    "%s: not an exported message: it must be a .eml file with "
		    "its .json beside it",
		    file);
	beside = mem_printf("%.*s.json", (int)len - 4, file);
	rc = say_files(fd, file, beside, eb);
	mem_free(&beside);
	return rc;
}
