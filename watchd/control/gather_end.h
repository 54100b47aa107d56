/* SPDX-License-Identifier: ISC
 * gather_end: the state of an answer that is gathered, as gather.c and what makes its
 * last line share it. Loop thread. */
#ifndef MX_CONTROL_GATHER_END_H
#define MX_CONTROL_GATHER_END_H

#include "base/buf.h"
#include "control/control_int.h"

struct status;

enum gather_order {
	GATHER_AS_IT_COMES,
	GATHER_IDS,
	GATHER_DOMAINS,
	GATHER_RANKED, /* by the text at the beginning of a line (ranking.h) */
};

enum source_state {
	SOURCE_NEW, /* its first page is to be asked for */
	SOURCE_ASKED, /* a page is on its way */
	SOURCE_LINES, /* it is there */
	SOURCE_OVER, /* and was the last */
	SOURCE_LOST, /* there is none: it does not answer, or was not asked */
};

struct gather_source { /* a node */
	struct gather *g;
	unsigned id;
	char name[CONTROL_NODE_NAME];
	bool us;
	char *tag; /* the beginning of an object that names it */
	enum source_state state;
	uint64_t page; /* the next one; 0: none is known */
	uint64_t ticket; /* of what it is asked, while ASKED */
	struct buf in; /* a page */
	size_t at; /* what is before it was taken */
	const char *line; /* the next one, in `in`; NULL: not looked for */
	size_t len;
	char key[TEXT_DOMAIN_MAX]; /* by which it is ordered... */
	uint64_t key_id; /* ...or this */
	cJSON *done; /* its last line */
};

struct gather {
	struct call *call;
	const struct control_cluster_ops *ops;
	char us[CONTROL_NODE_NAME];
	const char *owner; /* the domain whose owner is asked; NULL: all are */
	bool away; /* the engine: nobody can be asked */
	enum gather_order order;
	bool array; /* of the document that `head` begins */
	struct status *head; /* what is ours of the document */
	bool headed; /* its head is through */
	bool reverse; /* of what is ranked */
	unsigned limit; /* of lines; 0: none */
	size_t page_max;
	unsigned lines;
	struct gather_source source[CONTROL_NODES];
	unsigned n;
};

/* Every part is over or lost: the last line, with sums of their numbers. */
void gather_end(struct call *, const struct gather *);

#endif
