/* SPDX-License-Identifier: ISC
 * check_sts: may a sender that obeys the domain's MTA-STS policy (RFC 8461)
 * send to this host? _mta-sts.DOMAIN announces a policy, https://mta-sts.DOMAIN
 * has it. The web server's address comes from our resolver, the policy from the
 * thread of fetch/: no redirects, no more than STS_POLICY_MAX. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "doctor/doctor_int.h"
#include "doctor/sts.h"
#include "fetch/fetch.h"

#define FETCH_MS 20000
#define HTTPS	 443

struct sts_fetch {
	uint64_t step;
	struct buf content;
};

static void
fetch_free(void *arg)
{
	struct sts_fetch *f = arg;

	buf_fini(&f->content);
	mem_free(&f);
}

/* ---- the policy */

static void
judge_policy(struct doctor_run *r, const struct sts_policy *p)
{
	const char *host = r->conf->hostname;
	struct doctor_finding *f;

	if (p->mode == STS_NONE) {
		doctor_say(r, DOCTOR_mta_sts, DOCTOR_OK,
		    "the MTA-STS policy of %s has mode none", r->name);
		return;
	}
	if (sts_covers(p, host)) {
		doctor_say(r, DOCTOR_mta_sts, DOCTOR_OK,
		    "the MTA-STS policy of %s covers %s", r->name, host);
		return;
	}
	f = doctor_say(r, DOCTOR_mta_sts,
	    p->mode == STS_ENFORCE ? DOCTOR_ERROR : DOCTOR_WARNING,
	    "the MTA-STS policy of %s (mode %s) does not cover %s: senders "
	    "that follow it %s",
	    r->name, p->mode == STS_ENFORCE ? "enforce" : "testing", host,
	    p->mode == STS_ENFORCE ?
		"send nothing here, not even in an outage" :
		"report mail sent here as a failure");
	doctor_remedy(f,
	    "Add \"mx: %s\" to the policy, then change the id in "
	    "_mta-sts.%s.",
	    host, r->name);
}

static void
say_unfetched(struct doctor_run *r, const char *why)
{
	struct doctor_finding *f;

	f = doctor_say(r, DOCTOR_mta_sts, DOCTOR_WARNING,
	    "%s announces an MTA-STS policy that cannot be fetched (%s): "
	    "senders use the one that they have cached, or none",
	    r->name, why);
	doctor_remedy(f,
	    "Check https://mta-sts.%s/.well-known/mta-sts.txt, or remove the "
	    "record _mta-sts.%s.",
	    r->name, r->name);
}

static void
judge_content(struct doctor_run *r, const struct buf *b)
{
	struct sts_policy *p = mem_alloc(sizeof(*p));
	const char *why = sts_parse(buf_str(b), b->len, p);

	if (why != NULL)
		doctor_remedy(doctor_say(r, DOCTOR_mta_sts, DOCTOR_WARNING,
				  "the MTA-STS policy of %s is invalid, so "
				  "senders ignore it: %s",
				  r->name, why),
		    "Correct https://mta-sts.%s/.well-known/mta-sts.txt",
		    r->name);
	else
		judge_policy(r, p);
	mem_free(&p);
}

static void
on_fetched(struct mail *m, void *arg)
{
	struct fetch_answer *a = (struct fetch_answer *)m;
	struct sts_fetch *f = a->arg;
	struct doctor_step *s = doctor_step_find(arg, f->step);

	if (s != NULL && a->result.result != CARRY_SENT)
		say_unfetched(s->run, a->result.text);
	else if (s != NULL)
		judge_content(s->run, &f->content);
	if (s != NULL)
		doctor_step_end(s);
	fetch_free(f);
	fetch_answer_free(&a);
}

static void
begin_fetch(struct doctor_step *s, const struct net_addr *addr)
{
	const char *ca = s->run->conf->doctor.ca_file;
	struct sts_fetch *f = mem_alloc(sizeof(*f));
	char text[ADDR_TEXT_MAX];
	struct message m;
	struct net_addr to = *addr;
	struct carry c = { .timeout_ms = FETCH_MS,
		.get = true,
		.content = &f->content,
		.arg = f,
		.drop = fetch_free };

	f->step = s->id;
	buf_init(&f->content, STS_POLICY_MAX);
	addr_port_set(&to, HTTPS);
	c.connect_to = mem_printf("mta-sts.%s:%d:%s", s->run->name, HTTPS,
	    addr_text_port(&to, text));
	c.ca_file = mem_strdup(ca);
	message_init(&m, CARRY_HTTP);
	m.url = mem_printf("https://mta-sts.%s/.well-known/mta-sts.txt",
	    s->run->name);
	fetch_send(s->run->d->fetch, &m, &c);
	mem_free(&c.connect_to);
	mem_free(&c.ca_file);
}

/* ---- the announcement, and the server */

static void
on_server(struct doctor_step *s, const struct dns_answer *a)
{
	struct net_addr addr;

	if (a->n == 0) {
		say_unfetched(s->run, "the web server has no address");
		doctor_step_end(s);
		return;
	}
	addr = a->addr[0];
	begin_fetch(s, &addr);
}

static void
on_announced(struct doctor_step *s, const struct dns_answer *a)
{
	struct doctor_run *r = s->run;
	unsigned n = 0;

	for (unsigned i = 0; a->status == DNS_OK && i < a->n; i++)
		n += sts_is_record(dns_txt_at(a, i));
	if (n == 1) {
		char *host = mem_printf("mta-sts.%s", r->name);

		step_ask_addrs(s, host, on_server);
		mem_free(&host);
		return;
	}
	if (dns_is_failure(a->status))
		doctor_say_unknown(r, s->check, "its MTA-STS record", a);
	else if (n > 1)
		doctor_remedy(doctor_say(r, s->check, DOCTOR_WARNING,
				  "_mta-sts.%s has %u records, which counts as "
				  "none (RFC 8461 3.1)",
				  r->name, n),
		    "Keep only one of them.");
	else
		doctor_say(r, s->check, DOCTOR_OK, "%s has no MTA-STS policy",
		    r->name);
	doctor_step_end(s);
}

void
doctor_mta_sts(struct doctor_run *r)
{
	struct doctor_step *s;
	char *name = mem_printf("_mta-sts.%s", r->name);

	s = doctor_step_begin(r, DOCTOR_mta_sts);
	step_ask_txt(s, name, on_announced);
	mem_free(&name);
}

/* ---- the fetch thread */

static void
drop_mail(struct mail *m)
{
	struct fetch_answer *a = (struct fetch_answer *)m;

	fetch_answer_drop(&a);
}

void
doctor_fetch_create(struct doctor *d)
{
	d->box = mailbox_create();
	d->box_io = loop_mailbox(d->env.loop, d->box, on_fetched, d);
	d->fetch = fetch_client_create(d->env.fetcher, d->box, 0);
}

void
doctor_fetch_destroy(struct doctor *d)
{
	fetch_client_destroy(&d->fetch);
	loop_io_destroy(&d->box_io);
	mailbox_destroy(&d->box, drop_mail);
}
