/* SPDX-License-Identifier: ISC
 * mxwatchctl: the command line: options, the verb and what it is about, the
 * exit code (0 fine, 1 failure, 2 usage or a bad configuration). */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "control/ctl_client.h"
#include "control/ctl_format.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

enum {
	OPT_JSON = 256,
	OPT_REASON,
	OPT_ALL,
	OPT_DRY_RUN,
	OPT_NO_WAIT,
	OPT_FOR,
	OPT_REMOVE,
	OPT_PRIMARIES,
	OPT_SINCE,
	OPT_REPLY,
	OPT_AGAIN,
	OPT_PURGE,
	OPT_DAMAGED,
	OPT_UNKNOWN,
	OPT_FROM,
	OPT_UNTIL,
	OPT_HOLD,
	OPT_END,
	OPT_CSV,
	OPT_SENDER,
	OPT_RECIPIENT,
	OPT_OLDER,
};

struct options {
	const char *file, *socket, *reason, *duration, *remove, *since, *reply;
	bool json, all, dry_run, no_wait, primaries, again, purge, damaged;
	const char *from, *until, *end;
	const char *sender, *recipient, *older;
	bool unknown, hold, csv;
	char **word; /* the verb and what follows */
	int nwords;
};

struct ctl_answer {
	struct format format;
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
		fprintf(f, "  %-8s %-40s %s\n", control_verbs[i].name,
		    control_verbs[i].arguments, control_verbs[i].help);
	fprintf(f,
	    "  -c FILE     configuration that names the socket\n"
	    "              [" MX_CONFIG_FILE "]\n"
	    "  -s SOCKET   the socket itself\n"
	    "  --json      print the answer as it came\n"
	    "  --reason    why, for the log\n"
	    "  -V          print the version and exit\n");
}

static int
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "reason", required_argument, NULL, OPT_REASON },
		{ "all", no_argument, NULL, OPT_ALL },
		{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
		{ "no-wait", no_argument, NULL, OPT_NO_WAIT },
		{ "for", required_argument, NULL, OPT_FOR },
		{ "remove", required_argument, NULL, OPT_REMOVE },
		{ "primaries", no_argument, NULL, OPT_PRIMARIES },
		{ "since", required_argument, NULL, OPT_SINCE },
		{ "reply", required_argument, NULL, OPT_REPLY },
		{ "again", no_argument, NULL, OPT_AGAIN },
		{ "purge", no_argument, NULL, OPT_PURGE },
		{ "damaged", no_argument, NULL, OPT_DAMAGED },
		{ "unknown", no_argument, NULL, OPT_UNKNOWN },
		{ "from", required_argument, NULL, OPT_FROM },
		{ "until", required_argument, NULL, OPT_UNTIL },
		{ "hold", no_argument, NULL, OPT_HOLD },
		{ "end", required_argument, NULL, OPT_END },
		{ "csv", no_argument, NULL, OPT_CSV },
		{ "sender", required_argument, NULL, OPT_SENDER },
		{ "recipient", required_argument, NULL, OPT_RECIPIENT },
		{ "older", required_argument, NULL, OPT_OLDER },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

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
		case OPT_ALL:
			o->all = true;
			break;
		case OPT_DRY_RUN:
			o->dry_run = true;
			break;
		case OPT_NO_WAIT:
			o->no_wait = true;
			break;
		case OPT_FOR:
			o->duration = optarg;
			break;
		case OPT_REMOVE:
			o->remove = optarg;
			break;
		case OPT_PRIMARIES:
			o->primaries = true;
			break;
		case OPT_SINCE:
			o->since = optarg;
			break;
		case OPT_REPLY:
			o->reply = optarg;
			break;
		case OPT_AGAIN:
			o->again = true;
			break;
		case OPT_PURGE:
			o->purge = true;
			break;
		case OPT_DAMAGED:
			o->damaged = true;
			break;
		case OPT_UNKNOWN:
			o->unknown = true;
			break;
		case OPT_FROM:
			o->from = optarg;
			break;
		case OPT_UNTIL:
			o->until = optarg;
			break;
		case OPT_HOLD:
			o->hold = true;
			break;
		case OPT_END:
			o->end = optarg;
			break;
		case OPT_CSV:
			o->csv = true;
			break;
		case OPT_SENDER:
			o->sender = optarg;
			break;
		case OPT_RECIPIENT:
			o->recipient = optarg;
			break;
		case OPT_OLDER:
			o->older = optarg;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		case 'V':
			printf("mxwatchctl %s\n", PACKAGE_VERSION);
			exit(0);
		default:
			return -1;
		}
	}
	o->word = argv + optind;
	o->nwords = argc - optind;
	return 0;
}

/* The kind of the word after the verb: an address has an @, and what reads as
 * an id is one. */
