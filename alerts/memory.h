/* SPDX-License-Identifier: ISC
 * memory: the whole state of alerting: the instances, the outbox, the silences.
 * One step: the values of the rules go in, the messages to send are put into
 * the outbox. It is saved to a file of the spool directory before anything is
 * sent, and read at the start.
 *
 * File: one JSON object {"version": 1, ...}, written as a whole under another
 * name, synced and renamed. An unreadable one is set aside and none of it is
 * used: then somebody may be notified twice, but nothing is invented. Pure
 * except memory_load() and memory_save(). Alert thread. */
#ifndef MX_ALERTS_MEMORY_H
#define MX_ALERTS_MEMORY_H

#include "alerts/incidents.h"
#include "alerts/outbox.h"
#include "base/buf.h"
#include "base/err.h"

#define MEMORY_FILE_MAX (64u << 20)
#define SILENCE_MAX	1000
#define SILENCE_NODES	32 /* more nodes than a cluster can have */
#define SILENCE_REASON	160
#define SILENCE_MATCH	(TEXT_DOMAIN_MAX + 32)

struct silence {
	uint64_t id;
	/* An alert; a domain or a primary; or alert/domain, alert/primary. */
	char match[SILENCE_MATCH];
	int64_t from_ms, until_ms;
	char reason[SILENCE_REASON];
};

/* A receiver that accepts nothing. */
struct memory_failing {
	char receiver[SNAP_NAME_MAX];
	int64_t since_ms;
	bool rejected; /* it refused; false: it was not reached */
};

struct memory {
	struct instance_tree instances;
	struct outbox outbox;
	struct silence *silence;
	unsigned nsilences;
	uint64_t last_silence;
	/* of a cluster, whose silences are one set; 0: no cluster */
	unsigned node;
	struct memory_failing *failing;
	unsigned nfailing;
	bool changed; /* to be saved; the outbox has its own flag */
	struct config *conf; /* of the last step, a reference */
	struct snapshot *seen; /* likewise: has the maintenance windows */
	/* when all firing ones were last put into the outbox */
	int64_t told_ms;
	unsigned nfiring; /* at that time */
	struct incidents incidents; /* of a cluster; not saved */
	/* The identity of new incidents, by their scope (identity.h, voice.h);
	 * "": the host name. */
	char instance[TEXT_DOMAIN_MAX], shared_instance[TEXT_DOMAIN_MAX];
	/* An alert began, changed its severity or ended. May be NULL. */
	void (*on_change)(const struct instance *, void *arg);
	void *change_arg;
};

void memory_init(struct memory *);
void memory_fini(struct memory *);

/* One evaluation. True when an instance changed its state. */
bool memory_step(struct memory *, struct rules *, const struct config *,
    const struct snapshot *, const struct rules_self *, int64_t now);

/* True during a silence, or while its subject is in a maintenance window;
 * alerts about expiring mail ignore windows. */
bool
memory_silenced(const struct memory *, const struct instance *, int64_t now);
/* Does that receiver get that alert, in that severity? */
bool memory_tells(const struct conf_alert *, const struct conf_receiver *,
    enum alert_severity);
/* The id, or 0 when there are too many. */
uint64_t memory_silence(struct memory *, const char *match, int64_t now,
    int64_t until_ms, const char *reason);
bool memory_unsilence(struct memory *, uint64_t id);
/* Adds one that has an id; false: known, expired, or too many. */
bool memory_silence_add(struct memory *, const struct silence *, int64_t now);
const struct silence *memory_silence_find(const struct memory *, uint64_t id);
/* Drops expired silences, and reports them to fn. */
void memory_silences_over(struct memory *, int64_t now,
    void (*fn)(uint64_t id, void *arg), void *arg);

/* silence_text.c: the form reported between nodes, and back: 0,
 * -MX_ECORRUPT. */
void silence_write(const struct silence *, struct buf *);
int silence_read(struct silence *, uint64_t id, const void *,
    size_t len) MX_NODISCARD;

/* Acknowledges those that fire and match; returns their number. */
unsigned memory_ack(struct memory *, const char *match, const char *by);

/* Sets the receivers that fail now. */
void
memory_set_failing(struct memory *, const struct memory_failing *, unsigned n);
/* NULL: it does not fail. */
const struct memory_failing *
memory_failing(const struct memory *, const char *receiver);

/* memory_file.c */
/* 0, or -MX_ETOOBIG: more than the buffer's cap. */
int memory_write(const struct memory *, struct buf *out) MX_NODISCARD;
/* 0; -MX_ECORRUPT, and then the memory is empty. */
int memory_read(struct memory *, const char *text, size_t len) MX_NODISCARD;
/* Saves the text made by memory_write(). */
int memory_save(const struct buf *, const char *path,
    struct mx_errbuf *) MX_NODISCARD;
/* 0, also without a file. */
int
memory_load(struct memory *, const char *path, struct mx_errbuf *) MX_NODISCARD;

#endif
