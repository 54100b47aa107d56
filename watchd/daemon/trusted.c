/* SPDX-License-Identifier: ISC
 * trusted: see trusted.h. */
#include "daemon/trusted.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define LINKS_MAX 40 /* as in the kernel */

struct trusted_walk {
	uid_t uid;
	int fd; /* the folder that was reached */
	char rest[PATH_MAX]; /* the rest of the path */
	unsigned links;
};

/* Whether the user may write to the folder, by its mode or by an ACL. */
static bool
may_write(const struct trusted_walk *w)
{
	bool may;

	if (seteuid(w->uid) != 0)
		return true;
	may = faccessat(w->fd, ".", W_OK, AT_EACCESS) == 0;
	return seteuid(0) != 0 || may;
}

/* Whether the user can create, replace or remove this entry of the folder;
 * `entry` NULL: a new one. In a sticky folder another user's entry is safe. */
static bool
in_its_hands(const struct trusted_walk *w, const struct stat *entry)
{
	struct stat st;

	if (fstat(w->fd, &st) != 0 || st.st_uid == w->uid)
		return true;
	if (!may_write(w))
		return false;
	return entry == NULL || (st.st_mode & S_ISVTX) == 0 ||
	    entry->st_uid == w->uid;
}

static int
step_to(struct trusted_walk *w, int fd)
{
	close(w->fd);
	w->fd = fd;
	return 0;
}

/* Puts the target of the link before the rest of the path. */
static int
follow(struct trusted_walk *w, int link, struct mx_errbuf *eb)
{
	char text[PATH_MAX], *rest;
	ssize_t n = readlinkat(link, "", text, sizeof(text) - 1);
	int root;

	if (n < 0 || ++w->links > LINKS_MAX)
		return mx_fail(eb, MX_ESYS, "%s",
		    strerror(n < 0 ? errno : ELOOP));
	text[n] = '\0';
	rest = mem_strdup(w->rest);
	n = snprintf(w->rest, sizeof(w->rest), "%s/%s", text, rest);
	mem_free(&rest);
	if (n >= (ssize_t)sizeof(w->rest))
		return mx_fail(eb, MX_ESYS, "%s", strerror(ENAMETOOLONG));
	if (w->rest[0] != '/')
		return 0;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return mx_fail(eb, MX_ESYS, "/: %s", strerror(errno));
	return step_to(w, root);
}

static int
step(struct trusted_walk *w, const char *name, struct mx_errbuf *eb)
{
	int fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		rc = mx_fail(eb, MX_ESYS, "%s: %s", name, strerror(errno));
	else if (in_its_hands(w, &st))
		rc = mx_fail(eb, MX_ESYS,
		    "%s is in a folder that the user of the daemon may change; "
		    "root creates nothing there",
		    name);
	else if (S_ISLNK(st.st_mode))
		rc = follow(w, fd, eb);
	else if (!S_ISDIR(st.st_mode))
		rc = mx_fail(eb, MX_ESYS, "%s: %s", name, strerror(ENOTDIR));
	else
		return step_to(w, fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Takes the next name off the path; false: there is none. */
static bool
next_name(struct trusted_walk *w, char *name)
{
	const char *from = w->rest + strspn(w->rest, "/");
	size_t n = strcspn(from, "/");

	if (n == 0 || n > NAME_MAX)
		return false;
	memcpy(name, from, n);
	name[n] = '\0';
	memmove(w->rest, from + n, strlen(from + n) + 1);
	return true;
}

int
trusted_folder(const char *path, uid_t uid, const char **name,
    struct mx_errbuf *eb)
{
	const char *slash = strrchr(path, '/');
	struct trusted_walk w = { .uid = uid };
	char part[NAME_MAX + 1];
	int rc = 0;

	*name = slash != NULL ? slash + 1 : path;
	if (**name == '\0' || strlen(path) >= sizeof(w.rest))
		return mx_fail(eb, MX_ESYS, "it is not a file name");
	memcpy(w.rest, path, (size_t)(*name - path));
	w.fd = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w.fd < 0)
		return mx_fail(eb, MX_ESYS, "%s", strerror(errno));
	while (rc == 0 && next_name(&w, part))
		rc = step(&w, part, eb);
	if (rc == 0 && w.rest[strspn(w.rest, "/")] != '\0')
		rc = mx_fail(eb, MX_ESYS, "%s", strerror(ENAMETOOLONG));
	if (rc == 0 && in_its_hands(&w, NULL))
		rc = mx_fail(eb, MX_ESYS,
		    "the user of the daemon may change its folder but not the "
		    "file; chown it to that user, or remove it");
	if (rc == 0)
		return w.fd;
	close(w.fd);
	return rc;
}
