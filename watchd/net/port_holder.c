/* SPDX-License-Identifier: ISC
 * port_holder: see port_holder.h. The kernel's table of sockets says which socket
 * listens on the port, and the descriptors of each process whose that is. */
#include "net/port_holder.h"

#include <arpa/inet.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define LISTENING   0x0au /* st in /proc/net/tcp */
#define SOCKETS_MAX 100000u /* lines that are looked at */
#define FDS_MAX	    1000000u /* descriptors, of all processes */

/* "0100007F:0019" or four such words: each is in the order of this host. */
static bool
parse_local(const char *s, struct net_addr *a)
{
	uint32_t word[4] = { 0 };
	unsigned port;
	size_t n = strcspn(s, ":") / 8;

	memset(a, 0, sizeof(*a));
	if ((n != 1 && n != 4) || s[n * 8] != ':' ||
	    sscanf(s + n * 8 + 1, "%4x", &port) != 1)
		return false;
	for (size_t i = 0; i < n; i++)
		if (sscanf(s + i * 8, "%8x", &word[i]) != 1)
			return false;
	a->u.sa.sa_family = n == 1 ? AF_INET : AF_INET6;
	a->len = n == 1 ? sizeof(a->u.in) : sizeof(a->u.in6);
	if (n == 1)
		memcpy(&a->u.in.sin_addr, word, 4);
	else
		memcpy(&a->u.in6.sin6_addr, word, 16);
	addr_port_set(a, (uint16_t)port);
	return true;
}

/* Whether the one keeps the other from listening. A socket on all IPv6 addresses
 * may have the IPv4 ones, too. */
static bool
collides(const struct net_addr *held, const struct net_addr *wanted)
{
	if (addr_port(held) != addr_port(wanted))
		return false;
	if (held->u.sa.sa_family != wanted->u.sa.sa_family)
		return held->u.sa.sa_family == AF_INET6 && addr_is_any(held);
	return addr_is_any(held) || addr_is_any(wanted) ||
	    addr_equal_host(held, wanted);
}

/* The inode of the socket in one of the tables; 0: there is none. */
static unsigned long
find_socket(const char *table, const struct net_addr *wanted)
{
	unsigned long inode, found = 0;
	char line[512], local[64];
	struct net_addr held;
	unsigned state, n = 0;
	FILE *f = fopen(table, "re");

	while (f != NULL && found == 0 && n++ < SOCKETS_MAX &&
	    fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%*s %63s %*s %x %*s %*s %*s %*s %*s %lu",
			local, &state, &inode) == 3 &&
		    state == LISTENING && parse_local(local, &held) &&
		    collides(&held, wanted))
			found = inode;
	if (f != NULL)
		fclose(f);
	return found;
}

/* Whether the process has a descriptor of that name. */
static bool
has_descriptor(const char *pid, const char *name, unsigned *left)
{
	char path[300], to[64];
	struct dirent *e;
	bool found = false;
	ssize_t n;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	d = opendir(path);
	while (d != NULL && !found && *left > 0 && (e = readdir(d)) != NULL) {
		--*left;
		n = readlinkat(dirfd(d), e->d_name, to, sizeof(to) - 1);
		to[n > 0 ? n : 0] = '\0';
		found = strcmp(to, name) == 0;
	}
	if (d != NULL)
		closedir(d);
	return found;
}

static void
read_name(const char *pid, char *name, size_t size)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	*name = '\0';
	if ((f = fopen(path, "re")) == NULL)
		return;
	if (fgets(name, (int)size, f) == NULL)
		*name = '\0';
	fclose(f);
	name[strcspn(name, "\n")] = '\0';
	text_ascii(name);
}

bool
port_holder_find(const struct net_addr *wanted, struct port_holder *h)
{
	unsigned long inode = find_socket("/proc/net/tcp", wanted);
	unsigned left = FDS_MAX;
	bool found = false;
	struct dirent *e;
	char name[64];
	DIR *d;

	memset(h, 0, sizeof(*h));
	if (inode == 0)
		inode = find_socket("/proc/net/tcp6", wanted);
	if (inode == 0 || (d = opendir("/proc")) == NULL)
		return false;
	snprintf(name, sizeof(name), "socket:[%lu]", inode);
	while (!found && (e = readdir(d)) != NULL) {
		if (strspn(e->d_name, "0123456789") != strlen(e->d_name) ||
		    !has_descriptor(e->d_name, name, &left))
			continue;
		found = true;
		h->pid = (pid_t)strtol(e->d_name, NULL, 10);
		read_name(e->d_name, h->name, sizeof(h->name));
	}
	closedir(d);
	return found;
}
