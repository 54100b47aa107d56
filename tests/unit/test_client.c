/* SPDX-License-Identifier: ISC
 * The client engine against scripted servers: what it sends, byte for byte,
 * and what it tells its owner. Each script runs with the server's bytes in
 * one piece and once more with each byte on its own, save those that are
 * about two replies in one packet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "smtp/client.h"

enum op {
	END,
	SRV, /* the server sends */
	CLI, /* all that the client has put out since is this */
	EV, /* all the events since are these */
	MAIL, /* start transaction txs[arg[0] - '0'] */
	FULL, /* transaction txs[arg[0] - '0'] may not follow */
	BODY, /* the whole body and its end */
	TLS, /* the handshake is done */
	LOST, /* the connection is */
	QUIT,
};

struct step {
	enum op op;
	const char *arg;
};

static const struct smtp_client_rcpt rcpts[] = {
	{ "x@b.example", "rfc822;X@b.example", NOTIFY_GIVEN | NOTIFY_NEVER },
	{ "\"y z\"@b.example", NULL,
	    NOTIFY_GIVEN | NOTIFY_SUCCESS | NOTIFY_DELAY },
};
static const struct smtp_client_rcpt dirty_rcpts[] = {
	{ "x@b.example>\r\nRCPT TO:<v@c.example", "", 0 },
};
static const struct smtp_client_rcpt bad_orcpt[] = {
	{ "x@b.example", "rfc822;a\r\nDATA", NOTIFY_GIVEN | NOTIFY_FAILURE },
};
static const struct smtp_client_tx txs[] = {
	{ .sender = "a@c.example",
	    .rcpts = rcpts,
	    .nrcpts = 2,
	    .size = 77,
	    .body = BODY_8BITMIME,
	    .smtputf8 = true,
	    .envid = "QQ1",
	    .ret = RET_HDRS },
	{ .sender = "", .rcpts = rcpts, .nrcpts = 1 },
	{ .sender = "", .rcpts = rcpts, .nrcpts = 2, .probe = true },
	{ .sender = "", .rcpts = dirty_rcpts, .nrcpts = 1 },
	{ .sender = "a\nb", .rcpts = rcpts, .nrcpts = 1 },
	{ .sender = "",
	    .rcpts = bad_orcpt,
	    .nrcpts = 1,
	    .envid = "a b",
	    .ret = RET_FULL },
	{ .sender = "",
	    .rcpts = rcpts,
	    .nrcpts = 1,
	    .size = 3,
	    .way = CLIENT_BURST },
	{ .sender = "",
	    .rcpts = rcpts,
	    .nrcpts = 2,
	    .size = 3,
	    .way = CLIENT_BURST },
	{ .sender = "",
	    .rcpts = rcpts,
	    .nrcpts = 1,
	    .size = 3,
	    .way = CLIENT_BDAT },
	{ .sender = "",
	    .rcpts = dirty_rcpts,
	    .nrcpts = 1,
	    .size = 3,
	    .way = CLIENT_BURST },
};

/* The first steps of most scripts. */
/* clang-format off */
#define HELLO { SRV, "220 b.example\r\n" }, { CLI, "EHLO me.example\r\n" }
#define PLAIN HELLO, { SRV, "250 b.example\r\n" }, { EV, "READY\n" }
#define PIPE  HELLO, { SRV, "250-b.example\r\n250 PIPELINING\r\n" },	\
	{ EV, "READY\n" }
#define CHUNK HELLO, { SRV, "250-b\r\n250-PIPELINING\r\n250 CHUNKING\r\n" },\
	{ EV, "READY\n" }
/* clang-format on */
#define M1 "MAIL FROM:<>\r\n"
#define R1 "RCPT TO:<x@b.example>\r\n"
#define R2 "RCPT TO:<\"y z\"@b.example>\r\n"
#define D  "DATA\r\n"

