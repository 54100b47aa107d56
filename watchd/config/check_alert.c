/* SPDX-License-Identifier: ISC
 * check_alert: alerts with impossible thresholds or unknown receivers, and
 * heartbeats. check_receiver.c checks receivers. */
#include <string.h>

#include "config_int.h"

static void
check_threshold(const struct titled *s, enum option_id id,
    const struct alert_info *info, const struct conf_threshold *t)
{
	static const char *const unit[] = {
		[ALERT_UNIT_NONE] = "only the threshold \"off\"",
		[ALERT_UNIT_NUMBER] = "a number",
		[ALERT_UNIT_TIME] = "a duration like \"1h\"",
		[ALERT_UNIT_PERCENT] = "a percentage like \"80%\"",
		[ALERT_UNIT_PERCENT_OR_TIME] = "a percentage or a duration",
	};
	bool ok = t->unit == info->unit ||
	    (info->unit == ALERT_UNIT_PERCENT_OR_TIME &&
		(t->unit == ALERT_UNIT_PERCENT || t->unit == ALERT_UNIT_TIME));

	if (s->t->set[id].line == 0 || s->t->set[id].wrong ||
	    t->unit == ALERT_UNIT_NONE || ok)
		return;
	conf_err(s->l, s->t->set[id], "%s%s takes %s", s->label,
	    options[id].name, unit[info->unit]);
}

static bool
receiver_known(const struct conf_loader *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->ntitles; i++)
		if (l->title[i].section == SEC_RECEIVER &&
		    strcmp(l->title[i].title, name) == 0)
			return true;
	return false;
}

static void
check_alert(const struct titled *s)
{
	const struct conf_alert *a = s->t->alert;
	const struct alert_info *info =
	    &conf_alert_info[config_alert_kind(s->t->title)];
	char q[CONF_QUOTE_MAX];
	bool high = info->worse == ALERT_WORSE_HIGH;
	size_t i;

	check_threshold(s, OPT_ALERT_warn, info, &a->warn);
	check_threshold(s, OPT_ALERT_crit, info, &a->crit);
	if (a->warn.unit != ALERT_UNIT_NONE && a->warn.unit == a->crit.unit &&
	    (high ? a->warn.value > a->crit.value :
		    a->warn.value < a->crit.value))
		conf_err(s->l,
		    check_place(s,
			s->t->set[OPT_ALERT_crit].line != 0 ? OPT_ALERT_crit :
							      OPT_ALERT_warn),
		    "%swarn is higher than crit; they may be swapped",
		    s->label);
	for (i = 0; i < a->receivers.n; i++)
		if (!receiver_known(s->l, a->receivers.s[i]))
			conf_err(s->l,
			    conf_item_pos(s->l, s->t->set[OPT_ALERT_receivers],
				i),
			    "%sthere is no receiver %s", s->label,
			    conf_quote(a->receivers.s[i], q));
}

static void
check_heartbeat(const struct titled *s)
{
	const struct conf_heartbeat *h = s->t->heartbeat;

	if (h->url != NULL)
		check_url(s, OPT_HEARTBEAT_url,
		    check_place(s, OPT_HEARTBEAT_url), h->url);
	else if (!s->t->set[OPT_HEARTBEAT_url].wrong)
		conf_err(s->l, s->t->at, "%surl is missing", s->label);
	check_title_file(s, OPT_HEARTBEAT_ca_file, h->ca_file);
}

/* The instance is in every key, label and subject. */
static void
check_instance(struct conf_loader *l)
{
	const char *name = l->c->alerts.instance;
	size_t n;

	if (name == NULL)
		return;
	n = strspn(name,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789-_./");
	if (n == 0 || n > 128 || name[n] != '\0')
		conf_err(l, l->set[OPT_ALERTS_instance],
		    "alerts: instance may have up to 128 letters, digits, - _ "
		    ". and /");
}

void
check_alerts(struct conf_loader *l)
{
	struct titled s = { .l = l };
	char q[CONF_QUOTE_MAX];
	size_t i;

	check_instance(l);
	check_link(l, OPT_ALERTS_runbook_url,
	    "alerts: ", l->c->alerts.runbook_url);
	check_link(l, OPT_WEB_url, "web: ", l->c->web.url);
	for (i = 0; i < l->ntitles; i++) {
		s.t = &l->title[i];
		if (s.t->section == SEC_MAINTENANCE)
			continue;
		snprintf(s.label, sizeof(s.label),
		    "%s %s: ", sections[s.t->section].name,
		    conf_quote(s.t->title, q));
#ifndef HAVE_CURL
		if (s.t->section != SEC_ALERT) {
			conf_err(l, s.t->at,
			    "%sthis mxwatchd was built without libcurl and "
			    "sends no alerts",
			    s.label);
			continue;
		}
#endif
		if (s.t->section != SEC_ALERT)
			check_name(&s);
		if (s.t->section == SEC_RECEIVER)
			check_receiver(&s);
		else if (s.t->section == SEC_ALERT)
			check_alert(&s);
		else
			check_heartbeat(&s);
	}
}
