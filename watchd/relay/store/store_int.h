/* SPDX-License-Identifier: ISC
 * store_int: shared by the loop side, the writer and the reader of the store:
 * the messages between them and struct store itself. A request is sent to its
 * thread and the same memory comes back as the answer. Callbacks are carried
 * along but called on the loop only. */
#ifndef MX_STORE_STORE_INT_H
#define MX_STORE_STORE_INT_H

#include <pthread.h>

#include "base/idmap.h"
#include "relay/store/backend.h"

#define STORE_SMALL_MAX	   (256u << 10) /* larger: a segment of its own */
#define STORE_CHUNK	   (64u << 10) /* of a large body */
#define STORE_WAITING_MAX  (1u << 20) /* of one body; then congested */
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
	STORE_TRY, /* sent by the writer itself: can the log be written? */
	/* the same, for a shared store */
	STORE_GIVE,
	STORE_TAKE,
	STORE_FENCE,
	STORE_JOIN,
	/* from before the start: `batch`, and ids in `data`; no answer */
	STORE_DOUBT,
	/* moves mail that landed here into the engine (backend_shared.c) */
	STORE_MOVE,
	STORE_MOVE_PIECE, /* of its content: `len` octets from `at` on */
	/* The part, with the last piece, and a row of mxwatch.moved; then
	 * ->len: it was placed. -MX_ENET, -MX_EFULL: it certainly was not. */
	STORE_PLACE,
	STORE_ASK_PLACED, /* then ->len: that row exists */
	STORE_FORGET_PLACED, /* deletes that row; id 0: all of ours */
	/* to the reader, and back */
	STORE_LOAD,
	STORE_READ,
	STORE_FETCH,
	STORE_SCAN,
	STORE_SCAN_DOMAINS,
	STORE_FORGET, /* from the writer to the reader: a segment was removed */
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
	bool large; /* the body was sent before, in chunks */
	char *data; /* small body, chunk, record or state value */
	size_t len;
	char *key;
	struct store_conf conf; /* STORE_LIMITS */
	bool *theirs; /* COMMIT: parts to announce to other nodes; or NULL */
	/* GIVE, TAKE: the domains; in the answer those for which it
	 * succeeded. */
	char **names;
	unsigned nnames;
	struct store_node node; /* GIVE: the receiver; FENCE: as it was seen */
	int64_t batch; /* shared store: the group that contained it */
	bool quiet; /* a request of the backend itself: no caller waits */
	bool doubt; /* COMMIT, local: it may be in the engine as well */
	bool local; /* shared store: belongs to the spool */
	struct store_move *move; /* the move that it is a step of; NULL: none */
	uint64_t at; /* MOVE_PIECE, PLACE: where the piece begins */
};

struct store_get { /* for the reader */
	struct mail mail;
	int rc;
	uint64_t req;
	uint64_t id; /* LOAD; SCAN: from here */
	uint64_t last; /* SCAN: up to here */
	size_t len; /* LOAD: body_max; READ: wanted, then read */
	struct body_ref body; /* READ; FORGET: segment */
	uint64_t offset;
	char *data;
	uint64_t *ids; /* FETCH */
	struct envelope **envs; /* LOAD: one; FETCH: n */
	struct envelope_brief *briefs; /* SCAN: n */
	unsigned n;
	uint64_t *bad; /* SCAN: ids of corrupt records... */
	unsigned damaged; /* ...in this batch */
	bool end; /* SCAN, SCAN_DOMAINS: complete */
	/* SCAN_DOMAINS: continue behind `after` of each; UINT64_MAX:
	 * complete. */
	char **names;
	uint64_t *after;
	unsigned nnames;
	bool local; /* as of store_req */
	bool away; /* EIO because the engine is away, not because of a disk */
	struct store_move *move;
	/* FETCH: the request that this one completes */
	struct store_get *whole;
};

/* Changes by other nodes since the last look; the arrays are freed with it. */
struct store_news {
	struct mail mail;
	struct store_node nodes[STORE_NODE_MAX];
	/* 0: more messages follow, and the last one has them */
	unsigned nnodes;
	bool alone; /* the engine has no synchronous standby */
	struct store_owner {
		char *domain;
		unsigned node;
	} * owners;
	struct store_told {
		char *key;
		void *data;
		size_t len;
		bool ours; /* without its value */
	} * states;
	/* 0: more follow; else our groups were seen up to this one */
	int64_t seen;
	struct envelope_brief *briefs;
	unsigned nowners, nstates, nbriefs;
};

