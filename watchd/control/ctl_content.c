/* SPDX-License-Identifier: ISC
 * ctl_content: the content of a message: unchanged to a file, without control
 * characters to a terminal. */
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "control/ctl_format.h"

static void
shown_line(struct format *f)
{
	size_t n = f->line_len;

	if (n > 0 && f->line[n - 1] == '\r')
		n--;
	f->line[n] = '\0';
	format_cell(f->out, f->line, 0);
	f->line_len = 0;
}

/* Writes line by line; a line that is longer than the buffer is broken. */
static void
to_terminal(struct format *f, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n' || f->line_len == sizeof(f->line) - 1) {
			shown_line(f);
			fprintf(f->out, "\n");
		}
		if (data[i] != '\n')
			f->line[f->line_len++] =
			    data[i] != '\0' ? data[i] : '?';
	}
}

/* All parts of a message have the same content: only the first part's is
 * shown. */
void
format_content(struct format *f, const cJSON *l)
{
	const char *id = json_get_text(l, "id");
	size_t len;
	char *data;

	if (f->content_of[0] == '\0')
		(void)strlcpy(f->content_of, id, sizeof(f->content_of));
	if (strcmp(f->content_of, id) != 0)
		return;
	data = base64_bytes(json_get_text(l, "data"), &len);
	if (data == NULL)
		return;
	if (f->terminal)
		to_terminal(f, data, len);
	else
		(void)fwrite(data, 1, len, f->out);
	mem_free(&data);
}

void
format_content_end(struct format *f)
{
	if (f->line_len == 0)
		return;
	shown_line(f);
	fprintf(f->out, "\n");
}
