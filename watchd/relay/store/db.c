/* SPDX-License-Identifier: ISC
 * db: see db.h. Keys of records and segments are 8 bytes big-endian, so that
 * LMDB's order is numeric. The map is a little larger than configured: LMDB
 * copies on write, so a removal needs pages too, and the extra ones are not
 * available to new messages (db_nearly_full). LMDB 0.9 has no page checksums
 * and can crash on a damaged page; cheap checks are made at the opening
 * (db_check.c), the rest is guarded (guard.h). */
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/le.h"
#include "relay/store/db.h"
#include "relay/store/db_int.h"

#define DB_READERS	8
#define DB_HEADROOM	(16u << 20)
#define DB_SPACE_MIN	(1u << 20)
#define DB_VALUE_MAX	(64u << 20) /* twice the largest record */
#define DB_COPIES	(4u << 20) /* pages that two transactions may copy */
#define NUMBERS_MAX	3
#define SEGMENT_VERSION 1
#define SEGMENT_BYTES	(1 + 6 * 8 + 4)

/* Codes of LMDB for impossible pages. Our calls cannot cause them: keys and
 * handles are valid. */
static bool
db_damaged(int rc)
{
	switch (rc) {
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_INCOMPATIBLE:
	case MDB_CURSOR_FULL:
	case MDB_BAD_TXN:
	case MDB_BAD_DBI:
	case MDB_BAD_VALSIZE:
		return true;
	default:
		return false;
	}
}

/* A damaged database in service ends the process: going on would read half of
 * it, and write on top of it. At the opening the caller refuses it, with the
 * same exit status. MDB_PANIC means that the disk did not take the meta page;
 * it is damage only when no write of ours failed before. */
static int
db_error(const struct db *db, const char *what, int rc)
{
	static struct log_limit limit;
	bool damaged = db_damaged(rc) || (rc == MDB_PANIC && !db->write_failed);

	switch (rc) {
	case 0:
		return 0;
	case MDB_NOTFOUND:
		return -MX_ENOENT;
	case MDB_MAP_FULL:
	case ENOSPC:
	case EDQUOT:
		return -MX_EFULL;
	case MDB_TXN_FULL:
		return -MX_ETOOBIG;
	default:
		if (damaged && db->serving)
			guard_damaged(what, mdb_strerror(rc));
		if (log_limit_ok(&limit, 10))
			log_error("store", "event=db_failed call=%s error=%s%s",
			    what, log_q(mdb_strerror(rc)),
			    damaged ?
				" do=\"stop the daemon, run mxwatch-salvage\"" :
				"");
		return -MX_EIO;
	}
}

void
db_serve(struct db *db)
{
	db->serving = true;
}

/* Checks the pages before a write. */
static int
db_txn_begin(struct db *db, unsigned flags, MDB_txn **txn)
{
	MDB_envinfo info;
	int rc = mdb_txn_begin(db->env, NULL, flags, txn);

	if (rc != 0 || flags != 0)
		return rc;
	if (mdb_env_info(db->env, &info) == 0 &&
	    db_pages_begin(db->pages, mdb_txn_id(*txn), info.me_last_pgno))
		return 0;
	mdb_txn_abort(*txn);
	return MDB_CORRUPTED;
}

