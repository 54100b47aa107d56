/* SPDX-License-Identifier: ISC
 * store_unsynced: takes the syncs of a store away, one by one, and wants to see
 * the harm. The record of a round's work is the same but for that sync; the power
 * is cut before the same file is synced again, on disks with every kind of luck.
 * One such spool at least must have lost something or not open: else the checks
 * of store_power are too weak, or the sync is not needed. With the sync in its
 * place the same cut does no harm. `store_unsynced [SEED]`.
 *
 * Two kinds are left alone, for they are not needed: the write with which LMDB
 * changes its root (O_DSYNC), for until the next sync the root before is whole,
 * and a start goes on from there with the log; and what a start syncs again
 * although another had. */
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "relay/store/journal.h"
#include "tests/fault/power_store.h"

#define ROUNDS	 2
#define TEARINGS 3 /* disks that tear, each in its own way, for each cut */
#define LAST	 40 /* and for the last: one name of two has to be lost */

enum kind { LOG, BODY, FOLDER, DATABASE, MAKING, KINDS, NOT_NEEDED };

static const struct {
	const char *name;
	bool each; /* all of them are needed; else some are */
} kinds[KINDS] = {
	[LOG] = { "a file of the log", true },
	[BODY] = { "a large body", true },
	[FOLDER] = { "the names of those files", true },
	[DATABASE] = { "the database", true },
	[MAKING] = { "a spool that is being made", false },
};

struct tally {
	unsigned taken, seen;
};

static enum kind
kind_of(const struct power *p, size_t at, const char *name)
{
	if (strcmp(name, "seg") == 0)
		return FOLDER;
	if (strlen(name) == 16)
		return journal_is(strtoull(name, NULL, 16)) ? LOG : BODY;
	if (disk_is_write(at))
		return NOT_NEEDED;
	if (at < p->msgs[0].committed)
		return MAKING;
	return strcmp(name, "data.mdb") == 0 ? DATABASE : NOT_NEEDED;
}

/* In a process of its own, for a store whose database is damaged ends it. */
static bool
does_harm(struct power *p, size_t now, enum disk_luck luck, uint64_t seed)
{
	int status, fd;
	pid_t pid;

	if ((pid = fork()) == 0) {
		fd = open("/dev/null", O_WRONLY);
		(void)dup2(fd, 2);
		power_forked(p);
		power_cut(p, now, luck, seed);
		_exit(p->wrong > 0);
	}
	MX_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
	return status != 0;
}

static bool
is_seen_at(struct power *p, size_t at, size_t now, enum disk_luck luck,
    uint64_t seed)
{
	bool harm;

	disk_skip(at, true);
	harm = does_harm(p, now, luck, seed);
	disk_skip(at, false);
	if (harm && does_harm(p, now, luck, seed)) {
		fprintf(stderr, "operation %zu: harm with its sync, too\n", at);
		p->wrong++;
	}
	return harm;
}

/* Cuts from the last to the first: at the last most has been promised. */
static bool
is_seen(struct power *p, size_t at, size_t to)
{
	static const enum disk_luck simple[] = { DISK_LOSES, DISK_FORGETS_DATA,
		DISK_FORGETS_NAMES };
	size_t now, end = disk_synced_again(at);
	unsigned i;

	end = end < to ? end : to;
	for (i = 0; i < MX_COUNT(simple); i++)
		if (is_seen_at(p, at, end, simple[i], 0))
			return true;
	for (now = end; now > at; now--)
		for (i = 0; i < (now == end ? LAST : TEARINGS); i++)
			if (is_seen_at(p, at, now, DISK_TEARS, now + i))
				return true;
	return false;
}

static void
run_round(struct power *p, struct tally *tally)
{
	size_t from, to, at;
	const char *name;
	enum kind k;

	power_work(p, &from, &to);
	for (at = from; at < to && p->wrong == 0; at++) {
		if ((name = disk_synced(at)) == NULL ||
		    (k = kind_of(p, at, name)) == NOT_NEEDED)
			continue;
		tally[k].taken++;
		if (is_seen(p, at, to))
			tally[k].seen++;
		else if (kinds[k].each)
			fprintf(stderr, "operation %zu, %s: not missed\n", at,
			    kinds[k].name);
	}
	power_cut(p, from + kit_chance(&p->seed, to - from), DISK_TEARS, from);
	power_go_on(p);
}

int
main(int argc, char **argv)
{
	struct tally tally[KINDS] = { { 0 } };
	struct power p;
	unsigned i;

	log_level_set(LOG_LEVEL_WARN);
	power_init(&p, argc > 1 ? strtoull(argv[1], NULL, 10) : 1);
	for (i = 0; i < ROUNDS && p.wrong == 0; i++)
		run_round(&p, tally);
	for (i = 0; i < KINDS; i++) {
		printf("%s: %u taken away, %u missed\n", kinds[i].name,
		    tally[i].taken, tally[i].seen);
		if (tally[i].seen == 0 ||
		    (kinds[i].each && tally[i].seen < tally[i].taken))
			p.wrong++;
	}
	power_fini(&p);
	return p.wrong > 0;
}
