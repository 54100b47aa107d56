/* SPDX-License-Identifier: ISC
 * alert_share: see alert_share.h. */
#include "daemon/alert_share.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/writeback.h"

struct alert_share {
	struct store *store;
	struct writeback *out;
};

static bool
on_ready(void *arg)
{
	const struct alert_share *a = arg;
	struct store_info si;

	store_info(a->store, &si);
	return si.away_ms == 0 && !si.fenced;
}

static void
on_written(void *arg, uint64_t token, int rc)
{
	struct alert_share *a = arg;

	writeback_done(a->out, token, rc);
}

static void
on_put(void *arg, const char *key, const char *text, uint64_t token)
{
	struct alert_share *a = arg;

	store_state_put(a->store, key, text, text != NULL ? strlen(text) : 0,
	    on_written, a, token);
}

void
alert_share_put(const char *key, const char *text, void *arg)
{
	static struct log_limit limit;
	struct alert_share *a = arg;

	if (writeback_count(a->out) >= ALERT_SHARE_MAX &&
	    !writeback_has(a->out, key)) {
		if (log_limit_ok(&limit, 300))
			log_warn("alerts",
			    "problem=\"too much to share with other nodes\"");
		return;
	}
	writeback_put(a->out, key, text != NULL ? mem_strdup(text) : NULL);
	writeback_send(a->out, key);
}

void
alert_share_tick(struct alert_share *a)
{
	writeback_tick(a->out, ALERT_SHARE_MAX);
}

struct alert_share *
alert_share_create(struct store *store)
{
	struct alert_share *a = mem_alloc(sizeof(*a));
	const struct writeback_ops ops = { on_ready, on_put, a };

	a->store = store;
	a->out = writeback_create(&ops);
	return a;
}

void
alert_share_destroy(struct alert_share **ap)
{
	struct alert_share *a = *ap;

	if (a == NULL)
		return;
	writeback_destroy(&a->out);
	mem_free(ap);
}
