/* SPDX-License-Identifier: ISC
 * watch: the health of primaries and of the domains that name them. Three kinds
 * of objects:
 *
 *	primary	the host (primary.h): facts, shared by all domains that name it
 *	watch	a primary under one policy (how often and how deep it is
 *		probed, with or without TLS, from where): one health machine, one
 *		probe session an interval. Domains with equal settings share it.
 *	domain	an ordered list of watches and a health machine of its own
 *
 * Sessions and deliveries feed a watch. When its verdict changes, the domains
 * under it follow, a bounded number at a time (watch_fan_out): all down is
 * down, any up is up, likewise suspect and unknown; a domain that was down and
 * has mail is recovering until its flush is complete. A new domain takes over
 * the present verdict. Events that concern one domain act on it alone: its
 * breaker, a failed canary, that we are its MX, that it has no primary. A
 * domain that is down by itself stays down although its primaries are up, and
 * recovers after `rise` good sessions of one of them and its hold.
 *
 * A host that is this server, or says that it is a backup (reach.h), does not
 * count: its domains follow their other primaries, and are unknown when there
 * is none. Such a host is a backup until it answers EHLO in another way, to a
 * probe or a delivery.
 *
 * A resolver failure is not a failure of a primary; it is kept as the trouble
 * of the domain (its MX records) or of the watch (its host).
 *
 * Pure: `now` (monotonic ns) and `wall` (seconds) are arguments. Callbacks run
 * after the change that they report was made; they may call back into this
 * module, except to add or drop domains. O(log n) everywhere. Loop thread. */
#ifndef MX_PRIMARY_WATCH_H
#define MX_PRIMARY_WATCH_H

#include <sys/queue.h>

#include "config/config.h"
#include "net/route.h"
#include "primary/primary.h"
#include "status/snapshot.h"

#define WATCH_ASKS_MAX 20 /* per session: Postfix closes after 20 refusals */
#define WATCH_LOOK_MAX 1000 /* hosts looked at for a snapshot */

struct watch_set;
struct watch_domain;

/* The settings that a verdict depends on. The watch owns the strings. */
struct watch_policy {
	bool enabled; /* false: it is not probed */
	int64_t interval_ms, timeout_ms;
	int64_t connect_ms, clear_after_ms; /* as for deliveries (reach.h) */
	struct health_conf health;
	enum conf_depth depth;
	enum conf_tls tls;
	bool may_be_backup;
	struct net_addr source; /* len 0: any */
	struct pin *pin; /* the allowed networks of its addresses; NULL: any */
	char *sender; /* "" for <> */
	/* with DANE for an MX the result depends on the domain's records: the
	 * domain's name; otherwise "" */
	char *dane;
};

/* One watch in the list of one domain. */
struct watch_link {
	TAILQ_ENTRY(watch_link) member; /* in watch->members */
	struct watch *watch;
	struct watch_domain *domain;
	uint16_t pref;
	uint8_t answer; /* the last enum primary_answer */
	int64_t asked; /* wall seconds; 0 never */
	int64_t finding_since; /* wall seconds; 0: no finding */
	const char *about; /* of the finding, static: mailbox, sender, ... */
	char *finding; /* command and reply; NULL: none */
};

struct watch {
	/* private: */
	RB_ENTRY(watch) node;
	LIST_ENTRY(watch) sibling; /* of the same primary */
	TAILQ_ENTRY(watch) dirty; /* queued: its members are to be told */
	TAILQ_HEAD(, watch_link) members;
	/* next member of the fan-out; NULL: it is complete */
	struct watch_link *cursor;
	bool fanning, again;
	struct watch_link *ask; /* the domain to ask for first next time */
	unsigned refs; /* members, and temporary holders */
	bool waiting; /* a session is silent and still under way */
	unsigned broken; /* members that are down by themselves */
	uint32_t good; /* number of good sessions */
	int64_t good_ns; /* start of the last good session; loop time */
	struct bounds connections; /* connection limits of its members */
	/* the smallest of them, as reported to the primary and `set` */
	unsigned least;
	struct address_set *set; /* NULL: not looked up yet */
	LIST_ENTRY(watch) in_set;
	/* public, read only: */
	struct primary *primary;
	struct watch_policy policy;
	struct health health;
	int64_t since; /* wall seconds */
	char cause[PRIMARY_TEXT_MAX]; /* of the verdict */
	bool self; /* its addresses are ours: it is not watched */
	/* it says that it is a backup: watched, but does not count */
	bool backup;
	struct primary_record last; /* session under this policy */
	unsigned findings; /* members with a finding */
	unsigned asks; /* domains that a session asks for; learned */
	/* how much longer than `timeout` the last session took; 0: it was in
	 * time */
	int64_t slow_ms;
	char *trouble; /* DNS: trouble of its address look-up; NULL: none */
	int64_t trouble_since; /* wall seconds */
	/* Its addresses; NULL: not looked up yet. A host that a domain names in
	 * the configuration has a look-up of its own; otherwise the addresses
	 * come with the MX look-ups of its domains. */
	struct route_host *host;
	unsigned configured; /* members that name it in the configuration */
	void *turn; /* the scheduler's (probes/schedule.h) */
};

