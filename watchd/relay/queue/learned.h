/* SPDX-License-Identifier: ISC
 * learned: which mailboxes of one domain exist, by name, as far as its primary has
 * told: it took mail for one (a delivery), let one pass at a check, or refused it.
 * For domains without a list of recipients; whether a refusal is believed is the
 * rule here, what a refusal means was the judge's (primary/judge.h).
 *
 *	taken, passed   the name is good. A refusal behind that counts for nothing
 *			until refusals have gone on for a day.
 *	refused         the name is bad when two refusals lie an hour apart (`apart`)
 *			or more, and the last is younger than three days.
 *	catch-all       the primary lets any name pass: nothing is bad.
 *
 * What was refused in a time that is cut (learned_cut) was never refused: the
 * primary was not itself then. Names are local parts in the form in which they are
 * compared: lower case, without quotes. Some 120 bytes each. Pure; times are wall
 * seconds, 0: never. The table owns its names. */
#ifndef MX_QUEUE_LEARNED_H
#define MX_QUEUE_LEARNED_H

#include <sys/tree.h>

#include "base/heap.h"
#include "smtp/path.h"

#define LEARNED_YOUNG  (3u * 86400) /* a refusal that may be believed */
#define LEARNED_AGAIN  86400u /* a good name is news again; a test is due */
#define LEARNED_BEATEN 86400u /* refused for so long: no longer good */

enum learned_word {
	LEARNED_UNKNOWN,
	LEARNED_TAKEN,
	LEARNED_PASSED,
	LEARNED_CATCH_ALL,
	LEARNED_REFUSED, /* and believed: the rule holds now */
	LEARNED_DOUBTED, /* refused, but not to be held against it */
};
const char *learned_word_name(enum learned_word); /* "taken", ... */

enum learned_what { /* is learned */
	LEARN_TAKEN,
	LEARN_PASSED,
	LEARN_REFUSED,
	/* Of the whole domain, by a name nobody has: */
	LEARN_CATCH_ALL,
	LEARN_NO_CATCH_ALL,
};

/* For who asks. Wall ms, 0: never. */
struct learned_view {
	enum learned_word word;
	int64_t taken_ms, passed_ms, refused_ms, refused_first_ms;
	int64_t tested_ms; /* of the domain: for catch-all, the last time */
	bool due; /* asking its primary about it would tell news */
	char mailbox[PATH_MAILBOX_MAX]; /* as which it is known */
};

struct learned_name {
	RB_ENTRY(learned_name) link;
	struct heap_node turn,
	    all; /* who goes first: of the table; the owner's */
	struct learned *of;
	uint32_t taken, passed;
	uint32_t refused, first; /* the last refusal, the first of its row */
	char local[];
};
RB_HEAD(learned_tree, learned_name);
RB_PROTOTYPE(learned_tree, learned_name, link, learned_name_cmp)
int learned_name_cmp(const struct learned_name *, const struct learned_name *);

struct learned {
	struct learned_tree names;
	struct heap turns;
	uint32_t n, nbad; /* names; of them neither taken nor passed */
	uint32_t tested; /* for catch-all */
	uint32_t
	    apart; /* seconds between two refusals; then one is news again */
	uint32_t cut_from, cut_to; /* what was refused then was not */
	bool catch_all;
};

void learned_init(struct learned *, uint32_t apart);
void learned_fini(struct learned *); /* all names are gone by then */

/* "Ada"@d -> ada, into `local` (PATH_LOCAL_MAX + 1); false: it has none. */
bool learned_local(const char *mailbox, char *local);

struct learned_name *learned_find(const struct learned *, const char *local);
/* The first name behind `after`, or NULL. */
struct learned_name *learned_next(const struct learned *, const char *after);
/* A name that is not there yet, about which nothing is known. */
struct learned_name *learned_add(struct learned *, const char *local);
void learned_drop(struct learned *, struct learned_name **);
/* Who is missed least: of the bad ones, or of all when there is none, the one that
 * was heard of longest ago. NULL: there is nobody. */
struct learned_name *learned_least(const struct learned *);
bool learned_is_bad(const struct learned_name *); /* neither taken nor passed */

/* True: the name is another one than before, and to be stored. It is not, for
 * example, when it was taken yesterday, too. */
bool learned_note(struct learned_name *, enum learned_what,
    uint32_t now) MX_NODISCARD;
/* The same of the test. `now` becomes the end of a cut when it is a catch-all. */
void learned_tested(struct learned *, bool catch_all, uint32_t now);
/* Nothing that was refused between these is held against anybody. What was cut
 * before and is still there stays so. */
void learned_cut(struct learned *, uint32_t from, uint32_t to);
/* Forgets the refusals of a name that were cut: 0: there are none, 1: the name is
 * another one, -1: nothing is left of it. */
int learned_trim(struct learned_name *);

/* What is known of a name (NULL: nothing) of that table. `doubted`: no refusal is
 * believed, for the primary is not itself. */
enum learned_word learned_judge(const struct learned *,
    const struct learned_name *, bool doubted, uint32_t now);

/* Would asking its primary tell news? */
bool learned_is_due(const struct learned *, const struct learned_view *,
    int64_t now_ms);

/* The stored forms. -MX_ECORRUPT leaves all as it was. */
#define LEARNED_RECORD 17
#define LEARNED_HEAD   14
void learned_save(const struct learned_name *, uint8_t dst[LEARNED_RECORD]);
int learned_load(struct learned_name *, const void *, size_t) MX_NODISCARD;
void learned_head_save(const struct learned *, uint8_t dst[LEARNED_HEAD]);
int learned_head_load(struct learned *, const void *, size_t) MX_NODISCARD;

#endif
