/* SPDX-License-Identifier: ISC
 * config_int: shared by the files of this folder. A loader holds the state that
 * exists only while a configuration is read: the findings, the names of the
 * files, and the position of each option, so that a check made at the end still
 * has its line. The finished struct config keeps none of it. */
#ifndef MX_CONFIG_INT_H
#define MX_CONFIG_INT_H

#include "base/defs.h"
#include "config/config.h"

#define CONF_FILE_MAX	 (16u << 20)
#define CONF_VALUE_MAX	 4096u
#define CONF_LIST_MAX	 1024u
#define CONF_DOMAINS_MAX 100000u
#define CONF_DEPTH_MAX	 4u /* includes within includes */
#define CONF_FILES_MAX	 10000u /* of one configuration */
#define CONF_SEARCH_MAX	 100000u /* entries that one include may look at */
#define CONF_SEARCH_S	 5u /* and its time limit */
#define CONF_ERRORS_MAX	 100u /* errors shown, and as many warnings */
#define CONF_QUOTE_MAX	 160 /* a value as quoted in a message */
#define CONF_TEXT_MAX	 768 /* a message */
#define ENTRY_BLOCK	 64u
#define CONF_UNIT	 "unit" /* for a time: a unit is required */

enum conf_section {
	SEC_TOP,
	SEC_LOG,
	SEC_SMTPD,
	SEC_QUEUE,
	SEC_DSN,
	SEC_WEB,
	SEC_METRICS,
	SEC_DOMAIN,
	SEC_PROBE,
	SEC_DELIVER,
	SEC_RETRY,
	SEC_DOMAIN_VAULT,
	SEC_VAULT,
	SEC_LEDGER,
	SEC_FETCH,
	SEC_MX_BACKUP,
	SEC_SNMP,
	SEC_ALERTS,
	SEC_RECEIVER,
	SEC_ALERT,
	SEC_HEARTBEAT,
	SEC_MAINTENANCE,
	SEC_CLUSTER,
	SEC_DOCTOR,
	SEC_COUNT,
};

struct section_info {
	const char *name;
	enum conf_section parent;
	bool titled;
	bool served; /* by this version */
	const char *help;
};

enum option_type {
	TYPE_FLAG,
	TYPE_NUM16,
	TYPE_NUM32,
	TYPE_NUM64,
	TYPE_SIZE,
	TYPE_TIME,
	TYPE_WORD, /* one of option.words, stored as an enum */
	/* a char *, NULL when left out */
	TYPE_TEXT,
	TYPE_PATH,
	TYPE_FILE, /* a path that check.c requires to be readable */
	TYPE_SOURCE, /* such a path, or base/source_spec.h */
	TYPE_HOST, /* made canonical */
	TYPE_HOSTPORT,
	TYPE_MAILBOX,
	TYPE_SENDER, /* a mailbox or "" */
	TYPE_BANNER, /* "" when left out */
	TYPE_SECRET, /* a file only its owner may read: base/file.h */
	TYPE_TOKEN, /* the same, of one line */
	/* a struct strlist */
	TYPE_STRINGS,
	TYPE_MAILBOXES,
	TYPE_SELF, /* names and addresses */
	TYPE_DOMAINS, /* made canonical */
	TYPE_PRIMARIES,
	TYPE_PREFIXES,
	TYPE_DNSBLS,
	/* a struct listenlist; option.min is the default port, option.max is 1
	 * if unix:/path is allowed */
	TYPE_LISTEN,
	/* types that set more than one field */
	TYPE_RESOLVERS,
	TYPE_DELAYS,
	TYPE_LOG,
	TYPE_ADDRESS,
	TYPE_THRESHOLD, /* a struct conf_threshold */
};

enum option_id {
#define OPTION(section, name, ...) OPT_##section##_##name,
#include "options.def"
#undef OPTION
	OPT_COUNT,
};
#define OPT_DOMAIN_FIRST OPT_DOMAIN_primary
#define OPT_DOMAIN_LAST	 OPT_DOMAIN_VAULT_keep
#define OPT_DOMAIN_COUNT (OPT_DOMAIN_LAST - OPT_DOMAIN_FIRST + 1)

