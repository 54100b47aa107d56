/* SPDX-License-Identifier: ISC
 * options: the table of options.def as data, and the operations on a field by
 * its type: find, copy, compare, free. value.c sets one from text. Pure. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "config_int.h"
#include "pool.h"

#define MS(n)	((int64_t)(n))
#define SEC(n)	(MS(1000) * (n))
#define MIN(n)	(SEC(60) * (n))
#define HOUR(n) (MIN(60) * (n))
#define DAY(n)	(HOUR(24) * (n))
#define KB(n)	((int64_t)(n) << 10)
#define MB(n)	(KB(n) << 10)
#define GB(n)	(MB(n) << 10)
#define TB(n)	(GB(n) << 10)

/* ",pagerduty,alertmanager,..." and the description of each. */
#define RECEIVER(type, name, url, needs, takes, help) "," #name
static const char receiver_types[] =
#include "config/receiver.def"
    ;
#undef RECEIVER
#define RECEIVER(type, name, url, needs, takes, help) " " help
static const char receiver_help[] = "The type of the receiver:"
#include "config/receiver.def"
    ;
#undef RECEIVER

const struct option options[OPT_COUNT] = {
#define OPTION(sec, nm, ty, base, field, def, ex, kind, lo, hi, wd, hp)        \
	[OPT_##sec##_##nm] = {                                                 \
		.section = SEC_##sec,                                          \
		.name = #nm,                                                   \
		.type = TYPE_##ty,                                             \
		.offset = offsetof(struct base, field),                        \
		.value = def,                                                  \
		.example = ex,                                                 \
		.cls = CLASS_##kind,                                           \
		.min = lo,                                                     \
		.max = hi,                                                     \
		.words = wd,                                                   \
		.help = hp,                                                    \
	},
#include "options.def"
#undef OPTION
};

