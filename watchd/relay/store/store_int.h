/* SPDX-License-Identifier: ISC
 * store_int: shared by the loop side, the writer and the reader of the store:
 * the messages between them and struct store itself. A request
 * travels to its thread and the same memory comes back as the answer.
 * Callbacks are carried along but called on the loop only. */
#ifndef MX_STORE_STORE_INT_H
#define MX_STORE_STORE_INT_H

#include <pthread.h>

#include "base/idmap.h"
#include "relay/store/backend.h"

#define STORE_SMALL_MAX	   (256u << 10) /* above: a segment of its own */
#define STORE_CHUNK	   (64u << 10) /* of a large body */
#define STORE_WAITING_MAX  (1u << 20) /* of one body, then tx congested */
#define STORE_WAITING_GOOD (256u << 10)
#define STORE_FETCH_MAX	   1000

enum store_kind {
	/* to the writer, and back */
	STORE_COMMIT,
	STORE_CHUNK_WRITE,
	STORE_DISCARD, /* an aborted large body; no answer */
	STORE_UPDATE,
	STORE_REMOVE,
	STORE_STATE,
	STORE_LIMITS, /* no answer */
	STORE_UNREADABLE, /* the scan failed; no answer */
	STORE_TRY, /* its own: can the log be written? */
	/* the same, of a store that is shared */
	STORE_GIVE,
	STORE_TAKE,
	STORE_FENCE,
	STORE_JOIN,
	STORE_DOUBT, /* of before: `batch`, and ids in `data`; no answer */
	/* what landed here, into the engine (backend_shared.c) */
	STORE_MOVE,
	STORE_MOVE_PIECE, /* of its content: `len` octets from `at` on */
	/* The part, with the last piece, and a row of mxwatch.moved; then
	 * ->len: it is placed. -MX_ENET, -MX_EFULL: it is known not to be. */
	STORE_PLACE,
	STORE_ASK_PLACED, /* then ->len: there is that row */
	STORE_FORGET_PLACED, /* that row; id 0: all of ours */
	/* to the reader, and back */
	STORE_LOAD,
	STORE_READ,
	STORE_FETCH,
	STORE_SCAN,
	STORE_SCAN_DOMAINS,
	STORE_FORGET, /* writer to reader: a segment is gone */
	/* to both; ends the thread */
	STORE_QUIT,
	/* from the writer */
	STORE_TELL_INFO,
	STORE_TELL_ERROR,
	STORE_TELL_COMMIT,
	STORE_TELL_NEWS, /* struct store_news */
};

struct store_req { /* for the writer */
	struct mail mail;
	int rc;
	uint64_t token;
	union {
		store_commit_cb *commit;
		store_done_cb *done;
		store_own_cb *own;
	} cb;
	void *arg;
	uint64_t id; /* of the part; of part 0 for a message */
	struct envelope **parts;
	unsigned nparts;
	bool large; /* the body is in chunks that went before */
	char *data; /* small body, chunk, record or state value */
	size_t len;
	char *key;
	struct store_conf conf; /* STORE_LIMITS */
	bool *theirs; /* COMMIT: parts of which another is to hear; or NULL */
	/* GIVE, TAKE: domains, and then those for which it was done. */
	char **names;
	unsigned nnames;
	struct store_node node; /* GIVE: to it; FENCE: as it was seen */
	int64_t batch; /* the group that it was in, of a store that is shared */
	bool
	    quiet; /* nobody waits for its answer: it is for the backend alone */
	bool doubt; /* COMMIT, local: it may be in the engine as well */
	bool local; /* it is the spool's, of a store that is shared */
	struct store_move *move; /* a step of it; NULL: not one */
	uint64_t at; /* MOVE_PIECE, PLACE: where the piece begins */
};

struct store_get { /* for the reader */
	struct mail mail;
	int rc;
	uint64_t req;
	uint64_t id; /* LOAD; SCAN: from here */
	uint64_t last; /* SCAN: up to here */
	size_t len; /* LOAD: body_max; READ: wanted, then what was read */
	struct body_ref body; /* READ; FORGET: segment */
	uint64_t offset;
	char *data;
	uint64_t *ids; /* FETCH */
	struct envelope **envs; /* LOAD: one; FETCH: n */
	struct envelope_brief *briefs; /* SCAN: n */
	unsigned n;
	uint64_t *bad; /* SCAN: ids of those that do not hold... */
	unsigned damaged; /* ...in this batch */
	bool end; /* SCAN, SCAN_DOMAINS: there is no more */
	/* SCAN_DOMAINS: behind `after` of each; UINT64_MAX: it is through. */
	char **names;
	uint64_t *after;
	unsigned nnames;
	bool local; /* as of store_req */
	bool away; /* EIO: the engine is, which is no fault of a disk */
	struct store_move *move;
	struct store_get *whole; /* FETCH: that of which this is the rest */
};

