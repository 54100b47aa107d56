/* SPDX-License-Identifier: ISC
 * transport: the running transfers, on the network and as programs, and the
 * time limits of both. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fetch/transport_int.h"

#define GRACE_MS 2000 /* beyond libcurl's own limit */
#define WAIT_MS	 1000
#define BLIND_MS 50 /* poll interval when FDS_MAX is exceeded */

TAILQ_HEAD(transfers, transfer);

struct transport {
	struct curl_side *net;
	struct transfers running;
	void (*done)(void *, const struct send_result *, void *);
	void (*told)(void *, enum carry_stage, void *);
	void *owner;
	struct spawner *spawner;
	/* transfers that could not be started: ended by the next poll */
	struct transfers stillborn;
};

struct transport *
transport_create(struct spawner *spawner,
    void (*done)(void *, const struct send_result *, void *), void *owner)
{
	struct transport *tp = mem_alloc(sizeof(*tp));

	tp->net = curl_side_create();
	TAILQ_INIT(&tp->running);
	TAILQ_INIT(&tp->stillborn);
	tp->spawner = spawner;
	tp->done = done;
	tp->owner = owner;
	return tp;
}

void
transport_follow(struct transport *tp,
    void (*told)(void *, enum carry_stage, void *))
{
	tp->told = told;
}

static void
transfer_free(struct transport *tp, struct transfer *t)
{
	curl_side_end(tp->net, t);
	via_exec_kill(t);
	download_drop(&t->down);
	message_fini(&t->m);
	carry_fini(&t->c);
	mem_free(&t);
}

static void
list_free(struct transport *tp, struct transfers *list)
{
	struct transfer *t;

	while ((t = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, t, link);
		if (t->c.drop != NULL)
			t->c.drop(t->c.arg);
		transfer_free(tp, t);
	}
}

void
transport_destroy(struct transport **tpp)
{
	struct transport *tp = *tpp;

	if (tp == NULL)
		return;
	list_free(tp, &tp->running);
	list_free(tp, &tp->stillborn);
	curl_side_destroy(&tp->net);
	mem_free(tpp);
}

/* A dropped source was added again before its old request ended. */
static bool
is_under_way(const struct transport *tp, const char *into)
{
	const struct transfer *t;

	TAILQ_FOREACH (t, &tp->running, link)
		if (t->c.into != NULL && strcmp(t->c.into, into) == 0)
			return true;
	return false;
}

static bool
start(struct transport *tp, struct transfer *t)
{
	if (t->c.into != NULL && is_under_way(tp, t->c.into)) {
		(void)strlcpy(t->said, "the previous request is still running",
		    sizeof(t->said));
		return false;
	}
	if (t->c.into != NULL) {
		t->down = download_begin(t->c.into, t->c.into_max);
		t->had_ms = download_had_ms(t->down);
	}
	return t->m.carrier == CARRY_EXEC ? via_exec_start(t, tp->spawner) :
					    curl_side_start(tp->net, t);
}

void
transport_send(struct transport *tp, struct message *m, struct carry *c)
{
	struct transfer *t = mem_alloc(sizeof(*t));

	t->m = *m;
	t->c = *c;
	memset(m, 0, sizeof(*m));
	memset(c, 0, sizeof(*c));
	t->fd = -1;
	t->program = PROGRAM_NONE;
	t->deadline = clock_now() + t->c.timeout_ms * CLOCK_MS;
	if (t->m.carrier != CARRY_EXEC)
		t->deadline += GRACE_MS * CLOCK_MS;
	if (!start(tp, t)) {
		TAILQ_INSERT_TAIL(&tp->stillborn, t, link);
		return;
	}
	TAILQ_INSERT_TAIL(&tp->running, t, link);
}

static void
finish(struct transport *tp, struct transfer *t, struct send_result *r)
{
	void *arg = t->c.arg;

	r->had_ms = t->had_ms;
	TAILQ_REMOVE(&tp->running, t, link);
	transfer_free(tp, t);
	tp->done(arg, r, tp->owner);
}

