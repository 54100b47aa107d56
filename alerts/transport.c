/* SPDX-License-Identifier: ISC
 * transport: the multi handle, the programs that run, and the watchdog over
 * both. */
#include <stdio.h>
#include <string.h>

#include "alerts/transport_int.h"
#include "base/clock.h"
#include "base/mem.h"

#define GRACE_MS     2000 /* beyond libcurl's own limit */
#define EXEC_POLL_MS 50
#define CONNECTIONS  8L /* kept open */

TAILQ_HEAD(transfers, transfer);

struct transport {
	CURLM *multi;
	struct transfers running;
	unsigned n, nexec;
	void (*done)(void *, const struct send_result *, void *);
	void (*drop)(void *);
	void *owner;
	struct spawner *spawner;
	/* those that could not even be started: done in the next poll */
	struct transfers stillborn;
};

struct transport *
transport_create(struct spawner *spawner,
    void (*done)(void *, const struct send_result *, void *), void *owner)
{
	struct transport *tp = mem_alloc(sizeof(*tp));

	tp->multi = curl_multi_init();
	MX_ASSERT(tp->multi != NULL);
	(void)curl_multi_setopt(tp->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS);
	TAILQ_INIT(&tp->running);
	TAILQ_INIT(&tp->stillborn);
	tp->spawner = spawner;
	tp->done = done;
	tp->owner = owner;
	return tp;
}

void
transport_on_drop(struct transport *tp, void (*drop)(void *))
{
	tp->drop = drop;
}

static void
transfer_free(struct transport *tp, struct transfer *t)
{
	if (t->easy != NULL) {
		(void)curl_multi_remove_handle(tp->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->list);
	via_exec_kill(t);
	message_fini(&t->m);
	mem_free(&t);
}

static void
list_free(struct transport *tp, struct transfers *list)
{
	struct transfer *t;

	while ((t = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, t, link);
		if (tp->drop != NULL)
			tp->drop(t->arg);
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
	(void)curl_multi_cleanup(tp->multi);
	mem_free(tpp);
}

static bool
start(struct transport *tp, struct transfer *t, const struct carry *c)
{
	if (t->m.carrier == CARRY_EXEC)
		return via_exec_start(t, c, tp->spawner);
	t->easy = curl_easy_init();
	if (t->easy == NULL ||
	    !(t->m.carrier == CARRY_SMTP ? via_smtp_start(t, c) :
					   via_http_start(t, c)))
		return false;
	return curl_multi_add_handle(tp->multi, t->easy) == CURLM_OK;
}

void
transport_send(struct transport *tp, struct message *m, const struct carry *c)
{
	struct transfer *t = mem_alloc(sizeof(*t));

	t->m = *m;
	memset(m, 0, sizeof(*m));
	t->arg = c->arg;
	t->fd = -1;
	t->program = PROGRAM_NONE;
	t->deadline = clock_now() + (c->timeout_ms + GRACE_MS) * CLOCK_MS;
	if (t->m.carrier == CARRY_EXEC)
		t->deadline = clock_now() + c->timeout_ms * CLOCK_MS;
	if (!start(tp, t, c)) {
		TAILQ_INSERT_TAIL(&tp->stillborn, t, link);
		return;
	}
	TAILQ_INSERT_TAIL(&tp->running, t, link);
	tp->n++;
	tp->nexec += t->m.carrier == CARRY_EXEC;
}

static void
finish(struct transport *tp, struct transfer *t, const struct send_result *r)
{
	void *arg = t->arg;

	TAILQ_REMOVE(&tp->running, t, link);
	tp->n--;
	tp->nexec -= t->m.carrier == CARRY_EXEC;
	transfer_free(tp, t);
	tp->done(arg, r, tp->owner);
}

static bool
collect_stillborn(struct transport *tp)
{
	struct send_result r = { .result = OUTBOX_RETRY };
	struct transfer *t;
	void *arg;
	bool any = false;

	while ((t = TAILQ_FIRST(&tp->stillborn)) != NULL) {
		TAILQ_REMOVE(&tp->stillborn, t, link);
		snprintf(r.text, sizeof(r.text), "cannot be started%s%s",
		    t->said[0] != '\0' ? ": " : "", t->said);
		arg = t->arg;
		transfer_free(tp, t);
		tp->done(arg, &r, tp->owner);
		any = true;
	}
	return any;
}

static bool
collect_curl(struct transport *tp)
{
	struct send_result r;
	struct transfer *t;
	bool any = false;
	char *private;
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(tp->multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		memset(&r, 0, sizeof(r));
		private = NULL;
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
		    &private);
		t = (struct transfer *)(void *)private;
		if (t->m.carrier == CARRY_SMTP)
			via_smtp_result(t, msg->data.result, &r);
		else
			via_http_result(t, msg->data.result, &r);
		finish(tp, t, &r);
		any = true;
	}
	return any;
}

/* Programs that ended, and whatever outlived its time. */
static bool
collect_rest(struct transport *tp)
{
	struct transfer *t, *next;
	struct send_result r;
	bool any = false;

	TAILQ_FOREACH_SAFE (t, &tp->running, link, next) {
		memset(&r, 0, sizeof(r));
		if (t->m.carrier == CARRY_EXEC && via_exec_poll(t, &r)) {
			finish(tp, t, &r);
			any = true;
		} else if (clock_now() >= t->deadline) {
			r.result = OUTBOX_RETRY;
			(void)strlcpy(r.text, "timed out", sizeof(r.text));
			finish(tp, t, &r);
			any = true;
		}
	}
	return any;
}

static bool
collect(struct transport *tp)
{
	bool any = collect_stillborn(tp);
	int running;

	(void)curl_multi_perform(tp->multi, &running);
	any |= collect_curl(tp);
	any |= collect_rest(tp);
	return any;
}

void
transport_poll(struct transport *tp, int fd, int timeout_ms)
{
	struct curl_waitfd extra = { .fd = fd, .events = CURL_WAIT_POLLIN };
	int64_t end = clock_now() + timeout_ms * CLOCK_MS;
	int64_t left;
	int wait;

	while (!collect(tp)) {
		left = (end - clock_now()) / CLOCK_MS;
		if (left <= 0)
			break;
		wait = left > 1000 ? 1000 : (int)left;
		if (tp->nexec > 0 && wait > EXEC_POLL_MS)
			wait = EXEC_POLL_MS;
		extra.revents = 0;
		(void)curl_multi_poll(tp->multi, fd >= 0 ? &extra : NULL,
		    fd >= 0, wait, NULL);
		if (extra.revents != 0)
			break;
	}
}

unsigned
transport_running(const struct transport *tp)
{
	return tp->n;
}
