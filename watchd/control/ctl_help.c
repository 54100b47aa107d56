/* SPDX-License-Identifier: ISC
 * ctl_help: see ctl_help.h. */
#include "control/ctl_help.h"

#include <string.h>

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

/* Words that an option or a verb takes. */
static const struct {
	const char *option, *words;
} known_values[] = {
	{ "state", "deferred active held" },
	{ "sort", "age size expiry next tries domain sender" },
};

static const struct {
	enum control_verb verb;
	const char *words;
} known_words[] = {
	{ VERB_cluster, "status init upgrade join release takeover move" },
	{ VERB_alert, "test" },
};

static const char *
value_words(const char *option)
{
	for (size_t i = 0; i < MX_COUNT(known_values); i++)
		if (strcmp(known_values[i].option, option) == 0)
			return known_values[i].words;
	return NULL;
}

/* What the first word after the verb may be; NULL: a domain, or anything. */
static const char *
verb_words(enum control_verb verb)
{
	for (size_t i = 0; i < MX_COUNT(known_words); i++)
		if (known_words[i].verb == verb)
			return known_words[i].words;
	return NULL;
}

static bool
takes_domain(enum control_verb verb)
{
	return (control_verbs[verb].fields & (FIELD_DOMAIN | FIELD_SUBJECT)) !=
	    0 &&
	    verb_words(verb) == NULL;
}

static void
put_verbs(FILE *out)
{
	for (unsigned v = 0; v < VERB_MAX; v++)
		fprintf(out, "%s%s", v > 0 ? " " : "", control_verbs[v].name);
}

/* "--reason|--engine|--for|...": the options that have a value. */
static void
put_valued(FILE *out)
{
	char name[CONTROL_FIELD_NAME];
	const char *sep = "";

	for (size_t i = 0; i < MX_COUNT(own); i++)
		if (*own[i].value != '\0') {
			fprintf(out, "%s--%s", sep, own[i].option);
			sep = "|";
		}
	for (size_t i = 0; i < CONTROL_FIELDS; i++)
		if (control_fields[i].kind == FIELD_TEXT) {
			control_option_name(&control_fields[i], name);
			fprintf(out, "|--%s", name);
		}
}

/* In bash and in zsh: finds the verb, the number of words behind it, and the
 * options by which the daemon is found. */
static void
put_scan(FILE *out, const char *word, const char *last)
{
	fprintf(out, "\tfor ((; i < %s; i++)); do\n\t\tcase ${%s[i]} in\n",
	    last, word);
	fprintf(out,
	    "\t\t-c|-s) ask+=(\"${%s[i]}\" \"${%s[i + 1]}\"); ((i++)) ;;\n\t\t",
	    word, word);
	put_valued(out);
	fprintf(out,
	    ") ((i++)) ;;\n\t\t-*) ;;\n"
	    "\t\t*) if [[ -z $verb ]]; then verb=${%s[i]}; "
	    "else ((args++)); fi ;;\n"
	    "\t\tesac\n\tdone\n",
	    word);
}

static void
bash_option(FILE *out, const char *name, const char *value MX_UNUSED,
    const char *help MX_UNUSED)
{
	fprintf(out, " --%s", name);
}

/* Names come from the daemon: they are compared, never expanded. */
static const char bash_names[] =
    "_mxwatchctl_domains()\n"
    "{\n"
    "\tlocal name\n"
    "\twhile read -r name; do\n"
    "\t\t[[ $name == \"$cur\"* ]] && COMPREPLY+=(\"$name\")\n"
    "\tdone < <(timeout 2 \"${COMP_WORDS[0]}\" \"${ask[@]}\" status --names "
    "2>/dev/null)\n"
    "}\n";

