/* SPDX-License-Identifier: ISC
 * mxwatchctl: the command line: options, the verb and its arguments, the exit
 * code (0 fine, 1 failure, 2 usage or a bad configuration). */
#include <sys/ioctl.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "control/ctl_client.h"
#include "control/ctl_files.h"
#include "control/ctl_format.h"
#include "control/ctl_help.h"
#include "control/ctl_request.h"
#include "control/ctl_schema.h"
#include "control/ctl_table.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define WATCH_S 2 /* interval of --watch */

enum {
	OPT_JSON = 256,
	OPT_REASON,
	OPT_NO_WAIT,
	OPT_CSV,
	OPT_ENGINE,
	OPT_WATCH,
	OPT_PROBLEMS,
	OPT_FIELD, /* the first of control_fields[] */
};

/* Options that are not fields of a request. */
static const struct option own_options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "reason", required_argument, NULL, OPT_REASON },
	{ "no-wait", no_argument, NULL, OPT_NO_WAIT },
	{ "csv", no_argument, NULL, OPT_CSV },
	{ "engine", required_argument, NULL, OPT_ENGINE },
	{ "watch", no_argument, NULL, OPT_WATCH },
	{ "problems", no_argument, NULL, OPT_PROBLEMS },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
};

struct ctl_answer {
	struct format format;
	struct ctl_export export;
	const char *file; /* being imported */
	bool json;
	char error[700];
};

static void
usage(FILE *f)
{
	fprintf(f,
	    "usage: mxwatchctl [-c FILE | -s SOCKET] [--json] [--reason TEXT] "
	    "VERB\n");
	for (size_t i = 0; i < VERB_MAX; i++)
		fprintf(f, "  %-11s %s\n", control_verbs[i].name,
		    control_verbs[i].help);
	fprintf(f,
	    "  help VERB   its arguments and options\n"
	    "  -c FILE     configuration that names the socket\n"
	    "              [" MX_CONFIG_FILE "]\n"
	    "  -s SOCKET   the socket itself\n"
	    "  --json      print the answer as JSON\n"
	    "  --reason    the reason, for the log\n"
	    "  -V          print the version and exit\n");
}

/* The array ends with a zeroed entry. */
static void
fill_options(struct option *longs, char (*names)[CONTROL_FIELD_NAME])
{
	size_t n = MX_COUNT(own_options);

	memcpy(longs, own_options, sizeof(own_options));
	for (size_t i = 0; i < CONTROL_FIELDS; i++) {
		const struct control_field *f = &control_fields[i];

		if (f->kind != FIELD_TEXT && f->kind != FIELD_FLAG)
			continue;
		control_option_name(f, names[i]);
		longs[n++] = (struct option){ names[i],
			f->kind == FIELD_TEXT ? required_argument : no_argument,
			NULL, OPT_FIELD + (int)i };
	}
	memset(&longs[n], 0, sizeof(longs[n]));
}

static int
parse_options(int argc, char **argv, struct ctl_options *o)
{
	struct option longs[MX_COUNT(own_options) + CONTROL_FIELDS + 1];
	char names[CONTROL_FIELDS][CONTROL_FIELD_NAME];
	int c;

	fill_options(longs, names);
	while ((c = getopt_long(argc, argv, "c:s:hV", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->file = optarg;
			break;
		case 's':
			o->socket = optarg;
			break;
		case OPT_JSON:
			o->json = true;
			break;
		case OPT_REASON:
			o->reason = optarg;
			break;
		case OPT_NO_WAIT:
			o->no_wait = true;
			break;
		case OPT_CSV:
			o->csv = true;
			break;
		case OPT_ENGINE:
			o->engine = optarg;
			break;
		case OPT_WATCH:
			o->watch = true;
			break;
		case OPT_PROBLEMS:
			o->problems = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		case 'V':
			printf("mxwatchctl %s\n", PACKAGE_VERSION);
			exit(0);
		default:
			if (c < OPT_FIELD)
				return -1;
			o->field[c - OPT_FIELD] = optarg != NULL ? optarg : "";
			break;
		}
	}
	o->word = argv + optind;
	o->nwords = argc - optind;
	return 0;
}

/* With --json the last line is omitted when it only says "fine", so that the
 * answer to status, show or why is one document. */
static void
on_line(const char *text, const cJSON *line, void *arg)
{
	struct ctl_answer *a = arg;

	if (json_get_bool(line, "done")) {
		char *error = format_shown(json_get_text(line, "error"));

		(void)strlcpy(a->error, error, sizeof(a->error));
		mem_free(&error);
	}
	if (!a->json && a->format.verb == VERB_export)
		ctl_export_line(&a->export, line);
	else if (!a->json)
		format_line(&a->format, line);
	else if (!json_get_bool(line, "done") || cJSON_GetArraySize(line) > 2) {
		fprintf(a->format.out, "%s\n", text);
		fflush(a->format.out);
	}
}

static int
say_file(int fd, void *arg, struct mx_errbuf *eb)
{
	const struct ctl_answer *a = arg;

	return ctl_import_say(fd, a->file, eb);
}

/* Prints the last line of an export; 1: it stopped with an error. */
static int
export_end(struct ctl_answer *a, const char *dir)
{
	int rc = a->export.eb.text[0] != '\0';

	ctl_export_end(&a->export);
	if (rc != 0)
		fprintf(stderr, "mxwatchctl: %s\n", a->export.eb.text);
	printf("%u message%s written to %s\n", a->export.files,
	    a->export.files == 1 ? "" : "s", dir);
	return rc;
}

static char *
socket_path(const struct ctl_options *o)
{
	struct mx_errbuf eb = { "" };
	char *path;

	if (o->socket != NULL)
		return mem_strdup(o->socket);
	path = ctl_socket_path(o->file != NULL ? o->file : MX_CONFIG_FILE, &eb);
	if (eb.text[0] != '\0')
		fprintf(stderr, "mxwatchctl: %s\n", eb.text);
	return path;
}

/* The width of the terminal; 0: not a terminal. */
static int
terminal_columns(void)
{
	struct winsize size = { 0 };

	if (!isatty(STDOUT_FILENO))
		return 0;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ?
	    size.ws_col :
	    80;
}

static void
help_verb(enum control_verb verb)
{
	int columns = terminal_columns();
	char *text = NULL;
	size_t size = 0;
	FILE *f;

	if (columns == 0) {
		ctl_help_verb(stdout, verb);
		return;
	}
	f = open_memstream(&text, &size);
	MX_ASSERT(f != NULL);
	ctl_help_verb(f, verb);
	fclose(f);
	table_wrap(stdout, text, columns);
	free(text);
}

/* Finds the terminal's width, and whether to use colours (no-color.org). */
static void
look_at_terminal(struct format *f)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	f->columns = terminal_columns();
	f->terminal = f->columns > 0;
	f->colour = f->terminal && (no == NULL || *no == '\0') &&
	    (term == NULL || strcmp(term, "dumb") != 0);
}

