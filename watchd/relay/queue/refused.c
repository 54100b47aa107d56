/* SPDX-License-Identifier: ISC
 * refused: mailboxes that are in the list and that the primary refused for so
 * long that it was believed. They are kept by name, since knowledge.h has
 * hashes only and the maintainer of the list has to know which to remove. A
 * limited number per domain, of which the oldest are dropped; stored as lines
 * "SECONDS MAILBOX" under "refused/DOMAIN". The knowledge decides whether one
 * still applies. Loop thread. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay/queue/queue_int.h"

#define REFUSED_PREFIX "refused/"
#define REFUSED_MAX    100 /* for a domain */
#define TEXT_MAX       (REFUSED_MAX * (PATH_MAILBOX_MAX + 24u))

struct refused_name {
	TAILQ_ENTRY(refused_name) link;
	int64_t since; /* wall seconds */
	char mailbox[];
};

static bool
stands(struct dest *d, const struct refused_name *r)
{
	const struct known *e =
	    knowledge_find(dest_known(d), KNOWN_RCPT, r->mailbox);

	return e != NULL && e->believed;
}

static void
drop(struct dest *d, struct refused_name *r)
{
	TAILQ_REMOVE(&d->rare->refused, r, link);
	d->rare->nrefused--;
	free(r);
}

static void
insert(struct dest *d, const char *mailbox, int64_t since)
{
	size_t len = strlen(mailbox) + 1;
	struct refused_name *r = mem_alloc(sizeof(*r) + len);

	memcpy(r->mailbox, mailbox, len);
	r->since = since;
	TAILQ_INSERT_TAIL(&dest_rare_make(d)->refused, r, link);
	if (++d->rare->nrefused > REFUSED_MAX)
		drop(d, TAILQ_FIRST(&d->rare->refused));
}

static void
save(struct dest *d)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	struct refused_name *r;
	int rc = 0;

	TAILQ_FOREACH (r, &dest_rare(d)->refused, link)
		rc |= buf_addf(&text, "%" PRId64 " %s\n", r->since, r->mailbox);
	MX_ASSERT(rc == 0); /* it holds REFUSED_MAX lines */
	record_state(d, REFUSED_PREFIX, buf_str(&text), text.len);
	buf_fini(&text);
}

void
refused_add(struct dest *d, const char *mailbox, int64_t since_ms)
{
	struct refused_name *r, *next;

	TAILQ_FOREACH_SAFE (r, &dest_rare(d)->refused, link, next)
		if (strcmp(r->mailbox, mailbox) == 0 || !stands(d, r))
			drop(d, r);
	insert(d, mailbox, since_ms / 1000);
	save(d);
}

void
refused_fini(struct dest *d, bool gone)
{
	struct refused_name *r;
	bool any = !TAILQ_EMPTY(&dest_rare(d)->refused);

	while ((r = TAILQ_FIRST(&dest_rare(d)->refused)) != NULL)
		drop(d, r);
	if (gone && any)
		save(d);
}

/* Reads one line; a malformed one is left out. */
static void
load_line(struct dest *d, const char *line, size_t len)
{
	char text[PATH_MAILBOX_MAX + 24], *end;
	int64_t since;

	if (len >= sizeof(text))
		return;
	memcpy(text, line, len);
	text[len] = '\0';
	since = strtoll(text, &end, 10);
	if (*end == ' ' && end[1] != '\0' && since > 0)
		insert(d, end + 1, since);
}

static void
load_lines(struct dest *d, const void *data, size_t len)
{
	const char *p = data, *end = p + len, *stop;

	for (; p < end; p = stop + 1) {
		stop = memchr(p, '\n', (size_t)(end - p));
		if (stop == NULL)
			return;
		load_line(d, p, (size_t)(stop - p));
	}
}

static void
load_one(void *arg, const char *key, const void *data, size_t len)
{
	struct dest *d;

	if (strncmp(key, REFUSED_PREFIX, strlen(REFUSED_PREFIX)) != 0)
		return;
	d = dest_find(arg, key + strlen(REFUSED_PREFIX));
	if (d != NULL && d->configured)
		load_lines(d, data, len);
}

void
refused_told(struct dest *d, const void *data, size_t len)
{
	if (d->rare != NULL)
		refused_fini(d, false);
	if (len > 0)
		load_lines(d, data, len);
}

void
refused_load(struct queue *q)
{
	store_state_each(q->store, REFUSED_PREFIX, load_one, q);
}

void
refused_list(void *self, const char *domain,
    void (*fn)(void *arg, const char *mailbox, int64_t since_ms), void *arg)
{
	struct dest *d = dest_find(self, domain);
	const struct queue_ops *ops = &((struct queue *)self)->ops;
	struct refused_name *r;

	if (d == NULL)
		return;
	TAILQ_FOREACH (r, &dest_rare(d)->refused, link)
		if (stands(d, r) && ops->listed != NULL &&
		    ops->listed(ops->arg, d->name, r->mailbox))
			fn(arg, r->mailbox, r->since * 1000);
}
