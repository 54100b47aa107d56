/* SPDX-License-Identifier: ISC
 * watch: who watches what, and how it is. Three kinds of objects:
 *
 *	primary	the host (primary.h): facts, one for all who name it
 *	watch	a primary under one policy (how often and how deep it is
 *		probed, with or without TLS, from where): one health machine, one
 *		probe session an interval. Domains with equal settings share it.
 *	domain	an ordered list of watches and a health machine of its own
 *
 * A watch is fed with sessions and deliveries. When its verdict changes the
 * domains under it follow, some at a time (watch_fan_out): all down is down, any
 * up is up, likewise suspect and unknown; what was down and has mail is
 * recovering until its flush is through. A domain that never was asked takes
 * the verdict that is there. What concerns a domain alone acts on it alone: its
 * breaker and failed canary, that we are its MX, that nobody is. Such a
 * domain is down although its primaries are up, and recovers after its `rise`
 * good sessions of one of them and its hold.
 *
 * A primary that is ourselves, or says that it is a backup (reach.h), is none: its
 * domains go by their others, and are unknown when there is none. What answered so
 * is a backup until it answers EHLO in another way, by a probe or a delivery.
 *
 * What the resolver fails to say is no failure of anybody; it is kept as the
 * trouble of the domain (its MX records) or of the watch (its host).
 *
 * Pure: `now` (monotonic ns) and `wall` (seconds) are arguments; callbacks come
 * after what they tell of was taken in and may call back in here, but for
 * what adds and drops domains. O(log n) everywhere. Loop thread. */
#ifndef MX_PRIMARY_WATCH_H
#define MX_PRIMARY_WATCH_H

#include <sys/queue.h>

#include "config/config.h"
#include "net/route.h"
#include "primary/primary.h"
#include "status/snapshot.h"

#define WATCH_ASKS_MAX 20 /* domains a session: Postfix closes after 20 no */
#define WATCH_LOOK_MAX 1000 /* hosts a snapshot */

struct watch_set;
struct watch_domain;

/* Settings that a verdict depends on. Strings are the watch's own. */
struct watch_policy {
	bool enabled; /* false: nobody probes it */
	int64_t interval_ms, timeout_ms;
	int64_t connect_ms,
	    clear_after_ms; /* as deliveries have it (reach.h) */
	struct health_conf health;
	enum conf_depth depth;
	enum conf_tls tls;
	bool may_be_backup;
	struct net_addr source; /* len 0: any */
	struct pin *pin; /* where its addresses may lie; NULL: anywhere */
	char *sender; /* "" for <> */
	char *dane; /* DANE by MX depends on the domain's records, too: its
		     * name; "" else */
};

/* One watch in the list of one domain. */
struct watch_link {
	TAILQ_ENTRY(watch_link) member; /* of watch->members */
	struct watch *watch;
	struct watch_domain *domain;
	uint16_t pref;
	uint8_t answer; /* enum primary_answer, the last one */
	int64_t asked; /* wall seconds; 0 never */
	int64_t finding_since; /* wall seconds; 0: no finding */
	const char *about; /* of the finding, static: mailbox, sender, ... */
	char *finding; /* command and reply; NULL: none */
};

struct watch {
	/* private: */
	RB_ENTRY(watch) node;
	LIST_ENTRY(watch) sibling; /* of the same primary */
	TAILQ_ENTRY(watch) dirty; /* members have to be told */
	TAILQ_HEAD(, watch_link) members;
	struct watch_link *cursor; /* of the fan-out; NULL: it is done */
	bool fanning, again;
	struct watch_link *ask; /* who is asked for first next time */
	unsigned refs; /* members, and who holds it meanwhile */
	bool waiting; /* a session was silent and goes on */
	unsigned broken; /* members that are broken by themselves */
	uint32_t good; /* sessions that ended well */
	int64_t good_ns; /* the last of those began; loop time */
	struct bounds connections; /* that its members allow at most */
	unsigned least; /* of them, as the primary and `set` have it */
	struct address_set *set; /* NULL: it was not looked up yet */
	LIST_ENTRY(watch) in_set;
	/* public, read only: */
	struct primary *primary;
	struct watch_policy policy;
	struct health health;
	int64_t since; /* wall seconds */
	char cause[PRIMARY_TEXT_MAX]; /* of the verdict */
	bool self; /* its addresses are ours: nobody to watch */
	bool backup; /* it says so: it is watched, and counts for nothing */
	struct primary_record last; /* session under this policy */
	unsigned findings; /* members with one */
	unsigned asks; /* domains asked for a session, learned */
	int64_t slow_ms; /* how long the last session had to be waited for
			  * beyond `timeout`; 0: it was in time */
	char *trouble; /* DNS: its address look-up; NULL: none */
	int64_t trouble_since; /* wall seconds */
	/* Addresses, NULL: not looked up yet. Where a domain names it in the
	 * configuration it is looked up for itself; else they come with the
	 * MX look-ups of its domains. */
	struct route_host *host;
	unsigned configured; /* members that name it in the configuration */
	void *turn; /* the scheduler's (probes/schedule.h) */
};