static const struct script {
	const char *name;
	enum smtp_client_tls tls;
	bool whole_only;
	struct step steps[28];
} scripts[] = {
	{ "one message, step by step", CLIENT_TLS_MAY, false,
	    { PLAIN, { MAIL, "1" }, { CLI, M1 }, { SRV, "250 ok\r\n" },
		{ CLI, R1 }, { SRV, "250 ok\r\n" }, { CLI, D },
		{ EV, "RCPT 0 250\n" }, { SRV, "354 go\r\n" }, { EV, "BODY\n" },
		{ BODY, ".a\r\nb" }, { CLI, "..a\r\nb\r\n.\r\n" },
		{ SRV, "250 2.0.0 ok\r\n" }, { EV, "SENT eod 250\nREADY\n" },
		{ QUIT, "" }, { CLI, "QUIT\r\n" }, { SRV, "221 bye\r\n" },
		{ EV, "CLOSED\n" } } },
	{ "everything offered", CLIENT_TLS_NONE, false,
	    { HELLO,
		{ SRV,
		    "250-b.example\r\n250-pipelining\r\n250-Size 1000\r\n"
		    "250-8bitmime\r\n250-dsn\r\n250 SMTPUTF8\r\n" },
		{ EV, "READY\n" }, { MAIL, "0" },
		{ CLI,
		    "MAIL FROM:<a@c.example> SIZE=77 BODY=8BITMIME SMTPUTF8 "
		    "RET=HDRS ENVID=QQ1\r\n"
		    "RCPT TO:<x@b.example> NOTIFY=NEVER "
		    "ORCPT=rfc822;X@b.example\r\n"
		    "RCPT TO:<\"y z\"@b.example> NOTIFY=SUCCESS,DELAY\r\n"
		    "DATA\r\n" },
		{ SRV, "250 a\r\n250 b\r\n450 c\r\n354 d\r\n" },
		{ EV, "RCPT 0 250\nRCPT 1 450\nBODY\n" }, { BODY, "" },
		{ CLI, ".\r\n" }, { SRV, "554 no\r\n" },
		{ EV, "SENT eod 554\nREADY\n" }, { CLI, "" } } },
	{ "nothing offered", CLIENT_TLS_MAY, false,
	    { PLAIN, { MAIL, "0" }, { CLI, "MAIL FROM:<a@c.example>\r\n" },
		{ SRV, "250 ok\r\n" }, { CLI, R1 } } },
	{ "keywords are whole words", CLIENT_TLS_MAY, false,
	    { HELLO,
		{ SRV,
		    "250-DSN\r\n250-XDSN\r\n250-DSNX\r\n250-DS\r\n250-\r\n250-"
		    "AUTH=LOGIN\r\n"
		    "250-STARTTLS=yes\r\n250 SIZE=10\r\n" },
		{ EV, "READY\n" }, { MAIL, "0" },
		{ CLI, "MAIL FROM:<a@c.example>\r\n" } } },
	{ "two messages", CLIENT_TLS_NONE, false,
	    { PIPE, { MAIL, "1" }, { CLI, M1 R1 D },
		{ SRV, "250 a\r\n250 b\r\n354 c\r\n" }, { BODY, "a\r\n" },
		{ CLI, "a\r\n.\r\n" }, { SRV, "250 ok\r\n" },
		{ EV, "RCPT 0 250\nBODY\nSENT eod 250\nREADY\n" },
		{ MAIL, "1" }, { CLI, M1 R1 D } } },
	/* greeting and EHLO */
	{ "greeting 554", CLIENT_TLS_MAY, false,
	    { { SRV, "554 go away\r\n" }, { EV, "FAILED greeting 554\n" },
		{ CLI, "" } } },
	{ "greeting 421", CLIENT_TLS_MAY, false,
	    { { SRV, "421 busy\r\n" }, { EV, "FAILED greeting 421\n" } } },
	{ "greeting is junk", CLIENT_TLS_MAY, false,
	    { { SRV, "SSH-2.0-x\r\n" }, { EV, "FAILED greeting -\n" } } },
	{ "greeting 354", CLIENT_TLS_MAY, false,
	    { { SRV, "354 what\r\n" }, { EV, "FAILED greeting -\n" } } },
	{ "EHLO 500", CLIENT_TLS_MAY, false,
	    { HELLO, { SRV, "500 what\r\n" }, { CLI, "HELO me.example\r\n" },
		{ SRV, "250 ok\r\n" }, { EV, "READY\n" } } },
	{ "EHLO 502, HELO 550", CLIENT_TLS_MAY, false,
	    { HELLO, { SRV, "502 what\r\n" }, { CLI, "HELO me.example\r\n" },
		{ SRV, "550 no\r\n" }, { EV, "FAILED ehlo 550\n" } } },
	{ "EHLO 421", CLIENT_TLS_MAY, false,
	    { HELLO, { SRV, "421 bye\r\n" }, { EV, "FAILED ehlo 421\n" },
		{ CLI, "" } } },
	{ "EHLO 450", CLIENT_TLS_MAY, false,
	    { HELLO, { SRV, "450 wait\r\n" }, { EV, "FAILED ehlo 450\n" },
		{ CLI, "" } } },
	{ "reply before EHLO", CLIENT_TLS_MAY, true,
	    { { SRV, "220 hi\r\n250 hi\r\n" }, { EV, "FAILED ehlo -\n" } } },
	{ "421 right behind the greeting", CLIENT_TLS_MAY, true,
	    { { SRV, "220 hi\r\n421 hi\r\n" }, { EV, "FAILED ehlo 421\n" } } },
	/* STARTTLS */
	{ "TLS", CLIENT_TLS_MAY, false,
	    { HELLO, { SRV, "250-b\r\n250-DSN\r\n250 STARTTLS\r\n" },
		{ CLI, "STARTTLS\r\n" }, { SRV, "220 go\r\n" },
		{ EV, "START_TLS\n" }, { TLS, "" },
		{ CLI, "EHLO me.example\r\n" }, { SRV, "250 b\r\n" },
		{ EV, "READY\n" }, { MAIL, "5" }, { CLI, M1 } } },
	{ "TLS once", CLIENT_TLS_REQUIRE, false,
	    { HELLO, { SRV, "250-b\r\n250 STARTTLS\r\n" },
		{ CLI, "STARTTLS\r\n" }, { SRV, "220 go\r\n" }, { TLS, "" },
		{ CLI, "EHLO me.example\r\n" },
		{ SRV, "250-b\r\n250 STARTTLS\r\n" },
		{ EV, "START_TLS\nREADY\n" }, { CLI, "" } } },
	{ "TLS not wanted", CLIENT_TLS_NONE, false,
	    { HELLO, { SRV, "250-b\r\n250 STARTTLS\r\n" }, { EV, "READY\n" },
		{ CLI, "" } } },
	{ "TLS refused, may", CLIENT_TLS_MAY, false,
	    { HELLO, { SRV, "250-b\r\n250 STARTTLS\r\n" },
		{ SRV, "454 no\r\n" }, { EV, "READY\n" } } },
	{ "TLS refused, required", CLIENT_TLS_REQUIRE, false,
	    { HELLO, { SRV, "250-b\r\n250 STARTTLS\r\n" },
		{ SRV, "454 no\r\n" }, { EV, "FAILED starttls 454\n" } } },
	{ "TLS missing, required", CLIENT_TLS_REQUIRE, false,
	    { HELLO, { SRV, "250 b\r\n" }, { EV, "FAILED starttls -\n" },
		{ CLI, "" } } },
	{ "HELO only, TLS required", CLIENT_TLS_REQUIRE, false,
	    { HELLO, { SRV, "500 b\r\n" }, { SRV, "250 b\r\n" },
		{ EV, "FAILED starttls -\n" } } },
	{ "TLS 421", CLIENT_TLS_MAY, false,
	    { HELLO, { SRV, "250-b\r\n250 STARTTLS\r\n" },
		{ SRV, "421 no\r\n" }, { EV, "FAILED starttls 421\n" } } },
	{ "injection behind STARTTLS", CLIENT_TLS_MAY, true,
	    { HELLO, { SRV, "250-b\r\n250 STARTTLS\r\n" },
		{ SRV, "220 go\r\n250 evil\r\n" },
		{ EV, "FAILED starttls -\n" } } },
	{ "injection after the event", CLIENT_TLS_MAY, false,
	    { HELLO, { SRV, "250-b\r\n250 STARTTLS\r\n" },
		{ SRV, "220 go\r\n" }, { EV, "START_TLS\n" }, { SRV, "2" },
		{ EV, "FAILED starttls -\n" } } },
	/* MAIL */
	{ "MAIL refused", CLIENT_TLS_MAY, false,
	    { PLAIN, { MAIL, "1" }, { CLI, M1 }, { SRV, "550 no\r\n" },
		{ EV, "SENT mail 550\nREADY\n" }, { CLI, "" } } },
	{ "MAIL refused, pipelined", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "0" }, { SRV, "450 no\r\n" },
		{ EV, "SENT mail 450\n" },
		{ SRV, "503 a\r\n503 b\r\n503 c\r\n" }, { EV, "READY\n" } } },
	{ "MAIL refused, DATA taken", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "1" }, { CLI, M1 R1 D },
		{ SRV, "450 no\r\n503 a\r\n354 go\r\n" },
		{ EV, "SENT mail 450\n" }, { CLI, ".\r\n" },
		{ SRV, "554 none\r\n" }, { EV, "READY\n" }, { CLI, "" } } },
	{ "MAIL refused, RCPT and DATA taken", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "1" }, { CLI, M1 R1 D },
		{ SRV, "450 no\r\n250 a\r\n354 go\r\n" },
		{ EV, "SENT mail 450\nFAILED data -\n" }, { CLI, "" } } },
	{ "MAIL refused, RCPT taken", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "0" }, { SRV, "450 no\r\n" },
		{ EV, "SENT mail 450\n" },
		{ SRV, "250 a\r\n503 b\r\n503 c\r\n" }, { EV, "" },
		{ CLI, "RSET\r\n" }, { SRV, "250 ok\r\n" },
		{ EV, "READY\n" } } },
	{ "MAIL refused, RCPT taken, RSET refused", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "1" }, { SRV, "450 no\r\n250 a\r\n503 b\r\n" },
		{ CLI, "RSET\r\n" }, { SRV, "500 no\r\n" },
		{ EV, "SENT mail 450\nFAILED quit 500\n" } } },
	{ "MAIL 421", CLIENT_TLS_MAY, false,
	    { PLAIN, { MAIL, "1" }, { SRV, "421 no\r\n" },
		{ EV, "FAILED mail 421\n" } } },
	{ "MAIL 354", CLIENT_TLS_MAY, false,
	    { PLAIN, { MAIL, "1" }, { SRV, "354 no\r\n" },
		{ EV, "FAILED mail -\n" } } },
	{ "line end in a recipient", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "3" }, { EV, "" }, { SRV, "" },
		{ EV, "FAILED mail -\n" }, { CLI, "" } } },
	{ "line end in the sender", CLIENT_TLS_MAY, false,
	    { PLAIN, { MAIL, "4" }, { SRV, "" }, { EV, "FAILED mail -\n" },
		{ CLI, "" } } },
	{ "ENVID and ORCPT that are none", CLIENT_TLS_NONE, false,
	    { HELLO, { SRV, "250-b\r\n250-PIPELINING\r\n250 DSN\r\n" },
		{ MAIL, "5" },
		{ CLI,
		    "MAIL FROM:<> RET=FULL\r\n"
		    "RCPT TO:<x@b.example> NOTIFY=FAILURE\r\n" D } } },
	/* RCPT */
	{ "no recipient", CLIENT_TLS_MAY, false,
	    { PLAIN, { MAIL, "1" }, { CLI, M1 }, { SRV, "250 ok\r\n" },
		{ CLI, R1 }, { SRV, "550 no\r\n" },
		{ EV, "RCPT 0 550\nSENT rcpt 550\n" }, { CLI, "RSET\r\n" },
		{ SRV, "250 ok\r\n" }, { EV, "READY\n" } } },
	{ "no recipient, pipelined", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "1" }, { CLI, M1 R1 D },
		{ SRV, "250 a\r\n550 no\r\n" },
		{ EV, "RCPT 0 550\nSENT rcpt 550\n" }, { CLI, "" },
		{ SRV, "554 none\r\n" }, { CLI, "RSET\r\n" },
		{ SRV, "250 ok\r\n" }, { EV, "READY\n" } } },
	{ "no recipient, DATA taken", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "1" }, { CLI, M1 R1 D },
		{ SRV, "250 a\r\n550 no\r\n354 go\r\n" },
		{ EV, "RCPT 0 550\nSENT rcpt 550\n" }, { CLI, ".\r\n" },
		{ SRV, "250 ha\r\n" }, { EV, "READY\n" }, { CLI, "" } } },
	{ "second recipient 421", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "0" }, { SRV, "250 a\r\n250 b\r\n421 no\r\n" },
		{ EV, "RCPT 0 250\nFAILED rcpt 421\n" } } },
	{ "RSET refused", CLIENT_TLS_MAY, false,
	    { PLAIN, { MAIL, "1" }, { SRV, "250 ok\r\n" },
		{ SRV, "550 no\r\n" }, { SRV, "500 no\r\n" },
		{ EV, "RCPT 0 550\nSENT rcpt 550\nFAILED quit 500\n" } } },
	{ "more replies than commands", CLIENT_TLS_MAY, true,
	    { PLAIN, { MAIL, "1" }, { SRV, "250 ok\r\n250 ok\r\n" },
		{ EV, "FAILED rcpt -\n" } } },
	/* probe */
	{ "probe", CLIENT_TLS_MAY, false,
	    { PLAIN, { MAIL, "2" }, { CLI, M1 }, { SRV, "250 ok\r\n" },
		{ CLI, R1 }, { SRV, "250 ok\r\n" }, { CLI, R2 },
		{ SRV, "450 no\r\n" },
		{ EV, "RCPT 0 250\nRCPT 1 450\nSENT rcpt 450\n" },
		{ CLI, "RSET\r\n" }, { SRV, "250 ok\r\n" },
		{ EV, "READY\n" } } },
	{ "probe, pipelined", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "2" }, { CLI, M1 R1 R2 },
		{ SRV, "250 ok\r\n250 ok\r\n250 ok\r\n" },
		{ EV, "RCPT 0 250\nRCPT 1 250\nSENT rcpt 250\n" },
		{ CLI, "RSET\r\n" }, { SRV, "250 ok\r\n" },
		{ EV, "READY\n" } } },
	{ "probe, MAIL refused", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "2" }, { CLI, M1 R1 R2 },
		{ SRV, "550 no\r\n503 a\r\n503 b\r\n" },
		{ EV, "SENT mail 550\nREADY\n" }, { CLI, "" } } },
	{ "probe, MAIL refused, RCPT taken", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "2" }, { CLI, M1 R1 R2 },
		{ SRV, "550 no\r\n503 a\r\n250 b\r\n" },
		{ EV, "SENT mail 550\n" }, { CLI, "RSET\r\n" },
		{ SRV, "250 ok\r\n" }, { EV, "READY\n" } } },
	/* DATA and the body */
	{ "DATA refused", CLIENT_TLS_MAY, false,
	    { PLAIN, { MAIL, "1" }, { SRV, "250 ok\r\n" },
		{ SRV, "250 ok\r\n" }, { CLI, D }, { SRV, "451 no\r\n" },
		{ EV, "RCPT 0 250\nSENT data 451\n" }, { CLI, "RSET\r\n" },
		{ SRV, "250 ok\r\n" }, { EV, "READY\n" } } },
	{ "DATA 250", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "1" }, { SRV, "250 a\r\n250 b\r\n250 c\r\n" },
		{ EV, "RCPT 0 250\nFAILED data -\n" } } },
	{ "552 in the middle", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "1" }, { SRV, "250 a\r\n250 b\r\n354 c\r\n" },
		{ EV, "RCPT 0 250\nBODY\n" }, { SRV, "552 big\r\n" },
		{ EV, "FAILED data 552\n" } } },
	{ "250 before the dot", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "1" }, { SRV, "250 a\r\n250 b\r\n354 c\r\n" },
		{ EV, "RCPT 0 250\nBODY\n" }, { SRV, "250 ok\r\n" },
		{ EV, "FAILED data -\n" } } },
	{ "250 with the 354", CLIENT_TLS_MAY, true,
	    { PIPE, { MAIL, "1" },
		{ SRV, "250 a\r\n250 b\r\n354 c\r\n250 d\r\n" },
		{ EV, "RCPT 0 250\nBODY\nFAILED data -\n" } } },
	{ "half a 250 before the dot", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "1" }, { SRV, "250 a\r\n250 b\r\n354 c\r\n" },
		{ SRV, "250 o" }, { BODY, "a\r\n" }, { SRV, "k\r\n" },
		{ EV, "RCPT 0 250\nBODY\nFAILED eod -\n" } } },
	{ "421 after the dot", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "1" }, { SRV, "250 a\r\n250 b\r\n354 c\r\n" },
		{ BODY, "a\r\n" }, { SRV, "421 no\r\n" },
		{ EV, "RCPT 0 250\nBODY\nFAILED eod 421\n" } } },
	{ "354 after the dot", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "1" }, { SRV, "250 a\r\n250 b\r\n354 c\r\n" },
		{ BODY, "a\r\n" }, { SRV, "354 no\r\n" },
		{ EV, "RCPT 0 250\nBODY\nFAILED eod -\n" } } },
	{ "lost after the dot", CLIENT_TLS_MAY, false,
	    { PIPE, { MAIL, "1" }, { SRV, "250 a\r\n250 b\r\n354 c\r\n" },
		{ BODY, "a\r\n" }, { LOST, "gone" },
		{ EV, "RCPT 0 250\nBODY\nFAILED eod - gone\n" } } },
	/* between messages */
	{ "421 while idle", CLIENT_TLS_MAY, false,
	    { PLAIN, { SRV, "421 idle\r\n" }, { EV, "FAILED none 421\n" } } },
	{ "unasked while idle", CLIENT_TLS_MAY, false,
	    { PLAIN, { SRV, "250 idle\r\n" }, { EV, "FAILED none -\n" } } },
	{ "half a reply, then a message", CLIENT_TLS_MAY, false,
	    { PLAIN, { SRV, "42" }, { CLI, "" }, { MAIL, "1" }, { CLI, "" },
		{ SRV, "1 bye\r\n" }, { EV, "FAILED mail 421\n" } } },
	{ "lost while idle", CLIENT_TLS_MAY, false,
	    { PLAIN, { LOST, "gone" }, { EV, "FAILED none - gone\n" } } },
	{ "lost before the greeting", CLIENT_TLS_MAY, false,
	    { { LOST, "timeout" }, { EV, "FAILED greeting - timeout\n" } } },
	{ "quit before ready", CLIENT_TLS_MAY, false,
	    { HELLO, { QUIT, "" }, { CLI, "" }, { SRV, "250 b\r\n" },
		{ CLI, "QUIT\r\n" }, { SRV, "421 bye\r\n" },
		{ EV, "CLOSED\n" } } },
	{ "quit unanswered", CLIENT_TLS_MAY, false,
	    { PLAIN, { QUIT, "" }, { LOST, "gone" },
		{ EV, "FAILED quit - gone\n" } } },
