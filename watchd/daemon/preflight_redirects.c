/* SPDX-License-Identifier: ISC
 * preflight_redirects: the primaries of the configuration that would not be
 * used, because an operator has redirected their domains. The running daemon
 * has the redirects in its store and is asked for them; without one there is
 * nothing to say. */
#include <string.h>

#include "base/mem.h"
#include "control/ctl_client.h"
#include "daemon/preflight_int.h"
#include "daemon/redirected.h"

/* A line of the answer to `redirect`, into the set. */
static void
on_line(const char *text, const cJSON *line, void *arg)
{
	struct redirect_set **set = arg, *more;
	const char *domain = json_get_text(line, "domain");
	char *host[REDIRECT_HOSTS_MAX], name[TEXT_DOMAIN_MAX];
	struct redirect *r;
	const cJSON *to;
	size_t n = 0;

	(void)text;
	cJSON_ArrayForEach (to, json_get(line, "to")) {
		if (cJSON_IsString(to) && n < MX_COUNT(host))
			host[n++] = to->valuestring;
	}
	if (text_domain(domain, strlen(domain), name) != 0 ||
	    (r = redirect_create(name, host, n, NULL)) == NULL)
		return;
	if (*set == NULL || (*set)->n < REDIRECTS_MAX) {
		more = redirect_set_with(*set, r);
		redirect_set_unref(set);
		*set = more;
	}
	redirect_unref(&r);
}

void
preflight_redirects(struct config *c, struct conf_errors *errs)
{
	struct redirect_set *set = NULL;
	cJSON *request = json_object();
	struct config *redirected;

	json_text(request, "verb", "redirect");
	if (ctl_ask(c->control, request, on_line, &set, NULL) == 0 &&
	    set != NULL) {
		redirected = config_redirected(c, set);
		redirected_findings(redirected, errs);
		config_unref(&redirected);
	}
	redirect_set_unref(&set);
	cJSON_Delete(request);
}
