/* SPDX-License-Identifier: ISC
 * domains_from: see domains_from.h.
 *
 *	a look	->  nothing new: the source is confirmed
 *		->  another text, and it has settled: offered to reload.c
 *			-> in force: a copy of it is kept
 *			-> refused: `seen`, so it is logged once; judged again
 *			   when it changes or the operator reloads */
#include "daemon/domains_from.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/source_spec.h"
#include "config/elsewhere.h"
#include "daemon/daemon_int.h"
#include "daemon/domains_look.h"
#include "relay/smtpd/recipients_keep.h"

#define LOOK_MS	     2000
#define SETTLE_MS    1000 /* unchanged for so long: completely written */
#define FINDINGS_MAX 10 /* logged for a refused text */

struct domains_from {
	struct daemon *d;
	struct domain_texts *good; /* in force; NULL: none */
	/* without domains that the file has, too: judge it again */
	bool partly;
	/* wall: when `good` was last found to be current */
	int64_t confirmed_ms;
	bool current; /* `good` is the source's present text */
	char trouble[256]; /* "": none */
	/* The source; NULL and 0 without one: */
	char *spec, *name, *path; /* as configured; as shown; of its files */
	struct source *fetched; /* NULL: a folder */
	struct helper *helper; /* kept once there was a source */
	struct loop_timer *timer;
	struct look_job *job; /* in progress; NULL: none */
	bool again; /* the job or offer may have missed a change */
	/* identities: at the last look; of the text last read */
	uint64_t found, seen;
	const struct domain_texts
	    *offered; /* offered to reload.c, not judged yet; NULL */
};

/* Owned by the thread until it is done. */
struct look_job {
	struct helper_job job; /* first */
	struct domains_from *f; /* NULL: the source was closed */
	char *path, *name;
	bool folder;
	uint64_t found, seen; /* as in domains_from, before the look */
	struct domain_texts *good; /* in force at that time; a reference */
	uint64_t id; /* the identity found; 0: see eb */
	/* the text read; NULL: none was, or see eb */
	struct domain_texts *texts;
	bool same; /* as `good` */
	struct mx_errbuf eb;
	bool missing; /* eb: the file does not exist */
};

/* Writes a copy, on the daemon's helper. */
struct save_job {
	struct helper_job job; /* first */
	struct domain_texts *texts;
	char *path;
	struct mx_errbuf eb;
};

char *
domains_from_path(const struct config *c)
{
	return mem_printf("%s/domains.last", c->spool);
}

/* ---- trouble and confirmation */

/* Each reason is logged once. `said`: another module has logged it. */
static void
trouble_set(struct domains_from *f, const char *text, bool said)
{
	f->current = false;
	if (strcmp(f->trouble, text) == 0)
		return;
	(void)strlcpy(f->trouble, text, sizeof(f->trouble));
	if (!said)
		log_warn("config",
		    "domains_from=%s problem=%s consequence=\"%s\"",
		    log_q(f->name), log_q(text),
		    f->good != NULL ? "the last good domains stay in force" :
				      "there are no domains from it");
}

static void
confirm(struct domains_from *f)
{
	const struct source_state *s =
	    f->fetched != NULL ? source_state(f->fetched) : NULL;

	if (f->trouble[0] != '\0')
		log_notice("config", "domains_from=%s state=ok",
		    log_q(f->name));
	f->current = true;
	f->trouble[0] = '\0';
	if (s == NULL)
		f->confirmed_ms = clock_wall_ms();
	else if (s->confirmed_ms != 0)
		f->confirmed_ms = s->confirmed_ms;
}

void
domains_from_show(const struct daemon *d, struct snapshot *s)
{
	const struct domains_from *f = d->domains_from;
	const char *trouble = f->trouble;

	if (f->spec == NULL)
		return;
	if (f->fetched != NULL && source_state(f->fetched)->failures > 0)
		trouble = source_state(f->fetched)->error;
	(void)strlcpy(s->source.name, f->name, sizeof(s->source.name));
	(void)strlcpy(s->source.trouble, trouble, sizeof(s->source.trouble));
	s->source.domains = elsewhere_count(d->conf);
	s->source.confirmed_ms = f->confirmed_ms;
	s->source.failing = trouble[0] != '\0';
}

/* ---- looks */

static void
look_free(struct look_job *j)
{
	domain_texts_unref(&j->texts);
	domain_texts_unref(&j->good);
	mem_free(&j->path);
	mem_free(&j->name);
	mem_free(&j);
}

static void
look_drop(struct helper_job *job)
{
	look_free((struct look_job *)job);
}

