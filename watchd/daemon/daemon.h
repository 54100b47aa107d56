/* SPDX-License-Identifier: ISC
 * daemon: the composition root, the only file that knows every module. It
 * builds them, ties their callbacks and shuts down. */
#ifndef MX_DAEMON_H
#define MX_DAEMON_H

#include "base/err.h"
#include "config/config.h"

struct daemon;
struct spawner;

/* The first thing in main(): from here on SIGHUP and SIGUSR1, which would end
 * a process that is not ready for them, wait until daemon_run() obeys them. */
void daemon_signals_hold(void);

/* config_load(), and what it takes the modules to find fault with. */
struct config *daemon_config(const char *file, struct conf_errors *);

/* A line in the log for each finding. */
void daemon_log_findings(const struct conf_errors *);
/* Opens everything: spool, sockets, threads. Takes over the reference to
 * conf. Negative and *eb when something cannot be had (-MX_ECORRUPT: the spool
 * is damaged); nothing is left then. As root it binds first and then becomes
 * `conf->user`. The spawner is borrowed (daemon/programs.h). */
int daemon_create(struct daemon **out, struct config *conf,
    struct spawner *spawner, struct mx_errbuf *eb) MX_NODISCARD;
/* Serves until TERM or INT has been drained. */
void daemon_run(struct daemon *);
void daemon_destroy(struct daemon **);

#endif
