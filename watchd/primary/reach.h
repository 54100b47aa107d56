/* SPDX-License-Identifier: ISC
 * reach: the one way to a server that takes mail. From a host (net/route.h)
 * and a policy it makes a connection that is greeted, has its EHLO answered
 * and TLS as the policy says, or says which phase failed, and why. Probe and
 * delivery use it with the same inputs, so that they meet the same. Its rules:
 *
 * Addresses (address.h has the order; at most REACH_ADDRS_MAX): one after the
 * other, never two at once. While another is left, one that does not connect
 * within REACH_SHORT_CONNECT_MS, or does not answer within REACH_SHORT_REPLY_MS
 * (twice its longest greeting known, if that is more), is put behind and tried
 * again at the end with its full limits: connect_ms, and RFC 5321 4.5.3.2 for
 * each reply. Every failure before "ready" goes on to the next address; no
 * address is begun REACH_TOTAL_MS after the start. A refusal about us (PTR, a
 * block list: judge_about_us()) is judged after the first address of the other
 * family, if there is one, was asked, too; further ones are not. The verdict
 * is the failure that came furthest, of those a word before silence. A family
 * that this kernel lacks, or has no route for, is no failure of the host while
 * there is another verdict.
 *
 * TLS: `may`: where it is offered; whatever fails from STARTTLS until the first
 * reply inside TLS (the handshake; an alert or a close behind it, as in TLS 1.3
 * with a client certificate wanted; silence) is tried again once with TLS,
 * then in clear, at the same address, as address.h remembers it. Where clear
 * is allowed, silence there lasts REACH_TLS_SILENCE_MS and leads to clear at
 * once: nobody waits twice five minutes for a mute TLS. An address that did TLS
 * within a day is not talked to in clear before clear_after_ms: until then the
 * connection fails in phase starttls. A probe tries TLS each time. `require`:
 * TLS, chain and name verified (a host given as an address: encrypted, there
 * is no name to verify). `dane`: as the host's records say. Both never clear.
 *
 * A server whose EHLO says that it is a backup (SMTP_BACKUP_WORD), in clear or
 * inside TLS, is no primary: QUIT, then the next address, whatever the depth from
 * EHLO on. A policy may allow it. By the name that it gives it may be ourselves.
 *
 * EHLO refused with 5xx: HELO. Deadlines leave out the time in which our own
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

/* Those above, in one place that tests can replace by shorter ones. */
struct reach_limits {
	int64_t short_connect_ms, short_reply_ms, tls_silence_ms, total_ms;
	int64_t reply_ms; /* the most for a reply; 0: RFC 5321's limits alone */
};

/* The layer that failed. One list for probe, delivery and status; the words
 * are reach_code_name()'s. */
enum reach_code {
	REACH_OK,
	REACH_DNS_FAIL, /* the host's addresses, or records, are not known */
	REACH_NO_HOST, /* DNS says for sure that there is none */
	REACH_SELF, /* never from here: we seem to be the best MX (route.h) */
	REACH_CONN_REFUSED,
	REACH_CONN_TIMEOUT,
	REACH_CONN_ERROR,
	REACH_TIMEOUT, /* silence in `phase` */
	REACH_CLOSED, /* the peer went away in `phase` */
	REACH_PROTOCOL, /* no SMTP */
	REACH_TEMPFAIL, /* 4xx in `phase` */
	REACH_PERMFAIL, /* 5xx in `phase` */
	REACH_TLS_FAIL,
	REACH_BACKUP, /* no primary: EHLO says that it is a backup */
	REACH_LOCAL, /* our trouble: descriptors, source address, OpenSSL */
	REACH_CODE_MAX,
};
const char *reach_code_name(enum reach_code); /* "ok", "dns_fail", ... */
/* It says nothing of the host: the resolver's trouble, or ours. */
bool reach_code_neutral(enum reach_code);

enum reach_depth { /* what is enough; in ascending depth */
	REACH_CONNECT,
	REACH_BANNER,
	REACH_EHLO, /* answered; TLS is not begun */
	REACH_READY, /* TLS as wanted: the connection is handed over */
};

struct reach_policy {
	const char *helo; /* our name; copied */
	enum conf_tls tls;
	/* NULL: any. One of another family than the address is not used. */
	const struct net_addr *source;
	int64_t connect_ms; /* for one address, when it is the last */
	int64_t clear_after_ms; /* retry.first, see above */
	bool probe; /* tries what failed before, and TLS, each time */
	bool may_be_backup;
	enum reach_depth depth;
	/* A connection is greeted: with the callback's argument, once for each
	 * that is begun; nothing of this module may be called. NULL: who cares. */
	void (*greeted)(void *arg);
};

/* All borrowed for the life of a reach. `tls` is the opportunistic context,
 * `tls_strict` the verifying one; either may be NULL (could not be made): TLS
 * is then left out where clear is allowed, and else REACH_LOCAL. */
struct reach_env {
	struct loop *loop;
	struct address_book *book;
	struct host_memory *memory; /* NULL: of nothing beyond a restart */
	struct tls_ctx *tls, *tls_strict;
	const struct reach_limits *limits; /* NULL: as above */
};

struct reach_result {
	enum reach_code code;
	enum smtp_phase phase; /* that failed; NONE when OK */
	uint16_t
	    reply_code; /* of the reply that failed, or the last; 0: none */
	struct smtp_status status; /* cls 0: none */
	char text[256]; /* of that reply, peer text; or the error in words */
	struct net_addr addr; /* it is about this one; len 0: none was tried */
	unsigned tried; /* connections begun, to whichever address */
	bool local; /* the failure is one of ours, see REACH_LOCAL */
	bool about_us; /* refused for who we are, over each family asked */
	bool clear; /* no TLS because it failed: `tls_text` says how */
	bool tls_lost; /* no TLS, though this address did TLS within a day */
	char tls_text[128]; /* "": TLS did not fail; may be peer text */
	bool tls; /* as of the connection: */
	struct tls_info tls_info;
	/* Static: what decided about TLS (config_tls_word(), dane_word()), and
	 * why in words ("" unless with dane). */
	const char *tls_by, *tls_why;
	/* Of the EHLO reply, the one inside TLS if there was one. */
	bool greeted, ehlo; /* whether it came so far */
	unsigned ext; /* CLIENT_EXT_* */
	uint64_t size_limit;
	struct smtp_client_limits limits;
	/* Waiting by phase (connect to starttls) at `addr`, last attempt. */
	int64_t phase_ns[SMTP_PHASE_MAX];
	/* OK at depth REACH_READY: the callee's from here on. The client has
	 * given CLIENT_READY: it takes smtp_client_mail() or _quit() next. Take
	 * the connection's events with conn_owner(); it has no time-out. */
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
/* Gives up; no callback. NULL is fine. */
void reach_cancel(struct reach **);

/* ---- while it goes on */
enum smtp_phase reach_phase(const struct reach *); /* what is awaited */
/* How long that is awaited, without our own lateness. */
int64_t reach_waited_ns(const struct reach *);
/* How long nothing was heard (a byte) in the try at hand, the silence of tries
 * before it left out; without our own lateness. */
int64_t reach_silent_ns(const struct reach *);
/* Does silence now only lead to another try, at the next address or in clear?
 * It decides nothing then. */
bool reach_tries_on(const struct reach *);
/* The address at hand; NULL before the first. */
const struct net_addr *reach_addr(const struct reach *);

/* The demand of `policy.tls` on this host: whether nothing may go in clear. */
bool reach_needs_tls(enum conf_tls, const struct dane *);

#endif
