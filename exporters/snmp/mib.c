/* SPDX-License-Identifier: ISC
 * mib: objects.def as data, rows from a snapshot, and the search for an
 * instance. Called by agent.c for each variable of a request, and for the
 * varbinds of a notification. A mistake here is an endless walk, so
 * tests/unit/test_snmp_mib.c walks sets of every shape. */
#include "exporters/snmp/mib.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "config.h"

/* ---- values */

static const uint32_t smtp_protocol[] = { 1, 3, 6, 1, 2, 1, 27, 4, 25 };

/* Ages and waits never become negative when a clock is set back. */
static uint64_t
age_ms(const struct mib *m, int64_t then_ms)
{
	return then_ms == 0 || then_ms > m->now_ms ?
	    0 :
	    (uint64_t)(m->now_ms - then_ms);
}

static uint64_t
until_ms(const struct mib *m, int64_t then_ms)
{
	return then_ms <= m->now_ms ? 0 : (uint64_t)(then_ms - m->now_ms);
}

/* Never negative, and the largest number for an empty queue, because managers
 * compare it with a threshold. */
static int32_t
expiry_seconds(const struct mib *m, int64_t then_ms)
{
	uint64_t s = until_ms(m, then_ms) / 1000;

	return then_ms == 0 || s > INT32_MAX ? INT32_MAX : (int32_t)s;
}

static uint64_t
sum(const uint64_t *by_class)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < WIRE_CLASSES; i++)
		n += by_class[i];
	return n;
}

static void
put_integer(struct mib_value *v, int64_t i)
{
	v->i = (int32_t)i;
}

static void
put_truth(struct mib_value *v, bool is)
{
	v->i = is ? 1 : 2; /* RFC 2579 */
}

static void
put_gauge(struct mib_value *v, uint64_t u)
{
	v->u = u > UINT32_MAX ? UINT32_MAX : u;
}

static void
put_string(struct mib_value *v, const char *s)
{
	v->len = strlcpy(v->s, s, sizeof(v->s));
	if (v->len >= sizeof(v->s))
		v->len = sizeof(v->s) - 1;
	if (v->len > 255) /* SnmpAdminString (SIZE (0..255)) */
		v->len = 255;
}

/* DateAndTime in UTC; eight zero octets for never. */
static void
put_date(struct mib_value *v, int64_t wall)
{
	time_t t = (time_t)wall;
	struct tm tm;

	memset(v->s, 0, 11);
	v->len = 8;
	if (wall <= 0 || gmtime_r(&t, &tm) == NULL || tm.tm_year > 60000)
		return;
	v->s[0] = (char)((tm.tm_year + 1900) >> 8);
	v->s[1] = (char)((tm.tm_year + 1900) & 0xff);
	v->s[2] = (char)(tm.tm_mon + 1);
	v->s[3] = (char)tm.tm_mday;
	v->s[4] = (char)tm.tm_hour;
	v->s[5] = (char)tm.tm_min;
	v->s[6] = (char)tm.tm_sec;
	v->s[8] = '+';
	v->len = 11;
}

static void
put_interval(struct mib_value *v, uint64_t ms)
{
	v->i = ms / 10 > INT32_MAX ? INT32_MAX : (int32_t)(ms / 10);
}

/* sysUpTime at that time; 0 when the master is younger. */
static void
put_stamp(struct mib_value *v, const struct mib *m, int64_t then_ms)
{
	uint64_t ago = age_ms(m, then_ms) / 10;

	v->u = ago > m->uptime ? 0 : (uint32_t)(m->uptime - ago);
}

