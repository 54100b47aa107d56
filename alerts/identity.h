/* SPDX-License-Identifier: ISC
 * identity: the name under which the alerts of this server are told, the instance.
 * It is a part of every key by which a receiver tells incidents apart, so two
 * servers that share one close each other's incidents. What one server can see of
 * that: another mxwatchd on this host (in this network namespace) that has the
 * same one, and a spool that was begun on another machine, as that of a clone or a
 * copy is. What it cannot see is another host that was given the same name;
 * identity_name() keeps those apart that were not. Alert thread. */
#ifndef MX_ALERTS_IDENTITY_H
#define MX_ALERTS_IDENTITY_H

#include "base/text.h"
#include "config/config.h"

#define IDENTITY_MAX TEXT_DOMAIN_MAX

struct alerts_identity {
	char name[IDENTITY_MAX]; /* of this server */
	char
	    shared[IDENTITY_MAX]; /* of what is not one node's; else the same */
	int claim; /* a socket that nobody else can have; -1: not ours */
};

/* alerts { instance }; else hostname, "mx.example.net", and where the system has
 * another name than that or its first label, "mx.example.net/NODE": a greeting is
 * what several servers may well share. Pure. */
void identity_name(const struct config *, const char *node,
    char name[static IDENTITY_MAX]);
/* In a cluster: alerts { instance }, which is the same at all nodes then, or
 * "cluster"; and the server is that and the name of its node, "cluster/mx2". Pure. */
void identity_shared(const struct config *, const char *name,
    char shared[static IDENTITY_MAX]);

void identity_init(struct alerts_identity *);
void identity_fini(struct alerts_identity *);
/* By the configuration, at the start and at each reload. Another one on this host
 * that has it is a warning. */
void identity_take(struct alerts_identity *, const struct config *);
/* At the start: a spool that another machine has begun is a warning, once. */
void identity_check_spool(const struct alerts_identity *, const char *spool);
/* The same, for a machine of that id; true: it was another's. */
bool identity_moved(const char *path, const char *name, const char *machine);

#endif