#include "client_bursts.def"
};

struct run {
	const char *name;
	struct smtp_client *c;
	int64_t now;
	char events[1024];
};

/* Lets the client say all it has to say. */
static void
drain(struct run *r)
{
	static const char *const names[] = {
		[CLIENT_START_TLS] = "START_TLS",
		[CLIENT_READY] = "READY",
		[CLIENT_BODY] = "BODY",
	};
	struct smtp_client_info info;
	enum smtp_client_event ev;
	char line[300];

	while ((ev = smtp_client_next(r->c, ++r->now, &info)) != CLIENT_NONE) {
		char code[8] = "-";

		if (info.reply != NULL)
			(void)snprintf(code, sizeof(code), "%u",
			    info.reply->code);
		if (ev == CLIENT_RCPT)
			(void)snprintf(line, sizeof(line), "RCPT %zu %s\n",
			    info.rcpt, code);
		else if (ev == CLIENT_SENT)
			(void)snprintf(line, sizeof(line), "SENT %s %s\n",
			    smtp_phase_name(info.phase), code);
		else if (ev == CLIENT_CLOSED)
			(void)snprintf(line, sizeof(line), "CLOSED\n");
		else if (ev == CLIENT_FAILED) {
			assert_non_null(info.text);
			(void)snprintf(line, sizeof(line), "FAILED %s %s%s\n",
			    smtp_phase_name(info.phase), code,
			    strcmp(info.text, "gone") == 0	  ? " gone" :
				strcmp(info.text, "timeout") == 0 ? " timeout" :
								    "");
		} else
			(void)snprintf(line, sizeof(line), "%s\n", names[ev]);
		(void)strlcat(r->events, line, sizeof(r->events));
	}
}

