/* SPDX-License-Identifier: ISC
 * log_sink: writes to standard error, a file or syslog, by a thread of its own.
 * A pipe that nobody reads, a stuck syslog or a slow disk blocks that thread
 * only: lines wait in a bounded buffer, and those that do not fit are counted,
 * and the gap is logged. There are two buffers: one is filled under the mutex,
 * the other belongs to the thread. Notices, warnings and errors wake the thread
 * at once; other lines wait for log_flush(), and for SINK_PACE since the last
 * write: a busy loop has many turns in that time, and waking a thread for each
 * costs more than writing its line. The systemd journal adds time stamps itself
 * and expects priorities: if standard error leads there, lines have a priority
 * prefix ("<4>", sd-daemon(3)) and no time. Before log_open() there is no
 * thread and each line is written at once. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <paths.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log_sink.h"
#include "base/text.h"
#include "base/thread.h"

#define SINK_BUFFER    (256 * 1024) /* some 1,700 lines */
#define SINK_RESERVE   (32 * 1024) /* part of it for notices and above */
#define SINK_STAMP_LEN 40 /* "2026-11-22T16:42:00Z " */
#define SINK_NOTE_MAX  160
#define SINK_PACE      (20 * CLOCK_MS)
#define SINK_CLOSE_MS  2000

static const int sink_priority[] = {
	[LOG_LEVEL_ERROR] = LOG_ERR,
	[LOG_LEVEL_WARN] = LOG_WARNING,
	[LOG_LEVEL_NOTICE] = LOG_NOTICE,
	[LOG_LEVEL_INFO] = LOG_INFO,
	[LOG_LEVEL_TRACE] = LOG_DEBUG,
};

struct sink_buffer {
	char data[SINK_BUFFER];
	size_t len;
	uint64_t dropped; /* lines missing after these */
	bool reopened; /* bytes from next_at on are for next_fd */
	int next_fd;
	size_t next_at;
};

/* Guarded by sink_lock, except `out` and `fd`, which belong to the thread while
 * it runs. */
static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sink_buffer sink_buffers[2];
static struct {
	enum log_dest dest;
	bool journal; /* standard error leads to the journal */
	int fd;
	char path[PATH_MAX];
	struct sink_buffer *in, *out;
	bool threaded; /* the thread runs */
	bool wake, urgent, busy, stop;
	int64_t next_ns; /* earliest time for lines that are not urgent */
	bool dead; /* the thread was abandoned in a write that never ends */
	pthread_t thread;
	pthread_cond_t work, idle;
	int64_t stamp_second;
	char stamp[SINK_STAMP_LEN];
} sink = {
	.dest = LOG_DEST_STDERR,
	.fd = STDERR_FILENO,
	.in = &sink_buffers[0],
	.out = &sink_buffers[1],
	.stamp_second = -1,
};
static uint64_t sink_dropped; /* since the start; atomic */

/* ---- the thread's side: without the lock, may block */

/* Returns the number of bytes written. */
static size_t
sink_write_fd(int fd, const char *data, size_t len)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = write(fd, data + done, len - done);
		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			(void)poll(&pfd, 1, -1); /* non-blocking by others */
		else if (n == 0 || errno != EINTR)
			break;
	}
	return done;
}

/* Each line is preceded by its level, as a character. */
static void
sink_write_syslog(const char *data, size_t len)
{
	const char *end = data + len, *eol;

	for (; data < end; data = eol + 1) {
		eol = memchr(data, '\n', (size_t)(end - data));
		syslog(sink_priority[*data - '0'], "%.*s",
		    (int)(eol - data - 1), data + 1);
	}
}

/* Returns the number of lost lines. */
static uint64_t
sink_write(const char *data, size_t len)
{
	uint64_t lost = 0;
	size_t done;

	if (sink.dest == LOG_DEST_SYSLOG) {
		sink_write_syslog(data, len);
		return 0;
	}
	for (done = sink_write_fd(sink.fd, data, len); done < len; done++)
		lost += data[done] == '\n';
	return lost;
}

static void
sink_stamp(int64_t now, char *dst, size_t size)
{
	text_date_3339(now, dst, size);
	(void)strlcat(dst, " ", size);
}

