/* SPDX-License-Identifier: ISC
 * spf: see spf.h. A record is first checked as a whole, because an error behind
 * the matching term invalidates it, too (RFC 7208 4.6). */
#include "doctor/spf.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "net/prefix.h"

#define V4_BITS 32u
#define V6_BITS 128u

enum mechanism {
	MECH_ALL,
	MECH_IP4,
	MECH_IP6,
	MECH_A,
	MECH_MX,
	MECH_INCLUDE,
	MECH_EXISTS,
	MECH_PTR,
	MECHS,
};

struct spf_term {
	enum mechanism mech; /* MECHS: a modifier */
	bool redirect;
	enum spf_result says;
	char domain[TEXT_DOMAIN_MAX]; /* "": the domain of the record */
	struct net_addr net; /* of ip4, ip6 */
	unsigned bits4, bits6;
	bool macro; /* its domain has macros */
};

bool
spf_is_record(const char *txt)
{
	return strncasecmp(txt, "v=spf1", 6) == 0 &&
	    (txt[6] == ' ' || txt[6] == '\0');
}

/* ---- a term */

static bool
take_qualifier(const char **s, struct spf_term *t)
{
	static const char sign[] = "+-~?";
	static const enum spf_result says[] = { SPF_PASS, SPF_FAIL,
		SPF_SOFTFAIL, SPF_NEUTRAL };
	const char *p = **s != '\0' ? strchr(sign, **s) : NULL;

	t->says = p != NULL ? says[p - sign] : SPF_PASS;
	if (p != NULL)
		(*s)++;
	return p != NULL;
}

static bool
take_mechanism(const char **s, size_t len, struct spf_term *t)
{
	static const char *const name[MECHS] = { "all", "ip4", "ip6", "a", "mx",
		"include", "exists", "ptr" };

	for (unsigned i = 0; i < MECHS; i++)
		if (strlen(name[i]) == len &&
		    strncasecmp(*s, name[i], len) == 0) {
			t->mech = (enum mechanism)i;
			*s += len;
			return true;
		}
	return false;
}

static bool
take_bits(const char *s, unsigned max, unsigned *bits)
{
	int64_t v;

	if (text_int(s, 0, max, &v) != 0)
		return false;
	*bits = (unsigned)v;
	return true;
}

/* "/24", "/24//64", "//64": removed from the end of s. */
static bool
take_dual_bits(char *s, struct spf_term *t)
{
	char *six = strstr(s, "//"), *four;

	if (six != NULL) {
		*six = '\0';
		if (!take_bits(six + 2, V6_BITS, &t->bits6))
			return false;
	}
	if ((four = strchr(s, '/')) == NULL)
		return true;
	*four = '\0';
	return take_bits(four + 1, V4_BITS, &t->bits4);
}

static bool
take_domain(const char *s, struct spf_term *t)
{
	t->macro = strchr(s, '%') != NULL;
	return *s != '\0' &&
	    (t->macro || text_domain(s, strlen(s), t->domain) == 0);
}

/* ":192.0.2.0/24" */
static bool
take_network(char *s, struct spf_term *t)
{
	unsigned max = t->mech == MECH_IP4 ? V4_BITS : V6_BITS;
	unsigned *bits = t->mech == MECH_IP4 ? &t->bits4 : &t->bits6;
	char *slash = strchr(s, '/');

	if (slash != NULL) {
		*slash = '\0';
		if (!take_bits(slash + 1, max, bits))
			return false;
	}
	return *s == ':' && addr_parse(&t->net, s + 1, 0, ':') == 0 &&
	    t->net.u.sa.sa_family == (t->mech == MECH_IP4 ? AF_INET : AF_INET6);
}

/* The part of a term after the name of the mechanism. */
static bool
take_rest(char *s, struct spf_term *t)
{
	switch (t->mech) {
	case MECH_ALL:
		return *s == '\0';
	case MECH_IP4:
	case MECH_IP6:
		return take_network(s, t);
	case MECH_A:
	case MECH_MX:
		if (!take_dual_bits(s, t))
			return false;
		return *s == '\0' || (*s == ':' && take_domain(s + 1, t));
	case MECH_PTR:
		return *s == '\0' || (*s == ':' && take_domain(s + 1, t));
	default:
		return *s == ':' && take_domain(s + 1, t);
	}
}