enum option_class {
	CLASS_RELOAD,
	CLASS_RESTART, /* a running daemon cannot change it */
	CLASS_REMOTE, /* reload; allowed for a domain from elsewhere */
	CLASS_KEPT, /* only in texts written by the daemon (removed.h) */
};

struct option {
	enum conf_section section;
	const char *name;
	enum option_type type;
	size_t offset; /* in struct config or conf_domain */
	const char *value; /* the default; NULL: none */
	const char *example; /* for the sample file; NULL: the default */
	enum option_class cls;
	int64_t min, max;
	const char *words; /* of a time: CONF_UNIT, or NULL */
	const char *help;
};

/* The right side of "=": one value, or a list in braces. */
struct conf_value {
	bool list;
	bool broken; /* invalid items are missing, and were reported */
	size_t n;
	struct conf_item {
		char *text;
		unsigned line; /* 0: the line of the option */
	} * item;
};

struct conf_pos {
	unsigned file : 31; /* index into loader.file */
	unsigned wrong : 1; /* the value was refused */
	unsigned line; /* 0: not written */
};

/* The lines of a list of several lines. */
struct conf_lines {
	struct conf_pos at; /* of its option */
	size_t n;
	unsigned *line;
};

/* A domain section while it is read. */
struct conf_entry {
	struct conf_domain d;
	struct conf_pos at;
	struct conf_pos set[OPT_DOMAIN_COUNT];
};

/* A titled section other than domain, while it is read. */
struct conf_title {
	enum conf_section section;
	char *title;
	struct conf_pos at;
	struct conf_pos *set; /* by option_id */
	struct conf_receiver *receiver; /* the target: one of these, */
	struct conf_heartbeat *heartbeat;
	struct conf_maintenance *maintenance;
	struct conf_alert *alert; /* owned by the configuration */
};

enum conf_rules { /* which sections and options are allowed */
	RULES_FILE, /* a configuration */
	RULES_KEPT, /* domains, as the daemon has written them */
	RULES_ELSEWHERE, /* domains, with options of CLASS_REMOTE */
};

struct conf_loader {
	struct config *c;
	const struct conf_reader *as; /* reads the files; NULL: this process */
	enum conf_rules rules;
	/* The text was in force before: units are not required. */
	bool taken_before;
	struct conf_errors *errs;
	struct conf_pos *errat; /* of each error, for sorting */
	size_t nwarnings;
	bool errors_cut, warnings_cut, domains_cut;
	char **file;
	size_t nfiles;
	struct conf_pos set[OPT_COUNT]; /* domain options: of defaults {} */
	struct conf_pos defaults_at, snmp_at;
	struct conf_entry **entry; /* sorted by loader_find_twins() */
	size_t nentries, entry_size;
	struct conf_entry **block; /* memory of the entries, ENTRY_BLOCK each */
	size_t nblocks;
	struct conf_title *title;
	size_t ntitles, title_size;
	struct conf_lines *lines;
	size_t nlines, lines_size;
	struct net_addr *local; /* addresses of this host, once needed */
	size_t nlocal;
	bool local_known;
};

/* errors.c. Adds a finding; only the first CONF_ERRORS_MAX are kept. */
void conf_err(struct conf_loader *, struct conf_pos, const char *fmt, ...)
    MX_PRINTF(3, 4);
void conf_warn(struct conf_loader *, struct conf_pos, const char *fmt, ...)
    MX_PRINTF(3, 4);
void conf_errors_sort(struct conf_loader *);
/* The position of item i of a list, whose option is at the given position. */
struct conf_pos
conf_item_pos(const struct conf_loader *, struct conf_pos, size_t i);
/* A value in quotes, cut and made printable. dst holds CONF_QUOTE_MAX. */
char *conf_quote(const char *s, char *dst);

