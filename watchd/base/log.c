/* SPDX-License-Identifier: ISC
 * log: one line an event. Any thread. A line is formatted on the caller's stack
 * and passed to log_sink.c, which never blocks: logging never stops mail. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log_sink.h"
#include "base/text.h"

#define LOG_VALUE_MAX 200
#define LOG_RING      12
#define LOG_WORD_MAX  32

static const char *const log_levels[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_NOTICE] = "notice",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_TRACE] = "trace",
};
static int log_level_now = LOG_LEVEL_INFO; /* atomic */
static bool log_named = true; /* atomic; log { recipients } */

/* Copies a level or a module, which are short, and a blank; returns the
 * length. */
static size_t
log_word(char *dst, const char *word)
{
	size_t len = strnlen(word, LOG_WORD_MAX);

	memcpy(dst, word, len);
	dst[len] = ' ';
	return len + 1;
}

/* Is one of eight characters below a blank, or DEL? Subtracting n borrows from
 * the high bit of a byte below n, and only that byte can be the first to do
 * so. */
static bool
log_has_control(const char *p)
{
	const uint64_t ones = UINT64_MAX / 255;
	uint64_t x, del;

	memcpy(&x, p, sizeof(x));
	del = x ^ ones * 0x7f;
	return ((((x - ones * ' ') & ~x) | ((del - ones) & ~del)) &
		   ones << 7) != 0;
}

/* Even a value without log_q() must not be able to forge lines. */
static void
log_mask(char *line, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (len - i >= 8 && !log_has_control(line + i))
			i += 7;
		else if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
}

static void MX_PRINTF(3, 0) log_line(enum log_level level, const char *module,
    const char *fmt, va_list ap)
{
	int saved = errno, n;
	char line[LOG_LINE_MAX];
	/* room for the end of a cut line */
	size_t len, room = sizeof(line) - 4;

	len = log_word(line, log_levels[level]);
	len += log_word(line + len, module);
	n = vsnprintf(line + len, room - len, fmt, ap);
	if (n > 0 && (size_t)n >= room - len) {
		memcpy(line + room - 1, "...", 3);
		len = room + 2;
	} else if (n > 0)
		len += (size_t)n;
	log_mask(line, len);
	line[len++] = '\n';
	log_sink_put(level, line, len);
	errno = saved;
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

/* The next of this thread's buffers: each holds a cut, fully escaped value, its
 * quotes, the dots and the NUL. */
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

void
log_recipients_set(bool named)
{
	__atomic_store_n(&log_named, named, __ATOMIC_RELAXED);
}

bool
log_recipients(void)
{
	return __atomic_load_n(&log_named, __ATOMIC_RELAXED);
}

const char *
log_peer(const char *text)
{
	char masked[LOG_VALUE_MAX + 2];

	if (text == NULL || log_recipients() || strchr(text, '@') == NULL)
		return log_q(text);
	(void)strlcpy(masked, text, sizeof(masked));
	text_mask_people(masked);
	return log_q(masked);
}

const char *
log_rcpt(const char *address)
{
	return log_peer(address);
}

const char *
log_reply(const char *text)
{
	return log_recipients() ? log_q(text) : "-";
}

bool
log_limit_ok(struct log_limit *limit, unsigned seconds)
{
	int64_t now = clock_now();
	int64_t next = __atomic_load_n(&limit->next_ns, __ATOMIC_RELAXED);

	if (now < next)
		return false;
	/* of several threads only one wins */
	return __atomic_compare_exchange_n(&limit->next_ns, &next,
	    now + seconds * CLOCK_SEC, false, __ATOMIC_RELAXED,
	    __ATOMIC_RELAXED);
}
