/* SPDX-License-Identifier: ISC
 * happened: see happened.h. */
#include "control/happened.h"

#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "status/json.h"

#define HAPPENED_FILE_MAX (2u << 20) /* at most 4 KB an event */

struct happened {
	uint64_t last; /* number; 0: no event yet */
	uint64_t before; /* number before the first one that there was */
	uint64_t copied; /* the last one in a copy */
	struct happened_entry e[HAPPENED_MAX]; /* by number, modulo */
};

struct happened *
happened_create(void)
{
	return mem_alloc(sizeof(struct happened));
}

void
happened_destroy(struct happened **hp)
{
	mem_free(hp);
}

void
happened_add(struct happened *h, const struct control_event *from)
{
	struct happened_entry *e = &h->e[++h->last % HAPPENED_MAX];

	e->number = h->last;
	e->wall = from->wall;
	(void)strlcpy(e->what, from->what, sizeof(e->what));
	(void)strlcpy(e->domain, from->domain, sizeof(e->domain));
	(void)strlcpy(e->host, from->host, sizeof(e->host));
	(void)text_cut(e->text, sizeof(e->text), from->text);
}

const struct happened_entry *
happened_after(const struct happened *h, uint64_t number)
{
	uint64_t first = h->before + 1;

	if (number >= h->last)
		return NULL;
	if (h->last - h->before > HAPPENED_MAX)
		first = h->last - HAPPENED_MAX + 1;
	number = number + 1 > first ? number + 1 : first;
	return &h->e[number % HAPPENED_MAX];
}

/* ---- the file */

struct happened *
happened_copy(struct happened *h, bool always)
{
	if (h->last == 0 || (h->copied == h->last && !always))
		return NULL;
	h->copied = h->last;
	return mem_dup(h, sizeof(*h));
}

void
happened_json(const struct happened_entry *e, cJSON *o)
{
	json_num(o, "number", (double)e->number);
	json_num(o, "time", (double)e->wall);
	json_text(o, "what", e->what);
	json_text(o, "domain", e->domain);
	json_text(o, "host", e->host);
	json_text(o, "text", e->text);
}

static int
print_all(FILE *f, const void *arg)
{
	const struct happened *h = arg;
	const struct happened_entry *e = NULL;
	char *line;
	cJSON *o;

	while ((e = happened_after(h, e != NULL ? e->number : 0)) != NULL) {
		o = json_object();
		happened_json(e, o);
		line = json_print(o);
		fprintf(f, "%s\n", line);
		mem_free(&line);
	}
	return 0;
}

int
happened_write(const struct happened *h, const char *path)
{
	return file_print(path, 0600, print_all, h, NULL);
}

/* The number of the first line is taken over, the others follow it. */
static void
read_line(struct happened *h, const char *line, size_t len)
{
	cJSON *o = cJSON_ParseWithLength(line, len);
	int64_t number = json_get_int(o, "number");

	if (cJSON_IsObject(o) && number > 0) {
		if (h->last == 0)
			h->last = h->before = (uint64_t)number - 1;
		happened_add(h,
		    &(struct control_event){ .wall = json_get_int(o, "time"),
			.what = json_get_text(o, "what"),
			.domain = json_get_text(o, "domain"),
			.host = json_get_text(o, "host"),
			.text = json_get_text(o, "text") });
	}
	cJSON_Delete(o);
}

int
happened_read(struct happened *h, const char *path)
{
	struct buf text = BUF_INIT(HAPPENED_FILE_MAX);
	int rc = file_load(path, &text, NULL);
	const char *line, *end;

	for (line = buf_str(&text); rc == 0 && *line != '\0'; line = end) {
		end = line + strcspn(line, "\n");
		read_line(h, line, (size_t)(end - line));
		end += *end == '\n';
	}
	h->copied = h->last;
	buf_fini(&text);
	return rc < 0 ? rc : (int)(h->last - h->before);
}
