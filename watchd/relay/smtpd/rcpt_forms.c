/* SPDX-License-Identifier: ISC
 * rcpt_forms: see rcpt_forms.h. Called by rcpt_table.c and policy.c. */
#include "relay/smtpd/rcpt_forms.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define BATV_PREFIX "prvs="
#define BATV_TAG    10 /* a key's number, a day of three digits, six of a MAC */

/* Postfix never splits these, nor the addresses of a list manager. */
static bool
is_whole(const char *local, size_t len, const char *delimiter)
{
	static const char *const names[] = { "postmaster", "mailer-daemon",
		"double-bounce" };

	for (unsigned i = 0; i < MX_COUNT(names); i++)
		if (len == strlen(names[i]) &&
		    strncasecmp(local, names[i], len) == 0)
			return true;
	if (strchr(delimiter, '-') == NULL)
		return false;
	return (len >= 6 && strncasecmp(local, "owner-", 6) == 0) ||
	    (len > 8 && strncasecmp(local + len - 8, "-request", 8) == 0);
}

/* "user+shop@d" -> "user@d". */
static bool
drop_extension(const char *from, const char *delimiter, char *to)
{
	const char *at = strrchr(from, '@');
	size_t len = (size_t)(at - from), n = strcspn(from, delimiter);

	if (n == 0 || n >= len || is_whole(from, len, delimiter))
		return false;
	memmove(to, from, n);
	memmove(to + n, at, strlen(at) + 1);
	return true;
}

/* "prvs=1234abcdef=user@d" -> "user@d". */
static bool
drop_tag(const char *from, char *to)
{
	const char *tag = from + strlen(BATV_PREFIX);
	unsigned i;

	if (strncasecmp(from, BATV_PREFIX, strlen(BATV_PREFIX)) != 0)
		return false;
	for (i = 0; i < BATV_TAG; i++)
		if (i < 4 ? !isdigit((unsigned char)tag[i]) :
			    !isxdigit((unsigned char)tag[i]))
			return false;
	if (tag[BATV_TAG] != '=' || tag[BATV_TAG + 1] == '@')
		return false;
	memmove(to, tag + BATV_TAG + 1, strlen(tag + BATV_TAG + 1) + 1);
	return true;
}

unsigned
rcpt_forms(const struct rcpt_rules *rules, const char *mailbox,
    char form[RCPT_FORMS_MAX][PATH_MAILBOX_MAX])
{
	char plain[PATH_MAILBOX_MAX];
	const char *from = plain;
	unsigned n = 0;

	if (strlen(mailbox) >= PATH_MAILBOX_MAX || strchr(mailbox, '@') == NULL)
		return 0;
	if (smtp_unquote(mailbox, plain) == 0)
		memcpy(plain, mailbox, strlen(mailbox) + 1);
	if (rules->batv && drop_tag(from, form[n]))
		from = form[n++];
	if (rules->delimiter[0] != '\0' &&
	    drop_extension(from, rules->delimiter, form[n]))
		n++;
	return n;
}

/* Takes the field that ends with `end` from *p, and moves *p behind it. */
static size_t
take_field(const char **p, const char *stop, char end)
{
	const char *from = *p, *to = memchr(from, end, (size_t)(stop - from));

	if (to == NULL)
		return 0;
	*p = to + 1;
	return (size_t)(to - from);
}

static bool
is_hash(const char *s, size_t len)
{
	if (len == 0 || len > 32)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '+' &&
		    s[i] != '/' && s[i] != '-' && s[i] != '_')
			return false;
	return true;
}

/* "HHHH=TT=domain=local" up to stop. */
static bool
srs0_core(const char *p, const char *stop, char *core)
{
	const char *hash = p, *domain;
	char name[TEXT_DOMAIN_MAX];
	size_t n = take_field(&p, stop, '='), local;

	if (!is_hash(hash, n) || take_field(&p, stop, '=') != 2)
		return false;
	domain = p;
	n = take_field(&p, stop, '=');
	local = (size_t)(stop - p);
	if (n == 0 || local == 0 || text_domain(domain, n, name) < 0)
		return false;
	memcpy(core, p, local);
	core[local] = '@';
	memcpy(core + local + 1, name, strlen(name) + 1);
	return true;
}

bool
rcpt_srs(const char *mailbox, char *core)
{
	char plain[PATH_MAILBOX_MAX];
	const char *p = plain, *stop, *hash;
	size_t n;

	if (strlen(mailbox) >= PATH_MAILBOX_MAX)
		return false;
	if (smtp_unquote(mailbox, plain) == 0)
		memcpy(plain, mailbox, strlen(mailbox) + 1);
	stop = strrchr(plain, '@');
	if (stop == NULL || stop - plain < 6 || strncasecmp(p, "SRS", 3) != 0 ||
	    (p[3] != '0' && p[3] != '1') || strchr("=+-", p[4]) == NULL)
		return false;
	if (p[3] == '0')
		return srs0_core(p + 5, stop, core);
	/* SRS1=HHHH=forwarder==HHHH=TT=domain=local: the second part is SRS0 */
	hash = p += 5;
	n = take_field(&p, stop, '=');
	if (!is_hash(hash, n) || take_field(&p, stop, '=') == 0 || p == stop ||
	    strchr("=+-", *p) == NULL)
		return false;
	return srs0_core(p + 1, stop, core);
}
