/* SPDX-License-Identifier: ISC
 * smtpd_world: see smtpd_world.h. */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/smtpd_world.h"

struct world w;

static bool
primary_up(void *arg MX_UNUSED, const char *domain MX_UNUSED)
{
	return w.primary_up;
}

static enum smtpd_etrn
etrn(void *arg MX_UNUSED, const char *domain, const char *client MX_UNUSED,
    uint64_t *n)
{
	assert_string_equal(domain, "backed.test");
	*n = 7;
	return w.etrn;
}

static bool
learned(void *arg MX_UNUSED, const char *domain, const char *mailbox,
    struct learned_view *v)
{
	int64_t now = clock_wall_ms();

	*v = (struct learned_view){ .word = w.word, .due = w.due };
	v->taken_ms = v->passed_ms = now - INT64_C(3) * 86400000;
	v->tested_ms = now - 3600000;
	v->refused_ms = now - 7200000;
	v->refused_first_ms = now - 86400000;
	smtpd_rcpt_known_as(w.smtpd, domain, mailbox, v->mailbox);
	return true;
}

static void
check(void *arg MX_UNUSED, const char *domain, const char *mailbox,
    uint64_t client)
{
	assert_non_null(strstr(mailbox, domain));
	w.checks++;
	w.check_client = client;
	snprintf(w.check, sizeof(w.check), "%s", mailbox);
}

const struct smtpd_ops world_ops = { .primary_up = primary_up,
	.etrn = etrn,
	.learned = learned,
	.check = check };

void
put_file(const char *name, const char *text)
{
	char path[128], tmp[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", w.dir, name);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	f = fopen(tmp, "w");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0); /* it may be a key */
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(tmp, path), 0);
}

/* A certificate of no other use, for a hundred years. */
static const char cert_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBfTCCASOgAwIBAgIUUYyt4UeFDmt7rkr5clOsTfnvP4swCgYIKoZIzj0EAwIw\n"
    "EzERMA8GA1UEAwwIbXgyLnRlc3QwIBcNMjYxMTIyMTczODUzWhgPMjEyNjEwMjkx\n"
    "NzM4NTNaMBMxETAPBgNVBAMMCG14Mi50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0D\n"
    "AQcDQgAEeO/LFZAWJEfjjQ4U8PYMmLUED+MML/HQD7Yu9qNF4UrOj4Xbl35TSodU\n"
    "iUPSfuGIW4WQNPv9r406oYc8vfIt66NTMFEwHQYDVR0OBBYEFLpnfi1rSBHp902n\n"
    "Tf2z9p5kc/79MB8GA1UdIwQYMBaAFLpnfi1rSBHp902nTf2z9p5kc/79MA8GA1Ud\n"
    "EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgZduOTUQHQ6E29NJX58GXMWjN\n"
    "/7ESPXkO4dJA1i5RO2ECIQDL+2wyI+3AGh1rQjyk+isWk0CSB84ihgejAza4fLkx\n"
    "NA==\n"
    "-----END CERTIFICATE-----\n";
static const char key_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgftrd0puf60Md+Mm8\n"
    "M+9j/B4RRBoyB6uFl9ThWnl30KShRANCAAR478sVkBYkR+ONDhTw9gyYtQQP4wwv\n"
    "8dAPti72o0XhSs6PhduXflNKh1SJQ9J+4YhbhZA0+/2vjTqhhzy98i3r\n"
    "-----END PRIVATE KEY-----\n";

const char *
put_certificate(void)
{
	static char conf[256];

	put_file("cert", cert_pem);
	put_file("key", key_pem);
	snprintf(conf, sizeof(conf),
	    "tls_cert = \"%s/cert\" tls_key = \"%s/key\"", w.dir, w.dir);
	return conf;
}