struct watch_domain {
	/* private: */
	RB_ENTRY(watch_domain) node;
	struct watch_link *link; /* by preference */
	unsigned nlinks;
	bool broken; /* by itself */
	bool closed; /* by its breaker: until that is open again */
	bool turning; /* its primaries are found by MX */
	uint32_t good; /* of which session it was told already */
	char *cause; /* of its own; NULL: its primary's */
	bool tells_backup; /* it is that, and what is a backup */
	/* public, read only: */
	char *name;
	bool enabled, configured; /* is probed; names its primaries */
	bool mx_backup; /* was taken in by it: who names it is a stranger */
	int64_t interval_ms;
	unsigned connections; /* deliver { connections } */
	struct health health;
	int64_t since; /* wall seconds */
	int64_t unwell_since; /* it was up last; 0: it is, or unknown */
	int64_t self_since; /* nobody is left but us, or backups; 0: somebody */
	bool by_backup; /* with self_since: there is one */
	char *trouble; /* DNS: its MX look-up; NULL: none */
	int64_t trouble_since;
	void *turn; /* the scheduler's */
};

/* A confirmed change of a domain. */
struct watch_change {
	const char *domain;
	struct health_change health;
	const char *host; /* label; "" when no single primary is meant */
	const char *cause;
};

/* The verdict on a primary under one policy is another one. */
struct watch_verdict {
	const struct watch *watch;
	struct health_change health;
	/* What failed or worked, and whether a delivery saw it. */
	enum smtp_phase phase;
	const char *cause;
	bool by_delivery;
};

struct watch_ops {
	void (*change)(void *arg, const struct watch_change *);
	/* NULL: nobody asks. */
	void (*verdict)(void *arg, const struct watch_verdict *);
	/* Sessions of a watch begin to fail or to succeed. `domain` is one of
	 * those under it. */
	void (*primary)(void *arg, const struct watch *, const char *domain);
	/* A primary is up again, before its domains are told; NULL: nobody
	 * asks. */
	void (*recovered)(void *arg, const struct primary *);
	/* A primary of the domain is down, and there are others. NULL: nobody
	 * asks. */
	void (*avoid)(void *arg, const char *domain);
	/* The bound that watch_connections() or watch_connections_at() gives
	 * for that host is another now. Nothing of the set may be changed from
	 * there. NULL: nobody asks. */
	void (*bound)(void *arg, const char *label, unsigned most);
	void (*bound_at)(void *arg, const char *key, unsigned most);
	/* The breaker of the domain is closed, and its primary seems well. May
	 * come after each good session. NULL: nobody asks. */
	void (*trial)(void *arg, const char *domain);
	/* We seem to be the domain's best MX, or only backups are left of its
	 * hosts: said once until it is over. */
	void (*self_mx)(void *arg, const char *domain, const char *why);
	/* Does mail wait for it, that a recovery would flush? */
	bool (*queued)(void *arg, const char *domain);
	/* Does it take mail from us just now, or did it since? A probe that is
	 * refused beside our deliveries is one connection too many, and no
	 * failure. NULL: nobody knows. */
	bool (*working)(void *arg, const struct watch *, int64_t since_ns);
	/* The entry that a snapshot shows of the domain changed; NULL: nobody
	 * asks. */
	void (*touched)(void *arg, const char *domain);
	/* watch_fan_out() has something to do: call it soon, not from here. */
	void (*wake)(void *arg);
	void *arg;
};

