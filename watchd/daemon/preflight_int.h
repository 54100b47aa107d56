/* SPDX-License-Identifier: ISC
 * preflight_int: the parts of preflight. Each adds to the findings. */
#ifndef MX_PREFLIGHT_INT_H
#define MX_PREFLIGHT_INT_H

#include "config/config.h"

/* preflight_ports.c. As the user who starts the daemon: all listen
 * addresses. */
void preflight_ports(const struct config *, struct conf_errors *);
/* As the daemon's user: the web server has only its rights when it listens. */
void preflight_web_rights(const struct config *, struct conf_errors *);

/* preflight_redirects.c. Asks the running daemon, if there is one. */
void preflight_redirects(struct config *, struct conf_errors *);

/* preflight_dns.c. Starts threads: the process must not fork afterwards. */
void preflight_names(const struct config *, struct conf_errors *);

#endif
