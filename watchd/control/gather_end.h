/* SPDX-License-Identifier: ISC
 * gather_end: the state of a gathered answer, as shared by gather.c, claim.c
 * and gather_end.c, which makes the last line. Loop thread. */
#ifndef MX_CONTROL_GATHER_END_H
#define MX_CONTROL_GATHER_END_H

#include "base/buf.h"
#include "control/control_int.h"

struct status;

enum gather_order {
	GATHER_AS_IT_COMES,
	GATHER_IDS,
	GATHER_DOMAINS,
	GATHER_RANKED, /* by the key at the start of a line (ranking.h) */
};

/* The key of a line behind all others of that node that there are so far: when
 * each node has come to one, further lines are sent as they come. */
#define GATHER_LIVE_KEY "~"

enum source_state {
	SOURCE_NEW, /* the first page is to be requested */
	SOURCE_ASKED, /* a page is requested */
	SOURCE_LINES, /* a page is here */
	SOURCE_OVER, /* all lines were taken */
	SOURCE_LOST, /* no answer, or not asked */
};

struct gather_source { /* a node */
	struct gather *g;
	unsigned id;
	char name[CONTROL_NODE_NAME];
	bool us;
	char *tag; /* {"node":NAME, as the start of an object */
	enum source_state state;
	uint64_t page; /* number of the next page; 0: unknown */
	uint64_t ticket; /* of the request, in SOURCE_ASKED */
	struct buf in; /* a page */
	size_t at; /* bytes taken */
	const char *line; /* the next line, in `in`; NULL: not looked for */
	size_t len;
	char key[TEXT_DOMAIN_MAX]; /* the sort key is this... */
	uint64_t key_id; /* ...or this */
	cJSON *done; /* its last line */
	bool told; /* of a call without an end: that it is over or lost */
};

struct gather {
	struct call *call;
	const struct control_cluster_ops *ops;
	char us[CONTROL_NODE_NAME];
	const char *owner; /* the domain whose owner is asked; NULL: all are */
	bool away; /* the engine does not answer: no node can be asked */
	enum gather_order order;
	bool array; /* of the document that `head` begins */
	struct status *head; /* our own head of the status document */
	bool headed; /* the head was sent */
	bool reverse; /* GATHER_RANKED: descending */
	bool live; /* GATHER_LIVE_KEY was met everywhere */
	unsigned limit; /* of lines; 0: none */
	size_t page_max;
	unsigned lines;
	struct gather_source source[CONTROL_NODES];
	unsigned n;
};

/* Sends the last line, with sums of the nodes' numbers. Every part is over or
 * lost. */
void gather_end(struct call *, const struct gather *);

#endif
