/* SPDX-License-Identifier: ISC
 * host: see host.h. */
#include "primary/host.h"

#include <stdlib.h>
#include <string.h>

static int
addr_order(const void *a, const void *b)
{
	return strcmp(a, b);
}

char *
host_key(const struct route_host *h, const struct net_addr *source, char *dst)
{
	char text[DNS_ADDR_MAX][ADDR_TEXT_MAX];
	struct net_addr a;
	unsigned i, n = h->naddrs < DNS_ADDR_MAX ? h->naddrs : DNS_ADDR_MAX;

	for (i = 0; i < n; i++) {
		a = h->addr[i];
		addr_port_set(&a, h->port);
		addr_text_port(&a, text[i]);
	}
	qsort(text, n, sizeof(text[0]), addr_order);
	dst[0] = '\0';
	if (source != NULL && source->len != 0)
		strlcat(dst, addr_text_port(source, (char[ADDR_TEXT_MAX]){ 0 }),
		    HOST_KEY_MAX);
	for (i = 0; i < n; i++) {
		strlcat(dst, " ", HOST_KEY_MAX);
		strlcat(dst, text[i], HOST_KEY_MAX);
	}
	if (n == 0) {
		strlcat(dst, " ", HOST_KEY_MAX);
		strlcat(dst, h->label, HOST_KEY_MAX);
	}
	return dst;
}

void
host_init(struct host *h, unsigned max)
{
	*h = (struct host){ .settle_ns = HOST_SETTLE_MIN };
	window_init(&h->window, max);
}

void
host_recovered(struct host *h, unsigned hung, int64_t now)
{
	MX_ASSERT(hung <= h->open);
	window_reset(&h->window);
	h->epoch++;
	h->before += hung;
	h->open -= hung;
	h->ready = h->greeted = h->open;
	h->fails = 0;
	h->closed_until_ns = 0;
	h->recovered_ns = now;
}

bool
host_is_fresh(const struct host *h, int64_t now)
{
	return h->recovered_ns != 0 && now - h->recovered_ns < HOST_FRESH &&
	    h->fails == 0;
}

void
host_doubted(struct host *h)
{
	h->recovered_ns = 0;
}

void
host_retry(struct host *h, int64_t now)
{
	if (now - h->failed_ns >= HOST_PAUSE_MIN)
		h->closed_until_ns = 0;
	else if (h->closed_until_ns > h->failed_ns + HOST_PAUSE_MIN)
		h->closed_until_ns = h->failed_ns + HOST_PAUSE_MIN;
}

/* The earliest time of the next connect: beyond the proven number one by one;
 * and at the ceiling not before the host has seen the end of the previous
 * connection. */
static int64_t
next_until(const struct host *h)
{
	unsigned all = h->open + h->places;

	if (all > h->greeted && all > h->proven)
		return h->opened_ns + HOST_FINDER_NS;
	if (h->window.ceiling != 0 && all + 1 >= h->window.ceiling &&
	    h->closed_ns != 0)
		return h->closed_ns + h->settle_ns;
	return 0;
}

unsigned
host_bears(const struct host *h)
{
	unsigned most = h->window.max;

	return h->window.ceiling != 0 && h->window.ceiling < most ?
	    h->window.ceiling :
	    most;
}

bool
host_is_full(const struct host *h)
{
	return h->open + h->places >= host_bears(h);
}

/* The window does not limit probes; a probe only takes up a connection where
 * the host allows no more. */
bool
host_room(const struct host *h, int64_t now)
{
	return now >= h->closed_until_ns && now >= next_until(h) &&
	    window_room(&h->window, h->open, now) &&
	    (h->places == 0 || !host_is_full(h));
}

/* Have they existed, with none of them ready, for a short time only? */
static bool
not_for_long(const struct host *h, int64_t since, int64_t now)
{
	int64_t most = 2 * h->way_usual_ns;

	if (most < HOST_WAY_NS)
		most = HOST_WAY_NS;
	return now - (h->ready_ns > since ? h->ready_ns : since) < most;
}

bool
host_will_say(const struct host *h, int64_t now)
{
	return h->open > h->ready && not_for_long(h, h->way_ns, now);
}

static bool
lately(int64_t ns, int64_t now)
{
	return ns != 0 && now - ns < HOST_LATELY;
}

bool
host_works(const struct host *h, int64_t since_ns, int64_t now)
{
	if (since_ns != 0 &&
	    (h->taken_ns >= since_ns || h->ready_ns >= since_ns))
		return true;
	if (h->ready == 0)
		return host_will_say(h, now) ||
		    (since_ns != 0 && h->left_ns != 0 &&
			since_ns - h->left_ns < HOST_SETTLE_MAX);
	return lately(h->taken_ns, now) || lately(h->ready_ns, now);
}

