/* SPDX-License-Identifier: ISC
 * wire: the packets between the daemon and mxwatch-agentx over a SOCK_SEQPACKET
 * socketpair. Flat structs in the byte order of the host, since both are from
 * one build; each begins with a head with version, type and length, which has
 * to fit exactly. A snapshot is any number of packets, all with its generation:
 * the system first, then the rows of each kind in the order of enum wire_type.
 * A packet of a newer generation ends an unfinished snapshot. Pure; any
 * thread. */
#ifndef MX_SNMP_WIRE_H
#define MX_SNMP_WIRE_H

#include "base/err.h"

#define WIRE_MAGIC	0x4d585741u /* "MXWA" */
#define WIRE_VERSION	3
#define WIRE_PACKET_MAX 32768 /* well below any socket's send buffer */
#define WIRE_NAME	256
#define WIRE_TEXT	160
#define WIRE_NODE_NAME	64
#define WIRE_CLASSES	9 /* status_label() of status/counters.h */
#define WIRE_ROWS_MAX	(1u << 20) /* of one kind, in one snapshot */
#define WIRE_FD		3 /* the child's end */

enum wire_type {
	WIRE_SYSTEM = 1, /* one */
	WIRE_DOMAIN, /* rows: many in a packet */
	WIRE_PRIMARY,
	WIRE_LINK, /* of a domain to a primary */
	WIRE_DNSBL,
	WIRE_NODE, /* of the cluster */
	WIRE_NOTICE, /* one; head.generation is the number */
	WIRE_STATUS, /* child to daemon: one */
	WIRE_LOG, /* child to daemon: one */
	WIRE_TYPE_MAX,
};
#define WIRE_ROW_FIRST WIRE_DOMAIN
#define WIRE_ROW_LAST  WIRE_NODE

struct wire_head {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
	uint32_t len; /* of the packet including this head */
	uint32_t count; /* records behind the head */
	uint64_t generation;
};

struct wire_system {
	uint32_t rows[WIRE_TYPE_MAX]; /* number of rows that follow, by kind */
	uint32_t accepting, reload_ok, stopping, indexing;
	int64_t wall_ms, start; /* of the snapshot; of the daemon's start */
	uint32_t sessions, connections_out;
	uint64_t free_bytes;
	uint64_t connections, connections_rejected;
	uint64_t rcpt_rejected, messages_rejected, loops;
	int64_t alerts_active; /* -1: not counted */
	int64_t notifications_failed; /* -1: not counted */
	uint64_t traps_dropped;
	uint64_t vault_messages, vault_bytes;
	int64_t vault_oldest_ms; /* wall; 0: it is empty */
	uint64_t source_domains;
	int64_t source_confirmed_ms; /* wall; 0: there is no source */
	uint32_t source_failing, mx_backup, mx_backup_domains, ready;
	/* Of a cluster; all 0 without one. */
	uint32_t cluster, synchronous, fenced, missing, unowned, leaving;
	int64_t away_ms, local_oldest_ms; /* wall; 0: not, none */
	uint64_t local_messages;
	char node[WIRE_NODE_NAME];
	char source[WIRE_NAME]; /* "": there is none */
	char not_ready[WIRE_TEXT];
	char hostname[WIRE_NAME];
};

struct wire_domain {
	uint32_t index;
	uint32_t state; /* 1..6, the numbers of the MIB */
	uint32_t flushing, on_hold;
	uint32_t removed, learns;
	int64_t state_since, lifetime;
	uint64_t messages, recipients, bytes;
	int64_t oldest_ms, next_expiry_ms, next_try_ms; /* wall; 0 none */
	uint64_t accepted_messages, accepted_recipients, accepted_bytes;
	uint64_t delivered_messages, delivered, delivered_bytes, expired;
	uint64_t attempts, connect_failed;
	uint64_t deferred[WIRE_CLASSES], bounced[WIRE_CLASSES];
	uint64_t flush_remaining;
	int64_t flush_end;
	int64_t breaker_since; /* 0: reset */
	uint64_t put_off, learned;
	uint64_t list_entries;
	int64_t list_confirmed_ms; /* wall; 0: equals its source */
	char name[WIRE_NAME];
	char cause[WIRE_TEXT];
	char list[WIRE_NAME]; /* "": there is none */
	char list_trouble[WIRE_TEXT];
	char owner[WIRE_NODE_NAME]; /* "": none, or no cluster */
};

struct wire_primary {
	uint32_t index;
	uint32_t state; /* 1..6, the numbers of the MIB */
	uint32_t port, healthy;
	uint32_t failed_phase; /* the numbers of the MIB */
	uint32_t code;
	/* that name it; of these with a tripped breaker */
	uint32_t domains, breakers;
	uint32_t window, ceiling, connections, paused;
	int64_t state_since;
	uint64_t messages; /* queued for these domains */
	uint64_t probe_ms;
	uint64_t probes, failures, refused;
	int64_t last_run, last_success, cert_not_after, tls_fallback_since;
	char host[WIRE_NAME + 8];
	char text[WIRE_TEXT];
	char cause[WIRE_TEXT];
};

struct wire_link {
	uint32_t domain; /* its index */
	uint32_t place; /* 1.. in its order of preference */
	uint32_t primary; /* its index */
	uint32_t priority; /* of the MX record, or by the configuration */
	int64_t finding_since; /* 0: none */
	char finding[WIRE_TEXT];
};