/* The prefix of a line without our time stamp; false: it has one. */
static bool
sink_mark(enum log_level level, char *dst, size_t size)
{
	if (sink.dest == LOG_DEST_SYSLOG)
		snprintf(dst, size, "%d", level);
	else if (sink.journal)
		snprintf(dst, size, "<%d>", sink_priority[level]);
	return sink.dest == LOG_DEST_SYSLOG || sink.journal;
}

/* False: the note is lost, too. */
static bool
sink_write_note(uint64_t dropped)
{
	char line[SINK_NOTE_MAX], stamp[SINK_STAMP_LEN] = "";
	int n;

	if (!sink_mark(LOG_LEVEL_WARN, stamp, sizeof(stamp)))
		sink_stamp(clock_wall(), stamp, sizeof(stamp));
	n = snprintf(line, sizeof(line),
	    "%swarn log dropped=%ju why=\"the log could not be written fast "
	    "enough\"\n",
	    stamp, (uintmax_t)dropped);
	return sink_write(line, (size_t)n) == 0;
}

/* Returns the lost lines that are not reported yet. */
static uint64_t
sink_write_buffer(struct sink_buffer *b)
{
	size_t at = b->reopened ? b->next_at : b->len;
	uint64_t lost, dropped = b->dropped;

	lost = sink_write(b->data, at);
	if (b->reopened) {
		close(sink.fd);
		sink.fd = b->next_fd;
		b->reopened = false;
		lost += sink_write(b->data + at, b->len - at);
	}
	(void)__atomic_add_fetch(&sink_dropped, lost, __ATOMIC_RELAXED);
	dropped += lost;
	if (dropped > 0 && sink_write_note(dropped))
		dropped = 0;
	b->len = 0;
	b->dropped = 0;
	return dropped;
}

/* With the lock held: has the thread nothing to do? */
static bool
sink_empty(void)
{
	return sink.in->len == 0 && !sink.in->reopened;
}

/* With the lock held: waits until there is something to do, and it is due. */
static void
sink_await(void)
{
	struct timespec until;

	while (!sink.wake && !sink.stop)
		pthread_cond_wait(&sink.work, &sink_lock);
	until.tv_sec = (time_t)(sink.next_ns / CLOCK_SEC);
	until.tv_nsec = (long)(sink.next_ns % CLOCK_SEC);
	while (!sink.urgent && !sink.stop && clock_now() < sink.next_ns)
		(void)pthread_cond_timedwait(&sink.work, &sink_lock, &until);
}

static void *
sink_main(void *arg)
{
	struct sink_buffer *b;
	uint64_t dropped;

	(void)arg;
	pthread_mutex_lock(&sink_lock);
	for (;;) {
		sink_await();
		sink.wake = sink.urgent = false;
		if (sink_empty() || sink.dead) {
			if (sink.stop)
				break;
			pthread_cond_broadcast(&sink.idle);
			continue;
		}
		b = sink.in;
		sink.in = sink.out;
		sink.out = b;
		sink.busy = true;
		pthread_mutex_unlock(&sink_lock);
		dropped = sink_write_buffer(b);
		pthread_mutex_lock(&sink_lock);
		sink.busy = false;
		sink.next_ns = clock_now() + SINK_PACE;
		sink.in->dropped += dropped;
		pthread_cond_broadcast(&sink.idle);
	}
	pthread_mutex_unlock(&sink_lock);
	return NULL;
}

/* ---- the callers' side */

static void
sink_wake(void)
{
	sink.wake = sink.urgent = true;
	pthread_cond_signal(&sink.work);
}

static void
sink_append(const char *data, size_t len)
{
	memcpy(sink.in->data + sink.in->len, data, len);
	sink.in->len += len;
}

/* With the lock held. */
static bool
sink_has_room(enum log_level level, size_t len)
{
	size_t size = SINK_BUFFER;

	if (level > LOG_LEVEL_NOTICE)
		size -= SINK_RESERVE;
	return !sink.dead && sink.in->len + len + sizeof(sink.stamp) <= size;
}

