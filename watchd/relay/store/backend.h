/* SPDX-License-Identifier: ISC
 * backend: the storage below store.h: the spool of this machine, or an engine
 * that several machines share. The loop's side (store.c, tx.c) is the same over
 * each. A backend has threads of its own. Requests are struct store_req and
 * struct store_get (store_int.h); they come back answered through the mailbox
 * given at the opening, those of a kind in the order in which they were sent.
 * Loop thread. */
#ifndef MX_STORE_BACKEND_H
#define MX_STORE_BACKEND_H

#include "base/mailbox.h"
#include "relay/store/store.h"

struct backend;

struct backend_ops {
	/* Changes: STORE_COMMIT to STORE_TRY of enum store_kind. */
	void (*change)(struct backend *, struct mail_list *);
	void (*read)(struct backend *, struct mail_list *);
	/* The work of store_state_some(); synchronous. */
	bool (*states)(struct backend *, const char *prefix, const char *after,
	    unsigned max,
	    void (*one)(void *arg, const char *key, const void *, size_t len),
	    void *arg);
	/* The owner of each domain, synchronous; NULL: the store is not
	 * shared. */
	void (*owners)(struct backend *,
	    void (*one)(void *arg, const char *domain, unsigned node),
	    void *arg);
	/* Fills in the backlog fields only. */
	void (*behind)(struct backend *, struct store_info *);
	/* May messages be delivered by this node, right now? False: another
	 * node may be doing it. Any thread. */
	bool (*holds)(const struct backend *);
	/* The end is near: requests that wait for an unreachable engine or disk
	 * are answered as they stand. */
	void (*hurry)(struct backend *);
	/* Of a store with both (backend_shared.c), else NULL. Is that message
	 * in the spool of this node, and may it be delivered from there? */
	bool (*is_local)(const struct backend *, uint64_t id);
	bool (*is_free)(const struct backend *, uint64_t id);
	/* Sees an answer before the store does; true: it belonged to a step of
	 * the backend, and was consumed. */
	bool (*answered)(struct backend *, struct store *, struct mail *);
	/* Completes the requests, then ends the threads; all answers are in the
	 * mailbox by then. */
	void (*stop)(struct backend *);
	void (*close)(struct backend *);
};

struct backend {
	const struct backend_ops *ops;
	unsigned node; /* our number; 0: it is not shared */
	uint64_t last_id; /* greatest id stored at the opening */
	struct store_info info; /* state at the opening */
};

/* 0, or negative with a message for the operator and NULL in *out. `out_box`
 * gets the answers; it must outlive the backend's threads. */
int backend_spool_open(struct backend **out, const struct store_conf *,
    struct mailbox *out_box, struct mx_errbuf *) MX_NODISCARD;
int backend_engine_open(struct backend **out, const struct store_conf *,
    struct mailbox *out_box, struct mx_errbuf *) MX_NODISCARD;
/* The same for an engine that is away, as the node of that number: the place is
 * not ours before store_join() (info.fenced); afterwards all shared data is
 * reported anew. */
int backend_engine_open_away(struct backend **out, const struct store_conf *,
    unsigned node, struct mailbox *out_box, struct mx_errbuf *) MX_NODISCARD;
struct store_req;
void backend_engine_land(struct backend *,
    void (*land)(void *arg, struct store_req *), void *arg);
/* Both: mail that the engine does not take goes into the spool. */
int backend_shared_open(struct backend **out, const struct store_conf *,
    struct mailbox *out_box, struct mx_errbuf *) MX_NODISCARD;

#endif
