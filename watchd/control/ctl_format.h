/* SPDX-License-Identifier: ISC
 * ctl_format: the daemon's answers as text for people. Pure but for writing
 * to the given stream; everything that a peer may have written is cleaned of
 * control characters on the way. */
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
	const char *about; /* the word behind the verb; NULL: none */
	bool one; /* a domain or an outage was named: say everything */
	bool csv; /* rows for a spreadsheet */
	bool terminal; /* lines may be written over */
	int columns; /* of the terminal; 0: it is none */
	bool colour; /* it may be used */
	bool problems; /* of status only what is not fine */
	bool in_place; /* the last one is to be; the caller zeroes it */
	unsigned lines; /* so far; the caller zeroes it, and what follows */
	char
	    content_of[TEXT_ID_MAX]; /* the id of what is shown; "": none yet */
	char line[4096]; /* of it, for a terminal */
	size_t line_len;
	cJSON *rows; /* of a table that is kept until its end */
	char subject[TEXT_DOMAIN_MAX]; /* of the last line */
};

/* A line of the answer, the last one included (its "error" is the caller's
 * to print). */
void format_line(struct format *, const cJSON *line);

/* ctl_status.c, ctl_queue.c, ctl_order.c, ctl_recipients.c, ctl_outages.c, ctl_maintenance.c,
 * ctl_cluster.c, ctl_doctor.c */
void format_primaries(struct format *, const cJSON *primaries);
void format_status(struct format *, const cJSON *document);
void format_queue(struct format *, const cJSON *message);
void format_vault(struct format *, const cJSON *message);
void format_ages(struct format *, const cJSON *row);
void format_ages_end(struct format *);
void format_content(struct format *, const cJSON *piece);
void format_content_end(struct format *);
void format_show(struct format *, const cJSON *message);
void format_ordered(struct format *, const cJSON *done);
void format_mailq(struct format *, const cJSON *message);
void format_recipients(struct format *, const cJSON *recipient);
void format_recipients_end(struct format *, const cJSON *done);
void format_outage(struct format *, const cJSON *outage);
void format_outages_end(struct format *, const cJSON *done);
void format_mailq_end(struct format *, const cJSON *done);
void format_doctor(struct format *, const cJSON *finding);
void format_doctor_end(struct format *, const cJSON *done);
void format_maintenance(struct format *, const cJSON *window);
void format_maintenance_end(struct format *, const cJSON *done);
void format_nodes(struct format *, const cJSON *node);
void format_nodes_end(struct format *, const cJSON *done);

/* The text as it may go to a terminal: json_clean(), and what is not to be shown
 * (text_unsafe()) as the log writes it, "\xe2\x80\xae". The caller frees it. */
char *format_shown(const char *text);
/* "452 4.2.2 Mailbox full", of "code", "enhanced" and "reply"; "": nothing was
 * said. The caller frees it. */
char *format_said(const cJSON *);
/* Prints with each %s argument cleaned. */
void format_text(struct format *, const char *key, const char *text);
/* Writes a cleaned text, padded or cut (with a '~') to `width` columns;
 * negative: padded, never cut. */
void format_cell(FILE *, const char *text, int width);
/* "3d4h", "-" for null (or absent): the time between now and `key`. */
const char *format_age(const struct format *, const cJSON *, const char *key,
    char *dst, size_t size);
const char *format_in(const struct format *, const cJSON *, const char *key,
    char *dst, size_t size);

#endif
