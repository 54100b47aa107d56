/* SPDX-License-Identifier: ISC
 * sim_reload: the operator changes the configuration while mail flows: domains
 * are moved to other primaries, dropped, and added again. The new text is read
 * by the real reload; a domain of it is new for the judge in the moment in
 * which the daemon applies it (the linker's --wrap), or begins anew. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "daemon/privileges.h"
#include "daemon/removed.h"
#include "tests/sim/sim_world_int.h"

#define CHANGES 5 /* of a reload, at most */

static struct world *the_world; /* of the wrappers */

void
reload_world(struct world *w)
{
	the_world = w;
}

/* ---- what the operator writes */

static void
move(struct world *w, struct sdomain *sd)
{
	sd->to = sd->at;
	sd->to.nhosts = 0;
	sd->to.by_mx = false;
	make_hosts(w, &sd->to);
}

static void
change(struct world *w, struct sdomain *sd)
{
	if (sd->moving)
		return;
	sd->to = sd->at;
	if (sd->at.dropped)
		sd->to.dropped = false;
	else if (sd->index > 0 && dice_percent(&w->dice, 30)) /* one stays */
		sd->to.dropped = true;
	else if (w->nservers > 2)
		move(w, sd);
	sd->moving = true;
	trace("%s: is to be %s, host %u", sd->name,
	    sd->to.dropped ? "dropped" : "there", sd->to.host[0]->index);
}

static bool
under_way(const struct world *w)
{
	for (unsigned i = 0; i < w->ndomains; i++)
		if (w->domain[i].moving)
			return true;
	return false;
}

static void
order(struct world *w)
{
	trace("a reload is ordered");
	make_text(w);
	(void)daemon_reload(w->daemon);
}

void
reload_change(struct world *w)
{
	unsigned n = 1 + dice_below(&w->dice, CHANGES);

	if (under_way(w))
		return;
	while (n-- > 0)
		change(w, &w->domain[dice_below(&w->dice, w->ndomains)]);
	order(w);
}

void
reload_all_back(struct world *w)
{
	for (unsigned i = 0; i < w->ndomains; i++) {
		struct sdomain *sd = &w->domain[i];

		if (!sd->moving)
			sd->to = sd->at;
		sd->to.dropped = false;
		sd->moving = true;
	}
	order(w);
}

/* ---- what the daemon makes of it */

static void
arrived(const char *name, bool dropped)
{
	struct sdomain *sd = judge_domain(name);

	if (sd != NULL && sd->moving && sd->to.dropped == dropped)
		judge_move(sd);
}

void __real_apply_domain(struct daemon *, const struct conf_domain *);
void __wrap_apply_domain(struct daemon *, const struct conf_domain *);
void
__wrap_apply_domain(struct daemon *d, const struct conf_domain *cd)
{
	arrived(cd->name, false);
	__real_apply_domain(d, cd);
}

/* One that was dropped with mail queued goes on as it was until that is gone. */
void __real_removed_over(struct removed *, const char *, bool, const char *);
void __wrap_removed_over(struct removed *, const char *, bool, const char *);
void
__wrap_removed_over(struct removed *r, const char *name, bool mx_backup,
    const char *why)
{
	__real_removed_over(r, name, mx_backup, why);
	arrived(name, true);
}

struct config *__wrap_config_load_as(const char *file,
    const struct conf_reader *, struct conf_errors *);
struct config *
__wrap_config_load_as(const char *file, const struct conf_reader *as MX_UNUSED,
    struct conf_errors *errs)
{
	return config_parse(file, the_world->text, strlen(the_world->text),
	    errs);
}

/* Nobody becomes anybody here. */
int
privileges_read_as(const struct config *c MX_UNUSED,
    struct mx_errbuf *eb MX_UNUSED)
{
	return 0;
}

void
privileges_read_back(void)
{
}

void
reload_done(void)
{
	judge_reloaded();
	/* What did not differ for the daemon is there, too. */
	for (unsigned i = 0; i < the_world->ndomains; i++)
		if (the_world->domain[i].moving &&
		    !the_world->domain[i].to.dropped)
			judge_move(&the_world->domain[i]);
}
