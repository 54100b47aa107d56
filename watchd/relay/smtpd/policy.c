/* SPDX-License-Identifier: ISC
 * policy: see policy.h. Admission of a recipient, in this order: is the
 * domain configured, is the recipient known (postmaster always is), does the
 * domain want us now. Called by smtpd.c (life) and cmd_mail.c (verdicts). */
#include "relay/smtpd/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct recipients *
find_file(const struct policy *p, size_t n, const char *path)
{
	size_t i;

	if (p == NULL)
		return NULL;
	for (i = 0; i < n; i++)
		if (p->files[i] != NULL &&
		    strcmp(recipients_path(p->files[i]), path) == 0)
			return p->files[i];
	return NULL;
}

/* Domains that name the same file share it; the strictest limit holds. */
static unsigned
file_shrink(const struct config *conf, const char *path)
{
	unsigned least = 100;
	size_t i;

	for (i = 0; i < conf->ndomains; i++) {
		const struct conf_domain *d = &conf->domain[i];

		if (d->recipients != NULL && strcmp(d->recipients, path) == 0 &&
		    d->recipients_shrink < least)
			least = d->recipients_shrink;
	}
	return least;
}

static void
open_files(struct policy *p, struct loop *loop, const struct policy *old,
    bool wait)
{
	const struct config *conf = p->conf;
	struct recipients *r;
	size_t i;

	p->files = mem_array(conf->ndomains + 1, sizeof(*p->files));
	for (i = 0; i < conf->ndomains; i++) {
		const char *path = conf->domain[i].recipients;

		if (path == NULL)
			continue;
		r = find_file(p, i, path);
		if (r != NULL) {
			p->files[i] = recipients_ref(r);
			continue;
		}
		r = find_file(old, old != NULL ? old->conf->ndomains : 0, path);
		if (r != NULL) {
			p->files[i] = recipients_ref(r);
			recipients_recheck(r, file_shrink(conf, path));
			continue;
		}
		p->files[i] =
		    recipients_open(loop, path, file_shrink(conf, path), wait);
	}
}

static char *
make_ehlo(const struct config *conf, bool starttls)
{
	return mem_printf("250-%s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n"
			  "250-8BITMIME\r\n%s%s250-ENHANCEDSTATUSCODES\r\n"
			  "250-CHUNKING\r\n250-DSN\r\n250 SMTPUTF8\r\n",
	    conf->hostname, (unsigned long long)conf->smtpd.message_size,
	    starttls ? "250-STARTTLS\r\n" : "",
	    conf->smtpd.etrn.n > 0 ? "250-ETRN\r\n" : "");
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
policy_create(struct loop *loop, struct config *conf, const struct policy *old,
    bool wait)
{
	struct policy *p = mem_alloc(sizeof(*p));

	p->refs = 1;
	p->conf = config_ref(conf);
	p->trusted = prefix_list_create(&conf->smtpd.trusted);
	p->etrn = prefix_list_create(&conf->smtpd.etrn);
	p->banner = make_banner(conf);
	p->helo = mem_printf("250 %s\r\n", conf->hostname);
	p->ehlo = make_ehlo(conf, false);
	p->ehlo_starttls = make_ehlo(conf, true);
	open_files(p, loop, old, wait);
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
	for (i = 0; i < p->conf->ndomains; i++)
		recipients_unref(&p->files[i]);
	mem_free(&p->files);
	prefix_list_destroy(&p->trusted);
	prefix_list_destroy(&p->etrn);
	mem_free(&p->banner);
	mem_free(&p->helo);
	mem_free(&p->ehlo);
	mem_free(&p->ehlo_starttls);
	config_unref(&p->conf);
	mem_free(&p);
}

static void
refuse(struct policy_verdict *v, enum smtpd_rcpt rcpt, uint16_t code,
    enum smtpd_reason reason, const char *status, const char *text)
{
	v->rcpt = rcpt;
	v->code = code;
	v->reason = reason;
	snprintf(v->reply, sizeof(v->reply), "%u %s %s\r\n", code, status,
	    text);
}

/* The text of the file may begin with a status of its own. */
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
	refuse(v, SMTPD_RCPT_REJECTED, 550, SMTPD_REASON_UNKNOWN_RECIPIENT,
	    status, text[0] != '\0' ? text : "recipient refused");
}

/* False when *v already says no. */
static bool
check_listed(const struct policy *p, const struct smtp_path *path,
    struct policy_verdict *v)
{
	const struct recipients *file = p->files[v->domain - p->conf->domain];
	const char *text;

	if (file == NULL || smtp_is_postmaster(path))
		return true;
	switch (recipients_find(file, path->mailbox, &text)) {
	case RCPT_FOUND_OK:
		return true;
	case RCPT_FOUND_REJECT:
		refuse_listed(v, text);
		return false;
	case RCPT_FOUND_UNKNOWABLE:
		refuse(v, SMTPD_RCPT_UNAVAILABLE, 451, SMTPD_REASON_OTHER,
		    "4.3.0", "recipient list unavailable, try again later");
		return false;
	case RCPT_FOUND_NOT:
		break;
	}
	refuse(v, SMTPD_RCPT_UNKNOWN, 550, SMTPD_REASON_UNKNOWN_RECIPIENT,
	    "5.1.1", "no such recipient here");
	return false;
}

void
policy_rcpt(const struct policy *p, const struct smtpd_ops *ops,
    struct smtp_path *path, struct policy_verdict *v)
{
	const struct config *conf = p->conf;

	memset(v, 0, offsetof(struct policy_verdict, reply));
	if (path->domain[0] == '\0' && conf->ndomains > 0) {
		snprintf(path->mailbox, sizeof(path->mailbox), "postmaster@%s",
		    conf->domain[0].name);
		path->local_len = strlen("postmaster");
		path->domain = path->mailbox + path->local_len + 1;
	}
	if (!path->literal)
		v->domain = config_domain(conf, path->domain);
	if (v->domain == NULL) {
		refuse(v, SMTPD_RCPT_NO_DOMAIN, 554, SMTPD_REASON_RELAY_DENIED,
		    "5.7.1", "relay access denied");
		return;
	}
	if (!check_listed(p, path, v))
		return;
	v->rcpt = SMTPD_RCPT_OK;
	v->code = 250;
	if (v->domain->admission == ADMISSION_OUTAGE && ops != NULL &&
	    ops->primary_up(ops->arg, v->domain->name))
		refuse(v, SMTPD_RCPT_OK, 451, SMTPD_REASON_PRIMARY_UP, "4.3.0",
		    "the primary server is up, use it");
}
