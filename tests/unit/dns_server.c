/* SPDX-License-Identifier: ISC
 * dns_server: see the header. Messages are put together byte by byte, because
 * most of them are ones that a library would refuse to make. */
#include "dns_server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dns_server {
	int udp, tcp, stop[2];
	struct net_addr addr;
	pthread_t thread;
	atomic_uint asked;
	atomic_bool mute;
};

struct msg {
	uint8_t data[70000];
	size_t len;
};

#define TYPE_A	   1
#define TYPE_NS	   2
#define TYPE_CNAME 5
#define TYPE_SOA   6
#define TYPE_PTR   12
#define TYPE_MX	   15
#define TYPE_TXT   16
#define TYPE_AAAA  28
#define TYPE_TLSA  52
#define QNAME	   0xc00c /* a pointer to the question's name */

static void
put16(struct msg *m, unsigned v)
{
	m->data[m->len++] = (uint8_t)(v >> 8);
	m->data[m->len++] = (uint8_t)v;
}

static void
put(struct msg *m, const void *p, size_t n)
{
	memcpy(m->data + m->len, p, n);
	m->len += n;
}

static void
put_name(struct msg *m, const char *name)
{
	size_t n;

	while (*name != '\0') {
		n = strcspn(name, ".");
		m->data[m->len++] = (uint8_t)n;
		put(m, name, n);
		name += n + (name[n] == '.');
	}
	m->data[m->len++] = 0;
}

static void
count(struct msg *m, size_t off)
{
	if (++m->data[off + 1] == 0)
		m->data[off]++;
}

/* Starts a record of `owner` (NULL: the name asked); returns where its
 * length goes. */
static size_t
rr_begin(struct msg *m, const char *owner, unsigned type, unsigned ttl)
{
	if (owner == NULL)
		put16(m, QNAME);
	else
		put_name(m, owner);
	put16(m, type);
	put16(m, 1);
	put16(m, 0);
	put16(m, ttl);
	put16(m, 0);
	return m->len;
}

static void
rr_end(struct msg *m, size_t start)
{
	size_t n = m->len - start;

	m->data[start - 2] = (uint8_t)(n >> 8);
	m->data[start - 1] = (uint8_t)n;
}

static void
add_mx(struct msg *m, const char *owner, unsigned pref, const char *host)
{
	size_t at = rr_begin(m, owner, TYPE_MX, 60);

	put16(m, pref);
	put_name(m, host);
	rr_end(m, at);
	count(m, 6);
}

static void
add_cname(struct msg *m, const char *owner, const char *target)
{
	size_t at = rr_begin(m, owner, TYPE_CNAME, 30);

	put_name(m, target);
	rr_end(m, at);
	count(m, 6);
}

static void
add_addr(struct msg *m, const char *owner, unsigned type, unsigned last)
{
	static const uint8_t v6[15] = { 0x20, 0x01, 0x0d, 0xb8 };
	uint8_t v4[4] = { 192, 0, 2, (uint8_t)last };
	size_t at = rr_begin(m, owner, type, 60);

	if (type == TYPE_A)
		put(m, v4, 4);
	else {
		put(m, v6, 15);
		put(m, &v4[3], 1);
	}
	rr_end(m, at);
	count(m, 6);
}

static void
add_tlsa(struct msg *m, unsigned usage, size_t len)
{
	size_t at = rr_begin(m, NULL, TYPE_TLSA, 60), i;

	m->data[m->len++] = (uint8_t)usage;
	m->data[m->len++] = 1;
	m->data[m->len++] = 1;
	for (i = 0; i < len; i++)
		m->data[m->len++] = (uint8_t)(usage + i);
	rr_end(m, at);
	count(m, 6);
}

/* By the label of the host. */
static void
answer_tlsa(struct msg *m, const char *label)
{
	unsigned i;

	if (strcmp(label, "many") == 0) {
		for (i = 0; i < 20; i++)
			add_tlsa(m, i, 32);
	} else if (strcmp(label, "big") == 0) {
		/* the third does not fit, the fourth does */
		add_tlsa(m, 0, 3000);
		add_tlsa(m, 1, 3000);
		add_tlsa(m, 2, 3000);
		add_tlsa(m, 3, 32);
	} else if (strcmp(label, "huge") == 0)
		add_tlsa(m, 0, 9000);
	else if (strcmp(label, "empty") == 0)
		add_tlsa(m, 3, 0);
	else {
		add_tlsa(m, 3, 32);
		add_tlsa(m, 2, 32);
	}
}

