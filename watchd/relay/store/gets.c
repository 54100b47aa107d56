/* SPDX-License-Identifier: ISC
 * gets: the answers of the readers of either backend. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/store/store_int.h"

int
store_record_decode(uint64_t id, const void *data, size_t len,
    struct envelope **env)
{
	int rc = envelope_decode(data, len, env);

	if (rc == 0 && (*env)->id != id) {
		envelope_destroy(env);
		rc = -MX_ECORRUPT;
	}
	return rc;
}

void
store_get_room(struct store_get *g)
{
	uint64_t left = 0;

	if (g->offset < g->body.len)
		left = g->body.len - g->offset;
	if (g->len > left)
		g->len = (size_t)left;
	g->data = mem_grow(NULL, g->len + 1, 1);
}

void
store_get_answer(struct store_get *g, int rc)
{
	g->rc = rc;
	if (rc == 0)
		return;
	mem_free(&g->data);
	g->len = 0;
}

int
store_get_check(const struct store_get *g)
{
	if (g->len == g->body.len &&
	    store_crc(0, g->data, g->len) != g->body.crc)
		return -MX_ECORRUPT;
	return 0;
}

void
store_get_brief(struct store_get *g, uint64_t id, const void *data, size_t len)
{
	struct envelope_brief *b = &g->briefs[g->n];

	if (envelope_decode_brief(data, len, b) == 0 && b->id == id) {
		g->n++;
		return;
	}
	envelope_destroy(&b->env);
	if (g->bad == NULL)
		g->bad = mem_array(STORE_FETCH_MAX, sizeof(*g->bad));
	g->bad[g->damaged++] = id;
	log_error("store", "event=record_damaged id=%016llx",
	    (unsigned long long)id);
}
