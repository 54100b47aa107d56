/* SPDX-License-Identifier: ISC
 * mx_backup: domains without a section of their own, for which the DNS names us as
 * a worse MX: Postfix's permit_mx_backup, but bounded, and only behind servers of
 * the operator's networks. This is about domains; which of their recipients exist
 * is for the queue to know (queue/learned.h).
 *
 *	an unknown domain is asked for	-> lookups.h, verdict.h, in the background
 *	it fits				-> an entry: ops.enter(), and from there on
 *					   it is a domain like any other, whose
 *					   settings config_settings() finds
 *	it does not			-> remembered for a while, and refused
 *	nobody asks for it any more	-> ops.leave(); never while it has mail
 *
 * An entry survives a restart by its record, which the caller keeps. The times of
 * entries are wall ms. Loop thread. */
#ifndef MX_MXBACKUP_MX_BACKUP_H
#define MX_MXBACKUP_MX_BACKUP_H

#include "config/backup_names.h"
#include "relay/mxbackup/lookups.h"
#include "status/counters.h"

struct mx_backup;

struct mx_backup_ops {
	/* It is one of them now: the modules are to know it. Its name is in the
	 * set. */
	void (*enter)(void *arg, const char *domain);
	/* It is none any more, and its name no longer in the set: the modules
	 * forget it. Its queue is empty, or whoever asked for it knows better. */
	void (*leave)(void *arg, const char *domain, const char *why);
	/* Recipients that are queued for it. */
	uint64_t (*queued)(void *arg, const char *domain);
	/* It left the configuration with mail queued, which goes to servers that
	 * the configuration named: not to be taken over. */
	bool (*is_taken)(void *arg, const char *domain);
	/* The record of an entry, for the next start; len 0: it is gone. */
	void (*keep)(void *arg, const char *domain, const void *record,
	    size_t len);
	void *arg;
};

/* What is to be answered to mail for a domain without a section. */
enum mx_backup_answer {
	MX_BACKUP_NO, /* it is none of ours: as for any other */
	MX_BACKUP_LATER, /* nobody knows yet */
	MX_BACKUP_YES, /* for recipients that exist */
};

/* What is known of a domain, or was decided. */
struct mx_backup_view {
	enum mx_backup_answer answer;
	enum mx_backup_result result; /* status/counters.h; of YES: ACCEPTED */
	bool is_entry;
	int64_t looked_ms; /* wall; of evidence; 0: never */
	int64_t asked_ms; /* of an entry: when mail came last, or was refused */
	char evidence[BACKUP_EVIDENCE_MAX]; /* a sentence without its dot; "" */
};

struct mx_backup *mx_backup_create(struct loop *, struct dns *,
    struct backup_names *, const struct mx_backup_ops *);
void mx_backup_destroy(struct mx_backup **);

/* Takes a reference to the configuration. What was found not to fit may do so
 * now: it is forgotten. Entries stay; see mx_backup_narrows(). */
void mx_backup_configure(struct mx_backup *, struct config *,
    const struct route_self *);
/* Would the networks of the other configuration not have all of these, so that the
 * entries have to go? */
bool mx_backup_narrows(const struct conf_mx_backup *was,
    const struct conf_mx_backup *is);
bool mx_backup_is_on(const struct mx_backup *);
const struct config *mx_backup_conf(const struct mx_backup *);

/* Mail for it is at the door; may begin a look-up, in the client's name. Never
 * waits. O(log n). */
void mx_backup_ask(struct mx_backup *, const char *domain, uint64_t client_key,
    struct mx_backup_view *);
/* The same without any consequence, for `why`. */
void mx_backup_look(const struct mx_backup *, const char *domain,
    struct mx_backup_view *);
/* Begins a look-up for an operator, who has no share. */
void mx_backup_look_up(struct mx_backup *, const char *domain);
/* A recipient of that entry was accepted: it goes after the others when there is
 * no room. */
void mx_backup_accepted(struct mx_backup *, const char *domain);

/* An entry from its record; enter() is called. -MX_ESYNTAX: no such record. */
int mx_backup_load(struct mx_backup *, const char *domain, const void *record,
    size_t len) MX_NODISCARD;
void mx_backup_loaded(struct mx_backup *); /* after the last one */
/* It is no entry any more, whatever is queued: a section has its name, or it goes
 * on as a removed domain. leave() is not called. */
void mx_backup_drop(struct mx_backup *, const char *domain);
/* What was found of it may not hold any more: nothing is taken until the DNS says
 * so again. */
void mx_backup_doubt(struct mx_backup *, const char *domain);

/* Every minute or so: forgets entries that nobody asked for, some of them a
 * call. Not while the wall clock is doubted. */
void mx_backup_tick(struct mx_backup *);
unsigned mx_backup_count(const struct mx_backup *);

#endif
