/* SPDX-License-Identifier: ISC
 * checks: calls the checks of status/doctor.def. */
#include "doctor/doctor_int.h"

enum scope { SCOPE_HOST, SCOPE_DOMAIN, SCOPE_PRIMARY };

static const struct {
	enum scope scope;
	void (*begin)(struct doctor_run *);
	void (*judge)(struct doctor_run *, const struct doctor_primary *);
} checks[DOCTOR_CHECK_MAX] = {
#define OF_HOST(name)	 .begin = doctor_##name
#define OF_DOMAIN(name)	 .begin = doctor_##name
#define OF_PRIMARY(name) .judge = doctor_##name
#define DOCTOR(name, where)                                                    \
	[DOCTOR_##name] = { SCOPE_##where, OF_##where(name) },
#include "status/doctor.def"
#undef DOCTOR
};

void
doctor_checks_begin(struct doctor_run *r)
{
	enum scope scope = r->cd == NULL ? SCOPE_HOST : SCOPE_DOMAIN;

	for (unsigned i = 0; i < DOCTOR_CHECK_MAX; i++)
		if (checks[i].scope == scope)
			checks[i].begin(r);
}

void
doctor_checks_primary(struct doctor_run *r, const struct doctor_primary *p)
{
	for (unsigned i = 0; i < DOCTOR_CHECK_MAX; i++)
		if (checks[i].scope == SCOPE_PRIMARY)
			checks[i].judge(r, p);
}
