/* SPDX-License-Identifier: ISC
 * identity: see identity.h. The spool has a file, alerts.instance, of two
 * lines: the instance, and the id of the machine (machine-id(5)) that used it
 * last. */
#include "alerts/identity.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define MACHINE_ID "/etc/machine-id"
#define LINES_MAX  1024

/* Default names of a system do not identify it. */
static bool
is_no_name(const char *node)
{
	return node[0] == '\0' || strcmp(node, "(none)") == 0 ||
	    strncasecmp(node, "localhost", 9) == 0;
}

/* The same at all nodes, whatever their greeting names. */
static const char *
cluster_name(const struct config *conf)
{
	return conf->alerts.instance != NULL ? conf->alerts.instance :
					       "cluster";
}

void
identity_shared(const struct config *conf, const char *name,
    char shared[static IDENTITY_MAX])
{
	(void)strlcpy(shared,
	    conf->cluster.engine != NULL ? cluster_name(conf) : name,
	    IDENTITY_MAX);
	text_ascii(shared);
}

void
identity_name(const struct config *conf, const char *node,
    char name[static IDENTITY_MAX])
{
	size_t label = strcspn(conf->hostname, ".");
	bool same = strcasecmp(node, conf->hostname) == 0 ||
	    (strlen(node) == label &&
		strncasecmp(node, conf->hostname, label) == 0);

	if (conf->cluster.engine != NULL)
		(void)snprintf(name, IDENTITY_MAX, "%.180s/%.64s",
		    cluster_name(conf), conf->cluster.node);
	else if (conf->alerts.instance != NULL)
		(void)strlcpy(name, conf->alerts.instance, IDENTITY_MAX);
	else if (same || is_no_name(node))
		(void)strlcpy(name, conf->hostname, IDENTITY_MAX);
	else
		(void)snprintf(name, IDENTITY_MAX, "%.180s/%.64s",
		    conf->hostname, node);
	text_ascii(name);
}

void
identity_init(struct alerts_identity *id)
{
	memset(id, 0, sizeof(*id));
	id->claim = -1;
}

void
identity_fini(struct alerts_identity *id)
{
	if (id->claim >= 0)
		close(id->claim);
	id->claim = -1;
}

/* A name in the abstract namespace (unix(7)) vanishes with the process. */
static int
claim(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), n;
	socklen_t len;

	if (fd < 0)
		return -1;
	n = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1,
	    "mxwatch-alerts/%s", name);
	if ((size_t)n > sizeof(sun.sun_path) - 2)
		n = sizeof(sun.sun_path) - 2;
	len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	if (bind(fd, (struct sockaddr *)&sun, len) == 0)
		return fd;
	n = errno;
	close(fd);
	errno = n;
	return -1;
}

void
identity_take(struct alerts_identity *id, const struct config *conf)
{
	char node[256] = "", name[IDENTITY_MAX];

	if (gethostname(node, sizeof(node) - 1) != 0)
		node[0] = '\0';
	identity_name(conf, node, name);
	identity_shared(conf, name, id->shared);
	if (strcmp(name, id->name) != 0) {
		identity_fini(id);
		(void)strlcpy(id->name, name, sizeof(id->name));
		log_notice("alerts", "instance=%s", log_q(name));
	}
	/* Without receivers the names cannot be confused. */
	if (conf->nreceivers == 0 || id->claim >= 0)
		return;
	id->claim = claim(name);
	if (id->claim < 0 && errno == EADDRINUSE)
		log_warn("alerts",
		    "problem=\"another mxwatchd on this host also sends its "
		    "alerts as %s, so each closes the incidents of the other: "
		    "set another alerts { instance } for one of them\"",
		    name);
}

/* Reads the two lines of the file; empty strings without one. */
static void
read_lines(const char *path, char *name, char *machine, size_t size)
{
	struct buf text = BUF_INIT(LINES_MAX);
	const char *end, *second;

	name[0] = machine[0] = '\0';
	if (file_load(path, &text, NULL) == 0) {
		end = strchr(buf_str(&text), '\n');
		second = end != NULL ? end + 1 : "";
		(void)strlcpy(name, buf_str(&text), size);
		name[strcspn(name, "\n")] = '\0';
		(void)strlcpy(machine, second, size);
		machine[strcspn(machine, "\n")] = '\0';
	}
	buf_fini(&text);
}

bool
identity_moved(const char *path, const char *name, const char *machine)
{
	char old_name[IDENTITY_MAX], old_machine[IDENTITY_MAX], *text;
	struct mx_errbuf eb = { "" };
	bool moved;

	read_lines(path, old_name, old_machine, IDENTITY_MAX);
	moved = strcmp(old_name, name) == 0 && old_machine[0] != '\0' &&
	    strcmp(old_machine, machine) != 0;
	if (strcmp(old_name, name) == 0 && strcmp(old_machine, machine) == 0)
		return false;
	text = mem_printf("%s\n%s\n", name, machine);
	if (file_replace(path, 0600, text, strlen(text), &eb) != 0)
		log_warn("alerts", "file=%s problem=%s", log_q(path),
		    log_q(eb.text));
	mem_free(&text);
	return moved;
}

void
identity_check_spool(const struct alerts_identity *id, const char *spool)
{
	struct buf text = BUF_INIT(LINES_MAX);
	char *machine, *path;

	if (file_load(MACHINE_ID, &text, NULL) != 0 || text.len == 0) {
		buf_fini(&text); /* a container: there is no id to compare */
		return;
	}
	machine = buf_take(&text);
	machine[strcspn(machine, "\n")] = '\0';
	path = mem_printf("%s/alerts.instance", spool);
	if (identity_moved(path, id->name, machine))
		log_warn("alerts",
		    "problem=\"this spool was last used on another host, which "
		    "also sent its alerts as %s. If that one still runs, each "
		    "closes the incidents of the other: set another alerts { "
		    "instance } for one of them\"",
		    id->name);
	mem_free(&machine);
	mem_free(&path);
}
