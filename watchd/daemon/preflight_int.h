/* SPDX-License-Identifier: ISC
 * preflight_int: the parts of preflight. Each adds to the findings. */
#ifndef MX_PREFLIGHT_INT_H
#define MX_PREFLIGHT_INT_H

#include "config/config.h"

/* preflight_ports.c. As who starts the daemon: all addresses that it listens on. */
void preflight_ports(const struct config *, struct conf_errors *);
/* As the user: the web server has no other rights when it listens. */
void preflight_web_rights(const struct config *, struct conf_errors *);

/* preflight_dns.c. Starts threads: nothing may fork behind it. */
void preflight_names(const struct config *, struct conf_errors *);

#endif
