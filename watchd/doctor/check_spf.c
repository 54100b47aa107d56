/* SPDX-License-Identifier: ISC
 * check_spf: our reports have the null sender, so a server judges them by the
 * SPF record of the name in EHLO (RFC 7208 2.3). One step finds the record,
 * then one step for each of our source addresses evaluates it. */
#include <string.h>

#include "base/mem.h"
#include "doctor/doctor_int.h"
#include "doctor/spf.h"

static void on_asked(struct doctor_step *, const struct dns_answer *);

static void
data_free(void *data)
{
	struct spf *q = data;

	spf_end(q);
	mem_free(&q);
}

static void
say_refused(struct doctor_step *s, enum doctor_severity severity,
    const char *what)
{
	const char *host = s->run->conf->hostname;
	char text[ADDR_TEXT_MAX];
	struct doctor_finding *f;

	(void)addr_text(&s->addr, text);
	f = doctor_say(s->run, s->check, severity,
	    "the SPF record of %s %s %s, from which mail is sent: delivery "
	    "reports are checked against it and may be refused",
	    host, what, text);
	doctor_remedy(f, "Add ip%c:%s to it, before \"all\".",
	    s->addr.u.sa.sa_family == AF_INET ? '4' : '6', text);
}

/* Is the term in question in the record of another name? */
static bool
elsewhere(const struct doctor_step *s)
{
	const struct spf *q = s->data;

	return strcmp(q->where, s->run->conf->hostname) != 0;
}

static void
say_wrong(struct doctor_step *s)
{
	const char *host = s->run->conf->hostname;
	const struct spf *q = s->data;
	struct doctor_finding *f;

	f = doctor_say(s->run, s->check, DOCTOR_WARNING,
	    "the SPF record of %s is invalid at \"%s\"%s%s%s: some servers "
	    "refuse mail because of that",
	    host, q->why, elsewhere(s) ? " in that of " : "",
	    elsewhere(s) ? q->where : "",
	    q->lookups > SPF_LOOKUPS ? ", the 11th term with a look-up" :
		q->voids > SPF_VOIDS ? ", the 3rd look-up of nothing" :
				       "");
	if (q->lookups > SPF_LOOKUPS)
		doctor_remedy(f,
		    "Name addresses (ip4:, ip6:) instead: 10 look-ups are "
		    "allowed, those of included records among them "
		    "(RFC 7208 4.6.4).");
}

static void
say_result(struct doctor_step *s, enum spf_result result)
{
	const struct spf *q = s->data;
	const char *host = s->run->conf->hostname;
	char text[ADDR_TEXT_MAX];

	(void)addr_text(&s->addr, text);
	switch (result) {
	case SPF_PASS:
		doctor_say(s->run, s->check, DOCTOR_OK,
		    "the SPF record of %s permits %s", host, text);
		break;
	case SPF_FAIL:
		say_refused(s, DOCTOR_ERROR, "forbids");
		break;
	case SPF_SOFTFAIL:
		say_refused(s, DOCTOR_WARNING, "advises against (~)");
		break;
	case SPF_NEUTRAL:
		say_refused(s, DOCTOR_INFO, "does not mention");
		break;
	case SPF_PERMERROR:
		say_wrong(s);
		break;
	case SPF_UNJUDGED:
		doctor_say(s->run, s->check, DOCTOR_INFO,
		    "whether the SPF record of %s permits %s depends on "
		    "\"%s\"%s%s, which is not evaluated here",
		    host, text, q->why, elsewhere(s) ? " in that of " : "",
		    elsewhere(s) ? q->where : "");
		break;
	default:
		doctor_say(s->run, s->check, DOCTOR_INFO,
		    "the names in the SPF record of %s could not be looked up, "
		    "so it was not checked",
		    host);
		break;
	}
}

static void
evaluate(struct doctor_step *s)
{
	struct spf *q = s->data;
	enum spf_result result = spf_next(q);

	if (result == SPF_ASK_ADDRS)
		step_ask_addrs(s, q->name, on_asked);
	else if (result == SPF_ASK_MX)
		step_ask_mx(s, q->name, on_asked);
	else if (result == SPF_ASK_TXT)
		step_ask_txt(s, q->name, on_asked);
	else {
		say_result(s, result);
		doctor_step_end(s);
	}
}

static void
on_asked(struct doctor_step *s, const struct dns_answer *a)
{
	spf_answer(s->data, a);
	evaluate(s);
}

static void
begin_evaluation(struct doctor_run *r, const char *record)
{
	struct net_addr addr[DOCTOR_SOURCES_MAX];
	unsigned n = doctor_sources(r, addr);
	struct doctor_step *s;
	struct spf *q;

	for (unsigned i = 0; i < n; i++) {
		if (doctor_is_private(&addr[i]))
			continue; /* the check `ptr` has a finding */
		s = doctor_step_begin(r, DOCTOR_spf);
		s->addr = addr[i];
		s->data = q = mem_alloc(sizeof(*q));
		s->data_free = data_free;
		spf_begin(q, record, r->conf->hostname, &addr[i]);
		evaluate(s);
	}
}

static void
say_none(struct doctor_run *r)
{
	const char *host = r->conf->hostname;
	struct doctor_finding *f;

	f = doctor_say(r, DOCTOR_spf, DOCTOR_INFO,
	    "%s has no SPF record: delivery reports, which have a null sender, "
	    "are checked against this EHLO name",
	    host);
	doctor_remedy(f, "Publish: %s. TXT \"v=spf1 a -all\"", host);
}

static void
on_record(struct doctor_step *s, const struct dns_answer *a)
{
	struct doctor_run *r = s->run;
	const char *record = NULL;
	unsigned n = 0;

	for (unsigned i = 0; a->status == DNS_OK && i < a->n; i++)
		if (spf_is_record(dns_txt_at(a, i))) {
			record = dns_txt_at(a, i);
			n++;
		}
	if (dns_is_failure(a->status))
		doctor_say_unknown(r, s->check, "its SPF record", a);
	else if (n == 0)
		say_none(r);
	else if (n > 1)
		doctor_remedy(
		    doctor_say(r, s->check, DOCTOR_WARNING,
			"%s has %u SPF records, which is an error (RFC 7208 "
			"4.5): some servers refuse mail because of that",
			r->conf->hostname, n),
		    "Keep only one of them.");
	else
		begin_evaluation(r, record);
	doctor_step_end(s);
}

void
doctor_spf(struct doctor_run *r)
{
	struct doctor_step *s = doctor_step_begin(r, DOCTOR_spf);

	step_ask_txt(s, r->conf->hostname, on_record);
}
