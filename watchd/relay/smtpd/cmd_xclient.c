/* SPDX-License-Identifier: ISC
 * cmd_xclient: XCLIENT and XFORWARD, by which a trusted host says on whose
 * behalf it speaks: a proxy, whose session becomes that client's, or a content
 * filter, whose message gets a log line (Postfix's XCLIENT and XFORWARD
 * protocols; values are xtext of RFC 3461 4). NAME, LOGIN, IDENT and the like
 * are parsed and have no effect here. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/smtpd/session.h"

struct identity {
	bool has_addr, has_helo, has_proto, esmtp;
	struct net_addr addr;
	char helo[256];
};

static bool
is_unknown(const char *value)
{
	return strcasecmp(value, "[UNAVAILABLE]") == 0 ||
	    strcasecmp(value, "[TEMPUNAVAIL]") == 0;
}

static bool
read_addr(const char *value, struct identity *id)
{
	if (strncasecmp(value, "IPV6:", 5) == 0)
		value += 5;
	id->has_addr = true;
	return addr_parse(&id->addr, value, 0, ':') == 0;
}

static bool
read_proto(const char *value, struct identity *id)
{
	id->has_proto = true;
	id->esmtp = strcasecmp(value, "ESMTP") == 0;
	return id->esmtp || strcasecmp(value, "SMTP") == 0;
}

static bool
read_helo(const char *value, struct identity *id)
{
	struct smtp_command cmd;
	struct smtp_refusal why;
	char line[COMMAND_LINE_MAX];
	static const struct smtp_command_ext ext;

	/* checked like a HELO of the client itself */
	strlcpy(line, "HELO ", sizeof(line));
	strlcat(line, value, sizeof(line));
	if (smtp_command_parse(line, strlen(line), &ext, &cmd, &why) < 0)
		return false;
	id->has_helo = true;
	strlcpy(id->helo, cmd.domain, sizeof(id->helo));
	return true;
}

static bool
skip(const char *value MX_UNUSED, struct identity *id MX_UNUSED)
{
	return true;
}

static const struct attribute {
	const char *name;
	bool (*read)(const char *value, struct identity *);
} attributes[] = {
	{ "ADDR", read_addr },
	{ "HELO", read_helo },
	{ "PROTO", read_proto },
	{ "NAME", skip },
	{ "PORT", skip },
	{ "LOGIN", skip },
	{ "DESTADDR", skip },
	{ "DESTPORT", skip },
	{ "IDENT", skip },
	{ "SOURCE", skip },
};

/* "NAME=xtext" of `len` octets. */
static bool
read_attribute(const char *s, size_t len, struct identity *id)
{
	const char *eq = memchr(s, '=', len);
	char text[COMMAND_LINE_MAX], value[COMMAND_LINE_MAX];
	size_t i, n;

	if (eq == NULL || len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	n = (size_t)(eq - s);
	text[n] = '\0';
	if (smtp_xtext_decode(text + n + 1, value, sizeof(value)) < 0)
		return false;
	for (i = 0; i < MX_COUNT(attributes); i++)
		if (strcasecmp(attributes[i].name, text) == 0)
			return is_unknown(value) ||
			    attributes[i].read(value, id);
	return false;
}

static bool
read_identity(const struct smtp_command *cmd, struct identity *id)
{
	const char *s = cmd->arg, *end = s + cmd->arg_len, *word;

	*id = (struct identity){ 0 };
	while (s < end) {
		for (word = s; s < end && *s != ' ' && *s != '\t';)
			s++;
		if (s > word && !read_attribute(word, (size_t)(s - word), id))
			return false;
		if (s < end)
			s++;
	}
	return true;
}

/* False when a reply was sent. */
static bool
may_speak(struct session *s, bool listed, const struct smtp_command *cmd,
    struct identity *id)
{
	if (!listed) /* like any unknown command */
		session_reply(s, "500 5.5.1 command unrecognized\r\n");
	else if (s->tx.open)
		session_reply(s, "503 5.5.1 a transaction is in progress\r\n");
	else if (!read_identity(cmd, id))
		session_reply(s, "501 5.5.4 bad attribute\r\n");
	else
		return true;
	return false;
}

/* The session starts again as that client's: with its limits, and the
 * greeting. */
void
cmd_xclient(struct session *s, struct smtp_command *cmd)
{
	char proxy[ADDR_TEXT_MAX];
	struct identity id;
	const char *no;

	if (!may_speak(s, s->proxy, cmd, &id))
		return;
	cmd_data_abort(s);
	s->helo[0] = '\0';
	if (id.has_helo)
		strlcpy(s->helo, id.helo, sizeof(s->helo));
	s->esmtp = id.has_proto && id.esmtp;
	if (id.has_addr && (no = session_becomes(s, &id.addr)) != NULL) {
		session_close(s, no);
		return;
	}
	log_info("smtpd", "session=%016" PRIx64 " client=%s proxy=%s", s->id,
	    s->client, addr_text(conn_peer(s->conn), proxy));
	session_reply(s, s->policy->banner);
}

void
cmd_xforward(struct session *s, struct smtp_command *cmd)
{
	char addr[ADDR_TEXT_MAX];
	struct identity id;

	if (!may_speak(s, s->filter, cmd, &id))
		return;
	/* Attributes that do not fit on one line come in several. */
	if (id.has_addr) {
		mem_free(&s->orig_client);
		s->orig_client = mem_strdup(addr_text(&id.addr, addr));
	}
	if (id.has_helo) {
		mem_free(&s->orig_helo);
		s->orig_helo = mem_strdup(id.helo);
	}
	session_reply(s, "250 2.0.0 Ok\r\n");
}

void
cmd_xforward_end(struct session *s)
{
	mem_free(&s->orig_client);
	mem_free(&s->orig_helo);
}
