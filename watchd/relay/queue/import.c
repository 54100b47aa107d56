/* SPDX-License-Identifier: ISC
 * import: copies of messages enter by the same way as all new mail (intake.c):
 * with new ids and a fresh lifetime. Loop thread. */
#include <string.h>

#include "base/mem.h"
#include "relay/queue/queue_int.h"
#include "smtp/command.h"

/* The opaque relay_intake is the queue_intake itself. */
static struct queue_intake *
own(struct relay_intake *in)
{
	return (struct queue_intake *)(void *)in;
}

static struct relay_intake *
import_begin(void *self)
{
	return (struct relay_intake *)(void *)queue_begin(self);
}

static int
import_append(struct relay_intake *in, const void *data, size_t len)
{
	return queue_append(own(in), data, len);
}

static bool
import_congested(struct relay_intake *in, void (*space)(void *arg), void *arg)
{
	return queue_congested(own(in), space, arg);
}

static void
import_abort(struct relay_intake **inp)
{
	struct queue_intake *in = own(*inp);

	*inp = NULL;
	queue_abort(&in);
}

static struct envelope *
part_create(const struct relay_copy *copy, const char *domain)
{
	struct envelope *e = envelope_create();

	(void)strlcpy(e->domain, domain, sizeof(e->domain));
	mem_free(&e->sender); /* envelope_create() has set an empty one */
	e->sender = mem_strdup(copy->sender);
	e->envid = mem_strdup(copy->envid);
	e->ret = (uint8_t)smtp_ret_of(copy->ret);
	e->helo = mem_strdup(copy->helo);
	e->client = mem_strdup(copy->client);
	e->arrival_ms = e->due_ms = clock_wall_ms();
	e->flags = (uint16_t)((copy->body8 ? ENV_8BIT : 0) |
	    (copy->utf8 ? ENV_UTF8 : 0));
	return e;
}

/* The part of that domain, which is created if necessary; NULL: there are too
 * many. */
static struct envelope *
part_of(const struct relay_copy *copy, const char *domain,
    struct envelope **parts, unsigned *n)
{
	for (unsigned i = 0; i < *n; i++)
		if (strcmp(parts[i]->domain, domain) == 0)
			return parts[i];
	if (*n == ENVELOPE_PART_MAX)
		return NULL;
	return parts[(*n)++] = part_create(copy, domain);
}

static int
import_commit(struct relay_intake **inp, const struct relay_copy *copy,
    relay_commit_cb *cb, void *arg, uint64_t token)
{
	struct envelope *parts[ENVELOPE_PART_MAX], *e = NULL;
	struct queue_intake *in = own(*inp);
	struct rcpt *r;
	unsigned n = 0, i;

	for (i = 0; i < copy->nrcpts && i < RELAY_COPY_RCPTS; i++) {
		e = part_of(copy, copy->rcpts[i].domain, parts, &n);
		if (e == NULL)
			break;
		r = envelope_add_rcpt(e, copy->rcpts[i].mailbox);
		r->orcpt = mem_strdup(copy->rcpts[i].orcpt);
		r->notify = (uint8_t)copy->rcpts[i].notify;
	}
	if (i == 0 || i < copy->nrcpts) {
		for (unsigned k = 0; k < n; k++)
			envelope_destroy(&parts[k]);
		return -MX_ETOOBIG;
	}
	*inp = NULL;
	queue_intake_by(in, "control", " imported=yes");
	queue_commit(&in, parts, n, cb, arg, token);
	return 0;
}

void
import_init(struct relay *r)
{
	r->intake = import_begin;
	r->append = import_append;
	r->congested = import_congested;
	r->abort = import_abort;
	r->commit = import_commit;
}
