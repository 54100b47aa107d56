/* SPDX-License-Identifier: ISC
 * probe: the names of outcomes. */
#include "probes/probe.h"

const char *
probe_code_name(enum probe_code code)
{
	static const char *const names[] = {
		[PROBE_OK] = "ok",
		[PROBE_DNS_FAIL] = "dns_fail",
		[PROBE_NO_HOST] = "no_host",
		[PROBE_SELF] = "self",
		[PROBE_CONN_REFUSED] = "conn_refused",
		[PROBE_CONN_TIMEOUT] = "conn_timeout",
		[PROBE_CONN_ERROR] = "conn_error",
		[PROBE_TIMEOUT] = "timeout",
		[PROBE_CLOSED] = "closed",
		[PROBE_PROTOCOL] = "protocol",
		[PROBE_TEMPFAIL] = "tempfail",
		[PROBE_PERMFAIL] = "permfail",
		[PROBE_TLS_FAIL] = "tls_fail",
		[PROBE_LOCAL] = "local",
	};

	return (unsigned)code < MX_COUNT(names) ? names[code] : "unknown";
}

bool
probe_code_neutral(enum probe_code code)
{
	return code == PROBE_DNS_FAIL || code == PROBE_LOCAL;
}
