/* SPDX-License-Identifier: ISC
 * log: one line an event, to standard error, a file or syslog. Any thread.
 * A line is made on the caller's stack and then, under one mutex, put into
 * the buffer of the process: a busy turn of the loop writes its lines with
 * one system call. What an operator must see leaves at once. A destination
 * that does not take a line loses it: logging never stops mail. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"

#define LOG_LINE_MAX  2048
#define LOG_BATCH_MAX 16384
#define LOG_STAMP_LEN 21 /* "2026-11-22T16:42:00Z " */
#define LOG_VALUE_MAX 200
#define LOG_RING      8

static const struct {
	const char *name;
	int syslog;
} log_levels[] = {
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
	[LOG_LEVEL_WARN] = { "warn", LOG_WARNING },
	[LOG_LEVEL_NOTICE] = { "notice", LOG_NOTICE },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_TRACE] = { "trace", LOG_DEBUG },
};

/* All but the level is guarded by log_lock; the level is read without it. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static int log_level_now = LOG_LEVEL_INFO;
static enum log_dest log_dest_now = LOG_DEST_STDERR;
static int log_fd = STDERR_FILENO;
static char log_path[PATH_MAX];
static char log_batch[LOG_BATCH_MAX];
static size_t log_batch_len;
static int64_t log_stamp_second = -1;
static char log_stamp[LOG_STAMP_LEN + 16];

static void
log_write_batch(void)
{
	size_t done = 0;
	ssize_t n;

	while (done < log_batch_len) {
		n = write(log_fd, log_batch + done, log_batch_len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	log_batch_len = 0;
}

static void
log_append(const char *data, size_t len)
{
	if (len > sizeof(log_batch) - log_batch_len)
		log_write_batch();
	memcpy(log_batch + log_batch_len, data, len);
	log_batch_len += len;
}

static void
log_put(enum log_level level, const char *line, size_t len)
{
	int64_t now;

	pthread_mutex_lock(&log_lock);
	if (log_dest_now == LOG_DEST_SYSLOG) {
		syslog(log_levels[level].syslog, "%.*s", (int)len - 1, line);
		pthread_mutex_unlock(&log_lock);
		return;
	}
	if ((now = clock_wall()) != log_stamp_second) {
		text_date_3339(now, log_stamp, sizeof(log_stamp));
		log_stamp_second = now;
	}
	log_append(log_stamp, strlen(log_stamp));
	log_append(" ", 1);
	log_append(line, len);
	if (level <= LOG_LEVEL_NOTICE)
		log_write_batch();
	pthread_mutex_unlock(&log_lock);
}

static void MX_PRINTF(3, 0) log_line(enum log_level level, const char *module,
    const char *fmt, va_list ap)
{
	int saved = errno, n;
	char line[LOG_LINE_MAX];
	size_t len, i, room = sizeof(line) - 4; /* for the end of a cut line */

	n = snprintf(line, room, "%s %s ", log_levels[level].name, module);
	len = n < 0 ? 0 : (size_t)n >= room ? room - 1 : (size_t)n;
	n = vsnprintf(line + len, room - len, fmt, ap);
	if (n > 0 && (size_t)n >= room - len) {
		memcpy(line + room - 1, "...", 3);
		len = room + 2;
	} else if (n > 0)
		len += (size_t)n;
	/* whoever forgot log_q() shall at least not forge lines */
	for (i = 0; i < len; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
	line[len++] = '\n';
	log_put(level, line, len);
	errno = saved;
}

int
log_open(enum log_dest dest, const char *path, enum log_level level)
{
	int fd = STDERR_FILENO;

	if (dest == LOG_DEST_FILE) {
		if (path == NULL || strlen(path) >= sizeof(log_path))
			return -MX_ESYS;
		fd =
		    open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
		if (fd < 0)
			return -MX_ESYS;
	}
	log_close();
	pthread_mutex_lock(&log_lock);
	if (dest == LOG_DEST_SYSLOG)
		openlog(NULL, LOG_PID | LOG_NDELAY, LOG_MAIL);
	if (dest == LOG_DEST_FILE)
		(void)strlcpy(log_path, path, sizeof(log_path));
	log_dest_now = dest;
	log_fd = fd;
	pthread_mutex_unlock(&log_lock);
	log_level_set(level);
	return 0;
}

