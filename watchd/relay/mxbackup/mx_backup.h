/* SPDX-License-Identifier: ISC
 * mx_backup: domains without a section of their own, for which the DNS names us
 * as a worse MX: Postfix's permit_mx_backup, but bounded, and only for
 * primaries in the operator's networks. This module is about domains; the queue
 * knows their recipients (queue/learned.h).
 *
 *	mail for an unknown domain	-> lookups.h, verdict.h, in background
 *	it fits				-> an entry: ops.enter(), and from there on
 *					   it is a domain like any other, whose
 *					   settings config_settings() finds
 *	it does not			-> remembered for a while, and refused
 *	no mail any more		-> ops.leave(); never while it has mail
 *
 * An entry survives a restart by its record, which the caller stores. The times
 * of entries are wall ms. Loop thread. */
#ifndef MX_MXBACKUP_MX_BACKUP_H
#define MX_MXBACKUP_MX_BACKUP_H

#include "config/backup_names.h"
#include "relay/mxbackup/lookups.h"
#include "status/counters.h"

struct mx_backup;

struct mx_backup_ops {
	/* The domain is taken in, and its name is in the set: the modules are
	 * to add it. */
	void (*enter)(void *arg, const char *domain);
	/* The domain is removed, and its name no longer in the set: the modules
	 * are to forget it. Its queue is empty, or an operator decided it. */
	void (*leave)(void *arg, const char *domain, const char *why);
	/* Number of recipients queued for it. */
	uint64_t (*queued)(void *arg, const char *domain);
	/* The domain left the configuration with mail queued, for the servers
	 * that the configuration named: it must not be taken in. */
	bool (*is_taken)(void *arg, const char *domain);
	/* Stores the record of an entry for the next start; len 0: removes
	 * it. */
	void (*keep)(void *arg, const char *domain, const void *record,
	    size_t len);
	void *arg;
};

/* The answer to mail for a domain without a section. */
enum mx_backup_answer {
	MX_BACKUP_NO, /* not a domain of ours: as for any other */
	MX_BACKUP_LATER, /* not known yet */
	MX_BACKUP_YES, /* for recipients that exist */
};

/* What is known or decided about a domain. */
struct mx_backup_view {
	enum mx_backup_answer answer;
	enum mx_backup_result result; /* status/counters.h; of YES: ACCEPTED */
	bool is_entry;
	int64_t looked_ms; /* wall; of evidence; 0: never */
	int64_t asked_ms; /* of an entry: the last mail, accepted or refused */
	/* a sentence without its full stop; "" */
	char evidence[BACKUP_EVIDENCE_MAX];
};

struct mx_backup *mx_backup_create(struct loop *, struct dns *,
    struct backup_names *, const struct mx_backup_ops *);
void mx_backup_destroy(struct mx_backup **);

/* Takes a reference to the configuration. Negative results are forgotten, since
 * they may fit now. Entries stay; see mx_backup_narrows(). */
void mx_backup_configure(struct mx_backup *, struct config *,
    const struct route_self *);
/* Does the other configuration lack some of these networks, so that the entries
 * have to be dropped? */
bool mx_backup_narrows(const struct conf_mx_backup *was,
    const struct conf_mx_backup *is);
bool mx_backup_is_on(const struct mx_backup *);
const struct config *mx_backup_conf(const struct mx_backup *);

/* Mail for the domain has arrived; may begin a look-up, counted for the client.
 * Never waits. O(log n). */
void mx_backup_ask(struct mx_backup *, const char *domain, uint64_t client_key,
    struct mx_backup_view *);
/* The same as a mere query, for `why`. */
void mx_backup_look(const struct mx_backup *, const char *domain,
    struct mx_backup_view *);
/* Begins a look-up for an operator, without a limit. */
void mx_backup_look_up(struct mx_backup *, const char *domain);
/* A recipient of that entry was accepted: it is evicted after entries
 * without. */
void mx_backup_accepted(struct mx_backup *, const char *domain);

/* Restores an entry from its record; enter() is called. -MX_ESYNTAX: an invalid
 * record. */
int mx_backup_load(struct mx_backup *, const char *domain, const void *record,
    size_t len) MX_NODISCARD;
void mx_backup_loaded(struct mx_backup *); /* after the last one */
/* Drops an entry, whatever is queued: its name has a section now, or it
 * continues as a removed domain. leave() is not called. */
void mx_backup_drop(struct mx_backup *, const char *domain);
/* The last result is doubtful: nothing is accepted until the DNS confirms
 * it. */
void mx_backup_doubt(struct mx_backup *, const char *domain);

/* To be called every minute or so: drops entries without recent mail, a bounded
 * number a call. Does nothing while the wall clock is in doubt. */
void mx_backup_tick(struct mx_backup *);
unsigned mx_backup_count(const struct mx_backup *);

#endif