struct wire_dnsbl {
	uint32_t index; /* 1.. in the order of the configuration */
	uint32_t state; /* the numbers of the MIB */
	uint64_t queries, hits, failures, refusals;
	char zone[WIRE_NAME];
	char why[WIRE_TEXT];
};

struct wire_node {
	uint32_t index; /* its number in the cluster */
	uint32_t state; /* the numbers of the MIB */
	uint32_t us, differs;
	uint32_t domains, reserved;
	uint64_t silent_seconds;
	char name[WIRE_NODE_NAME];
	char version[WIRE_NODE_NAME];
	char hostname[WIRE_NAME];
};

/* The notifications; the numbers are their arcs in the MIB. */
enum wire_event {
	WIRE_PRIMARY_DOWN = 1,
	WIRE_PRIMARY_UP,
	WIRE_STATE_CHANGE,
	WIRE_AGE_WARNING,
	WIRE_AGE_CRITICAL,
	WIRE_AGE_CLEARED,
	WIRE_MAIL_EXPIRED,
	WIRE_FLUSH_STARTED,
	WIRE_FLUSH_FINISHED,
	WIRE_SPOOL_REFUSING,
	WIRE_SPOOL_ACCEPTING,
	WIRE_TEST,
	WIRE_BREAKER_TRIPPED,
	WIRE_BREAKER_RESET,
	WIRE_EVENT_MAX,
};

/* All values of a notification, as of the event: nothing is looked up when it
 * is sent, perhaps much later. */
struct wire_notice {
	uint32_t event; /* enum wire_event */
	uint32_t domain_index, primary_index; /* 0: none */
	uint32_t state; /* of the domain: the new state */
	uint32_t failed_phase; /* PRIMARY_DOWN */
	uint32_t port, domains; /* of the primary */
	uint32_t reserved;
	int64_t wall_ms; /* when */
	uint64_t messages, delivered, expired; /* of the domain */
	int64_t oldest_ms, next_expiry_ms; /* wall; AGE_... */
	uint64_t free_bytes; /* SPOOL_... */
	char domain[WIRE_NAME]; /* "" none */
	char host[WIRE_NAME + 8]; /* of the primary; "" none */
	char text[WIRE_TEXT]; /* a reply, a reason */
};

/* Modules of the MIB that are registered with the master. */
enum wire_module {
	WIRE_MXWATCH,
	WIRE_NETWORK_SERVICES,
	WIRE_MTA,
	WIRE_MODULES
};

/* Cumulative, so that a lost one does no harm. */
struct wire_status {
	uint64_t generation; /* of the newest snapshot served */
	uint64_t notice; /* the last notice handled, */
	uint32_t notice_taken; /* accepted by the master; otherwise not sent */
	uint32_t connected; /* to the master agent */
	/* 1 << enum wire_module: registered by us, by others */
	uint32_t standing, taken;
	uint64_t requests; /* variables requested */
};

struct wire_log {
	uint32_t error; /* otherwise a warning */
	uint32_t reserved;
	char text[248];
};

/* Checks a packet against its head: 0, -MX_ESYNTAX, or -MX_ECORRUPT for another
 * version. Afterwards its strings are known to end within their fields. `data`
 * must be aligned for the structs above, like a wire_packet. */
int wire_check(const void *data, size_t len) MX_NODISCARD;

union wire_packet {
	struct wire_head head;
	char bytes[WIRE_PACKET_MAX];
};
/* Record i after the head; its type is that of the packet. */
const void *wire_record(const union wire_packet *, uint32_t i);
size_t wire_record_size(enum wire_type);

/* Splits the label of a primary, "mx1.example.org:2525": returns the port, 25
 * by default. */
uint32_t wire_label(const char *label, char *host, size_t size);

/* Packets being written, one after the other, each aligned. */
struct wire_out {
	char *data;
	size_t len, size;
	size_t sent; /* position of the caller */
	size_t open; /* start of the unfinished packet */
	uint64_t generation;
};
void wire_out_init(struct wire_out *, uint64_t generation);
void wire_out_fini(struct wire_out *);
/* A zeroed record at the end, valid until the next call. */
void *wire_out_add(struct wire_out *, enum wire_type);
/* The packet at `sent`; NULL after the last. Advance `sent` by *stride. */
const void *wire_out_peek(const struct wire_out *, size_t *len, size_t *stride);

/* A snapshot being assembled, or a complete one. */
struct wire_set {
	uint64_t generation;
	bool begun;
	struct wire_system system;
	struct wire_rows {
		void *row; /* of the struct of that type */
		uint32_t n, size; /* received; allocated */
	} rows[WIRE_TYPE_MAX];
};
void wire_set_init(struct wire_set *);
void wire_set_fini(struct wire_set *);
/* Takes a packet of the system or of rows: 1: the set is complete, 0: more
 * follow, or the packet belongs to no set; or an error of wire_check(), and the
 * set is empty. Complete sets are ordered: rows ascend by their index (links by
 * domain and place), without duplicates. */
int wire_set_add(struct wire_set *, const union wire_packet *,
    size_t len) MX_NODISCARD;

static inline const struct wire_domain *
wire_domains(const struct wire_set *s)
{
	return s->rows[WIRE_DOMAIN].row;
}

static inline const struct wire_primary *
wire_primaries(const struct wire_set *s)
{
	return s->rows[WIRE_PRIMARY].row;
}

#endif
