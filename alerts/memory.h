/* SPDX-License-Identifier: ISC
 * memory: all that alerting remembers: the instances, the outbox, the
 * silences. One step of it: the values of the rules go in, what is to be told
 * whom comes to lie in the outbox. It is written to a file of the spool
 * directory before anything is sent, and read at the start.
 *
 * File: one JSON object {"version": 1, ...}, written whole under another
 * name, synced and renamed. What cannot be read is put aside and nothing of
 * it is used: then somebody may be told twice, but nothing is invented.
 * Pure but for memory_load() and memory_save(). Alert thread. */
#ifndef MX_ALERTS_MEMORY_H
#define MX_ALERTS_MEMORY_H

#include "alerts/incidents.h"
#include "alerts/outbox.h"
#include "base/buf.h"
#include "base/err.h"

#define MEMORY_FILE_MAX (64u << 20)
#define SILENCE_MAX	1000
#define SILENCE_NODES	32 /* of a cluster, and more than there can be */
#define SILENCE_REASON	160
#define SILENCE_MATCH	(TEXT_DOMAIN_MAX + 32)

struct silence {
	uint64_t id;
	/* An alert; a domain or a primary; or alert/domain, alert/primary. */
	char match[SILENCE_MATCH];
	int64_t from_ms, until_ms;
	char reason[SILENCE_REASON];
};

/* A receiver that takes nothing. */
struct memory_failing {
	char receiver[SNAP_NAME_MAX];
	int64_t since_ms;
	bool rejected; /* it said no; else it was not reached */
};

struct memory {
	struct instance_tree instances;
	struct outbox outbox;
	struct silence *silence;
	unsigned nsilences;
	uint64_t last_silence;
	unsigned node; /* of a cluster, whose silences are one set; 0: alone */
	struct memory_failing *failing;
	unsigned nfailing;
	bool changed; /* to be saved; the outbox has its own */
	struct config *conf; /* of the last step, our reference */
	struct snapshot *seen; /* likewise: who is in a maintenance window */
	int64_t told_ms; /* when all that fires was told of last */
	unsigned nfiring; /* then */
	struct incidents incidents; /* of a cluster; not kept */
	/* As what incidents begin, by whose they are (identity.h, voice.h); "": the
	 * host name. */
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

/* By a silence, or because what it is about is in a maintenance window; of that
 * mail gets too old everybody is told all the same. */
bool
memory_silenced(const struct memory *, const struct instance *, int64_t now);
/* Whether that receiver is one of those who are told that alert, as it is. */
bool memory_tells(const struct conf_alert *, const struct conf_receiver *,
    enum alert_severity);
/* The id, or 0 when there are too many. */
uint64_t memory_silence(struct memory *, const char *match, int64_t now,
    int64_t until_ms, const char *reason);
bool memory_unsilence(struct memory *, uint64_t id);
/* One that has an id; false: it is there, it is over, or there are too many. */
bool memory_silence_add(struct memory *, const struct silence *, int64_t now);
const struct silence *memory_silence_find(const struct memory *, uint64_t id);
/* Those that are over are forgotten, and named to fn. */
void memory_silences_over(struct memory *, int64_t now,
    void (*fn)(uint64_t id, void *arg), void *arg);

/* silence_text.c: as the nodes tell it, and back: 0, -MX_ECORRUPT. */
void silence_write(const struct silence *, struct buf *);
int silence_read(struct silence *, uint64_t id, const void *,
    size_t len) MX_NODISCARD;

/* Those that fire and match are in somebody's hand; how many they are. */
unsigned memory_ack(struct memory *, const char *match, const char *by);

/* Those that fail now. */
void
memory_set_failing(struct memory *, const struct memory_failing *, unsigned n);
/* NULL: it does not. */
const struct memory_failing *
memory_failing(const struct memory *, const char *receiver);

/* memory_file.c */
/* 0, or -MX_ETOOBIG: more than the buffer takes. */
int memory_write(const struct memory *, struct buf *out) MX_NODISCARD;
/* 0; -MX_ECORRUPT, and then the memory is empty. */
int memory_read(struct memory *, const char *text, size_t len) MX_NODISCARD;
/* The text that memory_write() made. */
int memory_save(const struct buf *, const char *path,
    struct mx_errbuf *) MX_NODISCARD;
/* 0, also when there is no file. */
int
memory_load(struct memory *, const char *path, struct mx_errbuf *) MX_NODISCARD;

#endif
