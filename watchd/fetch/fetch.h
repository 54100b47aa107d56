/* SPDX-License-Identifier: ISC
 * fetch: the one thread that talks to web servers and smarthosts and waits for
 * programs: for alerts, and for lists kept elsewhere (source.h). Only this
 * thread uses libcurl. Answers go to the mailbox of the client; a client that
 * was destroyed gets none. Any thread, except as noted. */
#ifndef MX_FETCH_FETCH_H
#define MX_FETCH_FETCH_H

#include "base/mailbox.h"
#include "fetch/carry.h"

struct spawner;
struct fetcher;
struct fetch_client;

/* `spawner` is borrowed; it starts the programs. */
struct fetcher *fetcher_create(struct spawner *);
/* Drops transfers under way. All clients must be gone. */
void fetcher_destroy(struct fetcher **);

struct fetch_answer {
	struct mail mail; /* first; kind as given by the client */
	/* CARRY_ENDED: the one answer. Otherwise the progress of a followed
	 * carry: arg is borrowed, and the answer follows. */
	enum carry_stage stage;
	struct send_result result;
	uint64_t token; /* of the carry, */
	void *arg; /* likewise */
	void (*drop)(void *arg); /* private */
};

/* Answers are posted to `box`, with that mail.kind. */
struct fetch_client *
fetch_client_create(struct fetcher *, struct mailbox *box, int kind);
/* To be called before the mailbox is destroyed; its transfers under way are
 * dropped (carry.drop). */
void fetch_client_destroy(struct fetch_client **);

/* Consumes the content of the message and copies the carry. One answer follows.
 * Each client belongs to one thread. */
void fetch_send(struct fetch_client *, struct message *, const struct carry *);
/* Frees an answer that was read, or (drop) also its arg. */
void fetch_answer_free(struct fetch_answer **);
void fetch_answer_drop(struct fetch_answer **);

#endif
