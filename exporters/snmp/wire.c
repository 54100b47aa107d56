/* SPDX-License-Identifier: ISC
 * wire: writes packets, checks them, reassembles snapshots. The daemon writes
 * snapshots and reads status, mxwatch-agentx does the opposite; neither trusts
 * the other's lengths. */
#include "exporters/snmp/wire.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* Packets begin at the strictest alignment of the structs. */
#define ALIGN_UP(n) (((n) + 7u) & ~(size_t)7u)

struct field {
	enum wire_type type;
	size_t offset, size;
};

/* Every string of every record: it has to end within its field. */
static const struct field strings[] = {
#define FIELD(type, st, name)                                                  \
	{                                                                      \
		type, offsetof(struct st, name),                               \
		    sizeof(((struct st *)0)->name)                             \
	}
	FIELD(WIRE_SYSTEM, wire_system, node),
	FIELD(WIRE_SYSTEM, wire_system, source),
	FIELD(WIRE_SYSTEM, wire_system, not_ready),
	FIELD(WIRE_SYSTEM, wire_system, hostname),
	FIELD(WIRE_DOMAIN, wire_domain, name),
	FIELD(WIRE_DOMAIN, wire_domain, cause),
	FIELD(WIRE_DOMAIN, wire_domain, list),
	FIELD(WIRE_DOMAIN, wire_domain, list_trouble),
	FIELD(WIRE_DOMAIN, wire_domain, owner),
	FIELD(WIRE_PRIMARY, wire_primary, host),
	FIELD(WIRE_PRIMARY, wire_primary, text),
	FIELD(WIRE_PRIMARY, wire_primary, cause),
	FIELD(WIRE_LINK, wire_link, finding),
	FIELD(WIRE_DNSBL, wire_dnsbl, zone),
	FIELD(WIRE_DNSBL, wire_dnsbl, why),
	FIELD(WIRE_NODE, wire_node, name),
	FIELD(WIRE_NODE, wire_node, version),
	FIELD(WIRE_NODE, wire_node, hostname),
	FIELD(WIRE_NOTICE, wire_notice, domain),
	FIELD(WIRE_NOTICE, wire_notice, host),
	FIELD(WIRE_NOTICE, wire_notice, text),
	FIELD(WIRE_LOG, wire_log, text),
#undef FIELD
};

size_t
wire_record_size(enum wire_type type)
{
	static const size_t size[WIRE_TYPE_MAX] = {
		[WIRE_SYSTEM] = sizeof(struct wire_system),
		[WIRE_DOMAIN] = sizeof(struct wire_domain),
		[WIRE_PRIMARY] = sizeof(struct wire_primary),
		[WIRE_LINK] = sizeof(struct wire_link),
		[WIRE_DNSBL] = sizeof(struct wire_dnsbl),
		[WIRE_NODE] = sizeof(struct wire_node),
		[WIRE_NOTICE] = sizeof(struct wire_notice),
		[WIRE_STATUS] = sizeof(struct wire_status),
		[WIRE_LOG] = sizeof(struct wire_log),
	};

	return (size_t)type < WIRE_TYPE_MAX ? size[type] : 0;
}

static bool
strings_end(const char *record, enum wire_type type)
{
	for (size_t i = 0; i < MX_COUNT(strings); i++)
		if (strings[i].type == type &&
		    memchr(record + strings[i].offset, '\0', strings[i].size) ==
			NULL)
			return false;
	return true;
}

static bool
is_row(unsigned type)
{
	return type >= WIRE_ROW_FIRST && type <= WIRE_ROW_LAST;
}

int
wire_check(const void *data, size_t len)
{
	const struct wire_head *h = data;
	const char *p = (const char *)data + sizeof(*h);
	size_t size;

	if (len < sizeof(*h) || len > WIRE_PACKET_MAX ||
	    h->magic != WIRE_MAGIC || h->len != len)
		return -MX_ESYNTAX;
	if (h->version != WIRE_VERSION)
		return -MX_ECORRUPT;
	size = wire_record_size(h->type);
	if (size == 0 || h->count == 0 ||
	    h->count > (WIRE_PACKET_MAX - sizeof(*h)) / size ||
	    len != sizeof(*h) + h->count * size)
		return -MX_ESYNTAX;
	if (h->count != 1 && !is_row(h->type))
		return -MX_ESYNTAX;
	for (uint32_t i = 0; i < h->count; i++)
		if (!strings_end(p + i * size, h->type))
			return -MX_ESYNTAX;
	return 0;
}

