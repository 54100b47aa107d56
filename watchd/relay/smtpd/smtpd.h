/* SPDX-License-Identifier: ISC
 * smtpd: receives mail (RFC 5321). Listens, limits and serves sessions: bytes
 * -> smtp/command -> sequence check -> admission (policy.h) -> effect -> reply.
 * 250 to the final dot is sent only from the queue's completion. Loop thread
 * only. */
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

enum smtpd_etrn { /* result of an ETRN */
	SMTPD_ETRN_STARTED,
	SMTPD_ETRN_RUNNING, /* a flush is under way already */
	SMTPD_ETRN_EMPTY,
	SMTPD_ETRN_HELD, /* the operator holds the domain */
};

struct smtpd_ops {
	/* Is the domain's primary up? For admission = "outage". */
	bool (*primary_up)(void *arg, const char *domain);
	/* An authorised client asks for the mail of the domain (ETRN). *n:
	 * number of messages, once it is started. */
	enum smtpd_etrn (*etrn)(void *arg, const char *domain,
	    const char *client, uint64_t *n);
	/* Has the primary permanently refused that recipient of a list written
	 * at `list_ms` (wall)? NULL: unknown. */
	bool (*refused)(void *arg, const char *domain, const char *mailbox,
	    int64_t list_ms);
	/* What was learned about a recipient of the domain; false: nothing is
	 * learned for that domain. NULL: for none. */
	bool (*learned)(void *arg, const char *domain, const char *mailbox,
	    struct learned_view *);
	/* A client (0: a local question) asked for a recipient about which the
	 * primary may be asked. NULL: it is not asked. */
	void (*check)(void *arg, const char *domain, const char *mailbox,
	    uint64_t client);
	/* Asks mx_backup about a domain without a section: for a client, or
	 * (NULL) as a mere query. False: it is off. NULL: off. */
	bool (*backup)(void *arg, const char *domain, const uint64_t *client,
	    struct mx_backup_view *);
	/* A recipient of such a domain was accepted. */
	void (*backup_accepted)(void *arg, const char *domain);
	/* Does that ENVID belong to a drill of this server (drill/drill.h)? Its
	 * message is queued, or discarded, as `id`. NULL: there are none. */
	bool (*drill)(void *arg, const char *envid);
	void (*drill_queued)(void *arg, const char *envid, uint64_t id);
	/* Is that the address of a primary? NULL: unknown. */
	bool (*is_primary)(void *arg, const struct net_addr *);
	void *arg;
};

struct smtpd *smtpd_create(struct loop *, struct queue *, struct stats *,
    const struct smtpd_ops *);
/* Closes listeners and sessions at once. */
void smtpd_destroy(struct smtpd **);

/* Binds new addresses, closes removed ones, keeps the rest: a failure leaves
 * all unchanged (-MX_ENET, *eb has the address and the reason). To be called
 * before privileges are dropped, for low ports. */
int smtpd_listen(struct smtpd *, const struct config *,
    struct mx_errbuf *) MX_NODISCARD;

/* A configuration is applied in three steps, the first of which may be slow.
 * Only that one can fail (-MX_ETLS: an unreadable certificate); then nothing
 * has changed. */
struct smtpd_setup;
/* Takes a reference; loads certificates. Any thread. NULL: see *eb. */
struct smtpd_setup *smtpd_setup_create(struct config *, struct mx_errbuf *eb);
/* The same for other domains under the same settings: loaded certificates and
 * lists are not checked again. */
struct smtpd_setup *smtpd_setup_domains(struct config *);
void smtpd_setup_destroy(struct smtpd_setup **);
/* Starts to read its recipients files, in their thread. Until a file was read
 * for the first time its domains' recipients get 451. */
void smtpd_setup_open(struct smtpd *, struct smtpd_setup *);
/* New sessions use it, whether or not all files were read. */
void smtpd_setup_use(struct smtpd *, struct smtpd_setup **);
/* All three at once. */
int smtpd_configure(struct smtpd *, struct config *,
    struct mx_errbuf *) MX_NODISCARD;

/* Number of recipients files that smtpd_setup_open() asked for and that were
 * not read yet. `done` is called from a task whenever it drops to 0. */
size_t smtpd_files_unread(const struct smtpd *);
void smtpd_on_read(struct smtpd *, void (*done)(void *arg), void *arg);

/* To be called every second or so: lets the helper check whether the
 * certificate has changed. The next STARTTLS uses it; an unusable one is
 * logged. */
void smtpd_tick(struct smtpd *, struct helper *, int64_t now);
/* True while the present files are unusable, and the previous certificate is in
 * use. */
bool smtpd_certificate_refused(const struct smtpd *);

/* Shutdown: no new connections, 421 to idle sessions, messages under way may
 * complete; `idle` is called when the last session is gone. */
void smtpd_drain(struct smtpd *, void (*idle)(void *arg), void *arg);
/* Number of open client descriptors. */
unsigned smtpd_sessions(const struct smtpd *);
/* Has a client named a recipient of the domain with these counters in a message
 * that is neither queued nor given up yet? Looks at all sessions. */
bool smtpd_receives(const struct smtpd *, const struct domain_stats *);
/* Commits that exceed store_timeout. While there are any no mail is accepted,
 * unless they wait for an engine that is away. */
unsigned smtpd_overdue(const struct smtpd *);

/* The lists of smtpd { dnsbl }: their number, and an array of that size filled
 * in. */
unsigned smtpd_dnsbls(const struct smtpd *);
void smtpd_dnsbls_show(const struct smtpd *, struct snap_dnsbl *);
/* Before the first configuration: the folder for the last good copies of
 * recipients files. Without it none are kept. */
/* `sources` fetches lists that are not files; borrowed, must outlive smtpd. */
void smtpd_keep_lists(struct smtpd *, const char *folder,
    struct source_set *sources);
/* The state of a domain's list; false: it has none. */
bool
smtpd_list(const struct smtpd *, const char *domain, struct recipients_state *);
/* Limits the sessions below max_sessions, by the limits of the process. */
void smtpd_bound(struct smtpd *, unsigned n);
unsigned smtpd_sessions_max(const struct smtpd *);
bool smtpd_stress(const struct smtpd *);

/* The reply that RCPT would get now, without its line end, and the rule that
 * decides, for `why`. */
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
/* The name under which a recipient is learned: by the domain's rules, without
 * extension and tag. `as` holds PATH_MAILBOX_MAX. */
void smtpd_rcpt_known_as(struct smtpd *, const char *domain,
    const char *mailbox, char *as);

#endif
