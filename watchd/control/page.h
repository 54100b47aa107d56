/* SPDX-License-Identifier: ISC
 * page: a call that has no socket: another node sent it, or it is this node's part of
 * an answer that is gathered (gather.h). Its output waits until somebody asks for the
 * next page, and the verb goes on when there is room, so an answer of any length
 * costs the memory of a page.
 *
 * What travels between nodes, each a line of JSON:
 *	{"node": "mx2", "call": CALL, "uid": 1000, "pid": 17, "max": BYTES,
 *	    "request": {...}}
 *	{"node": "mx2", "page": NUMBER}		the next page of that answer
 *	{"node": "mx2", "drop": CALL}		no more of it
 * CALL is a number of mx2's. Back comes a line {"page": NUMBER} and the lines of the
 * answer behind it; 0: these were the last. An answer for which nobody asks is given
 * up. Who is asked never
 * asks on. Loop thread. */
#ifndef MX_CONTROL_PAGE_H
#define MX_CONTROL_PAGE_H

#include "control/control_int.h"

#define PAGE_MAX      (512u * 1024) /* bytes that make a page */
#define PAGE_PIECE    60000u /* of what travels at once */
#define PAGE_SOON_MS  250 /* a page that is not full waits so long for more... */
#define PAGE_EMPTY_MS 4000 /* ...an empty one so long, and goes nevertheless */
#define PAGE_STALL_MS 660000 /* nobody asks for more: a client may be a pager */
#define PAGE_CALLS    64 /* of other nodes at once */

struct page;

/* The page; `more` is the number under which the next one is had, 0: it was the
 * last. Never called from within page_begin() or page_next(). */
typedef void page_cb(void *arg, const char *text, size_t len, uint64_t more);

/* Our own part of what `client` asks: each page as soon as something is in it, of
 * `max` bytes or so. Its number. */
uint64_t
page_begin(const struct call *client, size_t max, page_cb *, void *arg);
void page_next(uint64_t number, page_cb *, void *arg);
void page_drop(uint64_t number); /* nobody asks any more; 0: none */

/* control.c: calls of other nodes, and one more of them. */
unsigned control_asked_calls(const struct control *);
void call_asked_by(struct call *, const char *node, uint64_t number);
/* The one that it calls so; NULL: there is none any more. */
struct call *
call_find_asked(struct control *, const char *node, uint64_t number);
/* For control.c. */
void page_write(struct page *, const char *text, size_t len);
void page_pump(struct call *);
void page_destroy(struct page **);

#endif
