/* SPDX-License-Identifier: ISC
 * judge_primary: compares a primary's extensions with what we accept on its
 * behalf, and with what an operator wants: primary_tls, xforward, size,
 * eightbitmime, smtputf8. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "doctor/doctor_int.h"

/* ---- TLS, for `deliver { tls }` and for other senders */

static void
judge_end(struct doctor_run *r, const struct doctor_primary *p)
{
	int64_t left = p->cert_not_after - clock_wall();
	char at[40];
	struct doctor_finding *f;

	if (p->cert_not_after == 0 || left > DOCTOR_EXPIRY_S)
		return;
	text_date_3339(p->cert_not_after, at, sizeof(at));
	f = doctor_say(r, DOCTOR_primary_tls,
	    left > 0 ? DOCTOR_WARNING : DOCTOR_ERROR,
	    "the certificate of %s expire%s at %s: senders that verify it send "
	    "nothing there%s",
	    p->label, left > 0 ? "s" : "d", at, left > 0 ? " then" : "");
	doctor_remedy(f, "Renew it on the primary; mxwatchctl probe %s",
	    r->name);
}

void
doctor_primary_tls(struct doctor_run *r, const struct doctor_primary *p)
{
	const char *why = p->verify_error != NULL ? p->verify_error : "";
	struct doctor_finding *f;

	judge_end(r, p);
	if (!p->tls_known)
		return;
	if (!p->tls && (p->ext & CLIENT_EXT_STARTTLS) == 0) {
		f = doctor_say(r, DOCTOR_primary_tls, DOCTOR_INFO,
		    "%s does not offer STARTTLS: mail is sent there in clear "
		    "text",
		    p->label);
		doctor_remedy(f,
		    "For Postfix: smtpd_tls_security_level = may, with a "
		    "certificate.");
	} else if (!p->tls) {
		f = doctor_say(r, DOCTOR_primary_tls, DOCTOR_WARNING,
		    "TLS with %s fails, and mail is sent there in clear text: "
		    "%.200s",
		    p->label, why);
		doctor_remedy(f, "mxwatchctl why %s", r->name);
	} else if (why[0] != '\0') {
		doctor_say(r, DOCTOR_primary_tls, DOCTOR_INFO,
		    "the certificate of %s cannot be verified: %.200s. Mail is "
		    "sent encrypted, but to an unverified server",
		    p->label, why);
	} else {
		doctor_say(r, DOCTOR_primary_tls, DOCTOR_OK,
		    "TLS with %s works, and its certificate is valid",
		    p->label);
	}
}

/* ---- trust in this host */

void
doctor_xforward(struct doctor_run *r, const struct doctor_primary *p)
{
	char us[ADDR_TEXT_MAX] = "ADDRESS";
	struct doctor_finding *f;

	if ((p->ext & CLIENT_EXT_XFORWARD) != 0) {
		doctor_say(r, DOCTOR_xforward, DOCTOR_OK,
		    "%s offers XFORWARD, so its log and filters see the client",
		    p->label);
		return;
	}
	if (p->source != NULL)
		(void)addr_text(p->source, us);
	f = doctor_say(r, DOCTOR_xforward, DOCTOR_INFO,
	    "%s does not offer XFORWARD to this host: its log and filters see "
	    "the address of this host, not the client's",
	    p->label);
	doctor_remedy(f,
	    "For Postfix, on the primary: smtpd_authorized_xforward_hosts = %s",
	    us);
}

/* ---- mail that we accept and the primary does not */

void
doctor_size(struct doctor_run *r, const struct doctor_primary *p)
{
	uint64_t ours = r->conf->smtpd.message_size;
	char mine[32], its[32];
	struct doctor_finding *f;

	(void)text_size_exact(ours, mine, sizeof(mine));
	(void)text_size_exact(p->size, its, sizeof(its));
	if (p->size == 0 || p->size >= ours) {
		doctor_say(r, DOCTOR_size, DOCTOR_OK,
		    "%s accepts messages as large as this server does (%s)",
		    p->label, mine);
		return;
	}
	f = doctor_say(r, DOCTOR_size, DOCTOR_WARNING,
	    "this server accepts messages of up to %s, but %s only up to %s: "
	    "larger ones are accepted and then returned",
	    mine, p->label, its);
	doctor_remedy(f, "smtpd { message_size = \"%s\" }", its);
}

void
doctor_eightbitmime(struct doctor_run *r, const struct doctor_primary *p)
{
	struct doctor_finding *f;

	if ((p->ext & CLIENT_EXT_8BITMIME) != 0) {
		doctor_say(r, DOCTOR_eightbitmime, DOCTOR_OK,
		    "%s offers 8BITMIME, like this server", p->label);
		return;
	}
	f = doctor_say(r, DOCTOR_eightbitmime, DOCTOR_INFO,
	    "%s does not offer 8BITMIME, but this server does: such mail is "
	    "sent there unchanged",
	    p->label);
	doctor_remedy(f, "Enable 8BITMIME on the primary.");
}

void
doctor_smtputf8(struct doctor_run *r, const struct doctor_primary *p)
{
	struct doctor_finding *f;

	if ((p->ext & CLIENT_EXT_SMTPUTF8) != 0) {
		doctor_say(r, DOCTOR_smtputf8, DOCTOR_OK,
		    "%s offers SMTPUTF8, like this server", p->label);
		return;
	}
	f = doctor_say(r, DOCTOR_smtputf8, DOCTOR_INFO,
	    "%s does not offer SMTPUTF8, but this server does: mail that needs "
	    "it is accepted and then returned (5.6.7)",
	    p->label);
	doctor_remedy(f, "For Postfix, on the primary: smtputf8_enable = yes");
}
