/* SPDX-License-Identifier: ISC
 * mxwatch-agentx: the SNMP subagent. mxwatchd starts it with a socket as
 * descriptor 3 for snapshots and notices; it answers the master agent from the
 * newest complete snapshot and from nothing else. It ends when the socket is
 * closed. With -t it sends a test notification by itself instead. */
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sandbox.h"
#include "base/text.h"
#include "config.h"
#include "exporters/snmp/agent.h"

#define POLL_MS	     1000
#define PACKETS_MAX  256 /* before the master is served again */
#define TEST_WAIT_MS 3000

static struct mib mib;
static struct wire_set incoming;
static struct wire_status status;
static bool status_due = true; /* also shows that the process is alive */

static void
send_record(enum wire_type type, const void *record)
{
	struct wire_out o;
	const void *packet;
	size_t len, stride;

	wire_out_init(&o, 0);
	memcpy(wire_out_add(&o, type), record, wire_record_size(type));
	packet = wire_out_peek(&o, &len, &stride);
	if (send(WIRE_FD, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 &&
	    type == WIRE_STATUS)
		status_due = false;
	wire_out_fini(&o);
}

static void
on_state(void *arg, bool connected, uint32_t standing, uint32_t taken)
{
	(void)arg;
	status.connected = connected;
	status.standing = standing;
	status.taken = taken;
	status_due = true;
}

static void
on_notified(void *arg, uint64_t number, bool taken)
{
	(void)arg;
	status.notice = number;
	status.notice_taken = taken;
	status_due = true;
}

static void
on_log(void *arg, bool error, const char *text)
{
	struct wire_log w = { .error = error };

	(void)arg;
	strlcpy(w.text, text, sizeof(w.text));
	w.text[strcspn(w.text, "\n")] = '\0';
	send_record(WIRE_LOG, &w);
}

static void
on_test_log(void *arg, bool error, const char *text)
{
	(void)arg;
	(void)error;
	fprintf(stderr, "mxwatch-agentx: %s\n", text);
}

static void
take_packet(const union wire_packet *p, size_t len)
{
	uint64_t generation;

	if (wire_check(p, len) != 0) {
		on_log(NULL, true, "a packet from the daemon is malformed");
		return;
	}
	if (p->head.type == WIRE_NOTICE) {
		agent_notify(wire_record(p, 0), p->head.generation);
		return;
	}
	if (wire_set_add(&incoming, p, len) != 1)
		return;
	generation = incoming.generation;
	mib_take(&mib, &incoming, clock_wall_ms());
	status.generation = generation;
	status_due = true;
}

/* False when the daemon is gone. */
static bool
take_packets(void)
{
	static union wire_packet p;
	ssize_t n;

	for (unsigned i = 0; i < PACKETS_MAX; i++) {
		n = recv(WIRE_FD, &p, sizeof(p), MSG_DONTWAIT);
		if (n == 0)
			return false;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		take_packet(&p, (size_t)n);
	}
	return true;
}

static int
run(const char *socket, bool filter)
{
	static const struct agent_ops ops = { on_state, on_notified, on_log,
		NULL };
	struct mx_errbuf eb = { "" };

	agent_init(socket, &mib, &ops);
	if (filter && sandbox_built() && sandbox_enter(&eb) != 0)
		on_log(NULL, true, eb.text);
	for (;;) {
		if (agent_poll(WIRE_FD, POLL_MS) && !take_packets())
			break;
		if (status_due) {
			status.requests = agent_requests();
			send_record(WIRE_STATUS, &status);
		}
	}
	agent_fini();
	return 0;
}

static int
test(const char *socket)
{
	static const struct agent_ops ops = { on_state, on_notified,
		on_test_log, NULL };
	struct wire_notice n = { .event = WIRE_TEST,
		.wall_ms = clock_wall_ms() };
	int64_t end = clock_now() + TEST_WAIT_MS * CLOCK_MS;

	agent_init(socket, &mib, &ops);
	while (status.connected == 0 && clock_now() < end)
		(void)agent_poll(-1, 100);
	agent_notify(&n, 1);
	while (status.notice == 0 && clock_now() < end)
		(void)agent_poll(-1, 100);
	agent_fini();
	if (status.notice_taken == 0) {
		fprintf(stderr, "mxwatch-agentx: no master agent at %s\n",
		    socket);
		return 1;
	}
	puts("sent");
	return 0;
}

static int
usage(void)
{
	fputs("usage: mxwatch-agentx [-mS] [-i INDEX] [-x SOCKET]\n"
	      "       mxwatch-agentx -t [-x SOCKET]\n"
	      "       mxwatch-agentx -V\n"
	      "It is started by mxwatchd; use only -t and -V by hand.\n",
	    stderr);
	return 2;
}

static bool
has_daemon(void)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(WIRE_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_SEQPACKET;
}

int
main(int argc, char **argv)
{
	const char *socket = "unix:/var/agentx/master";
	bool testing = false, mta = false, filter = true;
	int64_t index = 1;
	int c, rc;

	while ((c = getopt(argc, argv, "i:mStVx:")) != -1) {
		switch (c) {
		case 'i':
			if (text_int(optarg, 1, INT32_MAX, &index) != 0)
				return usage();
			break;
		case 'm':
			mta = true;
			break;
		case 'S':
			filter = false;
			break;
		case 't':
			testing = true;
			break;
		case 'V':
			puts("mxwatch-agentx " PACKAGE_VERSION);
			return 0;
		case 'x':
			socket = optarg;
			break;
		default:
			return usage();
		}
	}
	if (optind != argc || (!testing && !has_daemon()))
		return usage();
	/* The daemon ends us by closing the socket, also when the service
	 * manager signals the whole group. */
	signal(SIGPIPE, SIG_IGN);
	if (!testing) {
		signal(SIGTERM, SIG_IGN);
		signal(SIGINT, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
	}
	mib_init(&mib, (uint32_t)index, mta);
	wire_set_init(&incoming);
	rc = testing ? test(socket) : run(socket, filter);
	wire_set_fini(&incoming);
	mib_fini(&mib);
	return rc;
}
