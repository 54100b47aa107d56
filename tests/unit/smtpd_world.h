/* SPDX-License-Identifier: ISC
 * smtpd_world: what the tests of smtpd share: one smtpd with a fake store and
 * queue behind it, and a client that says what it is told to and listens. */
#ifndef MX_TESTS_SMTPD_WORLD_H
#define MX_TESTS_SMTPD_WORLD_H

#include "relay/smtpd/session.h"
#include "tests/unit/fake_relay.h"

struct world {
	struct loop *loop;
	struct stats *stats;
	struct smtpd *smtpd;
	bool primary_up;
	enum smtpd_etrn etrn;
	enum learned_word
	    word; /* of any recipient of learns.test, waits.test */
	bool due;
	unsigned checks; /* asked for */
	char check[64];
	uint64_t check_client;
	char dir[64];
};
extern struct world w;

/* Options of the sections smtpd and queue that differ from the defaults. */
void begin(const char *smtpd, const char *queue);
void end(void);
struct config *make_config(const char *smtpd, const char *queue);
void configure(const char *smtpd, const char *queue);
/* Until the thread has looked at the files that smtpd_configure() names. */
void wait_read(void);
/* Replaces a file in w.dir; "rcpt" is the recipients file of backed.test. */
void put_file(const char *name, const char *text);
const char *put_certificate(void); /* the options that name it and its key */
extern const struct smtpd_ops world_ops;
extern const char rcpt_file[];

struct talk {
	int fd;
	const char *in;
	size_t len, off, step;
	bool keep_open; /* do not close our half after the last byte */
	bool gone; /* the server has closed */
	char out[65536];
	size_t out_len;
	int64_t until;
	bool (*stop)(struct talk *);
	struct loop_timer *timer;
};
extern struct talk talk;

int connect_pair(const char *from);
void talk_on(struct talk *, int64_t ms);
/* Everything said and heard, until the server closes. */
void converse(const char *in, size_t len, size_t step);
/* "220 250:2.1.0 ..." from what the server said. */
void replies(const char *out, char *dst, size_t size);
/* `want` may leave the status of a reply out. */
bool replies_match(const char *got, const char *want);
char *
repeat(const char *head, const char *what, unsigned times, const char *tail);
/* Sends head, `times` times what, tail; compares the last reply. */
void expect_last(const char *head, const char *what, unsigned times,
    const char *tail, const char *want);

/* What is said -> the replies, in order, and how many messages were taken.
 * Each is run in one segment, byte by byte, and in sevens. */
struct talk_case {
	const char *name, *in, *want;
	unsigned messages;
	size_t len; /* when there is a NUL inside */
};
void run_cases(const struct talk_case *, size_t n);

#define EHLO  "EHLO c.example\r\n"
#define MAIL  "MAIL FROM:<s@c.example>\r\n"
#define RCPT  "RCPT TO:<user@backed.test>\r\n"
#define START EHLO MAIL RCPT
#define BODY  "Subject: x\r\n\r\nhello\r\n"
#define DOT   ".\r\n"
#define QUIT  "QUIT\r\n"

#endif