static void
add_target(cJSON *request, unsigned fields, const char *word)
{
	const char *key = "domain";
	uint64_t id;
	bool part;

	if ((fields & FIELD_ADDRESS) != 0 && strchr(word, '@') != NULL)
		key = "address";
	else if ((fields & FIELD_ID) != 0 &&
	    ((fields & FIELD_DOMAIN) == 0 ||
		text_id_parse(word, &id, &part) == 0))
		key = "id";
	MX_ASSERT(cJSON_AddStringToObject(request, key, word) != NULL);
}

/* Arguments of silence and of alert; false: it is not how they go. */
static bool
alert_words_fit(const struct options *o, unsigned fields, int *least, int *want)
{
	if ((fields & FIELD_RECEIVER) != 0) {
		*least = *want = 2;
		if (o->nwords > 1 && strcmp(o->word[1], "test") != 0)
			return false;
	}
	if ((fields & FIELD_MATCH) != 0) {
		if ((fields & FIELD_FOR) == 0)
			*least = *want = 1;
		else
			*least = *want = o->duration != NULL;
		return (fields & FIELD_FOR) == 0 ?
		    o->duration == NULL && o->remove == NULL :
		    o->duration == NULL || o->remove == NULL;
	}
	return (o->duration == NULL || (fields & FIELD_FOR) != 0) &&
	    o->remove == NULL;
}

/* Arguments of maintenance; false: it is not how they go. */
static bool
maintenance_words_fit(const struct options *o, unsigned fields, int *least,
    int *want)
{
	bool sets = o->from != NULL || o->until != NULL || o->hold;

	if ((fields & FIELD_HOLD) == 0)
		return !sets && o->end == NULL;
	if (o->duration != NULL && o->until != NULL)
		return false;
	*least = sets || o->duration != NULL;
	*want = o->duration != NULL || o->until != NULL;
	return o->end == NULL || *least == 0;
}

static void
add_maintenance_words(cJSON *r, const struct options *o, unsigned fields)
{
	if ((fields & FIELD_HOLD) == 0)
		return;
	if (o->nwords > 1)
		json_text(r, "subject", o->word[1]);
	if (o->from != NULL)
		json_text(r, "from", o->from);
	if (o->until != NULL)
		json_text(r, "until", o->until);
	if (o->hold)
		json_bool(r, "hold", true);
	if (o->end != NULL)
		json_text(r, "end", o->end);
}

static void
add_alert_words(cJSON *r, const struct options *o, unsigned fields)
{
	if ((fields & FIELD_RECEIVER) != 0)
		json_text(r, "receiver", o->word[2]);
	if ((fields & FIELD_MATCH) != 0 && o->nwords > 1)
		json_text(r, "match", o->word[1]);
	if (o->duration != NULL)
		json_text(r, "for", o->duration);
	if (o->remove != NULL)
		json_text(r, "remove", o->remove);
}

static bool
vault_options_fit(const struct options *o, unsigned fields)
{
	return (o->since == NULL || (fields & FIELD_SINCE) != 0) &&
	    (o->reply == NULL || (fields & FIELD_REPLY) != 0) &&
	    (!o->again || (fields & FIELD_AGAIN) != 0) &&
	    (!o->purge || (fields & FIELD_PURGE) != 0) &&
	    (!o->damaged || (fields & FIELD_DAMAGED) != 0) &&
	    (!o->unknown || (fields & FIELD_UNKNOWN) != 0) &&
	    (o->sender == NULL || (fields & FIELD_SENDER) != 0) &&
	    (o->recipient == NULL || (fields & FIELD_RECIPIENT) != 0) &&
	    (o->older == NULL || (fields & FIELD_OLDER) != 0) &&
	    (!o->csv || ((fields & FIELD_OUTAGE) != 0 && !o->json));
}

static void
add_vault_options(cJSON *r, const struct options *o)
{
	if (o->since != NULL)
		json_text(r, "since", o->since);
	if (o->reply != NULL)
		json_text(r, "reply", o->reply);
	if (o->again)
		json_bool(r, "again", true);
	if (o->purge)
		json_bool(r, "purge", true);
	if (o->damaged)
		json_bool(r, "damaged", true);
	if (o->unknown)
		json_bool(r, "unknown", true);
	if (o->sender != NULL)
		json_text(r, "sender", o->sender);
	if (o->recipient != NULL)
		json_text(r, "recipient", o->recipient);
	if (o->older != NULL)
		json_text(r, "older", o->older);
}

static bool
is_number(const char *word)
{
	return word[0] != '\0' && word[strspn(word, "0123456789")] == '\0';
}