static void
step(struct run *r, const struct step *s, bool single)
{
	struct buf *out = smtp_client_out(r->c);
	size_t i, n, len = strlen(s->arg);

	/* CLI sees what the step before it made the client say */
	if (s->op != CLI && s->op != EV && s->op != FULL)
		buf_clear(out);
	switch (s->op) {
	case END:
		break;
	case SRV:
		for (i = 0; i < len; i += n) {
			n = single ? 1 : len;
			assert_int_equal(
			    smtp_client_feed(r->c, s->arg + i, n, ++r->now), 0);
			drain(r);
		}
		drain(r);
		break;
	case CLI:
		if (strcmp(buf_str(out), s->arg) != 0)
			fail_msg("%s: sent \"%s\", not \"%s\"", r->name,
			    buf_str(out), s->arg);
		buf_clear(out);
		break;
	case EV:
		if (strcmp(r->events, s->arg) != 0)
			fail_msg("%s: events \"%s\", not \"%s\"", r->name,
			    r->events, s->arg);
		r->events[0] = '\0';
		break;
	case MAIL:
		smtp_client_mail(r->c, &txs[s->arg[0] - '0'], ++r->now);
		break;
	case FULL:
		assert_false(smtp_client_follows(r->c, &txs[s->arg[0] - '0']));
		break;
	case BODY:
		for (i = 0; i < len; i += n) {
			n = single ? 1 : len;
			smtp_client_body(r->c, s->arg + i, n);
		}
		smtp_client_body_end(r->c, ++r->now);
		break;
	case TLS:
		smtp_client_tls_up(r->c, ++r->now);
		assert_true(smtp_client_tls(r->c));
		break;
	case LOST:
		smtp_client_lost(r->c, s->arg, ++r->now);
		drain(r);
		break;
	case QUIT:
		smtp_client_quit(r->c, ++r->now);
		break;
	}
}

