/* SPDX-License-Identifier: ISC
 * verb_doctor: findings about this host and the domains. Without a domain the
 * findings of the last check of all are shown, if it ended a day ago at most or
 * is running again; else the check is started, and findings are sent as they
 * come. Loop thread. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/verbs.h"
#include "status/status_json.h"

#define FRESH_S	    86400 /* s; older findings are not shown */
#define PAGE	    20 /* subjects in a step */
#define DOCTOR_POLL 100 /* ms */

struct doctor_answer {
	uint64_t seq; /* seq of the last subject shown, by time */
	bool begun; /* `name` is the last one shown, by name */
	char name[TEXT_DOMAIN_MAX];
	unsigned n[DOCTOR_SEVERITY_MAX]; /* findings sent */
};

static const struct control_doctor_ops *
doctor_ops(const struct call *c)
{
	return &call_ops(c)->doctor;
}

/* Without a domain in the request, checks that passed are not shown. */
static void
send_finding(void *arg, const struct snap_finding *f)
{
	struct call *c = arg;
	struct doctor_answer *a = c->work;

	if (f->severity == DOCTOR_OK && c->domain[0] == '\0')
		return;
	a->n[f->severity]++;
	call_send(c, status_json_finding(f));
}

static void
answer_end(struct call *c)
{
	const struct control_doctor_ops *ops = doctor_ops(c);
	const struct doctor_answer *a = c->work;
	unsigned errors = a->n[DOCTOR_ERROR], warnings = a->n[DOCTOR_WARNING];
	bool bad = errors > 0 || warnings > 0;
	cJSON *more = json_object();
	char *text;

	json_num(more, "errors", errors);
	json_num(more, "warnings", warnings);
	json_num(more, "infos", a->n[DOCTOR_INFO]);
	json_time(more, "checked", ops->ended(ops->arg));
	if (bad) {
		text = mem_printf("%u error%s, %u warning%s", errors,
		    errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
		json_text(more, "error", text);
		mem_free(&text);
	}
	call_done(c, bad ? CONTROL_FAILED : CONTROL_OK, more);
}

/* Sends earlier findings, by name. */
static void
shown_step(struct call *c)
{
	const struct control_doctor_ops *ops = doctor_ops(c);
	struct doctor_answer *a = c->work;

	for (unsigned i = 0; i < PAGE; i++) {
		char name[TEXT_DOMAIN_MAX];

		if (!ops->next(ops->arg, a->begun ? a->name : NULL, name,
			send_finding, c)) {
			answer_end(c);
			return;
		}
		a->begun = true;
		(void)strlcpy(a->name, name, sizeof(a->name));
	}
	call_continue(c);
}

/* Sends the findings of a check of all, as they come. */
static void
found_step(struct call *c)
{
	const struct control_doctor_ops *ops = doctor_ops(c);
	struct doctor_answer *a = c->work;
	bool busy = ops->is_busy(ops->arg, NULL);

	for (unsigned i = 0; i < PAGE; i++)
		if (!ops->since(ops->arg, &a->seq, send_finding, c)) {
			if (busy)
				call_wait(c, DOCTOR_POLL);
			else
				answer_end(c);
			return;
		}
	call_continue(c);
}

/* Sends the findings of this host and one domain, in this order. */
static void
named_step(struct call *c)
{
	const struct control_doctor_ops *ops = doctor_ops(c);

	if (ops->is_busy(ops->arg, "") || ops->is_busy(ops->arg, c->domain)) {
		call_wait(c, DOCTOR_POLL);
		return;
	}
	(void)ops->of(ops->arg, "", send_finding, c);
	(void)ops->of(ops->arg, c->domain, send_finding, c);
	answer_end(c);
}

static bool
is_fresh(const struct call *c)
{
	const struct control_doctor_ops *ops = doctor_ops(c);
	int64_t ended = ops->ended(ops->arg), age = clock_wall() - ended;

	if (ended == 0 || (c->fields & (FIELD_DOMAIN | FIELD_NOW)) != 0)
		return false;
	/* A check of very many domains takes hours. */
	return (age >= 0 && age <= FRESH_S) || ops->is_busy(ops->arg, NULL);
}

void
verb_doctor(struct call *c)
{
	const struct control_doctor_ops *ops = doctor_ops(c);
	const char *domain = c->domain[0] != '\0' ? c->domain : NULL;
	struct doctor_answer *a = mem_alloc(sizeof(*a));
	int rc;

	c->work = a;
	c->step = is_fresh(c) ? shown_step :
	    domain != NULL    ? named_step :
				found_step;
	if (c->step != shown_step) {
		rc = ops->ask(ops->arg, domain, &a->seq);
		if (rc == -MX_ENOENT) {
			call_missing(c,
			    "%s: no such domain in the configuration",
			    c->domain);
			return;
		}
		if (rc != 0) {
			call_fail(c, CONTROL_FAILED,
			    "too many domains are waiting for a check; try "
			    "again in a minute");
			return;
		}
	}
	call_continue(c);
}
