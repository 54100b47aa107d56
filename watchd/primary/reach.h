/* SPDX-License-Identifier: ISC
 * reach: the ONE way to a server that takes mail. From a host (net/route.h) and
 * a policy it makes a connection that is greeted, has EHLO answered and TLS as
 * the policy demands, or reports which phase failed, and why. Probe and
 * delivery call it with the same inputs, so that they meet the same results.
 * Its rules:
 *
 * Addresses (order: address.h; at most REACH_ADDRS_MAX) are tried one after the
 * other, never two at once. While others are left, an address that does not
 * connect within REACH_SHORT_CONNECT_MS, or does not answer within
 * REACH_SHORT_REPLY_MS (twice its longest known greeting, if that is more), is
 * put back and tried again at the end with full limits: connect_ms, and RFC
 * 5321 4.5.3.2 for each reply. Every failure before "ready" goes on to the next
 * address; no address is begun REACH_TOTAL_MS after the start. A refusal of
 * this client (PTR, a block list: judge_about_us()) is final only after the
 * first address of the other family, if there is one, was tried too; no further
 * ones are tried then. The verdict is the failure in the furthest phase; within
 * a phase a reply outranks silence. A family that this kernel lacks, or has no
 * route for, is no failure of the host while there is another verdict.
 *
 * TLS `may`: used where it is offered. A failure between STARTTLS and the first
 * reply inside TLS (the handshake; an alert or a close after it, as in TLS 1.3
 * when a client certificate is required; silence) is tried again once with TLS,
 * then in clear, at the same address, as address.h remembers it. Where clear is
 * allowed, silence there ends after REACH_TLS_SILENCE_MS and leads to clear at
 * once, so that a mute TLS does not cost two time-outs of five minutes. An
 * address that did TLS within a day is not used in clear before clear_after_ms:
 * until then the connection fails in phase starttls. A probe tries TLS each
 * time. `require`: TLS, chain and name verified (a host given as an address:
 * encrypted only, there is no name to verify). `dane`: as the TLSA records of
 * the host demand. Both never fall back to clear.
 *
 * A server whose EHLO says that it is a backup (SMTP_BACKUP_WORD), in clear or
 * inside TLS, is not a primary: QUIT, then the next address, at any depth from
 * EHLO on. A policy may allow it. The name that it gives shows whether it is
 * this server itself.
 *
 * EHLO refused with 5xx: HELO. Deadlines do not count the time in which our own
 * loop was late (net/conn.h). Loop thread; nothing here blocks. */
#ifndef MX_PRIMARY_REACH_H
#define MX_PRIMARY_REACH_H

#include "config/config.h"
#include "net/conn.h"
#include "net/route.h"
#include "primary/host_memory.h"
#include "smtp/client.h"

#define REACH_ADDRS_MAX	       8
#define REACH_SHORT_CONNECT_MS 5000
#define REACH_SHORT_REPLY_MS   30000
#define REACH_TLS_SILENCE_MS   30000
#define REACH_TOTAL_MS	       600000
#define REACH_INPUT_MAX	       (16 * 1024) /* of the connection handed over */

/* The limits above, in one place so that tests can replace them. */
struct reach_limits {
	int64_t short_connect_ms, short_reply_ms, tls_silence_ms, total_ms;
	int64_t reply_ms; /* limit for a reply; 0: only those of RFC 5321 */
};

/* The layer that failed. One list for probe, delivery and status;
 * reach_code_name() has the words. */
enum reach_code {
	REACH_OK,
	/* the host's addresses, or TLSA records, could not be had */
	REACH_DNS_FAIL,
	REACH_NO_HOST, /* DNS: the host or its addresses do not exist */
	/* not to be contacted: we seem to be the best MX (route.h) */
	REACH_SELF,
	REACH_CONN_REFUSED,
	REACH_CONN_TIMEOUT,
	REACH_CONN_ERROR,
	REACH_TIMEOUT, /* silence in `phase` */
	REACH_CLOSED, /* the peer closed in `phase` */
	REACH_PROTOCOL, /* the peer does not speak SMTP */
	REACH_TEMPFAIL, /* 4xx in `phase` */
	REACH_PERMFAIL, /* 5xx in `phase` */
	REACH_TLS_FAIL,
	REACH_BACKUP, /* not a primary: EHLO says that it is a backup */
	REACH_LOCAL, /* local trouble: descriptors, source address, OpenSSL */
	REACH_CODE_MAX,
};
const char *reach_code_name(enum reach_code); /* "ok", "dns_fail", ... */
/* The failure says nothing about the host: resolver or local trouble. */
bool reach_code_neutral(enum reach_code);