const void *
wire_record(const union wire_packet *p, uint32_t i)
{
	MX_ASSERT(i < p->head.count);
	return p->bytes + sizeof(p->head) + i * wire_record_size(p->head.type);
}

uint32_t
wire_label(const char *label, char *host, size_t size)
{
	const char *end = strchr(label, ']'), *colon;
	int64_t port;

	/* "[2001:db8::1]:2525", "mx:2525"; an address without brackets has more
	 * than one colon and no port. */
	if (label[0] == '[' && end != NULL) {
		colon = end[1] == ':' ? end + 1 : NULL;
		label++;
	} else {
		colon = end = strchr(label, ':');
		if (colon != NULL && strchr(colon + 1, ':') != NULL)
			colon = end = NULL;
	}
	strlcpy(host, label, size);
	if (end != NULL && (size_t)(end - label) < size)
		host[end - label] = '\0';
	if (colon == NULL || text_int(colon + 1, 1, UINT16_MAX, &port) != 0)
		return 25;
	return (uint32_t)port;
}

/* ---- writing */

void
wire_out_init(struct wire_out *o, uint64_t generation)
{
	memset(o, 0, sizeof(*o));
	o->generation = generation;
	o->open = SIZE_MAX;
}

void
wire_out_fini(struct wire_out *o)
{
	mem_free(&o->data);
	wire_out_init(o, 0);
}

static struct wire_head *
head_at(const struct wire_out *o, size_t at)
{
	return (struct wire_head *)(void *)(o->data + at);
}

static void
out_reserve(struct wire_out *o, size_t more)
{
	if (o->size - o->len >= more)
		return;
	o->size = o->len + more + o->size;
	o->data = mem_grow(o->data, o->size, 1);
}

void *
wire_out_add(struct wire_out *o, enum wire_type type)
{
	size_t size = wire_record_size(type);
	struct wire_head *h;
	void *record;

	out_reserve(o, sizeof(*h) + size + 8);
	h = o->open == SIZE_MAX ? NULL : head_at(o, o->open);
	if (h == NULL || h->type != type || h->len + size > WIRE_PACKET_MAX ||
	    !is_row(type)) {
		memset(o->data + o->len, 0, ALIGN_UP(o->len) - o->len);
		o->open = o->len = ALIGN_UP(o->len);
		h = head_at(o, o->open);
		*h = (struct wire_head){ .magic = WIRE_MAGIC,
			.version = WIRE_VERSION,
			.type = (uint16_t)type,
			.len = sizeof(*h),
			.generation = o->generation };
		o->len += sizeof(*h);
	}
	record = o->data + o->len;
	memset(record, 0, size);
	o->len += size;
	h->len += (uint32_t)size;
	h->count++;
	return record;
}

const void *
wire_out_peek(const struct wire_out *o, size_t *len, size_t *stride)
{
	if (o->sent >= o->len)
		return NULL;
	*len = head_at(o, o->sent)->len;
	*stride = ALIGN_UP(*len);
	return o->data + o->sent;
}

/* ---- reassembly */

void
wire_set_init(struct wire_set *s)
{
	memset(s, 0, sizeof(*s));
}

void
wire_set_fini(struct wire_set *s)
{
	for (unsigned t = 0; t < WIRE_TYPE_MAX; t++)
		mem_free(&s->rows[t].row);
	wire_set_init(s);
}

static void
set_empty(struct wire_set *s)
{
	s->begun = false;
	for (unsigned t = 0; t < WIRE_TYPE_MAX; t++)
		s->rows[t].n = 0;
}

/* Wall times in a range that is safe to compute with. */
static bool
is_time(int64_t t)
{
	return t >= 0 && t < INT64_C(1) << 50;
}

static bool
is_index(uint32_t index)
{
	return index >= 1 && index <= INT32_MAX;
}

static int
set_begin(struct wire_set *s, const struct wire_system *sys,
    uint64_t generation)
{
	set_empty(s);
	if (!is_time(sys->start) || !is_time(sys->wall_ms) ||
	    !is_time(sys->vault_oldest_ms) ||
	    !is_time(sys->source_confirmed_ms) || !is_time(sys->away_ms) ||
	    !is_time(sys->local_oldest_ms))
		return -MX_ESYNTAX;
	for (unsigned t = 0; t < WIRE_TYPE_MAX; t++)
		if (sys->rows[t] > (is_row(t) ? WIRE_ROWS_MAX : 0))
			return -MX_ESYNTAX;
	s->begun = true;
	s->generation = generation;
	s->system = *sys;
	return 0;
}

