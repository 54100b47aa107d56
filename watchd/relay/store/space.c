/* SPDX-License-Identifier: ISC
 * space: see space.h. Full below the reserve, no longer full above 1.25 times
 * the reserve, so that a spool on the edge does not alternate between 452 and
 * 250. The database counts as well: its map can be full while the disk is
 * not. */
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "relay/store/space.h"

#define SPACE_FILE  (8 << 20)
#define SPACE_EVERY CLOCK_SEC

static void
space_make_file(struct space *s)
{
	int fd, rc;

	fd = openat(s->sp->fd, "reserve",
	    O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	rc = posix_fallocate(fd, 0, SPACE_FILE);
	close(fd);
	if (rc != 0)
		(void)unlinkat(s->sp->fd, "reserve", 0);
	s->has_file = rc == 0;
}

bool
space_give_up(struct space *s)
{
	if (!s->has_file)
		return false;
	s->has_file = false;
	log_warn("store", "event=reserve_given_up bytes=%d", SPACE_FILE);
	return unlinkat(s->sp->fd, "reserve", 0) == 0;
}

static bool
above(uint64_t value, uint64_t limit, bool full)
{
	return value >= (full ? limit + limit / 4 : limit);
}

static const char *
space_judge(const struct space *s)
{
	if (!above(s->free_bytes, s->reserve, s->full))
		return "disk space";
	if (s->free_inodes != UINT64_MAX &&
	    !above(s->free_inodes, s->reserve_inodes, s->full))
		return "inodes";
	if (db_nearly_full(s->sp->db, s->full ? db_margin(s->sp->db) : 0))
		return "database size";
	return NULL;
}

static bool
space_measure(struct space *s)
{
	struct statvfs fs;

	if (fstatvfs(s->sp->fd, &fs) != 0)
		return false;
	s->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	/* as df(1): without the part reserved for root */
	s->size_bytes =
	    (uint64_t)(fs.f_blocks - fs.f_bfree + fs.f_bavail) * fs.f_frsize;
	/* some file systems allocate inodes on demand and report none */
	s->free_inodes = fs.f_files == 0 ? UINT64_MAX : fs.f_favail;
	return true;
}

bool
space_look(struct space *s, int64_t now)
{
	if (now < s->next)
		return false;
	s->next = now + SPACE_EVERY;
	if (!space_measure(s))
		return false;
	s->why = space_judge(s);
	s->full = s->why != NULL;
	if (!s->full && !s->has_file && s->free_bytes > 4 * SPACE_FILE)
		space_make_file(s);
	return true;
}

void
space_ran_out(struct space *s)
{
	s->full = true;
	s->why = "no space left";
	(void)space_measure(s); /* reports a current figure with the reason */
	s->next = clock_now() + SPACE_EVERY;
}

void
space_init(struct space *s, const struct spool *sp,
    const struct store_conf *conf)
{
	*s = (struct space){ .sp = sp,
		.reserve = conf->reserve,
		.reserve_inodes = conf->reserve_inodes };
	s->has_file = faccessat(sp->fd, "reserve", F_OK, 0) == 0;
	(void)space_look(s, clock_now());
}