static void
look_run(struct helper_job *job)
{
	struct look_job *j = (struct look_job *)job;
	uint64_t after = 0;
	int rc = domains_look_id(j->path, j->folder, &j->id, &j->eb);

	j->missing = rc == -MX_ENOENT;
	if (rc != 0)
		j->id = 0;
	/* A fetched file is replaced as a whole: it need not settle. */
	if (rc != 0 || j->id == j->seen || (j->folder && j->id != j->found))
		return;
	j->texts = domains_look_read(j->path, j->folder, j->name, &j->eb);
	if (domains_look_id(j->path, j->folder, &after, NULL) != 0 ||
	    after != j->id) { /* changed while it was read */
		j->id = after;
		domain_texts_unref(&j->texts);
		j->eb.text[0] = '\0';
	}
	j->same = domain_texts_same(j->texts, j->good);
}

static void
look_failed(struct domains_from *f, const struct look_job *j)
{
	/* Before the first fetch there is no file: the source reports why. */
	if (j->missing && f->fetched != NULL)
		trouble_set(f, "nothing was fetched from it yet", true);
	else
		trouble_set(f, j->eb.text, false);
}

static void
look_judge(struct domains_from *f, struct look_job *j)
{
	f->found = j->id;
	if (j->eb.text[0] != '\0') {
		f->seen = j->id; /* 0 if there is none */
		look_failed(f, j);
	} else if (j->texts != NULL) {
		f->seen = j->id;
		if (j->same && j->good == f->good && !f->partly) {
			confirm(f);
			return;
		}
		f->offered = j->texts;
		reload_domains(f->d, j->texts);
	} else if (j->id == f->seen && f->current) {
		confirm(f);
	}
}

static void
look_done(struct helper_job *job)
{
	struct look_job *j = (struct look_job *)job;
	struct domains_from *f = j->f;
	bool settles;

	if (f != NULL) {
		f->job = NULL;
		look_judge(f, j);
		settles = j->folder && j->id != 0 && j->id != f->seen;
		loop_timer_set(f->timer,
		    f->again	? 0 :
			settles ? SETTLE_MS :
				  LOOK_MS);
		f->again = false;
	}
	look_free(j);
}

static void
on_look(void *arg)
{
	struct domains_from *f = arg;
	struct look_job *j;

	if (f->job != NULL || f->offered != NULL) {
		f->again = true;
		return;
	}
	j = f->job = mem_alloc(sizeof(*j));
	j->f = f;
	j->path = mem_strdup(f->path);
	j->name = mem_strdup(f->name);
	j->folder = f->fetched == NULL;
	j->found = f->found;
	j->seen = f->seen;
	j->good = domain_texts_ref(f->good);
	j->job.run = look_run;
	j->job.done = look_done;
	j->job.drop = look_drop;
	helper_do(f->helper, &j->job);
}

static void
on_fetched(void *arg)
{
	on_look(arg);
}

/* ---- results of an offer */

static void
save_free(struct helper_job *job)
{
	struct save_job *s = (struct save_job *)job;

	domain_texts_unref(&s->texts);
	mem_free(&s->path);
	mem_free(&s);
}

static void
save_run(struct helper_job *job)
{
	struct save_job *s = (struct save_job *)job;

	if (domain_texts_save(s->texts, s->path, &s->eb) != 0)
		log_warn("config",
		    "domains_from=%s not_kept=%s consequence=\"a restart uses "
		    "the earlier ones\"",
		    log_q(domain_texts_source(s->texts)), log_q(s->eb.text));
}

static void
save(struct domains_from *f)
{
	struct save_job *s = mem_alloc(sizeof(*s));

	s->texts = domain_texts_ref(f->good);
	s->path = domains_from_path(f->d->conf);
	s->job.run = save_run;
	s->job.done = s->job.drop = save_free;
	helper_do(f->d->helper, &s->job);
}

static void
refused(struct domains_from *f, const struct conf_errors *errs)
{
	char text[sizeof(f->trouble)] = "refused";
	const struct conf_error *e;
	size_t n = 0;

	for (size_t i = 0; i < errs->n && n < FINDINGS_MAX; i++) {
		e = &errs->e[i];
		if (e->warning)
			continue;
		if (n++ == 0)
			snprintf(text, sizeof(text), "%.100s:%u: %.140s",
			    e->file, e->line, e->text);
		else
			log_warn("config", "file=%s line=%u text=%s",
			    log_q(e->file), e->line, log_q(e->text));
	}
	trouble_set(f, text, false);
}

void
domains_from_judged(struct daemon *d, struct domain_texts *texts, bool good,
    const struct conf_errors *errs)
{
	struct domains_from *f = d->domains_from;
	/* False if another source has been configured meanwhile. */
	bool ours = texts == f->offered;

	if (ours)
		f->offered = NULL;
	if (good) {
		domain_texts_unref(&f->good);
		f->good = domain_texts_ref(texts);
		f->partly = false;
		save(f);
	}
	if (ours && good)
		confirm(f);
	else if (ours)
		refused(f, errs);
	if (f->timer != NULL && f->again) {
		f->again = false;
		loop_timer_set(f->timer, 0);
	}
}

