/* SPDX-License-Identifier: ISC
 * programs: the spawner (base/spawn.h) with the daemon's policy: it runs as the
 * user of the daemon, without new privileges, and starts only programs that the
 * configuration file names. If it is asked for another one, as after a reload,
 * it reads the file again itself. */
#ifndef MX_DAEMON_PROGRAMS_H
#define MX_DAEMON_PROGRAMS_H

#include "base/spawn.h"
#include "config/config.h"

/* Before a second thread exists. `quiet`: there is no terminal. */
struct spawner *
programs_create(struct config *, bool quiet, struct mx_errbuf *);

#endif