/* The scheduler, which gives watches and domains their turns. `gone` comes when
 * `turn` has to be given up; `pace`: watch_hurried() may be another now. */
struct watch_turns {
	void (*watch)(void *arg, struct watch *);
	void (*watch_gone)(void *arg, struct watch *);
	void (*watch_pace)(void *arg, struct watch *);
	/* A domain whose primaries have to be found by MX. */
	void (*domain)(void *arg, struct watch_domain *);
	void (*domain_gone)(void *arg, struct watch_domain *);
	void *arg;
};

struct watch_set *watch_create(const struct watch_ops *);
void watch_destroy(struct watch_set **);
void watch_turns_set(struct watch_set *, const struct watch_turns *);
/* Before the first domain: see primary_table_remember(). */
void watch_remember(struct watch_set *, struct host_memory *);
/* Adds a domain, or gives it new settings; they are copied. A new one takes the
 * verdict of its primaries. One whose policy changed keeps its state. */
void watch_domain_set(struct watch_set *, const struct conf_domain *,
    int64_t now, int64_t wall);
/* Nothing when there is none. */
void watch_domain_drop(struct watch_set *, const char *name);
/* Tells up to `budget` domains of what changed; true: there are more. */
bool
watch_fan_out(struct watch_set *, unsigned budget, int64_t now, int64_t wall);

/* ---- what the scheduler learns */

/* A look-up of a domain by MX came to its end: its list, and its trouble.
 * `cd`: its settings. */
void watch_route(struct watch_set *, struct watch_domain *,
    const struct conf_domain *cd, const struct route *, int64_t now,
    int64_t wall);
/* The look-up of a configured primary's addresses. True: there is somebody to
 * be probed. */
bool watch_addresses(struct watch_set *, struct watch *, const struct route *,
    int64_t now, int64_t wall);
void watch_session(struct watch_set *, struct watch *,
    const struct primary_session *, int64_t now, int64_t wall);
/* A session waits for longer than `timeout`, for `waited_ms` in all: it is slow.
 * With `intervals` of silence behind that it is one failure more, which `s` says.
 * True: it is down, and this silence alone would have made it so: overdue. */
bool watch_silent(struct watch_set *, struct watch *,
    const struct primary_session *s, int64_t waited_ms, unsigned intervals,
    int64_t now, int64_t wall);
/* Does the domain still go by it? */
bool watch_is_named(const struct watch_set *, const struct watch *,
    const char *domain);
/* The host_key() of its addresses; not before it has some (`host`). */
const char *watch_addresses_key(const struct watch *);
/* Where its sessions come from; NULL: any address of ours. */
const struct net_addr *watch_source(const struct watch *);
/* A total order. */
int watch_policy_cmp(const struct watch_policy *, const struct watch_policy *);
/* It takes part in sessions that another one has had: what is known from them is
 * the best that is known of one that never had any. */
void watch_join(struct watch_set *, struct watch *, const struct watch *other);
/* The answer to asking for a domain; a domain that has left is no error. Of
 * `reply` phase, code and text are meant; `about` is static. */
void watch_answered(struct watch_set *, struct watch *, const char *domain,
    enum primary_answer, const char *about, const struct primary_session *reply,
    int64_t wall);
/* Which domains to ask for: up to `max` names, in turn. */
unsigned watch_ask(struct watch *, const char **domain, unsigned max);
/* `answered` of `asked` were: what that says of the number to ask for. */
void watch_asked(struct watch *, unsigned asked, unsigned answered);
/* That domain was left over: it is the first to be asked for next time. */
void watch_ask_again(struct watch_set *, struct watch *, const char *domain);
/* That domain is the first to be asked for next time. */
void watch_ask_first(struct watch_link *);
/* At a third of the interval: no verdict yet, or one to be confirmed. */
bool watch_hurried(const struct watch *);
bool watch_domain_hurried(const struct watch_domain *);

/* ---- what deliveries teach */

/* `label` is the host's; `ok`: a message was taken. Else phase, code and text say
 * what failed. */
void watch_delivery(struct watch_set *, const char *domain, const char *label,
    const struct primary_session *, int64_t now, int64_t wall);