/* What others did since the look before; arrays are freed with it. */
struct store_news {
	struct mail mail;
	struct store_node nodes[STORE_NODE_MAX];
	unsigned nnodes; /* 0: there is more, and they come with the last */
	bool alone; /* the engine has no synchronous standby */
	struct store_owner {
		char *domain;
		unsigned node;
	} * owners;
	struct store_told {
		char *key;
		void *data;
		size_t len;
		bool ours; /* without what it says */
	} * states;
	int64_t seen; /* 0: there is more; all up to that group of ours */
	struct envelope_brief *briefs;
	unsigned nowners, nstates, nbriefs;
};

struct store_tell { /* from the writer */
	struct mail mail;
	struct store_info info;
	bool engine; /* of the engine, not of the spool */
	char why[160];
	enum store_op op;
	int error;
	double seconds;
	unsigned messages;
};

/* A caller that waits for the reader. */
struct store_want {
	union {
		store_load_cb *load;
		store_read_cb *read;
		store_fetch_cb *fetch;
	} cb;
	void *arg;
};

struct store_scan_run {
	void (*one)(void *arg, const struct envelope_brief *);
	void (*done)(void *arg, int rc, uint64_t damaged);
	void *arg;
	uint64_t damaged;
	uint64_t *bad; /* the first ids of them */
	unsigned nbad;
};

TAILQ_HEAD(store_tx_list, store_tx);

struct store {
	struct backend *backend;
	struct mailbox *inbox;
	struct loop_io *io;
	struct store_events events;
	struct mail_list to_writer, to_reader; /* leave together */
	struct loop_task *post;
	struct idmap txs; /* open transactions by id */
	struct idmap wants; /* requests by number */
	struct store_scan_run scan;
	uint64_t last_id; /* last number that was given out, << 8 */
	uint64_t scan_last; /* greatest id at the opening */
	uint64_t last_req;
	unsigned out; /* writer requests that will be answered */
	/* Bytes of bodies that the writer has and has not answered for, whether
	 * anybody still waits for that or not; the most of it; and who waits
	 * until it is less. */
	uint64_t waiting, waiting_max;
	struct store_tx_list crowd;
	bool scanning;
	struct store_info info;
	struct sharing *sharing; /* sharing.c; NULL: it is not shared */
};

struct store_req *store_req_create(int kind, uint64_t id, store_done_cb *,
    void *arg, uint64_t token);
/* To the writer, with what else this turn of the loop has for it: one that
 * woke up for each message would sync each message. */
void store_post(struct store *, struct store_req *);
/* The same for a request that will be answered: counted in s->out. */
void store_submit(struct store *, struct store_req *);
uint64_t store_next_id(struct store *);
void store_tx_wrote(struct store *, struct store_req *); /* chunk is out */
/* Bytes were answered for: those who wait may go on. */
void store_tx_crowd(struct store *);

/* ---- sharing.c */
void sharing_create(struct store *, struct loop *);
/* With our number in it; `number` is of this moment. */
uint64_t sharing_next_id(struct store *, uint64_t number);
void sharing_info(const struct store *, struct store_info *);
void sharing_end(struct store *); /* whoever scans hears of it */
void sharing_destroy(struct store *);
void sharing_news(struct store *, struct store_news *); /* takes it */
void sharing_scanned(struct store *, struct store_get *); /* takes it */
/* GIVE, TAKE is answered; STATE is. */
void sharing_owned(struct store *, struct store_req *);
void sharing_state_done(struct store *, const struct store_req *);
void sharing_state(struct store *, const char *key); /* we change it */
/* Which of the parts go to others: an array, or NULL: none does. */
bool *sharing_theirs(const struct store *, struct envelope *const *, unsigned);
void store_news_free(struct store_news *);
void store_names_free(char ***, unsigned n);

/* ---- gets.c, on a reader's thread */
/* -MX_ECORRUPT: it does not hold, or is another's. */
int store_record_decode(uint64_t id, const void *, size_t, struct envelope **);
/* LOAD, READ: no more than there is of g->body, and memory for it. */
void store_get_room(struct store_get *);
/* LOAD, READ: what came of it; without success there is no content. */
void store_get_answer(struct store_get *, int rc);
/* Does the content hold, if this is all of it? 0 or -MX_ECORRUPT. */
int store_get_check(const struct store_get *);
/* SCAN: the next record, or one that does not hold. */
void store_get_brief(struct store_get *, uint64_t id, const void *, size_t);

/* The end of a thread that takes struct store_req, or struct store_get, of `in`:
 * STORE_QUIT is the last; what came behind it is dropped. Loop thread. */
void store_writer_end(pthread_t, struct mailbox **in);
void store_reader_end(pthread_t, struct mailbox **in);
void store_req_free(struct store_req *);
/* Of a part that its client does not believe to be here, though it may be. */
struct store_req *store_req_take_back(uint64_t id);
void store_get_free(struct store_get *);

#endif
