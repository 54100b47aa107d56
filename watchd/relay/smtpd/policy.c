/* SPDX-License-Identifier: ISC
 * policy: see policy.h. Admission of a recipient, in this order: is the domain
 * configured, could its primary take the local part for a source route, is the
 * recipient known (postmaster always is), does the domain accept mail now.
 * Called by smtpd.c (life) and cmd_mail.c (verdicts). */
#include "relay/smtpd/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A domain's reference to a list, while the lists are collected. */
struct named {
	const char *source;
	uint32_t domain;
};

static int
compare_named(const void *va, const void *vb)
{
	const struct named *a = va, *b = vb;

	/* Equal strings of a configuration are interned (config.h). */
	return a->source == b->source ? 0 : strcmp(a->source, b->source);
}

static void
share(struct recipients_conf *conf, const struct conf_domain *d)
{
	if (d->recipients_shrink < conf->shrink)
		conf->shrink = d->recipients_shrink;
	if (conf->token_file == NULL)
		conf->token_file = d->recipients_token_file;
}

/* Domains that name the same list share it. */
static void
files_create(struct policy *p)
{
	const struct config *conf = p->conf;
	struct named *named = mem_array(conf->ndomains + 1, sizeof(*named));
	const struct conf_domain *d;
	struct policy_file *f = NULL;
	size_t i, n = 0;

	for (i = 0; i < conf->ndomains; i++)
		if (conf->domain[i].recipients != NULL)
			named[n++] = (struct named){ conf->domain[i].recipients,
				(uint32_t)i };
	qsort(named, n, sizeof(*named), compare_named);
	p->file = mem_array(n + 1, sizeof(*p->file));
	p->file_of = mem_array(conf->ndomains + 1, sizeof(*p->file_of));
	for (i = 0; i < n; i++) {
		d = &conf->domain[named[i].domain];
		if (f == NULL || strcmp(f->conf.source, named[i].source) != 0) {
			f = &p->file[p->nfiles++];
			f->conf.source = named[i].source;
			f->conf.shrink = d->recipients_shrink;
		}
		share(&f->conf, d);
		p->file_of[named[i].domain] = (uint32_t)p->nfiles;
	}
	mem_free(&named);
}

/* Both arrays are sorted by source. */
void
policy_open(struct policy *p, struct recipients_set *set,
    const struct policy *old, bool recheck)
{
	size_t nold = old != NULL ? old->nfiles : 0, i, k = 0;
	struct policy_file *f;
	int order;

	for (i = 0; i < p->nfiles; i++) {
		f = &p->file[i];
		order = -1;
		while (k < nold &&
		    (order = strcmp(old->file[k].conf.source, f->conf.source)) <
			0)
			k++;
		if (k == nold || order != 0) {
			f->recipients = recipients_open(set, &f->conf);
			continue;
		}
		f->recipients = recipients_ref(old->file[k].recipients);
		if (recheck)
			recipients_recheck(f->recipients, &f->conf);
	}
}

static char *
make_ehlo(const struct config *conf, unsigned flags)
{
	return mem_printf("250-%s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n"
			  "250-8BITMIME\r\n%s%s%s%s"
			  "250-ENHANCEDSTATUSCODES\r\n"
			  "250-CHUNKING\r\n250-DSN\r\n250-SMTPUTF8\r\n"
			  "250 " SMTP_BACKUP_WORD "\r\n",
	    conf->hostname, (unsigned long long)conf->smtpd.message_size,
	    flags & EHLO_STARTTLS ? "250-STARTTLS\r\n" : "",
	    conf->smtpd.etrn.n > 0 ? "250-ETRN\r\n" : "",
	    flags & EHLO_XCLIENT ? "250-XCLIENT NAME ADDR PORT PROTO HELO\r\n" :
				   "",
	    flags & EHLO_XFORWARD ?
		"250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n" :
		"");
}