#define PUT_INTEGER(v, x)    put_integer(v, x)
#define PUT_ENUM(v, x)	     put_integer(v, x)
#define PUT_TRUTH(v, x)	     put_truth(v, (x) != 0)
#define PUT_UNSIGNED32(v, x) put_gauge(v, x)
#define PUT_GAUGE32(v, x)    put_gauge(v, x)
#define PUT_COUNTER32(v, x)  ((v)->u = (uint32_t)(x))
#define PUT_COUNTER64(v, x)  ((v)->u = (x))
#define PUT_STRING(v, x)     put_string(v, x)
#define PUT_DATE(v, x)	     put_date(v, x)
#define PUT_STAMP(v, x)	     put_stamp(v, m, x)
#define PUT_INTERVAL(v, x)   put_interval(v, x)
#define PUT_OID(v, x)	     ((v)->oid = (x), (v)->len = MX_COUNT(x))

#define OBJECT_IF(scope, column, name, type, condition, value)                 \
	static bool get_##name(const struct mib *m MX_UNUSED,                  \
	    const struct mib_row *r MX_UNUSED, struct mib_value *v)            \
	{                                                                      \
		const struct wire_domain *d MX_UNUSED = r->d;                  \
		const struct wire_primary *p MX_UNUSED = r->p;                 \
		const struct wire_link *l MX_UNUSED = r->l;                    \
		const struct wire_dnsbl *b MX_UNUSED = r->b;                   \
		const struct wire_node *n MX_UNUSED = r->n;                    \
                                                                               \
		if (!(condition))                                              \
			return false;                                          \
		PUT_##type(v, value);                                          \
		return true;                                                   \
	}
#define OBJECT(scope, column, name, type, value)                               \
	OBJECT_IF(scope, column, name, type, true, value)
#include "exporters/snmp/objects.def"
#undef OBJECT
#undef OBJECT_IF

