/* SPDX-License-Identifier: ISC
 * salvage_export: see salvage_export.h. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crc.h"
#include "relay/store/salvage_export.h"
#include "relay/store/segment.h"
#include "smtp/command.h"

#define COPY_BYTES 65536

static const char *const state_names[] = { "pending", "delivered", "failed",
	"expired" };

/* Reads the body, and writes it to the file unless that is -1. EXPORT_WHOLE
 * when it is complete and the checksum correct. */
static enum export_result
copy_body(const struct exporter *x, const struct body_ref *b, int to)
{
	struct segment_dir dir = { .fd = x->segments };
	char data[COPY_BYTES];
	uint64_t done = 0;
	uint32_t crc = 0;
	ssize_t n = 0;
	size_t want;
	int fd = -1;

	if (b->len > 0 && x->segments >= 0)
		fd = segment_open_read(&dir, b->segment);
	while (fd >= 0 && done < b->len) {
		want = b->len - done < sizeof(data) ? (size_t)(b->len - done) :
						      sizeof(data);
		n = pread(fd, data, want, (off_t)(b->offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		crc = crc_32(crc, data, (size_t)n);
		done += (uint64_t)n;
		if (to >= 0 && write(to, data, (size_t)n) != n) {
			close(fd);
			return EXPORT_FAILED;
		}
	}
	if (fd >= 0)
		close(fd);
	return done == b->len && crc == b->crc ? EXPORT_WHOLE : EXPORT_DAMAGED;
}

bool
export_intact(const struct exporter *x, const struct envelope *e)
{
	return copy_body(x, &e->body, -1) == EXPORT_WHOLE;
}

/* ---- the envelope */

static void
put_string(FILE *f, const char *name, const char *text)
{
	fprintf(f, "\"%s\": ", name);
	if (text == NULL) {
		fputs("null", f);
		return;
	}
	putc('"', f);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			putc('\\', f);
		if (c < ' ' || c == 0x7f)
			fprintf(f, "\\u%04x", c);
		else
			putc(c, f);
	}
	putc('"', f);
}

static void
put_time(FILE *f, const char *name, int64_t ms)
{
	char date[40];

	put_string(f, name,
	    ms > 0 ? text_date_3339(ms / 1000, date, sizeof(date)) : NULL);
}

static void
put_rcpt(FILE *f, const struct rcpt *r)
{
	fputs("\t\t{ ", f);
	put_string(f, "address", r->mailbox);
	fputs(", ", f);
	put_string(f, "state",
	    r->state < MX_COUNT(state_names) ? state_names[r->state] :
					       "unknown");
	fputs(", ", f);
	put_string(f, "reply", r->reply);
	fputs(", ", f);
	put_string(f, "orcpt", r->orcpt);
	fprintf(f, ", \"notify\": %u }", r->notify);
}

static void
put_envelope(FILE *f, const struct envelope *e, const char *id, bool intact)
{
	uint32_t i;

	fputs("{\n\t", f);
	put_string(f, "id", id);
	fputs(",\n\t", f);
	put_string(f, "sender", e->sender);
	fputs(",\n\t", f);
	put_string(f, "domain", e->domain);
	fputs(",\n\t\"recipients\": [\n", f);
	for (i = 0; i < e->nrcpts; i++) {
		put_rcpt(f, &e->rcpts[i]);
		fputs(i + 1 < e->nrcpts ? ",\n" : "\n", f);
	}
	fputs("\t],\n\t", f);
	put_time(f, "arrival", e->arrival_ms);
	fputs(",\n\t", f);
	put_time(f, "last_try", e->last_try_ms);
	fprintf(f,
	    ",\n\t\"attempts\": %" PRIu32 ",\n\t\"size\": %" PRIu64 ",\n\t",
	    e->attempts, e->body.len);
	put_string(f, "helo", e->helo);
	fputs(",\n\t", f);
	put_string(f, "client", e->client);
	fputs(",\n\t", f);
	put_string(f, "envid", e->envid);
	fputs(",\n\t", f);
	put_string(f, "ret", smtp_ret_name((enum smtp_ret)e->ret));
	fputs(",\n\t", f);
	put_time(f, "vaulted", e->flags & ENV_VAULT ? e->due_ms : 0);
	fprintf(f,
	    ",\n\t\"8bit\": %s,\n\t\"smtputf8\": %s,\n\t\"held\": %s,\n"
	    "\t\"dsn\": %s,\n\t\"vault\": %s,\n\t\"replayed\": %s,\n"
	    "\t\"body\": \"%s\"\n}\n",
	    e->flags & ENV_8BIT ? "true" : "false",
	    e->flags & ENV_UTF8 ? "true" : "false",
	    e->flags & ENV_HELD ? "true" : "false",
	    e->flags & ENV_DSN ? "true" : "false",
	    e->flags & ENV_VAULT ? "true" : "false",
	    e->flags & ENV_REPLAYED ? "true" : "false",
	    intact ? "whole" : "damaged");
}

/* ---- files */

static int
file_create(int dir, const char *id, const char *ending)
{
	char name[TEXT_ID_MAX + 8];

	snprintf(name, sizeof(name), "%s%s", id, ending);
	return openat(dir, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static bool
write_envelope(int dir, const struct envelope *e, const char *id, bool intact)
{
	int fd = file_create(dir, id, ".json");
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool ok;

	if (f == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	put_envelope(f, e, id, intact);
	ok = !ferror(f);
	return fclose(f) == 0 && ok;
}

enum export_result
export_message(const struct exporter *x, const struct envelope *e,
    const char *subfolder)
{
	enum export_result r = EXPORT_FAILED;
	char id[TEXT_ID_MAX];
	int dir = x->out, fd;

	if (x->out < 0)
		return copy_body(x, &e->body, -1);
	(void)text_id(e->id, id);
	if (subfolder != NULL) {
		if (mkdirat(x->out, subfolder, 0700) != 0 && errno != EEXIST)
			return EXPORT_FAILED;
		dir = openat(x->out, subfolder,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	fd = dir < 0 ? -1 : file_create(dir, id, ".eml");
	if (fd >= 0) {
		r = copy_body(x, &e->body, fd);
		if (close(fd) != 0)
			r = EXPORT_FAILED;
	}
	if (r != EXPORT_FAILED &&
	    !write_envelope(dir, e, id, r == EXPORT_WHOLE))
		r = EXPORT_FAILED;
	if (subfolder != NULL && dir >= 0)
		close(dir);
	return r;
}
