/* SPDX-License-Identifier: ISC
 * transaction: see transaction.h. The envelopes are built as RCPTs come, so
 * that nothing has to be sorted or copied at the end. Duplicates are found by a
 * hash first and then compared in full: domains are canonical, so equal
 * mailboxes are equal strings except for the case of the local part, which is
 * not ours to fold (RFC 5321 2.4). Called by cmd_mail.c and cmd_data.c. */
#include "relay/smtpd/transaction.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "config/config.h"

/* The largest recipient takes some 900 bytes, a common one 60. Enough for the
 * maximum number of common ones. */
#define BYTES_BASE 65536u
#define BYTES_RCPT 128u

void
transaction_begin(struct transaction *tx, const struct smtp_command *cmd)
{
	tx->open = true;
	tx->drill = false;
	tx->has_size = cmd->has_size;
	tx->size = cmd->has_size ? cmd->size : 0;
	tx->utf8 = cmd->smtputf8;
	tx->eightbit = cmd->body == BODY_8BITMIME;
	tx->ret = (uint8_t)cmd->ret;
	strlcpy(tx->sender, cmd->path.mailbox, sizeof(tx->sender));
	strlcpy(tx->envid, cmd->envid, sizeof(tx->envid));
}

void
transaction_reset(struct transaction *tx)
{
	uint32_t i;

	for (i = 0; i < tx->nparts; i++)
		envelope_destroy(&tx->part[i]);
	tx->open = false;
	tx->nparts = tx->part_count = tx->nrcpts = 0;
	tx->bytes = 0;
}

void
transaction_fini(struct transaction *tx)
{
	transaction_reset(tx);
	mem_free(&tx->part);
	mem_free(&tx->stats);
	mem_free(&tx->part_rcpts);
	mem_free(&tx->seen);
}

static struct envelope *
find_part(struct transaction *tx, const char *domain, uint32_t *at)
{
	for (*at = 0; *at < tx->nparts; (*at)++)
		if (strcmp(tx->part[*at]->domain, domain) == 0)
			return tx->part[*at];
	return NULL;
}

static bool
is_known(const struct transaction *tx, const struct envelope *part,
    const char *mailbox, uint64_t hash)
{
	uint32_t i;

	for (i = 0; i < tx->nrcpts && tx->seen[i] != hash; i++)
		continue;
	if (i == tx->nrcpts || part == NULL)
		return false;
	for (i = 0; i < part->nrcpts; i++)
		if (strcmp(part->rcpts[i].mailbox, mailbox) == 0)
			return true;
	return false;
}

static struct envelope *
add_part(struct transaction *tx, const char *domain, struct stats *stats)
{
	uint32_t n = tx->nparts;

	if (n == tx->parts_size) {
		tx->parts_size = n == 0 ? 2 : n * 2;
		tx->part = mem_grow(tx->part, tx->parts_size,
		    sizeof(struct envelope *));
		tx->stats = mem_grow(tx->stats, tx->parts_size,
		    sizeof(struct domain_stats *));
		tx->part_rcpts = mem_grow(tx->part_rcpts, tx->parts_size,
		    sizeof(*tx->part_rcpts));
	}
	tx->part[n] = envelope_create();
	strlcpy(tx->part[n]->domain, domain, sizeof(tx->part[n]->domain));
	tx->stats[n] = stats_domain(stats, domain);
	tx->part_rcpts[n] = 0;
	tx->nparts++;
	return tx->part[n];
}

_Static_assert(CONF_RECIPIENTS_MAX <= ENVELOPE_RCPT_MAX,
    "a client is told a limit that one domain's part does not hold");

int
transaction_add(struct transaction *tx, const struct smtp_command *cmd,
    const char *domain, struct stats *stats, uint32_t max)
{
	const char *mailbox = cmd->path.mailbox;
	size_t bytes = strlen(mailbox) + strlen(cmd->orcpt);
	uint64_t hash = hash_text(HASH_INIT, mailbox);
	struct envelope *part;
	struct rcpt *r;
	uint32_t at;

	part = find_part(tx, domain, &at);
	if (is_known(tx, part, mailbox, hash))
		return -MX_EEXIST;
	if (tx->nrcpts >= max ||
	    tx->bytes + bytes > BYTES_BASE + (size_t)BYTES_RCPT * max)
		return -MX_EFULL;
	if (part != NULL ? part->nrcpts >= ENVELOPE_RCPT_MAX :
			   tx->nparts >= ENVELOPE_PART_MAX)
		return -MX_EFULL;
	if (part == NULL)
		part = add_part(tx, domain, stats);
	r = envelope_add_rcpt(part, mailbox);
	r->notify = (uint8_t)cmd->notify;
	if (cmd->orcpt[0] != '\0')
		r->orcpt = mem_strdup(cmd->orcpt);
	if (tx->nrcpts == tx->seen_size) {
		tx->seen_size = tx->nrcpts == 0 ? 8 : tx->nrcpts * 2;
		tx->seen = mem_grow(tx->seen, tx->seen_size, sizeof(*tx->seen));
	}
	tx->seen[tx->nrcpts++] = hash;
	tx->part_rcpts[at]++;
	tx->bytes += bytes;
	return 0;
}

bool
transaction_has(const struct transaction *tx, const struct domain_stats *st)
{
	uint32_t n = tx->nparts > 0 ? tx->nparts : tx->part_count;

	while (n > 0 && tx->stats[n - 1] != st)
		n--;
	return n > 0;
}

const char *
transaction_only(const struct transaction *tx)
{
	return tx->nrcpts == 1 ? tx->part[0]->rcpts[0].mailbox : NULL;
}

static void
set_string(char **dst, const char *s)
{
	mem_free(dst);
	*dst = mem_strdup(s);
}

static bool
is_ascii(const char *s)
{
	while (*s != '\0' && (unsigned char)*s < 128)
		s++;
	return *s == '\0';
}

static bool
has_utf8_path(const struct envelope *e)
{
	if (!is_ascii(e->sender))
		return true;
	for (uint32_t i = 0; i < e->nrcpts; i++)
		if (!is_ascii(e->rcpts[i].mailbox))
			return true;
	return false;
}

void
transaction_seal(struct transaction *tx, const struct transaction_client *c)
{
	uint32_t i;

	for (i = 0; i < tx->nparts; i++) {
		struct envelope *e = tx->part[i];

		set_string(&e->sender, tx->sender);
		e->arrival_ms = c->arrival_ms;
		/* The flag comes from the content, not from what the client
		 * declared: a primary may support less. */
		if (c->eightbit)
			e->flags |= ENV_8BIT;
		if (tx->utf8 && (c->header_eightbit || has_utf8_path(e)))
			e->flags |= ENV_UTF8;
		if (tx->drill)
			e->flags |= ENV_DRILL;
		e->ret = tx->ret;
		if (tx->envid[0] != '\0')
			set_string(&e->envid, tx->envid);
		set_string(&e->helo, c->helo);
		set_string(&e->client, c->address);
	}
}
