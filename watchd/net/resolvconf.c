/* SPDX-License-Identifier: ISC
 * resolvconf: see resolvconf.h. Only nameserver lines are read; search and
 * options are for programs that look up unqualified names. */
#include "net/resolvconf.h"

#include <stdio.h>

#include "base/log.h"

size_t
resolvconf_servers(const char *path, struct net_addr *servers, size_t max)
{
	char line[512], word[ADDR_TEXT_MAX];
	size_t n = 0;
	FILE *f = fopen(path, "re");

	while (f != NULL && n < max && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "nameserver %63s", word) != 1)
			continue;
		if (addr_parse(&servers[n], word, 53, '@') == 0)
			n++;
		else
			log_warn("dns", "file=%s nameserver=%s used=no",
			    log_q(path), log_q(word));
	}
	if (f != NULL)
		(void)fclose(f);
	if (n == 0 && addr_parse(&servers[0], "127.0.0.1", 53, '@') == 0)
		n = 1;
	return n;
}
