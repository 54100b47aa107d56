/* SPDX-License-Identifier: ISC
 * pages_corpus: makes the small databases that fuzz_pages begins with, as files
 * in the folder that is its argument: none that was written to, a page of
 * records, a value that needs pages of its own, a tree with branches, and one
 * from which most was removed, whose pages are in the list of free ones. */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relay/envelope.h"
#include "relay/store/db.h"

#define ID(i) ((uint64_t)(i) << 8)

static void
put(struct db_txn *t, uint64_t id, uint32_t nrcpts)
{
	struct envelope *e = envelope_create();
	struct buf b = BUF_INIT(1u << 20);
	char mailbox[32];

	e->id = id;
	strlcpy(e->domain, "example.org", sizeof(e->domain));
	for (uint32_t i = 0; i < nrcpts; i++) {
		snprintf(mailbox, sizeof(mailbox), "u%u@example.org", i);
		(void)envelope_add_rcpt(e, mailbox);
	}
	MX_ASSERT(envelope_encode(e, &b) == 0);
	MX_ASSERT(db_record_put(t, id, b.data, b.len) == 0);
	buf_fini(&b);
	envelope_destroy(&e);
}

static void
fill(struct db *db, unsigned from, unsigned to, uint32_t nrcpts)
{
	struct db_segment s = { .number = 1, .live = to };
	struct db_txn *t;

	MX_ASSERT(db_begin(db, true, &t) == 0);
	for (unsigned i = from; i < to; i++)
		put(t, ID(i), nrcpts);
	MX_ASSERT(db_segment_put(t, &s) == 0);
	MX_ASSERT(db_commit(&t) == 0);
}

static void
empty(struct db *db, unsigned from, unsigned to)
{
	struct db_txn *t;

	for (unsigned i = from; i < to; i++) {
		MX_ASSERT(db_begin(db, true, &t) == 0);
		MX_ASSERT(db_record_del(t, ID(i)) == 0);
		MX_ASSERT(db_commit(&t) == 0);
	}
}

static void
make(struct db *db, const char *name)
{
	if (strcmp(name, "page") == 0)
		fill(db, 1, 4, 2);
	else if (strcmp(name, "big") == 0)
		fill(db, 1, 3, 150);
	else if (strcmp(name, "tree") == 0)
		fill(db, 1, 60, 3);
	else if (strcmp(name, "freed") == 0) {
		fill(db, 1, 60, 3);
		fill(db, 60, 62, 150);
		empty(db, 2, 62);
	}
}

int
main(int argc, char **argv)
{
	static const char *const name[] = { "empty", "page", "big", "tree",
		"freed" };
	char dir[512], data[600], to[600];
	struct mx_errbuf eb;
	struct db *db;

	if (argc != 2) {
		fprintf(stderr, "usage: pages_corpus FOLDER\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(name) / sizeof(*name); i++) {
		snprintf(dir, sizeof(dir), "%s/%s.d", argv[1], name[i]);
		snprintf(to, sizeof(to), "%s/%s", argv[1], name[i]);
		if (mkdir(dir, 0700) != 0 ||
		    db_open(&db, dir, 1u << 20, &eb) != 0) {
			fprintf(stderr, "%s: %s\n", dir, strerror(errno));
			return 1;
		}
		make(db, name[i]);
		db_close(&db);
		snprintf(data, sizeof(data), "%s/data.mdb", dir);
		MX_ASSERT(rename(data, to) == 0);
		snprintf(data, sizeof(data), "%s/lock.mdb", dir);
		(void)unlink(data);
		(void)rmdir(dir);
	}
	return 0;
}
