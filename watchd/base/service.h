/* SPDX-License-Identifier: ISC
 * service: messages to a service manager (sd_notify(3)): ready, stopping,
 * reloading, alive, needs more time. Datagrams to $NOTIFY_SOCKET, as set by
 * systemd and others; without it nothing is sent. A datagram that cannot be
 * sent is lost, without waiting. Loop thread, or before it. */
#ifndef MX_BASE_SERVICE_H
#define MX_BASE_SERVICE_H

#include "base/defs.h"

/* Reads the variables and removes them from the environment, because children
 * must not use them; to be called while sockets may still be opened. */
void service_open(void);
void service_close(void);

void service_ready(void); /* the start or reload is complete */
void service_reloading(void); /* until service_ready() */
void service_stopping(void);
/* Asks for up to this much more time from now on. */
void service_extend(int64_t ms);
void service_alive(void);
/* How often service_alive() is expected, ms; 0: never. */
int64_t service_alive_ms(void);

#endif
