/* SPDX-License-Identifier: ISC
 * format: a note as each type of receiver wants it. One file a format; each
 * is a function from values to a message, which a transport then carries.
 * Text of peers is made ASCII on the way. What the other side takes is less than
 * what there may be to say: texts are cut at a word, with " ...", lists end with
 * how many more there are. Pure. Alert thread. */
#ifndef MX_ALERTS_FORMAT_H
#define MX_ALERTS_FORMAT_H

#include "alerts/note.h"
#include "config/config.h"
#include "fetch/carry.h"
#include "status/json.h"

/* Settings from the configuration, the secrets and the host name; borrowed. */
struct format_ctx {
	const struct conf_receiver *conf;
	const char *hostname; /* in EHLO and addresses */
	const char *instance; /* in keys, labels and texts */
	const char *shared; /* the same, of what is not one node's */
	const char *page_url; /* web { url }; NULL: none */
	const char *runbook_url; /* "" none */
	const char *url; /* base address, of alertmanager the one it is for */
	const char *routing_key; /* NULL: none */
	const char *token;
	const char *hmac_key;
	const char *from; /* email */
	int64_t now_ms;
	int64_t phase_ms; /* the same for each attempt to say the same */
	/* A resolve of what nobody has been told of, as far as we know. */
	bool untold;
};

/* Alertmanager gets every instance that is told to it, with its labels, in
 * one request of at most that many. */
#define AM_ALERTS_MAX 20000
struct am_alert {
	const struct instance *i;
	enum alert_severity severity;
	int64_t start_ms, end_ms; /* end 0: it fires */
};

/* The meaning of a status of the other side, where the number does not say it:
 * what is done about it, and words for the operator. */
struct receiver_answer {
	int status; /* send_result's; 0 ends the list */
	enum carry_result result;
	const char *text;
};

/* A type of receiver: the row of config/receiver.def names it, alerts/fmt_NAME.c
 * defines it, and nobody else asks which one it is. */
struct receiver_type {
	/* It is told notes, one after the other, from the outbox; */
	void (*note)(const struct format_ctx *, const struct note *,
	    bool resolve, struct message *);
	/* or, where that is NULL, the whole state, again and again. */
	void (*state)(const struct format_ctx *, const struct am_alert *,
	    size_t n, struct message *);
	const struct receiver_answer *answers; /* NULL: none needs words */
};
#define RECEIVER(type, name, ...)                                              \
	extern const struct receiver_type receiver_##name;
#include "config/receiver.def"
#undef RECEIVER

const struct receiver_type *receiver_type(enum conf_receiver_type);
/* What came back, in the words of the type. */
void format_answer(const struct receiver_type *, struct send_result *);

/* ---- format.c: what they share */

/* "mx2: the primary is down (critical): mx1.example.org, 3 domains" */
char *format_title(const struct format_ctx *, const struct note *,
    bool resolve); /* the caller frees it */
/* A line or two for each member, what to do and where to look, in `max` bytes or
 * less: members that find no room are counted. */
void format_lines(const struct format_ctx *, const struct note *, size_t max,
    struct buf *);
/* The next step: "mxwatchctl why example.org". domain "": several. Of a note
 * that is over, and of a test, it is "". The caller frees it. */
char *format_next(enum alert_kind, const char *domain);
char *format_note_next(const struct note *);
/* The status page, open at what it is about: a domain, those of a primary, or
 * all of it (""). "" when it has no address. The caller frees these. */
char *format_link(const struct format_ctx *, const char *about);
char *
format_note_link(const struct format_ctx *, const struct note *, bool resolve);
/* What to do about that alert; "" when nobody says, or it is a test. */
char *format_runbook(const struct format_ctx *, enum alert_kind);
/* The key by which one incident is known: "mxwatch/INSTANCE/ALERT/GROUP", or its
 * digest where that is too long. */
char *format_key(const struct format_ctx *, const struct note *);
/* The text with control and 8-bit characters as '?'; the caller frees it. */
char *format_ascii(const char *);
void format_time(cJSON *, const char *key, int64_t ms);
/* CamelCase as Prometheus has it: "MxwatchQueueAge"; the caller frees it. */
char *format_alertname(const char *name);
/* Alertmanager's webhook, version 4: what a webhook and a program are given. */
cJSON *format_webhook(const struct format_ctx *, const struct note *,
    bool resolve); /* the caller's */
/* The object as the body; deletes it. */
void format_json(struct message *, cJSON *);

#endif