void
ctl_complete_bash(FILE *out)
{
	const char *sep = "";

	fprintf(out,
	    "# bash completion for mxwatchctl; made from its table of verbs\n"
	    "%s"
	    "_mxwatchctl()\n"
	    "{\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb= args=0 words= i=1\n"
	    "\tlocal prev=${COMP_WORDS[COMP_CWORD - 1]} ask=()\n",
	    bash_names);
	put_scan(out, "COMP_WORDS", "COMP_CWORD");
	fprintf(out,
	    "\tCOMPREPLY=()\n"
	    "\tcase $prev in\n"
	    "\t-c|-s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
	for (size_t i = 0; i < MX_COUNT(known_values); i++)
		fprintf(out,
		    "\t--%s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); "
		    "return ;;\n",
		    known_values[i].option, known_values[i].words);
	fprintf(out, "\t");
	put_valued(out);
	fprintf(out,
	    ") return ;;\n\tesac\n\tcase $verb in\n\t'') words='help ");
	put_verbs(out);
	fprintf(out, " -c -s --json --reason' ;;\n\thelp) words='");
	put_verbs(out);
	fprintf(out, "' ;;\n");
	for (enum control_verb v = 0; v < VERB_MAX; v++) {
		fprintf(out, "\t%s) words='", control_verbs[v].name);
		each_option(out, v, bash_option);
		fprintf(out, "'");
		if (verb_words(v) != NULL)
			fprintf(out, "\n\t\t((args)) || words+=' %s'",
			    verb_words(v));
		fprintf(out, " ;;\n");
	}
	fprintf(out, "\tesac\n\tcase $verb in\n\t");
	for (enum control_verb v = 0; v < VERB_MAX; v++)
		if (takes_domain(v)) {
			fprintf(out, "%s%s", sep, control_verbs[v].name);
			sep = "|";
		}
	fprintf(out,
	    ")\n"
	    "\t\t[[ $cur == -* ]] || ((args)) || _mxwatchctl_domains ;;\n"
	    "\tesac\n"
	    "\t((${#COMPREPLY[@]})) || "
	    "COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
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
	const char *words = value_words(name);

	fprintf(out, "\t\t'--%s%s[%s]", name, *value != '\0' ? "=" : "", help);
	if (*value != '\0')
		fprintf(out, ":%s:%s%s%s", value, words != NULL ? "(" : "",
		    words != NULL ? words : "", words != NULL ? ")" : "");
	fprintf(out, "'\n");
}

static const char zsh_names[] =
    "_mxwatchctl_domains()\n"
    "{\n"
    "\tlocal -a names expl\n"
    "\tnames=(${(f)\"$(_call_program domains timeout 2 ${(q)ctl} ${(q)ask} "
    "status --names 2>/dev/null)\"})\n"
    "\t_wanted domains expl domain compadd -a names\n"
    "}\n";

void
ctl_complete_zsh(FILE *out)
{
	const char *words;

	fprintf(out,
	    "#compdef mxwatchctl\n"
	    "# zsh completion for mxwatchctl; made from its table of verbs\n"
	    "%s"
	    "_mxwatchctl()\n"
	    "{\n"
	    "\tlocal -a verbs options ask\n"
	    "\tlocal verb= ctl=${words[1]} args=0 i=2\n"
	    "\tlocal -a common=(\n"
	    "\t\t'-c[the configuration that names the socket]:FILE:_files'\n"
	    "\t\t'-s[the socket itself]:SOCKET:_files'\n"
	    "\t)\n",
	    zsh_names);
	put_scan(out, "words", "CURRENT");
	fprintf(out,
	    "\tverbs=(\n"
	    "\t\t'help:a verb and its options'\n");
	for (enum control_verb v = 0; v < VERB_MAX; v++)
		fprintf(out, "\t\t'%s:%s'\n", control_verbs[v].name,
		    control_verbs[v].help);
	fprintf(out,
	    "\t)\n"
	    "\tcase $verb in\n"
	    "\t'')\n"
	    "\t\toptions=('--json[print the answer as it came]'\n"
	    "\t\t\t'--reason=[why, for the log]:TEXT:'\n"
	    "\t\t\t'1:verb:{_describe verb verbs}') ;;\n"
	    "\thelp) options=('2:verb:{_describe verb verbs}') ;;\n");
	for (enum control_verb v = 0; v < VERB_MAX; v++) {
		fprintf(out, "\t%s) options=(\n", control_verbs[v].name);
		each_option(out, v, zsh_option);
		words = verb_words(v);
		if (words != NULL)
			fprintf(out, "\t\t'2:what:(%s)'\n", words);
		else if (takes_domain(v))
			fprintf(out, "\t\t'2:domain:_mxwatchctl_domains'\n");
		if (v == VERB_export)
			fprintf(out, "\t\t'3:folder:_files -/'\n");
		else if (v == VERB_import)
			fprintf(out, "\t\t'*:file:_files'\n");
		fprintf(out, "\t) ;;\n");
	}
	fprintf(out,
	    "\tesac\n"
	    "\t[[ -n $verb ]] && options+=('1: :')\n"
	    "\t_arguments $common $options\n"
	    "}\n"
	    "_mxwatchctl \"$@\"\n");
}
