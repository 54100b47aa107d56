/* SPDX-License-Identifier: ISC
 * Fuzz: what a client sends, against whole sessions over a socket pair with a
 * store and a queue that are fakes. Whatever comes: the session ends, each
 * line gets one reply at most, every store transaction is either committed or
 * given up, and what was stored is what the client sent, octet for octet
 * (session_model.h). A client that said STARTTLS, and may, goes on within TLS.
 *
 * The first byte says how the rest is cut up, the second is FUZZ_* below. The
 * server, with its tables and its thread, is made once for each configuration,
 * for that costs more than a session; FUZZ_ABANDON makes a new one. */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "relay/smtpd/session.h"
#include "tests/fuzz/session_model.h"
#include "tests/unit/fake_relay.h"

#define FUZZ_BLIND  1u /* sends on before a reply says what it is */
#define FUZZ_REJECT 2u /* bare_newline = reject, early_talk = accept */
/* These cost ten times as much as the rest: they are rare. */
#define FUZZ_TLS 0x1cu /* all of these: STARTTLS is offered */
/* The same with or without TLS, and not cut up: the server ends in
 * mid-session. With TLS it has to read its certificate, too. */
#define FUZZ_ABANDON 0xe3u
#define FUZZ_TURNS   24u /* an input is not cut into more pieces */

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
const char *__asan_default_options(void);

/* Fresh pages for all that is allocated cost more than the session. A session
 * is short: what it uses after freeing it is found with a few megabytes, too. */
const char *
__asan_default_options(void)
{
	return "quarantine_size_mb=4:max_malloc_fill_size=0:"
	       "malloc_context_size=8";
}

static struct {
	struct config *conf[2][2]; /* TLS is offered; bare_newline = reject */
	SSL_CTX *client_tls;
	struct loop *loop;
	struct stats *stats;
	struct smtpd *smtpd[2][2]; /* of each configuration */
	SSL_SESSION *ticket; /* of the last handshake, whoever's it was */
} world;

static struct client {
	struct model model;
	struct smtpd *smtpd;
	struct loop_timer *timer;
	SSL *ssl; /* NULL: in clear */
	bool tls_up, broken; /* the handshake is done, has failed */
	bool said_all, abandon;
	int fd;
	unsigned flags, ticks, idle;
	const uint8_t *data;
	size_t len, off, step;
} c;

/* ---- OpenSSL's memory */

/* A handshake allocates thousands of times; the sanitizer's part of that would
 * be most of what a session costs, and OpenSSL is not what is tested. Blocks
 * are given back to a list of their size, a power of two. */
union block {
	union block *next; /* of its list */
	unsigned order;
	max_align_t align;
};
static union block *spare[32];

static void *
block_alloc(size_t size, const char *file MX_UNUSED, int line MX_UNUSED)
{
	/* The lowest power of two, of 32 at least, that holds it. */
	unsigned order =
	    64 - (unsigned)__builtin_clzll((size - (size > 0)) | 16);
	union block *b;

	MX_ASSERT(order < MX_COUNT(spare));
	b = spare[order];
	if (b != NULL)
		spare[order] = b->next;
	else
		b = malloc(sizeof(*b) + ((size_t)1 << order));
	MX_ASSERT(b != NULL);
	b->order = order;
	return b + 1;
}

static void
block_free(void *p, const char *file MX_UNUSED, int line MX_UNUSED)
{
	union block *b;
	unsigned order;

	if (p == NULL)
		return;
	b = (union block *)p - 1;
	order = b->order;
	b->next = spare[order];
	spare[order] = b;
}

static void *
block_again(void *p, size_t size, const char *file, int line)
{
	size_t had = p != NULL ? (size_t)1 << ((union block *)p - 1)->order : 0;
	void *q;

	if (size == 0) {
		block_free(p, file, line);
		return NULL;
	}
	if (size <= had)
		return p;
	q = block_alloc(size, file, line);
	if (p != NULL)
		memcpy(q, p, had);
	block_free(p, file, line);
	return q;
}

/* ---- the server */

static bool
primary_up(void *arg MX_UNUSED, const char *domain MX_UNUSED)
{
	return false;
}