void
log_sink_put(enum log_level level, const char *line, size_t len)
{
	char mark[8];
	int64_t now;

	pthread_mutex_lock(&sink_lock);
	if (!sink_has_room(level, len)) {
		sink.in->dropped++;
		(void)__atomic_add_fetch(&sink_dropped, 1, __ATOMIC_RELAXED);
		pthread_mutex_unlock(&sink_lock);
		return;
	}
	if (sink_mark(level, mark, sizeof(mark))) {
		sink_append(mark, strlen(mark));
	} else {
		if ((now = clock_wall()) != sink.stamp_second) {
			sink_stamp(now, sink.stamp, sizeof(sink.stamp));
			sink.stamp_second = now;
		}
		sink_append(sink.stamp, strlen(sink.stamp));
	}
	sink_append(line, len);
	if (!sink.threaded)
		(void)sink_write_buffer(sink.in);
	else if (level <= LOG_LEVEL_NOTICE || sink.in->len > SINK_BUFFER / 2)
		sink_wake();
	pthread_mutex_unlock(&sink_lock);
}

void
log_flush(void)
{
	pthread_mutex_lock(&sink_lock);
	if (sink.threaded && sink.in->len > 0 && !sink.wake) {
		sink.wake = true;
		pthread_cond_signal(&sink.work);
	}
	pthread_mutex_unlock(&sink_lock);
}

/* With the lock held. */
static bool
sink_drain(unsigned ms)
{
	struct timespec until;
	int rc = 0;

	if (!sink.threaded || sink.dead)
		return !sink.dead;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * CLOCK_MS;
	if (until.tv_nsec >= CLOCK_SEC) {
		until.tv_nsec -= CLOCK_SEC;
		until.tv_sec++;
	}
	while ((sink.busy || !sink_empty()) && rc == 0) {
		sink_wake();
		rc = pthread_cond_timedwait(&sink.idle, &sink_lock, &until);
	}
	return !sink.busy && sink_empty();
}

bool
log_drain(unsigned ms)
{
	bool ok;

	pthread_mutex_lock(&sink_lock);
	ok = sink_drain(ms);
	pthread_mutex_unlock(&sink_lock);
	return ok;
}

static int
sink_start(void)
{
	pthread_condattr_t ca;
	int rc;

	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&sink.work, &ca);
	pthread_cond_init(&sink.idle, &ca);
	pthread_condattr_destroy(&ca);
	rc = thread_start(&sink.thread, sink_main, NULL);
	sink.threaded = rc == 0;
	errno = rc;
	return rc == 0 ? 0 : -MX_ESYS;
}

/* $JOURNAL_STREAM has device and inode of the descriptor from the manager; the
 * present one may be another. */
static bool
is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char is[64];

	if (stream == NULL || fstat(fd, &st) != 0)
		return false;
	snprintf(is, sizeof(is), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(is, stream) == 0;
}

/* Consumes fd. */
static int
sink_open(enum log_dest dest, int fd, const char *path, enum log_level level)
{
	int rc;

	log_close();
	pthread_mutex_lock(&sink_lock);
	if (sink.dead) {
		pthread_mutex_unlock(&sink_lock);
		if (fd != STDERR_FILENO)
			close(fd);
		errno = EBUSY;
		return -MX_ESYS;
	}
	if (dest == LOG_DEST_SYSLOG)
		openlog(NULL, LOG_PID | LOG_NDELAY, LOG_MAIL);
	if (dest == LOG_DEST_FILE)
		(void)strlcpy(sink.path, path, sizeof(sink.path));
	sink.dest = dest;
	sink.journal = dest == LOG_DEST_STDERR && is_journal(fd);
	sink.fd = fd;
	rc = sink_start();
	pthread_mutex_unlock(&sink_lock);
	if (rc != 0)
		log_close();
	log_level_set(level);
	return rc;
}

int
log_open_file(int fd, const char *path, enum log_level level)
{
	if (strlen(path) >= sizeof(sink.path)) {
		close(fd);
		errno = ENAMETOOLONG;
		return -MX_ESYS;
	}
	return sink_open(LOG_DEST_FILE, fd, path, level);
}

int
log_open(enum log_dest dest, const char *path, enum log_level level)
{
	int fd;

	if (dest != LOG_DEST_FILE)
		return sink_open(dest, STDERR_FILENO, NULL, level);
	fd = open(path, LOG_OPEN_FLAGS, LOG_OPEN_MODE);
	if (fd < 0)
		return -MX_ESYS;
	return log_open_file(fd, path, level);
}

