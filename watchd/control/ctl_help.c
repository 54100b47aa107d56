/* SPDX-License-Identifier: ISC
 * ctl_help: see ctl_help.h. */
#include "control/ctl_help.h"

/* Options that are not fields of a request, and the verbs that take them: those
 * with one of the fields `with`; 0: all. */
static const struct {
	const char *option, *value, *help;
	uint64_t with;
} own[] = {
	{ "json", "", "print the answer as JSON", 0 },
	{ "reason", "TEXT", "the reason, for the log", 0 },
	{ "no-wait", "", "do not wait until it has ended", FIELD_WAIT },
	{ "watch", "", "repeat every two seconds", FIELD_PRIMARIES },
	{ "problems", "", "only domains with a problem", FIELD_PRIMARIES },
	{ "csv", "", "comma-separated values", FIELD_OUTAGE },
	{ "engine", "CONNINFO", "the engine of the cluster", FIELD_NODE },
};

typedef void
each_option_cb(FILE *, const char *name, const char *value, const char *help);

static void
each_option(FILE *out, enum control_verb verb, each_option_cb *fn)
{
	uint64_t fields = control_verbs[verb].fields;
	char name[CONTROL_FIELD_NAME];

	for (size_t i = 0; i < CONTROL_FIELDS; i++) {
		const struct control_field *f = &control_fields[i];

		if ((f->field & fields) == 0 ||
		    (f->kind != FIELD_TEXT && f->kind != FIELD_FLAG))
			continue;
		control_option_name(f, name);
		fn(out, name, f->value, f->help);
	}
	for (size_t i = 0; i < MX_COUNT(own); i++)
		if (own[i].with == 0 || (own[i].with & fields) != 0)
			fn(out, own[i].option, own[i].value, own[i].help);
}

static void
help_option(FILE *out, const char *name, const char *value, const char *help)
{
	char both[CONTROL_FIELD_NAME + 16];

	(void)snprintf(both, sizeof(both), "%s%s%s", name,
	    *value != '\0' ? " " : "", value);
	fprintf(out, "  --%-20s %s\n", both, help);
}

void
ctl_help_verb(FILE *out, enum control_verb verb)
{
	const struct control_verb_info *v = &control_verbs[verb];

	fprintf(out, "%s: %s\n\nusage: mxwatchctl %s%s%s\n\n", v->name, v->help,
	    v->name, *v->arguments != '\0' ? " " : "", v->arguments);
	each_option(out, verb, help_option);
	fprintf(out, "\nSee mxwatchctl(8).\n");
}

/* ---- shells */

static void
word_option(FILE *out, const char *name, const char *value MX_UNUSED,
    const char *help MX_UNUSED)
{
	fprintf(out, " --%s", name);
}

void
ctl_complete_bash(FILE *out)
{
	fprintf(out,
	    "# bash completion for mxwatchctl; made from its table of verbs\n"
	    "_mxwatchctl()\n"
	    "{\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb= i\n"
	    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	    "\t\tcase ${COMP_WORDS[i]} in\n"
	    "\t\t-c|-s|--reason|--engine) ((i++)) ;;\n"
	    "\t\t-*) ;;\n"
	    "\t\t*) verb=${COMP_WORDS[i]}; break ;;\n"
	    "\t\tesac\n"
	    "\tdone\n"
	    "\tcase ${COMP_WORDS[COMP_CWORD - 1]} in\n"
	    "\t-c|-s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
	    "\t--state) COMPREPLY=($(compgen -W 'deferred active held' -- "
	    "\"$cur\")); return ;;\n"
	    "\t--sort) COMPREPLY=($(compgen -W 'age size expiry next tries "
	    "domain sender' -- \"$cur\")); return ;;\n"
	    "\tesac\n"
	    "\tlocal words=\n"
	    "\tcase $verb in\n"
	    "\t'') words='help");
	for (unsigned v = 0; v < VERB_MAX; v++)
		fprintf(out, " %s", control_verbs[v].name);
	fprintf(out, " -c -s --json --reason' ;;\n\thelp) words='");
	for (unsigned v = 0; v < VERB_MAX; v++)
		fprintf(out, "%s%s", v > 0 ? " " : "", control_verbs[v].name);
	fprintf(out, "' ;;\n");
	for (unsigned v = 0; v < VERB_MAX; v++) {
		fprintf(out, "\t%s) words='", control_verbs[v].name);
		each_option(out, (enum control_verb)v, word_option);
		fprintf(out, "' ;;\n");
	}
	fprintf(out,
	    "\tesac\n"
	    "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	    "\tcase $verb in\n"
	    "\texport|import) COMPREPLY+=($(compgen -f -- \"$cur\")) ;;\n"
	    "\tesac\n"
	    "}\n"
	    "complete -F _mxwatchctl mxwatchctl\n");
}

/* An option for zsh: our texts have no colon, bracket or quote. */
static void
zsh_option(FILE *out, const char *name, const char *value, const char *help)
{
	fprintf(out, "\t\t'--%s%s[%s]%s%s'\n", name, *value != '\0' ? "=" : "",
	    help, *value != '\0' ? ":" : "", value);
}

void
ctl_complete_zsh(FILE *out)
{
	fprintf(out,
	    "#compdef mxwatchctl\n"
	    "# zsh completion for mxwatchctl; made from its table of verbs\n"
	    "_mxwatchctl()\n"
	    "{\n"
	    "\tlocal -a verbs options\n"
	    "\tlocal verb=${words[(r)[a-z]*]}\n"
	    "\t[[ $verb == mxwatchctl ]] && verb=${words[2]}\n"
	    "\tverbs=(\n"
	    "\t\t'help:a verb and its options'\n");
	for (unsigned v = 0; v < VERB_MAX; v++)
		fprintf(out, "\t\t'%s:%s'\n", control_verbs[v].name,
		    control_verbs[v].help);
	fprintf(out,
	    "\t)\n"
	    "\tif ((CURRENT == 2)) || [[ $verb == help ]]; then\n"
	    "\t\t_describe verb verbs\n"
	    "\t\treturn\n"
	    "\tfi\n"
	    "\tcase $verb in\n");
	for (unsigned v = 0; v < VERB_MAX; v++) {
		fprintf(out, "\t%s) options=(\n", control_verbs[v].name);
		each_option(out, (enum control_verb)v, zsh_option);
		fprintf(out, "\t) ;;\n");
	}
	fprintf(out,
	    "\tesac\n"
	    "\t_arguments $options '*:argument:_files'\n"
	    "}\n"
	    "_mxwatchctl \"$@\"\n");
}
