/* SPDX-License-Identifier: ISC
 * wire: what the daemon and mxwatch-agentx tell each other over a
 * SOCK_SEQPACKET socketpair. Flat structs in the byte order of the host, for
 * both are of one build; a head with version, type and length comes first,
 * and nothing is believed that does not fit it exactly. A snapshot is as many
 * packets as it takes, all with its generation: the system first, then the
 * domains, then the primaries. A packet of a newer generation ends what came
 * before it. Pure; any thread. */
#ifndef MX_SNMP_WIRE_H
#define MX_SNMP_WIRE_H

#include "base/err.h"

#define WIRE_MAGIC	0x4d585741u /* "MXWA" */
#define WIRE_VERSION	1
#define WIRE_PACKET_MAX 32768 /* well below any socket's send buffer */
#define WIRE_NAME	256
#define WIRE_TEXT	160
#define WIRE_CLASSES	9 /* status_label() of status/counters.h */
#define WIRE_ROWS_MAX	(1u << 20) /* of a kind, in one snapshot */
#define WIRE_FD		3 /* the child's end */

enum wire_type {
	WIRE_SYSTEM = 1, /* one */
	WIRE_DOMAIN, /* many in a packet */
	WIRE_PRIMARY, /* many in a packet */
	WIRE_NOTICE, /* one; head.generation is its number */
	WIRE_STATUS, /* child to daemon: one */
	WIRE_LOG, /* child to daemon: one */
	WIRE_TYPE_MAX,
};

struct wire_head {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
	uint32_t len; /* of the packet, this head included */
	uint32_t count; /* records behind the head */
	uint64_t generation;
};

struct wire_system {
	uint32_t ndomains, nprimaries; /* that follow */
	int64_t wall_ms, start; /* of the snapshot; of the daemon */
	uint32_t accepting, reload_ok, stopping, indexing;
	uint32_t sessions, connections_out;
	uint64_t free_bytes;
	uint64_t connections, connections_rejected;
	uint64_t rcpt_rejected, messages_rejected, loops;
	int64_t alerts_active; /* -1: nobody counts them */
	int64_t notifications_failed; /* -1: nobody counts them */
	char hostname[WIRE_NAME];
};

struct wire_domain {
	uint32_t index;
	uint32_t state; /* 1..6, the numbers of the MIB */
	uint32_t flushing, reserved;
	int64_t state_since, lifetime;
	uint64_t messages, recipients, bytes;
	int64_t oldest_ms, next_expiry_ms, next_try_ms; /* wall; 0 none */
	uint64_t accepted_messages, accepted_recipients, accepted_bytes;
	uint64_t delivered_messages, delivered, delivered_bytes, expired;
	uint64_t attempts, connect_failed;
	uint64_t deferred[WIRE_CLASSES], bounced[WIRE_CLASSES];
	uint64_t flush_remaining;
	int64_t flush_end;
	char name[WIRE_NAME];
	char cause[WIRE_TEXT];
};

struct wire_primary {
	uint32_t domain; /* its index */
	uint32_t index; /* 1.. within the domain */
	uint32_t port, healthy;
	uint32_t failed_phase; /* the numbers of the MIB */
	uint32_t code;
	uint64_t probe_ms;
	uint64_t probes, failures;
	int64_t last_run, last_success, cert_not_after;
	char host[WIRE_NAME + 8];
	char text[WIRE_TEXT];
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
	WIRE_BREAKER_CLOSED,
	WIRE_BREAKER_OPENED,
	WIRE_EVENT_MAX,
};

/* Rows that the snapshot sent before it may not show any more. */
struct wire_notice {
	uint32_t event; /* enum wire_event */
	uint32_t state; /* STATE_CHANGE: the new one; else 0 */
	uint32_t failed_phase; /* PRIMARY_DOWN */
	uint32_t reserved;
	char domain[WIRE_NAME]; /* "" none */
	char host[WIRE_NAME + 8]; /* label of the primary; "" none */
	char text[WIRE_TEXT];
};

/* Cumulative, so that one that is lost does no harm. */
struct wire_status {
	uint64_t generation; /* the newest snapshot that is served */
	uint64_t notice; /* the newest notice that was dealt with */
	uint64_t notices_sent, notices_dropped;
	uint64_t requests; /* variables asked for */
	uint32_t connected; /* to the master agent */
	uint32_t reserved;
};

struct wire_log {
	uint32_t error; /* else a warning */
	uint32_t reserved;
	char text[248];
};

/* Checks a packet against its own head: 0, -MX_ESYNTAX, or -MX_ECORRUPT for
 * another version. Strings in it end within their fields. `data` must be
 * aligned for the structs above, as a wire_packet is. */
int wire_check(const void *data, size_t len) MX_NODISCARD;

union wire_packet {
	struct wire_head head;
	char bytes[WIRE_PACKET_MAX];
};
/* The record i behind the head; its type is that of the packet. */
const void *wire_record(const union wire_packet *, uint32_t i);
size_t wire_record_size(enum wire_type);

/* The label of a primary, "mx1.example.org:2525", in its parts: returns the
 * port, 25 when none is there. */
uint32_t wire_label(const char *label, char *host, size_t size);

/* Packets being written, one behind the other, each aligned. */
struct wire_out {
	char *data;
	size_t len, size;
	size_t sent; /* the caller's place */
	size_t open; /* start of the packet that still grows */
	uint64_t generation;
};
void wire_out_init(struct wire_out *, uint64_t generation);
void wire_out_fini(struct wire_out *);
/* A zeroed record at the end, valid until the next call. */
void *wire_out_add(struct wire_out *, enum wire_type);
/* The packet at `sent`; NULL when all went. Advance `sent` by *stride. */
const void *wire_out_peek(const struct wire_out *, size_t *len, size_t *stride);

/* A snapshot being put together, or a whole one. */
struct wire_set {
	uint64_t generation;
	bool begun;
	struct wire_system system;
	struct wire_domain *domain;
	struct wire_primary *primary;
	uint32_t ndomains, nprimaries; /* that are here */
	uint32_t domain_size, primary_size;
};
void wire_set_init(struct wire_set *);
void wire_set_fini(struct wire_set *);
/* Takes a packet of the first three types: 1 the set is whole now, 0 more is
 * to come or the packet belongs to no set that began, or an error as of
 * wire_check() and the set is empty. Whole sets are ordered: domains by index,
 * primaries by domain and index, each of them once. */
int wire_set_add(struct wire_set *, const union wire_packet *,
    size_t len) MX_NODISCARD;

#endif