/* Parses the term s; false: invalid. */
static bool
parse_term(char *s, struct spf_term *t)
{
	const char *p = s;
	size_t len;

	memset(t, 0, sizeof(*t));
	t->bits4 = V4_BITS;
	t->bits6 = V6_BITS;
	t->mech = MECHS;
	len = strcspn(p, "=:/");
	if (p[len] == '=') { /* exp and unknown modifiers decide nothing */
		t->redirect = len == 8 && strncasecmp(p, "redirect", 8) == 0;
		return len > 0 && (!t->redirect || take_domain(p + 9, t));
	}
	len -= take_qualifier(&p, t);
	return take_mechanism(&p, len, t) && take_rest(s + (p - s), t);
}

/* The next term of the record, in a copy that the caller frees; NULL: none. */
static char *
next_term(const char **at)
{
	const char *s = *at + strspn(*at, " ");
	size_t len = strcspn(s, " ");

	*at = s + len;
	return len > 0 ? mem_strndup(s, len) : NULL;
}

/* ---- matching */

static unsigned
bits_of(const struct spf *q, const struct spf_term *t)
{
	return q->who.u.sa.sa_family == AF_INET ? t->bits4 : t->bits6;
}

static struct spf_record *
record_of(struct spf *q)
{
	return &q->record[q->n - 1];
}

/* Notes the term that the result is about. */
static void
note(struct spf *q, const char *term)
{
	(void)strlcpy(q->why, term, sizeof(q->why));
	(void)strlcpy(q->where, record_of(q)->domain, sizeof(q->where));
}

static enum spf_result
ask(struct spf *q, const char *name, enum spf_result what)
{
	if (++q->lookups > SPF_LOOKUPS)
		return SPF_PERMERROR;
	(void)strlcpy(q->name, name, sizeof(q->name));
	q->asked = what;
	return what;
}

static enum spf_result
ask_term(struct spf *q, const struct spf_term *t)
{
	q->says = t->says;
	q->bits = bits_of(q, t);
	q->redirecting = false;
	return ask(q, t->domain[0] != '\0' ? t->domain : record_of(q)->domain,
	    t->mech == MECH_A	   ? SPF_ASK_ADDRS :
		t->mech == MECH_MX ? SPF_ASK_MX :
				     SPF_ASK_TXT);
}

static void
take_redirect(struct spf *q, const struct spf_term *t)
{
	struct spf_record *r = record_of(q);

	(void)strlcpy(r->redirect, t->domain, sizeof(r->redirect));
	(void)strlcpy(r->term, q->why, sizeof(r->term));
	r->macro = t->macro;
}

/* Evaluates a term. SPF_NEUTRAL: go on with the next; *over: the result is
 * final. */
static enum spf_result
try_term(struct spf *q, const struct spf_term *t, bool *over)
{
	bool match = false;

	*over = true;
	if (t->mech == MECHS) {
		if (t->redirect)
			take_redirect(q, t);
		*over = false;
		return SPF_NEUTRAL;
	}
	if (t->macro)
		return SPF_UNJUDGED;
	switch (t->mech) {
	case MECH_ALL:
		match = true;
		break;
	case MECH_IP4:
	case MECH_IP6:
		match = prefix_holds(&t->net, bits_of(q, t), &q->who);
		break;
	case MECH_A:
	case MECH_MX:
	case MECH_INCLUDE:
		return ask_term(q, t);
	default:
		return SPF_UNJUDGED;
	}
	*over = match;
	return match ? t->says : SPF_NEUTRAL;
}

/* ---- a record */

static void
record_end(struct spf *q)
{
	mem_free(&q->record[--q->n].text);
}

/* False: an invalid term; it is noted. */
static bool
is_sound(struct spf *q)
{
	const char *at = record_of(q)->at;
	struct spf_term t;
	bool ok = true;
	char *s;

	while (ok && (s = next_term(&at)) != NULL) {
		ok = parse_term(s, &t);
		if (!ok)
			note(q, s);
		mem_free(&s);
	}
	return ok;
}

/* Enters a record, whose text it takes; false: it is invalid. */
static bool
record_begin(struct spf *q, char *text, const char *domain,
    enum spf_result says)
{
	struct spf_record *r = &q->record[q->n++];

	MX_ASSERT(q->n <= MX_COUNT(q->record));
	memset(r, 0, sizeof(*r));
	r->text = text;
	r->at = text + strlen("v=spf1");
	r->says = says;
	(void)strlcpy(r->domain, domain, sizeof(r->domain));
	return is_sound(q);
}

/* The record of an include or redirect is here. A redirect takes the place of
 * the record that has it. None is an error (RFC 7208 5.2, 6.1). */
