/* SPDX-License-Identifier: ISC
 * format: a note in the format of each type of receiver. One file a format;
 * each is a function from values to a message, which a transport then sends.
 * Text of peers is reduced to ASCII. Receivers limit sizes: texts are cut at a
 * word, with " ...", lists end with the number of omitted entries. Pure. Alert
 * thread. */
#ifndef MX_ALERTS_FORMAT_H
#define MX_ALERTS_FORMAT_H

#include "alerts/note.h"
#include "config/config.h"
#include "fetch/carry.h"
#include "status/json.h"

/* Settings of the configuration, the secrets and the host name; borrowed. */
struct format_ctx {
	const struct conf_receiver *conf;
	const char *hostname; /* for EHLO and addresses */
	const char *instance; /* for keys, labels and texts */
	const char *shared; /* the same, for alerts not specific to one node */
	const char *page_url; /* web { url }; NULL: none */
	const char *runbook_url; /* "" none */
	/* base address; for alertmanager that of this message */
	const char *url;
	const char *routing_key; /* NULL: none */
	const char *token;
	const char *hmac_key;
	const char *from; /* email */
	int64_t now_ms;
	int64_t phase_ms; /* equal for each attempt to send the same message */
	/* A resolve of an alert that was never delivered, as far as known. */
	bool untold;
};

/* Alertmanager gets every instance, with its labels, in one request of at most
 * that many. */
#define AM_ALERTS_MAX 20000
struct am_alert {
	const struct instance *i;
	enum alert_severity severity;
	int64_t start_ms, end_ms; /* end 0: firing */
};

/* The meaning of a status that the number alone does not have: how to proceed,
 * and words for the operator. */
struct receiver_answer {
	int status; /* as in send_result; 0 ends the list */
	enum carry_result result;
	const char *text;
};

/* A type of receiver: config/receiver.def has its row, alerts/fmt_NAME.c
 * defines it, and no other code depends on the type. */
struct receiver_type {
	/* It gets notes, one by one, from the outbox; */
	void (*note)(const struct format_ctx *, const struct note *,
	    bool resolve, struct message *);
	/* or, if that is NULL, the complete state, periodically. */
	void (*state)(const struct format_ctx *, const struct am_alert *,
	    size_t n, struct message *);
	const struct receiver_answer *answers; /* NULL: none */
};
#define RECEIVER(type, name, ...)                                              \
	extern const struct receiver_type receiver_##name;
#include "config/receiver.def"
#undef RECEIVER

const struct receiver_type *receiver_type(enum conf_receiver_type);
/* Puts a result into the words of the type. */
void format_answer(const struct receiver_type *, struct send_result *);

/* ---- format.c: shared parts */

/* "mx2: the primary is down (critical): mx1.example.org, 3 domains" */
char *format_title(const struct format_ctx *, const struct note *,
    bool resolve); /* the caller frees it */
/* A line or two for each member, what to do and where to look, in at most `max`
 * bytes: omitted members are counted. */
void format_lines(const struct format_ctx *, const struct note *, size_t max,
    struct buf *);
/* The next step: "mxwatchctl why example.org". domain "": several. "" for a
 * resolved note, and for a test. The caller frees it. */
char *format_next(enum alert_kind, const char *domain);
char *format_note_next(const struct note *);
/* The status page, opened at a domain, at those of a primary, or at all ("").
 * "" without an address. The caller frees these. */
char *format_link(const struct format_ctx *, const char *about);
char *
format_note_link(const struct format_ctx *, const struct note *, bool resolve);
/* The runbook entry of that alert; "" if none, or for a test. */
char *format_runbook(const struct format_ctx *, enum alert_kind);
/* The key that identifies an incident: "mxwatch/INSTANCE/ALERT/GROUP", or its
 * digest if that is too long. */
char *format_key(const struct format_ctx *, const struct note *);
/* The text with control and 8-bit characters replaced by '?'; the caller frees
 * it. */
char *format_ascii(const char *);
void format_time(cJSON *, const char *key, int64_t ms);
/* CamelCase as usual in Prometheus: "MxwatchQueueAge"; the caller frees it. */
char *format_alertname(const char *name);
/* Alertmanager's webhook, version 4: for webhooks and programs. */
cJSON *format_webhook(const struct format_ctx *, const struct note *,
    bool resolve); /* the caller frees it */
/* Makes the object the body; deletes it. */
void format_json(struct message *, cJSON *);

#endif
