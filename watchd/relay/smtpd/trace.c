/* SPDX-License-Identifier: ISC
 * trace: see trace.h. The scanner is a small state machine over the header: it
 * reads each field's name, and in Received fields the words outside of
 * comments, looking for `by HOST`. Folding needs one rule only: a line that
 * begins with a blank continues the field. It stops at the empty line and costs
 * nothing after. Called by cmd_data.c only. */
#include "relay/smtpd/trace.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum scan_state {
	SCAN_BOL, /* first character of a line */
	SCAN_NAME, /* within a field name */
	SCAN_SKIP, /* within any other field */
	SCAN_VALUE, /* within a Received field */
	SCAN_VALUE_BOL, /* first character of its next line */
	SCAN_END_CR, /* a CR at the beginning of a line */
	SCAN_BODY, /* after the header */
};

const char *
trace_protocol(bool esmtp, bool tls, bool utf8)
{
	if (utf8)
		return tls ? "UTF8SMTPS" : "UTF8SMTP";
	if (!esmtp)
		return "SMTP";
	return tls ? "ESMTPS" : "ESMTP";
}

static bool
is_helo(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	    c == ':' || c == '[' || c == ']';
}

/* The name given by a peer: characters outside of host names and literals are
 * masked. */
static void
mask_helo(const char *src, char *dst, size_t size)
{
	size_t i;

	for (i = 0; src[i] != '\0' && i + 1 < size; i++)
		dst[i] = is_helo(src[i]) ? src[i] : '?';
	dst[i] = '\0';
}

/* Can the mailbox be in a `for` clause unquoted? */
static bool
plain_mailbox(const char *s, bool utf8)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c <= ' ' || c == 127 || (c > 127 && !utf8) ||
		    strchr("\"\\()<>;,", c) != NULL)
			return false;
	}
	return true;
}

size_t
trace_received(const struct trace_received *t, char *dst, size_t size)
{
	char helo[256];
	bool to = t->rcpt != NULL && plain_mailbox(t->rcpt, t->utf8);
	const char *const part[] = { "Received: from ", helo, " (", t->client,
		")\r\n\tby ", t->host, " with ",
		trace_protocol(t->esmtp, t->tls, t->utf8), " id ", t->id,
		to ? "\r\n\tfor <" : "", to ? t->rcpt : "", to ? ">" : "",
		";\r\n\t", t->date, "\r\n" };
	size_t n = 0, len, i;

	mask_helo(t->helo, helo, sizeof(helo));
	for (i = 0; i < MX_COUNT(part); i++) {
		len = strlen(part[i]);
		MX_ASSERT(len < size - n);
		memcpy(dst + n, part[i], len + 1);
		n += len;
	}
	return n;
}

void
trace_scan_init(struct trace_scan *t, const char *host)
{
	memset(t, 0, sizeof(*t));
	t->host = host;
	t->state = SCAN_BOL;
}

static void
end_word(struct trace_scan *t)
{
	if (t->len == 0)
		return;
	if (t->len < sizeof(t->word)) {
		t->word[t->len] = '\0';
		if (t->by && !t->counted && strcasecmp(t->word, t->host) == 0) {
			t->own++;
			t->counted = true;
		}
		t->by = strcasecmp(t->word, "by") == 0;
	} else {
		t->by = false;
	}
	t->len = 0;
}

/* One character of a Received field's value. */
static void
feed_value(struct trace_scan *t, char c)
{
	switch (c) {
	case '\n':
		end_word(t);
		t->state = SCAN_VALUE_BOL;
		break;
	case '(':
		end_word(t);
		t->depth++;
		break;
	case ')':
		end_word(t);
		t->depth -= t->depth > 0;
		break;
	case ' ':
	case '\t':
	case '\r':
	case ';':
		end_word(t);
		break;
	default:
		if (t->depth > 0)
			break;
		if (t->len < sizeof(t->word) - 1)
			t->word[t->len++] = c;
		else
			t->len = sizeof(t->word); /* longer than any name */
		break;
	}
}

/* One character of a field name; ':' ends it. */
static void
feed_name(struct trace_scan *t, char c)
{
	static const char name[] = "received";

	if (c == '\n') {
		t->state = SCAN_BOL;
	} else if (c == ':' && t->len == sizeof(name) - 1 &&
	    strncasecmp(t->word, name, t->len) == 0) {
		t->received++;
		t->len = 0;
		t->depth = 0;
		t->by = t->counted = false;
		t->state = SCAN_VALUE;
	} else if (c == ':' || t->len == sizeof(name)) {
		t->state = SCAN_SKIP;
	} else if (c != ' ' && c != '\t') { /* "Received :" is obs-optional */
		t->word[t->len++] = c;
	}
}

static void
feed_bol(struct trace_scan *t, char c)
{
	if (c == '\r') {
		t->state = SCAN_END_CR;
	} else if (c == ' ' || c == '\t') {
		if (t->state != SCAN_VALUE_BOL)
			t->state = SCAN_SKIP;
		else
			t->state = SCAN_VALUE;
	} else {
		t->len = 0;
		t->state = SCAN_NAME;
		feed_name(t, c);
	}
}

static bool
has_eightbit(const char *p, const char *end)
{
	while (p < end && (unsigned char)*p < 128)
		p++;
	return p < end;
}

void
trace_scan_feed(struct trace_scan *t, const char *data, size_t len)
{
	const char *end = data + len, *p;

	for (p = data; p < end && t->state != SCAN_BODY; p++) {
		switch ((enum scan_state)t->state) {
		case SCAN_BOL:
		case SCAN_VALUE_BOL:
			feed_bol(t, *p);
			break;
		case SCAN_NAME:
			feed_name(t, *p);
			break;
		case SCAN_VALUE:
			feed_value(t, *p);
			break;
		case SCAN_SKIP:
			p = memchr(p, '\n', (size_t)(end - p));
			if (p == NULL) {
				t->eightbit |= has_eightbit(data, end);
				return;
			}
			t->state = SCAN_BOL;
			break;
		case SCAN_END_CR:
			t->state = *p == '\n' ? SCAN_BODY : SCAN_SKIP;
			break;
		case SCAN_BODY:
			break;
		}
	}
	t->eightbit |= has_eightbit(data, p);
}