static bool
collect_stillborn(struct transport *tp)
{
	struct send_result r = { .result = CARRY_RETRY };
	struct transfer *t;
	char *text;
	void *arg;
	bool any = false;

	while ((t = TAILQ_FIRST(&tp->stillborn)) != NULL) {
		TAILQ_REMOVE(&tp->stillborn, t, link);
		text = mem_printf("cannot be started%s%s",
		    t->said[0] != '\0' ? ": " : "", t->said);
		text_cut(r.text, sizeof(r.text), text);
		mem_free(&text);
		arg = t->c.arg;
		r.had_ms = t->had_ms;
		transfer_free(tp, t);
		tp->done(arg, &r, tp->owner);
		any = true;
	}
	return any;
}

static bool
collect_net(struct transport *tp)
{
	struct send_result r = { .result = CARRY_RETRY };
	struct transfer *t;
	bool any = false;

	while ((t = curl_side_ended(tp->net, &r)) != NULL) {
		text_ascii(r.text);
		finish(tp, t, &r);
		memset(&r, 0, sizeof(r));
		any = true;
	}
	return any;
}

/* Has a program ended, or a dialogue with a smarthost? */
static bool
has_ended(struct transfer *t, struct send_result *r)
{
	if (t->m.carrier == CARRY_EXEC)
		return via_exec_poll(t, r);
	return t->talk != NULL && via_smtp_poll(t, r);
}

/* Collects those that have ended, or exceeded their time. */
static bool
collect_rest(struct transport *tp)
{
	struct transfer *t, *next;
	struct send_result r;
	bool any = false;

	TAILQ_FOREACH_SAFE (t, &tp->running, link, next) {
		memset(&r, 0, sizeof(r));
		if (has_ended(t, &r)) {
			text_ascii(r.text);
			finish(tp, t, &r);
			any = true;
		} else if (clock_now() >= t->deadline) {
			r.result = CARRY_RETRY;
			(void)strlcpy(r.text, "timed out", sizeof(r.text));
			finish(tp, t, &r);
			any = true;
		}
	}
	return any;
}

static void
tell_stages(struct transport *tp)
{
	struct transfer *t;
	enum carry_stage now;

	TAILQ_FOREACH (t, &tp->running, link) {
		if (!t->c.follow || tp->told == NULL)
			continue;
		now = t->m.carrier == CARRY_EXEC ? CARRY_STARTED :
						   curl_side_stage(t);
		if (now > t->stage)
			tp->told(t->c.arg, t->stage = now, tp->owner);
	}
}

static bool
collect(struct transport *tp)
{
	bool any = collect_stillborn(tp);

	any |= collect_net(tp);
	any |= collect_rest(tp);
	tell_stages(tp);
	return any;
}

/* The descriptors that libcurl does not poll, as far as there is room. */
static unsigned
other_fds(struct transport *tp, struct pollfd *pfd, unsigned n)
{
	struct transfer *t;

	TAILQ_FOREACH (t, &tp->running, link) {
		if (n + 2 > FDS_MAX)
			break;
		if (t->talk != NULL)
			pfd[n++] =
			    (struct pollfd){ t->socket, via_smtp_events(t), 0 };
		if (t->m.carrier != CARRY_EXEC)
			continue;
		pfd[n++] = (struct pollfd){ t->program.fd, POLLIN, 0 };
		if (t->fd >= 0)
			pfd[n++] = (struct pollfd){ t->fd,
				t->down != NULL ? POLLIN : POLLOUT, 0 };
	}
	return n;
}

void
transport_poll(struct transport *tp, int fd, int timeout_ms)
{
	int64_t end = clock_now() + timeout_ms * CLOCK_MS, left;
	struct pollfd pfd[FDS_MAX];
	unsigned n;
	int wait;

	while (!collect(tp)) {
		left = (end - clock_now()) / CLOCK_MS;
		if (left <= 0)
			break;
		n = 0;
		if (fd >= 0)
			pfd[n++] = (struct pollfd){ fd, POLLIN, 0 };
		n = other_fds(tp, pfd, n);
		wait = left > WAIT_MS ? WAIT_MS : (int)left;
		if (n + 2 > FDS_MAX && wait > BLIND_MS)
			wait = BLIND_MS;
		curl_side_wait(tp->net, pfd, n, wait);
		if (fd >= 0 && pfd[0].revents != 0)
			break;
	}
}