int
log_reopen(void)
{
	int fd, rc = 0;

	pthread_mutex_lock(&sink_lock);
	if (sink.dest == LOG_DEST_FILE) {
		fd = open(sink.path, LOG_OPEN_FLAGS, LOG_OPEN_MODE);
		if (fd < 0)
			rc = -MX_ESYS;
		else {
			if (sink.in->reopened)
				close(sink.in->next_fd);
			sink.in->reopened = true;
			sink.in->next_fd = fd;
			sink.in->next_at = sink.in->len;
			sink_wake();
		}
	}
	pthread_mutex_unlock(&sink_lock);
	return rc;
}

/* Ends the thread. A write that does not return cannot be interrupted: its
 * thread is abandoned with all that it may touch, until the process ends. */
static void
sink_stop(void)
{
	pthread_mutex_lock(&sink_lock);
	if (!sink.threaded || sink.dead) {
		pthread_mutex_unlock(&sink_lock);
		return;
	}
	sink.dead = !sink_drain(SINK_CLOSE_MS);
	sink.stop = true;
	sink_wake();
	pthread_mutex_unlock(&sink_lock);
	if (sink.dead) {
		pthread_detach(sink.thread);
		return;
	}
	pthread_join(sink.thread, NULL);
	sink.threaded = sink.stop = false;
	pthread_cond_destroy(&sink.work);
	pthread_cond_destroy(&sink.idle);
}

void
log_close(void)
{
	sink_stop();
	pthread_mutex_lock(&sink_lock);
	if (!sink.dead) {
		if (sink.dest == LOG_DEST_FILE)
			close(sink.fd);
		if (sink.dest == LOG_DEST_SYSLOG)
			closelog();
		sink.dest = LOG_DEST_STDERR;
		sink.journal = false;
		sink.fd = STDERR_FILENO;
	}
	pthread_mutex_unlock(&sink_lock);
}

/* Not by syslog(3), which allocates. */
static void
last_to_syslog(const char *line)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = _PATH_LOG };
	char text[LOG_LINE_MAX];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int n =
	    snprintf(text, sizeof(text), "<%d>%s[%ld]: %s", LOG_MAIL | LOG_ERR,
		program_invocation_short_name, (long)getpid(), line);

	if (fd < 0 || n < 0)
		return;
	n = n < (int)sizeof(text) ? n : (int)sizeof(text) - 1;
	(void)sendto(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL,
	    (struct sockaddr *)&sun, sizeof(sun));
	close(fd);
}

/* Writes the queued lines first, unless a thread is writing them. */
void
log_last_words(const char *module, const char *text)
{
	char line[LOG_LINE_MAX], stamp[SINK_STAMP_LEN];
	ssize_t done = 0;
	int n;

	if (pthread_mutex_trylock(&sink_lock) == 0) {
		if (!sink.busy && !sink.in->reopened &&
		    sink.dest != LOG_DEST_SYSLOG) {
			done = write(sink.fd, sink.in->data, sink.in->len);
			sink.in->len = 0;
		}
		pthread_mutex_unlock(&sink_lock);
	}
	if (sink.dest == LOG_DEST_SYSLOG ||
	    !sink_mark(LOG_LEVEL_ERROR, stamp, sizeof(stamp)))
		sink_stamp(clock_wall(), stamp, sizeof(stamp));
	n = snprintf(line, sizeof(line), "%serror %s %s\n", stamp, module,
	    text);
	if (n < 0)
		return;
	n = n < (int)sizeof(line) ? n : (int)sizeof(line) - 1;
	if (sink.dest == LOG_DEST_SYSLOG)
		last_to_syslog(line + strlen(stamp));
	else if (sink.fd != STDERR_FILENO)
		done = write(sink.fd, line, (size_t)n);
	done = write(STDERR_FILENO, line, (size_t)n);
	(void)done; /* a failure cannot be reported */
}

uint64_t
log_dropped(void)
{
	return __atomic_load_n(&sink_dropped, __ATOMIC_RELAXED);
}