struct store_tell { /* from the writer */
	struct mail mail;
	struct store_info info;
	bool engine; /* concerns the engine, not the spool */
	char why[160];
	enum store_op op;
	int error;
	double seconds;
	unsigned messages;
};

/* A request to the reader whose caller waits. */
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
	uint64_t *bad; /* the first corrupt ids */
	unsigned nbad;
};

TAILQ_HEAD(store_tx_list, store_tx);

struct store {
	struct backend *backend;
	struct mailbox *inbox;
	struct loop_io *io;
	struct store_events events;
	/* sent together at the end of the turn */
	struct mail_list to_writer, to_reader;
	struct loop_task *post;
	struct idmap txs; /* open transactions by id */
	struct idmap wants; /* requests by number */
	struct store_scan_run scan;
	uint64_t last_id; /* the last number that was assigned, << 8 */
	uint64_t scan_last; /* greatest id at the opening */
	uint64_t last_req;
	unsigned out; /* writer requests that will be answered */
	/* Bytes of bodies that the writer has and has not answered, whether or
	 * not their transactions still exist; the limit; and the transactions
	 * that wait until it is less. */
	uint64_t waiting, waiting_max;
	struct store_tx_list crowd;
	bool scanning;
	struct store_info info;
	struct sharing *sharing; /* sharing.c; NULL: not shared */
};

struct store_req *store_req_create(int kind, uint64_t id, store_done_cb *,
    void *arg, uint64_t token);
/* Queues a request to the writer until the end of this turn: a writer that was
 * woken for each message would sync each message. */
void store_post(struct store *, struct store_req *);
/* The same for a request that will be answered: counted in s->out. */
void store_submit(struct store *, struct store_req *);
uint64_t store_next_id(struct store *);
void store_tx_wrote(struct store *, struct store_req *); /* chunk is out */
/* Bytes were answered: waiting transactions may continue. */
void store_tx_crowd(struct store *);

/* ---- sharing.c */
void sharing_create(struct store *, struct loop *);
/* Puts our number into it; `number` is of the present time. */
uint64_t sharing_next_id(struct store *, uint64_t number);
void sharing_info(const struct store *, struct store_info *);
void sharing_end(struct store *); /* pending scans are told */
void sharing_destroy(struct store *);
void sharing_news(struct store *, struct store_news *); /* consumes it */
void sharing_scanned(struct store *, struct store_get *); /* consumes it */
/* GIVE or TAKE was answered; STATE was. */
void sharing_owned(struct store *, struct store_req *);
void sharing_state_done(struct store *, const struct store_req *);
void sharing_state(struct store *, const char *key); /* this node changes it */
/* Which of the parts belong to other nodes: an array, or NULL: none. */
bool *sharing_theirs(const struct store *, struct envelope *const *, unsigned);
void store_news_free(struct store_news *);
void store_names_free(char ***, unsigned n);

/* ---- gets.c, on a reader's thread */
/* -MX_ECORRUPT: it is damaged, or has another id. */
int store_record_decode(uint64_t id, const void *, size_t, struct envelope **);
/* LOAD, READ: limits g->len to the rest of g->body, and allocates it. */
void store_get_room(struct store_get *);
/* LOAD, READ: sets the result; without success there is no content. */
void store_get_answer(struct store_get *, int rc);
/* Checks the content, if it is complete. 0 or -MX_ECORRUPT. */
int store_get_check(const struct store_get *);
/* SCAN: adds the next record, or a corrupt one. */
void store_get_brief(struct store_get *, uint64_t id, const void *, size_t);

/* Ends a thread that takes struct store_req, or struct store_get, from `in`:
 * STORE_QUIT is the last; later requests are dropped. Loop thread. */
void store_writer_end(pthread_t, struct mailbox **in);
void store_reader_end(pthread_t, struct mailbox **in);
void store_req_free(struct store_req *);
/* Removes a part whose client was told that it was not taken, although it may
 * have been stored. */
struct store_req *store_req_take_back(uint64_t id);
void store_get_free(struct store_get *);

#endif
