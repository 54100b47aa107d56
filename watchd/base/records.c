/* SPDX-License-Identifier: ISC
 * records: see records.h. */
#include "base/records.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

char *
records_word(char **line)
{
	char *word = *line, *end;

	if (word == NULL || *word == '\0')
		return NULL;
	if ((end = strchr(word, ' ')) != NULL)
		*end++ = '\0';
	*line = end;
	return word;
}

/* Cuts off the next line; false: none, or not text. */
static bool
next_line(const char **text, const char *stop, char *line, size_t longest)
{
	const char *end = memchr(*text, '\n', (size_t)(stop - *text));
	size_t n;

	if (end == NULL || (n = (size_t)(end - *text)) > longest)
		return false;
	memcpy(line, *text, n);
	line[n] = '\0';
	*text = end + 1;
	return strlen(line) == n; /* no NUL inside */
}

int
records_parse(const char *text, size_t len, const char *magic, size_t longest,
    int (*take)(char *line, void *arg), void *arg)
{
	char *line = mem_alloc(longest + 1), last[32];
	const char *stop = text + len;
	int rc = -MX_ECORRUPT; /* truncated without its last line */
	size_t n = 0;

	if (!next_line(&text, stop, line, longest) || strcmp(line, magic) != 0)
		goto out;
	while (next_line(&text, stop, line, longest)) {
		(void)snprintf(last, sizeof(last), "end %zu", n++);
		if (strcmp(line, last) == 0) {
			rc = text == stop ? 0 : -MX_ECORRUPT;
			break;
		}
		if (take(line, arg) < 0)
			break;
	}
out:
	mem_free(&line);
	return rc;
}
