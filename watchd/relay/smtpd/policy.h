/* SPDX-License-Identifier: ISC
 * policy: admission: which client may send to which recipient. A policy is one
 * configuration with the recipients lists of its domains and the replies that
 * are the same for every session; a session keeps the one that it began with. A
 * domain costs four bytes. Loop thread, except for policy_create(). */
#ifndef MX_SMTPD_POLICY_H
#define MX_SMTPD_POLICY_H

#include "net/prefix.h"
#include "relay/smtpd/rcpt_forms.h"
#include "relay/smtpd/recipients.h"
#include "relay/smtpd/smtpd.h"
#include "smtp/command.h"

/* A list of recipients, once for all domains that name it. */
struct policy_file {
	/* Strings of the configuration; where domains differ, the strictest
	 * limit, and one of their tokens. */
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

/* Takes a reference to the configuration; slow with many domains: any
 * thread. */
struct policy *policy_create(struct config *);
/* Starts to read its files; those that `old` (NULL: none) has open are shared,
 * and checked again with `recheck`. To be called once, before the policy is
 * used. */
void policy_open(struct policy *, struct recipients_set *,
    const struct policy *old, bool recheck);
struct policy *policy_ref(struct policy *);
void policy_unref(struct policy **);

/* The rule that decided, in the order in which they are checked. */
enum policy_rule {
	RULE_NOT_OURS,
	/* nor is it one of mx_backup, or that is not known yet */
	RULE_NOT_BACKUP,
	RULE_DASHED, /* the local part begins with "-" */
	RULE_ROUTE, /* the primary could take it for a source route */
	RULE_POSTMASTER,
	RULE_NO_LIST, /* no list: any recipient is accepted */
	RULE_NO_TABLE, /* the list was never readable */
	RULE_NO_DOMAIN, /* it has no entry of the domain */
	RULE_LISTED,
	RULE_REJECTED, /* refused by the list */
	RULE_SRS, /* a notification to an SRS address of the primary */
	RULE_SRS_WAITS, /* other mail to such an address */
	RULE_NOT_LISTED,
	/* refused by the primary for so long that it is believed */
	RULE_REFUSED,
	/* Domains without a list whose recipients are learned; the last two:
	 * nothing is known, or nothing that counts, and the recipient is
	 * accepted or deferred. */
	RULE_LEARNED_GOOD,
	RULE_CATCH_ALL,
	RULE_LEARNED_BAD,
	RULE_UNKNOWN,
	RULE_UNKNOWN_WAITS,
	RULE_PRIMARY_UP, /* admission = "outage" */
};

/* The answer to a RCPT. Its strings live as long as the list. */
struct policy_verdict {
	const struct conf_domain *domain; /* NULL: no domain of ours */
	enum policy_rule rule;
	const char *list; /* list that was searched, or NULL */
	const char *key; /* the list entry that decided, or "" */
	struct learned_view learned; /* of the learned rules */
	bool check; /* ask the primary about learned.mailbox */
	enum smtpd_rcpt rcpt;
	uint16_t code; /* 250, or the code of the refusal: */
	enum smtpd_reason reason;
	bool asked_backup; /* mx_backup is on, and the domain has no section */
	struct mx_backup_view backup; /* its answer */
	char reply[320]; /* the whole line; only with code != 250 */
	struct conf_domain taken_in; /* `domain`, when mx_backup has it */
};

/* The client on whose behalf the question is asked. */
struct policy_asker {
	bool report; /* the sender is the null path */
	const uint64_t *client; /* its key; NULL: a mere query */
};

/* Decides about a recipient. A bare <postmaster> gets the first configured
 * domain (in the order of names), in *path. */
void policy_rcpt(const struct policy *, const struct smtpd_ops *,
    const struct policy_asker *, struct smtp_path *path,
    struct policy_verdict *);

/* Appends the decision as a sentence for the operator; -MX_ETOOBIG. */
int
policy_say(const struct policy_verdict *, const char *mailbox, struct buf *);

/* Turns the verdict into this refusal, with the status and text of the
 * reply. */
void policy_refuse(struct policy_verdict *, enum smtpd_rcpt, uint16_t code,
    enum smtpd_reason, const char *status, const char *text);

void
policy_refuse_unknown(struct policy_verdict *); /* 550: unknown recipient */

/* Turns it into the refusal of a client listed in that zone. */
void policy_refuse_listed(struct policy_verdict *, const char *literal,
    const char *zone);

/* Is the client exempt from limits: trusted, or a proxy, whose clients are
 * limited instead? */
bool policy_exempts(const struct policy *, const struct net_addr *);

/* Does the list of that domain have the mailbox, by the domain's rules? */
bool
policy_lists(const struct policy *, const char *domain, const char *mailbox);

/* policy_learned.c: decides about a recipient of a domain without a list by
 * what was learned. False when *v refuses it already. */
bool policy_learned(const struct smtpd_ops *, const struct smtp_path *,
    struct policy_verdict *);
/* policy_backup.c: decides about a domain without a section by mx_backup: sets
 * v->domain, or *v refuses it: false. */
bool policy_backup(const struct policy *, const struct smtpd_ops *,
    const struct policy_asker *, const struct smtp_path *,
    struct policy_verdict *);
/* The result, for the counters. */
enum mx_backup_result policy_backup_result(const struct policy_verdict *);
/* The verdict about the domain, as a sentence. */
int policy_backup_say(const struct policy_verdict *, struct buf *);
/* The name under which a recipient is learned: see smtpd_rcpt_known_as(). */
void policy_known_as(const struct policy *, const char *domain,
    const char *mailbox, char *as);
/* The additions to a local part that the domain allows. */
struct rcpt_rules policy_rcpt_rules(const struct conf_domain *);

/* The recipients file of a domain, or NULL: any recipient. */
const struct recipients *
policy_recipients(const struct policy *, const char *domain);

#endif
