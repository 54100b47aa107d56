/* SPDX-License-Identifier: ISC
 * deliver_sink: a thread that speaks SMTP on loopback as its struct sink
 * says. */
#ifndef MX_TESTS_DELIVER_SINK_H
#define MX_TESTS_DELIVER_SINK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum step {
	AT_NONE,
	AT_GREETING,
	AT_EHLO,
	AT_MAIL,
	AT_RCPT,
	AT_DATA,
	AT_BODY, /* in the middle of it */
	AT_DOT,
	AT_BDAT, /* before its content is read */
	AT_CHUNK, /* all of it is read */
	AT_QUIT,
	AT_MAX,
};

enum enough { /* how a connection ends that has brought enough messages */
	ENOUGH_421, /* the reply to the next MAIL */
	ENOUGH_SHUT, /* no reply to it */
	ENOUGH_421_AT_ONCE, /* unasked, behind the reply to the last dot */
	ENOUGH_SHUT_AT_ONCE,
	ENOUGH_MAX,
};

struct sink {
	int lfd;
	uint16_t port;
	pthread_t thread;
	/* The script: NULL is the usual reply. */
	const char *greeting, *ehlo, *helo, *mail, *data, *dot, *starttls;
	const char *bdat; /* to a chunk; its content is read */
	const char *rset;
	const char *behind_mail; /* to a MAIL that came behind a final dot */
	bool deaf; /* to that, and it closes */
	enum step close_at;
	int close_after; /* messages of the connection, then close_at counts */
	int close_conns; /* on this many connections, from the first */
	bool rst;
	int dot_delay_ms;
	int hold_ms; /* before a reply to content, for what is sent behind it */
	int rcpt_max; /* of a transaction, 452 4.5.3 behind it; 0: any */
	int messages_max; /* of a connection; 0: any */
	enum step tell_at; /* before it is answered... */
	atomic_bool *told; /* ...this becomes true */
	enum enough enough;
	/* What was seen. */
	atomic_int conns, messages, rcpts, dots;
	atomic_int chunks, behind; /* BDAT; content with more behind it */
	atomic_int copies[64]; /* of the messages to m0@, m1@ ... */
	char last_rcpt[256];
	char body[6u << 20];
	size_t len;
};

/* The thread: serves one connection after the other until lfd is shut down. */
void *sink_serve(void *sink);

#endif
