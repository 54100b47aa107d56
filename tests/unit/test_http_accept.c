/* SPDX-License-Identifier: ISC
 * What a client is given for what it says it takes, a name a case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "exporters/gzip.h"
#include "exporters/http_accept.h"

#define OM "application/openmetrics-text"

static const struct {
	const char *name, *accept;
	enum prometheus_format want;
} format_cases[] = {
	{ "no header", NULL, PROMETHEUS_TEXT },
	{ "empty", "", PROMETHEUS_TEXT },
	{ "anything", "*/*", PROMETHEUS_TEXT },
	{ "a browser", "text/html,application/xhtml+xml,*/*;q=0.8",
	    PROMETHEUS_TEXT },
	{ "text", "text/plain;version=0.0.4", PROMETHEUS_TEXT },
	{ "OpenMetrics", OM ";version=1.0.0", PROMETHEUS_OPENMETRICS },
	{ "OpenMetrics without version", OM, PROMETHEUS_OPENMETRICS },
	{ "OpenMetrics in capitals", "Application/OpenMetrics-Text",
	    PROMETHEUS_OPENMETRICS },
	{ "a quoted version", OM "; version=\"1.0.0\"",
	    PROMETHEUS_OPENMETRICS },
	{ "an old version only", OM ";version=0.0.1", PROMETHEUS_TEXT },
	{ "a version to come", OM ";version=2.0.0", PROMETHEUS_TEXT },
	{ "Prometheus 2.42",
	    OM ";version=1.0.0," OM ";version=0.0.1;q=0.75,"
	       "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	    PROMETHEUS_OPENMETRICS },
	{ "Prometheus 2.5",
	    OM "; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	    PROMETHEUS_TEXT },
	{ "Prometheus 3",
	    OM ";version=1.0.0;escaping=allow-utf-8;q=0.6," OM
	       ";version=0.0.1;q=0.5,text/plain;version=1.0.0;"
	       "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
	       "*/*;q=0.2",
	    PROMETHEUS_OPENMETRICS },
	{ "text preferred", OM ";q=0.3,text/plain;q=0.7", PROMETHEUS_TEXT },
	{ "text by another name", OM ";q=0.3,text/*;q=0.7", PROMETHEUS_TEXT },
	{ "the nearest name decides", OM ";q=0.5,text/plain;q=0.2,*/*;q=0.9",
	    PROMETHEUS_OPENMETRICS },
	{ "equal", "text/plain," OM, PROMETHEUS_OPENMETRICS },
	{ "OpenMetrics refused", OM ";q=0", PROMETHEUS_TEXT },
	{ "both refused", OM ";q=0,text/plain;q=0", PROMETHEUS_TEXT },
	{ "weight 1.000", OM ";q=1.000,text/plain;q=0.999",
	    PROMETHEUS_OPENMETRICS },
	{ "a weight above 1", OM ";q=1.9,text/plain;q=1",
	    PROMETHEUS_OPENMETRICS },
	{ "a weight that is none", OM ";q=high", PROMETHEUS_TEXT },
	{ "a negative weight", OM ";q=-1", PROMETHEUS_TEXT },
	{ "a weight too long", OM ";q=0.11111111111111", PROMETHEUS_TEXT },
	{ "blanks everywhere", " , \t" OM " ; version = 1.0.0 ; q = 0.9 , ",
	    PROMETHEUS_OPENMETRICS },
	{ "only separators", ",;,;=,;;=;,", PROMETHEUS_TEXT },
	{ "a longer name", OM "x", PROMETHEUS_TEXT },
	{ "protobuf",
	    "application/vnd.google.protobuf;"
	    "proto=io.prometheus.client.MetricFamily;"
	    "encoding=delimited;q=1",
	    PROMETHEUS_TEXT },
};

static void
formats(void **state)
{
	(void)state;
	for (size_t i = 0; i < MX_COUNT(format_cases); i++)
		if (http_accept_format(format_cases[i].accept) !=
		    format_cases[i].want)
			fail_msg("%s", format_cases[i].name);
}

static const struct {
	const char *accept;
	bool want;
} gzip_cases[] = {
	{ NULL, false },
	{ "", false },
	{ "gzip", true },
	{ "GZIP", true },
	{ "deflate, gzip;q=1.0, *;q=0.5", true },
	{ "gzip;q=0", false },
	{ "gzip;q=0.000", false },
	{ "identity", false },
	{ "br, *", true },
	{ "*;q=0", false },
	{ "gzip;q=0, *", false },
	{ "gzip;q=0.5, identity;q=0.9", false },
	{ "identity;q=0.5, gzip;q=0.9", true },
	{ "xgzip", false },
	{ "gzip, gzip;q=0", false },
};

static void
encodings(void **state)
{
	(void)state;
	for (size_t i = 0; i < MX_COUNT(gzip_cases); i++)
		if (http_accept_gzip(gzip_cases[i].accept) !=
		    gzip_cases[i].want)
			fail_msg("%s", gzip_cases[i].accept);
}

static void
entity_tags(void **state)
{
	(void)state;
	assert_true(http_accept_known("\"ab\"", "\"ab\""));
	assert_true(http_accept_known("\"x\", W/\"ab\"", "\"ab\""));
	assert_true(http_accept_known("*", "\"ab\""));
	assert_false(http_accept_known(NULL, "\"ab\""));
	assert_false(http_accept_known("", "\"ab\""));
	assert_false(http_accept_known("\"AB\"", "\"ab\""));
	assert_false(http_accept_known("\"ab", "\"ab\""));
	assert_false(http_accept_known("W/", "\"ab\""));
}

/* What zlib unpacks is what went in, of any length and sort. */
static void
gzip_round_trip(void **state)
{
	static const size_t lengths[] = { 0, 1, 2, 1023, 16384, 70001,
		1 << 20 };

	(void)state;
	for (unsigned sort = 0; sort < 2; sort++)
		for (size_t i = 0; i < MX_COUNT(lengths); i++) {
			size_t len = lengths[i], zlen = 0;
			char *in = malloc(len + 1), *out = malloc(len + 1), *z;
			z_stream s = { 0 };

			for (size_t k = 0; k < len; k++)
				in[k] = sort == 0 ? "mxwatch "[k % 8] :
						    (char)arc4random();
			z = gzip_make(in, len, &zlen);
			assert_non_null(z);
			assert_int_equal(inflateInit2(&s, 15 + 16), Z_OK);
			s.next_in = (Bytef *)z;
			s.avail_in = (uInt)zlen;
			s.next_out = (Bytef *)out;
			s.avail_out = (uInt)len + 1;
			assert_int_equal(inflate(&s, Z_FINISH), Z_STREAM_END);
			assert_int_equal(s.total_out, len);
			assert_memory_equal(in, out, len);
			assert_int_equal(s.avail_in, 0);
			inflateEnd(&s);
			free(in);
			free(out);
			free(z);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats),
		cmocka_unit_test(encodings),
		cmocka_unit_test(entity_tags),
		cmocka_unit_test(gzip_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
