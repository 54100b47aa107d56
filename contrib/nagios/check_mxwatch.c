/* SPDX-License-Identifier: ISC
 * check_mxwatch: a plugin for Nagios, Icinga and compatible monitors, by the
 * Monitoring Plugins guidelines: first one line on standard output, numbers
 * after a '|', 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. A daemon that does not
 * answer is CRITICAL, because it is the subject of the check; UNKNOWN is only
 * for a wrong command line. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "fetch.h"
#include "judge.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

enum { OPT_MODE = 256, OPT_AGGREGATE = OPT_MODE + CHECK_MODE_MAX };
enum { OPT_PRIMARY_CRITICAL = OPT_AGGREGATE + 1, OPT_CA_FILE };
#define SECRET_MAX 1024
#define HOUR_MS	   INT64_C(3600000)

struct check_options {
	struct fetch fetch;
	struct check check;
	const char *warning, *critical;
	char secret[SECRET_MAX];
	int64_t timeout_ms;
};

static void
usage(void)
{
	printf(
	    "usage: check_mxwatch [-s SOCKET | -H HOST [-p PORT] [-S]] MODE\n"
	    "    [-d DOMAIN]... [-x DOMAIN]... [-w RANGE] [-c RANGE]\n"
	    "  MODE is one of");
	for (size_t i = 0; i < CHECK_MODE_MAX; i++)
		printf(" %s", mode_info[i].word);
	printf("\n"
	       "  bounces=1h, bounces=1d, expired=...: only the last of them\n"
	       "  -s SOCKET  control socket [" MX_CONTROL_SOCKET "]\n"
	       "  -H HOST    ask its web server instead\n"
	       "  -p PORT    of the web server [10125]\n"
	       "  -S         over TLS; --ca-file FILE: who vouches for it\n"
	       "  -a USER:PASSWORD, or @FILE that holds it\n"
	       "  -d DOMAIN  only this one; -x DOMAIN: not this one\n"
	       "  -w, -c     [@]START:END, with s m h d w, K M G T or %%\n"
	       "  --aggregate max|sum   judge each domain, or their sum\n"
	       "  --primary-critical    a primary that is down is CRITICAL\n"
	       "  -t SECONDS until it is CRITICAL [10]\n"
	       "  -v         say more; twice, three times: still more\n"
	       "  -V, -h     version, this\n");
}

static int
end(enum level level, const char *text)
{
	printf("MXWATCH %s - ", level_name(level));
	for (; *text != '\0'; text++)
		putchar(*text == '|'		  ? '!' :
			(unsigned char)*text < 32 ? '?' :
						    *text);
	putchar('\n');
	return (int)level;
}

static void
on_alarm(int sig)
{
	static const char text[] =
	    "MXWATCH CRITICAL - timeout while waiting for an answer\n";

	(void)sig;
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(LEVEL_CRITICAL);
	_exit(LEVEL_CRITICAL);
}

/* `window`: the text after '=', or NULL. */
static int
set_mode(struct check_options *o, enum check_mode mode, const char *window,
    struct mx_errbuf *eb)
{
	int64_t ms;

	if (o->check.mode != CHECK_MODE_MAX)
		return mx_fail(eb, MX_ESYNTAX, "one mode, not two");
	o->check.mode = mode;
	if (window == NULL)
		return 0;
	if (mode != CHECK_BOUNCES && mode != CHECK_EXPIRED)
		return mx_fail(eb, MX_ESYNTAX, "--%s has no window",
		    mode_info[mode].word);
	if (text_duration(window, &ms) == 0 && ms == HOUR_MS)
		o->check.window = "1h";
	else if (text_duration(window, &ms) == 0 && ms == 24 * HOUR_MS)
		o->check.window = "1d";
	else
		return mx_fail(eb, MX_ESYNTAX,
		    "--%s=%.80s: the windows are 1h and 1d",
		    mode_info[mode].word, window);
	return 0;
}

static int
add_domain(const char **list, unsigned *n, const char *name,
    struct mx_errbuf *eb)
{
	char domain[TEXT_DOMAIN_MAX];

	if (*n == CHECK_DOMAINS_MAX)
		return mx_fail(eb, MX_ETOOBIG, "too many domains");
	if (text_domain(name, strlen(name), domain) != 0)
		return mx_fail(eb, MX_ESYNTAX, "\"%.300s\" is no domain", name);
	list[(*n)++] = mem_strdup(domain);
	return 0;
}

