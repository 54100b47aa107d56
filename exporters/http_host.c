/* SPDX-License-Identifier: ISC
 * http_host: see http_host.h. Names are compared in the form of
 * text_domain(). */
#include "exporters/http_host.h"

#include <arpa/inet.h>

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

struct http_hosts {
	size_t n;
	char **name; /* canonical */
};

static void
add(struct http_hosts *h, const char *name)
{
	char canonical[TEXT_DOMAIN_MAX];

	/* Addresses are skipped: they are accepted anyway. */
	if (name != NULL && text_domain(name, strlen(name), canonical) == 0)
		h->name[h->n++] = mem_strdup(canonical);
}

struct http_hosts *
http_hosts_create(const struct config *conf)
{
	const struct strlist *more = &conf->web.hosts;
	struct http_hosts *h = mem_alloc(sizeof(*h));
	char system[TEXT_DOMAIN_MAX];

	h->name = mem_array(more->n + 3, sizeof(h->name[0]));
	add(h, "localhost");
	add(h, conf->hostname);
	if (gethostname(system, sizeof(system) - 1) == 0) {
		system[sizeof(system) - 1] = '\0';
		add(h, system);
	}
	for (size_t i = 0; i < more->n; i++)
		add(h, more->s[i]);
	return h;
}

void
http_hosts_destroy(struct http_hosts **hp)
{
	struct http_hosts *h = *hp;

	if (h == NULL)
		return;
	for (size_t i = 0; i < h->n; i++)
		mem_free(&h->name[i]);
	mem_free(&h->name);
	mem_free(hp);
}

/* ":" and digits, or nothing; a port may be empty (RFC 3986 3.2.3). */
static bool
is_port(const char *s, const char *end)
{
	if (s == end)
		return true;
	if (*s != ':')
		return false;
	for (s++; s < end; s++)
		if (*s < '0' || *s > '9')
			return false;
	return true;
}

static bool
is_address(int family, const char *s, size_t len)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char raw[sizeof(struct in6_addr)];

	if (len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	return inet_pton(family, text, raw) == 1;
}

enum http_host_verdict
http_host_judge(const struct http_hosts *h, const char *host, size_t len,
    bool any)
{
	const char *end = host + len, *stop;
	char name[TEXT_DOMAIN_MAX];

	if (len > 0 && *host == '[') {
		stop = memchr(host, ']', len);
		return stop != NULL && is_port(stop + 1, end) &&
			is_address(AF_INET6, host + 1,
			    (size_t)(stop - host) - 1) ?
		    HTTP_HOST_OURS :
		    HTTP_HOST_WRONG;
	}
	stop = memchr(host, ':', len);
	if (stop == NULL)
		stop = end;
	len = (size_t)(stop - host);
	if (!is_port(stop, end) || len == 0)
		return HTTP_HOST_WRONG;
	if (is_address(AF_INET, host, len))
		return HTTP_HOST_OURS;
	if (text_domain(host, len, name) != 0)
		return HTTP_HOST_WRONG;
	for (size_t i = 0; i < h->n && !any; i++)
		any = strcmp(h->name[i], name) == 0;
	return any ? HTTP_HOST_OURS : HTTP_HOST_UNKNOWN;
}

const char *
http_target(const char *target, const char **authority, size_t *len)
{
	static const char *const schemes[] = { "http://", "https://" };
	size_t n;

	*authority = NULL;
	*len = 0;
	for (size_t i = 0; i < MX_COUNT(schemes); i++) {
		n = strlen(schemes[i]);
		if (strncasecmp(target, schemes[i], n) != 0)
			continue;
		*authority = target + n;
		*len = strcspn(*authority, "/");
		target = *authority + *len;
		return *target == '\0' ? "/" : target;
	}
	return target;
}
