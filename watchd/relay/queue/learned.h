/* SPDX-License-Identifier: ISC
 * learned: the mailboxes of one domain that are known to exist, or not to, by
 * the replies of its primary: it accepted mail for one (a delivery), accepted
 * one in a check, or refused it. For domains without a list of recipients. The
 * rule here decides whether a refusal is believed; its meaning was decided by
 * the judge (primary/judge.h).
 *
 *	taken, passed   the name is good. A later refusal does not count until
 *			refusals have gone on for a day.
 *	refused         the name is bad if two refusals are an hour (`apart`) or
 *			more apart, and the last is younger than three days.
 *	catch-all       the primary accepts any name: none is bad.
 *
 * Refusals within a period that was cut (learned_cut) are void: the primary was
 * faulty then. Names are local parts in the form in which they are compared:
 * lower case, without quotes. Some 120 bytes each. Pure; times are wall
 * seconds, 0: never. The table owns its names. */
#ifndef MX_QUEUE_LEARNED_H
#define MX_QUEUE_LEARNED_H

#include <sys/tree.h>

#include "base/heap.h"
#include "smtp/path.h"

#define LEARNED_YOUNG  (3u * 86400) /* how long the last refusal is believed */
#define LEARNED_AGAIN  86400u /* a good name is noted again; a test is due */
#define LEARNED_BEATEN 86400u /* refusals for so long void a good name */

enum learned_word {
	LEARNED_UNKNOWN,
	LEARNED_TAKEN,
	LEARNED_PASSED,
	LEARNED_CATCH_ALL,
	LEARNED_REFUSED, /* refused, and believed at present */
	LEARNED_DOUBTED, /* refused, not believed at present */
};
const char *learned_word_name(enum learned_word); /* "taken", ... */

enum learned_what { /* what is learned */
	LEARN_TAKEN,
	LEARN_PASSED,
	LEARN_REFUSED,
	/* For the whole domain, by a name that does not exist: */
	LEARN_CATCH_ALL,
	LEARN_NO_CATCH_ALL,
};

/* The result of a look-up. Wall ms, 0: never. */
struct learned_view {
	enum learned_word word;
	int64_t taken_ms, passed_ms, refused_ms, refused_first_ms;
	int64_t tested_ms; /* last test for catch-all, of the domain */
	bool due; /* a check at the primary would be of use */
	char mailbox[PATH_MAILBOX_MAX]; /* the mailbox by which it is known */
};

struct learned_name {
	RB_ENTRY(learned_name) link;
	struct heap_node turn,
	    all; /* order of eviction: in this table; in the owner's heap */
	struct learned *of;
	uint32_t taken, passed;
	uint32_t refused, first; /* the last refusal; the first of its series */
	char local[];
};
RB_HEAD(learned_tree, learned_name);
RB_PROTOTYPE(learned_tree, learned_name, link, learned_name_cmp)
int learned_name_cmp(const struct learned_name *, const struct learned_name *);

struct learned {
	struct learned_tree names;
	struct heap turns;
	uint32_t n, nbad; /* names; of them neither taken nor passed */
	uint32_t tested; /* last test for catch-all */
	uint32_t
	    apart; /* seconds between two refusals that count for a bad name */
	uint32_t cut_from, cut_to; /* refusals in this period are void */
	bool catch_all;
};

void learned_init(struct learned *, uint32_t apart);
void learned_fini(struct learned *); /* after all names were dropped */

/* "Ada"@d -> ada, into `local` (PATH_LOCAL_MAX + 1); false: no local part. */
bool learned_local(const char *mailbox, char *local);

struct learned_name *learned_find(const struct learned *, const char *local);
/* The first name after `after`, or NULL. */
struct learned_name *learned_next(const struct learned *, const char *after);
/* Adds a name that is not in the table, without any knowledge about it. */
struct learned_name *learned_add(struct learned *, const char *local);
void learned_drop(struct learned *, struct learned_name **);
/* The next name to evict: the least recently noted of the bad ones, or of all
 * if none is bad. NULL: the table is empty. */
struct learned_name *learned_least(const struct learned *);
bool learned_is_bad(const struct learned_name *); /* neither taken nor passed */

/* True: the name has changed and is to be stored. It has not, for example, if
 * it was taken yesterday as well. */
bool learned_note(struct learned_name *, enum learned_what,
    uint32_t now) MX_NODISCARD;
/* Notes the result of a test for catch-all. A catch-all cuts all refusals up to
 * `now`. */
void learned_tested(struct learned *, bool catch_all, uint32_t now);
/* Voids the refusals of that period. A former cut still in effect is extended,
 * not replaced. */
void learned_cut(struct learned *, uint32_t from, uint32_t to);
/* Removes void refusals from a name: 0: it has none; 1: the name has changed;
 * -1: nothing is left of it. */
int learned_trim(struct learned_name *);

/* The verdict on a name of the table (NULL: unknown name). `doubted`: no
 * refusal is believed, for the primary is faulty. */
enum learned_word learned_judge(const struct learned *,
    const struct learned_name *, bool doubted, uint32_t now);

/* Whether a check at the primary would be of use. */
bool learned_is_due(const struct learned *, const struct learned_view *,
    int64_t now_ms);

/* The stored forms. -MX_ECORRUPT leaves the table unchanged. */
#define LEARNED_RECORD 17
#define LEARNED_HEAD   14
void learned_save(const struct learned_name *, uint8_t dst[LEARNED_RECORD]);
int learned_load(struct learned_name *, const void *, size_t) MX_NODISCARD;
void learned_head_save(const struct learned *, uint8_t dst[LEARNED_HEAD]);
int learned_head_load(struct learned *, const void *, size_t) MX_NODISCARD;

#endif
