/* SPDX-License-Identifier: ISC
 * watch_conf: configurations for the tests of the watch set. */
#ifndef MX_TESTS_WATCH_CONF_H
#define MX_TESTS_WATCH_CONF_H

#include "primary/watch.h"

/* As a reload puts `text` in place of *in_force, which is NULL at first: who is new
 * or differs is set, who has left is dropped. */
void watch_conf_set(struct watch_set *, struct config **in_force,
    const char *text, int64_t now, int64_t wall);

#endif
