/* SPDX-License-Identifier: ISC
 * ctl_format: the daemon's answers as text for people. Pure but for writing to
 * the given stream; control characters are removed from all text that may come
 * from a peer. */
#ifndef MX_CONTROL_CTL_FORMAT_H
#define MX_CONTROL_CTL_FORMAT_H

#include <stdio.h>

#include "base/text.h"
#include "control/protocol.h"
#include "status/json.h"

struct format {
	FILE *out;
	enum control_verb verb;
	int64_t now; /* wall seconds */
	const char *about; /* the word after the verb; NULL: none */
	bool one; /* a domain or an outage was named: show all details */
	bool csv; /* comma-separated values */
	bool terminal; /* lines may be overwritten */
	int columns; /* of the terminal; 0: not a terminal */
	bool colour; /* colours are allowed */
	bool problems; /* status: only problems */
	bool in_place; /* the last line gets overwritten; false at first */
	unsigned lines; /* so far; the caller zeroes it and those below */
	char
	    content_of[TEXT_ID_MAX]; /* id of the message shown; "": none yet */
	char line[4096]; /* of the content, for a terminal */
	size_t line_len;
	cJSON *rows; /* a table that is printed at its end */
	char subject[TEXT_DOMAIN_MAX]; /* of the last line */
};

/* Prints a line of the answer, the last one included (the caller prints its
 * "error"). */
void format_line(struct format *, const cJSON *line);

/* In ctl_{ages,cluster,content,doctor,drill,maintenance,order,outages,
 * primaries,queue,recipients,redirect,status}.c. */
void format_primaries(struct format *, const cJSON *primaries);
void format_status(struct format *, const cJSON *document);
void format_queue(struct format *, const cJSON *message);
void format_vault(struct format *, const cJSON *message);
void format_vault_end(struct format *, const cJSON *done);
void format_ages(struct format *, const cJSON *row);
void format_ages_end(struct format *);
void format_content(struct format *, const cJSON *piece);
void format_content_end(struct format *);
void format_show(struct format *, const cJSON *message);
void format_ordered(struct format *, const cJSON *done);
/* "; next expiry in 3d4h (example.net)", or nothing. */
void format_next_expiry(struct format *, const cJSON *done);
void format_mailq(struct format *, const cJSON *message);
void format_recipients(struct format *, const cJSON *recipient);
void format_recipients_end(struct format *, const cJSON *done);
void format_outage(struct format *, const cJSON *outage);
void format_outages_end(struct format *, const cJSON *done);
void format_mailq_end(struct format *, const cJSON *done);
void format_doctor(struct format *, const cJSON *finding);
void format_doctor_end(struct format *, const cJSON *done);
void format_drill(struct format *, const cJSON *step);
void format_maintenance(struct format *, const cJSON *window);
void format_maintenance_end(struct format *, const cJSON *done);
void format_redirect(struct format *, const cJSON *redirect);
void format_redirect_end(struct format *, const cJSON *done);
void format_nodes(struct format *, const cJSON *node);
void format_nodes_end(struct format *, const cJSON *done);

/* The text as it may go to a terminal: json_clean(), and characters that must
 * not be shown (text_unsafe()) as the log escapes them, "\xe2\x80\xae". The
 * caller frees it. */
char *format_shown(const char *text);
/* "41 messages" */
void format_messages(struct format *, double n);
/* Prints a line "key text", cleaned. */
void format_text(struct format *, const char *key, const char *text);
/* Writes a cleaned text, padded or cut (with a '~') to `width` columns;
 * negative: padded, never cut. */
void format_cell(FILE *, const char *text, int width);
/* "mx1.example.org, mx2.example.org", of an array of hosts; without one "its MX
 * records". */
void format_hosts(struct format *, const cJSON *hosts);
/* "by root", of the number "uid"; nothing if that is null. */
void format_who(struct format *, const cJSON *);
/* "3d4h", the time between now and `key`; "-" for null or absent. */
const char *format_age(const struct format *, const cJSON *, const char *key,
    char *dst, size_t size);
const char *format_in(const struct format *, const cJSON *, const char *key,
    char *dst, size_t size);

#endif