static void
run_script(const struct script *sc, bool single)
{
	struct smtp_client_conf conf = { "me.example", sc->tls };
	struct run r = { .name = sc->name };
	const struct step *s;

	r.c = smtp_client_create(&conf, r.now);
	for (s = sc->steps; s->op != END; s++) {
		step(&r, s, single);
		assert_true(smtp_client_timeout_ms(r.c) > 0);
	}
	smtp_client_destroy(&r.c);
	assert_null(r.c);
}

static void
test_scripts(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < MX_COUNT(scripts); i++) {
		run_script(&scripts[i], false);
		if (!scripts[i].whole_only)
			run_script(&scripts[i], true);
	}
}

/* A client that is READY on a server with these keywords. */
static struct run
ready(const char *ehlo)
{
	static const struct smtp_client_conf conf = { "me.example",
		CLIENT_TLS_MAY };
	struct run r = { .name = "ready" };

	r.c = smtp_client_create(&conf, 0);
	step(&r, &(struct step){ SRV, "220 x\r\n" }, false);
	step(&r, &(struct step){ SRV, ehlo }, false);
	step(&r, &(struct step){ EV, "READY\n" }, false);
	buf_clear(smtp_client_out(r.c));
	return r;
}

static void
test_ext(void **state)
{
	struct run r = ready("250-x\r\n250-size 123456\r\n250-Chunking\r\n"
			     "250 XFORWARD NAME ADDR\r\n");

	(void)state;
	assert_int_equal(smtp_client_ext(r.c),
	    CLIENT_EXT_SIZE | CLIENT_EXT_CHUNKING | CLIENT_EXT_XFORWARD);
	assert_int_equal(smtp_client_size_limit(r.c), 123456);
	assert_int_equal(smtp_client_last_reply(r.c)->code, 250);
	smtp_client_destroy(&r.c);
	r = ready(
	    "250-xmxwatch\r\n250-XMXWATCHES\r\n250 XFORWARD XMXWATCH\r\n");
	assert_int_equal(smtp_client_ext(r.c), CLIENT_EXT_XFORWARD);
	smtp_client_destroy(&r.c);
	r = ready("250-x\r\n250 xmxwatch later\r\n");
	assert_int_equal(smtp_client_ext(r.c), CLIENT_EXT_BACKUP);
	smtp_client_destroy(&r.c);
	r = ready("250-x\r\n250 SIZE 99999999999999999999999\r\n");
	assert_int_equal(smtp_client_size_limit(r.c), 0);
	smtp_client_destroy(&r.c);
	r = ready("250-x\r\n250 limits  RCPTMAX=20 X=1 mailmax=3\r\n");
	assert_int_equal(smtp_client_limits(r.c).mails, 3);
	assert_int_equal(smtp_client_limits(r.c).rcpts, 20);
	smtp_client_destroy(&r.c);
	r = ready("250-x\r\n250-LIMITSX MAILMAX=1\r\n250 LIMITS MAILMAX= "
		  "MAILMAX=x RCPTMAX=0 RCPTMAX=99999999999 MAILMAX\r\n");
	assert_int_equal(smtp_client_limits(r.c).mails, 0);
	assert_int_equal(smtp_client_limits(r.c).rcpts, 0);
	smtp_client_destroy(&r.c);
	r = ready("250-x\r\n250 SIZE 10x\r\n");
	assert_int_equal(smtp_client_size_limit(r.c), 0);
	smtp_client_destroy(&r.c);
}