static char *
make_banner(const struct config *conf)
{
	const char *text = conf->smtpd.banner != NULL ? conf->smtpd.banner : "";
	char *s = mem_printf("220 %s ESMTP%s%.200s\r\n", conf->hostname,
	    text[0] != '\0' ? " " : "", text);
	size_t i;

	for (i = 0; s[i + 2] != '\0'; i++)
		if ((unsigned char)s[i] < ' ' || (unsigned char)s[i] > 126)
			s[i] = '?';
	return s;
}

struct policy *
policy_create(struct config *conf)
{
	struct policy *p = mem_alloc(sizeof(*p));
	unsigned i;

	p->refs = 1;
	p->conf = config_ref(conf);
	p->trusted =
	    prefix_list_create(conf->smtpd.trusted.s, conf->smtpd.trusted.n);
	p->etrn = prefix_list_create(conf->smtpd.etrn.s, conf->smtpd.etrn.n);
	p->banner = make_banner(conf);
	p->helo = mem_printf("250 %s\r\n", conf->hostname);
	p->xclient =
	    prefix_list_create(conf->smtpd.xclient.s, conf->smtpd.xclient.n);
	p->xforward =
	    prefix_list_create(conf->smtpd.xforward.s, conf->smtpd.xforward.n);
	for (i = 0; i < MX_COUNT(p->ehlo); i++)
		p->ehlo[i] = make_ehlo(conf, i);
	files_create(p);
	return p;
}

struct policy *
policy_ref(struct policy *p)
{
	p->refs++;
	return p;
}

void
policy_unref(struct policy **pp)
{
	struct policy *p = *pp;
	size_t i;

	*pp = NULL;
	if (p == NULL || --p->refs > 0)
		return;
	for (i = 0; i < p->nfiles; i++)
		recipients_unref(&p->file[i].recipients);
	mem_free(&p->file);
	mem_free(&p->file_of);
	prefix_list_destroy(&p->trusted);
	prefix_list_destroy(&p->etrn);
	prefix_list_destroy(&p->xclient);
	prefix_list_destroy(&p->xforward);
	mem_free(&p->banner);
	mem_free(&p->helo);
	for (i = 0; i < MX_COUNT(p->ehlo); i++)
		mem_free(&p->ehlo[i]);
	config_unref(&p->conf);
	mem_free(&p);
}

void
policy_refuse(struct policy_verdict *v, enum smtpd_rcpt rcpt, uint16_t code,
    enum smtpd_reason reason, const char *status, const char *text)
{
	v->rcpt = rcpt;
	v->code = code;
	v->reason = reason;
	snprintf(v->reply, sizeof(v->reply), "%u %s %s\r\n", code, status,
	    text);
}

void
policy_refuse_unknown(struct policy_verdict *v)
{
	policy_refuse(v, SMTPD_RCPT_UNKNOWN, 550,
	    SMTPD_REASON_UNKNOWN_RECIPIENT, "5.1.1", "no such recipient here");
}

void
policy_refuse_listed(struct policy_verdict *v, const char *literal,
    const char *zone)
{
	char text[300];

	snprintf(text, sizeof(text), "client %s is blocked by %.190s", literal,
	    zone);
	policy_refuse(v, v->rcpt, 554, SMTPD_REASON_DNSBL, "5.7.1", text);
}

/* The text from the list may begin with an enhanced status. */
static void
refuse_listed(struct policy_verdict *v, const char *text)
{
	struct smtp_status st;
	char status[16] = "5.7.1";
	size_t n = smtp_status_parse(text, &st);

	if (n > 0 && st.cls == 5 && (text[n] == ' ' || text[n] == '\0')) {
		smtp_status_fmt(&st, status);
		text += n + (text[n] == ' ');
	}
	policy_refuse(v, SMTPD_RCPT_REJECTED, 550,
	    SMTPD_REASON_UNKNOWN_RECIPIENT, status,
	    text[0] != '\0' ? text : "recipient refused");
}

