/* SPDX-License-Identifier: ISC
 * protocol: the protocol of the control socket; the reference for scripts.
 *
 * Request: one object on one line of at most CONTROL_LINE_MAX bytes, within
 * CONTROL_REQUEST_MS. "verb" is required; "reason" (for the log) is allowed
 * with any verb; further fields depend on the verb, and others are refused.
 *	domain	a domain name, in any equivalent spelling
 *	id	a queue id; without a part ("6A1F03C2B47") all its parts
 *	address	a mailbox, local@domain
 *	all	true: every configured domain that has mail queued
 *	dry_run	true: only count
 *	wait	true: answer until the flush has ended
 *	add	a duration, "7d" or "+7d"
 *	match	the name of an alert, a domain, a list in the DNS or a primary,
 *		or ALERT/NAME
 *	for	a duration
 *	remove	the id of a silence, digits
 *	receiver	the name of a receiver
 *	primaries	true: each primary once instead of the domains
 *	unknown	true: only recipients that are not known to exist
 *	subject	a domain name or a primary, as status names it; a name of both
 *		is the domain, and the primary has to be given with its port
 *	from, until	a time: "now", "+2h" (from now), "2026-12-01 02:00" in
 *		the time zone of the daemon, or RFC 3339
 *	hold	true: no mail is delivered during the window
 *	end	the id or the name of a maintenance window; the domain of a
 *		redirect
 *	outage	the id of an outage, digits
 *	pattern	a shell pattern of domains, "*.example.org"
 *	sender, recipient	an address, or a pattern; "" as a sender:
 *		reports
 *	client	an address or a prefix, "192.0.2.0/24", of the sending client
 *	state	states as shown by `queue`, separated by commas:
 *		"deferred,held"
 *	older, younger	a duration: messages of a greater or lower age
 *	larger, smaller	a size, "1M"
 *	reply	a pattern, found in the last reply about a recipient, which
 *		reads as "452 4.2.2 Mailbox full"
 *	sort	"age", "size", "expiry", "next", "tries", "domain", "sender"
 *	reverse	true: in the opposite order
 *	limit	the maximum number of lines, digits
 *	after	the id of a message: only later ones, and no further than the
 *		limit
 *	rcpts	true: the first recipients of each message, five at most
 *	count	true: no lines, only the number of messages
 *	headers, body, raw	true: the content of the message: its header,
 *		its body, or all of it, as it was accepted
 *	follow	true: new events as well, until the client goes away
 *	action	an order about the cluster: "status" (or none), "join",
 *		"release", "takeover", "move"
 *	node	the name of a node
 *	now	true: check now, instead of showing earlier findings
 *	to	hosts as for the option primary, separated by commas
 *	names	true: only the names of the domains
 *	wait_for	a duration: how long to follow the drill
 *
 * Answer: lines of objects; the last one has "done": true and "rc" (0 fine,
 * 1 failed, 2 refused: the request or the configuration is wrong), and
 * "error" when rc is not 0. Times are Unix seconds, null for never or
 * unknown; fields may be added, none changes its meaning.
 *
 *	status	the document of mxwatch-status(7), with the one domain or all;
 *		with primaries: only its time and its list `primaries`; with
 *		names: domain, a line each
 *	queue	a MESSAGE a line; done: messages, bytes (of all that is
 *		selected, or with after of the lines), shown (lines, if limited)
 *	mailq	the same, every MESSAGE with its "rcpts"
 *	show	a MESSAGE a line, one for each part: "rcpts", "helo", "client"
 *		with headers, body or raw instead: id and data (a piece, base64)
 *		a line; done: bytes. Only for root and the user of the daemon
 *	export	for each message a line with id and envelope (as
 *		mxwatch-salvage(8) writes it), then those of its content, then
 *		id and body ("whole", "damaged"); done: messages, bytes, damaged
 *	import	after the request, a line each: envelope (an object: sender,
 *		envid, ret, helo, client, 8bit, smtputf8), recipients (arrays of
 *		address, orcpt, notify; several lines), data (base64, as many as
 *		are needed), and at last size (bytes in all). done: the id, when
 *		it is durable. Only for root and the user of the daemon
 *	flush	event ("begin", "running", "progress", "end", "dry_run",
 *		"nothing", "on_hold", "maintenance"), domain, total, remaining,
 *		delivered, deferred, failed, bytes, rate, eta_seconds, complete;
 *		done: domains (that were or would be flushed), messages
 *	hold, release, bounce, remove	done: messages (processed), selected,
 *		in_hand (being delivered: rc is 1 then), bytes, next_expiry and
 *		next_expiry_domain (of the domain, or of all); of a dry run also
 *		oldest (arrival) and ids (of the first ten). Of hold and release
 *		of a domain, domain
 *	vault	a MESSAGE a line, of state "vault", with "rcpts" and vaulted
 *		(when), expiry (until when), replayed; done: messages, bytes
 *	replay	the same, of the messages that are (or would be) queued again;
 *		done: messages, bytes, skipped (replayed before, without
 *		"again"), next_expiry and next_expiry_domain; dry_run
 *	purge	done: messages
 *	ages	for each domain, the most messages first, domain, messages and
 *		counts (array: up to 5m, 20m, 1h, 4h, 12h, 1d, 2d, 5d, 10d old,
 *		and older); domain "": of the rest together; done: domains. Of
 *		the one domain also ages (array of le, messages: how many are
 *		as old, and older than the le before; le null: older)
 *	extend	as of hold, and add_seconds; of whole domains (without an id and
 *		filters) also domains (their number)
 *	forget	done: domain, messages (still queued, now routed by MX records)
 *	probe	an element of `primaries` of mxwatch-status(7) a line;
 *		done: primaries, healthy. rc 1 when none is healthy
 *	why	subject, kind ("domain", "message", "address"), domain (an
 *		element of `domains`, or null), messages (array of MESSAGE),
 *		rcpt (the reply that RCPT would get, or null), explain (array of
 *		sentences), verdicts (in a cluster: array of node, state, since,
 *		cause: each node's view of the primary)
 *	recipients	address, known ("taken", "passed", "refused", "doubted",
 *		"unknown", "catch-all"; "listed, refused" of a list), taken,
 *		passed, refused, refused_first: a recipient a line; with
 *		unknown only those that are not known to exist;
 *		done: domain, shown, recipients_list, recipients_learned (as
 *		in mxwatch-status(7))
 *	stats	name, labels (object), value (null: infinite); a histogram has
 *		count, sum (null: none) and buckets (array of le, count;
 *		cumulative, le null: +Inf) instead of value
 *	alerts	an element of `alerts` of mxwatch-status(7) a line, of the one
 *		domain or of all; in a cluster node, where it fires; done:
 *		firing, pending
 *	silence	with match and for: done: id, until; with remove: done only;
 *		else a silence a line: id, match, from, until, reason
 *	ack	acknowledges firing alerts that match: no repeats until they get
 *		worse or fire again; done: alerts (their number)
 *	alert	a trigger and a resolve are sent to the receiver; a line for
 *		each stage: step (trigger, resolve; "": none), stage (started,
 *		resolved, connected, secured, sent, answered, failed, waiting),
 *		seconds since the start, url of one of several, text; done: text
 *	maintenance	with subject: done: id, from, until; with end: done:
 *		ended; else a window a line: id (null: recurring), name and
 *		every (null: it occurs once), domains and primaries (arrays of
 *		names), active, from, until (of the active or the next one),
 *		hold, uid (who ordered it, or null), reason
 *	redirect	with domain and to: severity ("warning"), text: a line for
 *		what may keep its mail from arriving there; done: event
 *		("begin", "dry_run"), domain, to, instead_of (arrays of hosts;
 *		the latter empty: by MX records), until (null: it is ended),
 *		messages (queued; null: at another node). With end: done: event
 *		("end"), domain, instead_of (again used), messages. Else a
 *		redirect a line: domain, to, instead_of (null: the domain is not
 *		configured), in_force, since, until, uid, reason
 *	outages	an element of `outages` of mxwatch-status(7) a line, the newest
 *		first: of all, of the one primary or of the domain and its
 *		primaries, or the one; done: shown, availability (array of
 *		primary, known_since, availability_30d, availability_365d: of
 *		those primaries, or of all if they are 100 at most)
 *	events	number, time, what ("state", "primary", "flush", "expired",
 *		"breaker", "route", "spool", "reload", "start", "alert",
 *		"drill", "operator", "redirect"), domain, host, text a line, the
 *		oldest first; with follow also "alive", once a minute; done: shown. In
 *		a cluster node, too, where it happened; with follow "silent" (an
 *		array of names) when nodes do not answer, or no longer
 *	doctor	a finding a line: domain ("": this host), check, severity
 *		("error", "warning", "info", and with a domain "ok"), text,
 *		remedy (or ""), checked; done: errors, warnings, infos (the
 *		numbers shown), checked (when the last check of all ended, or
 *		null). rc 1 with an error or a warning
 *	drill	step, state and seconds (since its begin) a line, and of
 *		intake ("accepted", "refused"): recipient, rule (a sentence; both
 *		null of a drill begun before this process), listener, tls (the
 *		version, or null), code (null: none), reply;
 *		spool ("durable"): id, bytes (or null), seconds until it was so;
 *		delivery ("delivered", "deferred", "failed", "not_tried"): host,
 *		address, tls, tls_by, code, reply (or a sentence), null for none;
 *		end ("delivered", "failed", "waiting"): reply, until (of one that
 *		waits: its deadline, or null). done: domain; rc 1 unless it was
 *		delivered
 *	reload	file, line (0: the whole file), severity, text: a finding a line
 *	cluster	status: an element of `nodes` of `cluster` of mxwatch-status(7)
 *		a line; done: the rest of that object; rc 1 with the reason if
 *		something is wrong. Others: done: node, domain
 *
 * In a cluster an answer comes from all nodes that have a part in it. Nodes
 * that did not answer are in "error" of the last line, and in "silent" (an
 * array of names); rc is 1 then, and the other parts are there.
 * MESSAGE: id, domain, sender ("" for <>), state ("deferred", "active",
 * "held"), size, arrival, next_try, expiry, notice (no more tries: its sender
 * is notified at that time), last_try, attempts, dsn, host, recipients
 * (number), code, enhanced, reply (the last reply about a waiting recipient:
 * 452, "4.2.2", text; code null: not from a server), rcpts (array of address,
 * state, code, enhanced, reply).
 *
 * Used by both sides. Pure. */