static enum spf_result
enter_found(struct spf *q)
{
	enum spf_result says = q->says;
	char *text = q->found;

	q->found = NULL;
	if (text == NULL)
		return SPF_PERMERROR;
	if (q->redirecting) {
		says = record_of(q)->says;
		record_end(q);
	}
	return record_begin(q, text, q->name, says) ? SPF_NEUTRAL :
						      SPF_PERMERROR;
}

/* Uses the answers; false: go on with the next term. */
static bool
resume(struct spf *q, enum spf_result *r)
{
	bool record = q->asked == SPF_ASK_TXT;

	*r = SPF_TEMPERROR;
	if (q->failed)
		return true;
	*r = SPF_PERMERROR;
	if (q->voids > SPF_VOIDS)
		return true;
	if (record) {
		*r = enter_found(q);
		return *r != SPF_NEUTRAL;
	}
	*r = q->says;
	if (q->matched)
		return true;
	if (q->mx_at < q->nmx) {
		(void)strlcpy(q->name, q->mx[q->mx_at++], sizeof(q->name));
		*r = q->asked = SPF_ASK_ADDRS;
		return true;
	}
	return false;
}

static enum spf_result
redirect(struct spf *q)
{
	struct spf_record *r = record_of(q);

	if (r->redirect[0] == '\0' && !r->macro)
		return SPF_NEUTRAL;
	note(q, r->term);
	if (r->macro)
		return SPF_UNJUDGED;
	q->redirecting = true;
	return ask(q, r->redirect, SPF_ASK_TXT);
}

/* The result of the current record, or a question. */
static enum spf_result
evaluate(struct spf *q)
{
	enum spf_result r;
	struct spf_term t;
	bool over = false;
	char *s;

	/* what was asked for an earlier term is over */
	q->asked = SPF_NEUTRAL;
	q->nmx = q->mx_at = 0;
	q->matched = false;
	while ((s = next_term(&record_of(q)->at)) != NULL) {
		note(q, s);
		MX_ASSERT(parse_term(s, &t));
		mem_free(&s);
		r = try_term(q, &t, &over);
		if (over)
			return r;
	}
	return redirect(q);
}

static bool
is_final(enum spf_result r)
{
	return r >= SPF_PERMERROR;
}

void
spf_begin(struct spf *q, const char *record, const char *domain,
    const struct net_addr *who)
{
	memset(q, 0, sizeof(*q));
	q->who = *who;
	q->asked = SPF_NEUTRAL;
	if (!record_begin(q, mem_strdup(record), domain, SPF_PASS))
		q->asked = SPF_PERMERROR;
}

void
spf_end(struct spf *q)
{
	while (q->n > 0)
		record_end(q);
	mem_free(&q->found);
}

/* Only a pass of an included record matches (RFC 7208 5.2). */
enum spf_result
spf_next(struct spf *q)
{
	enum spf_result r = SPF_NEUTRAL, says;

	if (q->asked == SPF_PERMERROR)
		return SPF_PERMERROR;
	if (q->asked == SPF_NEUTRAL || !resume(q, &r))
		r = evaluate(q);
	while (!is_final(r) && q->n > 1) {
		says = record_of(q)->says;
		record_end(q);
		r = r == SPF_PASS ? says : evaluate(q);
	}
	return r;
}

/* A name that has several records has none that is valid (4.5). */
static void
take_record(struct spf *q, const struct dns_answer *a)
{
	const char *text = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < a->n; i++)
		if (spf_is_record(dns_txt_at(a, i))) {
			text = dns_txt_at(a, i);
			n++;
		}
	mem_free(&q->found);
	if (n == 1)
		q->found = mem_strdup(text);
}

void
spf_answer(struct spf *q, const struct dns_answer *a)
{
	if (dns_is_failure(a->status)) {
		q->failed = true;
		return;
	}
	if (a->status != DNS_OK || a->n == 0) {
		q->voids += q->mx_at == 0; /* a host of an mx is no term */
		return;
	}
	if (q->asked == SPF_ASK_TXT) {
		take_record(q, a);
		return;
	}
	if (q->asked == SPF_ASK_MX) {
		for (; q->nmx < a->n && q->nmx < SPF_MX_MAX; q->nmx++)
			(void)strlcpy(q->mx[q->nmx], a->mx[q->nmx].host,
			    sizeof(q->mx[0]));
		return;
	}
	for (unsigned i = 0; i < a->n; i++)
		q->matched |= prefix_holds(&a->addr[i], q->bits, &q->who);
}
