/* SPDX-License-Identifier: ISC
 * ledger: all that alerting remembers: the instances, the outbox, the
 * silences. One step of it: the values of the rules go in, what is to be told
 * whom comes to lie in the outbox. It is written to a file of the spool
 * directory before anything is sent, and read at the start.
 *
 * File: one JSON object {"version": 1, ...}, written whole under another
 * name, synced and renamed. What cannot be read is put aside and nothing of
 * it is used: then somebody may be told twice, but nothing is invented.
 * Pure but for ledger_load() and ledger_save(). Alert thread. */
#ifndef MX_ALERTS_LEDGER_H
#define MX_ALERTS_LEDGER_H

#include "alerts/outbox.h"
#include "base/buf.h"
#include "base/err.h"

#define LEDGER_FILE_MAX (64u << 20)
#define SILENCE_MAX	1000
#define SILENCE_REASON	160
#define SILENCE_MATCH	(TEXT_DOMAIN_MAX + 32)

struct silence {
	uint64_t id;
	char match[SILENCE_MATCH]; /* an alert, a domain, or alert/domain */
	int64_t from_ms, until_ms;
	char reason[SILENCE_REASON];
};

/* A receiver that takes nothing. */
struct ledger_failing {
	char receiver[SNAP_NAME_MAX];
	int64_t since_ms;
	bool rejected; /* it said no; else it was not reached */
};

struct ledger {
	struct instance_tree instances;
	struct outbox outbox;
	struct silence *silence;
	unsigned nsilences;
	uint64_t last_silence;
	struct ledger_failing *failing;
	unsigned nfailing;
	bool changed; /* to be saved; the outbox has its own */
	struct config *conf; /* of the last step, our reference */
	int64_t told_ms; /* when all that fires was told of last */
	unsigned nfiring; /* then */
	/* An alert began, changed its severity or ended. May be NULL. */
	void (*on_change)(const struct instance *, void *arg);
	void *change_arg;
};

void ledger_init(struct ledger *);
void ledger_fini(struct ledger *);

/* One evaluation. True when an instance changed its state. */
bool ledger_step(struct ledger *, struct rules *, const struct config *,
    const struct snapshot *, const struct rules_self *, int64_t now);

bool
ledger_silenced(const struct ledger *, const struct instance *, int64_t now);
/* The id, or 0 when there are too many. */
uint64_t ledger_silence(struct ledger *, const char *match, int64_t now,
    int64_t until_ms, const char *reason);
bool ledger_unsilence(struct ledger *, uint64_t id);

/* Those that fail now. */
void
ledger_set_failing(struct ledger *, const struct ledger_failing *, unsigned n);
/* NULL: it does not. */
const struct ledger_failing *
ledger_failing(const struct ledger *, const char *receiver);

/* ledger_file.c */
/* 0, or -MX_ETOOBIG: more than the buffer takes. */
int ledger_write(const struct ledger *, struct buf *out) MX_NODISCARD;
/* 0; -MX_ECORRUPT, and then the ledger is empty. */
int ledger_read(struct ledger *, const char *text, size_t len) MX_NODISCARD;
/* The text that ledger_write() made. */
int ledger_save(const struct buf *, const char *path,
    struct mx_errbuf *) MX_NODISCARD;
/* 0, also when there is no file. */
int
ledger_load(struct ledger *, const char *path, struct mx_errbuf *) MX_NODISCARD;

#endif
