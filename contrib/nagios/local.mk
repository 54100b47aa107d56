# check_mxwatch, the plugin for Nagios and its kin: a pure core (range,
# measure, judge), and what fetches the document.
noinst_LIBRARIES += libmx_nagios.a
libmx_nagios_a_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
libmx_nagios_a_SOURCES = \
	contrib/nagios/fetch.c contrib/nagios/fetch.h \
	contrib/nagios/fetch_http.c \
	contrib/nagios/fetch_tls.c \
	contrib/nagios/judge.c contrib/nagios/judge.h \
	contrib/nagios/measure.c contrib/nagios/measure.h \
	contrib/nagios/measure_cluster.c \
	contrib/nagios/range.c contrib/nagios/range.h
if HAVE_CURL
NAGIOS_CURL = $(CURL_LIBS)
else
NAGIOS_CURL =
endif
NAGIOS_L = libmx_nagios.a $(CONTROL_L) $(LEDGER_L) $(CONFIG_L) $(NET_L) $(CJSON_LIBS) \
	$(NAGIOS_CURL) -lm

plugin_PROGRAMS = contrib/nagios/check_mxwatch
contrib_nagios_check_mxwatch_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
contrib_nagios_check_mxwatch_SOURCES = contrib/nagios/check_mxwatch.c
contrib_nagios_check_mxwatch_LDADD = $(NAGIOS_L)
dist_man_MANS += doc/check_mxwatch.8
EXTRA_DIST += contrib/nagios/commands.cfg contrib/nagios/services.cfg \
	contrib/icinga2/mxwatch.conf

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_range tests/unit/test_judge
TESTS += tests/unit/test_range tests/unit/test_judge
tests_unit_test_range_SOURCES = tests/unit/test_range.c
tests_unit_test_range_LDADD = libmx_nagios.a $(BASE_L) $(CMOCKA_LIBS) -lm
tests_unit_test_judge_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_judge_SOURCES = tests/unit/test_judge.c
tests_unit_test_judge_LDADD = $(NAGIOS_L) $(CMOCKA_LIBS)
endif