const struct mib_object mib_objects[] = {
#define OBJECT(sc, col, nm, ty, value)                                         \
	{ #nm, MIB_##sc, col, MIB_##ty, get_##nm },
#define OBJECT_IF(sc, col, nm, ty, condition, value)                           \
	OBJECT(sc, col, nm, ty, value)
#include "exporters/snmp/objects.def"
#undef OBJECT
#undef OBJECT_IF
};
const size_t mib_nobjects = MX_COUNT(mib_objects);

const struct mib_object *
mib_object(const char *name)
{
	for (size_t i = 0; i < mib_nobjects; i++)
		if (strcmp(mib_objects[i].name, name) == 0)
			return &mib_objects[i];
	return NULL;
}

/* The OBJECTS of each NOTIFICATION-TYPE. */
const char *const mib_varbinds[WIRE_EVENT_MAX][MIB_VARBINDS_MAX] = {
	[WIRE_PRIMARY_DOWN] = { "mxwEventTime", "mxwPrimaryHost",
	    "mxwPrimaryPort", "mxwPrimaryDomains", "mxwPrimaryFailedPhase",
	    "mxwPrimaryReplyText" },
	[WIRE_PRIMARY_UP] = { "mxwEventTime", "mxwPrimaryHost",
	    "mxwPrimaryPort", "mxwPrimaryDomains" },
	[WIRE_STATE_CHANGE] = { "mxwEventTime", "mxwDomainName",
	    "mxwDomainState", "mxwDomainMessages", "mxwDomainCause" },
	[WIRE_AGE_WARNING] = { "mxwEventTime", "mxwDomainName",
	    "mxwDomainOldestAge", "mxwDomainNextExpiry", "mxwDomainMessages" },
	[WIRE_AGE_CRITICAL] = { "mxwEventTime", "mxwDomainName",
	    "mxwDomainOldestAge", "mxwDomainNextExpiry", "mxwDomainMessages" },
	[WIRE_AGE_CLEARED] = { "mxwEventTime", "mxwDomainName",
	    "mxwDomainMessages" },
	[WIRE_MAIL_EXPIRED] = { "mxwEventTime", "mxwDomainName",
	    "mxwDomainExpired" },
	[WIRE_FLUSH_STARTED] = { "mxwEventTime", "mxwDomainName",
	    "mxwDomainMessages" },
	[WIRE_FLUSH_FINISHED] = { "mxwEventTime", "mxwDomainName",
	    "mxwDomainMessages", "mxwDomainDelivered" },
	[WIRE_SPOOL_REFUSING] = { "mxwEventTime", "mxwSpoolFreeKOctets" },
	[WIRE_SPOOL_ACCEPTING] = { "mxwEventTime", "mxwSpoolFreeKOctets" },
	[WIRE_TEST] = { "mxwEventTime", "mxwVersion" },
	[WIRE_BREAKER_TRIPPED] = { "mxwEventTime", "mxwDomainName",
	    "mxwDomainMessages", "mxwDomainCause" },
	[WIRE_BREAKER_RESET] = { "mxwEventTime", "mxwDomainName",
	    "mxwDomainMessages" },
};

/* ---- names */

static const uint32_t enterprise[] = { MX_ENTERPRISE_ARCS };
_Static_assert(MX_COUNT(enterprise) + 8 <= MIB_OID_MAX, "shorten the root");
static const uint32_t appl_table[] = { 1, 3, 6, 1, 2, 1, 27, 1 };
static const uint32_t mta_table[] = { 1, 3, 6, 1, 2, 1, 28, 1 };
static const uint32_t group_table[] = { 1, 3, 6, 1, 2, 1, 28, 2 };
static const uint32_t error_table[] = { 1, 3, 6, 1, 2, 1, 28, 5 };

/* The root, the arcs from it to the column, and the length of the key. */
static const struct {
	const uint32_t *root;
	size_t rootlen;
	uint32_t arc[3];
	unsigned narcs, nkeys;
} scopes[MIB_SCOPE_MAX] = {
#define ROOT(name) name, MX_COUNT(name)
	[MIB_APPL] = { ROOT(appl_table), { 1 }, 1, 1 },
	[MIB_MTA] = { ROOT(mta_table), { 1 }, 1, 1 },
	[MIB_GROUP] = { ROOT(group_table), { 1 }, 1, 2 },
	[MIB_GROUP_ERROR] = { ROOT(error_table), { 1 }, 1, 3 },
	[MIB_SYSTEM] = { ROOT(enterprise), { 1, 1 }, 2, 1 },
	[MIB_DOMAIN] = { ROOT(enterprise), { 1, 2, 1 }, 3, 1 },
	/* 1.3 was a table of primaries by domain. */
	[MIB_BOUNCE] = { ROOT(enterprise), { 1, 4, 1 }, 3, 2 },
	[MIB_PRIMARY] = { ROOT(enterprise), { 1, 5, 1 }, 3, 1 },
	[MIB_LINK] = { ROOT(enterprise), { 1, 6, 1 }, 3, 2 },
	[MIB_DNSBL] = { ROOT(enterprise), { 1, 7, 1 }, 3, 1 },
	[MIB_NOTIFY] = { ROOT(enterprise), { 1, 8 }, 2, 1 },
	[MIB_CLUSTER] = { ROOT(enterprise), { 1, 9 }, 2, 1 },
	[MIB_NODE] = { ROOT(enterprise), { 1, 10, 1 }, 3, 1 },
#undef ROOT
};

size_t
mib_column_oid(const struct mib_object *o, uint32_t *oid)
{
	size_t n = scopes[o->scope].rootlen;

	memcpy(oid, scopes[o->scope].root, n * sizeof(*oid));
	for (unsigned i = 0; i < scopes[o->scope].narcs; i++)
		oid[n++] = scopes[o->scope].arc[i];
	oid[n++] = o->column;
	return n;
}

size_t
mib_event_oid(uint32_t event, uint32_t *oid)
{
	size_t n = MX_COUNT(enterprise);

	memcpy(oid, enterprise, sizeof(enterprise));
	oid[n++] = 0;
	oid[n++] = event;
	return n;
}

static enum wire_module
module_of(const struct mib_object *o)
{
	return o->scope >= MIB_SYSTEM ? WIRE_MXWATCH :
	    o->scope == MIB_APPL      ? WIRE_NETWORK_SERVICES :
					WIRE_MTA;
}

bool
mib_region(const struct mib *m, unsigned i, struct mib_region *r)
{
	const struct mib_object *o = mib_objects;

	if (i == 0) {
		r->module = WIRE_MXWATCH;
		r->len = MX_COUNT(enterprise);
		memcpy(r->oid, enterprise, sizeof(enterprise));
		return true;
	}
	/* The objects of the other MIBs come first in the table. */
	if (!m->mta || i > mib_nobjects || o[i - 1].scope >= MIB_SYSTEM)
		return false;
	r->module = module_of(&o[i - 1]);
	r->len = mib_column_oid(&o[i - 1], r->oid);
	return true;
}

/* ---- rows */

static struct mib_row *
row_add(struct mib *m, enum mib_scope scope)
{
	struct mib_row *r;

	if (m->nrows[scope] == m->row_size[scope]) {
		m->row_size[scope] = m->row_size[scope] * 2 + 8;
		m->row[scope] =
		    mem_grow(m->row[scope], m->row_size[scope], sizeof(*r));
	}
	r = &m->row[scope][m->nrows[scope]++];
	memset(r, 0, sizeof(*r));
	return r;
}

/* A status class has a row once it was counted. Subjects beyond x.7 are counted
 * together, as x.999. */
static void
rows_of_status(struct mib *m, const struct wire_domain *d, uint32_t class,
    const uint64_t *count)
{
	struct mib_row *r;
	uint32_t subject;

	for (uint32_t i = 0; i < WIRE_CLASSES; i++) {
		if (count[i] == 0)
			continue;
		subject = i == WIRE_CLASSES - 1 ? 999 : i;
		r = row_add(m, MIB_BOUNCE);
		*r = (struct mib_row){ { d->index, class * 1000 + subject },
			.d = d, .status = class * 1000 + subject,
			.subject = i };
		r = row_add(m, MIB_GROUP_ERROR);
		*r = m->row[MIB_BOUNCE][m->nrows[MIB_BOUNCE] - 1];
		r->key[0] = m->appl_index;
		r->key[1] = d->index;
		r->key[2] = r->status * 1000;
	}
}

static void
total_add(struct wire_domain *t, const struct wire_domain *d)
{
	t->messages += d->messages;
	t->recipients += d->recipients;
	t->bytes += d->bytes;
	if (d->oldest_ms != 0 &&
	    (t->oldest_ms == 0 || d->oldest_ms < t->oldest_ms))
		t->oldest_ms = d->oldest_ms;
	if (d->next_expiry_ms != 0 &&
	    (t->next_expiry_ms == 0 || d->next_expiry_ms < t->next_expiry_ms))
		t->next_expiry_ms = d->next_expiry_ms;
	t->accepted_messages += d->accepted_messages;
	t->accepted_recipients += d->accepted_recipients;
	t->accepted_bytes += d->accepted_bytes;
	t->delivered_messages += d->delivered_messages;
	t->delivered += d->delivered;
	t->delivered_bytes += d->delivered_bytes;
	t->attempts += d->attempts;
	t->connect_failed += d->connect_failed;
}

static void
rows_of_domain(struct mib *m, const struct wire_domain *d)
{
	*row_add(m, MIB_DOMAIN) = (struct mib_row){ { d->index }, .d = d };
	*row_add(m, MIB_GROUP) =
	    (struct mib_row){ { m->appl_index, d->index }, .d = d };
	rows_of_status(m, d, 4, d->deferred);
	rows_of_status(m, d, 5, d->bounced);
	total_add(&m->total, d);
	m->domains_down += d->state == 4;
	m->breakers += d->breaker_since != 0;
}

/* applOperStatus, RFC 2788: up, congested, restarting, quiescing. */
static void
oper_status(struct mib *m, int64_t now_ms)
{
	const struct wire_system *s = &m->set.system;
	int is = s->stopping ? 6 : s->indexing ? 5 : s->accepting ? 1 : 4;

	if (m->oper_status != is)
		m->oper_since_ms =
		    m->oper_status == 0 && is == 1 ? s->start * 1000 : now_ms;
	m->oper_status = is;
}

static void
rows_of_primary(struct mib *m, const struct wire_primary *p)
{
	*row_add(m, MIB_PRIMARY) = (struct mib_row){ { p->index }, .p = p };
	m->primaries_down += p->state == 4;
}

static void
rows_of_set(struct mib *m)
{
	const struct wire_rows *rows = m->set.rows;
	const struct wire_dnsbl *b = rows[WIRE_DNSBL].row;
	const struct wire_link *l = rows[WIRE_LINK].row;
	const struct wire_node *n = rows[WIRE_NODE].row;

	for (uint32_t i = 0; i < rows[WIRE_DOMAIN].n; i++)
		rows_of_domain(m, &wire_domains(&m->set)[i]);
	for (uint32_t i = 0; i < rows[WIRE_PRIMARY].n; i++)
		rows_of_primary(m, &wire_primaries(&m->set)[i]);
	for (uint32_t i = 0; i < rows[WIRE_LINK].n; i++)
		*row_add(m, MIB_LINK) =
		    (struct mib_row){ { l[i].domain, l[i].place }, .l = &l[i] };
	for (uint32_t i = 0; i < rows[WIRE_DNSBL].n; i++)
		*row_add(m, MIB_DNSBL) =
		    (struct mib_row){ { b[i].index }, .b = &b[i] };
	for (uint32_t i = 0; i < rows[WIRE_NODE].n; i++)
		*row_add(m, MIB_NODE) =
		    (struct mib_row){ { n[i].index }, .n = &n[i] };
	if (m->set.system.cluster != 0)
		(void)row_add(m, MIB_CLUSTER);
}

void
mib_take(struct mib *m, struct wire_set *set, int64_t now_ms)
{
	struct mib_row *r;

	wire_set_fini(&m->set);
	m->set = *set;
	wire_set_init(set);
	memset(m->nrows, 0, sizeof(m->nrows));
	memset(&m->total, 0, sizeof(m->total));
	m->domains_down = m->primaries_down = m->breakers = 0;
	m->now_ms = now_ms;
	oper_status(m, now_ms);

	(void)row_add(m, MIB_SYSTEM); /* the key of a scalar is 0 */
	row_add(m, MIB_APPL)->key[0] = m->appl_index;
	row_add(m, MIB_MTA)->key[0] = m->appl_index;
	r = row_add(m, MIB_GROUP);
	r->key[0] = m->appl_index;
	r->key[1] = 1; /* mail without a domain */
	rows_of_set(m);
	m->ready = true;
}

void
mib_init(struct mib *m, uint32_t appl_index, bool mta)
{
	memset(m, 0, sizeof(*m));
	m->appl_index = appl_index;
	m->mta = mta;
}

void
mib_fini(struct mib *m)
{
	for (unsigned i = 0; i < MIB_SCOPE_MAX; i++)
		mem_free(&m->row[i]);
	wire_set_fini(&m->set);
}

/* ---- searching */

static int
oid_cmp(const uint32_t *a, size_t na, const uint32_t *b, size_t nb)
{
	for (size_t i = 0; i < na && i < nb; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return na == nb ? 0 : na < nb ? -1 : 1;
}

/* The first row whose key is not below the given one (with `after`: above
 * it). */
static uint32_t
row_search(const struct mib *m, enum mib_scope scope, const uint32_t *key,
    size_t n, bool after)
{
	uint32_t lo = 0, hi = m->nrows[scope], mid;
	int c;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = oid_cmp(m->row[scope][mid].key, scopes[scope].nkeys, key,
		    n);
		if (c < 0 || (c == 0 && after))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
answer(const struct mib *m, const struct mib_object *o, const struct mib_row *r,
    struct mib_answer *a)
{
	a->value.type = o->type;
	if (!o->get(m, r, &a->value))
		return false;
	a->object = o;
	a->len = mib_column_oid(o, a->oid);
	for (unsigned i = 0; i < scopes[o->scope].nkeys; i++)
		a->oid[a->len++] = r->key[i];
	return true;
}

static bool
served(const struct mib *m, const struct mib_object *o)
{
	return m->ready && (m->mta || o->scope >= MIB_SYSTEM) &&
	    o->scope != MIB_NOTIFY;
}

bool
mib_get(const struct mib *m, const uint32_t *oid, size_t len,
    struct mib_answer *a)
{
	return mib_next(m, oid, len, true, a) &&
	    oid_cmp(a->oid, a->len, oid, len) == 0;
}

bool
mib_next(const struct mib *m, const uint32_t *oid, size_t len, bool inclusive,
    struct mib_answer *a)
{
	const struct mib_object *o;
	uint32_t column[MIB_OID_MAX], i;
	size_t n;

	for (o = mib_objects; o < mib_objects + mib_nobjects; o++) {
		if (!served(m, o))
			continue;
		n = mib_column_oid(o, column);
		if (oid_cmp(oid, len, column, n) <= 0)
			i = 0; /* before the column: its first row */
		else if (len > n && oid_cmp(oid, n, column, n) == 0)
			i = row_search(m, o->scope, oid + n, len - n,
			    !inclusive);
		else
			continue;
		for (; i < m->nrows[o->scope]; i++)
			if (answer(m, o, &m->row[o->scope][i], a))
				return true;
	}
	return false;
}

/* ---- notifications */

/* Makes rows that have the values of the notice; the rest is empty. */
static void
subject_of(const struct wire_notice *n, struct mib *m, struct wire_domain *d,
    struct wire_primary *p)
{
	*m = (struct mib){ .now_ms = n->wall_ms };
	m->set.system.free_bytes = n->free_bytes;
	*d = (struct wire_domain){ .index = n->domain_index,
		.state = n->state,
		.messages = n->messages,
		.delivered = n->delivered,
		.expired = n->expired,
		.oldest_ms = n->oldest_ms,
		.next_expiry_ms = n->next_expiry_ms };
	strlcpy(d->name, n->domain, sizeof(d->name));
	strlcpy(d->cause, n->text, sizeof(d->cause));
	*p = (struct wire_primary){ .index = n->primary_index,
		.port = n->port,
		.domains = n->domains,
		.failed_phase = n->failed_phase };
	strlcpy(p->host, n->host, sizeof(p->host));
	strlcpy(p->text, n->text, sizeof(p->text));
}

unsigned
mib_notification(const struct wire_notice *n,
    struct mib_answer dst[MIB_VARBINDS_MAX])
{
	const char *const *name;
	const struct mib_object *o;
	struct wire_primary p;
	struct wire_domain d;
	struct mib_row row;
	struct mib m;
	unsigned i;

	if (n->event == 0 || n->event >= WIRE_EVENT_MAX)
		return 0;
	subject_of(n, &m, &d, &p);
	name = mib_varbinds[n->event];
	for (i = 0; i < MIB_VARBINDS_MAX && name[i] != NULL; i++) {
		o = mib_object(name[i]);
		row = (struct mib_row){ .d = &d, .p = &p };
		row.key[0] = o->scope == MIB_DOMAIN ? d.index :
		    o->scope == MIB_PRIMARY	    ? p.index :
						      0;
		memset(&dst[i].value, 0, sizeof(dst[i].value));
		MX_ASSERT(answer(&m, o, &row, &dst[i]));
	}
	return i;
}
