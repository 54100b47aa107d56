/* SPDX-License-Identifier: ISC
 * transport: carries messages: HTTP and SMTP over one libcurl multi handle,
 * and programs. Everything has two time limits, libcurl's and our own, since
 * a library that forgot its own has been seen (curl#23025). No proxy, no
 * redirect, no cookie, no .netrc: what the configuration does not say does not
 * happen. One thread: that of fetch.c. */
#ifndef MX_FETCH_TRANSPORT_H
#define MX_FETCH_TRANSPORT_H

#include "fetch/carry.h"

struct spawner;
struct transport;

/* `spawner` starts programs; borrowed. */
struct transport *transport_create(struct spawner *,
    void (*done)(void *arg, const struct send_result *, void *owner),
    void *owner);
/* `told` from then on, of what is followed: the last stage that it
 * came to since it was looked at, in their order. */
void transport_follow(struct transport *,
    void (*told)(void *arg, enum carry_stage, void *owner));
/* What runs is dropped: carry.drop. */
void transport_destroy(struct transport **);

/* Takes what both hold. `done` is called once with carry.arg, from a later
 * transport_poll(). */
void transport_send(struct transport *, struct message *, struct carry *);
/* Works for at most that long; returns early when anything happened, or when
 * `fd` (-1: none) became readable. */
void transport_poll(struct transport *, int fd, int timeout_ms);

#endif
