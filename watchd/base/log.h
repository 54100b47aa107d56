/* SPDX-License-Identifier: ISC
 * log: one logfmt line an event: `level module key=value ...`, ids first.
 * Any thread may log, and nobody ever waits for it: a thread writes the lines,
 * those of 20 ms together (log_flush), what an operator must see at once. When
 * stderr, the file or syslog takes them more slowly than they come, lines are
 * dropped; how many is counted and said in the log. */
#ifndef MX_BASE_LOG_H
#define MX_BASE_LOG_H

#include "base/defs.h"

enum log_level {
	LOG_LEVEL_ERROR, /* the operator has to act */
	LOG_LEVEL_WARN, /* the operator will have to act if it goes on */
	LOG_LEVEL_NOTICE, /* a state changed */
	LOG_LEVEL_INFO, /* one line a message, an attempt, a session */
	LOG_LEVEL_TRACE, /* everything */
};

enum log_dest { LOG_DEST_STDERR, LOG_DEST_SYSLOG, LOG_DEST_FILE };

/* `path` for LOG_DEST_FILE only. Before log_open() and after log_close() lines
 * go to stderr, each written as it comes. After a fork only: it makes a thread.
 * Returns 0 or -MX_ESYS with errno (then lines go on going where they went). */
int log_open(enum log_dest dest, const char *path, enum log_level level);
/* The same, to a file that was opened by who may (LOG_OPEN_FLAGS); `fd` is
 * consumed. `path` is for log_reopen(). */
#define LOG_OPEN_FLAGS (O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY)
#define LOG_OPEN_MODE  0640
int log_open_file(int fd, const char *path, enum log_level level);
/* USR1: the file was rotated. What was logged before still goes to the old
 * one. */
int log_reopen(void);
void log_flush(void); /* never blocks */
/* Waits until all is written, for `ms` at most; true: it is. For who is about
 * to end the process. */
bool log_drain(unsigned ms);
void log_close(void); /* waits 2 s at most, then drops what is left */
uint64_t log_dropped(void); /* lines lost since the start */
void log_level_set(enum log_level level);
bool log_enabled(enum log_level level);

/* `module` is one word. `fmt` gives `key=value key=value`; wrap every value
 * that a peer, a file or an operator supplied in log_q(). */
void log_error(const char *module, const char *fmt, ...) MX_PRINTF(2, 3);
void log_warn(const char *module, const char *fmt, ...) MX_PRINTF(2, 3);
void log_notice(const char *module, const char *fmt, ...) MX_PRINTF(2, 3);
void log_info(const char *module, const char *fmt, ...) MX_PRINTF(2, 3);
void log_trace(const char *module, const char *fmt, ...) MX_PRINTF(2, 3);

/* The last line of a process that cannot go on, written from a signal handler:
 * an error, where the others go and to stderr. Waits for no lock and does not
 * allocate; `text` has no line end. */
void log_last_words(const char *module, const char *text);

/* The text as a logfmt value: quoted when it holds anything but plain
 * printable characters, escaped, cut to 200 bytes. Lives in one of 12
 * rotating per-thread buffers: use it in the same call only. NULL gives "". */
const char *log_q(const char *text);
const char *log_qn(const char *text, size_t len);

/* log { recipients }: whether lines may name the recipients of mail. */
void log_recipients_set(bool named);
bool log_recipients(void);
/* A recipient's address, and a text of a peer that may name one, as log_q();
 * when lines may not, what stands before an "@" is "*". */
const char *log_rcpt(const char *address);
const char *log_peer(const char *text);
/* What a server said to a recipient, whom it names in whatever words: "-". */
const char *log_reply(const char *text);

/* For warnings that a peer can provoke: true at most once in `seconds` for
 * this site. `static struct log_limit limit;` */
struct log_limit {
	int64_t next_ns;
};
bool log_limit_ok(struct log_limit *, unsigned seconds);

#endif
