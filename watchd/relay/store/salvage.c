/* SPDX-License-Identifier: ISC
 * salvage: mxwatch-salvage SPOOL OUTDIR: takes every complete message out of a
 * damaged spool. It only reads the files, so that it works whatever made the
 * daemon refuse the spool, and never writes into the spool. Messages that the
 * database has for certain go into OUTDIR; possibly outdated states of a
 * message into OUTDIR/unsure, the newest one found; envelopes whose body is not
 * intact into OUTDIR/damaged. Mail in the vault goes into OUTDIR/vault: it is
 * not waiting to be delivered. With -n it counts them and writes nothing. The
 * log has what the database did not get, and for a lost database everything
 * that was not reclaimed (salvage_log.h). */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crc.h"
#include "base/idmap.h"
#include "base/mem.h"
#include "relay/le.h"
#include "relay/store/db.h"
#include "relay/store/salvage_export.h"
#include "relay/store/salvage_log.h"
#include "relay/store/salvage_pages.h"
#include "relay/store/store.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

enum { EXIT_USAGE = 2 };

struct salvage {
	struct exporter x;
	struct pages *pages; /* NULL: no database is there */
	struct salvage_log log;
	uint64_t salt,
	    applied; /* the log's salt; its last record in the database */
	bool applied_known;
	struct idmap done; /* ids that are sure -> any pointer */
	struct idmap unsure; /* id -> struct envelope */
	uint64_t whole, vault, unsures, damaged_bodies, damaged_records;
	int lock;
	int error; /* errno of a failed write */
};

static void
usage(FILE *f)
{
	fputs("usage: mxwatch-salvage [-hV] SPOOL OUTDIR\n"
	      "       mxwatch-salvage -n SPOOL\n",
	    f);
}

static int MX_PRINTF(1, 2) fail(const char *fmt, ...)
{
	va_list ap;

	fputs("mxwatch-salvage: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	putc('\n', stderr);
	return 1;
}

/* ---- records */

static void
export_sure(struct salvage *s, const struct envelope *e)
{
	bool vault = (e->flags & ENV_VAULT) != 0;
	const char *folder = !export_intact(&s->x, e) ? "damaged" :
	    vault				      ? "vault" :
							NULL;

	switch (export_message(&s->x, e, folder)) {
	case EXPORT_WHOLE:
		s->whole += !vault;
		s->vault += vault;
		break;
	case EXPORT_DAMAGED:
		s->damaged_bodies++;
		break;
	default:
		s->error = errno;
		break;
	}
}

/* The stages in which a message may be: queued, in the vault, queued again with
 * its attempts at zero, in the vault for good. */
static unsigned
stage(const struct envelope *e)
{
	return ((e->flags & ENV_REPLAYED) != 0 ? 2u : 0u) +
	    ((e->flags & ENV_VAULT) != 0 ? 1u : 0u);
}

static bool
is_later(const struct envelope *a, const struct envelope *b)
{
	if (stage(a) != stage(b))
		return stage(a) > stage(b);
	if (a->attempts != b->attempts)
		return a->attempts > b->attempts;
	return a->last_try_ms > b->last_try_ms;
}

/* ---- the log */

static uint64_t
key_of(const char *text)
{
	uint64_t key = 0;
	int i;

	for (i = 0; i < 8; i++)
		key = key << 8 | (uint8_t)text[i];
	return key;
}

/* The position and salt of the log in the database. */
static bool
on_state(void *arg, uint64_t key, const void *data, size_t len, bool sure)
{
	struct salvage *s = arg;
	const uint8_t *p = data;

	if (len < 12 || crc_32(0, p, len - 4) != le_get(p + len - 4, 4))
		return false;
	if (key == key_of(DB_KEY_SALT) && len == 12)
		s->salt = le_get(p, 8);
	else if (key == key_of(DB_KEY_APPLIED) && len == 28 && sure) {
		s->applied = le_get(p, 8);
		s->applied_known = true;
	}
	return false;
}

static void
read_log(struct salvage *s, const char *spool)
{
	char *path = mem_printf("%s/db/data.mdb", spool);
	struct pages *states;
	struct mx_errbuf eb;

	if (pages_open(&states, path, &eb) == 0) {
		pages_each(states, "state", on_state, s);
		pages_close(&states);
	}
	mem_free(&path);
	/* without a database the beginning of its log is unknown */
	salvage_log_read(&s->log, s->x.segments, s->salt,
	    s->applied_known ? s->applied : UINT64_MAX);
	s->damaged_records = s->log.missing;
}

/* Is the log newer than the database for this message? */
static bool
in_tail(const struct salvage *s, uint64_t id)
{
	const struct logged *m = idmap_get(&s->log.messages, id);

	return m != NULL && (!s->applied_known || m->seq > s->applied);
}

/* Keeps the latest of several states of a message. */
static void
note_unsure(struct salvage *s, struct envelope **e)
{
	struct envelope *old = idmap_get(&s->unsure, (*e)->id);

	if (old != NULL && !is_later(*e, old))
		return;
	idmap_put(&s->unsure, (*e)->id, *e);
	*e = old;
}

static bool
on_record(void *arg, uint64_t key, const void *data, size_t len, bool sure)
{
	struct salvage *s = arg;
	struct envelope *e = NULL;

	if (envelope_decode(data, len, &e) < 0 || e->id != key) {
		envelope_destroy(&e);
		s->damaged_records += sure;
		return false;
	}
	if (s->error == 0 && idmap_get(&s->done, key) == NULL &&
	    !in_tail(s, key)) {
		if (sure) {
			idmap_put(&s->done, key, s);
			export_sure(s, e);
		} else
			note_unsure(s, &e);
	}
	envelope_destroy(&e);
	return true;
}

/* A message that the database did not have, or not in this state; or, for a
 * damaged database, may have had. */
static void
logged_one(uint64_t id, void *value, void *arg)
{
	struct salvage *s = arg;
	struct logged *m = value;

	if (s->error != 0 || m->env == NULL || idmap_get(&s->done, id) != NULL)
		return;
	if (s->applied_known && m->seq > s->applied) {
		idmap_put(&s->done, id, s);
		export_sure(s, m->env);
	} else if (s->pages == NULL || pages_damaged(s->pages) > 0 ||
	    !s->applied_known)
		note_unsure(s, &m->env);
}

static void
unsure_one(uint64_t id, void *value, void *arg)
{
	struct salvage *s = arg;
	struct envelope *e = value;

	/* an outdated state of a removed message usually has no body left */
	if (s->error == 0 && idmap_get(&s->done, id) == NULL &&
	    export_intact(&s->x, e)) {
		if (export_message(&s->x, e, "unsure") == EXPORT_WHOLE)
			s->unsures++;
		else
			s->error = errno;
	}
	envelope_destroy(&e);
}

/* ---- folders */

static int
lock_spool(struct salvage *s, const char *spool)
{
	char *path = mem_printf("%s/lock", spool);
	int rc = 0;

	s->lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (s->lock < 0 && errno != ENOENT)
		rc = fail("%s: %s", path, strerror(errno));
	else if (s->lock >= 0 && flock(s->lock, LOCK_SH | LOCK_NB) != 0)
		rc = fail("%s is in use; stop mxwatchd first", spool);
	mem_free(&path);
	return rc;
}

/* Creates OUTDIR: an empty folder outside of the spool. */
static int
make_out(struct salvage *s, const char *spool, const char *out)
{
	char from[PATH_MAX], to[PATH_MAX];
	size_t n;

	if (mkdir(out, 0700) != 0)
		return fail("cannot create %s: %s", out, strerror(errno));
	if (realpath(spool, from) == NULL || realpath(out, to) == NULL)
		return fail("%s: %s", out, strerror(errno));
	n = strlen(from);
	if (strncmp(from, to, n) == 0 && (to[n] == '/' || to[n] == '\0')) {
		(void)rmdir(out);
		return fail("%s is inside the spool", out);
	}
	s->x.path = out;
	s->x.out = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->x.out < 0)
		return fail("%s: %s", out, strerror(errno));
	return 0;
}