struct config *
make_config(const char *smtpd, const char *queue)
{
	struct conf_errors errs;
	struct config *conf;
	char *text = mem_printf(
	    "hostname = mx2.test\n"
	    "smtpd { %s %s %s %s }\n"
	    "queue { %s }\n"
	    "domain \"backed.test\" { recipients = \"%s/rcpt\" }\n"
	    "domain \"any.test\" { primary = {\"mx1.test\"} }\n"
	    "domain \"outage.test\" { admission = \"outage\" }\n"
	    "domain \"learns.test\" { recipients_learn = yes\n"
	    "  recipient_delimiter = \"+\" }\n"
	    "domain \"waits.test\" { recipients_learn = yes\n"
	    "  recipients_unknown = \"defer\" }\n"
	    "domain \"patient.test\" { admission = \"outage\"\n"
	    "  admission_patience = \"30ms\" }\n",
	    strstr(smtpd, "trusted") == NULL ? "trusted = {}" : "",
	    /* all is said at once */
	    strstr(smtpd, "early_talk") == NULL ? "early_talk = \"accept\"" :
						  "",
	    strstr(smtpd, "listen") == NULL ? "listen = {\"127.0.0.1:0\"}" : "",
	    smtpd, queue, w.dir);
	size_t i;

	conf = config_parse("test", text, strlen(text), &errs);
	for (i = 0; i < errs.n; i++)
		if (!errs.e[i].warning)
			print_message("line %u: %s\n", errs.e[i].line,
			    errs.e[i].text);
	conf_errors_fini(&errs);
	mem_free(&text);
	assert_non_null(conf);
	return conf;
}

void
configure(const char *smtpd, const char *queue)
{
	struct config *conf = make_config(smtpd, queue);
	struct mx_errbuf eb;

	if (smtpd_configure(w.smtpd, conf, &eb) < 0)
		fail_msg("%s", eb.text);
	config_unref(&conf);
	wait_read();
}

static void
stop_reading(void *arg MX_UNUSED)
{
	loop_stop(w.loop);
}

void
wait_read(void)
{
	if (smtpd_files_unread(w.smtpd) == 0)
		return;
	smtpd_on_read(w.smtpd, stop_reading, NULL);
	loop_run(w.loop);
	smtpd_on_read(w.smtpd, NULL, NULL);
}

const char rcpt_file[] = "user@backed.test OK\n"
			 "two@backed.test OK\n"
			 "ok%other.test@backed.test OK\n"
			 "three@backed.test OK\n"
			 "four@backed.test OK\n"
			 "gone@backed.test REJECT 5.1.6 moved away\n";

void
begin(const char *smtpd, const char *queue)
{
	memset(&w, 0, sizeof(w));
	strlcpy(w.dir, "/tmp/test_smtpd.XXXXXX", sizeof(w.dir));
	assert_non_null(mkdtemp(w.dir));
	put_file("rcpt", rcpt_file);
	w.loop = loop_create();
	w.stats = stats_create();
	(void)stats_domain_add(w.stats, "backed.test");
	fake_relay_init(w.loop);
	w.smtpd = smtpd_create(w.loop, NULL, w.stats, &world_ops);
	configure(smtpd, queue);
}

void
end(void)
{
	char cmd[128];

	smtpd_destroy(&w.smtpd);
	fake_relay_fini();
	stats_destroy(&w.stats);
	loop_destroy(&w.loop);
	snprintf(cmd, sizeof(cmd), "rm -r %s", w.dir);
	assert_int_equal(system(cmd), 0);
}

/* ---- a client that says what it is told to and listens to the end */

int
connect_pair(const char *from)
{
	struct net_addr peer;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX,
			     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
	    0);
	assert_int_equal(addr_parse(&peer, from, 4025, ':'), 0);
	smtpd_adopt(w.smtpd, fd[0], &peer);
	return fd[1];
}

static void
tick(void *arg)
{
	struct talk *t = arg;
	ssize_t n;

	if (t->off < t->len) {
		n = (ssize_t)(t->len - t->off < t->step ? t->len - t->off :
							  t->step);
		n = send(t->fd, t->in + t->off, (size_t)n, MSG_NOSIGNAL);
		if (n > 0)
			t->off += (size_t)n;
		else if (n < 0 && errno != EAGAIN)
			t->off = t->len;
		if (t->off == t->len && !t->keep_open)
			shutdown(t->fd, SHUT_WR);
	}
	n = recv(t->fd, t->out + t->out_len, sizeof(t->out) - 1 - t->out_len,
	    MSG_DONTWAIT);
	if (n > 0)
		t->out_len += (size_t)n;
	t->out[t->out_len] = '\0';
	t->gone = n == 0 || (n < 0 && errno != EAGAIN);
	if (t->gone || (t->stop != NULL && t->stop(t)) ||
	    clock_now() > t->until)
		loop_stop(w.loop);
	else
		loop_timer_set(t->timer, n > 0 || t->off < t->len ? 0 : 1);
}