/* A password on the command line is visible to all users, one in a file is
 * not. */
static int
set_auth(struct check_options *o, const char *arg, struct mx_errbuf *eb)
{
	FILE *f;

	if (arg[0] == '@') {
		f = fopen(arg + 1, "r");
		if (f == NULL || fgets(o->secret, SECRET_MAX, f) == NULL)
			o->secret[0] = '\0';
		if (f != NULL)
			fclose(f);
		o->secret[strcspn(o->secret, "\r\n")] = '\0';
	} else if (strlcpy(o->secret, arg, SECRET_MAX) >= SECRET_MAX)
		return mx_fail(eb, MX_ETOOBIG, "-a: too long");
	if (strchr(o->secret, ':') == NULL)
		return mx_fail(eb, MX_ESYNTAX, "-a: no USER:PASSWORD there");
	o->fetch.auth = o->secret;
	return 0;
}

static int
set_option(struct check_options *o, int c, char *arg, struct mx_errbuf *eb)
{
	if (c >= OPT_MODE && c < OPT_AGGREGATE)
		return set_mode(o, (enum check_mode)(c - OPT_MODE), arg, eb);
	switch (c) {
	case 's':
		o->fetch.socket = arg;
		return 0;
	case 'H':
		o->fetch.host = arg;
		return 0;
	case 'p':
		o->fetch.port = arg;
		return 0;
	case 'S':
		o->fetch.tls = true;
		return 0;
	case 'a':
		return set_auth(o, arg, eb);
	case 'd':
		return add_domain(o->check.only, &o->check.nonly, arg, eb);
	case 'x':
		return add_domain(o->check.except, &o->check.nexcept, arg, eb);
	case 'w':
		o->warning = arg;
		return 0;
	case 'c':
		o->critical = arg;
		return 0;
	case 't':
		if (text_duration(arg, &o->timeout_ms) == 0 &&
		    o->timeout_ms >= 1000 && o->timeout_ms <= 3600000)
			return 0;
		return mx_fail(eb, MX_ESYNTAX, "-t: 1 to 3600 seconds");
	case 'v':
		o->check.verbose++;
		return 0;
	case OPT_AGGREGATE:
		o->check.sum = strcmp(arg, "sum") == 0;
		if (o->check.sum || strcmp(arg, "max") == 0)
			return 0;
		return mx_fail(eb, MX_ESYNTAX, "--aggregate: max or sum");
	case OPT_PRIMARY_CRITICAL:
		o->check.primary_critical = true;
		return 0;
	case OPT_CA_FILE:
		o->fetch.ca_file = arg;
		return 0;
	default:
		return mx_fail(eb, MX_ESYNTAX, "wrong option; -h shows all");
	}
}

/* Checks that need the whole command line. */
static int
finish(struct check_options *o, struct mx_errbuf *eb)
{
	const struct mode_info *mode = &mode_info[o->check.mode];
	int64_t port;
	int rc;

	if (o->check.mode == CHECK_MODE_MAX)
		return mx_fail(eb, MX_ESYNTAX, "which mode? -h shows all");
	if (o->check.mode == CHECK_ALL && o->warning == NULL &&
	    o->critical == NULL) {
		o->warning = "50%";
		o->critical = "80%";
	}
	if (o->check.sum && !mode->sums)
		return mx_fail(eb, MX_ESYNTAX, "--%s has no sum", mode->word);
	if (text_int(o->fetch.port, 1, 65535, &port) != 0)
		return mx_fail(eb, MX_ESYNTAX, "-p: \"%.80s\" is no port",
		    o->fetch.port);
	if (o->fetch.host == NULL && (o->fetch.tls || o->fetch.auth != NULL))
		return mx_fail(eb, MX_ESYNTAX, "-S and -a go with -H");
#ifndef HAVE_CURL
	if (o->fetch.tls)
		return mx_fail(eb, MX_ESYNTAX,
		    "-S: built without libcurl, hence no TLS");
#endif
	if (o->warning != NULL &&
	    (rc = range_parse(o->warning, mode->units, &o->check.warning,
		 eb)) != 0)
		return rc;
	if (o->critical != NULL &&
	    (rc = range_parse(o->critical, mode->units, &o->check.critical,
		 eb)) != 0)
		return rc;
	return 0;
}