/* The route of a delivery: we are its best MX, or are not. */
void watch_self(struct watch_set *, const char *domain, bool self, int64_t now,
    int64_t wall);
/* The host with that label is a backup, as a delivery found (`text`); `more`:
 * the domain has another host, which may take its mail. */
void watch_met_backup(struct watch_set *, const char *domain, const char *label,
    const char *text, bool more, int64_t now, int64_t wall);
/* The flush on recovery is through, or it was cut off and the domain has to wait
 * (`why` is peer text). */
void watch_flushed(struct watch_set *, const char *domain, int64_t now,
    int64_t wall);
void watch_broken(struct watch_set *, const char *domain, const char *why,
    int64_t now, int64_t wall);

/* Its breaker was closed (`why` is peer text), or is open again (NULL): meanwhile
 * the domain is down, whatever its primaries are. */
void watch_closed(struct watch_set *, const char *domain, const char *why,
    int64_t now, int64_t wall);
/* When a primary of the domain took the probe's recipient last, and refused it not
 * since: wall seconds, 0 never. */
int64_t watch_shown(const struct watch_set *, const char *domain);
/* What the host with that label offered by EHLO at its best, now or before:
 * CLIENT_EXT_*, SIZE (0: no limit). False: nothing is known. */
bool watch_offered(const struct watch_set *, const char *label, unsigned *ext,
    uint64_t *size);

/* ---- to look at */

struct watch_domain *watch_domain(const struct watch_set *, const char *domain);
/* HEALTH_UNKNOWN for a domain that is not watched. */
enum health_state watch_state(const struct watch_set *, const char *domain);
/* The watch that the domain goes by, when both are up and its host has addresses;
 * or NULL. */
const struct watch *watch_serving(const struct watch_set *, const char *domain);
/* Is that primary of the domain down, by the verdict of its watch? */
bool
watch_down(const struct watch_set *, const char *domain, const char *label);
/* May mail of the domain go to that primary, as far as is known: it is not down and
 * has addresses? */
bool
watch_usable(const struct watch_set *, const char *domain, const char *label);
/* How many connections that primary may have at most: the smallest number of the
 * domains that have it in their list; 0: none has. *counts: `domain` is one of
 * them. */
unsigned watch_connections(const struct watch_set *, const char *label,
    const char *domain, bool *counts);
/* The same by address set (host_key()), under whichever names. */
unsigned watch_connections_at(const struct watch_set *, const char *key);
/* Nodes of a cluster that send mail to that primary, a bit for each: what it takes
 * is divided by their number, but is one connection at least. 0: we alone do. */
void watch_senders(struct watch_set *, struct primary *, uint32_t senders);
struct primary_table *watch_primaries(struct watch_set *);
/* Does a primary have that address (whatever the port), as far as it was looked
 * up some seconds ago? O(log n), but for the remaking of what is older. */
bool
watch_has_address(struct watch_set *, const struct net_addr *, int64_t now);
/* Fills in what a snapshot shows of the domain; `primary` has room for as many
 * as watch_count() says. */
unsigned watch_count(const struct watch_set *, const char *domain);
/* The labels of the domain's primaries, at most `max`; they live as long as these
 * are its primaries. */
unsigned watch_labels(const struct watch_set *, const char *domain,
    const char **label, unsigned max);
/* The same of their watches. */
unsigned watch_watches(const struct watch_set *, const char *domain,
    const struct watch **, unsigned max);
void watch_snapshot(const struct watch_set *, const char *domain,
    struct snap_domain *, struct snap_primary *);
/* Knowledge of deliveries about a host; zeroed before. */
typedef void
watch_host_fn(void *arg, const struct primary *, struct snap_host *);
/* The primaries into a snapshot. Those that did not change are shared with the
 * snapshots before; of more than WATCH_LOOK_MAX the connections shown may be
 * those of some snapshots ago. */
void watch_servers(struct watch_set *, struct snapshot *, watch_host_fn *,
    void *arg);
/* Why the domain is as it is, and which primary that is about ("": none). */
const char *watch_cause(const struct watch_domain *, const char **label);
/* Its DNS trouble, or that of its primaries; NULL: none. */
const char *watch_trouble(const struct watch_domain *, int64_t *since);

#endif