void
talk_on(struct talk *t, int64_t ms)
{
	t->until = clock_now() + ms * CLOCK_MS;
	t->timer = loop_timer_create(w.loop, tick, t);
	loop_timer_set(t->timer, 0);
	loop_run(w.loop);
	loop_timer_destroy(&t->timer);
}

struct talk talk;

/* Everything said and heard, until the server closes. */
void
converse(const char *in, size_t len, size_t step)
{
	memset(&talk, 0, sizeof(talk));
	talk.fd = connect_pair("192.0.2.7");
	talk.in = in;
	talk.len = len;
	talk.step = step;
	if (len == 0)
		shutdown(talk.fd, SHUT_WR);
	talk_on(&talk, 20000);
	close(talk.fd);
	if (!talk.gone)
		fail_msg("the session did not end: %s", talk.out);
}

/* "220 250:2.1.0 ..." from what the server said. */
void
replies(const char *out, char *dst, size_t size)
{
	const char *line = out, *eol;
	unsigned code, a, b, c;
	size_t n = 0;
	int used;

	dst[0] = '\0';
	for (; *line != '\0'; line = eol + 2) {
		eol = strstr(line, "\r\n");
		if (eol == NULL)
			fail_msg("half a line: %s", line);
		if (sscanf(line, "%3u", &code) != 1)
			fail_msg("no reply: %s", line);
		if (line[3] == '-')
			continue;
		used = sscanf(line + 4, "%1u.%u.%u ", &a, &b, &c);
		n += (size_t)snprintf(dst + n, size - n,
		    used == 3 ? "%s%u:%u.%u.%u" : "%s%u", n > 0 ? " " : "",
		    code, a, b, c);
		assert_true(n < size);
	}
}

/* `want` may leave the status of a reply out. */
bool
replies_match(const char *got, const char *want)
{
	size_t g, n;

	for (;;) {
		g = strcspn(got, " ");
		n = strcspn(want, " ");
		if (n > g || strncmp(got, want, n) != 0 ||
		    (got[n] != ':' && n != g))
			return false;
		if (got[g] == '\0' || want[n] == '\0')
			return got[g] == want[n];
		got += g + 1;
		want += n + 1;
	}
}

char *
repeat(const char *head, const char *what, unsigned times, const char *tail)
{
	size_t a = strlen(head), b = strlen(what), c = strlen(tail);
	char *s = mem_alloc(a + b * times + c + 1);
	unsigned i;

	memcpy(s, head, a);
	for (i = 0; i < times; i++)
		memcpy(s + a + i * b, what, b);
	memcpy(s + a + i * b, tail, c + 1);
	return s;
}

/* Sends head, `times` times what, tail; compares the last reply. */
void
expect_last(const char *head, const char *what, unsigned times,
    const char *tail, const char *want)
{
	char *in = repeat(head, what, times, tail), *last, got[16384];

	converse(in, strlen(in), 65536);
	replies(talk.out, got, sizeof(got));
	last = strrchr(got, ' ');
	if (!replies_match(last != NULL ? last + 1 : got, want))
		fail_msg("%.20s x %u: %s", what, times, got);
	mem_free(&in);
}

static void
run_case(const struct talk_case *c, size_t step)
{
	size_t len = c->len > 0 ? c->len : strlen(c->in);
	char got[4096];

	fake_relay_forget();
	converse(c->in, len, step);
	replies(talk.out, got, sizeof(got));
	if (!replies_match(got, c->want))
		fail_msg("%s, step %zu:\n got %s\nwant %s", c->name, step, got,
		    c->want);
	if (fake.nmessages != c->messages)
		fail_msg("%s, step %zu: %u messages", c->name, step,
		    fake.nmessages);
	assert_int_equal(fake.begun - fake.aborted - fake.nmessages, 0);
	fake.begun = fake.aborted = 0;
}

void
run_cases(const struct talk_case *c, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		run_case(&c[i], 65536);
		run_case(&c[i], 1);
		run_case(&c[i], 7);
	}
}
