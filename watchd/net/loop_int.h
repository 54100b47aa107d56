/* SPDX-License-Identifier: ISC
 * loop_int: private to net/: objects that outlive their owners (connections
 * being closed) and have to be destroyed with the loop. */
#ifndef MX_NET_LOOP_INT_H
#define MX_NET_LOOP_INT_H

#include <sys/queue.h>

#include "net/loop.h"

struct loop_orphan {
	LIST_ENTRY(loop_orphan) link;
	void (*destroy)(void *arg); /* must call loop_orphan_remove() */
	void *arg;
};

void loop_orphan_add(struct loop *, struct loop_orphan *);
void loop_orphan_remove(struct loop_orphan *);

#endif