struct watch_domain {
	/* private: */
	RB_ENTRY(watch_domain) node;
	struct watch_link *link; /* in order of preference */
	unsigned nlinks;
	bool broken; /* down by itself */
	bool tripped; /* its breaker is: broken until the reset */
	bool turning; /* the scheduler looks up its MX records */
	uint32_t good; /* number of the last good session that it was told of */
	char *cause; /* its own cause; NULL: its primary's */
	bool tells_backup; /* `cause` is that text and names a backup */
	/* public, read only: */
	char *name;
	/* is probed; names its primaries in the configuration */
	bool enabled, configured;
	/* added by mx_backup: a stranger chose the hosts that it names */
	bool mx_backup;
	int64_t interval_ms;
	unsigned connections; /* deliver { connections } */
	struct health health;
	int64_t since; /* wall seconds */
	int64_t unwell_since; /* when it was last up; 0: it is up, or unknown */
	/* since when only we, or backups, are left; 0: not so */
	int64_t self_since;
	bool by_backup; /* with self_since: one of these is a backup */
	char *trouble; /* DNS: trouble of its MX look-up; NULL: none */
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

/* The verdict on a primary under one policy has changed. */
struct watch_verdict {
	const struct watch *watch;
	struct health_change health;
	/* The result that changed it, and whether a delivery found it. */
	enum smtp_phase phase;
	const char *cause;
	bool by_delivery;
};

struct watch_ops {
	void (*change)(void *arg, const struct watch_change *);
	/* May be NULL. */
	void (*verdict)(void *arg, const struct watch_verdict *);
	/* Sessions of a watch begin to fail or to succeed. `domain` is one of
	 * its members. */
	void (*primary)(void *arg, const struct watch *, const char *domain);
	/* A primary is up again; called before its domains are told. */
	void (*recovered)(void *arg, const struct primary *);
	/* A primary of the domain is down, and it has others. May be NULL. */
	void (*avoid)(void *arg, const char *domain);
	/* The limit that watch_connections() or watch_connections_at() returns
	 * for that host has changed. The callback may not change the set. May
	 * be NULL. */
	void (*bound)(void *arg, const char *label, unsigned most);
	void (*bound_at)(void *arg, const char *key, unsigned most);
	/* The breaker of the domain is tripped, and its primary seems well: time
	 * for a trial delivery. May come after each good session. May be
	 * NULL. */
	void (*trial)(void *arg, const char *domain);
	/* We seem to be the domain's best MX, or only backups are left among
	 * its hosts: called once until that ends. */
	void (*self_mx)(void *arg, const char *domain, const char *why);
	/* Is mail queued for it that a recovery would flush? */
	bool (*queued)(void *arg, const char *domain);
	/* Does the primary take mail from us now, or did it since then? A probe
	 * that it refuses beside our deliveries is one connection too many, and
	 * no failure. NULL: unknown, so it is a failure. */
	bool (*working)(void *arg, const struct watch *, int64_t since_ns);
	/* The snapshot entry of the domain has changed. May be NULL. */
	void (*touched)(void *arg, const char *domain);
	/* watch_fan_out() has work: call it soon, but not from this
	 * callback. */
	void (*wake)(void *arg);
	void *arg;
};

/* The scheduler, which probes watches and looks up domains. `gone` asks it to
 * release `turn`; `pace`: watch_hurried() may have changed. */
struct watch_turns {
	void (*watch)(void *arg, struct watch *);
	void (*watch_gone)(void *arg, struct watch *);
	void (*watch_pace)(void *arg, struct watch *);
	/* A domain whose primaries are found by MX records. */
	void (*domain)(void *arg, struct watch_domain *);
	void (*domain_gone)(void *arg, struct watch_domain *);
	void *arg;
};

struct watch_set *watch_create(const struct watch_ops *);
void watch_destroy(struct watch_set **);
void watch_turns_set(struct watch_set *, const struct watch_turns *);
/* To be called before the first domain: see primary_table_remember(). */
void watch_remember(struct watch_set *, struct host_memory *);
/* Adds a domain, or gives it new settings, which are copied. A new one takes
 * over the verdict of its primaries; one whose policy changed keeps its
 * state. */
void watch_domain_set(struct watch_set *, const struct conf_domain *,
    int64_t now, int64_t wall);
/* Does nothing for an unknown domain. */
void watch_domain_drop(struct watch_set *, const char *name);
/* Tells up to `budget` domains of changes; true: more are to be told. */
bool
watch_fan_out(struct watch_set *, unsigned budget, int64_t now, int64_t wall);

/* ---- results from the scheduler */

/* An MX look-up of a domain has ended: its list, and its trouble. `cd` has its
 * settings. */
void watch_route(struct watch_set *, struct watch_domain *,
    const struct conf_domain *cd, const struct route *, int64_t now,
    int64_t wall);
/* The address look-up of a configured primary has ended. True: it can be
 * probed. */
bool watch_addresses(struct watch_set *, struct watch *, const struct route *,
    int64_t now, int64_t wall);
void watch_session(struct watch_set *, struct watch *,
    const struct primary_session *, int64_t now, int64_t wall);
/* A session has lasted `waited_ms`, longer than `timeout`: it is slow. Each of
 * the `intervals` of silence after that counts as one more failure, described
 * by `s`. True: the watch is down, and this silence alone would have made it
 * so: the session is overdue. */
bool watch_silent(struct watch_set *, struct watch *,
    const struct primary_session *s, int64_t waited_ms, unsigned intervals,
    int64_t now, int64_t wall);
/* Does the domain still have this watch in its list? */
bool watch_is_named(const struct watch_set *, const struct watch *,
    const char *domain);
/* The host_key() of its addresses; to be called only when it has some
 * (`host`). */
const char *watch_addresses_key(const struct watch *);
/* The source address of its sessions; NULL: any. */
const struct net_addr *watch_source(const struct watch *);
/* A total order over policies. */
int watch_policy_cmp(const struct watch_policy *, const struct watch_policy *);
/* The watch takes part in sessions that another one has had: if it had none of
 * its own, it starts with the knowledge from them. */
void watch_join(struct watch_set *, struct watch *, const struct watch *other);
/* The answer to asking for a domain; ignored for a domain that has left. Of
 * `reply`, phase, code and text are used; `about` is static. */
void watch_answered(struct watch_set *, struct watch *, const char *domain,
    enum primary_answer, const char *about, const struct primary_session *reply,
    int64_t wall);
/* The domains to ask for next: up to `max` names, in turn. */
unsigned watch_ask(struct watch *, const char **domain, unsigned max);
/* `answered` of `asked` got an answer: adjusts the number to ask for. */
void watch_asked(struct watch *, unsigned asked, unsigned answered);
/* The session did not come to that domain: it is asked for first next time. */
void watch_ask_again(struct watch_set *, struct watch *, const char *domain);
/* That domain is asked for first next time. */
void watch_ask_first(struct watch_link *);
/* To be probed at a third of the interval: without a verdict, or with one to be
 * confirmed. */
bool watch_hurried(const struct watch *);
bool watch_domain_hurried(const struct watch_domain *);

/* ---- results of deliveries */

/* `label` is the host's; `ok`: a message was taken. Otherwise phase, code and
 * text describe the failure. */
void watch_delivery(struct watch_set *, const char *domain, const char *label,
    const struct primary_session *, int64_t now, int64_t wall);
/* A delivery's route shows whether we are the domain's best MX. */
void watch_self(struct watch_set *, const char *domain, bool self, int64_t now,
    int64_t wall);
/* A delivery found that the host with that label is a backup (`text`); `more`:
 * the domain has another host that may take its mail. */
void watch_met_backup(struct watch_set *, const char *domain, const char *label,
    const char *text, bool more, int64_t now, int64_t wall);
/* The recovery flush is complete, or it was cut off and the domain is down
 * again (`why` is peer text). */
void watch_flushed(struct watch_set *, const char *domain, int64_t now,
    int64_t wall);
void watch_broken(struct watch_set *, const char *domain, const char *why,
    int64_t now, int64_t wall);

/* Its breaker was tripped (`why` is peer text), or is reset (NULL): while
 * tripped the domain is down, whatever its primaries are. */
void watch_tripped(struct watch_set *, const char *domain, const char *why,
    int64_t now, int64_t wall);
/* The last time a primary of the domain took the probe's recipient, unless it
 * has refused it since: wall seconds, 0 never. */
int64_t watch_shown(const struct watch_set *, const char *domain);
/* The best EHLO offer of the host with that label, now or before: CLIENT_EXT_*,
 * SIZE (0: no limit). False: unknown. */
bool watch_offered(const struct watch_set *, const char *label, unsigned *ext,
    uint64_t *size);

/* ---- queries */

struct watch_domain *watch_domain(const struct watch_set *, const char *domain);
/* HEALTH_UNKNOWN for a domain that is not watched. */
enum health_state watch_state(const struct watch_set *, const char *domain);
/* The watch that decides for the domain, if both are up and its host has
 * addresses; otherwise NULL. */
const struct watch *watch_serving(const struct watch_set *, const char *domain);
/* Is that primary of the domain down, by its watch? */
bool
watch_down(const struct watch_set *, const char *domain, const char *label);
/* May mail of the domain go to that primary, as far as is known: it is not down
 * and has addresses? */
bool
watch_usable(const struct watch_set *, const char *domain, const char *label);
/* The limit of connections to that primary: the smallest of the domains that
 * list it; 0: none. *counts: `domain` lists it. */
unsigned watch_connections(const struct watch_set *, const char *label,
    const char *domain, bool *counts);
/* The same by address set (host_key()), whatever its names. */
unsigned watch_connections_at(const struct watch_set *, const char *key);
/* The nodes of a cluster that send mail to that primary, a bit for each: the
 * limit is divided by their number, but is at least one connection. 0: only
 * this node does. */
void watch_senders(struct watch_set *, struct primary *, uint32_t senders);
struct primary_table *watch_primaries(struct watch_set *);
/* Is that an address of a primary (whatever the port)? Answered from a table
 * that may be some seconds old. O(log n), except when the table is rebuilt. */
bool
watch_has_address(struct watch_set *, const struct net_addr *, int64_t now);
/* Fills in the snapshot entry of the domain; `primary` has room for
 * watch_count() entries. */
unsigned watch_count(const struct watch_set *, const char *domain);
/* The labels of the domain's primaries, at most `max`; valid while these are
 * its primaries. */
unsigned watch_labels(const struct watch_set *, const char *domain,
    const char **label, unsigned max);
/* The same for their watches. */
unsigned watch_watches(const struct watch_set *, const char *domain,
    const struct watch **, unsigned max);
void watch_snapshot(const struct watch_set *, const char *domain,
    struct snap_domain *, struct snap_primary *);
/* Adds what deliveries know of a host; the snap_host is zeroed before. */
typedef void
watch_host_fn(void *arg, const struct primary *, struct snap_host *);
/* Puts the primaries into a snapshot. Entries that did not change are shared
 * with earlier snapshots; with more than WATCH_LOOK_MAX primaries the
 * connections shown may be some snapshots old. */
void watch_servers(struct watch_set *, struct snapshot *, watch_host_fn *,
    void *arg);
/* The cause of the domain's state, and the label of the primary it is about
 * ("": none). */
const char *watch_cause(const struct watch_domain *, const char **label);
/* The DNS trouble of the domain or of its primaries; NULL: none. */
const char *watch_trouble(const struct watch_domain *, int64_t *since);

#endif
