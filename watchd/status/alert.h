/* SPDX-License-Identifier: ISC
 * alert: the names of the built-in alerts, from alert.def. Header only, so that
 * the configuration, a lower layer, may use it. */
#ifndef MX_STATUS_ALERT_H
#define MX_STATUS_ALERT_H

#include "base/defs.h"

enum alert_kind {
#define ALERT(name, ...) ALERT_##name,
#include "status/alert.def"
#undef ALERT
	ALERT_KIND_MAX,
};

/* The kind of object for which there is an instance. */
enum alert_scope {
	ALERT_SCOPE_GLOBAL, /* the daemon: one instance */
	ALERT_SCOPE_DOMAIN,
	ALERT_SCOPE_LIST, /* a list of smtpd { dnsbl }, by its zone */
};
enum alert_unit {
	ALERT_UNIT_NONE, /* boolean */
	ALERT_UNIT_NUMBER,
	ALERT_UNIT_TIME, /* ms */
	ALERT_UNIT_PERCENT,
	ALERT_UNIT_PERCENT_OR_TIME,
};
enum alert_worse { ALERT_WORSE_HIGH, ALERT_WORSE_LOW };

enum alert_severity { ALERT_SEV_NONE, ALERT_SEV_WARNING, ALERT_SEV_CRITICAL };

/* A test alert is not in this table; it is reported like one about a domain. */
static inline enum alert_scope
alert_scope(enum alert_kind kind)
{
	switch (kind) {
#define ALERT(name, scope, ...)                                                \
	case ALERT_##name:                                                     \
		return ALERT_SCOPE_##scope;
#include "status/alert.def"
#undef ALERT
	default:
		return ALERT_SCOPE_DOMAIN;
	}
}

/* The label that names the object of an instance. */
static inline const char *
alert_label(enum alert_kind kind)
{
	return alert_scope(kind) == ALERT_SCOPE_LIST ? "list" : "domain";
}

/* Sets of kinds are stored in a uint32_t, a bit each. */
_Static_assert(ALERT_KIND_MAX <= 32, "a uint32_t is too small");

struct alert_info {
	const char *name;
	enum alert_unit unit;
	enum alert_worse worse;
	bool enabled;
	const char *warn, *crit, *hold, *clear, *repeat;
	const char *summary; /* part of a sentence */
	const char *next; /* what to do */
};

/* Users build their own table: ALERT(...) is ALERT_INFO(__VA_ARGS__). */
#define ALERT_INFO(nm, sc, un, wo, en, wa, cr, fo, cl, re, su, ne)             \
	[ALERT_##nm] = { #nm, ALERT_UNIT_##un, ALERT_WORSE_##wo, en, wa, cr,   \
		fo, cl, re, su, ne },

#endif