/* A record of strings, each as long as its text says. */
static void
add_txt(struct msg *m, const char *one, const char *two, size_t more)
{
	size_t at = rr_begin(m, NULL, TYPE_TXT, 60), i;

	m->data[m->len++] = (uint8_t)strlen(one);
	put(m, one, strlen(one));
	m->data[m->len++] = (uint8_t)strlen(two);
	put(m, two, strlen(two));
	for (i = 0; i < more; i++) {
		m->data[m->len++] = 255;
		memset(m->data + m->len, 'x', 255);
		m->len += 255;
	}
	rr_end(m, at);
	count(m, 6);
}

static void
answer_txt(struct msg *m, const char *label)
{
	size_t at;
	unsigned i;

	if (strcmp(label, "many") == 0) {
		for (i = 0; i < 20; i++)
			add_txt(m, "v=many", "", 0);
	} else if (strcmp(label, "big") == 0) {
		/* the second does not fit, the third does */
		add_txt(m, "", "", 28);
		add_txt(m, "", "", 28);
		add_txt(m, "small", "", 0);
	} else if (strcmp(label, "nul") == 0) {
		at = rr_begin(m, NULL, TYPE_TXT, 60);
		put(m, "\3a\0b", 4);
		rr_end(m, at);
		count(m, 6);
	} else {
		add_txt(m, "v=spf1 ip4:192.0.2.", "0/24 -all", 0);
		add_txt(m, "other", "", 0);
	}
}

static void
answer_ptr(struct msg *m)
{
	static const char *const name[] = { "MX2.Example.net", "-bad.test",
		"mail.example.net" };
	size_t at, i;

	for (i = 0; i < 3; i++) {
		at = rr_begin(m, NULL, TYPE_PTR, 60);
		put_name(m, name[i]);
		rr_end(m, at);
		count(m, 6);
	}
}

static void
add_soa(struct msg *m)
{
	size_t at = rr_begin(m, "test", TYPE_SOA, 60);
	unsigned i;

	put_name(m, "ns.test");
	put_name(m, "root.test");
	for (i = 0; i < 5; i++) {
		put16(m, 0);
		put16(m, 20);
	}
	rr_end(m, at);
	count(m, 8);
}

/* EDE 6, "DNSSEC bogus", in an OPT record. */
static void
add_ede(struct msg *m)
{
	static const uint8_t opt[] = { 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 6, 0,
		15, 0, 2, 0, 6 };

	put(m, opt, sizeof(opt));
	count(m, 10);
}

static void
add_chain(struct msg *m, unsigned links, unsigned type)
{
	char from[32], to[32];
	unsigned i;

	(void)strlcpy(to, "c0.test", sizeof(to));
	add_cname(m, NULL, to);
	for (i = 1; i < links; i++) {
		(void)strlcpy(from, to, sizeof(from));
		(void)snprintf(to, sizeof(to), "c%u.test", i);
		add_cname(m, from, to);
	}
	if (type == TYPE_MX)
		add_mx(m, to, 10, "mx.test");
	else
		add_addr(m, to, type, 9);
}

static void
rcode(struct msg *m, unsigned code)
{
	m->data[3] = (uint8_t)((m->data[3] & 0xf0) | code);
}

/* What is cut over UDP and whole over TCP. */
static void
answer_cut(struct msg *m, bool tcp)
{
	unsigned i;
	char host[32];

	if (!tcp) {
		m->data[2] |= 2;
		return;
	}
	for (i = 0; i < 500; i++) {
		(void)snprintf(host, sizeof(host), "mx%u.test", i);
		add_mx(m, NULL, 500 - i, host);
	}
}

