/* SPDX-License-Identifier: ISC
 * watch_conf: see watch_conf.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/watch_conf.h"

/* A configuration of `text` inside of what each needs. */
static struct config *
parse(const char *text)
{
	struct conf_errors errs = { 0 };
	char *all = mem_printf("hostname = \"us.example\"\n%s", text);
	struct config *c = config_parse("test", all, strlen(all), &errs);

	for (size_t i = 0; i < errs.n; i++)
		if (!errs.e[i].warning)
			fail_msg("%s", errs.e[i].text);
	conf_errors_fini(&errs);
	mem_free(&all);
	assert_non_null(c);
	return c;
}

void
watch_conf_set(struct watch_set *ws, struct config **in_force, const char *text,
    int64_t now, int64_t wall)
{
	struct config *c = parse(text), *old = *in_force;

	for (size_t i = 0; i < c->ndomains; i++)
		watch_domain_set(ws, &c->domain[i], now, wall);
	for (size_t i = 0; old != NULL && i < old->ndomains; i++)
		if (config_domain(c, old->domain[i].name) == NULL)
			watch_domain_drop(ws, old->domain[i].name);
	config_unref(&old);
	*in_force = c;
}