static int
ask(const struct ctl_options *o, const char *path, enum control_verb verb,
    const cJSON *request, const char *file)
{
	struct ctl_answer a = { .json = o->json, .file = file };
	const char *last = o->word[o->nwords - 1];
	struct mx_errbuf eb = { "" };
	int rc;

	a.format = (struct format){ .out = stdout,
		.verb = verb,
		.now = clock_wall(),
		.about = file != NULL ? file :
		    o->nwords > 1     ? o->word[1] :
					NULL,
		.one = o->nwords > 1 &&
		    (verb == VERB_status || verb == VERB_flush ||
			verb == VERB_doctor ||
			(verb == VERB_outages && ctl_is_number(o->word[1]))),
		.csv = o->csv,
		.problems = o->problems };
	look_at_terminal(&a.format);
	a.export.dir = last;
	rc = ctl_ask_saying(path, request, file != NULL ? say_file : NULL,
	    on_line, &a, &eb);
	if (a.format.in_place)
		printf("\n");
	if (rc < 0) {
		fprintf(stderr, "mxwatchctl: %s\n", eb.text);
		rc = 1;
	} else if (a.error[0] != '\0')
		fprintf(stderr, "mxwatchctl: %s\n", a.error);
	if (verb == VERB_export && !o->json && export_end(&a, last) != 0)
		rc = 1;
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("mxwatchctl: writing");
		rc = 1;
	}
	return rc;
}

/* Sends the request, once per file of an import; returns the worst result. */
static int
ask_all(const struct ctl_options *o, enum control_verb verb,
    const cJSON *request)
{
	char *path = socket_path(o);
	int rc = 0, one;

	for (; o->watch; sleep(WATCH_S)) {
		if (isatty(STDOUT_FILENO))
			printf("\033[H\033[2J");
		(void)ask(o, path, verb, request, NULL);
		printf("\n");
		fflush(stdout);
	}
	if (verb != VERB_import)
		rc = ask(o, path, verb, request, NULL);
	for (int i = 1; verb == VERB_import && i < o->nwords; i++) {
		one = ask(o, path, verb, request, o->word[i]);
		rc = one > rc ? one : rc;
	}
	mem_free(&path);
	return rc;
}

static void
unknown_verb(const char *name)
{
	fprintf(stderr,
	    "mxwatchctl: unknown verb \"%s\"; write one of help, %s\n", name,
	    control_verb_list());
}

int
main(int argc, char **argv)
{
	struct ctl_options o = { 0 };
	enum control_verb verb;
	cJSON *request;
	int rc;

	if (parse_options(argc, argv, &o) != 0) {
		fprintf(stderr, "mxwatchctl -h lists the options and verbs\n");
		return CONTROL_REFUSED;
	}
	if (o.nwords == 0) {
		usage(stderr);
		return CONTROL_REFUSED;
	}
	if (strcmp(o.word[0], "help") == 0 && o.nwords < 3) {
		verb = o.nwords > 1 ? control_verb_parse(o.word[1]) : VERB_MAX;
		if (o.nwords == 1)
			usage(stdout);
		else if (verb < VERB_MAX)
			help_verb(verb);
		else
			unknown_verb(o.word[1]);
		return o.nwords > 1 && verb == VERB_MAX ? CONTROL_REFUSED : 0;
	}
	verb = control_verb_parse(o.word[0]);
	if (verb == VERB_MAX) {
		unknown_verb(o.word[0]);
		return CONTROL_REFUSED;
	}
	/* `vault purge X` is `purge X`. */
	if (verb == VERB_vault && o.nwords == 3 &&
	    strcmp(o.word[1], "purge") == 0) {
		verb = VERB_purge;
		o.word++;
		o.nwords--;
	}
	request = ctl_request(&o, verb);
	if (request == NULL)
		return CONTROL_REFUSED;
	rc = ctl_makes_tables(&o) ? ctl_schema(&o, stdout, stderr) :
				    ask_all(&o, verb, request);
	cJSON_Delete(request);
	return rc;
}