static void
test_times(void **state)
{
	static const struct smtp_client_conf conf = { "me", CLIENT_TLS_NONE };
	const int64_t sec = 1000000000;
	struct smtp_client_info info;
	struct smtp_client *c = smtp_client_create(&conf, 0);

	(void)state;
	assert_int_equal(smtp_client_timeout_ms(c), 300000);
	assert_int_equal(smtp_client_phase(c), SMTP_PHASE_GREETING);
	/* a byte now and then does not start the time anew */
	assert_int_equal(smtp_client_feed(c, "2", 1, 100 * sec), 0);
	assert_int_equal(smtp_client_next(c, 100 * sec, &info), CLIENT_NONE);
	assert_int_equal(smtp_client_timeout_ms(c), 200000);
	assert_int_equal(smtp_client_phase_ns(c, SMTP_PHASE_GREETING),
	    100 * sec);
	assert_int_equal(smtp_client_feed(c, "20 \n", 4, 110 * sec), 0);
	assert_int_equal(smtp_client_next(c, 110 * sec, &info), CLIENT_NONE);
	assert_int_equal(smtp_client_timeout_ms(c), 300000);
	assert_int_equal(smtp_client_phase(c), SMTP_PHASE_EHLO);
	assert_int_equal(smtp_client_feed(c, "250 x\n", 6, 115 * sec), 0);
	assert_int_equal(smtp_client_next(c, 115 * sec, &info), CLIENT_READY);
	assert_int_equal(smtp_client_phase_ns(c, SMTP_PHASE_GREETING),
	    110 * sec);
	assert_int_equal(smtp_client_phase_ns(c, SMTP_PHASE_EHLO), 5 * sec);
	smtp_client_quit(c, 115 * sec);
	assert_int_equal(smtp_client_timeout_ms(c), 10000);
	smtp_client_destroy(&c);
}