bool
host_place_room(const struct host *h, int64_t now)
{
	if (h->ready == 0)
		return !host_will_say(h, now);
	return !host_is_full(h) && now >= next_until(h);
}

int64_t
host_turn_ns(const struct host *h)
{
	int64_t ns = 4 * h->way_usual_ns;

	return ns < HOST_TURN_MAX ? ns : HOST_TURN_MAX;
}

void
host_place_left(struct host *h, int64_t now)
{
	h->places--;
	h->closed_ns = now;
}

void
host_place_taken(struct host *h, int64_t now)
{
	if (h->places++ == 0)
		h->place_ns = now;
	h->opened_ns = now;
}

int64_t
host_wake(const struct host *h, int64_t now)
{
	if (now < h->closed_until_ns)
		return h->closed_until_ns;
	if (now < next_until(h))
		return next_until(h);
	return window_wake(&h->window, h->open, now);
}

bool
host_says_crowded(enum smtp_phase phase, uint16_t code)
{
	if (phase == SMTP_PHASE_CONNECT)
		return true;
	if (phase == SMTP_PHASE_GREETING || phase == SMTP_PHASE_EHLO)
		return code == 0 || code / 100 == 4;
	return code == 421;
}

void
host_opened(struct host *h, int64_t usual_ns, int64_t now)
{
	if (usual_ns > h->way_usual_ns)
		h->way_usual_ns = usual_ns;
	if (h->open++ == h->ready)
		h->way_ns = now;
	h->opened_ns = now;
}

void
host_closed(struct host *h, bool ready, int64_t now)
{
	h->open--;
	h->ready -= ready;
	h->greeted -= ready;
	h->closed_ns = now;
	if (ready)
		h->left_ns = now;
}

/* The refusal came below the ceiling, soon after another connection ended:
 * waits longer after the next one. */
static void
settle_longer(struct host *h, int64_t now)
{
	if (h->ready + h->places >= h->window.ceiling || h->closed_ns == 0 ||
	    now - h->closed_ns > HOST_SETTLE_MAX)
		return;
	h->settle_ns *= 2;
	if (h->settle_ns > HOST_SETTLE_MAX)
		h->settle_ns = HOST_SETTLE_MAX;
}

enum host_failure
host_connect_failed(struct host *h, enum smtp_phase phase, uint16_t code,
    bool silent, int64_t begun_ns, int64_t now)
{
	int64_t pause;

	h->refused++;
	if (h->ready > 0 && host_says_crowded(phase, code)) {
		settle_longer(h, now);
		h->proven = h->greeted;
		h->lessons++;
		window_crowded(&h->window, h->greeted + h->places, begun_ns,
		    now);
		return HOST_CROWDED;
	}
	/* Silence is no refusal: it says nothing of connections that are not
	 * ready yet. */
	if (h->ready == 0 && !silent && host_says_crowded(phase, code) &&
	    now >= h->closed_until_ns &&
	    ((h->places > 0 && not_for_long(h, h->place_ns, now)) ||
		(h->open > 1 && host_will_say(h, now))))
		return HOST_CROWDED;
	/* This connect began together with one that already failed. */
	if (now < h->closed_until_ns)
		return HOST_AGAIN;
	pause = HOST_PAUSE_MIN << (h->fails < 6 ? h->fails : 6);
	if (pause > HOST_PAUSE_MAX)
		pause = HOST_PAUSE_MAX;
	h->fails++;
	h->failed_ns = now;
	h->closed_until_ns = now + pause;
	window_trouble(&h->window, h->open);
	return HOST_FAILED;
}

void
host_greeted(struct host *h, int64_t begun_ns)
{
	h->greeted++;
	if (begun_ns > h->newest_ns)
		h->newest_ns = begun_ns;
	if (h->greeted > h->proven)
		h->proven = h->greeted;
	window_greeted(&h->window, h->greeted + h->places, begun_ns);
}

void
host_ungreeted(struct host *h)
{
	h->greeted--;
}

void
host_connected(struct host *h, int64_t took_ns, int64_t now)
{
	h->way_usual_ns = took_ns;
	h->ready++;
	h->ready_ns = now;
	h->fails = 0;
	h->closed_until_ns = 0;
}