/* A key and a certificate of its own, in memory: "/proc/self/fd/N". */
static void
make_certificate(char *path, size_t size)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	int fd = memfd_create("certificate", 0);
	FILE *f = fdopen(fd, "w");

	MX_ASSERT(
	    key != NULL && x != NULL && f != NULL && fchmod(fd, 0600) == 0);
	MX_ASSERT(X509_set_pubkey(x, key) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(x), 0) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(x), 1000000) != NULL &&
	    X509_sign(x, key, EVP_sha256()) > 0);
	MX_ASSERT(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
	MX_ASSERT(PEM_write_X509(f, x) == 1 && fflush(f) == 0);
	snprintf(path, size, "/proc/self/fd/%d", fd); /* it stays open */
	X509_free(x);
	EVP_PKEY_free(key);
}

static struct config *
make_config(bool tls, bool reject, const char *pem)
{
	char text[1024];
	struct conf_errors errs;
	struct config *conf;
	size_t n;

	n = (size_t)snprintf(text, sizeof(text),
	    "hostname = mx2.test\n"
	    "smtpd { message_size = 2K max_commands = 50 max_recipients = 5 "
	    "max_received = 5 max_sessions = 4 bare_newline = %s "
	    "early_talk = %s\n",
	    reject ? "reject" : "normalize", reject ? "accept" : "refuse");
	if (tls)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "tls_cert = \"%s\" tls_key = \"%s\"\n", pem, pem);
	n += (size_t)snprintf(text + n, sizeof(text) - n,
	    "}\ndomain \"a.test\" { }\ndomain \"b.test\" { }\n");
	conf = config_parse("fuzz", text, n, &errs);
	conf_errors_fini(&errs);
	MX_ASSERT(conf != NULL);
	return conf;
}

static void
gone(void *arg MX_UNUSED)
{
	loop_stop(world.loop);
}

/* The server has seen that its client went: nothing is left of him. */
static void
settle(struct smtpd *m)
{
	struct loop_timer *timer = loop_timer_create(world.loop, gone, NULL);
	unsigned turns;

	for (turns = 0; turns < 2 || !LIST_EMPTY(&m->sessions) ||
	     m->commits->under_way > 0;
	     turns++) {
		MX_ASSERT(turns < 1000);
		loop_timer_set(timer, 0);
		loop_run(world.loop);
	}
	loop_timer_destroy(&timer);
	MX_ASSERT(m->open == 0);
}

