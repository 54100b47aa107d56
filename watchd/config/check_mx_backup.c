/* SPDX-License-Identifier: ISC
 * check_mx_backup: networks of all addresses, with which any server would be a
 * primary, and loopback ones. */
#include <string.h>

#include "config_int.h"
#include "net/addr.h"

/* The address and length of "192.0.2.0/24"; -1: an address without a length.
 * Invalid prefixes were refused when read. */
static bool
split(const char *prefix, struct net_addr *a, int64_t *bits)
{
	size_t n = strcspn(prefix, "/");
	char host[ADDR_TEXT_MAX];

	*bits = -1;
	if (n >= sizeof(host))
		return false;
	memcpy(host, prefix, n);
	host[n] = '\0';
	return addr_parse(a, host, 0, ':') == 0 &&
	    (prefix[n] == '\0' || text_int(prefix + n + 1, 0, 128, bits) == 0);
}

void
check_mx_backup(struct conf_loader *l)
{
	const struct conf_pos *at = &l->set[OPT_MX_BACKUP_networks];
	const struct strlist *list = &l->c->mx_backup.networks;
	char q[CONF_QUOTE_MAX];
	struct net_addr a;
	int64_t bits;

	for (size_t i = 0; i < list->n && !at->wrong; i++) {
		if (!split(list->s[i], &a, &bits))
			continue;
		if (bits == 0)
			conf_err(l, conf_item_pos(l, *at, i),
			    "mx_backup: networks %s covers every address: any "
			    "domain that lists this server in the DNS would be "
			    "backed up; name the networks of the primaries",
			    conf_quote(list->s[i], q));
		else if (addr_is_loopback(&a))
			conf_warn(l, conf_item_pos(l, *at, i),
			    "mx_backup: networks %s is this host itself; name "
			    "the networks of the primaries",
			    conf_quote(list->s[i], q));
	}
}
