/* SPDX-License-Identifier: ISC
 * control_fake: a relay, a snapshot and the daemon's operations for tests of
 * the control socket, with knobs for what may go wrong. */
#ifndef MX_TESTS_CONTROL_FAKE_H
#define MX_TESTS_CONTROL_FAKE_H

#include "control/control.h"

struct fake_pending {
	bool list; /* else show */
	char domain[TEXT_DOMAIN_MAX];
	uint64_t after, id;
	unsigned max;
	relay_list_cb *list_cb;
	relay_show_cb *show_cb;
	relay_content_cb *content_cb; /* or one of these */
	relay_commit_cb *commit_cb;
	void (*space)(void *arg);
	void *arg;
};

struct fake {
	struct relay relay;
	struct control_ops ops;
	struct loop_task *task; /* answers what is pending */
	struct fake_pending pending[64];
	unsigned npending;
	bool mute; /* leaves it pending */
	int list_rc;
	unsigned lists; /* pages asked for... */
	struct selection wanted; /* ...and of what, the last one */

	unsigned big; /* so many more messages for big.example... */
	unsigned step, shift; /* ...with so many ids between, from that on */
	unsigned lacks; /* of the four others, bit by bit: at another node */
	const char *cause; /* of example.org being down */
	bool list_rcpts; /* the listing brings recipients */
	int64_t sooner_ms; /* example.org has what expires that much earlier */
	bool crowd; /* its first message has many */
	unsigned unreadable; /* ids of records that do not decode; 13 more */
	struct buf content; /* of every message */
	int content_rc;
	uint32_t content_rots; /* added to its checksum */
	bool content_hidden;
	struct buf came; /* of the last that was imported */
	unsigned intakes; /* under way, or committed */
	bool congested;
	int commit_rc;
	bool flushing, cut;
	uint64_t remaining;
	unsigned polls_left; /* until the flush ends */
	unsigned probes; /* of mx1.example.org */
	char again[64]; /* the domain of which a flush was ordered */
	unsigned probe_after; /* snapshots until the outcome is there */
	bool primary_ok;
	bool cluster, unowned; /* of two nodes, neither of which has it */
	int reload_rc, reload_polls;
	int maintenance_rc;
	bool maintenance_holds; /* example.org */
	int redirect_rc;
	int64_t doctor_ended; /* 0: all was never checked */
	unsigned doctor_polls; /* until the end of what is being checked */
	int doctor_rc;
	struct kept *outages;
	char did[512]; /* the last verb that changed something... */
	unsigned dids; /* ...of so many */
	unsigned ordered; /* messages that were held, bounced, removed */
	char last[512]; /* the last thing that was asked of the relay */
};

void fake_init(struct fake *, struct loop *);
void fake_fini(struct fake *);
void fake_answer(struct fake *); /* everything pending, now */

#endif
