/* SPDX-License-Identifier: ISC
 * policy: domains with equal policies share one copy. Most have the defaults of
 * the configuration, and a policy is as large as a queued message's entry. Loop
 * thread. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay/queue/queue_int.h"

struct shared_policy {
	struct queue_policy policy; /* first: others have a pointer to it */
	RB_ENTRY(shared_policy) link;
	unsigned refs;
};

/* Any order will do; policies that differ only in their padding are kept
 * twice. */
static int
policy_cmp(const struct shared_policy *a, const struct shared_policy *b)
{
	return memcmp(&a->policy, &b->policy, sizeof(a->policy));
}

RB_PROTOTYPE(policy_tree, shared_policy, link, policy_cmp)
RB_GENERATE(policy_tree, shared_policy, link, policy_cmp)

const struct queue_policy *
policy_share(struct queue *q, const struct queue_policy *p)
{
	struct shared_policy key, *s;

	memcpy(&key.policy, p, sizeof(*p));
	s = RB_FIND(policy_tree, &q->policies, &key);
	if (s == NULL) {
		s = mem_alloc(sizeof(*s));
		memcpy(&s->policy, p, sizeof(*p));
		RB_INSERT(policy_tree, &q->policies, s);
	}
	s->refs++;
	return &s->policy;
}

void
policy_leave(struct queue *q, const struct queue_policy *p)
{
	struct shared_policy *s = (struct shared_policy *)(uintptr_t)p;

	MX_ASSERT(s->refs > 0);
	if (--s->refs > 0)
		return;
	RB_REMOVE(policy_tree, &q->policies, s);
	free(s);
}
