/* SPDX-License-Identifier: ISC
 * main: mxwatchd's command line, log, background and exit codes: 0 fine, 1
 * failure, 2 usage or configuration error, 3 (STORE_EXIT_DAMAGED) the spool is
 * damaged. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/service.h"
#include "daemon/daemon.h"
#include "daemon/descriptors.h"
#include "daemon/findings.h"
#include "daemon/preflight.h"
#include "daemon/privileges.h"
#include "daemon/programs.h"
#include "relay/store/store.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define END_MS 30000 /* to write waiting data, even to a slow disk */

enum { EXIT_USAGE = 2 };

struct daemon_options {
	const char *file;
	bool foreground, check, local, verbose;
};

static void
usage(FILE *f)
{
	fprintf(f,
	    "usage: mxwatchd [-fv] [-c FILE]\n"
	    "       mxwatchd -n [-l] [-c FILE]\n"
	    "  -c FILE  configuration file [" MX_CONFIG_FILE "]\n"
	    "  -f       stay in the foreground\n"
	    "  -l       with -n: skip the DNS\n"
	    "  -n       check the configuration and exit\n"
	    "  -v       log everything\n"
	    "  -V       print the version and exit\n");
}

static int
parse_options(int argc, char **argv, struct daemon_options *o)
{
	int c;

	while ((c = getopt(argc, argv, "c:fhlnvV")) != -1) {
		switch (c) {
		case 'c':
			o->file = optarg;
			break;
		case 'f':
			o->foreground = true;
			break;
		case 'l':
			o->local = true;
			break;
		case 'n':
			o->check = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'V':
			printf("mxwatchd %s\n", PACKAGE_VERSION);
			exit(0);
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (o->local && !o->check) {
		fprintf(stderr, "mxwatchd: -l requires -n\n");
		usage(stderr);
		return EXIT_USAGE;
	}
	if (optind < argc) {
		fprintf(stderr, "mxwatchd: unexpected argument \"%s\"\n",
		    argv[optind]);
		usage(stderr);
		return EXIT_USAGE;
	}
	return 0;
}

static int
open_log(const struct config *conf, const struct daemon_options *o)
{
	static const enum log_dest dest[] = { LOG_DEST_STDERR, LOG_DEST_SYSLOG,
		LOG_DEST_FILE };

	/* Without a terminal stderr is lost: the background uses syslog. */
	enum log_dest to = dest[conf->log];
	enum log_level level = o->verbose ? LOG_LEVEL_TRACE : LOG_LEVEL_INFO;
	struct mx_errbuf eb = { "" };
	int fd;

	log_recipients_set(conf->log_recipients);
	if (to == LOG_DEST_STDERR && !o->foreground)
		to = LOG_DEST_SYSLOG;
	if (to == LOG_DEST_FILE) {
		if ((fd = privileges_open_log(conf, &eb)) >= 0 &&
		    log_open_file(fd, conf->log_file, level) == 0)
			return 0;
	} else if (log_open(to, NULL, level) == 0)
		return 0;
	fprintf(stderr, "mxwatchd: cannot log to %s: %s\n",
	    to == LOG_DEST_FILE ? conf->log_file : "syslog",
	    eb.text[0] != '\0' ? eb.text : strerror(errno));
	return -1;
}

/* Forks; the parent waits until the child serves (or has failed and reported it
 * on stderr) and exits with that status. In the child it returns the descriptor
 * to report to. */
static int
background(void)
{
	int fds[2], status = 1;
	char ok;
	pid_t pid;

	if (pipe(fds) != 0 || (pid = fork()) < 0) {
		perror("mxwatchd: cannot run in the background");
		exit(1);
	}
	if (pid == 0) {
		close(fds[0]);
		setsid();
		return fds[1];
	}
	close(fds[1]);
	if (read(fds[0], &ok, 1) == 1)
		exit(0);
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		exit(WEXITSTATUS(status));
	exit(1);
}

static void
detach(int ready)
{
	int null = open("/dev/null", O_RDWR);

	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		if (null > 2)
			close(null);
	}
	if (chdir("/") != 0 || write(ready, "1", 1) != 1)
		log_warn("daemon", "problem=\"detaching: %s\"",
		    strerror(errno));
	close(ready);
}

/* The daemon may have another limit than this shell, so this is a warning. */
static void
check_descriptors(const char *file, const struct config *conf)
{
	struct descriptor_shares s;

	descriptors_share(conf, &s);
	if (!descriptors_suffice(conf, &s))
		fprintf(stderr,
		    "%s: warning: with %" PRIu64 " descriptors, as here, "
		    "there would be %u sessions at once, and not max_sessions, "
		    "%u, and %u deliveries, of %u; for all of it %" PRIu64
		    " are wanted\n",
		    file, s.allowed, s.sessions, conf->smtpd.max_sessions,
		    s.deliveries, conf->deliver_connections, s.need);
}

static int
serve(const struct daemon_options *o, struct config *conf,
    const struct conf_errors *findings)
{
	struct mx_errbuf eb = { "" };
	struct spawner *spawner;
	struct daemon *d;
	int ready = -1, rc;

	signal(SIGPIPE, SIG_IGN);
	umask(027);
	if (!o->foreground)
		ready = background();
	service_open();
	spawner = programs_create(conf, !o->foreground, &eb);
	if (spawner == NULL || open_log(conf, o) != 0) {
		if (spawner == NULL)
			fprintf(stderr, "mxwatchd: %s\n", eb.text);
		spawner_destroy(&spawner);
		config_unref(&conf);
		return 1;
	}
	daemon_log_findings(findings);
	descriptors_raise();
	if ((rc = daemon_create(&d, conf, spawner, &eb)) < 0) {
		log_error("daemon", "started=0 why=%s", log_q(eb.text));
		log_close();
		fprintf(stderr, "mxwatchd: %s\n", eb.text);
		spawner_destroy(&spawner);
		return rc == -MX_ECORRUPT ? STORE_EXIT_DAMAGED : 1;
	}
	if (ready >= 0)
		detach(ready);
	daemon_run(d);
	service_extend(END_MS);
	daemon_destroy(&d);
	spawner_destroy(&spawner);
	service_close();
	log_close();
	return 0;
}

/* Warnings of a valid configuration go to the log; also to the terminal if the
 * log does not. */
static int
run(const struct daemon_options *o)
{
	struct conf_errors findings = { 0 };
	struct config *conf = daemon_config(o->file, &findings);
	int rc = 0;

	if (conf == NULL || o->check || !o->foreground)
		findings_print(&findings);
	if (conf == NULL)
		rc = EXIT_USAGE;
	else if (o->check) {
		descriptors_raise();
		check_descriptors(o->file, conf);
		if (preflight(conf, !o->local))
			printf("%s: configuration OK\n", o->file);
		else
			rc = EXIT_USAGE;
		config_unref(&conf);
	} else
		rc = serve(o, conf, &findings);
	conf_errors_fini(&findings);
	return rc;
}

int
main(int argc, char **argv)
{
	struct daemon_options o = { .file = MX_CONFIG_FILE };
	char *path = NULL;
	int rc;

	mem_setup();
	daemon_signals_hold();
	if ((rc = parse_options(argc, argv, &o)) != 0)
		return rc;
	/* The background process has the working directory "/", and a reload
	 * has to find the file. A missing file keeps its path: load() reports
	 * it. */
	if (!o.foreground && (path = realpath(o.file, NULL)) != NULL)
		o.file = path;
	rc = run(&o);
	free(path);
	return rc;
}