#ifndef MX_CONTROL_PROTOCOL_H
#define MX_CONTROL_PROTOCOL_H

#include "base/defs.h"

#define CONTROL_LINE_MAX   65536
#define CONTROL_REQUEST_MS 30000

enum control_rc { CONTROL_OK, CONTROL_FAILED, CONTROL_REFUSED };

#define FIELD_BIT(n) (UINT64_C(1) << (n))
/* Fields of a request, besides "verb" and "reason". */
#define FIELD_DOMAIN	FIELD_BIT(0)
#define FIELD_ID	FIELD_BIT(1)
#define FIELD_ADDRESS	FIELD_BIT(2)
#define FIELD_ALL	FIELD_BIT(3)
#define FIELD_DRY_RUN	FIELD_BIT(4)
#define FIELD_WAIT	FIELD_BIT(5)
#define FIELD_ADD	FIELD_BIT(6)
#define FIELD_MATCH	FIELD_BIT(7)
#define FIELD_FOR	FIELD_BIT(8)
#define FIELD_REMOVE	FIELD_BIT(9)
#define FIELD_RECEIVER	FIELD_BIT(10)
#define FIELD_PRIMARIES FIELD_BIT(11)
#define FIELD_SINCE	FIELD_BIT(12)
#define FIELD_REPLY	FIELD_BIT(13)
#define FIELD_AGAIN	FIELD_BIT(14)
#define FIELD_PURGE	FIELD_BIT(15)
#define FIELD_DAMAGED	FIELD_BIT(16)
#define FIELD_UNKNOWN	FIELD_BIT(17)
#define FIELD_SUBJECT	FIELD_BIT(18)
#define FIELD_FROM	FIELD_BIT(19)
#define FIELD_UNTIL	FIELD_BIT(20)
#define FIELD_HOLD	FIELD_BIT(21)
#define FIELD_END	FIELD_BIT(22)
#define FIELD_OUTAGE	FIELD_BIT(23)
#define FIELD_SENDER	FIELD_BIT(24)
#define FIELD_RECIPIENT FIELD_BIT(25)
#define FIELD_OLDER	FIELD_BIT(26)
#define FIELD_ACTION	FIELD_BIT(27)
#define FIELD_NODE	FIELD_BIT(28)
#define FIELD_PATTERN	FIELD_BIT(29)
#define FIELD_CLIENT	FIELD_BIT(30)
#define FIELD_STATE	FIELD_BIT(31)
#define FIELD_YOUNGER	FIELD_BIT(32)
#define FIELD_LARGER	FIELD_BIT(33)
#define FIELD_SMALLER	FIELD_BIT(34)
#define FIELD_SORT	FIELD_BIT(35)
#define FIELD_REVERSE	FIELD_BIT(36)
#define FIELD_LIMIT	FIELD_BIT(37)
#define FIELD_COUNT	FIELD_BIT(38)
#define FIELD_HEADERS	FIELD_BIT(39)
#define FIELD_BODY	FIELD_BIT(40)
#define FIELD_RAW	FIELD_BIT(41)
#define FIELD_FOLLOW	FIELD_BIT(42)
#define FIELD_NOW	FIELD_BIT(43)
#define FIELD_AFTER	FIELD_BIT(44)
#define FIELD_RCPTS	FIELD_BIT(45)
#define FIELD_TO	FIELD_BIT(46)
#define FIELD_NAMES	FIELD_BIT(47)
#define FIELD_WAIT_FOR	FIELD_BIT(48)
/* Fields that select among the messages of a domain, or of all. */
#define FIELD_FILTERS                                                          \
	(FIELD_SENDER | FIELD_RECIPIENT | FIELD_CLIENT | FIELD_STATE |         \
	    FIELD_OLDER | FIELD_YOUNGER | FIELD_LARGER | FIELD_SMALLER |       \
	    FIELD_REPLY)