static int
db_open_tables(struct db *db)
{
	struct MDB_txn *txn;
	int rc;

	if ((rc = db_txn_begin(db, 0, &txn)) != 0)
		return rc;
	for (unsigned i = 0; i < DB_TABLES && rc == 0; i++)
		rc = mdb_dbi_open(txn, db_pages_tables[i], MDB_CREATE,
		    &db->table[i]);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

static int
db_open_env(struct db *db, const char *dir)
{
	MDB_envinfo info;
	MDB_stat st;
	int rc, dead, fd;

	if ((rc = mdb_env_create(&db->env)) != 0)
		return rc;
	guard_watch(db->env, dir);
	if ((rc = mdb_env_set_mapsize(db->env, db->map_size + DB_HEADROOM)) !=
	    0)
		return rc;
	if ((rc = mdb_env_set_maxdbs(db->env, 4)) != 0)
		return rc;
	if ((rc = mdb_env_set_maxreaders(db->env, DB_READERS)) != 0)
		return rc;
	if ((rc = mdb_env_open(db->env, dir, MDB_NOTLS, 0600)) != 0 ||
	    (rc = mdb_env_get_fd(db->env, &fd)) != 0 ||
	    (rc = mdb_env_info(db->env, &info)) != 0 ||
	    (rc = mdb_env_stat(db->env, &st)) != 0)
		return rc;
	db->pages = db_pages_create(fd, info.me_mapsize, st.ms_psize);
	if (db->pages == NULL)
		log_warn("store", "event=pages_unchecked error=%s",
		    log_q(strerror(errno)));
	return mdb_reader_check(db->env, &dead);
}

int
db_open(struct db **out, const char *dir, uint64_t map_size,
    struct mx_errbuf *eb)
{
	struct db *db = mem_alloc(sizeof(*db));
	int rc, checked = 0;

	*out = NULL;
	db->map_size = map_size;
	rc = GUARDED(db_open_env(db, dir));
	if (rc == 0)
		checked = GUARDED(db_check(db, dir, eb));
	if (rc == 0 && checked == 0)
		rc = GUARDED(db_open_tables(db));
	if (rc == 0 && checked == 0) {
		*out = db;
		return 0;
	}
	db_close(&db);
	if (rc == 0)
		return checked;
	if (!db_damaged(rc))
		return mx_fail(eb, MX_ESYS, "%s: %s", dir, mdb_strerror(rc));
	return mx_fail(eb, MX_ECORRUPT,
	    "%s/data.mdb is damaged (%s); run mxwatch-salvage(8)", dir,
	    mdb_strerror(rc));
}

void
db_close(struct db **dbp)
{
	if (*dbp == NULL)
		return;
	db_pages_destroy(&(*dbp)->pages);
	if ((*dbp)->env != NULL) {
		guard_enter(); /* it frees pages that may be damaged */
		mdb_env_close((*dbp)->env);
		(void)guard_leave(0);
	}
	mem_free(dbp);
}

int
db_begin(struct db *db, bool write, struct db_txn **out)
{
	MDB_txn *txn;
	int rc;

	*out = NULL;
	rc = GUARDED(db_txn_begin(db, write ? 0 : MDB_RDONLY, &txn));
	if (rc != 0)
		return db_error(db, "begin", rc);
	*out = mem_alloc(sizeof(**out));
	**out = (struct db_txn){ .db = db, .txn = txn };
	return 0;
}

static void
db_drop(MDB_txn *txn)
{
	guard_enter();
	mdb_txn_abort(txn);
	(void)guard_leave(0);
}

/* LMDB returns EIO for a write of which only a part fitted on the disk. Taken
 * for a broken disk, this would stop us for good. */
static bool
db_short_write(struct db *db)
{
	struct statvfs fs;
	int fd;

	return mdb_env_get_fd(db->env, &fd) == 0 && fstatvfs(fd, &fs) == 0 &&
	    (uint64_t)fs.f_bavail * fs.f_frsize < DB_SPACE_MIN && db_usable(db);
}

int
db_commit(struct db_txn **tp)
{
	struct db *db = (*tp)->db;
	int rc = FAULT("store.commit");

	if (rc != 0)
		db_drop((*tp)->txn);
	else
		rc = GUARDED(mdb_txn_commit((*tp)->txn));
	free((*tp)->value);
	mem_free(tp);
	if (rc == EIO && db_short_write(db))
		rc = ENOSPC;
	if (rc != 0 && !db_damaged(rc))
		db->write_failed = true;
	return db_error(db, "commit", rc);
}

void
db_abort(struct db_txn **tp)
{
	if (*tp == NULL)
		return;
	db_drop((*tp)->txn);
	free((*tp)->value);
	mem_free(tp);
}

/* LMDB refuses every transaction once it could not write its meta page. */
bool
db_usable(struct db *db)
{
	MDB_txn *txn;

	if (GUARDED(mdb_txn_begin(db->env, NULL, 0, &txn)) != 0)
		return false;
	db_drop(txn);
	return true;
}

static MDB_val
db_key(uint8_t raw[8], uint64_t v)
{
	int i;

	for (i = 0; i < 8; i++)
		raw[i] = (uint8_t)(v >> (56 - 8 * i));
	return (MDB_val){ 8, raw };
}

static uint64_t
db_key_get(const MDB_val *key)
{
	const uint8_t *p = key->mv_data;
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

/* LMDB does not write through mv_data, although it is not const. */
static MDB_val
db_val(const void *data, size_t len)
{
	MDB_val v = { .mv_size = len };

	memcpy(&v.mv_data, &data, sizeof(v.mv_data));
	return v;
}

static int
db_put(struct db_txn *t, enum db_table table, MDB_val *key, MDB_val *val,
    unsigned flags)
{
	if (!db_pages_sound(t->db->pages, table, key->mv_data, key->mv_size))
		return MDB_CORRUPTED;
	return mdb_put(t->txn, t->db->table[table], key, val, flags);
}

static int
db_del(struct db_txn *t, enum db_table table, MDB_val *key)
{
	if (!db_pages_sound(t->db->pages, table, key->mv_data, key->mv_size))
		return MDB_CORRUPTED;
	return mdb_del(t->txn, t->db->table[table], key, NULL);
}

int
db_record_put(struct db_txn *t, uint64_t id, const void *data, size_t len)
{
	uint8_t raw[8];
	MDB_val key = db_key(raw, id), val = db_val(data, len);
	uint64_t last;
	int rc;

	/* ids ascend, so nearly every new one is appended: then pages are
	 * filled completely instead of split in halves */
	if (t->last_known == false) {
		rc = db_record_last(t, &last);
		if (rc < 0 && rc != -MX_ENOENT)
			return rc;
		t->last = rc == 0 ? last : 0;
		t->last_known = true;
	}
	rc = GUARDED(
	    db_put(t, DB_RECORDS, &key, &val, id > t->last ? MDB_APPEND : 0));
	if (rc == 0 && id > t->last)
		t->last = id;
	return db_error(t->db, "put", rc);
}

/* Copies a result out of the map and makes key (if any) and val point to the
 * copies. Inside of the guard: a damaged length may point anywhere. */
static int
db_copy(struct db_txn *t, MDB_val *key, MDB_val *val)
{
	if (val->mv_size > DB_VALUE_MAX ||
	    (key != NULL && key->mv_size > sizeof(t->key)))
		return MDB_CORRUPTED;
	if (val->mv_size > t->room) {
		t->value = mem_grow(t->value, val->mv_size, 1);
		t->room = val->mv_size;
	}
	if (val->mv_size > 0)
		memcpy(t->value, val->mv_data, val->mv_size);
	val->mv_data = t->value;
	if (key != NULL && key->mv_size > 0)
		memcpy(t->key, key->mv_data, key->mv_size);
	if (key != NULL)
		key->mv_data = t->key;
	return 0;
}

static int
db_get(struct db_txn *t, enum db_table table, MDB_val *key, MDB_val *val)
{
	int rc = mdb_get(t->txn, t->db->table[table], key, val);

	return rc != 0 ? rc : db_copy(t, NULL, val);
}

int
db_record_get(struct db_txn *t, uint64_t id, const void **data, size_t *len)
{
	uint8_t raw[8];
	MDB_val key = db_key(raw, id), val = { 0, NULL };
	int rc = GUARDED(db_get(t, DB_RECORDS, &key, &val));

	*data = val.mv_data;
	*len = val.mv_size;
	return db_error(t->db, "get", rc);
}

int
db_record_del(struct db_txn *t, uint64_t id)
{
	uint8_t raw[8];
	MDB_val key = db_key(raw, id);

	t->last_known = false;
	return db_error(t->db, "del", GUARDED(db_del(t, DB_RECORDS, &key)));
}

/* One step of a temporary cursor. A damaged tree may lead back: without the
 * check for that a walk would never end. */
static int
db_step(struct db_txn *t, enum db_table table, MDB_val *key, MDB_val *val,
    MDB_cursor_op op)
{
	MDB_dbi dbi = t->db->table[table];
	MDB_cursor *c;
	MDB_val from = *key;
	int rc;

	if ((rc = mdb_cursor_open(t->txn, dbi, &c)) != 0)
		return rc;
	rc = mdb_cursor_get(c, key, val, op);
	if (rc == 0 && op == MDB_SET_RANGE &&
	    mdb_cmp(t->txn, dbi, key, &from) < 0)
		rc = MDB_CORRUPTED;
	mdb_cursor_close(c);
	return rc != 0 ? rc : db_copy(t, key, val);
}

/* Seeks a number as the key; truncated keys would stop a walk from
 * advancing. */
static int
db_seek(struct db_txn *t, enum db_table table, MDB_val *key, MDB_val *val,
    MDB_cursor_op op)
{
	int rc = GUARDED(db_step(t, table, key, val, op));

	if (rc == 0 && key->mv_size != 8)
		rc = MDB_CORRUPTED;
	return db_error(t->db, "seek", rc);
}

int
db_record_next(struct db_txn *t, uint64_t *id, const void **data, size_t *len)
{
	uint8_t raw[8];
	MDB_val key = db_key(raw, *id), val = { 0, NULL };
	int rc = db_seek(t, DB_RECORDS, &key, &val, MDB_SET_RANGE);

	if (rc < 0)
		return rc;
	*id = db_key_get(&key);
	*data = val.mv_data;
	*len = val.mv_size;
	return 0;
}

int
db_record_last(struct db_txn *t, uint64_t *id)
{
	MDB_val key = { 0, NULL }, val;
	int rc = db_seek(t, DB_RECORDS, &key, &val, MDB_LAST);

	if (rc == 0)
		*id = db_key_get(&key);
	return rc;
}

static int
segment_decode(const struct db *db, const MDB_val *key, const MDB_val *val,
    struct db_segment *s)
{
	const uint8_t *p = val->mv_data;

	if (val->mv_size != SEGMENT_BYTES || p[0] != SEGMENT_VERSION ||
	    crc_32(0, p, SEGMENT_BYTES - 4) != le_get(p + SEGMENT_BYTES - 4, 4))
		return db_error(db, "segment record", MDB_CORRUPTED);
	*s = (struct db_segment){
		.number = db_key_get(key),
		.live = le_get(p + 1, 8),
		.live_bytes = le_get(p + 9, 8),
		.size = le_get(p + 17, 8),
		.first_id = le_get(p + 25, 8),
		.last_id = le_get(p + 33, 8),
		.punched = le_get(p + 41, 8),
	};
	return 0;
}

int
db_segment_get(struct db_txn *t, uint64_t number, struct db_segment *s)
{
	uint8_t raw[8];
	MDB_val key = db_key(raw, number), val = { 0, NULL };
	int rc = GUARDED(db_get(t, DB_SEGMENTS, &key, &val));

	return rc != 0 ? db_error(t->db, "get", rc) :
			 segment_decode(t->db, &key, &val, s);
}

int
db_segment_next(struct db_txn *t, uint64_t from, struct db_segment *s)
{
	uint8_t raw[8];
	MDB_val key = db_key(raw, from), val = { 0, NULL };
	int rc = db_seek(t, DB_SEGMENTS, &key, &val, MDB_SET_RANGE);

	return rc < 0 ? rc : segment_decode(t->db, &key, &val, s);
}

int
db_segment_put(struct db_txn *t, const struct db_segment *s)
{
	uint8_t raw[8], p[SEGMENT_BYTES];
	MDB_val key = db_key(raw, s->number), val = { sizeof(p), p };

	p[0] = SEGMENT_VERSION;
	le_put(p + 1, s->live, 8);
	le_put(p + 9, s->live_bytes, 8);
	le_put(p + 17, s->size, 8);
	le_put(p + 25, s->first_id, 8);
	le_put(p + 33, s->last_id, 8);
	le_put(p + 41, s->punched, 8);
	le_put(p + SEGMENT_BYTES - 4, crc_32(0, p, SEGMENT_BYTES - 4), 4);
	return db_error(t->db, "put",
	    GUARDED(db_put(t, DB_SEGMENTS, &key, &val, 0)));
}

int
db_segment_del(struct db_txn *t, uint64_t number)
{
	uint8_t raw[8];
	MDB_val key = db_key(raw, number);

	return db_error(t->db, "del", GUARDED(db_del(t, DB_SEGMENTS, &key)));
}

int
db_state_put(struct db_txn *t, const char *key, const void *data, size_t len)
{
	MDB_val k = db_val(key, strlen(key)), v = db_val(data, len);

	if (len == 0)
		return db_error(t->db, "del", GUARDED(db_del(t, DB_STATE, &k)));
	return db_error(t->db, "put", GUARDED(db_put(t, DB_STATE, &k, &v, 0)));
}

int
db_state_next(struct db_txn *t, const char *from, const char **key,
    size_t *keylen, const void **data, size_t *len)
{
	MDB_val k = db_val(from, strlen(from)), v = { 0, NULL };
	MDB_cursor_op op = *from == '\0' ? MDB_FIRST : MDB_SET_RANGE;
	int rc = GUARDED(db_step(t, DB_STATE, &k, &v, op));

	/* a walk that continues behind such a key would start again */
	if (rc == 0 &&
	    (k.mv_size == 0 || memchr(k.mv_data, '\0', k.mv_size) != NULL))
		rc = MDB_CORRUPTED;
	if (rc != 0)
		return db_error(t->db, "seek", rc);
	*key = k.mv_data;
	*keylen = k.mv_size;
	*data = v.mv_data;
	*len = v.mv_size;
	return 0;
}

static int
db_number_get(struct db_txn *t, const char *name, uint64_t *v, unsigned n)
{
	MDB_val key = db_val(name, strlen(name)), val = { 0, NULL };
	int rc = GUARDED(db_get(t, DB_STATE, &key, &val));
	const uint8_t *p = val.mv_data;
	unsigned i;

	if (rc != 0)
		return db_error(t->db, "get", rc);
	if (val.mv_size != 8 * n + 4 ||
	    crc_32(0, p, 8 * n) != le_get(p + 8 * n, 4))
		return -MX_ECORRUPT;
	for (i = 0; i < n; i++)
		v[i] = le_get(p + 8 * i, 8);
	return 0;
}

static int
db_number_put(struct db_txn *t, const char *name, const uint64_t *v, unsigned n)
{
	uint8_t p[8 * NUMBERS_MAX + 4];
	unsigned i;

	for (i = 0; i < n; i++)
		le_put(p + 8 * i, v[i], 8);
	le_put(p + 8 * n, crc_32(0, p, 8 * n), 4);
	return db_state_put(t, name, p, 8 * n + 4);
}

int
db_applied_get(struct db_txn *t, struct journal_pos *pos)
{
	uint64_t v[3];
	int rc = db_number_get(t, DB_KEY_APPLIED, v, 3);

	if (rc == 0)
		*pos = (struct journal_pos){ v[0], v[1], v[2] };
	return rc;
}

int
db_applied_put(struct db_txn *t, const struct journal_pos *pos)
{
	const uint64_t v[3] = { pos->seq, pos->segment, pos->offset };

	return db_number_put(t, DB_KEY_APPLIED, v, 3);
}

int
db_salt_get(struct db_txn *t, uint64_t *salt)
{
	return db_number_get(t, DB_KEY_SALT, salt, 1);
}

int
db_salt_put(struct db_txn *t, uint64_t salt)
{
	return db_number_put(t, DB_KEY_SALT, &salt, 1);
}

int
db_reserve(struct db *db, uint64_t coming)
{
	MDB_envinfo info;
	MDB_stat st;
	uint64_t want, copies;
	int fd, rc = FAULT("store.reserve");

	if (GUARDED(mdb_env_info(db->env, &info)) != 0 ||
	    GUARDED(mdb_env_stat(db->env, &st)) != 0 ||
	    mdb_env_get_fd(db->env, &fd) != 0)
		return -MX_EIO;
	/* split pages are half full; each transaction copies what it changes,
	 * and the previous one still holds its copies */
	copies = STORE_MIN(DB_COPIES, db->map_size / 8);
	want = ((uint64_t)info.me_last_pgno + 1) * st.ms_psize + 2 * coming +
	    copies;
	if (want > db->map_size + DB_HEADROOM)
		want = db->map_size + DB_HEADROOM;
	if (rc == 0 && want <= db->reserved)
		return 0;
	/* rounds up, not to grow a little each time */
	want += copies - want % copies;
	if (rc == 0)
		rc = fallocate(fd, 0, (off_t)db->reserved,
			 (off_t)(want - db->reserved)) != 0 ?
		    errno :
		    0;
	if (rc == EOPNOTSUPP || rc == ENOSYS)
		rc = 0; /* not supported by every file system */
	if (rc != 0)
		return rc == ENOSPC || rc == EDQUOT ? -MX_EFULL : -MX_EIO;
	db->reserved = want;
	return 0;
}

uint64_t
db_margin(const struct db *db)
{
	return db->map_size / 32;
}

bool
db_nearly_full(struct db *db, uint64_t coming)
{
	MDB_envinfo info;
	MDB_stat st;
	uint64_t pages, unused;

	if (GUARDED(mdb_env_info(db->env, &info)) != 0 ||
	    GUARDED(mdb_env_stat(db->env, &st)) != 0)
		return true;
	pages = (uint64_t)info.me_last_pgno + 1 + 2 * coming / st.ms_psize;
	if (pages * st.ms_psize < db->map_size)
		return false; /* never allocated so far: the usual case */
	if (db_error(db, "free pages", GUARDED(db_free_pages(db, 0, &unused))) <
	    0)
		return true;
	pages -= STORE_MIN(pages, unused);
	return pages * st.ms_psize > db->map_size - db->map_size / 8;
}
