/* SPDX-License-Identifier: ISC
 * check_receiver: receivers without an option that their type needs, or that
 * would report an outage through the failed primary. */
#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "config_int.h"

static bool
begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

struct conf_pos
check_place(const struct titled *s, enum option_id id)
{
	return s->t->set[id].line != 0 ? s->t->set[id] : s->t->at;
}

void
check_title_file(const struct titled *s, enum option_id id, const char *path)
{
	check_file(s->l, s->t->set[id], s->label, id, path);
}

enum type_url { URL_NONE, URL_OWN, URL_FILE, URL_LIST };

/* A type, as in receiver.def. */
static const struct receiver_row {
	const char *name;
	enum type_url url;
	uint32_t needs, takes; /* options, by R() */
} rows[] = {
#define R(option) (UINT32_C(1) << (OPT_RECEIVER_##option - OPT_RECEIVER_type))
#define RECEIVER(type, nm, ur, ne, ta, help)                                   \
	[RECEIVER_##type] = { #nm, URL_##ur, ne, (ne) | (ta) | COMMON },
#define COMMON                                                                 \
	(R(type) | R(timeout) | R(severity) | R(group_wait) |                  \
	    R(group_interval) | R(repeat))
#include "config/receiver.def"
#undef RECEIVER
#undef COMMON
};

/* The options of the address, by the type. */
static uint32_t
url_options(enum type_url url)
{
	return (url != URL_NONE ? R(url) : 0) |
	    (url == URL_FILE ? R(url_file) : 0);
}

/* Reports missing options, and options that the type ignores. */
static void
check_wants(const struct titled *s, const struct receiver_row *row)
{
	uint32_t takes = row->takes | url_options(row->url), bit;
	int id;

	for (id = OPT_RECEIVER_type; id < OPT_COUNT; id++) {
		if (options[id].section != SEC_RECEIVER)
			break;
		bit = UINT32_C(1) << (id - OPT_RECEIVER_type);
		if (s->t->set[id].line == 0) {
			if ((row->needs & bit) != 0)
				conf_err(s->l, s->t->at, "%stype %s needs %s",
				    s->label, row->name, options[id].name);
		} else if ((takes & bit) == 0) {
			conf_err(s->l, s->t->set[id],
			    "%stype %s does not take "
			    "%s",
			    s->label, row->name, options[id].name);
		}
	}
}

static void
check_urls(const struct titled *s, enum type_url url)
{
	const struct conf_receiver *r = s->t->receiver;
	bool both = r->url.n > 0 && r->url_file != NULL;

	if ((url == URL_FILE || url == URL_LIST) && r->url.n == 0 &&
	    r->url_file == NULL)
		conf_err(s->l, s->t->at, "%surl is missing", s->label);
	if (both || (r->url.n > 1 && url != URL_LIST))
		conf_err(s->l, check_place(s, OPT_RECEIVER_url),
		    "%sonly one url is allowed here", s->label);
	if (r->url.n > CONF_URLS_MAX)
		conf_err(s->l, check_place(s, OPT_RECEIVER_url),
		    "%surl: at most %d are allowed", s->label, CONF_URLS_MAX);
	for (size_t i = 0; i < r->url.n; i++)
		check_url(s, OPT_RECEIVER_url,
		    conf_item_pos(s->l, check_place(s, OPT_RECEIVER_url), i),
		    r->url.s[i]);
}

/* "https://host..." of printable characters, without a user or a password. */
static bool
is_url(const char *url)
{
	const char *host = begins(url, "https://") ? url + 8 :
	    begins(url, "http://")		   ? url + 7 :
						     "";
	const char *p = host;

	while (*p > ' ' && *p <= '~')
		p++;
	return *host != '\0' && *host != '/' && *p == '\0' &&
	    strchr(url, '@') == NULL;
}

void
check_url(const struct titled *s, enum option_id id, struct conf_pos at,
    const char *url)
{
	/* Text before an @ would be a password, in a string that is logged. The
	 * address is not quoted: it may be a secret itself. */
	if (!is_url(url))
		conf_err(s->l, at,
		    "%s%s is not an address; write it like"
		    " \"https://ops.example.net/hook\"",
		    s->label, options[id].name);
}

void
check_link(struct conf_loader *l, enum option_id id, const char *label,
    const char *url)
{
	char q[CONF_QUOTE_MAX];

	if (url != NULL && *url != '\0' &&
	    (!is_url(url) || strpbrk(url, "\"'<>#,;") != NULL))
		conf_err(l, l->set[id],
		    "%s%s %s is not an address; write it like"
		    " \"https://mx2.example.net/\"",
		    label, options[id].name, conf_quote(url, q));
}

/* The host and port of "smtp://host:port"; false: invalid. */
static bool
split_smarthost(const char *url, char *host, uint16_t *port)
{
	bool tls = begins(url, "smtps://");
	char text[TEXT_DOMAIN_MAX + 16];

	if (!tls && !begins(url, "smtp://"))
		return false;
	if (strlcpy(text, url + (tls ? 8 : 7), sizeof(text)) >= sizeof(text))
		return false;
	if (*text != '\0' && text[strlen(text) - 1] == '/')
		text[strlen(text) - 1] = '\0';
	return addr_split_host(text, host, port, tls ? 465 : 25) == 0;
}

/* Is the host one of the primaries, on any port? */
static bool
is_primary(const struct conf_domain *d, const char *host)
{
	char other[TEXT_DOMAIN_MAX];
	uint16_t port;
	size_t i;

	for (i = 0; i < d->primary.n; i++)
		if (addr_split_host(d->primary.s[i], other, &port, 25) == 0 &&
		    strcmp(host, other) == 0)
			return true;
	return false;
}

static void
check_email(const struct titled *s)
{
	const struct conf_receiver *r = s->t->receiver;
	char host[TEXT_DOMAIN_MAX], domain[TEXT_DOMAIN_MAX], q[CONF_QUOTE_MAX];
	const char *at;
	uint16_t port;
	size_t i, k;

	if (r->smarthost != NULL && !split_smarthost(r->smarthost, host, &port))
		conf_err(s->l, check_place(s, OPT_RECEIVER_smarthost),
		    "%ssmarthost is not a mail server; write it like"
		    " \"smtp://out.example.com:587\"",
		    s->label);
	else if (r->smarthost != NULL)
		for (i = 0; i < s->l->nentries; i++)
			if (is_primary(&s->l->entry[i]->d, host) ||
			    strcmp(s->l->entry[i]->d.name, host) == 0) {
				conf_err(s->l,
				    check_place(s, OPT_RECEIVER_smarthost),
				    "%ssmarthost %s is a monitored primary; "
				    "its outage could not be reported",
				    s->label, conf_quote(r->smarthost, q));
				break;
			}
	for (k = 0; k < r->to.n; k++) {
		at = strrchr(r->to.s[k], '@');
		if (at == NULL ||
		    text_domain(at + 1, strlen(at + 1), domain) != 0)
			continue;
		for (i = 0; i < s->l->nentries; i++)
			if (strcmp(s->l->entry[i]->d.name, domain) == 0)
				conf_err(s->l,
				    conf_item_pos(s->l,
					check_place(s, OPT_RECEIVER_to), k),
				    "%sto %s is in a monitored domain; its "
				    "outage could not be reported",
				    s->label, conf_quote(r->to.s[k], q));
	}
	if (r->user != NULL && r->password_file == NULL)
		conf_err(s->l, check_place(s, OPT_RECEIVER_user),
		    "%suser is set without password_file", s->label);
}

/* The name is a label of metrics, and part of keys and of messages. */
void
check_name(const struct titled *s)
{
	const char *name = s->t->title;
	size_t n = strspn(name,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789-_.");

	if (n == 0 || n > 63 || name[n] != '\0')
		conf_err(s->l, s->t->at,
		    "%sa name may have up to 63 letters, digits, - _ and .",
		    s->label);
}

/* Our child processes gain no privileges (no_new_privs). sendmail has no set-id
 * bit itself, but hands mail to a program that has one. */
static void
check_command(const struct titled *s, const char *program)
{
	static const char *const mailers[] = { "sendmail", "mail", "mailx" };
	const char *name = strrchr(program, '/');
	struct mx_errbuf why = { "" };
	char q[CONF_QUOTE_MAX];
	struct stat st;

	conf_quote(program, q);
	if (*program != '/') {
		conf_err(s->l, check_place(s, OPT_RECEIVER_command),
		    "%scommand %s is not an absolute path", s->label, q);
		return;
	}
	if (stat(program, &st) == 0 && (st.st_mode & (S_ISUID | S_ISGID)) != 0)
		(void)mx_fail(&why, MX_ESYS, "is set-%s-ID",
		    (st.st_mode & S_ISUID) != 0 ? "user" : "group");
	for (size_t i = 0; i < MX_COUNT(mailers); i++)
		if (strcmp(name + 1, mailers[i]) == 0)
			(void)mx_fail(&why, MX_ESYS,
			    "usually passes mail to a set-group-ID program");
	if (why.text[0] != '\0')
		conf_warn(s->l, check_place(s, OPT_RECEIVER_command),
		    "%scommand %s %s, but programs that the daemon starts gain "
		    "no privileges that way; use a receiver of type email or "
		    "an HTTP one",
		    s->label, q, why.text);
	if (s->l->as != &conf_reads_nothing && access(program, X_OK) != 0)
		conf_warn(s->l, check_place(s, OPT_RECEIVER_command),
		    "%scommand %s cannot be run: %s; this receiver gets no "
		    "alerts until it can",
		    s->label, q, strerror(errno));
}

void
check_receiver(const struct titled *s)
{
	const struct conf_receiver *r = s->t->receiver;

	if (s->t->set[OPT_RECEIVER_type].line == 0) {
		conf_err(s->l, s->t->at, "%stype is missing", s->label);
		return;
	}
	if (s->t->set[OPT_RECEIVER_type].wrong)
		return;
	check_wants(s, &rows[r->type]);
	check_urls(s, rows[r->type].url);
	check_title_file(s, OPT_RECEIVER_url_file, r->url_file);
	check_title_file(s, OPT_RECEIVER_routing_key_file, r->routing_key_file);
	check_title_file(s, OPT_RECEIVER_token_file, r->token_file);
	check_title_file(s, OPT_RECEIVER_hmac_key_file, r->hmac_key_file);
	check_title_file(s, OPT_RECEIVER_password_file, r->password_file);
	check_title_file(s, OPT_RECEIVER_ca_file, r->ca_file);
	if (r->smarthost != NULL || r->to.n > 0)
		check_email(s);
	if (r->command.n > 0)
		check_command(s, r->command.s[0]);
}