int
log_reopen(void)
{
	int fd, rc = 0;

	pthread_mutex_lock(&log_lock);
	if (log_dest_now == LOG_DEST_FILE) {
		log_write_batch();
		fd = open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
		    0640);
		if (fd < 0)
			rc = -MX_ESYS;
		else {
			close(log_fd);
			log_fd = fd;
		}
	}
	pthread_mutex_unlock(&log_lock);
	return rc;
}

void
log_flush(void)
{
	pthread_mutex_lock(&log_lock);
	if (log_batch_len > 0)
		log_write_batch();
	pthread_mutex_unlock(&log_lock);
}

/* Afterwards lines go to standard error again, as before log_open(). */
void
log_close(void)
{
	pthread_mutex_lock(&log_lock);
	log_write_batch();
	if (log_dest_now == LOG_DEST_FILE)
		close(log_fd);
	if (log_dest_now == LOG_DEST_SYSLOG)
		closelog();
	log_dest_now = LOG_DEST_STDERR;
	log_fd = STDERR_FILENO;
	pthread_mutex_unlock(&log_lock);
}

void
log_level_set(enum log_level level)
{
	__atomic_store_n(&log_level_now, (int)level, __ATOMIC_RELAXED);
}

bool
log_enabled(enum log_level level)
{
	return (int)level <= __atomic_load_n(&log_level_now, __ATOMIC_RELAXED);
}

#define LOG_FUNCTION(name, level)                                              \
	void name(const char *module, const char *fmt, ...)                    \
	{                                                                      \
		va_list ap;                                                    \
                                                                               \
		if (!log_enabled(level))                                       \
			return;                                                \
		va_start(ap, fmt);                                             \
		log_line(level, module, fmt, ap);                              \
		va_end(ap);                                                    \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_notice, LOG_LEVEL_NOTICE)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_trace, LOG_LEVEL_TRACE)

/* The next of this thread's buffers: each holds a cut, wholly escaped value,
 * its quotes, the dots and the NUL. */
static char *
log_ring_next(void)
{
	static _Thread_local char ring[LOG_RING][LOG_VALUE_MAX * 4 + 8];
	static _Thread_local unsigned next;

	return ring[next++ % LOG_RING];
}

static char *
log_escape(char *p, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	if (c == '"' || c == '\\') {
		*p++ = '\\';
		*p++ = (char)c;
	} else if (c == '\n' || c == '\r' || c == '\t') {
		*p++ = '\\';
		*p++ = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
	} else if (c < ' ' || c >= 0x7f) {
		*p++ = '\\';
		*p++ = 'x';
		*p++ = hex[c >> 4];
		*p++ = hex[c & 15];
	} else
		*p++ = (char)c;
	return p;
}

const char *
log_qn(const char *text, size_t len)
{
	char *start = log_ring_next(), *p = start;
	bool cut = len > LOG_VALUE_MAX, plain = len > 0 && !cut;
	size_t i;

	if (cut)
		len = LOG_VALUE_MAX;
	for (i = 0; i < len && plain; i++)
		plain = text[i] > ' ' && text[i] < 0x7f && text[i] != '"' &&
		    text[i] != '=' && text[i] != '\\';
	if (plain) {
		memcpy(start, text, len);
		start[len] = '\0';
		return start;
	}
	*p++ = '"';
	for (i = 0; i < len; i++)
		p = log_escape(p, (unsigned char)text[i]);
	if (cut) {
		memcpy(p, "...", 3);
		p += 3;
	}
	*p++ = '"';
	*p = '\0';
	return start;
}

const char *
log_q(const char *text)
{
	if (text == NULL)
		text = "";
	return log_qn(text, strnlen(text, LOG_VALUE_MAX + 1));
}

bool
log_limit_ok(struct log_limit *limit, unsigned seconds)
{
	int64_t now = clock_now();
	int64_t next = __atomic_load_n(&limit->next_ns, __ATOMIC_RELAXED);

	if (now < next)
		return false;
	/* of several threads at once only one wins */
	return __atomic_compare_exchange_n(&limit->next_ns, &next,
	    now + seconds * CLOCK_SEC, false, __ATOMIC_RELAXED,
	    __ATOMIC_RELAXED);
}
