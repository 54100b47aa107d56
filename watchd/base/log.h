/* SPDX-License-Identifier: ISC
 * log: one logfmt line an event: `level module key=value ...`, ids first. Any
 * thread may log without ever waiting: a thread writes the lines, those of 20
 * ms together (log_flush), notices, warnings and errors at once. If stderr, the
 * file or syslog is slower than the lines come, lines are dropped; their number
 * is counted and logged. */
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

/* `path` for LOG_DEST_FILE only. Before log_open() and after log_close() each
 * line is written to stderr at once. To be called after a fork, since it starts
 * a thread. Returns 0 or -MX_ESYS with errno (then lines go where they went
 * before). */
int log_open(enum log_dest dest, const char *path, enum log_level level);
/* The same, to a file that a privileged caller opened (LOG_OPEN_FLAGS); `fd` is
 * consumed. `path` is for log_reopen(). */
#define LOG_OPEN_FLAGS (O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY)
#define LOG_OPEN_MODE  0640
int log_open_file(int fd, const char *path, enum log_level level);
/* On USR1, after the file was rotated. Earlier lines still go to the old
 * file. */
int log_reopen(void);
void log_flush(void); /* never blocks */
/* Waits until all lines are written, for `ms` at most; true: they are. To be
 * called before the process ends. */
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
 * an error, to the destination and to stderr. Takes no lock and does not
 * allocate; `text` has no line end. */
void log_last_words(const char *module, const char *text);

/* The text as a logfmt value: quoted when it has anything but plain printable
 * characters, escaped, cut to 200 bytes. Returned in one of 12 rotating
 * per-thread buffers: to be used in the same call only. NULL gives "". */
const char *log_q(const char *text);
const char *log_qn(const char *text, size_t len);

/* log { recipients }: whether lines may name the recipients of mail. */
void log_recipients_set(bool named);
bool log_recipients(void);
/* A recipient's address, or text of a peer that may contain one, as log_q();
 * when lines may not name recipients, the local part before an "@" becomes
 * "*". */
const char *log_rcpt(const char *address);
const char *log_peer(const char *text);
/* A server's reply about a recipient, whom it may name in any form: "-" when
 * lines may not. */
const char *log_reply(const char *text);

/* For warnings that a peer can provoke: true at most once in `seconds` for each
 * call site. `static struct log_limit limit;` */
struct log_limit {
	int64_t next_ns;
};
bool log_limit_ok(struct log_limit *, unsigned seconds);

#endif