static void
test_caps(void **state)
{
	static char junk[64 << 10];
	struct smtp_client_info info;
	struct run r = ready("250 x\r\n");
	enum smtp_client_event ev = CLIENT_NONE;
	int i, rc = 0;

	(void)state;
	memset(junk, '2', sizeof(junk));
	/* never read */
	for (i = 0; i < 100 && rc == 0; i++)
		rc = smtp_client_feed(r.c, junk, sizeof(junk), 1);
	assert_int_equal(rc, -MX_ETOOBIG);
	assert_int_equal(smtp_client_next(r.c, 1, &info), CLIENT_FAILED);
	assert_int_equal(smtp_client_next(r.c, 1, &info), CLIENT_NONE);
	smtp_client_destroy(&r.c);
	/* read, but a line without end */
	r = ready("250 x\r\n");
	for (i = 0; i < 100 && ev == CLIENT_NONE; i++) {
		assert_int_equal(smtp_client_feed(r.c, junk, sizeof(junk), 1),
		    0);
		ev = smtp_client_next(r.c, 1, &info);
	}
	assert_int_equal(ev, CLIENT_FAILED);
	smtp_client_destroy(&r.c);
}

/* An owner that never drains: the body stops at the cap, and no final dot
 * makes the half of it a whole. */
static void
test_body_not_drained(void **state)
{
	static char piece[64 << 10];
	struct smtp_client_info info;
	struct run r = ready("250-x\r\n250 PIPELINING\r\n");
	size_t len;
	int i;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	step(&r, &(struct step){ MAIL, "1" }, false);
	step(&r, &(struct step){ SRV, "250 a\r\n250 b\r\n354 c\r\n" }, false);
	for (i = 0; i < 1000; i++)
		smtp_client_body(r.c, piece, sizeof(piece));
	len = smtp_client_out(r.c)->len;
	assert_true(len <= 8u << 20);
	smtp_client_body_end(r.c, 9);
	assert_int_equal(smtp_client_out(r.c)->len, len);
	assert_int_equal(smtp_client_next(r.c, 9, &info), CLIENT_FAILED);
	smtp_client_destroy(&r.c);
}

