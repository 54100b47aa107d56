/* SPDX-License-Identifier: ISC
 * policy: admission, the decision who may send what to whom. A policy is one
 * configuration with the recipients lists of its domains and the replies that
 * are the same for every session; a session keeps the one that it began with. A
 * domain costs four bytes. Loop thread, but for policy_create(). */
#ifndef MX_SMTPD_POLICY_H
#define MX_SMTPD_POLICY_H

#include "net/prefix.h"
#include "relay/smtpd/rcpt_forms.h"
#include "relay/smtpd/recipients.h"
#include "relay/smtpd/smtpd.h"
#include "smtp/command.h"

/* A list of recipients: once, however many domains name it. */
struct policy_file {
	/* The configuration's texts; of several domains the strictest limit, and
	 * a token of one of them. */
	struct recipients_conf conf;
	struct recipients *recipients; /* NULL until policy_open() */
};

enum policy_ehlo {
	EHLO_STARTTLS = 1,
	EHLO_XCLIENT = 2,
	EHLO_XFORWARD = 4,
};

struct policy {
	unsigned refs;
	struct config *conf;
	struct policy_file *file; /* ascending source */
	size_t nfiles;
	uint32_t *file_of; /* conf->domain[i]: 1 + its file, 0: any recipient */
	struct prefix_list *trusted;
	struct prefix_list *etrn;
	struct prefix_list *xclient, *xforward;
	char *banner; /* "220 ..." */
	char *ehlo[8]; /* by flags: */
	char *helo;
};

/* Takes a reference to the configuration, and some time when there are many
 * domains: any thread. */
struct policy *policy_create(struct config *);
/* Begins to read its files; those that `old` (NULL: none) has open are shared,
 * and looked at again with `recheck`. Once, before it is used. */
void policy_open(struct policy *, struct recipients_set *,
    const struct policy *old, bool recheck);
struct policy *policy_ref(struct policy *);
void policy_unref(struct policy **);

/* What decided, in the order in which it is asked. */
enum policy_rule {
	RULE_NOT_OURS,
	RULE_NOT_BACKUP, /* nor is it one of mx_backup, or nobody knows yet */
	RULE_DASHED, /* the local part begins with "-" */
	RULE_ROUTE, /* the primary could take it for one */
	RULE_POSTMASTER,
	RULE_NO_LIST, /* any recipient */
	RULE_NO_TABLE, /* the list could never be read */
	RULE_NO_DOMAIN, /* it has nobody of the domain */
	RULE_LISTED,
	RULE_REJECTED, /* the list says so */
	RULE_SRS, /* a report for another's address, rewritten by the primary */
	RULE_SRS_WAITS, /* no report */
	RULE_NOT_LISTED,
	RULE_REFUSED, /* by the primary, for so long that it is believed */
	/* Of domains without a list that learn; the last two: nothing is known,
	 * or nothing that counts, and that is taken or not. */
	RULE_LEARNED_GOOD,
	RULE_CATCH_ALL,
	RULE_LEARNED_BAD,
	RULE_UNKNOWN,
	RULE_UNKNOWN_WAITS,
	RULE_PRIMARY_UP, /* admission = "outage" */
};

/* The answer to a RCPT. Its texts live as long as the list. */
struct policy_verdict {
	const struct conf_domain *domain; /* NULL: not ours */
	enum policy_rule rule;
	const char *list; /* that was asked, or NULL */
	const char *key; /* the entry of it that decided, or "" */
	struct learned_view learned; /* of the learned rules */
	bool check; /* the primary is to be asked about learned.mailbox */
	enum smtpd_rcpt rcpt;
	uint16_t code; /* 250, or why not: */
	enum smtpd_reason reason;
	bool asked_backup; /* mx_backup is on, and the domain has no section */
	struct mx_backup_view backup; /* its answer */
	char reply[320]; /* the whole line; only with code != 250 */
	struct conf_domain taken_in; /* `domain`, when mx_backup has it */
};

/* Who wants to know. */
struct policy_asker {
	bool report; /* the sender is the null path */
	const uint64_t *client; /* its key; NULL: nobody who brings mail */
};

/* A bare <postmaster> is made that of the first configured domain (in the
 * order of names: the configuration keeps no other), in *path. */
void policy_rcpt(const struct policy *, const struct smtpd_ops *,
    const struct policy_asker *, struct smtp_path *path,
    struct policy_verdict *);

/* Appends what decided, in a sentence for the operator; -MX_ETOOBIG. */
int
policy_say(const struct policy_verdict *, const char *mailbox, struct buf *);

/* Makes it that refusal: the status and the text of the reply. */
void policy_refuse(struct policy_verdict *, enum smtpd_rcpt, uint16_t code,
    enum smtpd_reason, const char *status, const char *text);

void
policy_refuse_unknown(struct policy_verdict *); /* 550: nobody of that name */

/* Makes it the refusal of a client that is in that list. */
void policy_refuse_listed(struct policy_verdict *, const char *literal,
    const char *zone);

/* Is it one of our own: trusted, or a proxy, whose clients have limits and not
 * it? */
bool policy_exempts(const struct policy *, const struct net_addr *);

/* Does the list of that domain have the mailbox, by the domain's rules? */
bool
policy_lists(const struct policy *, const char *domain, const char *mailbox);

/* policy_learned.c: by what was learned of the recipients of that domain, which has
 * no list. False when *v already says no. */
bool policy_learned(const struct smtpd_ops *, const struct smtp_path *,
    struct policy_verdict *);
/* policy_backup.c: by what mx_backup says of that domain, which has no section;
 * v->domain is set, or *v says no: false. */
bool policy_backup(const struct policy *, const struct smtpd_ops *,
    const struct policy_asker *, const struct smtp_path *,
    struct policy_verdict *);
/* What became of it, for the counters. */
enum mx_backup_result policy_backup_result(const struct policy_verdict *);
/* The verdict about the domain, in a sentence. */
int policy_backup_say(const struct policy_verdict *, struct buf *);
/* As which its recipients are learned: see smtpd_rcpt_known_as(). */
void policy_known_as(const struct policy *, const char *domain,
    const char *mailbox, char *as);
/* What of a mailbox its domain lets its owner write himself. */
struct rcpt_rules policy_rcpt_rules(const struct conf_domain *);

/* The recipients file of a domain, or NULL: any recipient. */
const struct recipients *
policy_recipients(const struct policy *, const char *domain);

#endif
