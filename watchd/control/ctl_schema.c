/* SPDX-License-Identifier: ISC
 * ctl_schema: see ctl_schema.h. */
#include "control/ctl_schema.h"

#include <string.h>

#include "control/protocol.h"

#ifdef HAVE_LIBPQ

#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "engine/schema.h"

#define CONNECT_LIMIT (30 * CLOCK_SEC)
#define TABLES_LIMIT  (300 * CLOCK_SEC) /* may have to wait for a lock */

struct tables {
	const struct ctl_options *o;
	FILE *out, *err;
	struct pg *pg;
	char *user, *database; /* the names that the engine knows us by */
};

/* NULL: no engine, and the error was printed. */
static char *
engine_of(const struct ctl_options *o, FILE *err)
{
	const char *file = o->file != NULL ? o->file : MX_CONFIG_FILE;
	struct conf_errors errs = { 0 };
	struct config *conf;
	char *engine = NULL;

	if (o->engine != NULL)
		return mem_strdup(o->engine);
	/* Secrets may be unreadable for this user. */
	conf = config_load_as(file, &conf_reads_nothing, &errs);
	if (conf == NULL)
		fprintf(err, "mxwatchctl: cannot read %s (%s); use --engine\n",
		    file, errs.n > 0 ? errs.e[0].text : "unreadable");
	else if (conf->cluster.engine == NULL)
		fprintf(err,
		    "mxwatchctl: %s has no cluster { engine = \"...\" }; set "
		    "it, or use --engine\n",
		    file);
	else
		engine = mem_strdup(conf->cluster.engine);
	config_unref(&conf);
	conf_errors_fini(&errs);
	return engine;
}

static char *
get_text(const struct pg *p, unsigned column)
{
	size_t len;
	const char *text = pg_get(p, 0, 0, column, &len);

	return mem_strndup(text != NULL ? text : "", text != NULL ? len : 0);
}

/* A GRANT has to have the names that the server uses. */
static int
ask_who(struct tables *t, struct mx_errbuf *eb)
{
	static const struct pg_stmt who = { "who",
		"SELECT current_user::text, current_database()::text" };
	int rc;

	(void)pg_add(t->pg, &who);
	rc = pg_run(t->pg, clock_now() + CONNECT_LIMIT, eb);
	if (rc != 0)
		return rc;
	t->user = get_text(t->pg, 0);
	t->database = get_text(t->pg, 1);
	return 0;
}

/* Prints the server's message, and the remedy if known. */
static int
fail(struct tables *t, int rc, const struct mx_errbuf *eb)
{
	const char *state = pg_sqlstate(t->pg);

	fprintf(t->err, "mxwatchctl: %s\n", eb->text);
	if (strcmp(state, "42501") == 0 && t->user != NULL)
		fprintf(t->err,
		    "mxwatchctl: as the owner of the database: GRANT CREATE ON "
		    "DATABASE \"%s\" TO \"%s\"; existing tables must belong to "
		    "that user\n",
		    t->database, t->user);
	else if (strcmp(state, "25006") == 0)
		fprintf(t->err,
		    "mxwatchctl: the server is a standby; name its primary, or "
		    "all servers with target_session_attrs=read-write\n");
	else if (rc == -MX_ENET)
		fprintf(t->err,
		    "mxwatchctl: make psql connect with the same string first; "
		    "check host, pg_hba.conf and the password file of this "
		    "user\n");
	return CONTROL_FAILED;
}

static void
say_json(struct tables *t, int from, int version, bool changed)
{
	cJSON *o = json_object();
	char *text;

	json_bool(o, "done", true);
	json_num(o, "rc", CONTROL_OK);
	if (from != 0)
		json_num(o, "from", from);
	json_num(o, "version", version);
	json_bool(o, "changed", changed);
	json_text(o, "user", t->user);
	json_text(o, "database", t->database);
	text = json_print(o);
	fprintf(t->out, "%s\n", text);
	mem_free(&text);
}

static int
init(struct tables *t, struct mx_errbuf *eb)
{
	int64_t until = clock_now() + TABLES_LIMIT;
	struct mx_errbuf before = { "" };
	bool there = schema_check(t->pg, until, &before) == 0;
	int version = 0, rc = schema_init(t->pg, &version, until, eb);

	if (rc != 0)
		return fail(t, rc, eb);
	if (version != SCHEMA_VERSION) {
		fprintf(t->err,
		    "mxwatchctl: the tables have version %d, this program "
		    "needs %d: %s\n",
		    version, SCHEMA_VERSION,
		    version < SCHEMA_VERSION ? "mxwatchctl cluster upgrade" :
					       "upgrade this program");
		return CONTROL_FAILED;
	}
	if (t->o->json) {
		say_json(t, 0, version, !there);
		return CONTROL_OK;
	}
	fprintf(t->out,
	    there ? "the tables already exist, version %d; nothing was "
		    "changed\n" :
		    "tables created, version %d\n",
	    version);
	fprintf(t->out,
	    "they are in the schema mxwatch of the database %s and belong to "
	    "the user %s;\nmxwatchd must connect as that user, who needs "
	    "CREATE on the database\n",
	    t->database, t->user);
	return CONTROL_OK;
}

static int
upgrade(struct tables *t, struct mx_errbuf *eb)
{
	int from = 0, rc;

	rc = schema_upgrade(t->pg, &from, clock_now() + TABLES_LIMIT, eb);
	if (rc != 0)
		return fail(t, rc, eb);
	if (t->o->json)
		say_json(t, from, SCHEMA_VERSION, from != SCHEMA_VERSION);
	else if (from == SCHEMA_VERSION)
		fprintf(t->out,
		    "the tables have version %d; nothing was changed\n", from);
	else
		fprintf(t->out, "tables upgraded from version %d to %d\n", from,
		    SCHEMA_VERSION);
	return CONTROL_OK;
}

int
ctl_schema(const struct ctl_options *o, FILE *out, FILE *err)
{
	struct tables t = { .o = o, .out = out, .err = err };
	struct mx_errbuf eb = { "" };
	char *engine = engine_of(o, err);
	int rc;

	if (engine == NULL)
		return CONTROL_REFUSED;
	t.pg = pg_create(engine, "mxwatchctl");
	if ((rc = pg_up(t.pg, clock_now() + CONNECT_LIMIT, &eb)) != 0 ||
	    (rc = ask_who(&t, &eb)) != 0)
		rc = fail(&t, rc, &eb);
	else if (strcmp(o->word[1], "init") == 0)
		rc = init(&t, &eb);
	else
		rc = upgrade(&t, &eb);
	pg_destroy(&t.pg);
	mem_free(&t.user);
	mem_free(&t.database);
	mem_free(&engine);
	return rc;
}

#else

int
ctl_schema(const struct ctl_options *o, FILE *out, FILE *err)
{
	(void)o;
	(void)out;
	fprintf(err,
	    "mxwatchctl: this build has no engine; configure it "
	    "--with-postgresql\n");
	return CONTROL_FAILED;
}

#endif
