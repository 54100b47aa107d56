/* SPDX-License-Identifier: ISC
 * transport: transfers messages: HTTP and SMTP over one libcurl multi handle,
 * and programs. Everything has two time limits, libcurl's and our own, since a
 * library that missed its own has been seen (curl#23025). No proxy, no
 * redirect, no cookie, no .netrc: only what the configuration says. One thread:
 * that of fetch.c. */
#ifndef MX_FETCH_TRANSPORT_H
#define MX_FETCH_TRANSPORT_H

#include "fetch/carry.h"

struct spawner;
struct transport;

/* `spawner` starts programs; borrowed. */
struct transport *transport_create(struct spawner *,
    void (*done)(void *arg, const struct send_result *, void *owner),
    void *owner);
/* From now on `told` is called for followed carries: with the last stage
 * reached since the previous look, in order. */
void transport_follow(struct transport *,
    void (*told)(void *arg, enum carry_stage, void *owner));
/* Drops transfers under way: carry.drop. */
void transport_destroy(struct transport **);

/* Consumes the content of both. `done` is called once with carry.arg, from a
 * later transport_poll(). */
void transport_send(struct transport *, struct message *, struct carry *);
/* Works for at most that long; returns early when anything happened, or when
 * `fd` (-1: none) became readable. */
void transport_poll(struct transport *, int fd, int timeout_ms);

#endif