/* lookalike.c: characters in pasted text that look like plain ones. */
struct lookalike {
	unsigned code; /* of Unicode */
	const char *name;
	const char *remedy;
	bool quote;
};
/* The lookalike at p, and its length in bytes; NULL: none. */
const struct lookalike *
lookalike_at(const char *p, const char *end, size_t *len);
const struct lookalike *lookalike_in(const char *p, const char *end);
/* "; it holds a NAME (U+00A0): REMEDY", or "". Returns dst. */
#define LOOKALIKE_HINT_MAX 96
char *lookalike_hint(const char *value, char *dst, size_t size);

/* lex.c */
enum token_kind {
	TOKEN_END,
	TOKEN_WORD, /* bare */
	TOKEN_STRING, /* in quotes */
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_EQUAL,
	TOKEN_COMMA,
	TOKEN_BAD, /* token.text is the reason */
};
struct token {
	enum token_kind kind;
	unsigned line;
	bool first; /* on its line */
	size_t len;
	char text[CONF_VALUE_MAX + 1];
};
struct lexer {
	const char *p, *end;
	unsigned line;
	bool fresh; /* only blanks on this line so far */
};
void lex_init(struct lexer *, const char *text, size_t len);
void lex_next(struct lexer *, struct token *);

/* config.c. Reads domains from a text that was valid before; only the domains
 * are checked. As config_load(). */
struct config *
config_parse_domains(const char *text, size_t len, struct conf_errors *);

/* May the text set the option? */
static inline bool
option_is_allowed(const struct conf_loader *l, const struct option *o)
{
	return l->rules == RULES_KEPT ||
	    (l->rules == RULES_FILE ? o->cls != CLASS_KEPT :
				      o->cls == CLASS_REMOTE);
}

/* config.c: the steps of reading, for elsewhere.c. */
void loader_find_twins(struct conf_loader *);
void loader_inherit(struct conf_loader *);
/* Frees all but the domains, which the configuration takes over. */
void loader_fini(struct conf_loader *);

/* parse.c: adds a domain; NULL: too many. `title` is its name as written, or
 * NULL: not yet known (entry_name()). */
struct conf_entry *
entry_add(struct conf_loader *, struct conf_pos, const char *title);
void entry_name(struct conf_loader *, struct conf_entry *, const char *title);

/* parse_setting.c. Sets an option of a section; `set` is its earlier position,
 * if any. */
void setting_take(struct conf_loader *, const struct option *, void *base,
    struct conf_pos *set, struct conf_pos at, const char *label,
    const struct conf_value *); /* NULL: none, already reported */
void value_add(struct conf_value *, const char *, size_t len, unsigned line);
void value_fini(struct conf_value *);

/* parse_json.c: the same for JSON (elsewhere.h). */
void parse_json(struct conf_loader *, const char *name, const char *text,
    size_t len);

/* parse.c: a file, or a text under a file's name, and its includes. */
void parse_file(struct conf_loader *, const char *path);
void parse_text(struct conf_loader *, const char *name, const char *text,
    size_t len);

unsigned loader_file(struct conf_loader *, const char *name);

/* include.c. The chain of open files, innermost first. */
struct conf_source {
	const struct conf_source *up;
	unsigned file;
	unsigned depth; /* 0: the main file */
	uint64_t dev, ino; /* 0: a text in memory */
};
/* Reads a file; the caller frees *text. False: failed, and reported at `at`. */
bool source_open(struct conf_loader *, struct conf_source *, const char *path,
    struct conf_pos at, char **text, size_t *len);
/* The files of an include, sorted; freed with source_list_free(). */
char **source_list(struct conf_loader *, const struct conf_source *,
    const char *pattern, struct conf_pos at, size_t *n);
void source_list_free(char **, size_t n);

