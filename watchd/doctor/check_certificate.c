/* SPDX-License-Identifier: ISC
 * check_certificate: the TLS certificate of smtpd as seen by its clients:
 * certificate, tlsa. The helper thread reads the file, once for both. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "doctor/doctor_int.h"

struct cert_job {
	struct helper_job job; /* first */
	struct doctor *doctor;
	uint64_t step;
	char *path;
	struct tls_cert *cert; /* NULL: see why */
	struct mx_errbuf why;
};

static void
job_run(struct helper_job *j)
{
	struct cert_job *c = (struct cert_job *)j;

	c->cert = tls_cert_load(c->path, &c->why);
}

static void
job_free(struct helper_job *j)
{
	struct cert_job *c = (struct cert_job *)j;

	tls_cert_destroy(&c->cert);
	mem_free(&c->path);
	mem_free(&c);
}

/* ---- the certificate */

static void
say_end(struct doctor_step *s, int64_t end)
{
	int64_t left = end - clock_wall();
	char at[40], in[32];
	struct doctor_finding *f;

	text_date_3339(end, at, sizeof(at));
	text_duration_fmt(left > 0 ? left * 1000 : 0, in, sizeof(in));
	if (end == 0 || left > DOCTOR_EXPIRY_S) {
		doctor_say(s->run, s->check, DOCTOR_OK,
		    "the certificate of smtpd is for %s and expires at %s",
		    s->run->conf->hostname, end == 0 ? "an unknown time" : at);
		return;
	}
	if (left > 0)
		f = doctor_say(s->run, s->check, DOCTOR_WARNING,
		    "the certificate of smtpd expires at %s, in %s: after "
		    "that, senders that verify it send nothing here",
		    at, in);
	else
		f = doctor_say(s->run, s->check, DOCTOR_ERROR,
		    "the certificate of smtpd expired at %s: senders that "
		    "verify it send nothing here",
		    at);
	doctor_remedy(f, "Renew %s; it is read again when it has changed.",
	    s->run->conf->smtpd.tls_cert);
}

static void
judge_certificate(struct doctor_step *s, const struct cert_job *c)
{
	const char *host = s->run->conf->hostname;
	struct doctor_finding *f;

	if (c->cert == NULL) {
		doctor_say(s->run, s->check, DOCTOR_WARNING,
		    "the certificate of smtpd cannot be read: %s", c->why.text);
		return;
	}
	say_end(s, tls_cert_not_after(c->cert));
	if (tls_cert_covers(c->cert, host))
		return;
	f = doctor_say(s->run, s->check, DOCTOR_ERROR,
	    "the certificate of smtpd is not for %s: senders that verify it "
	    "(MTA-STS) send nothing here",
	    host);
	doctor_remedy(f, "Get one with the DNS name %s.", host);
}

/* ---- TLSA records, after the certificate was read */

static void
cert_free(void *data)
{
	struct tls_cert *cert = data;

	tls_cert_destroy(&cert);
}

static void
judge_tlsa(struct doctor_step *s, const struct dns_answer *a)
{
	const char *host = s->run->conf->hostname;
	struct doctor_finding *f;
	unsigned i;

	for (i = 0; i < a->n && !tls_cert_fits(s->data, a, &a->tlsa[i]); i++)
		;
	if (i < a->n) {
		doctor_say(s->run, s->check, DOCTOR_OK,
		    "a TLSA record of %s matches the certificate of smtpd",
		    host);
		return;
	}
	f = doctor_say(s->run, s->check,
	    a->secure ? DOCTOR_ERROR : DOCTOR_WARNING,
	    "no TLSA record at _25._tcp.%s matches the certificate of smtpd: "
	    "senders that use DANE send nothing here%s",
	    host,
	    a->secure ? "" :
			" (the resolver did not validate the answer, so they "
			"may not trust it)");
	doctor_remedy(f,
	    "Publish a record 3 1 1 of the new key beside the old one before "
	    "each change (RFC 7671 8.1).");
}

static void
on_tlsa(struct doctor_step *s, const struct dns_answer *a)
{
	const char *host = s->run->conf->hostname;

	if (dns_is_failure(a->status))
		doctor_say_unknown(s->run, s->check, "its TLSA record", a);
	else if (dns_is_none(a->status))
		doctor_say(s->run, s->check, DOCTOR_OK,
		    "%s has no TLSA record, so DANE does not apply to it",
		    host);
	else if (s->data != NULL)
		judge_tlsa(s, a);
	doctor_step_end(s);
}

static void
job_done(struct helper_job *j)
{
	struct cert_job *c = (struct cert_job *)j;
	struct doctor_step *s = doctor_step_find(c->doctor, c->step), *tlsa;

	if (s != NULL) {
		judge_certificate(s, c);
		tlsa = doctor_step_begin(s->run, DOCTOR_tlsa);
		tlsa->data = c->cert;
		tlsa->data_free = cert_free;
		c->cert = NULL;
		step_ask_tlsa(tlsa, s->run->conf->hostname, on_tlsa);
		doctor_step_end(s);
	}
	job_free(j);
}

void
doctor_certificate(struct doctor_run *r)
{
	struct cert_job *c;
	struct doctor_finding *f;

	if (r->conf->smtpd.tls_cert == NULL) {
		f = doctor_say(r, DOCTOR_certificate, DOCTOR_WARNING,
		    "smtpd does not offer TLS: mail arrives in clear text, and "
		    "senders that require TLS send nothing here");
		doctor_remedy(f,
		    "smtpd { tls_cert = \"...\" tls_key = \"...\" }");
		return;
	}
	c = mem_alloc(sizeof(*c));
	c->job.run = job_run;
	c->job.done = job_done;
	c->job.drop = job_free;
	c->doctor = r->d;
	c->step = doctor_step_begin(r, DOCTOR_certificate)->id;
	c->path = mem_strdup(r->conf->smtpd.tls_cert);
	helper_do(r->d->env.helper, &c->job);
}

/* TLSA without a certificate: any record is an error. With one, judge_tlsa()
 * follows the certificate. */
static void
on_tlsa_without(struct doctor_step *s, const struct dns_answer *a)
{
	const char *host = s->run->conf->hostname;

	if (a->status == DNS_OK)
		doctor_remedy(doctor_say(s->run, s->check, DOCTOR_ERROR,
				  "%s has a TLSA record, but smtpd does not "
				  "offer TLS: senders that use DANE send "
				  "nothing here",
				  host),
		    "Set smtpd { tls_cert, tls_key }, or remove the record.");
	doctor_step_end(s);
}

void
doctor_tlsa(struct doctor_run *r)
{
	struct doctor_step *s;

	if (r->conf->smtpd.tls_cert != NULL)
		return;
	s = doctor_step_begin(r, DOCTOR_tlsa);
	step_ask_tlsa(s, r->conf->hostname, on_tlsa_without);
}
