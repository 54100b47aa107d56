/* SPDX-License-Identifier: ISC
 * document: the sample file and the option list of mxwatchd.conf(5), written
 * from the table, so that both have exactly the options that exist. confdoc.c
 * prints them; tests/lint/manual compares the output with the files of the
 * tree. Paths that are configured for the build are given as their usual
 * values, so that both texts are the same in every build. */
#include <string.h>

#include "config_int.h"

#define WIDTH	    78
#define REMOTE_TEXT "It may be set by domains_from."

/* Writes `text` in lines that begin with `prefix`; sentences: each on a new
 * line, as mdoc wants it. */
static void
write_text(FILE *f, const char *prefix, const char *text, bool sentences)
{
	const char *p = text, *word;
	size_t n, column = 0;
	bool ended = false;

	while (*(p += strspn(p, " ")) != '\0') {
		word = p;
		n = strcspn(p, " ");
		p += n;
		if (column > 0 &&
		    ((ended && sentences) || column + 1 + n > WIDTH)) {
			fputc('\n', f);
			column = 0;
		}
		if (column == 0) {
			fputs(prefix, f);
			column = strlen(prefix);
		} else {
			fputc(' ', f);
			column++;
		}
		fwrite(word, 1, n, f);
		column += n;
		ended = word[n - 1] == '.';
	}
	fputc('\n', f);
}

static bool
is_shown(const struct option *o)
{
	return o->cls != CLASS_KEPT;
}

static bool
is_bare(const struct option *o)
{
	return o->type == TYPE_FLAG || o->type == TYPE_NUM16 ||
	    o->type == TYPE_NUM32 || o->type == TYPE_NUM64;
}

/* Writes the default of the option, or its example, as in the file. In mdoc a
 * `quote` has a name of its own, because a plain one would quote macro
 * arguments. */
static void
write_value(FILE *f, const struct option *o, const char *value,
    const char *quote)
{
	const char *p = value;
	size_t n;

	if (!option_is_list(o)) {
		if (is_bare(o))
			quote = "";
		fprintf(f, "%s%s%s", quote, value, quote);
		return;
	}
	fputc('{', f);
	for (; *p != '\0'; p += n + (p[n] != '\0')) {
		n = strcspn(p, ",");
		fprintf(f, "%s%s%.*s%s", p == value ? "" : ", ", quote, (int)n,
		    p, quote);
	}
	fputc('}', f);
}

static void
sample_option(FILE *f, const struct option *o, const char *indent,
    const char *mark)
{
	char prefix[16];

	snprintf(prefix, sizeof(prefix), "%s# ", indent);
	write_text(f, prefix, o->help, false);
	if (o->cls == CLASS_REMOTE)
		write_text(f, prefix, REMOTE_TEXT, false);
	/* Most systems need it, so it is not commented out. */
	fprintf(f, "%s%s%s = ", indent,
	    o == &options[OPT_TOP_hostname] ? "" : mark, o->name);
	write_value(f, o, o->example != NULL ? o->example : o->value, "\"");
	fputs("\n\n", f);
}

static void
sample_section(FILE *f, enum conf_section section, const char *indent)
{
	const struct section_info *s = &sections[section];
	/* Sections whose mere presence enables something (receivers, snmp) are
	 * commented out. */
	bool shown = s->served && section != SEC_SNMP &&
	    (!s->titled || section == SEC_DOMAIN);
	const char *mark = shown ? "" : "# ";
	char inner[8], prefix[16];
	size_t i;

	snprintf(prefix, sizeof(prefix), "%s# ", indent);
	snprintf(inner, sizeof(inner), "%s    ", indent);
	write_text(f, prefix, s->help, false);
	if (!s->served)
		write_text(f, prefix, "Not supported by this version.", false);
	fprintf(f, "%s%s%s %s{\n", indent, mark, s->name,
	    section == SEC_DOMAIN    ? "\"example.org\" " :
		section == SEC_ALERT ? "\"queue_age\" " :
		s->titled	     ? "\"name\" " :
				       "");
	for (i = 0; i < OPT_COUNT; i++)
		if (options[i].section == section && is_shown(&options[i]))
			sample_option(f, &options[i], inner, "# ");
	for (i = 1; i < SEC_COUNT; i++)
		if (sections[i].parent == section)
			sample_section(f, (enum conf_section)i, inner);
	fprintf(f, "%s%s}\n\n", indent, mark);
}

void
config_write_sample(FILE *f)
{
	size_t i;

	fputs("# mxwatch.conf: the configuration of mxwatchd. See "
	      "mxwatchd.conf(5).\n"
	      "#\n"
	      "# All options are listed. Those commented out show the default, "
	      "or an example\n"
	      "# if there is none. Times: s m h d w; sizes: K M G T (1024).\n"
	      "# mxwatchd -n -c FILE checks a file.\n"
	      "\n",
	    f);
	for (i = 0; i < OPT_COUNT; i++)
		if (options[i].section == SEC_TOP)
			sample_option(f, &options[i], "", "# ");
	for (i = 1; i < SEC_COUNT; i++)
		if (sections[i].parent == SEC_TOP)
			sample_section(f, (enum conf_section)i, "");
}

