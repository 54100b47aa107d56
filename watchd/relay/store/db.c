/* SPDX-License-Identifier: ISC
 * db: see db.h. Keys of records and segments are 8 bytes big-endian, so that
 * LMDB's order is theirs. The map is made a little larger than configured:
 * LMDB copies on write, so a removal needs pages too, and the extra ones are
 * out of the reach of new messages (db_nearly_full).
 * LMDB 0.9 has no page checksums and can crash on a page that was damaged;
 * what can be checked cheaply is checked at the opening (db_check.c), the
 * rest is watched (guard.h). */
#include <sys/statvfs.h>

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "relay/le.h"
#include "relay/store/db.h"
#include "relay/store/db_int.h"

#define DB_READERS	8
#define DB_HEADROOM	(16u << 20)
#define DB_SPACE_MIN	(1u << 20)
#define DB_VALUE_MAX	(64u << 20) /* twice what a record can have */
#define DB_FREE_DBI	0 /* LMDB's own table of free pages */
#define SEGMENT_VERSION 1
#define SEGMENT_BYTES	(1 + 6 * 8 + 4)

static bool
db_damaged(int rc)
{
	return rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND ||
	    rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH ||
	    rc == MDB_INCOMPATIBLE;
}

static int
db_error(const char *what, int rc)
{
	static struct log_limit limit;

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
		if (log_limit_ok(&limit, 10))
			log_error("store", "event=db_failed call=%s error=%s%s",
			    what, log_q(mdb_strerror(rc)),
			    db_damaged(rc) ?
				" do=\"stop the daemon, run mxwatch-salvage\"" :
				"");
		return -MX_EIO;
	}
}

static int
db_open_tables(struct db *db)
{
	struct MDB_txn *txn;
	int rc;

	if ((rc = mdb_txn_begin(db->env, NULL, 0, &txn)) != 0)
		return rc;
	rc = mdb_dbi_open(txn, "env", MDB_CREATE, &db->records);
	if (rc == 0)
		rc = mdb_dbi_open(txn, "seg", MDB_CREATE, &db->segments);
	if (rc == 0)
		rc = mdb_dbi_open(txn, "state", MDB_CREATE, &db->state);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

static int
db_open_env(struct db *db, const char *dir)
{
	int rc, dead;

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
	if ((rc = mdb_env_open(db->env, dir, MDB_NOTLS, 0600)) != 0)
		return rc;
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
	    "%s/data.mdb is damaged (%s): run mxwatch-salvage(8)", dir,
	    mdb_strerror(rc));
}

void
db_close(struct db **dbp)
{
	if (*dbp == NULL)
		return;
	if ((*dbp)->env != NULL)
		mdb_env_close((*dbp)->env);
	mem_free(dbp);
}

int
db_begin(struct db *db, bool write, struct db_txn **out)
{
	MDB_txn *txn;
	int rc;

	*out = NULL;
	rc =
	    GUARDED(mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, &txn));
	if (rc != 0)
		return db_error("begin", rc);
	*out = mem_alloc(sizeof(**out));
	**out = (struct db_txn){ .db = db, .txn = txn };
	return 0;
}

/* LMDB calls a write that the disk was too full for "EIO" when a part of it
 * fitted. Taken for a broken disk it would stop us for good. */
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
		mdb_txn_abort((*tp)->txn);
	else
		rc = GUARDED(mdb_txn_commit((*tp)->txn));
	free((*tp)->value);
	mem_free(tp);
	if (rc == EIO && db_short_write(db))
		rc = ENOSPC;
	return db_error("commit", rc);
}