static bool
answer_hostile(struct msg *m, const char *label, unsigned type)
{
	unsigned i;
	size_t at;

	if (strcmp(label, "wrongid") == 0) {
		m->data[0] ^= 0x55;
		add_mx(m, NULL, 10, "evil.test");
	} else if (strcmp(label, "wrongname") == 0) {
		m->data[13] ^= 1;
		add_mx(m, NULL, 10, "evil.test");
	} else if (strcmp(label, "wrongtype") == 0) {
		add_mx(m, NULL, 10, "evil.test");
		m->data[12 + strlen("wrongtype.test") + 3] ^= 3;
	} else if (strcmp(label, "noquestion") == 0) {
		m->data[5] = 0;
		m->len = 12;
		add_mx(m, "noquestion.test", 10, "evil.test");
	} else if (strcmp(label, "query") == 0) {
		m->data[2] &= 0x7f;
		add_mx(m, NULL, 10, "evil.test");
	} else if (strcmp(label, "otherowner") == 0) {
		add_mx(m, "other.test", 10, "evil.test");
		add_soa(m);
	} else if (strcmp(label, "loop") == 0) {
		at = rr_begin(m, NULL, TYPE_MX, 60);
		put16(m, 10);
		put16(m, 0xc000 | (unsigned)m->len);
		rr_end(m, at);
		count(m, 6);
	} else if (strcmp(label, "cnameloop") == 0) {
		add_cname(m, NULL, "x.test");
		add_cname(m, "x.test", "cnameloop.test");
	} else if (strcmp(label, "chain20") == 0)
		add_chain(m, 20, type);
	else if (strcmp(label, "junk") == 0) {
		for (i = 12; i < 65000; i++)
			m->data[i] = (uint8_t)(i * 7 + (i >> 8));
		m->len = 65000;
		m->data[6] = m->data[7] = 0xff;
	} else
		return false;
	return true;
}

static void
answer_plain(struct msg *m, const char *label, unsigned type, bool tcp)
{
	if (strcmp(label, "servfail") == 0)
		rcode(m, 2);
	else if (strcmp(label, "bogus") == 0) {
		rcode(m, 2);
		add_ede(m);
	} else if (strcmp(label, "refused") == 0)
		rcode(m, 5);
	else if (strcmp(label, "nx") == 0) {
		rcode(m, 3);
		add_soa(m);
	} else if (strcmp(label, "nodata") == 0)
		add_soa(m);
	else if (strcmp(label, "lame") == 0) {
		size_t at = rr_begin(m, "test", TYPE_NS, 60);

		put_name(m, "ns.elsewhere.test");
		rr_end(m, at);
		count(m, 8);
	} else if (strcmp(label, "cut") == 0)
		answer_cut(m, tcp);
	else if (strcmp(label, "null") == 0)
		add_mx(m, NULL, 0, "");
	else if (strcmp(label, "badhosts") == 0) {
		add_mx(m, NULL, 10, "192.0.2.1");
		add_mx(m, NULL, 10, "-hyphen.test");
		add_mx(m, NULL, 0, "");
		add_mx(m, NULL, 20, "MX.Test");
	} else if (strcmp(label, "onlybad") == 0)
		add_mx(m, NULL, 10, "192.0.2.1");
	else if (strcmp(label, "chain3") == 0)
		add_chain(m, 3, type);
	else if (strcmp(label, "a6fail") == 0 && type == TYPE_AAAA)
		rcode(m, 2);
	else if (strcmp(label, "a4fail6none") == 0) {
		if (type == TYPE_A)
			rcode(m, 2);
		else
			add_soa(m);
	} else if (type == TYPE_MX) {
		add_mx(m, NULL, 20, "b.test");
		add_mx(m, NULL, 10, "a.test");
	} else if (type == TYPE_TLSA)
		answer_tlsa(m, label);
	else if (type == TYPE_TXT)
		answer_txt(m, label);
	else if (type == TYPE_PTR)
		answer_ptr(m);
	else
		add_addr(m, NULL, type, type == TYPE_A ? 4 : 6);
}

/* The answer to `query`; false when there shall be none. */
static bool
make_answer(struct dns_server *s, const uint8_t *query, size_t len, bool tcp,
    struct msg *m)
{
	char label[64] = "";
	unsigned type;
	size_t at = 12, first = 12;

	atomic_fetch_add(&s->asked, 1);
	while (at < len && query[at] != 0)
		at += query[at] + 1u;
	if (len < 12 || at + 5 > len)
		return false;
	type = (unsigned)query[at + 1] << 8 | query[at + 2];
	if (type == TYPE_TLSA) /* behind the port and "_tcp" */
		first += 1u + query[first] + 5u;
	if (first >= at || query[first] >= sizeof(label))
		return false;
	memcpy(label, query + first + 1, query[first]);
	m->len = 0;
	put(m, query, at + 5);
	memset(m->data + 6, 0, 6);
	m->data[2] = 0x81; /* QR, RD */
	m->data[3] = 0x80; /* RA */
	if (strcmp(label, "silent") == 0)
		return false;
	if (strncmp(label, "signed", 6) == 0)
		m->data[3] |= 0x20; /* AD */
	if (atomic_load(&s->mute))
		rcode(m, 2);
	else if (!answer_hostile(m, label, type))
		answer_plain(m, label, type, tcp);
	return true;
}