const struct section_info sections[SEC_COUNT] = {
	[SEC_TOP] = { "", SEC_TOP, false, true,
	    "Options outside any section." },
	[SEC_LOG] = { "log", SEC_TOP, false, true,
	    "The content of log lines; the option log sets where they go." },
	[SEC_SMTPD] = { "smtpd", SEC_TOP, false, true, "Accepting mail." },
	[SEC_QUEUE] = { "queue", SEC_TOP, false, true, "Storing mail." },
	[SEC_DSN] = { "dsn", SEC_TOP, false, true,
	    "Delivery reports to senders: failed, delayed, relayed." },
	[SEC_WEB] = { "web", SEC_TOP, false, true,
	    "Metrics, health and the status page." },
	[SEC_METRICS] = { "metrics", SEC_TOP, false, true,
	    "The detail of /metrics." },
	[SEC_DOMAIN] = { "domain", SEC_TOP, true, true,
	    "One for each domain that is backed up; its title is the domain. "
	    "The section defaults takes the same options and has no title; it "
	    "sets them for every domain that does not, regardless of the order "
	    "in the file." },
	[SEC_PROBE] = { "probe", SEC_DOMAIN, false, true,
	    "Probing the primary." },
	[SEC_DELIVER] = { "deliver", SEC_DOMAIN, false, true,
	    "Delivery to the primary." },
	[SEC_RETRY] = { "retry", SEC_DOMAIN, false, true,
	    "Retrying mail deferred by a primary that is up." },
	[SEC_DOMAIN_VAULT] = { "vault", SEC_DOMAIN, false, true,
	    "Keeping mail that was returned." },
	[SEC_VAULT] = { "vault", SEC_TOP, false, true,
	    "Mail that was returned, expired or removed by an operator is kept "
	    "for a while: mxwatchctl vault lists it, mxwatchctl replay queues "
	    "it again." },
	[SEC_LEDGER] = { "ledger", SEC_TOP, false, true,
	    "The record of outages of primaries and domains, shown by "
	    "mxwatchctl outages." },
	[SEC_FETCH] = { "fetch", SEC_TOP, false, true,
	    "Fetching lists from elsewhere: those that begin with https:// or "
	    "exec:." },
	[SEC_MX_BACKUP] = { "mx_backup", SEC_TOP, false, true,
	    "Domains without a section whose MX records list this server after "
	    "a preferred one. Mail is accepted for a recipient that a "
	    "preferred MX in networks has accepted; for others it is deferred "
	    "(450), and that server is asked. All other options of such a "
	    "domain come from defaults, but a probe goes no deeper than "
	    "STARTTLS." },
	[SEC_SNMP] = { "snmp", SEC_TOP, false, true,
	    "The SNMP subagent. Without this section there is none." },
	[SEC_ALERTS] = { "alerts", SEC_TOP, false, true,
	    "Alerts, for all receivers." },
	[SEC_RECEIVER] = { "receiver", SEC_TOP, true, true,
	    "A recipient of alerts; its title is a name. Without any, alerts "
	    "are only shown." },
	[SEC_ALERT] = { "alert", SEC_TOP, true, true,
	    "Tunes the built-in alert in its title; mxwatch-alerts(7) lists "
	    "the defaults." },
	[SEC_HEARTBEAT] = { "heartbeat", SEC_TOP, true, true,
	    "A sign of life sent to an external service that raises an alarm "
	    "when it stops; its title is a name. It is sent only while the "
	    "daemon works, probes and accepts mail." },
	[SEC_MAINTENANCE] = { "maintenance", SEC_TOP, true, true,
	    "A recurring maintenance window; its title is a name. During it no "
	    "alert about its domains is sent, except that mail expires. For a "
	    "single window see maintenance in mxwatchctl(8)." },
	[SEC_CLUSTER] = { "cluster", SEC_TOP, false, true,
	    "Several nodes share one queue, stored in PostgreSQL: "
	    "mxwatch-cluster(7). Without this section the node is on its own, "
	    "with its queue in the spool. A build with PostgreSQL is "
	    "required." },
	[SEC_DOCTOR] = { "doctor", SEC_TOP, false, true,
	    "The checks of mxwatchctl doctor, and how often they run by "
	    "themselves: the DNS of this host and of the domains, and what the "
	    "primaries offer and refuse." },
};