struct rcpt_rules
policy_rcpt_rules(const struct conf_domain *d)
{
	return (struct rcpt_rules){
		.delimiter = d->recipient_delimiter != NULL ?
		    d->recipient_delimiter :
		    "",
		.batv = d->recipient_batv,
	};
}

/* Searches the list of a domain; v has the list's name. */
static enum rcpt_found
find(const struct policy *p, const struct conf_domain *d, const char *mailbox,
    struct policy_verdict *v, struct rcpt_match *m)
{
	static const enum policy_rule rules[] = {
		[RCPT_FOUND_OK] = RULE_LISTED,
		[RCPT_FOUND_REJECT] = RULE_REJECTED,
		[RCPT_FOUND_NOT] = RULE_NOT_LISTED,
		[RCPT_FOUND_NO_DOMAIN] = RULE_NO_DOMAIN,
		[RCPT_FOUND_UNKNOWABLE] = RULE_NO_TABLE,
	};
	uint32_t file = p->file_of[d - p->conf->domain];
	struct rcpt_rules of = policy_rcpt_rules(d);
	enum rcpt_found found;
	struct recipients *r;

	m->key = m->text = "";
	v->rule = RULE_NO_LIST;
	if (file == 0)
		return RCPT_FOUND_OK;
	r = p->file[file - 1].recipients;
	found = recipients_find(r, &of, mailbox, m);
	v->rule = rules[found];
	v->list = recipients_name(r);
	v->key = m->key;
	return found;
}

/* An SRS address is not in the list: the primary created it, and only it can
 * check the hash. For a recipient of ours the rewritten address is looked up;
 * for others a notification is accepted, since nobody can bounce it, and other
 * mail has to wait for the primary. */
static enum rcpt_found
find_srs(const struct policy *p, const char *mailbox, bool report,
    struct policy_verdict *v, struct rcpt_match *m)
{
	char core[PATH_MAILBOX_MAX];
	const struct conf_domain *d;

	if (!rcpt_srs(mailbox, core))
		return RCPT_FOUND_NOT;
	d = config_domain(p->conf, strrchr(core, '@') + 1);
	if (d != NULL)
		return find(p, d, core, v, m);
	v->rule = report ? RULE_SRS : RULE_SRS_WAITS;
	return report ? RCPT_FOUND_OK : RCPT_FOUND_UNKNOWABLE;
}

/* False when *v refuses it already. */
static bool
check_listed(const struct policy *p, const struct smtpd_ops *ops,
    const struct smtp_path *path, bool report, struct policy_verdict *v)
{
	enum rcpt_found found;
	struct rcpt_match m;

	v->rule = RULE_POSTMASTER;
	if (smtp_is_postmaster(path) && !v->domain->mx_backup)
		return true;
	if (v->domain->recipients == NULL && v->domain->recipients_learn)
		return policy_learned(ops, path, v);
	found = find(p, v->domain, path->mailbox, v, &m);
	if (found == RCPT_FOUND_NOT && v->domain->recipient_srs)
		found = find_srs(p, path->mailbox, report, v, &m);
	switch (found) {
	case RCPT_FOUND_OK:
		return true;
	case RCPT_FOUND_REJECT:
		refuse_listed(v, m.text);
		return false;
	case RCPT_FOUND_NO_DOMAIN:
	case RCPT_FOUND_UNKNOWABLE:
		policy_refuse(v, SMTPD_RCPT_UNAVAILABLE, 451,
		    SMTPD_REASON_OTHER, "4.3.0",
		    v->rule == RULE_NO_DOMAIN ?
			"recipient list has no entry of this domain, try again "
			"later" :
			v->rule == RULE_SRS_WAITS ?
			"only the primary server can verify this address, try "
			"again later" :
			"recipient list unavailable, try again later");
		return false;
	case RCPT_FOUND_NOT:
		break;
	}
	policy_refuse_unknown(v);
	return false;
}

bool
policy_exempts(const struct policy *p, const struct net_addr *a)
{
	return prefix_list_match(p->trusted, a) ||
	    prefix_list_match(p->xclient, a);
}

