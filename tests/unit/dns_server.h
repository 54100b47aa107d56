/* SPDX-License-Identifier: ISC
 * dns_server: a resolver for tests: one thread, one port of 127.0.0.1 for UDP
 * and TCP, hand-made messages. What it answers follows from the first label
 * of the name it is asked for (see dns_server.c). */
#ifndef MX_TESTS_DNS_SERVER_H
#define MX_TESTS_DNS_SERVER_H

#include "net/addr.h"

struct dns_server;

struct dns_server *dns_server_start(void);
void dns_server_stop(struct dns_server **);
struct net_addr dns_server_addr(const struct dns_server *);
unsigned dns_server_asked(struct dns_server *); /* queries seen so far */
void dns_server_mute(struct dns_server *, bool mute); /* SERVFAIL for all */

#endif
