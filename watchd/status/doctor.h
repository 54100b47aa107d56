/* SPDX-License-Identifier: ISC
 * doctor: the names of what is checked (doctor.def), and how bad a finding is.
 * What is found is watchd/doctor's. */
#ifndef MX_STATUS_DOCTOR_H
#define MX_STATUS_DOCTOR_H

#include "base/defs.h"

enum doctor_check {
#define DOCTOR(name, scope) DOCTOR_##name,
#include "status/doctor.def"
#undef DOCTOR
	DOCTOR_CHECK_MAX,
};

enum doctor_severity {
	DOCTOR_OK, /* it is as it should be */
	DOCTOR_INFO, /* worth knowing, or it could not be judged */
	DOCTOR_WARNING, /* mail may be lost, refused, or not come */
	DOCTOR_ERROR, /* it is */
	DOCTOR_SEVERITY_MAX,
};

const char *doctor_check_name(enum doctor_check);
const char *doctor_severity_name(enum doctor_severity); /* "warning" */

#endif