enum reach_depth { /* the goal; in ascending depth */
	REACH_CONNECT,
	REACH_BANNER,
	REACH_EHLO, /* EHLO answered; TLS is not begun */
	REACH_READY, /* TLS as demanded: the connection is handed over */
};

struct reach_policy {
	const char *helo; /* our name; copied */
	enum conf_tls tls;
	/* NULL: any. Not used for an address of the other family. */
	const struct net_addr *source;
	int64_t connect_ms; /* for one address, when no other is left */
	int64_t clear_after_ms; /* retry.first, see above */
	bool probe; /* retries failing addresses, and TLS, each time */
	bool may_be_backup;
	enum reach_depth depth;
	/* Called with the callback's argument for each connection that is
	 * greeted; must not call into this module. May be NULL. */
	void (*greeted)(void *arg);
};

/* Borrowed for the life of a reach. `tls` is the opportunistic context,
 * `tls_strict` the verifying one; either may be NULL (it could not be made):
 * then TLS is left out where clear is allowed, and otherwise the result is
 * REACH_LOCAL. */
struct reach_env {
	struct loop *loop;
	struct address_book *book;
	/* may be NULL: nothing is kept over a restart */
	struct host_memory *memory;
	struct tls_ctx *tls, *tls_strict;
	const struct reach_limits *limits; /* NULL: the defaults above */
};

struct reach_result {
	enum reach_code code;
	enum smtp_phase phase; /* phase that failed; NONE when OK */
	uint16_t
	    reply_code; /* the reply that failed, or the last one; 0: none */
	struct smtp_status status; /* cls 0: no enhanced status */
	/* text of that reply (peer text), or the error in words */
	char text[256];
	struct net_addr addr; /* the address concerned; len 0: none was tried */
	unsigned tried; /* connections begun, over all addresses */
	bool local; /* the failure is local, see REACH_LOCAL */
	bool about_us; /* refused because of who we are, by each family tried */
	bool clear; /* in clear because TLS failed: see `tls_text` */
	/* in clear, although this address did TLS within a day */
	bool tls_lost;
	char tls_text[128]; /* "": TLS did not fail; may be peer text */
	bool tls; /* of the connection: */
	struct tls_info tls_info;
	/* Static: what decided about TLS (config_tls_word(), dane_word()), and
	 * the reason in words ("" unless with dane). */
	const char *tls_by, *tls_why;
	/* Whether the session was greeted and had EHLO answered; then the EHLO
	 * reply, the one inside TLS if there was TLS. */
	bool greeted, ehlo; /* reached */
	unsigned ext; /* CLIENT_EXT_* */
	uint64_t size_limit;
	struct smtp_client_limits limits;
	/* Waiting by phase (connect to starttls) at `addr`, last attempt. */
	int64_t phase_ns[SMTP_PHASE_MAX];
	/* OK at depth REACH_READY: owned by the callee. The client has given
	 * CLIENT_READY: smtp_client_mail() or _quit() comes next. Take over the
	 * connection's events with conn_owner(); it has no time-out set. */
	struct conn *conn;
	struct smtp_client *client;
};

struct reach;
/* Called once, from the loop, never from inside reach_start(). The reach is
 * gone by then: forget the pointer. *result is valid during the call. */
typedef void reach_cb(const struct reach_result *, void *arg);

/* The host and the policy are copied (the host's dane is referenced). */
struct reach *reach_start(const struct reach_env *, const struct route_host *,
    const struct reach_policy *, reach_cb *, void *arg);
/* Cancels it; the callback is not called. NULL is fine. */
void reach_cancel(struct reach **);

/* ---- while it goes on */
enum smtp_phase reach_phase(const struct reach *); /* of the awaited event */
/* How long the present event has been awaited, not counting our own
 * lateness. */
int64_t reach_waited_ns(const struct reach *);
/* Time since the last byte in the current try, not counting the silence of
 * earlier tries nor our own lateness. */
int64_t reach_silent_ns(const struct reach *);
/* True when silence now only leads to another try, at the next address or in
 * clear, so that it decides nothing yet. */
bool reach_tries_on(const struct reach *);
/* The address being tried; NULL before the first. */
const struct net_addr *reach_addr(const struct reach *);

/* True when `policy.tls` on this host demands TLS: nothing may go in clear. */
bool reach_needs_tls(enum conf_tls, const struct dane *);

#endif
