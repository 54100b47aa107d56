/* SPDX-License-Identifier: ISC
 * daemon: the composition root, the only place where all modules meet. It
 * builds them, ties their callbacks and shuts down. */
#ifndef MX_DAEMON_H
#define MX_DAEMON_H

#include "base/err.h"
#include "config/config.h"

struct daemon;
struct spawner;

/* The first call in main(): from here on SIGHUP and SIGUSR1, whose default
 * action would end a process that has no handler yet, wait for daemon_run(). */
void daemon_signals_hold(void);

/* config_load(), and the checks that need the modules. */
struct config *daemon_config(const char *file, struct conf_errors *);

/* Logs each finding as a line. */
void daemon_log_findings(const struct conf_errors *);
/* Opens the spool, the sockets and the threads. Takes over the reference to
 * conf. On failure it returns a negative code with *eb (-MX_ECORRUPT: the spool
 * is damaged) and leaves nothing behind. As root it binds first and then
 * becomes `conf->user`. The spawner is borrowed (daemon/programs.h). */
int daemon_create(struct daemon **out, struct config *conf,
    struct spawner *spawner, struct mx_errbuf *eb) MX_NODISCARD;
/* Serves until the drain that TERM or INT begins has ended. */
void daemon_run(struct daemon *);
void daemon_destroy(struct daemon **);

#endif
