/* SPDX-License-Identifier: ISC
 * doctor: see doctor.h. */
#include "status/doctor.h"

const char *
doctor_check_name(enum doctor_check check)
{
	static const char *const name[DOCTOR_CHECK_MAX] = {
#define DOCTOR(name, scope) [DOCTOR_##name] = #name,
#include "status/doctor.def"
#undef DOCTOR
	};

	return name[check];
}

const char *
doctor_severity_name(enum doctor_severity severity)
{
	static const char *const name[DOCTOR_SEVERITY_MAX] = {
		[DOCTOR_OK] = "ok",
		[DOCTOR_INFO] = "info",
		[DOCTOR_WARNING] = "warning",
		[DOCTOR_ERROR] = "error",
	};

	return name[severity];
}