const struct recipients *
policy_recipients(const struct policy *p, const char *domain)
{
	const struct conf_domain *d = config_domain(p->conf, domain);
	uint32_t file = d != NULL ? p->file_of[d - p->conf->domain] : 0;

	return file != 0 ? p->file[file - 1].recipients : NULL;
}

/* The list has it, and the primary has refused it for so long that this is
 * believed: until the list changes, mail for it would only bounce. */
static bool
check_refused(const struct policy *p, const struct smtpd_ops *ops,
    const struct smtp_path *path, struct policy_verdict *v)
{
	const struct recipients *r = policy_recipients(p, v->domain->name);

	if (r == NULL || ops == NULL || ops->refused == NULL ||
	    !ops->refused(ops->arg, v->domain->name, path->mailbox,
		recipients_written_ms(r)))
		return true;
	v->rule = RULE_REFUSED;
	policy_refuse(v, SMTPD_RCPT_UNAVAILABLE, 450, SMTPD_REASON_OTHER,
	    "4.1.1",
	    "the primary server refuses this recipient, try again later");
	return false;
}

/* The primary trusts us, and would relay what it takes for a source route. Only
 * a list entry of that very address shows that it is none. */
static bool
check_route(const struct policy *p, const struct smtp_path *path,
    struct policy_verdict *v)
{
	const struct recipients *r = policy_recipients(p, v->domain->name);

	v->rule = RULE_DASHED;
	if (smtp_is_dashed(path)) {
		policy_refuse(v, SMTPD_RCPT_REJECTED, 501, SMTPD_REASON_SYNTAX,
		    "5.1.3", "bad recipient address");
		return false;
	}
	if (p->conf->smtpd.untrusted_routing || !smtp_has_route(path) ||
	    (r != NULL && recipients_names(r, path->mailbox)))
		return true;
	if (r != NULL && !recipients_known(r))
		return true; /* reported by check_listed() */
	v->rule = RULE_ROUTE;
	policy_refuse(v, SMTPD_RCPT_NO_DOMAIN, 554, SMTPD_REASON_RELAY_DENIED,
	    "5.7.1", "source routing in the local part is not allowed");
	return false;
}

bool
policy_lists(const struct policy *p, const char *domain, const char *mailbox)
{
	const struct conf_domain *d = config_domain(p->conf, domain);
	const struct recipients *r = policy_recipients(p, domain);
	struct rcpt_rules rules;

	if (r == NULL)
		return false;
	rules = policy_rcpt_rules(d);
	return recipients_lists(r, &rules, mailbox);
}

void
policy_rcpt(const struct policy *p, const struct smtpd_ops *ops,
    const struct policy_asker *asker, struct smtp_path *path,
    struct policy_verdict *v)
{
	const struct config *conf = p->conf;

	memset(v, 0, offsetof(struct policy_verdict, reply));
	v->rule = RULE_NOT_OURS;
	v->key = "";
	if (path->domain[0] == '\0' && conf->ndomains > 0) {
		snprintf(path->mailbox, sizeof(path->mailbox), "postmaster@%s",
		    conf->domain[0].name);
		path->local_len = strlen("postmaster");
		path->domain = path->mailbox + path->local_len + 1;
	}
	if (!path->literal)
		v->domain = config_domain(conf, path->domain);
	if (v->domain == NULL && !policy_backup(p, ops, asker, path, v))
		return;
	if (!check_route(p, path, v) ||
	    !check_listed(p, ops, path, asker->report, v) ||
	    !check_refused(p, ops, path, v))
		return;
	v->rcpt = SMTPD_RCPT_OK;
	v->code = 250;
	if (v->domain->admission != ADMISSION_OUTAGE || ops == NULL ||
	    !ops->primary_up(ops->arg, v->domain->name))
		return;
	v->rule = RULE_PRIMARY_UP;
	policy_refuse(v, SMTPD_RCPT_OK, 451, SMTPD_REASON_PRIMARY_UP, "4.3.0",
	    "the primary server is up, use it");
}
