/* SPDX-License-Identifier: ISC
 * smtpd: takes mail in (RFC 5321). Listens, bounds and serves sessions:
 * bytes -> smtp/command -> sequence check -> admission (policy.h) -> effect
 * -> reply. 250 to the final dot leaves only from the queue's completion.
 * Loop thread only. */
#ifndef MX_SMTPD_SMTPD_H
#define MX_SMTPD_SMTPD_H

#include "config/config.h"
#include "net/conn.h"
#include "net/renewal.h"
#include "relay/mxbackup/mx_backup.h"
#include "relay/queue/queue.h"
#include "relay/smtpd/recipients.h"
#include "status/snapshot.h"

struct smtpd;

enum smtpd_etrn { /* what became of it */
	SMTPD_ETRN_STARTED,
	SMTPD_ETRN_RUNNING, /* a flush is under way already */
	SMTPD_ETRN_EMPTY,
	SMTPD_ETRN_HELD, /* the operator holds the domain */
};

struct smtpd_ops {
	/* Is the domain's primary up? For admission = "outage". */
	bool (*primary_up)(void *arg, const char *domain);
	/* The client, who may, asks for what waits for the domain (ETRN). *n
	 * messages, once it is begun. */
	enum smtpd_etrn (*etrn)(void *arg, const char *domain,
	    const char *client, uint64_t *n);
	/* Does the primary refuse for good that recipient, who is in a list
	 * that was written then (wall ms)? NULL: nobody knows. */
	bool (*refused)(void *arg, const char *domain, const char *mailbox,
	    int64_t list_ms);
	/* What was learned of the recipients of a domain; false: nothing is of
	 * that one. NULL: of none. */
	bool (*learned)(void *arg, const char *domain, const char *mailbox,
	    struct learned_view *);
	/* The client (0: one of our own) asked for that recipient, of whom the
	 * primary may be asked. NULL: it is not. */
	void (*check)(void *arg, const char *domain, const char *mailbox,
	    uint64_t client);
	/* mx_backup, asked about a domain without a section: by a client, or (NULL)
	 * by somebody who only wants to know. False: it is off. NULL: so it is. */
	bool (*backup)(void *arg, const char *domain, const uint64_t *client,
	    struct mx_backup_view *);
	/* A recipient of such a domain was accepted. */
	void (*backup_accepted)(void *arg, const char *domain);
	/* Is that the address of a primary? NULL: nobody knows. */
	bool (*is_primary)(void *arg, const struct net_addr *);
	void *arg;
};

struct smtpd *smtpd_create(struct loop *, struct queue *, struct stats *,
    const struct smtpd_ops *);
/* Closes listeners and sessions at once. */
void smtpd_destroy(struct smtpd **);

/* Binds what is new, closes what is gone, keeps the rest: a failure leaves
 * all as it was (-MX_ENET, *eb names the address and why). Before privileges
 * are dropped for low ports. */
int smtpd_listen(struct smtpd *, const struct config *,
    struct mx_errbuf *) MX_NODISCARD;

/* A configuration is put into force in three steps, the first of which may
 * take its time. What fails (-MX_ETLS: an unreadable certificate) fails there,
 * and nothing has changed. */
struct smtpd_setup;
/* Takes a reference; loads certificates. Any thread. NULL: see *eb. */
struct smtpd_setup *smtpd_setup_create(struct config *, struct mx_errbuf *eb);
/* The same for other domains under the same settings: certificates and lists that
 * it has are not looked at again. */
struct smtpd_setup *smtpd_setup_domains(struct config *);
void smtpd_setup_destroy(struct smtpd_setup **);
/* Begins to read its recipients files, in a thread of their own. Until a file
 * was read for the first time its domains' recipients get 451. */
void smtpd_setup_open(struct smtpd *, struct smtpd_setup *);
/* New sessions use it, whether all its files were read or not. */
void smtpd_setup_use(struct smtpd *, struct smtpd_setup **);
/* All three at once. */
int smtpd_configure(struct smtpd *, struct config *,
    struct mx_errbuf *) MX_NODISCARD;

/* Recipients files that smtpd_setup_open() asked for and that were not looked
 * at yet. `done`, from a task, each time that there are none any more. */
size_t smtpd_files_unread(const struct smtpd *);
void smtpd_on_read(struct smtpd *, void (*done)(void *arg), void *arg);

/* Every second or so: has the helper look whether the certificate is another
 * one. The next STARTTLS has it; one that cannot be used is said in the log. */
void smtpd_tick(struct smtpd *, struct helper *, int64_t now);
/* Whether the files of now were not taken, and an older certificate is shown. */
bool smtpd_certificate_refused(const struct smtpd *);

/* Shutdown: no new connections, 421 to idle sessions, messages under way may
 * finish; `idle` when the last session is gone. */
void smtpd_drain(struct smtpd *, void (*idle)(void *arg), void *arg);
/* Descriptors of clients that are open. */
unsigned smtpd_sessions(const struct smtpd *);
/* Whether a client has named a recipient of the domain with these counters, and
 * its message is not yet in the queue, nor given up. Looks at all sessions. */
bool smtpd_receives(const struct smtpd *, const struct domain_stats *);
/* Commits that the disk did not answer in time (store_timeout). While there
 * are any, no mail is taken; but where they wait for an engine that is away. */
unsigned smtpd_overdue(const struct smtpd *);

/* The lists of smtpd { dnsbl }: how many, and into so many places. */
unsigned smtpd_dnsbls(const struct smtpd *);
void smtpd_dnsbls_show(const struct smtpd *, struct snap_dnsbl *);
/* Before the first configuration: the folder for the last good copies of the
 * recipients files. Without, none are kept. */
/* `sources` fetch those that are no files; borrowed, it outlives. */
void smtpd_keep_lists(struct smtpd *, const char *folder,
    struct source_set *sources);
/* How the list of a domain is; false: it has none. */
bool
smtpd_list(const struct smtpd *, const char *domain, struct recipients_state *);
/* At most `n` of them, whatever max_sessions says: the limit of the process. */
void smtpd_bound(struct smtpd *, unsigned n);
unsigned smtpd_sessions_max(const struct smtpd *);
bool smtpd_stress(const struct smtpd *);

/* The reply that RCPT for it would get now, without its line end, and what decides
 * that, for `why`. */
void smtpd_rcpt_reply(struct smtpd *, const char *mailbox, char *dst,
    size_t size, struct buf *rule);
/* Recipient validity by the domain's file, for tests. */
enum smtpd_rcpt {
	SMTPD_RCPT_OK,
	SMTPD_RCPT_UNKNOWN,
	SMTPD_RCPT_REJECTED,
	SMTPD_RCPT_NO_DOMAIN,
	SMTPD_RCPT_UNAVAILABLE /* its file was never readable: answered 451 */
};
enum smtpd_rcpt smtpd_rcpt_check(struct smtpd *, const char *mailbox);
/* Does the domain's file name that mailbox itself (no catch-all)? */
bool smtpd_rcpt_listed(struct smtpd *, const char *domain, const char *mailbox);
/* As which its recipients are learned: by the domain's rules, without extension and
 * tag. `as` holds PATH_MAILBOX_MAX. */
void smtpd_rcpt_known_as(struct smtpd *, const char *domain,
    const char *mailbox, char *as);

#endif
