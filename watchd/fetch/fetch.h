/* SPDX-License-Identifier: ISC
 * fetch: the one thread that talks to web servers and smarthosts and waits for
 * programs: for alerts, and for what is kept elsewhere (source.h). Nobody else
 * has libcurl. A client has a mailbox, into which the answers come; one that goes
 * away hears of nothing more. Any thread, but for what is said. */
#ifndef MX_FETCH_FETCH_H
#define MX_FETCH_FETCH_H

#include "base/mailbox.h"
#include "fetch/carry.h"

struct spawner;
struct fetcher;
struct fetch_client;

/* `spawner` is borrowed; it starts the programs. */
struct fetcher *fetcher_create(struct spawner *);
/* What is under way is dropped. Its clients are gone by then. */
void fetcher_destroy(struct fetcher **);

struct fetch_answer {
	struct mail mail; /* first; of the client's kind */
	/* CARRY_ENDED: the one answer. Else how far it is, of what is followed:
	 * the arg is lent, and the answer comes later. */
	enum carry_stage stage;
	struct send_result result;
	uint64_t token; /* of the carry, */
	void *arg; /* likewise */
	void (*drop)(void *arg); /* private */
};

/* Answers come into `box`, with that mail.kind. */
struct fetch_client *
fetch_client_create(struct fetcher *, struct mailbox *box, int kind);
/* Before the mailbox goes; what is under way for it is dropped (carry.drop). */
void fetch_client_destroy(struct fetch_client **);

/* Takes what the message holds and copies the carry. One answer comes. One
 * thread for each client. */
void fetch_send(struct fetch_client *, struct message *, const struct carry *);
/* An answer that was read, with its arg, or nobody wants to read. */
void fetch_answer_free(struct fetch_answer **);
void fetch_answer_drop(struct fetch_answer **);

#endif