static int
open_spool(struct salvage *s, const char *spool)
{
	char *path = mem_printf("%s/db/data.mdb", spool);
	char *seg = mem_printf("%s/seg", spool);
	struct mx_errbuf eb;
	int rc = 0;

	s->x.segments =
	    open(seg, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->x.segments < 0)
		fail("%s: %s: no message body will be complete", seg,
		    strerror(errno));
	if (pages_open(&s->pages, path, &eb) < 0 &&
	    (s->x.segments < 0 || errno != ENOENT))
		rc = fail("%s", eb.text);
	if (rc == 0)
		read_log(s, spool);
	mem_free(&path);
	mem_free(&seg);
	return rc;
}

static int
report(struct salvage *s)
{
	uint64_t pages = s->pages == NULL ? 1 : pages_damaged(s->pages);

	if (s->error == 0 && s->x.out >= 0 && syncfs(s->x.out) != 0)
		s->error = errno;
	printf("whole=%" PRIu64 " unsure=%" PRIu64 " damaged_bodies=%" PRIu64
	       " damaged_records=%" PRIu64 " damaged_pages=%" PRIu64
	       " vault=%" PRIu64 "\n",
	    s->whole, s->unsures, s->damaged_bodies, s->damaged_records, pages,
	    s->vault);
	if (s->error != 0)
		return fail("%s: %s: the output is incomplete", s->x.path,
		    strerror(s->error));
	return s->unsures + s->damaged_bodies + s->damaged_records + pages > 0 ?
	    STORE_EXIT_DAMAGED :
	    0;
}

/* Without `out` it only counts. */
static int
run(struct salvage *s, const char *spool, const char *out)
{
	int rc;

	if ((rc = lock_spool(s, spool)) != 0 ||
	    (rc = open_spool(s, spool)) != 0 ||
	    (out != NULL && (rc = make_out(s, spool, out)) != 0))
		return rc;
	if (s->pages != NULL)
		pages_each(s->pages, "env", on_record, s);
	idmap_each(&s->log.messages, logged_one, s);
	idmap_each(&s->unsure, unsure_one, s);
	return report(s);
}

int
main(int argc, char **argv)
{
	struct salvage s = { .lock = -1, .x = { .segments = -1, .out = -1 } };
	bool count = false;
	int c, rc;

	while ((c = getopt(argc, argv, "hnV")) != -1) {
		switch (c) {
		case 'n':
			count = true;
			break;
		case 'V':
			printf("mxwatch-salvage %s\n", PACKAGE_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (argc - optind != (count ? 1 : 2)) {
		usage(stderr);
		return EXIT_USAGE;
	}
	idmap_init(&s.done);
	idmap_init(&s.log.messages);
	idmap_init(&s.unsure);
	rc = run(&s, argv[optind], count ? NULL : argv[optind + 1]);
	pages_close(&s.pages);
	salvage_log_free(&s.log);
	idmap_fini(&s.done);
	idmap_fini(&s.unsure);
	return rc;
}
