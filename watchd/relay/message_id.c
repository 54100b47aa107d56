/* SPDX-License-Identifier: ISC
 * message_id: see message_id.h. A state machine over the header, a character
 * at a time; the lines of other fields are skipped by memchr(). */
#include "relay/message_id.h"

#include <string.h>

enum {
	MESSAGE_ID_BOL, /* first character of a line */
	MESSAGE_ID_NAME, /* within the name of the field, so far */
	MESSAGE_ID_COLON, /* after it, before the colon */
	MESSAGE_ID_VALUE,
	MESSAGE_ID_FOLD, /* first character of a line, without a value yet */
	MESSAGE_ID_SKIP, /* another field */
	MESSAGE_ID_END_CR, /* a CR at the beginning of a line */
	MESSAGE_ID_OVER,
};

static const char name[] = "message-id";

void
message_id_init(struct message_id *m)
{
	m->state = MESSAGE_ID_BOL;
	m->matched = 0;
	m->len = 0;
	m->text[0] = '\0';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static void
feed_name(struct message_id *m, char c)
{
	if (lower(c) == name[m->matched])
		m->state = ++m->matched == sizeof(name) - 1 ? MESSAGE_ID_COLON :
							      MESSAGE_ID_NAME;
	else
		m->state = c == '\n' ? MESSAGE_ID_BOL : MESSAGE_ID_SKIP;
}

static void
feed_value(struct message_id *m, char c)
{
	bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';

	if (blank && m->len == 0) {
		if (c == '\n')
			m->state = MESSAGE_ID_FOLD;
		return;
	}
	if (!blank)
		m->text[m->len++] = c;
	if (blank || c == '>' || m->len == MESSAGE_ID_MAX)
		m->state = MESSAGE_ID_OVER;
	m->text[m->len] = '\0';
}

static void
feed(struct message_id *m, char c)
{
	switch (m->state) {
	case MESSAGE_ID_FOLD:
		if (c == ' ' || c == '\t') {
			m->state = MESSAGE_ID_VALUE;
			break;
		}
		/* FALLTHROUGH */
	case MESSAGE_ID_BOL:
		m->matched = 0;
		if (c == '\r')
			m->state = MESSAGE_ID_END_CR;
		else
			feed_name(m, c);
		break;
	case MESSAGE_ID_NAME:
		feed_name(m, c);
		break;
	case MESSAGE_ID_COLON:
		if (c == ':')
			m->state = MESSAGE_ID_VALUE;
		else if (c != ' ' && c != '\t')
			m->state = c == '\n' ? MESSAGE_ID_BOL : MESSAGE_ID_SKIP;
		break;
	case MESSAGE_ID_VALUE:
		feed_value(m, c);
		break;
	case MESSAGE_ID_END_CR:
		m->state = c == '\n' ? MESSAGE_ID_OVER : MESSAGE_ID_SKIP;
		break;
	default:
		break;
	}
}

void
message_id_feed(struct message_id *m, const char *data, size_t len)
{
	const char *end, *p;

	if (len == 0) /* data may be NULL */
		return;
	end = data + len;
	for (p = data; p < end && m->state != MESSAGE_ID_OVER; p++) {
		if (m->state != MESSAGE_ID_SKIP) {
			feed(m, *p);
			continue;
		}
		p = memchr(p, '\n', (size_t)(end - p));
		if (p == NULL)
			return;
		m->state = MESSAGE_ID_BOL;
	}
}