void
db_abort(struct db_txn **tp)
{
	if (*tp == NULL)
		return;
	mdb_txn_abort((*tp)->txn);
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
	mdb_txn_abort(txn);
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
	size_t i;

	for (i = 0; i < key->mv_size && i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

/* LMDB does not write through mv_data, but it is not const there. */
static MDB_val
db_val(const void *data, size_t len)
{
	MDB_val v = { .mv_size = len };

	memcpy(&v.mv_data, &data, sizeof(v.mv_data));
	return v;
}

int
db_record_put(struct db_txn *t, uint64_t id, const void *data, size_t len)
{
	uint8_t raw[8];
	MDB_val key = db_key(raw, id), val = db_val(data, len);
	uint64_t last;
	int rc;

	/* ids grow, so nearly every new one goes to the end: then pages are
	 * filled whole instead of split in halves */
	if (t->last_known == false) {
		rc = db_record_last(t, &last);
		if (rc < 0 && rc != -MX_ENOENT)
			return rc;
		t->last = rc == 0 ? last : 0;
		t->last_known = true;
	}
	rc = GUARDED(mdb_put(t->txn, t->db->records, &key, &val,
	    id > t->last ? MDB_APPEND : 0));
	if (rc == 0 && id > t->last)
		t->last = id;
	return db_error("put", rc);
}

/* Copies what was found out of the map and makes key (if any) and val point
 * to the copies. Inside of the guard: a damaged length leads anywhere. */
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
db_get(struct db_txn *t, MDB_dbi dbi, MDB_val *key, MDB_val *val)
{
	int rc = mdb_get(t->txn, dbi, key, val);

	return rc != 0 ? rc : db_copy(t, NULL, val);
}

int
db_record_get(struct db_txn *t, uint64_t id, const void **data, size_t *len)
{
	uint8_t raw[8];
	MDB_val key = db_key(raw, id), val = { 0, NULL };
	int rc = GUARDED(db_get(t, t->db->records, &key, &val));

	*data = val.mv_data;
	*len = val.mv_size;
	return db_error("get", rc);
}

int
db_record_del(struct db_txn *t, uint64_t id)
{
	uint8_t raw[8];
	MDB_val key = db_key(raw, id);

	t->last_known = false;
	return db_error("del",
	    GUARDED(mdb_del(t->txn, t->db->records, &key, NULL)));
}

/* One step of a cursor that is opened for it. In a damaged tree it may lead
 * back: a walk that went on from there would never end. */
static int
db_step(struct db_txn *t, MDB_dbi dbi, MDB_val *key, MDB_val *val,
    MDB_cursor_op op)
{
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

static int
db_seek(struct db_txn *t, MDB_dbi dbi, MDB_val *key, MDB_val *val,
    MDB_cursor_op op)
{
	return db_error("seek", GUARDED(db_step(t, dbi, key, val, op)));
}

int
db_record_next(struct db_txn *t, uint64_t *id, const void **data, size_t *len)
{
	uint8_t raw[8];
	MDB_val key = db_key(raw, *id), val = { 0, NULL };
	int rc = db_seek(t, t->db->records, &key, &val, MDB_SET_RANGE);

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
	int rc = db_seek(t, t->db->records, &key, &val, MDB_LAST);

	if (rc == 0)
		*id = db_key_get(&key);
	return rc;
}

static int
segment_decode(const MDB_val *key, const MDB_val *val, struct db_segment *s)
{
	const uint8_t *p = val->mv_data;

	if (key->mv_size != 8 || val->mv_size != SEGMENT_BYTES ||
	    p[0] != SEGMENT_VERSION ||
	    crc32_z(0, p, SEGMENT_BYTES - 4) !=
		le_get(p + SEGMENT_BYTES - 4, 4)) {
		log_error("store", "event=segment_record_damaged");
		return -MX_EIO;
	}
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
	int rc = GUARDED(db_get(t, t->db->segments, &key, &val));

	return rc != 0 ? db_error("get", rc) : segment_decode(&key, &val, s);
}

int
db_segment_next(struct db_txn *t, uint64_t from, struct db_segment *s)
{
	uint8_t raw[8];
	MDB_val key = db_key(raw, from), val = { 0, NULL };
	int rc = db_seek(t, t->db->segments, &key, &val, MDB_SET_RANGE);

	return rc < 0 ? rc : segment_decode(&key, &val, s);
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
	le_put(p + SEGMENT_BYTES - 4, crc32_z(0, p, SEGMENT_BYTES - 4), 4);
	return db_error("put",
	    GUARDED(mdb_put(t->txn, t->db->segments, &key, &val, 0)));
}

int
db_segment_del(struct db_txn *t, uint64_t number)
{
	uint8_t raw[8];
	MDB_val key = db_key(raw, number);

	return db_error("del",
	    GUARDED(mdb_del(t->txn, t->db->segments, &key, NULL)));
}

int
db_state_put(struct db_txn *t, const char *key, const void *data, size_t len)
{
	MDB_val k = db_val(key, strlen(key)), v = db_val(data, len);

	if (len == 0)
		return db_error("del",
		    GUARDED(mdb_del(t->txn, t->db->state, &k, NULL)));
	return db_error("put",
	    GUARDED(mdb_put(t->txn, t->db->state, &k, &v, 0)));
}

int
db_state_next(struct db_txn *t, const char *from, const char **key,
    size_t *keylen, const void **data, size_t *len)
{
	MDB_val k = db_val(from, strlen(from)), v = { 0, NULL };
	MDB_cursor_op op = *from == '\0' ? MDB_FIRST : MDB_SET_RANGE;
	int rc = db_seek(t, t->db->state, &k, &v, op);

	if (rc < 0)
		return rc;
	*key = k.mv_data;
	*keylen = k.mv_size;
	*data = v.mv_data;
	*len = v.mv_size;
	return 0;
}

/* Pages that LMDB may use again, as mdb_stat -f counts them. */
static int
db_free_pages(struct db *db, uint64_t *pages)
{
	MDB_txn *txn;
	MDB_cursor *c;
	MDB_val key, val;
	size_t n;
	int rc;

	if ((rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn)) != 0)
		return rc;
	if ((rc = mdb_cursor_open(txn, DB_FREE_DBI, &c)) == 0) {
		while (mdb_cursor_get(c, &key, &val, MDB_NEXT) == 0) {
			memcpy(&n, val.mv_data, sizeof(n));
			*pages += n;
		}
		mdb_cursor_close(c);
	}
	mdb_txn_abort(txn);
	return rc;
}

bool
db_nearly_full(struct db *db)
{
	MDB_envinfo info;
	MDB_stat st;
	uint64_t pages, unused = 0;

	if (mdb_env_info(db->env, &info) != 0 ||
	    mdb_env_stat(db->env, &st) != 0)
		return true;
	pages = (uint64_t)info.me_last_pgno + 1;
	if (pages * st.ms_psize < db->map_size)
		return false; /* never reached so far: the usual case */
	(void)GUARDED(db_free_pages(db, &unused));
	pages -= STORE_MIN(pages, unused);
	return pages * st.ms_psize > db->map_size - db->map_size / 8;
}