static int
connect_to(struct smtpd *m)
{
	struct net_addr peer;
	int fd[2];

	MX_ASSERT(socketpair(AF_UNIX,
		      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
	MX_ASSERT(addr_parse(&peer, "192.0.2.7", 25, ':') == 0);
	smtpd_adopt(m, fd[0], &peer);
	return fd[1];
}

/* A server has had its first client: the run that is the first to allocate a
 * table looks to libFuzzer as if it leaked, and is run and searched again. */
static void
make_servers(void)
{
	static const struct smtpd_ops ops = { .primary_up = primary_up };
	struct mx_errbuf eb;
	struct smtpd **m;

	for (unsigned i = 0; i < 4; i++) {
		m = &world.smtpd[i / 2][i % 2];
		if (*m != NULL)
			continue;
		*m = smtpd_create(world.loop, NULL, world.stats, &ops);
		MX_ASSERT(
		    smtpd_configure(*m, world.conf[i / 2][i % 2], &eb) == 0);
		close(connect_to(*m));
		settle(*m);
	}
}

/* Everything goes but what costs most to make, the other servers. */
static void
abandon(void)
{
	for (unsigned i = 0; i < 4; i++)
		if (world.smtpd[i / 2][i % 2] == c.smtpd)
			smtpd_destroy(&world.smtpd[i / 2][i % 2]);
	MX_ASSERT(fake.begun - fake.aborted >= fake.nmessages);
	fake_relay_fini();
	fake_relay_init(world.loop);
	make_servers();
}

/* Of a server's thread the sanitizer marks the whole stack, twice. */
static void
small_stacks(void)
{
	pthread_attr_t attr;

	MX_ASSERT(pthread_attr_init(&attr) == 0 &&
	    pthread_attr_setstacksize(&attr, 256 * 1024) == 0 &&
	    pthread_setattr_default_np(&attr) == 0);
	(void)pthread_attr_destroy(&attr);
}

static void
world_init(void)
{
	char pem[64];
	unsigned i;

	small_stacks();
	MX_ASSERT(
	    CRYPTO_set_mem_functions(block_alloc, block_again, block_free));
	(void)signal(SIGPIPE, SIG_IGN); /* SSL_write() */
	log_level_set(LOG_LEVEL_ERROR);
	make_certificate(pem, sizeof(pem));
	for (i = 0; i < 4; i++)
		world.conf[i / 2][i % 2] = make_config(i / 2, i % 2, pem);
	world.client_tls = SSL_CTX_new(TLS_client_method());
	MX_ASSERT(world.client_tls != NULL);
	/* A session is gone on with by its ticket: keys and signatures would cost
	 * more than all that is said within, and a version later does both anew. */
	MX_ASSERT(SSL_CTX_set_max_proto_version(world.client_tls,
		      TLS1_2_VERSION) == 1);
	SSL_CTX_set_verify(world.client_tls, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_mode(world.client_tls,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(world.client_tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
	world.loop = loop_create();
	world.stats = stats_create();
	fake_relay_init(world.loop);
	make_servers();
}

/* ---- the client */

static void
start_tls(void)
{
	/* What was said too early is dropped, or breaks the handshake. */
	c.model.at = c.model.sent.len;
	c.model.state = MODEL_COMMAND;
	c.model.tls = true;
	c.ssl = SSL_new(world.client_tls);
	MX_ASSERT(c.ssl != NULL && SSL_set_fd(c.ssl, c.fd) == 1);
	if (world.ticket != NULL)
		MX_ASSERT(SSL_set_session(c.ssl, world.ticket) == 1);
}

/* What a TLS call said: it wants the other side (true), or it is over. */
static bool
tls_waits(int rc)
{
	int error = SSL_get_error(c.ssl, rc);

	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static ssize_t
say(const void *p, size_t n)
{
	int rc;

	if (c.ssl == NULL)
		return send(c.fd, p, n, MSG_NOSIGNAL);
	rc = SSL_write(c.ssl, p, (int)n);
	if (rc <= 0 && tls_waits(rc))
		errno = EAGAIN;
	return rc > 0 ? rc : -1;
}

static ssize_t
hear(void *p, size_t n)
{
	int rc;

	if (c.ssl == NULL)
		return recv(c.fd, p, n, 0);
	rc = SSL_read(c.ssl, p, (int)n);
	if (rc > 0)
		return rc;
	errno = tls_waits(rc) ? EAGAIN : EPIPE;
	return -1;
}

/* False while the handshake goes on, and when it has failed. */
static bool
tls_ready(void)
{
	int rc;

	if (c.ssl == NULL || c.tls_up)
		return true;
	rc = SSL_connect(c.ssl);
	c.tls_up = rc == 1;
	if (c.tls_up && SSL_session_reused(c.ssl) == 0) {
		SSL_SESSION_free(world.ticket);
		world.ticket = SSL_get1_session(c.ssl);
	}
	if (rc != 1 && !tls_waits(rc)) {
		/* only what was said in clear breaks it */
		MX_ASSERT((c.flags & FUZZ_BLIND) != 0);
		c.broken = true;
	}
	return c.tls_up;
}

static void
talk(void)
{
	size_t n = c.len - c.off < c.step ? c.len - c.off : c.step;
	ssize_t done = 0;
	bool answered;

	if (c.model.state == MODEL_TLS)
		return;
	if ((c.flags & FUZZ_BLIND) == 0)
		n = model_may_send(&c.model, c.data + c.off, n);
	if (n > 0) {
		done = say(c.data + c.off, n);
		if (done > 0) {
			model_sent(&c.model, c.data + c.off, (size_t)done);
			c.off += (size_t)done;
		} else if (errno != EAGAIN) {
			c.off = c.len; /* it has closed */
		}
	}
	answered =
	    c.model.state == MODEL_COMMAND && c.model.at == c.model.sent.len;
	/* Who said all that there is may still be asked to begin TLS. */
	if (c.off == c.len && !c.said_all && (answered || c.idle > 2)) {
		shutdown(c.fd, SHUT_WR);
		c.said_all = true;
	}
}

/* A message had its 250: it is there, behind one Received line of ours. */
static void
check_stored(struct model *m, const char *id)
{
	const struct fake_message *msg;
	const char *p;
	size_t head, i;
	char own[TEXT_ID_MAX];
	unsigned rcpts = 0;

	MX_ASSERT(!m->stray || (c.flags & FUZZ_REJECT) == 0);
	if (m->stored >= FAKE_MESSAGES)
		return;
	MX_ASSERT(m->stored < fake.nmessages);
	msg = &fake.message[m->stored];
	text_id(msg->id, own);
	MX_ASSERT(strncmp(id, own, strlen(own)) == 0);
	MX_ASSERT(msg->body.len >= m->want.len);
	head = msg->body.len - m->want.len;
	p = msg->body.data;
	MX_ASSERT(memcmp(p + head, buf_str(&m->want), m->want.len) == 0);
	MX_ASSERT(head > 12 && memcmp(p, "Received: ", 10) == 0 &&
	    memcmp(p + head - 2, "\r\n", 2) == 0);
	for (i = 0; i + 2 < head; i++) /* one field, folded */
		MX_ASSERT(p[i] != '\n' || p[i + 1] == '\t' || p[i + 1] == ' ');
	for (i = 0; i < msg->n; i++)
		rcpts += msg->part[i]->nrcpts;
	MX_ASSERT(rcpts > 0 && rcpts <= m->rcpts);
}

static void
tick(void *arg MX_UNUSED)
{
	char in[4096];
	ssize_t n = -1;
	size_t before = c.off;
	bool waits;

	/* What the server said in its last turn decides what is said now. */
	errno = EAGAIN;
	if (tls_ready())
		n = hear(in, sizeof(in));
	waits = n < 0 && errno == EAGAIN;
	if (n > 0)
		model_heard(&c.model, in, (size_t)n);
	model_walk(&c.model, check_stored);
	if (c.model.state == MODEL_TLS)
		start_tls();
	if (n != 0 && tls_ready())
		talk();
	/* Nobody waits for ever; the handshake has turns of its own. */
	c.idle = n > 0 || c.off > before ? 0 : c.idle + 1;
	MX_ASSERT(++c.ticks < 100000 && c.idle < 5000);
	if (c.broken || (n <= 0 && !waits) || (c.said_all && c.abandon))
		loop_stop(world.loop);
	else
		loop_timer_set(c.timer, 0);
}

static void
client_end(void)
{
	bool whole = c.model.state != MODEL_OVER && !c.broken;

	loop_timer_destroy(&c.timer);
	if (c.ssl != NULL) /* a ticket whose session was cut would be no more */
		SSL_set_shutdown(c.ssl, SSL_SENT_SHUTDOWN);
	SSL_free(c.ssl);
	ERR_clear_error();
	close(c.fd);
	if (c.abandon) {
		abandon();
		model_fini(&c.model);
		return;
	}
	settle(c.smtpd);
	MX_ASSERT(fake.begun - fake.aborted >= fake.nmessages);
	/* Nothing is stored that was not promised, nothing said for nothing. */
	MX_ASSERT(c.model.stored == fake.nmessages ||
	    c.model.stored >= FAKE_MESSAGES);
	MX_ASSERT(!whole || c.model.heard.len == 0);
	model_fini(&c.model);
	fake_relay_forget();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 2)
		return 0;
	if (world.client_tls == NULL)
		world_init();
	memset(&c, 0, sizeof(c));
	model_init(&c.model);
	c.flags = data[1];
	c.data = data + 2;
	c.len = len - 2;
	c.abandon = data[0] == 0 && (c.flags & ~FUZZ_TLS) == FUZZ_ABANDON;
	c.step = data[0] == 0 ? len : data[0];
	if (c.step < c.len / FUZZ_TURNS)
		c.step = c.len / FUZZ_TURNS;
	c.smtpd = world.smtpd[(c.flags & FUZZ_TLS) == FUZZ_TLS]
			     [(c.flags & FUZZ_REJECT) != 0];
	c.fd = connect_to(c.smtpd);
	c.timer = loop_timer_create(world.loop, tick, NULL);
	loop_timer_set(c.timer, 0);
	loop_run(world.loop);
	client_end();
	return 0;
}
