/* SPDX-License-Identifier: ISC
 * service: what a service manager is told (sd_notify(3)): that we serve, end, read
 * the configuration again, still live, need longer. Datagrams to $NOTIFY_SOCKET, as
 * systemd has set it and others understand it; without it nothing is said. One
 * that is not taken is lost, nobody waits. Loop thread, or before it. */
#ifndef MX_BASE_SERVICE_H
#define MX_BASE_SERVICE_H

#include "base/defs.h"

/* Reads the environment and takes what was there out of it, for our children are not
 * us; while one may still open sockets. */
void service_open(void);
void service_close(void);

void service_ready(void); /* what we were about is through */
void service_reloading(void); /* until service_ready() */
void service_stopping(void);
/* From now on it takes up to so much longer. */
void service_extend(int64_t ms);
void service_alive(void);
/* How often to say that we live, ms; 0: nobody asks. */
int64_t service_alive_ms(void);

#endif