static int
parse(int argc, char **argv, struct check_options *o, struct mx_errbuf *eb)
{
	static const struct option longs[] = {
#define MODE(name, word, label, unit, units, sums)                             \
	{ word, optional_argument, NULL, OPT_MODE + CHECK_##name },
		CHECK_MODES
#undef MODE
		{ "aggregate", required_argument, NULL, OPT_AGGREGATE },
		{ "primary-critical", no_argument, NULL, OPT_PRIMARY_CRITICAL },
		{ "ca-file", required_argument, NULL, OPT_CA_FILE },
		{ "socket", required_argument, NULL, 's' },
		{ "hostname", required_argument, NULL, 'H' },
		{ "port", required_argument, NULL, 'p' },
		{ "ssl", no_argument, NULL, 'S' },
		{ "authorization", required_argument, NULL, 'a' },
		{ "domain", required_argument, NULL, 'd' },
		{ "exclude", required_argument, NULL, 'x' },
		{ "warning", required_argument, NULL, 'w' },
		{ "critical", required_argument, NULL, 'c' },
		{ "timeout", required_argument, NULL, 't' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, rc;

	opterr = 0; /* the monitor reads standard output */
	while ((c = getopt_long(argc, argv, "s:H:p:Sa:d:x:w:c:t:vVh", longs,
		    NULL)) != -1) {
		if (c == 'V') {
			printf("check_mxwatch (mxwatch %s)\n", PACKAGE_VERSION);
			exit(LEVEL_UNKNOWN);
		} else if (c == 'h') {
			usage();
			exit(LEVEL_UNKNOWN);
		} else if ((rc = set_option(o, c, optarg, eb)) != 0)
			return rc;
	}
	for (; optind < argc; optind++) {
		const char *word = argv[optind], *is = strchr(word, '=');
		enum check_mode mode = check_mode_parse(word,
		    is != NULL ? (size_t)(is - word) : strlen(word));

		if (mode == CHECK_MODE_MAX)
			return mx_fail(eb, MX_ESYNTAX, "\"%.80s\" is no mode",
			    word);
		if ((rc = set_mode(o, mode, is != NULL ? is + 1 : NULL, eb)) !=
		    0)
			return rc;
	}
	return finish(o, eb);
}

static int
show(const struct check_options *o, const cJSON *status)
{
	struct verdict v;
	char *raw;

	judge(&o->check, status, &v);
	printf("MXWATCH %s - %s", level_name(v.level), buf_str(&v.line));
	if (v.perf.len > 0)
		printf(" | %s", buf_str(&v.perf));
	printf("\n");
	if (v.more.len > 0)
		printf("%s\n", buf_str(&v.more));
	if (o->check.verbose >= 3 &&
	    (raw = cJSON_PrintUnformatted(status)) != NULL) {
		for (char *p = raw; *p != '\0'; p++)
			if (*p == '|')
				*p = '!';
		printf("%s\n", raw);
		cJSON_free(raw);
	}
	verdict_fini(&v);
	return (int)v.level;
}

int
main(int argc, char **argv)
{
	struct check_options o = { .fetch = { .socket = MX_CONTROL_SOCKET,
				       .port = "10125" },
		.check = { .mode = CHECK_MODE_MAX },
		.timeout_ms = 10000 };
	struct sigaction act = { .sa_handler = on_alarm };
	struct mx_errbuf eb = { "" };
	cJSON *status = NULL;
	bool refused;
	int rc;

	if (parse(argc, argv, &o, &eb) != 0) {
		rc = end(LEVEL_UNKNOWN, eb.text);
		goto out;
	}
	(void)sigaction(SIGALRM, &act, NULL);
	(void)alarm((unsigned)((o.timeout_ms + 999) / 1000));
	status =
	    fetch_status(&o.fetch, o.check.only, o.check.nonly, &refused, &eb);
	(void)alarm(0);
	if (status == NULL)
		rc = end(refused ? LEVEL_UNKNOWN : LEVEL_CRITICAL, eb.text);
	else
		rc = show(&o, status);
out:
	cJSON_Delete(status);
	for (unsigned i = 0; i < o.check.nonly; i++)
		mem_free(&o.check.only[i]);
	for (unsigned i = 0; i < o.check.nexcept; i++)
		mem_free(&o.check.except[i]);
	return rc;
}
