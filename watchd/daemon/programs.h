/* SPDX-License-Identifier: ISC
 * programs: the spawner (base/spawn.h) as the configuration has it: it runs as
 * the user of the daemon, without new privileges, and starts only what the
 * configuration file names, which it reads again itself when it is asked for
 * something else, as after a reload. */
#ifndef MX_DAEMON_PROGRAMS_H
#define MX_DAEMON_PROGRAMS_H

#include "base/spawn.h"
#include "config/config.h"

/* Before there is a second thread. `quiet`: there is no terminal. */
struct spawner *
programs_create(struct config *, bool quiet, struct mx_errbuf *);

#endif
