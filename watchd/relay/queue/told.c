/* SPDX-License-Identifier: ISC
 * told: takes small state that another node has written over into memory,
 * without writing anything: each node that accepts mail needs the knowledge of
 * the domain's owner, and so does the next owner. What deliveries teach is
 * written by the owner: once we have written such state of a domain that is
 * ours, state from others is older. Loop thread. */
#include <string.h>

#include "relay/queue/queue_int.h"

/* The part of the key after the prefix, or NULL. */
static const char *
behind(const char *key, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(key, prefix, len) == 0 ? key + len : NULL;
}

/* NULL: the domain is not in memory or not configured; or it is ours, and we
 * have written state of it, or have learned something that will be written. */
static struct dest *
listens(struct queue *q, const char *domain)
{
	struct dest *d = dest_find(q, domain);

	if (d == NULL || !d->configured)
		return NULL;
	if (dest_is_ours(d) &&
	    (d->share == NULL || d->share->spoke || dest_rare(d)->unsaved))
		return NULL;
	return d;
}

/* "DOMAIN/LOCAL"; a domain has no slash, but the local part may. */
static void
told_learned(struct queue *q, const char *name, const void *data, size_t len)
{
	const char *slash = strchr(name, '/');
	char domain[TEXT_DOMAIN_MAX];
	struct dest *d;

	if (slash == NULL || (size_t)(slash - name) >= sizeof(domain))
		return;
	memcpy(domain, name, (size_t)(slash - name));
	domain[slash - name] = '\0';
	if ((d = dest_find(q, domain)) != NULL)
		learn_told(d, slash + 1, data, len);
}

void
queue_told(struct queue *q, const char *key, const void *data, size_t len)
{
	const char *of;
	struct dest *d;

	if ((of = behind(key, "hold/")) != NULL)
		operator_told_hold(q, of, len > 0);
	else if ((of = behind(key, "extend/")) != NULL)
		operator_told_extend(q, of, data, len);
	else if ((of = behind(key, "learned/")) != NULL)
		told_learned(q, of, data, len);
	else if ((of = behind(key, "known/")) != NULL &&
	    (d = listens(q, of)) != NULL)
		breaker_told_known(d, data, len);
	else if ((of = behind(key, "breaker/")) != NULL &&
	    (d = listens(q, of)) != NULL)
		breaker_told(d, data, len);
	else if ((of = behind(key, "refused/")) != NULL &&
	    (d = listens(q, of)) != NULL)
		refused_told(d, data, len);
}