const struct option *
option_find(enum conf_section section, const char *name)
{
	size_t i;

	for (i = 0; i < OPT_COUNT; i++)
		if (options[i].section == section &&
		    strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

const struct option *
option_elsewhere(const char *name)
{
	size_t i, k;

	/* Starts at domain, which has most options and most mistakes. */
	for (i = 0; i < OPT_COUNT; i++) {
		k = (i + OPT_DOMAIN_FIRST) % OPT_COUNT;
		if (options[k].cls != CLASS_KEPT &&
		    strcmp(options[k].name, name) == 0)
			return &options[k];
	}
	return NULL;
}

bool
section_find(enum conf_section parent, const char *name,
    enum conf_section *found)
{
	size_t i;

	for (i = 1; i < SEC_COUNT; i++) {
		if (sections[i].parent != parent ||
		    strcmp(sections[i].name, name) != 0)
			continue;
		*found = (enum conf_section)i;
		return true;
	}
	return false;
}

/* The edit distance of the names (Levenshtein), or FAR if one of them is too
 * long for an option. */
static unsigned
distance(const char *a, const char *b)
{
	enum { NAME_MAX_ = 32, FAR = 99 };
	unsigned row[NAME_MAX_ + 1], left, above, d;
	size_t i, j, na = strlen(a), nb = strlen(b);

	if (na > NAME_MAX_ || nb > NAME_MAX_)
		return FAR;
	for (j = 0; j <= nb; j++)
		row[j] = (unsigned)j;
	for (i = 1; i <= na; i++) {
		above = row[0];
		left = row[0] = (unsigned)i;
		for (j = 1; j <= nb; j++) {
			d = above + (a[i - 1] != b[j - 1]);
			above = row[j];
			if (above + 1 < d)
				d = above + 1;
			if (left + 1 < d)
				d = left + 1;
			left = row[j] = d;
		}
	}
	return row[nb];
}

/* Keeps the nearer name; up to a third of the letters may differ. */
static void
consider(const char *known, const char *name, unsigned *best,
    const char **nearest)
{
	unsigned d = distance(known, name);

	if (d < *best && d <= (strlen(known) + 2) / 3) {
		*best = d;
		*nearest = known;
	}
}

const char *
option_nearest(enum conf_section section, const char *name)
{
	const char *nearest = NULL;
	unsigned best = 4;
	size_t i;

	for (i = 0; i < OPT_COUNT; i++)
		if (options[i].section == section &&
		    options[i].cls != CLASS_KEPT)
			consider(options[i].name, name, &best, &nearest);
	return nearest;
}

const char *
section_nearest(enum conf_section parent, const char *name)
{
	const char *nearest = NULL;
	unsigned best = 4;
	size_t i;

	for (i = 1; i < SEC_COUNT; i++)
		if (sections[i].parent == parent)
			consider(sections[i].name, name, &best, &nearest);
	if (parent == SEC_TOP)
		consider("defaults", name, &best, &nearest);
	return nearest;
}

bool
option_is_list(const struct option *o)
{
	switch (o->type) {
	case TYPE_STRINGS:
	case TYPE_MAILBOXES:
	case TYPE_SELF:
	case TYPE_DOMAINS:
	case TYPE_PRIMARIES:
	case TYPE_PREFIXES:
	case TYPE_DNSBLS:
	case TYPE_LISTEN:
	case TYPE_RESOLVERS:
	case TYPE_DELAYS:
		return true;
	default:
		return false;
	}
}

void *
option_field(const struct option *o, void *base)
{
	return (char *)base + o->offset;
}

/* The size of a field of a plain type; 0 for those with pointers. */
static size_t
plain_size(const struct option *o)
{
	switch (o->type) {
	case TYPE_FLAG:
		return sizeof(bool);
	case TYPE_NUM16:
		return sizeof(uint16_t);
	case TYPE_NUM32:
		return sizeof(uint32_t);
	case TYPE_NUM64:
	case TYPE_SIZE:
		return sizeof(uint64_t);
	case TYPE_TIME:
		return sizeof(int64_t);
	case TYPE_WORD:
		return sizeof(enum conf_tls);
	case TYPE_THRESHOLD:
		return sizeof(struct conf_threshold);
	default:
		return 0;
	}
}

bool
option_of_domain(const struct option *o)
{
	return o >= &options[OPT_DOMAIN_FIRST] &&
	    o <= &options[OPT_DOMAIN_LAST];
}

/* Is it a list of a domain, owned by the pool? */
static bool
is_shared_list(const struct option *o)
{
	return o->type == TYPE_PRIMARIES || o->type == TYPE_PREFIXES;
}

/* Only options of a domain section are copied, from defaults. */
void
option_copy(const struct option *o, void *dst, const void *src)
{
	const void *from = (const char *)src + o->offset;
	void *to = option_field(o, dst);
	const struct conf_domain *a = src;
	struct conf_domain *b = dst;
	size_t n = plain_size(o);

	if (n > 0) {
		memcpy(to, from, n);
		return;
	}
	MX_ASSERT(option_of_domain(o));
	switch (o->type) {
	case TYPE_PRIMARIES:
	case TYPE_PREFIXES:
		*(struct strlist *)to = *(const struct strlist *)from;
		break;
	case TYPE_DELAYS:
		memcpy(b->delay_warning_ms, a->delay_warning_ms,
		    sizeof(b->delay_warning_ms));
		b->ndelay_warning = a->ndelay_warning;
		break;
	case TYPE_ADDRESS:
		b->deliver.source_addr = a->deliver.source_addr;
		/* FALLTHROUGH */
	default:
		*(char **)to = *(char *const *)from;
		break;
	}
}

/* Shares the strings first: then equal lists are equal bytes. */
static void
share_strlist(struct strlist *list, struct conf_pool *pool)
{
	char **own = list->s, *text;
	size_t i;

	for (i = 0; i < list->n; i++) {
		text = own[i];
		own[i] = pool_share_text(pool, text);
		mem_free(&text);
	}
	if (list->n > 0)
		list->s = pool_share(pool, own, list->n * sizeof(*own));
	mem_free(&own);
}

void
option_share(const struct option *o, void *base, struct conf_pool *pool)
{
	void *field = option_field(o, base);
	char *text;

	MX_ASSERT(option_of_domain(o));
	if (plain_size(o) > 0 || o->type == TYPE_DELAYS)
		return;
	if (is_shared_list(o)) {
		share_strlist(field, pool);
		return;
	}
	text = *(char **)field;
	*(char **)field = pool_share_text(pool, text);
	mem_free(&text);
}

void
option_free(const struct option *o, void *base)
{
	void *field = option_field(o, base);
	struct strlist *list;
	struct listenlist *listen;
	struct config *c = base;
	size_t i;

	if (plain_size(o) > 0 || o->type == TYPE_DELAYS)
		return;
	if (option_of_domain(o)) { /* owned by the pool */
		if (is_shared_list(o))
			*(struct strlist *)field = (struct strlist){ 0, NULL };
		else
			*(char **)field = NULL;
		return;
	}
	switch (o->type) {
	case TYPE_STRINGS:
	case TYPE_MAILBOXES:
	case TYPE_SELF:
	case TYPE_DOMAINS:
	case TYPE_PRIMARIES:
	case TYPE_PREFIXES:
	case TYPE_DNSBLS:
		list = field;
		for (i = 0; i < list->n; i++)
			mem_free(&list->s[i]);
		mem_free(&list->s);
		list->n = 0;
		break;
	case TYPE_LISTEN:
		listen = field;
		mem_free(&listen->a);
		listen->n = 0;
		break;
	case TYPE_RESOLVERS:
		mem_free(&c->resolver);
		c->nresolver = 0;
		break;
	case TYPE_LOG:
		mem_free(&c->log_file);
		break;
	default:
		mem_free(field);
		break;
	}
}

bool
option_same(const struct option *o, const struct conf_domain *a,
    const struct conf_domain *b)
{
	const void *fa = (const char *)a + o->offset;
	const void *fb = (const char *)b + o->offset;
	const struct strlist *la = fa, *lb = fb;
	size_t i, n = plain_size(o);

	MX_ASSERT(option_of_domain(o));
	if (n > 0)
		return memcmp(fa, fb, n) == 0;
	if (o->type == TYPE_DELAYS)
		return a->ndelay_warning == b->ndelay_warning &&
		    memcmp(a->delay_warning_ms, b->delay_warning_ms,
			sizeof(a->delay_warning_ms)) == 0;
	if (!is_shared_list(o))
		return text_equal(*(char *const *)fa, *(char *const *)fb);
	for (i = 0; i < la->n && i < lb->n; i++)
		if (strcmp(la->s[i], lb->s[i]) != 0)
			return false;
	return la->n == lb->n;
}

/* Of the other sections only options that need a restart are compared. */
bool
option_equal(const struct option *o, const void *a, const void *b)
{
	const void *fa = (const char *)a + o->offset;
	const void *fb = (const char *)b + o->offset;
	const struct listenlist *la = fa, *lb = fb;
	size_t i, n = plain_size(o);

	MX_ASSERT(o->cls == CLASS_RESTART);
	if (n > 0)
		return memcmp(fa, fb, n) == 0;
	if (o->type != TYPE_LISTEN)
		return text_equal(*(char *const *)fa, *(char *const *)fb);
	if (la->n != lb->n)
		return false;
	for (i = 0; i < la->n; i++)
		if (addr_port(&la->a[i].addr) != addr_port(&lb->a[i].addr) ||
		    !addr_equal_host(&la->a[i].addr, &lb->a[i].addr))
			return false;
	return true;
}
