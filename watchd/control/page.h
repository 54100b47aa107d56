/* SPDX-License-Identifier: ISC
 * page: a call without a socket: a request of another node, or this node's part
 * of a gathered answer (gather.h). The output waits until the next page is
 * requested, and the verb goes on when there is room, so an answer of any
 * length costs the memory of a page.
 *
 * Messages between nodes, each a line of JSON:
 *	{"node": "mx2", "call": CALL, "uid": 1000, "pid": 17, "max": BYTES,
 *	    "request": {...}}
 *	{"node": "mx2", "page": NUMBER}		the next page of that answer
 *	{"node": "mx2", "drop": CALL}		no more of it
 * CALL is a number of mx2's. The answer is a line {"page": NUMBER} followed by
 * lines of the verb's answer; NUMBER 0: these were the last. A call whose pages
 * are not requested is given up. A node that is asked never asks on. Loop
 * thread. */
#ifndef MX_CONTROL_PAGE_H
#define MX_CONTROL_PAGE_H

#include "control/control_int.h"

#define PAGE_MAX      (512u * 1024) /* bytes of a page */
#define PAGE_PIECE    60000u /* bytes sent at once */
#define PAGE_SOON_MS  250 /* a partial page waits for more... */
#define PAGE_EMPTY_MS 4000 /* ...an empty one longer; then it is sent */
#define PAGE_STALL_MS 660000 /* the next page is not requested: a pager */
#define PAGE_CALLS    64 /* of other nodes at once */

struct page;

/* Receives a page; `more`: the number that requests the next one, 0: it was the
 * last. Never called from within page_begin() or page_next(). */
typedef void page_cb(void *arg, const char *text, size_t len, uint64_t more);

/* Starts our own part of the client's request; returns its number. Each page is
 * handed over as soon as it has a line; `max`: its size, about. */
uint64_t
page_begin(const struct call *client, size_t max, page_cb *, void *arg);
void page_next(uint64_t number, page_cb *, void *arg);
void page_drop(uint64_t number); /* ends the call; 0: none */

/* control.c: the number of calls of other nodes, and one more of them. */
unsigned control_asked_calls(const struct control *);
void call_asked_by(struct call *, const char *node, uint64_t number);
/* The call of a node by its number; NULL: it is gone. */
struct call *
call_find_asked(struct control *, const char *node, uint64_t number);
/* For control.c. */
void page_write(struct page *, const char *text, size_t len);
void page_pump(struct call *);
void page_destroy(struct page **);

#endif
