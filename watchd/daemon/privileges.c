/* SPDX-License-Identifier: ISC
 * privileges: see privileges.h. */
#include "daemon/privileges.h"

#include <sys/prctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/trusted.h"

int
privileges_check(const struct config *conf, struct mx_errbuf *eb)
{
	if (geteuid() != 0 || getpwnam(conf->user) != NULL)
		return 0;
	return mx_fail(eb, MX_ENOENT,
	    "user \"%s\" does not exist; create it, or set another one in "
	    "`user`",
	    conf->user);
}

/* The user to become; NULL when `uid` is not root, or when the user is root. */
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
		return mx_fail(eb, MX_ENOENT, "user \"%s\" no longer exists",
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
privileges_read_as(const struct config *conf, struct mx_errbuf *eb)
{
	int rc = privileges_check(conf, eb);

	return rc == 0 ? privileges_lower(conf, eb) : rc;
}

void
privileges_read_back(void)
{
	MX_ASSERT(privileges_raise() == 0);
}

static int
become(const struct config *conf, struct mx_errbuf *eb)
{
	const struct passwd *pw;
	int rc = user_to_become(conf, getuid(), &pw, eb);

	if (rc != 0 || pw == NULL)
		return rc;
	if (initgroups(conf->user, pw->pw_gid) != 0 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
		return mx_fail(eb, MX_ESYS, "cannot become user \"%s\": %s",
		    conf->user, strerror(errno));
	return 0;
}

int
privileges_drop(const struct config *conf, struct mx_errbuf *eb)
{
	int rc = become(conf, eb);

	/* Inherited by threads created from now on and by all programs; the
	 * threads that exist already start no programs. */
	if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		rc = mx_fail(eb, MX_ESYS, "cannot set no_new_privs: %s",
		    strerror(errno));
	return rc;
}

/* Looks up `conf->user` and becomes it until privileges_raise(), for access to
 * files. NULL: not root, or root is the user, or it failed (*rc). */
static const struct passwd *
lower(const struct config *conf, int *rc, struct mx_errbuf *eb)
{
	const struct passwd *pw = NULL;

	*rc = user_to_become(conf, geteuid(), &pw, eb);
	if (*rc == 0 && pw != NULL)
		*rc = privileges_lower(conf, eb);
	return *rc == 0 ? pw : NULL;
}

/* Opens a log that the user may not open or create: one that belongs to the
 * user or is new, in a folder where only root can make entries. */
static int
give_log(const char *path, const struct passwd *pw, struct mx_errbuf *eb)
{
	int dir, fd = -1, err = 0;
	const char *name;
	struct stat st;

	if ((dir = trusted_folder(path, pw->pw_uid, &name, eb)) < 0)
		return dir;
	fd = openat(dir, name, LOG_OPEN_FLAGS | O_NOFOLLOW | O_NONBLOCK,
	    LOG_OPEN_MODE);
	if (fd < 0 || fstat(fd, &st) != 0)
		err = errno;
	else if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		err = EMLINK;
	else if (fchown(fd, pw->pw_uid, pw->pw_gid) != 0)
		err = errno;
	close(dir);
	if (err == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return mx_fail(eb, MX_ESYS, "%s",
	    err == EMLINK ?
		"it is not a regular file, or has more than one name" :
		err == ELOOP ? "it is a symbolic link" :
			       strerror(err));
}

int
privileges_open_log(const struct config *conf, struct mx_errbuf *eb)
{
	const struct passwd *pw;
	int rc, fd, err;

	if ((rc = privileges_check(conf, eb)) != 0)
		return rc;
	pw = lower(conf, &rc, eb);
	if (rc != 0)
		return rc;
	fd = open(conf->log_file, LOG_OPEN_FLAGS, LOG_OPEN_MODE);
	err = errno;
	if (pw != NULL && privileges_raise() != 0)
		err = errno;
	else if (fd < 0 && err == EACCES && pw != NULL)
		return give_log(conf->log_file, pw, eb);
	if (fd < 0)
		return mx_fail(eb, MX_ESYS, "%s", strerror(err));
	return fd;
}

static int
give_dir(const char *path, mode_t mode, const struct passwd *pw,
    struct mx_errbuf *eb)
{
	int dir, fd = -1, rc = 0;
	const char *name;

	if ((dir = trusted_folder(path, pw->pw_uid, &name, eb)) < 0)
		return dir;
	if (mkdirat(dir, name, mode) == 0) {
		fd = openat(dir, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || fchown(fd, pw->pw_uid, pw->pw_gid) != 0)
			rc = mx_fail(eb, MX_ESYS, "%s", strerror(errno));
	} else if (errno != EEXIST)
		rc = mx_fail(eb, MX_ESYS, "%s", strerror(errno));
	if (fd >= 0)
		close(fd);
	close(dir);
	return rc;
}

/* Makes a directory that a first start may find missing. */
static int
make_dir(const char *path, mode_t mode, const struct config *conf,
    struct mx_errbuf *eb)
{
	struct mx_errbuf why = { "" };
	const struct passwd *pw;
	int rc, err;

	pw = lower(conf, &rc, eb);
	if (rc != 0)
		return rc;
	err = mkdir(path, mode) == 0 ? 0 : errno;
	if (pw != NULL && privileges_raise() != 0)
		return mx_fail(eb, MX_ESYS, "cannot regain root: %s",
		    strerror(errno));
	if (err == 0 || err == EEXIST)
		return 0;
	if (err == EACCES && pw != NULL)
		rc = give_dir(path, mode, pw, &why);
	else
		rc = mx_fail(&why, MX_ESYS, "%s", strerror(err));
	if (rc != 0)
		return mx_fail(eb, MX_ESYS, "cannot make directory %s: %s",
		    path, why.text);
	return 0;
}

/* The folder of the control socket; NULL: none to be made. The caller frees
 * it. */
static char *
control_dir(const struct config *conf)
{
	char *parent = mem_strdup(conf->control);
	char *slash = strrchr(parent, '/');

	if (slash != NULL && slash != parent)
		*slash = '\0';
	else
		mem_free(&parent);
	return parent;
}

int
privileges_make_dirs(const struct config *conf, struct mx_errbuf *eb)
{
	char *parent = control_dir(conf);
	int rc;

	rc = make_dir(conf->spool, 0700, conf, eb);
	if (rc == 0 && parent != NULL)
		rc = make_dir(parent, 0755, conf, eb);
	mem_free(&parent);
	return rc;
}

/* Has the effective user these rights to the path? 0 or an errno. */
static int
try_access(const char *path, int rights)
{
	return faccessat(AT_FDCWD, path, rights, AT_EACCESS) == 0 ? 0 : errno;
}

/* Whether the effective user can write the path, or create it if it is missing:
 * 0 or an errno. */
static int
try_make(const char *path, bool *exists)
{
	int err = try_access(path, F_OK);
	char *dir;

	*exists = err == 0;
	if (err != ENOENT)
		return try_access(path, W_OK);
	dir = file_folder(path);
	err = try_access(dir, W_OK | X_OK);
	mem_free(&dir);
	return err;
}

/* Checks what make_dir() and privileges_open_log() would do, without creating
 * anything. */
static int
check_made(const char *path, bool is_log, const struct config *conf,
    struct mx_errbuf *eb)
{
	struct mx_errbuf why = { "" };
	const struct passwd *pw;
	const char *name;
	int rc, err, dir;
	bool exists;

	pw = lower(conf, &rc, eb);
	if (rc != 0)
		return rc;
	err = try_make(path, &exists);
	if (pw != NULL && privileges_raise() != 0)
		return mx_fail(eb, MX_ESYS, "cannot regain root: %s",
		    strerror(errno));
	/* A path that exists, though the user cannot see it, is not created for
	 * the user. */
	if (err == EACCES && pw != NULL && !is_log && !exists)
		exists = access(path, F_OK) == 0;
	if (err == EACCES && pw != NULL && (is_log || !exists)) {
		if ((dir = trusted_folder(path, pw->pw_uid, &name, &why)) < 0)
			return mx_fail(eb, MX_ESYS, "%s: %s", path, why.text);
		close(dir);
		return 0;
	}
	if (err == 0)
		return 0;
	return mx_fail(eb, MX_ESYS,
	    exists ? "%s: user \"%s\" cannot write there: %s" :
		     "%s does not exist, and user \"%s\" cannot create it: %s",
	    path, pw != NULL ? conf->user : "(current)", strerror(err));
}

int
privileges_check_spool(const struct config *conf, struct mx_errbuf *eb)
{
	return check_made(conf->spool, false, conf, eb);
}

int
privileges_check_control(const struct config *conf, struct mx_errbuf *eb)
{
	char *parent = control_dir(conf);
	int rc = parent != NULL ? check_made(parent, false, conf, eb) : 0;

	mem_free(&parent);
	return rc;
}

int
privileges_check_log(const struct config *conf, struct mx_errbuf *eb)
{
	return conf->log_file != NULL ?
	    check_made(conf->log_file, true, conf, eb) :
	    0;
}