/* NULL: the command line makes no request; the usage of the verb was said. */
static cJSON *
build_request(const struct options *o, enum control_verb verb)
{
	const struct control_verb_info *v = &control_verbs[verb];
	bool target = (v->fields & (FIELD_TARGET & ~FIELD_ALL)) != 0;
	int want = (target && !o->all) + ((v->fields & FIELD_ADD) != 0);
	int got = o->nwords - 1, least = want;
	cJSON *r;

	if ((v->fields & FIELD_OPTIONAL) != 0)
		least--;
	want += (v->fields & FIELD_OUTAGE) != 0;
	if (!alert_words_fit(o, v->fields, &least, &want) ||
	    !maintenance_words_fit(o, v->fields, &least, &want) ||
	    got < least || got > want ||
	    (o->all && (v->fields & FIELD_ALL) == 0) ||
	    (o->primaries && (v->fields & FIELD_PRIMARIES) == 0) ||
	    !vault_options_fit(o, v->fields) ||
	    (o->dry_run && (v->fields & FIELD_DRY_RUN) == 0) ||
	    (o->no_wait && (v->fields & FIELD_WAIT) == 0)) {
		fprintf(stderr, "usage: mxwatchctl %s%s%s\n", v->name,
		    *v->arguments != '\0' ? " " : "", v->arguments);
		return NULL;
	}
	r = json_object();
	json_text(r, "verb", v->name);
	if (got > 0 && target)
		add_target(r, v->fields, o->word[1]);
	else if (got > 0 && (v->fields & FIELD_OUTAGE) != 0)
		json_text(r, is_number(o->word[1]) ? "outage" : "subject",
		    o->word[1]);
	if ((v->fields & FIELD_ADD) != 0)
		json_text(r, "add", o->word[2]);
	add_alert_words(r, o, v->fields);
	add_maintenance_words(r, o, v->fields);
	if (o->all)
		json_bool(r, "all", true);
	if (o->primaries)
		json_bool(r, "primaries", true);
	add_vault_options(r, o);
	if (o->dry_run)
		json_bool(r, "dry_run", true);
	if ((v->fields & FIELD_WAIT) != 0 && !o->dry_run)
		json_bool(r, "wait", !o->no_wait);
	if (o->reason != NULL)
		json_text(r, "reason", o->reason);
	return r;
}

/* With --json the last line is left out when it only says "fine", so that
 * the answer to status, show or why is one document. */
static void
on_line(const char *text, const cJSON *line, void *arg)
{
	struct ctl_answer *a = arg;

	if (json_get_bool(line, "done")) {
		char *error = format_shown(json_get_text(line, "error"));

		(void)strlcpy(a->error, error, sizeof(a->error));
		mem_free(&error);
	}
	if (!a->json)
		format_line(&a->format, line);
	else if (!json_get_bool(line, "done") || cJSON_GetArraySize(line) > 2) {
		fprintf(a->format.out, "%s\n", text);
		fflush(a->format.out);
	}
}

static int
ask(const struct options *o, enum control_verb verb, const cJSON *request)
{
	struct ctl_answer a = { .json = o->json };
	struct mx_errbuf eb = { "" };
	char *path;
	int rc;

	if (o->socket != NULL)
		path = mem_strdup(o->socket);
	else {
		path = ctl_socket_path(
		    o->file != NULL ? o->file : MX_CONFIG_FILE, &eb);
		if (eb.text[0] != '\0')
			fprintf(stderr, "mxwatchctl: %s\n", eb.text);
	}
	a.format = (struct format){ .out = stdout,
		.verb = verb,
		.now = clock_wall(),
		.one = o->nwords > 1 &&
		    (verb == VERB_status || verb == VERB_flush ||
			(verb == VERB_outages && is_number(o->word[1]))),
		.csv = o->csv,
		.terminal = isatty(STDOUT_FILENO) };
	rc = ctl_ask(path, request, on_line, &a, &eb);
	if (a.format.in_place)
		printf("\n");
	if (rc < 0) {
		fprintf(stderr, "mxwatchctl: %s\n", eb.text);
		rc = 1;
	} else if (a.error[0] != '\0')
		fprintf(stderr, "mxwatchctl: %s\n", a.error);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("mxwatchctl: writing");
		rc = 1;
	}
	mem_free(&path);
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o = { 0 };
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
	verb = control_verb_parse(o.word[0]);
	if (verb == VERB_MAX) {
		fprintf(stderr,
		    "mxwatchctl: unknown verb \"%s\"; there are: %s\n",
		    o.word[0], control_verb_list());
		return CONTROL_REFUSED;
	}
	/* `vault purge X` is `purge X`. */
	if (verb == VERB_vault && o.nwords == 3 &&
	    strcmp(o.word[1], "purge") == 0) {
		verb = VERB_purge;
		o.word++;
		o.nwords--;
	}
	request = build_request(&o, verb);
	if (request == NULL)
		return CONTROL_REFUSED;
	rc = ask(&o, verb, request);
	cJSON_Delete(request);
	return rc;
}
