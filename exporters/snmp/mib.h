/* SPDX-License-Identifier: ISC
 * mib: the newest snapshot as sorted rows of objects, for GET and GETNEXT. Rows
 * are made once a snapshot; a request only searches, so that a walk always
 * ascends, and an answer takes microseconds. Independent of net-snmp. Pure: the
 * time is an argument. */
#ifndef MX_SNMP_MIB_H
#define MX_SNMP_MIB_H

#include "exporters/snmp/wire.h"

#define MIB_OID_MAX 32 /* the longest root, column and key */

enum mib_scope {
	MIB_APPL,
	MIB_MTA,
	MIB_GROUP,
	MIB_GROUP_ERROR,
	MIB_SYSTEM,
	MIB_DOMAIN,
	MIB_BOUNCE,
	MIB_PRIMARY,
	MIB_LINK, /* of a domain to a primary */
	MIB_DNSBL,
	MIB_NOTIFY, /* in notifications only */
	MIB_CLUSTER, /* one, or none without a cluster */
	MIB_NODE,
	MIB_SCOPE_MAX,
};

enum mib_type {
	MIB_INTEGER,
	MIB_ENUM, /* INTEGER { ... } */
	MIB_TRUTH,
	MIB_UNSIGNED32,
	MIB_GAUGE32,
	MIB_COUNTER32,
	MIB_COUNTER64,
	MIB_STRING,
	MIB_DATE,
	MIB_STAMP, /* TimeStamp: sysUpTime at that time */
	MIB_INTERVAL, /* TimeInterval: hundredths of a second */
	MIB_OID,
};

struct mib_value {
	enum mib_type type;
	int32_t i; /* INTEGER, ENUM, TRUTH, INTERVAL */
	uint64_t u; /* the unsigned ones and STAMP */
	char s[WIRE_NAME + 8]; /* STRING, DATE */
	size_t len; /* of s, or of oid */
	const uint32_t *oid;
};

/* A row: its key, and the source of its columns. */
struct mib_row {
	uint32_t key[3];
	const struct wire_domain *d;
	const struct wire_primary *p;
	const struct wire_link *l;
	const struct wire_dnsbl *b;
	const struct wire_node *n;
	uint32_t status, subject; /* BOUNCE, GROUP_ERROR */
};

struct mib {
	/* set by the caller */
	uint32_t appl_index;
	bool mta; /* NETWORK-SERVICES-MIB and MTA-MIB, too */
	int64_t now_ms; /* wall */
	uint64_t uptime; /* sysUpTime of the master, hundredths */
	/* set by mib_take() */
	bool ready;
	struct wire_set set;
	struct wire_domain total;
	uint32_t domains_down, primaries_down, breakers;
	int oper_status;
	int64_t oper_since_ms;
	struct mib_row *row[MIB_SCOPE_MAX];
	uint32_t nrows[MIB_SCOPE_MAX], row_size[MIB_SCOPE_MAX];
};

struct mib_object {
	const char *name;
	enum mib_scope scope;
	uint32_t column;
	enum mib_type type;
	/* False: noSuchInstance. */
	bool (*get)(const struct mib *, const struct mib_row *,
	    struct mib_value *);
};
extern const struct mib_object mib_objects[];
extern const size_t mib_nobjects;
const struct mib_object *mib_object(const char *name); /* NULL: none */

/* Objects of each notification, by enum wire_event; ended by NULL. */
#define MIB_VARBINDS_MAX 8
extern const char *const mib_varbinds[WIRE_EVENT_MAX][MIB_VARBINDS_MAX];

struct mib_answer {
	const struct mib_object *object;
	uint32_t oid[MIB_OID_MAX];
	size_t len;
	struct mib_value value;
};

void mib_init(struct mib *, uint32_t appl_index, bool mta);
void mib_fini(struct mib *);
/* Takes over a complete set; *set is empty afterwards. */
void mib_take(struct mib *, struct wire_set *set, int64_t now_ms);

/* The instance with exactly that name. */
bool mib_get(const struct mib *, const uint32_t *oid, size_t len,
    struct mib_answer *);
/* The first instance after it, or the same one with `inclusive`. */
bool mib_next(const struct mib *, const uint32_t *oid, size_t len,
    bool inclusive, struct mib_answer *);

/* A subtree to register with the master. MXWATCH-MIB is one; of the others,
 * with `mta`, each column is one, like the registrations of the master's own
 * modules: a longer name silently takes requests away from a shorter one, and a
 * name of the same length is refused. */
struct mib_region {
	enum wire_module module;
	uint32_t oid[MIB_OID_MAX];
	size_t len;
};
/* False: there is no such region. */
bool mib_region(const struct mib *, unsigned i, struct mib_region *);
/* The name of an object's column, or of the MIB's notification. */
size_t mib_column_oid(const struct mib_object *, uint32_t *oid);
size_t mib_event_oid(uint32_t event, uint32_t *oid);

/* The varbinds of a notification, from its values: returns their number. 0:
 * unknown event. */
unsigned mib_notification(const struct wire_notice *,
    struct mib_answer dst[MIB_VARBINDS_MAX]);

#endif