struct domain_texts *
domains_from_good(const struct daemon *d)
{
	return d->domains_from->good;
}

/* ---- the source */

static void
close_source(struct domains_from *f)
{
	source_end(&f->fetched);
	loop_timer_destroy(&f->timer);
	if (f->job != NULL)
		f->job->f = NULL;
	f->job = NULL;
	f->offered = NULL;
	if (f->spec != NULL)
		reload_domains(f->d, NULL);
	mem_free(&f->spec);
	mem_free(&f->name);
	mem_free(&f->path);
	f->found = f->seen = 0;
	f->again = f->current = false;
	f->trouble[0] = '\0';
}

static void
open_source(struct domains_from *f, const struct config *c)
{
	struct daemon *d = f->d;
	char *folder;

	f->spec = mem_strdup(c->domains_from);
	f->name = spec_name(c->domains_from);
	if (f->helper == NULL)
		f->helper = helper_create(d->loop);
	f->timer = loop_timer_create(d->loop, on_look, f);
	if (!spec_is_source(f->spec)) {
		f->path = mem_strdup(f->spec);
	} else {
		folder = mem_printf("%s/domains", c->spool);
		f->path = keep_fetched(folder, f->spec);
		mem_free(&folder);
		f->fetched = source_begin(d->sources, f->spec, f->path,
		    c->domains_token_file, on_fetched, f);
	}
	loop_timer_set(f->timer, 0);
}

void
domains_from_configure(struct daemon *d)
{
	struct domains_from *f = d->domains_from;
	const struct config *c = d->conf;

	if (c->domains_from == NULL) {
		close_source(f);
		domain_texts_unref(&f->good);
		return;
	}
	if (f->spec == NULL || strcmp(f->spec, c->domains_from) != 0) {
		close_source(f);
		open_source(f, c);
		return;
	}
	/* A text that was refused may be valid under this configuration. */
	if (!f->current)
		f->seen = 0;
	if (f->fetched != NULL)
		source_ask(f->fetched, c->domains_token_file);
	loop_timer_set(f->timer, 0);
}

/* ---- create and destroy */

/* Makes the configuration of the start. Whatever is wrong with the copy, the
 * domains of the file get mail. */
static struct config *
join_kept(struct domains_from *f, struct config *local)
{
	struct conf_errors errs = { 0 };
	struct config *c;

	c = elsewhere_join(local, f->good, true, &errs);
	daemon_log_findings(&errs);
	f->partly = errs.n > 0;
	conf_errors_fini(&errs);
	if (c != NULL)
		return c;
	domain_texts_unref(&f->good);
	c = elsewhere_join(local, NULL, true, &errs);
	conf_errors_fini(&errs);
	return c;
}

static void
load_kept(struct domains_from *f, const char *path)
{
	struct mx_errbuf eb = { "" };
	struct stat st;

	f->good = domain_texts_load(path, &eb);
	if (f->good != NULL && stat(path, &st) == 0)
		f->confirmed_ms = (int64_t)st.st_mtim.tv_sec * 1000;
	else
		log_warn("config",
		    "domains_from=%s last_good=%s effect=\"its domains get no "
		    "mail until it has been read\"",
		    log_q(f->name),
		    log_q(eb.text[0] != '\0' ? eb.text : "none"));
}

void
domains_from_start(struct daemon *d)
{
	struct domains_from *f = d->domains_from = mem_alloc(sizeof(*f));
	struct config *local = d->conf;
	char *path = domains_from_path(local);

	f->d = d;
	f->confirmed_ms = clock_wall_ms();
	if (local->domains_from != NULL) {
		f->name = spec_name(local->domains_from);
		load_kept(f, path);
		mem_free(&f->name);
		d->conf = join_kept(f, local);
		config_unref(&local);
	} else if (unlink(path) != 0 && errno != ENOENT) {
		log_warn("config", "file=%s not_removed=%s", log_q(path),
		    log_q(strerror(errno)));
	}
	mem_free(&path);
}

void
domains_from_create(struct daemon *d)
{
	if (d->conf->domains_from != NULL)
		open_source(d->domains_from, d->conf);
}

void
domains_from_destroy(struct daemon *d)
{
	struct domains_from *f = d->domains_from;

	if (f == NULL)
		return;
	close_source(f);
	helper_destroy(&f->helper);
	domain_texts_unref(&f->good);
	mem_free(&d->domains_from);
}
