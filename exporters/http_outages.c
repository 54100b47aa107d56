/* SPDX-License-Identifier: ISC
 * http_outages: /api/v1/outages, the record of outages as JSON, the newest
 * first, a page at a time. mxwatch-status(7) describes the query. Thread of the
 * address. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "exporters/http_int.h"

#define NAMES_MAX     32
#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000
#define ANSWER_MAX    (8u << 20)

struct outages_request {
	struct kept_query query;
	const char *name[NAMES_MAX]; /* borrowed from the connection */
	const char *wrong; /* the error; NULL: none */
};

static bool
take_kind(struct outages_request *r, const char *value)
{
	for (unsigned i = 0; i < OUTAGE_KIND_MAX; i++)
		if (strcmp(value, outage_kind_name((enum outage_kind)i)) == 0) {
			r->query.kinds |= 1u << i;
			return true;
		}
	return false;
}

static bool
take_since(struct outages_request *r, const char *value)
{
	int64_t ms;

	if (text_duration(value, &ms) != 0)
		return false;
	r->query.since = clock_wall() - ms / 1000;
	return true;
}

static bool
take_number(const char *value, int64_t max, int64_t *n)
{
	return text_int(value, 1, max, n) == 0;
}

static bool
take(struct outages_request *r, const char *key, const char *value)
{
	struct kept_query *q = &r->query;
	int64_t n;

	if (strcmp(key, "name") == 0 && q->nnames < NAMES_MAX) {
		r->name[q->nnames++] = value;
		return true;
	}
	if (strcmp(key, "kind") == 0)
		return take_kind(r, value);
	if (strcmp(key, "since") == 0)
		return take_since(r, value);
	if (strcmp(key, "id") == 0 && take_number(value, INT64_MAX, &n)) {
		q->id = (uint64_t)n;
		return true;
	}
	if (strcmp(key, "before") == 0 && take_number(value, INT64_MAX, &n)) {
		q->before = (uint64_t)n;
		return true;
	}
	if (strcmp(key, "limit") == 0 && take_number(value, LIMIT_MAX, &n)) {
		q->limit = (unsigned)n;
		return true;
	}
	return false;
}

static enum MHD_Result
on_argument(void *arg, enum MHD_ValueKind kind MX_UNUSED, const char *key,
    const char *value)
{
	struct outages_request *r = arg;

	if (r->wrong == NULL && !take(r, key, value != NULL ? value : ""))
		r->wrong =
		    "invalid parameter: use name, kind (primary, domain, "
		    "daemon), since (a duration), id, before, and limit (at "
		    "most 1000)\n";
	return MHD_YES;
}

unsigned
http_outages(struct http *h, struct MHD_Connection *c, char **text)
{
	struct outages_request r = { .query = { .limit = LIMIT_DEFAULT } };
	struct buf out = BUF_INIT(ANSWER_MAX);
	uint64_t before = 0;
	bool more = false;
	int rc;

	MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, on_argument, &r);
	if (r.wrong != NULL) {
		*text = mem_strdup(r.wrong);
		return MHD_HTTP_BAD_REQUEST;
	}
	r.query.name = r.name;
	rc = buf_adds(&out, "{\"outages\":[");
	MX_ASSERT(rc == 0);
	out.max -= 64; /* reserved for the end */
	if (h->ledger != NULL)
		more = ledger_page(h->ledger, &r.query, ",", &out, &before);
	out.max += 64;
	if (out.data[out.len - 1] == ',')
		out.data[--out.len] = '\0';
	rc = more ?
	    buf_addf(&out, "],\"next\":%llu}", (unsigned long long)before) :
	    buf_adds(&out, "],\"next\":null}");
	MX_ASSERT(rc == 0);
	*text = buf_take(&out);
	return MHD_HTTP_OK;
}
