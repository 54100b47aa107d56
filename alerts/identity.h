/* SPDX-License-Identifier: ISC
 * identity: the instance, the name under which the alerts of this server are
 * sent. It is part of every key by which receivers distinguish incidents, so
 * two servers with the same one close each other's incidents. A server can
 * detect another mxwatchd on this host (in this network namespace) with the
 * same name, and a spool that was begun on another machine, such as that of a
 * clone or a copy. It cannot detect another host with the same name;
 * identity_name() makes defaults differ. Alert thread. */
#ifndef MX_ALERTS_IDENTITY_H
#define MX_ALERTS_IDENTITY_H

#include "base/text.h"
#include "config/config.h"

#define IDENTITY_MAX TEXT_DOMAIN_MAX

struct alerts_identity {
	char name[IDENTITY_MAX]; /* of this server */
	/* for alerts not specific to one node; otherwise equal */
	char shared[IDENTITY_MAX];
	int claim; /* socket that only one process can bind; -1: not held */
};

/* alerts { instance }; otherwise hostname, "mx.example.net", and if the
 * system's name is neither that nor its first label, "mx.example.net/NODE":
 * several servers may well share a greeting name. Pure. */
void identity_name(const struct config *, const char *node,
    char name[static IDENTITY_MAX]);
/* In a cluster: alerts { instance }, which is the same at all nodes then, or
 * "cluster"; the server is that and its node name, "cluster/mx2". Pure. */
void identity_shared(const struct config *, const char *name,
    char shared[static IDENTITY_MAX]);

void identity_init(struct alerts_identity *);
void identity_fini(struct alerts_identity *);
/* Applies the configuration, at the start and at each reload. Warns if another
 * process on this host has the same name. */
void identity_take(struct alerts_identity *, const struct config *);
/* At the start: warns once if another machine has begun the spool. */
void identity_check_spool(const struct alerts_identity *, const char *spool);
/* The same, for a machine with that id; true: it was another's. */
bool identity_moved(const char *path, const char *name, const char *machine);

#endif