static bool
read_full(int fd, uint8_t *p, size_t n)
{
	ssize_t got;

	for (; n > 0; p += got, n -= (size_t)got) {
		if ((got = read(fd, p, n)) <= 0)
			return false;
	}
	return true;
}

static void
serve_tcp(struct dns_server *s, struct msg *m)
{
	uint8_t query[512], head[2];
	int fd = accept(s->tcp, NULL, NULL);
	size_t n, off;
	ssize_t put_n;

	if (fd < 0)
		return;
	if (!read_full(fd, head, 2))
		goto out;
	n = (size_t)head[0] << 8 | head[1];
	if (n > sizeof(query) || !read_full(fd, query, n) ||
	    !make_answer(s, query, n, true, m))
		goto out;
	memmove(m->data + 2, m->data, m->len);
	m->data[0] = (uint8_t)(m->len >> 8);
	m->data[1] = (uint8_t)m->len;
	for (off = 0; off < m->len + 2; off += (size_t)put_n) {
		put_n = send(fd, m->data + off, m->len + 2 - off, MSG_NOSIGNAL);
		if (put_n <= 0)
			break;
	}
out:
	(void)close(fd);
}

static void
serve_udp(struct dns_server *s, struct msg *m)
{
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint8_t query[512];
	ssize_t n = recvfrom(s->udp, query, sizeof(query), 0,
	    (struct sockaddr *)&from, &from_len);

	if (n < 0 || !make_answer(s, query, (size_t)n, false, m))
		return;
	/* A forgery comes first, and the right answer after it. */
	if (memcmp(query + 13, "forged", 6) == 0) {
		m->data[0] ^= 0x55;
		(void)sendto(s->udp, m->data, m->len, 0,
		    (struct sockaddr *)&from, from_len);
		m->data[0] ^= 0x55;
	}
	(void)sendto(s->udp, m->data, m->len, 0, (struct sockaddr *)&from,
	    from_len);
}

static void *
server_main(void *arg)
{
	struct dns_server *s = arg;
	struct msg *m = calloc(1, sizeof(*m));
	struct pollfd p[3] = { { .fd = s->udp, .events = POLLIN },
		{ .fd = s->tcp, .events = POLLIN },
		{ .fd = s->stop[0], .events = POLLIN } };

	for (;;) {
		if (poll(p, 3, -1) < 0)
			continue;
		if (p[2].revents != 0)
			break;
		if (p[0].revents != 0)
			serve_udp(s, m);
		if (p[1].revents != 0)
			serve_tcp(s, m);
	}
	free(m);
	return NULL;
}

struct dns_server *
dns_server_start(void)
{
	struct dns_server *s = calloc(1, sizeof(*s));
	int tries;

	for (tries = 0; tries < 50; tries++) {
		if (addr_parse(&s->addr, "127.0.0.1", 0, ':') < 0)
			abort();
		s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (bind(s->udp, &s->addr.u.sa, s->addr.len) < 0 ||
		    getsockname(s->udp, &s->addr.u.sa, &s->addr.len) < 0)
			abort();
		/* The same number may be taken for TCP: another one then. */
		if (bind(s->tcp, &s->addr.u.sa, s->addr.len) == 0 &&
		    listen(s->tcp, 10) == 0)
			break;
		(void)close(s->udp);
		(void)close(s->tcp);
	}
	if (pipe(s->stop) < 0 ||
	    pthread_create(&s->thread, NULL, server_main, s) != 0)
		abort();
	return s;
}

void
dns_server_stop(struct dns_server **sp)
{
	struct dns_server *s = *sp;

	(void)close(s->stop[1]);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->stop[0]);
	(void)close(s->udp);
	(void)close(s->tcp);
	free(s);
	*sp = NULL;
}

struct net_addr
dns_server_addr(const struct dns_server *s)
{
	return s->addr;
}

unsigned
dns_server_asked(struct dns_server *s)
{
	return atomic_load(&s->asked);
}

void
dns_server_mute(struct dns_server *s, bool mute)
{
	atomic_store(&s->mute, mute);
}