/* Octets that the owner writes himself count as said; those that are too many,
 * or not of a chunk, do not go that way. */
static void
test_body_by_owner(void **state)
{
	struct smtp_client_info info;
	struct run r = ready("250-x\r\n250 CHUNKING\r\n");

	(void)state;
	assert_false(smtp_client_body_as_is(r.c, 1));
	step(&r, &(struct step){ MAIL, "8" }, false);
	step(&r, &(struct step){ SRV, "250 a\r\n" }, false);
	step(&r, &(struct step){ SRV, "250 b\r\n" }, false);
	buf_clear(smtp_client_out(r.c));
	assert_false(smtp_client_body_as_is(r.c, 4));
	assert_true(smtp_client_body_as_is(r.c, 2));
	assert_false(smtp_client_body_as_is(r.c, 2));
	smtp_client_body(r.c, "x", 1);
	assert_string_equal(buf_str(smtp_client_out(r.c)), "x");
	smtp_client_body_end(r.c, 9);
	assert_false(smtp_client_body_as_is(r.c, 0));
	assert_int_equal(smtp_client_next(r.c, 9, &info), CLIENT_NONE);
	step(&r, &(struct step){ SRV, "250 c\r\n" }, false);
	assert_non_null(strstr(r.events, "SENT eod 250"));
	smtp_client_destroy(&r.c);

	r = ready("250-x\r\n250 PIPELINING\r\n");
	step(&r, &(struct step){ MAIL, "1" }, false);
	step(&r, &(struct step){ SRV, "250 a\r\n250 b\r\n354 c\r\n" }, false);
	assert_false(smtp_client_body_as_is(r.c, 1));
	smtp_client_destroy(&r.c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_ext),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_body_not_drained),
		cmocka_unit_test(test_body_by_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