/* options.c */
extern const struct option options[OPT_COUNT];
extern const struct section_info sections[SEC_COUNT];
const struct option *option_find(enum conf_section, const char *name);
/* The known name nearest to an unknown one; NULL: none is near. */
const char *option_nearest(enum conf_section, const char *name);
/* Any section's option of this name, for a hint. */
const struct option *option_elsewhere(const char *name);
bool
section_find(enum conf_section parent, const char *name, enum conf_section *);
const char *section_nearest(enum conf_section parent, const char *name);
bool option_is_list(const struct option *);
void *option_field(const struct option *, void *base);
bool option_of_domain(const struct option *);
/* From domain to domain: shares what the configuration owns. */
void option_copy(const struct option *, void *dst, const void *src);
/* Moves the value that option_set() made for a domain into the pool. */
void option_share(const struct option *, void *base, struct conf_pool *);
/* Frees and clears the field. */
void option_free(const struct option *, void *base);
/* Is the option the same in both domains? */
bool option_same(const struct option *, const struct conf_domain *,
    const struct conf_domain *);
bool option_equal(const struct option *, const void *a, const void *b);

/* The receiver of all errors and warnings of a value, item by item. `line` is
 * that of the item, 0: of the option. */
struct value_reason {
	void (*tell)(void *arg, unsigned line, bool warning, const char *text);
	void *arg;
	unsigned line;
	bool taken_before; /* as in the loader */
};
/* value.c: 0, or -MX_ESYNTAX; then the field is unchanged. `why` NULL: not
 * reported. */
int option_set(const struct option *, void *base, const struct conf_value *,
    const struct value_reason *why) MX_NODISCARD;
void option_set_default(const struct option *, void *base);
/* A number, size or time in its shortest exact form. */
char *
option_limit_text(const struct option *, int64_t v, char *dst, size_t size);

/* elsewhere.c: makes the pin of domains from elsewhere. */
void elsewhere_pin(struct config *);
/* elsewhere.c: a configuration that shares all of another one but the domains,
 * of which it has none yet. The caller has to keep the owner. */
struct config *config_borrow(const struct config *owner);

/* alert.c: the titled sections other than domain. */
bool option_is_titled(const struct option *);
void alerts_init(struct config *); /* the defaults of the table */
/* The struct that a section of that title sets; NULL: no such section. */
void *title_base(struct conf_title *, struct config *);
void titles_take(struct conf_loader *); /* moves them into the configuration */
void alerts_free(struct config *);

/* check.c: checks of more than one option. */
void check_config(struct conf_loader *);
void check_entries(struct conf_loader *); /* of each domain */
/* Checks that the process can read the file, and that a secret is private
 * (base/file.h) and not empty. */
void check_file(struct conf_loader *, struct conf_pos, const char *label,
    enum option_id, const char *path);
/* A domain section or defaults, for the checks. */
struct check_subject {
	struct conf_loader *l;
	const struct conf_domain *d;
	const struct conf_pos *set;
	char label[CONF_QUOTE_MAX + 16];
};

/* The position of one of its options. */
static inline const struct conf_pos *
check_where(const struct check_subject *s, enum option_id id)
{
	return &s->set[id - OPT_DOMAIN_FIRST];
}

/* check_primary.c */
void check_primary(const struct check_subject *);
/* The same for the host of a redirect (redirect.h), outside of a file: 0 or
 * -MX_ESYNTAX. */
int check_redirected(const struct config *, const struct pin *,
    const char *primary, struct mx_errbuf *) MX_NODISCARD;

/* A section with a title, for the checks. */
struct titled {
	struct conf_loader *l;
	const struct conf_title *t;
	char label[CONF_QUOTE_MAX + 16];
};

/* check_receiver.c */
void check_receiver(const struct titled *);
void check_name(const struct titled *);
void check_title_file(const struct titled *, enum option_id, const char *path);
void check_url(const struct titled *, enum option_id, struct conf_pos,
    const char *url);
/* Checks the address of a page for people; NULL and "": none. */
void check_link(struct conf_loader *, enum option_id, const char *label,
    const char *url);
/* The position of the option, or else of its section. */
struct conf_pos check_place(const struct titled *, enum option_id);

/* check_mx_backup.c */
void check_mx_backup(struct conf_loader *);

/* check_alert.c */
void check_alerts(struct conf_loader *);

/* check_maintenance.c */
void check_maintenance(struct conf_loader *);

#endif
