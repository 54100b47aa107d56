/* SPDX-License-Identifier: ISC
 * privileges: see privileges.h. */
#include "daemon/privileges.h"

#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

int
privileges_check(const struct config *conf, struct mx_errbuf *eb)
{
	if (geteuid() != 0 || getpwnam(conf->user) != NULL)
		return 0;
	return mx_fail(eb, MX_ENOENT,
	    "user \"%s\" does not exist: "
	    "create it, or name another in `user`",
	    conf->user);
}

/* The user to become; NULL when we (`uid`) are not root, or are to stay it. */
static int
user_to_become(const struct config *conf, uid_t uid, const struct passwd **pwp,
    struct mx_errbuf *eb)
{
	const struct passwd *pw;

	*pwp = NULL;
	if (uid != 0)
		return 0;
	pw = getpwnam(conf->user);
	if (pw == NULL)
		return mx_fail(eb, MX_ENOENT, "user \"%s\" is gone",
		    conf->user);
	if (pw->pw_uid != 0)
		*pwp = pw;
	return 0;
}

int
privileges_lower(const struct config *conf, struct mx_errbuf *eb)
{
	const struct passwd *pw;
	int rc = user_to_become(conf, geteuid(), &pw, eb);

	if (rc != 0 || pw == NULL)
		return rc;
	if (initgroups(conf->user, pw->pw_gid) != 0 ||
	    setegid(pw->pw_gid) != 0 || seteuid(pw->pw_uid) != 0)
		return mx_fail(eb, MX_ESYS, "cannot become user \"%s\": %s",
		    conf->user, strerror(errno));
	return 0;
}

int
privileges_raise(void)
{
	return geteuid() == 0 || getuid() != 0 ? 0 : seteuid(0);
}

int
privileges_drop(const struct config *conf, struct mx_errbuf *eb)
{
	const struct passwd *pw;
	int rc = user_to_become(conf, getuid(), &pw, eb);

	if (rc != 0 || pw == NULL)
		return rc;
	if (setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
		return mx_fail(eb, MX_ESYS, "cannot become user \"%s\": %s",
		    conf->user, strerror(errno));
	return 0;
}

/* Makes a directory that a first start may find missing. */
static int
make_dir(const char *path, mode_t mode, const struct config *conf,
    struct mx_errbuf *eb)
{
	const struct passwd *pw;

	if (mkdir(path, mode) != 0) {
		if (errno == EEXIST)
			return 0;
		return mx_fail(eb, MX_ESYS, "cannot make directory %s: %s",
		    path, strerror(errno));
	}
	pw = geteuid() == 0 ? getpwnam(conf->user) : NULL;
	if (pw != NULL && chown(path, pw->pw_uid, pw->pw_gid) != 0)
		return mx_fail(eb, MX_ESYS, "cannot give %s to user \"%s\": %s",
		    path, conf->user, strerror(errno));
	return 0;
}

/* The log was opened before anything that may have to be said; whoever
 * rotates it will want it reopened by the user. */
static int
own_log(const struct config *conf, struct mx_errbuf *eb)
{
	const struct passwd *pw;

	if (geteuid() != 0 || conf->log_file == NULL)
		return 0;
	pw = getpwnam(conf->user);
	if (pw != NULL && chown(conf->log_file, pw->pw_uid, pw->pw_gid) != 0)
		return mx_fail(eb, MX_ESYS, "cannot give %s to user \"%s\": %s",
		    conf->log_file, conf->user, strerror(errno));
	return 0;
}

int
privileges_make_dirs(const struct config *conf, struct mx_errbuf *eb)
{
	char *parent = mem_strdup(conf->control), *slash;
	int rc;

	rc = own_log(conf, eb);
	if (rc == 0)
		rc = make_dir(conf->spool, 0700, conf, eb);
	slash = strrchr(parent, '/');
	if (rc == 0 && slash != NULL && slash != parent) {
		*slash = '\0';
		rc = make_dir(parent, 0755, conf, eb);
	}
	mem_free(&parent);
	return rc;
}