static bool
domain_is_sound(const struct wire_domain *last, const struct wire_domain *d)
{
	return is_index(d->index) && d->state >= 1 && d->state <= 6 &&
	    is_time(d->oldest_ms) && is_time(d->next_expiry_ms) &&
	    is_time(d->next_try_ms) && is_time(d->list_confirmed_ms) &&
	    (last == NULL || last->index < d->index);
}

static bool
primary_is_sound(const struct wire_primary *last, const struct wire_primary *p)
{
	return is_index(p->index) && p->state >= 1 && p->state <= 6 &&
	    p->port <= UINT16_MAX && p->code <= UINT16_MAX &&
	    (last == NULL || last->index < p->index);
}

static bool
link_is_sound(const struct wire_link *last, const struct wire_link *l)
{
	return is_index(l->domain) && is_index(l->primary) && l->place >= 1 &&
	    l->place <= UINT8_MAX && l->priority <= UINT16_MAX &&
	    (last == NULL || last->domain < l->domain ||
		(last->domain == l->domain && last->place < l->place));
}

static bool
dnsbl_is_sound(const struct wire_dnsbl *last, const struct wire_dnsbl *b)
{
	return is_index(b->index) && b->state >= 1 && b->state <= 3 &&
	    (last == NULL || last->index < b->index);
}

static bool
node_is_sound(const struct wire_node *last, const struct wire_node *n)
{
	return is_index(n->index) && n->state >= 1 && n->state <= 5 &&
	    (last == NULL || last->index < n->index);
}

static bool
row_is_sound(enum wire_type type, const void *last, const void *row)
{
	switch (type) {
	case WIRE_DOMAIN:
		return domain_is_sound(last, row);
	case WIRE_PRIMARY:
		return primary_is_sound(last, row);
	case WIRE_LINK:
		return link_is_sound(last, row);
	case WIRE_DNSBL:
		return dnsbl_is_sound(last, row);
	case WIRE_NODE:
		return node_is_sound(last, row);
	default:
		return false;
	}
}

/* The kinds of rows come in order. */
static bool
is_turn_of(const struct wire_set *s, enum wire_type type)
{
	for (unsigned t = WIRE_ROW_FIRST; t < type; t++)
		if (s->rows[t].n != s->system.rows[t])
			return false;
	return s->rows[type].n < s->system.rows[type];
}

/* Memory grows with the rows received, not with the number announced. */
static int
add_row(struct wire_set *s, enum wire_type type, const void *row)
{
	size_t size = wire_record_size(type);
	struct wire_rows *r = &s->rows[type];
	char *at;

	at = r->n == 0 ? NULL : (char *)r->row + (r->n - 1) * size;
	if (!is_turn_of(s, type) || !row_is_sound(type, at, row))
		return -MX_ESYNTAX;
	if (r->n == r->size) {
		r->size = r->size * 2 + 16;
		r->row = mem_grow(r->row, r->size, size);
	}
	memcpy((char *)r->row + r->n++ * size, row, size);
	return 0;
}

static int
add_records(struct wire_set *s, const union wire_packet *p)
{
	int rc = 0;

	if (p->head.type == WIRE_SYSTEM)
		return set_begin(s, wire_record(p, 0), p->head.generation);
	if (!s->begun || p->head.generation != s->generation) {
		set_empty(s); /* its beginning was lost: wait for the next */
		return 0;
	}
	for (uint32_t i = 0; rc == 0 && i < p->head.count; i++)
		rc = add_row(s, p->head.type, wire_record(p, i));
	return rc;
}

static bool
is_whole(const struct wire_set *s)
{
	for (unsigned t = WIRE_ROW_FIRST; t <= WIRE_ROW_LAST; t++)
		if (s->rows[t].n != s->system.rows[t])
			return false;
	return s->begun;
}

int
wire_set_add(struct wire_set *s, const union wire_packet *p, size_t len)
{
	int rc = wire_check(p, len);

	if (rc == 0 && p->head.type > WIRE_ROW_LAST)
		rc = -MX_ESYNTAX;
	if (rc == 0)
		rc = add_records(s, p);
	if (rc != 0) {
		set_empty(s);
		return rc;
	}
	return is_whole(s);
}