void
host_taken(struct host *h, int64_t latency_ns, int64_t now)
{
	unsigned ceiling = h->window.ceiling;

	h->taken_ns = now;
	window_success(&h->window, h->greeted, latency_ns, now);
	h->lessons += h->window.ceiling != ceiling;
	if (h->gap_ns == 0 || ++h->gap_wins < 20)
		return;
	h->gap_wins = 0;
	h->lessons++;
	h->gap_ns /= 2;
	if (h->gap_ns < HOST_GAP_MIN / 2)
		h->gap_ns = 0;
}

void
host_answered(struct host *h)
{
	window_answered(&h->window);
}

void
host_trouble(struct host *h)
{
	window_trouble(&h->window, h->working);
}

static void
limit_saw(struct host_limit *l, unsigned n, int64_t now)
{
	if (n == 0)
		return;
	l->seen = n == l->last ? l->seen + 1 : 1;
	l->last = n;
	if (l->seen < 2 && !(l->value != 0 && n < l->value))
		return;
	l->value = n;
	l->since_ns = now;
}

void
host_closed_after(struct host *h, unsigned messages, int64_t now)
{
	h->lessons++;
	limit_saw(&h->messages, messages, now);
}

/* Believed at the first time: the reply is explicit. */
void
host_rcpts_after(struct host *h, unsigned rcpts, int64_t now)
{
	if (rcpts == 0)
		return;
	h->lessons++;
	h->rcpts.value = h->rcpts.last = rcpts;
	h->rcpts.since_ns = now;
}

void
host_closed_behind(struct host *h, unsigned refusals, int64_t now)
{
	struct host_limit *l = &h->refusals;

	if (l->value != 0 && l->value <= refusals &&
	    now - l->since_ns < HOST_LIMIT_AGE)
		return;
	h->lessons++;
	l->value = l->last = refusals;
	l->since_ns = now;
}

bool
host_takes_chunks(const struct host *h, int64_t now)
{
	return h->stumbled_ns == 0 || now - h->stumbled_ns >= HOST_LIMIT_AGE;
}

int64_t
host_chunks_off_ns(const struct host *h, int64_t now)
{
	return host_takes_chunks(h, now) ?
	    0 :
	    h->stumbled_ns + HOST_LIMIT_AGE - now;
}

bool
host_takes_behind(const struct host *h, int64_t now)
{
	return host_takes_chunks(h, now) && window_is_grown(&h->window) &&
	    now >= h->alone_until_ns && h->gap_ns == 0;
}

bool
host_tries_behind(struct host *h, int64_t now)
{
	if (h->behind_taken)
		return true;
	if (h->behind_tried_ns != 0 &&
	    now - h->behind_tried_ns < HOST_TRY_BEHIND)
		return false;
	h->behind_tried_ns = now;
	return true;
}

void
host_way_taken(struct host *h, bool chunk, bool behind)
{
	h->chunk_taken |= chunk;
	h->behind_taken |= behind;
}

void
host_stumbled(struct host *h, int64_t now)
{
	if (!host_takes_chunks(h, now))
		return;
	h->stumbled_ns = now;
	h->chunk_taken = h->behind_taken = false;
	h->lessons++;
}

void
host_stumble_forget(struct host *h)
{
	h->lessons += h->stumbled_ns != 0;
	h->stumbled_ns = 0;
}

void
host_alone(struct host *h, int64_t now)
{
	h->alone_until_ns = now + HOST_ALONE_NS;
}

bool
host_rate_reply(struct host *h, const struct smtp_reply *r, int64_t now)
{
	static const char *const words[] = { "rate", "too fast", "throttl",
		"slow down", "too many messages", "quota of messages" };
	size_t i;

	if (r->code / 100 != 4 || !r->has_status || r->status.subject != 7 ||
	    r->text == NULL)
		return false;
	for (i = 0; i < MX_COUNT(words); i++)
		if (strcasestr(r->text, words[i]) != NULL)
			break;
	if (i == MX_COUNT(words))
		return false;
	/* A transaction that was under way together with the one that taught
	 * the rate. */
	if (now < h->next_ns)
		return true;
	h->lessons++;
	h->gap_ns = h->gap_ns == 0 ? HOST_GAP_MIN : h->gap_ns * 2;
	if (h->gap_ns > HOST_GAP_MAX)
		h->gap_ns = HOST_GAP_MAX;
	h->gap_wins = 0;
	h->next_ns = now + h->gap_ns;
	return true;
}

unsigned
host_limit_value(const struct host_limit *l, int64_t now)
{
	return l->value != 0 && now - l->since_ns < HOST_LIMIT_AGE ? l->value :
								     0;
}