#define FIELD_OPTIONAL FIELD_BIT(63) /* of a verb: the target may be omitted */
#define FIELD_ACTS     FIELD_BIT(62) /* of a verb: it changes something */
/* The target of a verb: exactly one of these. */
#define FIELD_TARGET                                                           \
	(FIELD_DOMAIN | FIELD_ID | FIELD_ADDRESS | FIELD_ALL | FIELD_PATTERN)

/* How a field is given, in the request and on the command line. */
enum control_field_kind {
	FIELD_WORD, /* text; a word after the verb */
	FIELD_TEXT, /* text; --name TEXT */
	FIELD_FLAG, /* true or false; --name */
	FIELD_SAID, /* true or false; set by another option */
};

struct control_field {
	const char *name; /* the option has a '-' for each '_' */
	uint64_t field; /* 0: allowed with any verb */
	enum control_field_kind kind;
	/* For people, of an option: "TIME", and its purpose. */
	const char *value, *help;
};
#define CONTROL_FIELDS	   51
#define CONTROL_FIELD_NAME 24
extern const struct control_field control_fields[CONTROL_FIELDS];

/* VERB(name, fields, arguments, help) */
#define CONTROL_VERBS                                                          \
	VERB(status,                                                           \
	    FIELD_DOMAIN | FIELD_OPTIONAL | FIELD_PRIMARIES | FIELD_NAMES,     \
	    "[DOMAIN] [--primaries] [--names] [--problems] [--watch]",         \
	    "state of the domains and their primaries")                        \
	VERB(queue,                                                            \
	    FIELD_DOMAIN | FIELD_PATTERN | FIELD_OPTIONAL | FIELD_DAMAGED |    \
		FIELD_FILTERS | FIELD_SORT | FIELD_REVERSE | FIELD_LIMIT |     \
		FIELD_AFTER | FIELD_RCPTS | FIELD_COUNT,                       \
	    "[DOMAIN | PATTERN] [SELECTION] [--sort KEY] [--reverse] "         \
	    "[--after ID] [--limit N] [--count] [--damaged]",                  \
	    "list the queue")                                                  \
	VERB(show, FIELD_ID | FIELD_HEADERS | FIELD_BODY | FIELD_RAW,          \
	    "ID [--headers | --body | --raw]",                                 \
	    "one message and its recipients, or its content")                  \
	VERB(export,                                                           \
	    FIELD_DOMAIN | FIELD_ID | FIELD_PATTERN | FIELD_ALL |              \
		FIELD_FILTERS,                                                 \
	    "DOMAIN | ID | PATTERN | --all [SELECTION] DIR",                   \
	    "save messages and their envelopes as files")                      \
	VERB(import, FIELD_ACTS, "FILE ...",                                   \
	    "queue exported messages as new ones")                             \
	VERB(flush,                                                            \
	    FIELD_ACTS | FIELD_DOMAIN | FIELD_ALL | FIELD_DRY_RUN |            \
		FIELD_WAIT,                                                    \
	    "DOMAIN | --all [--dry-run] [--no-wait]", "deliver now")           \
	VERB(hold,                                                             \
	    FIELD_ACTS | FIELD_DOMAIN | FIELD_ID | FIELD_PATTERN | FIELD_ALL | \
		FIELD_FILTERS | FIELD_DRY_RUN,                                 \
	    "DOMAIN | ID | PATTERN | --all [SELECTION] [--dry-run]",           \
	    "stop delivery")                                                   \
	VERB(release,                                                          \
	    FIELD_ACTS | FIELD_DOMAIN | FIELD_ID | FIELD_PATTERN | FIELD_ALL | \
		FIELD_FILTERS | FIELD_DRY_RUN,                                 \
	    "DOMAIN | ID | PATTERN | --all [SELECTION] [--dry-run]",           \
	    "end a hold")                                                      \
	VERB(extend,                                                           \
	    FIELD_ACTS | FIELD_DOMAIN | FIELD_ID | FIELD_PATTERN | FIELD_ALL | \
		FIELD_FILTERS | FIELD_ADD | FIELD_DRY_RUN,                     \
	    "DOMAIN | ID | PATTERN | --all [SELECTION] +TIME [--dry-run]",     \
	    "extend the lifetime of queued messages")                          \
	VERB(bounce,                                                           \
	    FIELD_ACTS | FIELD_DOMAIN | FIELD_ID | FIELD_PATTERN | FIELD_ALL | \
		FIELD_FILTERS | FIELD_DRY_RUN,                                 \
	    "DOMAIN | ID | PATTERN | --all [SELECTION] [--dry-run]",           \
	    "return to the sender now")                                        \
	VERB(remove,                                                           \
	    FIELD_ACTS | FIELD_DOMAIN | FIELD_ID | FIELD_PATTERN | FIELD_ALL | \
		FIELD_FILTERS | FIELD_DRY_RUN | FIELD_PURGE,                   \
	    "DOMAIN | ID | PATTERN | --all [SELECTION] [--dry-run] "           \
	    "[--purge]",                                                       \
	    "delete without a report")                                         \
	VERB(vault,                                                            \
	    FIELD_DOMAIN | FIELD_PATTERN | FIELD_OPTIONAL | FIELD_SINCE |      \
		(FIELD_FILTERS & ~FIELD_STATE),                                \
	    "[DOMAIN | PATTERN] [--since TIME] [SELECTION]",                   \
	    "list the messages that were returned and are kept")               \
	VERB(replay,                                                           \
	    FIELD_ACTS | FIELD_DOMAIN | FIELD_ID | FIELD_PATTERN | FIELD_ALL | \
		FIELD_SINCE | FIELD_DRY_RUN | FIELD_AGAIN |                    \
		(FIELD_FILTERS & ~FIELD_STATE),                                \
	    "DOMAIN | PATTERN | ID | --all [--since TIME] [SELECTION] "        \
	    "[--dry-run] [--again]",                                           \
	    "queue messages of the vault again")                               \
	VERB(purge, FIELD_ACTS | FIELD_ID | FIELD_ADDRESS, "ID | ADDRESS",     \
	    "erase messages from the vault")                                   \
	VERB(ages, FIELD_DOMAIN | FIELD_OPTIONAL | FIELD_LIMIT,                \
	    "[DOMAIN] [--limit N]", "age of the queue, by domain")             \
	VERB(probe, FIELD_DOMAIN, "DOMAIN", "probe its primaries now")         \
	VERB(why, FIELD_DOMAIN | FIELD_ID | FIELD_ADDRESS,                     \
	    "DOMAIN | ID | ADDRESS",                                           \
	    "explain the state of a domain, message "                          \
	    "or recipient")                                                    \
	VERB(recipients, FIELD_DOMAIN | FIELD_UNKNOWN, "DOMAIN [--unknown]",   \
	    "the recipients known for a domain")                               \
	VERB(forget, FIELD_ACTS | FIELD_DOMAIN, "DOMAIN",                      \
	    "drop the old settings of a removed domain")                       \
	VERB(stats, 0, "", "all metrics")                                      \
	VERB(mailq, 0, "", "the queue as Postfix prints it")                   \
	VERB(alerts, FIELD_DOMAIN | FIELD_OPTIONAL, "[DOMAIN]",                \
	    "the alerts that fire")                                            \
	VERB(silence, FIELD_ACTS | FIELD_MATCH | FIELD_FOR | FIELD_REMOVE,     \
	    "[ALERT | NAME | ALERT/NAME --for TIME | --remove ID]",            \
	    "suppress notifications")                                          \
	VERB(ack, FIELD_ACTS | FIELD_MATCH,                                    \
	    "ALERT | NAME | ALERT/NAME [--reason TEXT]",                       \
	    "acknowledge an alert: no repeats")                                \
	VERB(alert, FIELD_ACTS | FIELD_RECEIVER, "test RECEIVER",              \
	    "test a receiver of alerts")                                       \
	VERB(maintenance,                                                      \
	    FIELD_ACTS | FIELD_SUBJECT | FIELD_FROM | FIELD_UNTIL |            \
		FIELD_FOR | FIELD_HOLD | FIELD_END,                            \
	    "[DOMAIN | PRIMARY [--from TIME] --until TIME | --for TIME "       \
	    "[--hold] | --end ID]",                                            \
	    "list, add and end maintenance windows")                           \
	VERB(redirect,                                                         \
	    FIELD_ACTS | FIELD_DOMAIN | FIELD_OPTIONAL | FIELD_TO |            \
		FIELD_FOR | FIELD_END | FIELD_DRY_RUN,                         \
	    "[DOMAIN HOST ... [--for TIME] | --end DOMAIN] [--dry-run]",       \
	    "send the mail of a domain to other hosts")                        \
	VERB(outages, FIELD_SUBJECT | FIELD_OUTAGE | FIELD_SINCE,              \
	    "[DOMAIN | PRIMARY | ID] [--since TIME] [--csv]",                  \
	    "the record of outages")                                           \
	VERB(events, FIELD_DOMAIN | FIELD_OPTIONAL | FIELD_FOLLOW,             \
	    "[DOMAIN] [--follow]", "recent events")                            \
	VERB(doctor, FIELD_DOMAIN | FIELD_OPTIONAL | FIELD_NOW,                \
	    "[DOMAIN] [--now]", "check the DNS and the primaries")             \
	VERB(drill,                                                            \
	    FIELD_ACTS | FIELD_DOMAIN | FIELD_RECIPIENT | FIELD_WAIT_FOR,      \
	    "DOMAIN [--recipient ADDRESS] [--wait-for TIME]",                  \
	    "send a test message through to the primary")                      \
	VERB(reload, FIELD_ACTS, "", "reread the configuration")               \
	VERB(cluster,                                                          \
	    FIELD_ACTS | FIELD_DOMAIN | FIELD_OPTIONAL | FIELD_ACTION |        \
		FIELD_NODE,                                                    \
	    "[status | init | upgrade | join [NODE] | release NODE | "         \
	    "takeover NODE | move DOMAIN NODE|anywhere]",                      \
	    "the nodes that share the queue")

/* In place of a node: withdraws an earlier move of the domain. */
#define CONTROL_ANYWHERE "anywhere"

enum control_verb {
#define VERB(name, fields, arguments, help) VERB_##name,
	CONTROL_VERBS
#undef VERB
	    VERB_MAX,
};

struct control_verb_info {
	const char *name;
	uint64_t fields;
	const char *arguments, *help; /* for people */
};
extern const struct control_verb_info control_verbs[VERB_MAX];

/* VERB_MAX: no such verb. */
enum control_verb control_verb_parse(const char *name);
/* As an option of the command line: "dry-run". */
void control_option_name(const struct control_field *,
    char name[CONTROL_FIELD_NAME]);
/* "status, queue, show, ..." */
const char *control_verb_list(void);

#endif