/* The possible values of the option, for the tag of the list. */
static void
mdoc_argument(FILE *f, const struct option *o)
{
	static const char *const name[] = {
		[TYPE_FLAG] = "",
		[TYPE_NUM16] = "number",
		[TYPE_NUM32] = "number",
		[TYPE_NUM64] = "number",
		[TYPE_SIZE] = "size",
		[TYPE_TIME] = "time",
		[TYPE_WORD] = "",
		[TYPE_TEXT] = "text",
		[TYPE_PATH] = "path",
		[TYPE_FILE] = "path",
		[TYPE_SOURCE] = "path | https://... | exec:/path ...",
		[TYPE_HOST] = "name",
		[TYPE_HOSTPORT] = "host Ns Op : Ns Ar port",
		[TYPE_MAILBOX] = "address",
		[TYPE_SENDER] = "address",
		[TYPE_BANNER] = "text",
		[TYPE_SECRET] = "path",
		[TYPE_TOKEN] = "path",
		[TYPE_STRINGS] = "list of texts",
		[TYPE_DOMAINS] = "list of names",
		[TYPE_MAILBOXES] = "list of addresses",
		[TYPE_SELF] = "list of names and addresses",
		[TYPE_PRIMARIES] = "list of hosts",
		[TYPE_PREFIXES] = "list of prefixes",
		[TYPE_DNSBLS] = "list of DNS lists",
		[TYPE_LISTEN] = "list of addresses",
		[TYPE_RESOLVERS] = "list of addresses",
		[TYPE_DELAYS] = "list of times",
		[TYPE_LOG] = "",
		[TYPE_ADDRESS] = "address",
		[TYPE_THRESHOLD] = "threshold",
	};
	const char *w;
	size_t n;

	fprintf(f, ".It Ic %s No =", o->name);
	if (o->type == TYPE_FLAG)
		fputs(" Cm yes | no", f);
	else if (o->type == TYPE_LOG)
		fputs(" Cm stderr | syslog | Ar path", f);
	else if (o->type != TYPE_WORD)
		fprintf(f, " Ar %s", name[o->type]);
	for (w = o->type == TYPE_WORD ? o->words : ""; *w != '\0';
	     w += n + (w[n] != '\0')) {
		n = strcspn(w, ",");
		fprintf(f, "%s %.*s", w == o->words ? " Cm" : " |", (int)n, w);
	}
	fputc('\n', f);
}

static void
mdoc_range(FILE *f, const struct option *o)
{
	char lo[32], hi[32];

	switch (o->type) {
	case TYPE_NUM16:
	case TYPE_NUM32:
	case TYPE_SIZE:
	case TYPE_TIME:
	case TYPE_DELAYS:
		break;
	default:
		return;
	}
	fprintf(f, "%s %s to %s.\n",
	    o->type == TYPE_DELAYS ? "Each from" : "From",
	    option_limit_text(o, o->min, lo, sizeof(lo)),
	    option_limit_text(o, o->max, hi, sizeof(hi)));
	if (o->words != NULL)
		fputs("The unit is required.\n", f);
}

static void
mdoc_option(FILE *f, const struct option *o)
{
	mdoc_argument(f, o);
	write_text(f, "", o->help, true);
	mdoc_range(f, o);
	if (o->cls == CLASS_RESTART)
		fputs("A change requires a restart.\n", f);
	if (o->cls == CLASS_REMOTE)
		fputs(REMOTE_TEXT "\n", f);
	if (o->value == NULL || *o->value == '\0')
		return;
	if (o->example != NULL)
		fputs("The default is chosen when the program is built,"
		      " usually\n.Li ",
		    f);
	else
		fputs("The default is\n.Li ", f);
	if (option_is_list(o))
		write_value(f, o, o->value, "\\(dq");
	else
		fputs(o->example != NULL ? o->example : o->value, f);
	fputs(" .\n", f);
}

static void
mdoc_section(FILE *f, enum conf_section section)
{
	const struct section_info *s = &sections[section];
	size_t i;

	if (section == SEC_TOP)
		fputs(".Ss Top level\n", f);
	else if (section == SEC_DOMAIN)
		fputs(".Ss domain \\(dqNAME\\(dq, defaults\n", f);
	else
		fprintf(f, ".Ss %s%s%s\n", s->name,
		    s->titled ? " \\(dqNAME\\(dq" : "",
		    s->parent == SEC_DOMAIN ? " (in domain, defaults)" : "");
	write_text(f, "", s->help, true);
	if (!s->served)
		fputs("This version checks this section and says in a warning"
		      " that it has no effect.\n",
		    f);
	fputs(".Bl -tag -width Ds\n", f);
	for (i = 0; i < OPT_COUNT; i++)
		if (options[i].section == section && is_shown(&options[i]))
			mdoc_option(f, &options[i]);
	fputs(".El\n", f);
}

void
config_write_mdoc(FILE *f)
{
	size_t i;

	for (i = 0; i < SEC_COUNT; i++)
		mdoc_section(f, (enum conf_section)i);
}
