/* SPDX-License-Identifier: ISC
 * next_expiry: see next_expiry.h. */
#include "control/next_expiry.h"

#include <string.h>

#include "control/verbs.h"

void
next_expiry_look(struct call *c, struct next_expiry *x, const char *domain)
{
	const struct relay *r = call_relay(c);
	struct relay_domain rd;

	r->domain(r->self, domain, &rd);
	if (rd.next_expiry_ms == 0 ||
	    (x->ms != 0 && rd.next_expiry_ms >= x->ms))
		return;
	x->ms = rd.next_expiry_ms;
	(void)strlcpy(x->domain, domain, sizeof(x->domain));
}

static void
look_at_one(struct call *c, void *arg, const char *domain)
{
	next_expiry_look(c, arg, domain);
}

void
next_expiry_begin(struct call *c, struct next_expiry *x)
{
	x->all = call_ops(c)->snapshot(call_ops(c)->arg, NULL);
	x->at = 0;
}

bool
next_expiry_some(struct call *c, struct next_expiry *x)
{
	return verbs_domains_some(c, &x->all, &x->at, look_at_one, x);
}

void
next_expiry_put(const struct next_expiry *x, cJSON *done)
{
	json_time_ms(done, "next_expiry", x->ms);
	json_text(done, "next_expiry_domain", x->domain);
}

void
next_expiry_fini(struct next_expiry *x)
{
	snapshot_unref(&x->all);
}
