/* SPDX-License-Identifier: ISC
 * ledger_key: see ledger_key.h. */
#include "ledger/ledger_key.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "ledger/joint.h"

#define KNOWN "known/"
#define ALIVE "alive"

const char *
ledger_key_print(const struct ledger_key *k, char key[LEDGER_KEY_SIZE])
{
	if (k->label != NULL)
		(void)snprintf(key, LEDGER_KEY_SIZE,
		    LEDGER_PREFIX "%u/" KNOWN "%s", k->node, k->label);
	else if (k->id != 0)
		(void)snprintf(key, LEDGER_KEY_SIZE,
		    LEDGER_PREFIX "%u/%" PRIu64, k->node, k->id);
	else
		(void)snprintf(key, LEDGER_KEY_SIZE, LEDGER_PREFIX "%u/" ALIVE,
		    k->node);
	return key;
}

bool
ledger_key_parse(struct ledger_key *k, const char *key)
{
	unsigned n = 0;
	int64_t id;

	*k = (struct ledger_key){ 0 };
	if (strncmp(key, LEDGER_PREFIX, strlen(LEDGER_PREFIX)) != 0)
		return false;
	key += strlen(LEDGER_PREFIX);
	for (; *key >= '0' && *key <= '9' && n < JOINT_NODES; key++)
		n = n * 10 + (unsigned)(*key - '0');
	if (n == 0 || n >= JOINT_NODES || *key++ != '/')
		return false;
	k->node = n;
	if (strncmp(key, KNOWN, strlen(KNOWN)) == 0)
		k->label = key + strlen(KNOWN);
	else if (text_int(key, 1, INT64_MAX, &id) == 0)
		k->id = (uint64_t)id;
	k->alive = strcmp(key, ALIVE) == 0;
	return true;
}

char *
ledger_value_print(int64_t number, const struct kept_line *line)
{
	return mem_printf("%" PRId64 " %s", number, line->text);
}

bool
ledger_value_parse(const void *data, size_t len, int64_t *number,
    const char **line, size_t *line_len)
{
	const char *text = data, *blank = memchr(text, ' ', len);
	char digits[24];
	size_t n;

	if (blank == NULL || (n = (size_t)(blank - text)) >= sizeof(digits))
		return false;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (text_int(digits, 0, INT64_MAX, number) != 0)
		return false;
	*line = blank + 1;
	*line_len = len - n - 1;
	return *line_len <= OUTAGE_LINE_MAX &&
	    memchr(*line, '\0', *line_len) == NULL;
}
