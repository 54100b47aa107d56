/* SPDX-License-Identifier: ISC
 * client_cmd: the commands of the client engine, and the only reply whose text
 * it interprets. Strings from the queue are checked before they are put on a
 * line: an address with a line end is never sent (the whole transaction fails,
 * temporarily), an ENVID or ORCPT that is not xtext is omitted. Runs on the
 * loop thread, under client.c. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "smtp/client_int.h"

static const struct {
	const char *word;
	unsigned bit;
} keywords[] = {
	{ "PIPELINING", CLIENT_EXT_PIPELINING },
	{ "SIZE", CLIENT_EXT_SIZE },
	{ "8BITMIME", CLIENT_EXT_8BITMIME },
	{ "STARTTLS", CLIENT_EXT_STARTTLS },
	{ "DSN", CLIENT_EXT_DSN },
	{ "SMTPUTF8", CLIENT_EXT_SMTPUTF8 },
	{ "ENHANCEDSTATUSCODES", CLIENT_EXT_ENHANCED },
	{ "CHUNKING", CLIENT_EXT_CHUNKING },
	{ "XFORWARD", CLIENT_EXT_XFORWARD },
	{ SMTP_BACKUP_WORD, CLIENT_EXT_BACKUP },
};

void
client_put(struct smtp_client *c, const char *data, size_t len)
{
	if (len > 0 && buf_add(&c->out, data, len) < 0)
		c->broken = "no room for the data to send";
}

static void
put_str(struct smtp_client *c, const char *s)
{
	client_put(c, s, strlen(s));
}

void
client_put_hello(struct smtp_client *c, const char *verb)
{
	put_str(c, verb);
	put_str(c, " ");
	put_str(c, c->conf.helo);
	put_str(c, "\r\n");
}

/* No control characters; UTF-8 and quoted blanks are valid in an address. */
static bool
is_clean(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 127)
			return false;
	return true;
}

/* Graphic ASCII only, not empty. */
static bool
is_xtext(const char *s)
{
	if (s == NULL || *s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~' || *s == '=')
			return false;
	return true;
}

bool
client_tx_clean(const struct smtp_client_tx *tx)
{
	size_t i;

	if (!is_clean(tx->sender))
		return false;
	for (i = 0; i < tx->nrcpts; i++)
		if (!is_clean(tx->rcpts[i].mailbox))
			return false;
	return true;
}

void
client_put_mail(struct smtp_client *c, const struct smtp_client_tx *tx)
{
	char num[24];

	put_str(c, "MAIL FROM:<");
	put_str(c, tx->sender);
	put_str(c, ">");
	if ((c->ext & CLIENT_EXT_SIZE) && tx->size > 0) {
		(void)snprintf(num, sizeof(num), "%" PRIu64, tx->size);
		put_str(c, " SIZE=");
		put_str(c, num);
	}
	if ((c->ext & CLIENT_EXT_8BITMIME) && tx->body == BODY_8BITMIME)
		put_str(c, " BODY=8BITMIME");
	if ((c->ext & CLIENT_EXT_SMTPUTF8) && tx->smtputf8)
		put_str(c, " SMTPUTF8");
	if ((c->ext & CLIENT_EXT_DSN) && tx->ret != RET_NONE) {
		put_str(c, " RET=");
		put_str(c, smtp_ret_name(tx->ret));
	}
	if ((c->ext & CLIENT_EXT_DSN) && is_xtext(tx->envid)) {
		put_str(c, " ENVID=");
		put_str(c, tx->envid);
	}
	put_str(c, "\r\n");
}

static void
put_notify(struct smtp_client *c, unsigned notify)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = {
		{ NOTIFY_SUCCESS, "SUCCESS" },
		{ NOTIFY_FAILURE, "FAILURE" },
		{ NOTIFY_DELAY, "DELAY" },
	};
	const char *sep = " NOTIFY=";
	size_t i;

	if (notify & NOTIFY_NEVER) {
		put_str(c, " NOTIFY=NEVER");
		return;
	}
	for (i = 0; i < MX_COUNT(words); i++) {
		if (!(notify & words[i].bit))
			continue;
		put_str(c, sep);
		put_str(c, words[i].word);
		sep = ",";
	}
}

void
client_put_rcpt(struct smtp_client *c, const struct smtp_client_tx *tx,
    size_t i)
{
	const struct smtp_client_rcpt *r = &tx->rcpts[i];

	put_str(c, "RCPT TO:<");
	put_str(c, r->mailbox);
	put_str(c, ">");
	if (c->ext & CLIENT_EXT_DSN) {
		put_notify(c, r->notify);
		if (is_xtext(r->orcpt)) {
			put_str(c, " ORCPT=");
			put_str(c, r->orcpt);
		}
	}
	put_str(c, "\r\n");
}

void
client_put_bdat(struct smtp_client *c, const struct smtp_client_tx *tx)
{
	char line[40];

	(void)snprintf(line, sizeof(line), "BDAT %" PRIu64 " LAST\r\n",
	    tx->size);
	put_str(c, line);
	c->writing = true;
	c->chunk = true;
	c->chunk_left = tx->size;
}

/* The number after SIZE; 0 when missing or out of range. */
static uint64_t
read_limit(const char *s, size_t len)
{
	uint64_t v = 0;
	size_t i = 0;

	while (i < len && s[i] == ' ')
		i++;
	for (; i < len && s[i] >= '0' && s[i] <= '9'; i++) {
		if (v > (UINT64_MAX - 9) / 10)
			return 0;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	return i == len ? v : 0;
}

/* RFC 9422 3.1: name=value, separated by blanks; unknown names and invalid
 * values are skipped. */
static void
read_limits(struct smtp_client *c, const char *s, size_t len)
{
	static const char mails[] = "MAILMAX=", rcpts[] = "RCPTMAX=";
	const size_t name = sizeof(mails) - 1;
	uint64_t v;
	size_t n;

	for (; len > 0; s += n, len -= n) {
		if (*s == ' ' || *s == '\t') {
			n = 1;
			continue;
		}
		for (n = 0; n < len && s[n] != ' ' && s[n] != '\t';)
			n++;
		if (n <= name || (v = read_limit(s + name, n - name)) == 0 ||
		    v > UINT_MAX)
			continue;
		if (strncasecmp(s, mails, name) == 0)
			c->limits.mails = (unsigned)v;
		else if (strncasecmp(s, rcpts, name) == 0)
			c->limits.rcpts = (unsigned)v;
	}
}

void
client_read_ehlo(struct smtp_client *c, const char *text)
{
	const char *line = strchr(text, '\n'), *end;
	size_t len, word, i;

	/* The first line is the server's name, not a keyword. */
	for (; line != NULL; line = *end == '\n' ? end : NULL) {
		line++;
		len = strcspn(line, "\n");
		end = line + len;
		while (
		    len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
			len--;
		for (word = 0;
		     word < len && line[word] != ' ' && line[word] != '\t';)
			word++;
		if (word == 6 && strncasecmp(line, "LIMITS", word) == 0)
			read_limits(c, line + word, len - word);
		for (i = 0; i < MX_COUNT(keywords); i++) {
			if (strlen(keywords[i].word) != word ||
			    strncasecmp(line, keywords[i].word, word) != 0)
				continue;
			c->ext |= keywords[i].bit;
			if (keywords[i].bit == CLIENT_EXT_SIZE)
				c->size_limit =
				    read_limit(line + word, len - word);
		}
	}
}
