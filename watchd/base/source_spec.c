/* SPDX-License-Identifier: ISC
 * source_spec: see source_spec.h. */
#include "base/source_spec.h"

#include <string.h>

#include "base/mem.h"

static bool
begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

bool
spec_is_exec(const char *spec)
{
	return begins(spec, SPEC_EXEC);
}

bool
spec_is_source(const char *spec)
{
	return begins(spec, SPEC_EXEC) ||
	    (spec[0] != '/' && strstr(spec, "://") != NULL);
}

int
spec_check(const char *spec, struct mx_errbuf *eb)
{
	size_t host;

	for (const char *p = spec; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			return mx_fail(eb, MX_ESYNTAX,
			    "has a character that is not printable ASCII");
	if (spec_is_exec(spec)) {
		if (spec[strlen(SPEC_EXEC)] != '/')
			return mx_fail(eb, MX_ESYNTAX,
			    "names no program; write it like exec:/path "
			    "ARGUMENT ...");
		return 0;
	}
	if (!begins(spec, SPEC_HTTPS))
		return mx_fail(eb, MX_ESYNTAX,
		    "is neither a path nor https:// nor exec:/path");
	spec += strlen(SPEC_HTTPS);
	host = strcspn(spec, "/?#");
	if (host == 0 || spec[0] == ':')
		return mx_fail(eb, MX_ESYNTAX, "has no host");
	if (memchr(spec, '@', host) != NULL)
		return mx_fail(eb, MX_ESYNTAX,
		    "has a user name; for a token use its file option");
	if (strpbrk(spec, " #") != NULL)
		return mx_fail(eb, MX_ESYNTAX, "has a space or a fragment");
	return 0;
}

struct strlist
spec_argv(const char *spec)
{
	struct strlist list = { 0, NULL };
	const char *p = spec + strlen(SPEC_EXEC);
	size_t n;

	for (;; p += n) {
		p += strspn(p, " ");
		if (*p == '\0')
			return list;
		n = strcspn(p, " ");
		strlist_add(&list, mem_strndup(p, n));
	}
}

char *
spec_name(const char *spec)
{
	return spec_is_source(spec) && !spec_is_exec(spec) ?
	    mem_strndup(spec, strcspn(spec, "?")) :
	    mem_strdup(spec);
}
