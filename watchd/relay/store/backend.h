/* SPDX-License-Identifier: ISC
 * backend: what keeps the messages, below store.h: the spool of this machine,
 * or an engine that several machines share. The loop's side (store.c, tx.c) is
 * the same over each. A backend has threads of its own; requests are struct
 * store_req and struct store_get (store_int.h), which come back answered
 * through the mailbox that it was opened with, those of a kind in the order in
 * which they went. Loop thread. */
#ifndef MX_STORE_BACKEND_H
#define MX_STORE_BACKEND_H

#include "base/mailbox.h"
#include "relay/store/store.h"

struct backend;

struct backend_ops {
	/* Changes: STORE_COMMIT to STORE_TRY of enum store_kind. */
	void (*change)(struct backend *, struct mail_list *);
	void (*read)(struct backend *, struct mail_list *);
	/* What store_state_some() promises; at once. */
	bool (*states)(struct backend *, const char *prefix, const char *after,
	    unsigned max,
	    void (*one)(void *arg, const char *key, const void *, size_t len),
	    void *arg);
	/* Who owns what, at once; NULL: it is not shared. */
	void (*owners)(struct backend *,
	    void (*one)(void *arg, const char *domain, unsigned node),
	    void *arg);
	/* What it is behind with, and only that. */
	void (*behind)(struct backend *, struct store_info *);
	/* May a message be handed on, right now? False: another may be doing
	 * it. Any thread. */
	bool (*holds)(const struct backend *);
	/* The end is near: what waits for something that is away is answered
	 * for as it stands. */
	void (*hurry)(struct backend *);
	/* Of a store with both (backend_shared.c), else NULL. Is that message
	 * in the spool of this node, and may it be handed on from there? */
	bool (*is_local)(const struct backend *, uint64_t id);
	bool (*is_free)(const struct backend *, uint64_t id);
	/* What came back, before the store looks at it; true: it was a step of
	 * its own, and is gone. */
	bool (*answered)(struct backend *, struct store *, struct mail *);
	/* Does what was asked, then ends its threads; the answers are in the
	 * mailbox by then. */
	void (*stop)(struct backend *);
	void (*close)(struct backend *);
};

struct backend {
	const struct backend_ops *ops;
	unsigned node; /* our number; 0: it is not shared */
	uint64_t last_id; /* greatest that was stored at the opening */
	struct store_info info; /* how things stood then */
};

/* 0, or negative with the sentence for the operator and NULL in *out. `out_box`
 * gets the answers; it outlives the backend's threads. */
int backend_spool_open(struct backend **out, const struct store_conf *,
    struct mailbox *out_box, struct mx_errbuf *) MX_NODISCARD;
int backend_engine_open(struct backend **out, const struct store_conf *,
    struct mailbox *out_box, struct mx_errbuf *) MX_NODISCARD;
/* The same of one that is away, for the node of that number: it is not ours before
 * store_join() (info.fenced), and then all that is shared is told of anew. */
int backend_engine_open_away(struct backend **out, const struct store_conf *,
    unsigned node, struct mailbox *out_box, struct mx_errbuf *) MX_NODISCARD;
struct store_req;
void backend_engine_land(struct backend *,
    void (*land)(void *arg, struct store_req *), void *arg);
/* Both: what the engine does not take lands in the spool. */
int backend_shared_open(struct backend **out, const struct store_conf *,
    struct mailbox *out_box, struct mx_errbuf *) MX_NODISCARD;

#endif
