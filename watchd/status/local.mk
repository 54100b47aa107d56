noinst_LIBRARIES += libmx_status.a
libmx_status_a_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
libmx_status_a_SOURCES = \
	watchd/status/alert.def watchd/status/alert.h \
	watchd/status/counters.c watchd/status/counters.h \
	watchd/status/doctor.c watchd/status/doctor.def watchd/status/doctor.h \
	watchd/status/history.c watchd/status/history.h \
	watchd/status/json.c watchd/status/json.h \
	watchd/status/metrics.c watchd/status/metrics.def watchd/status/metrics.h \
	watchd/status/notice.h \
	watchd/status/snapshot.c watchd/status/snapshot.h \
	watchd/status/state.c watchd/status/state.h \
	watchd/status/status_brief.c watchd/status/status_brief.h \
	watchd/status/status_cluster.c watchd/status/status_cluster.h \
	watchd/status/status_json.c watchd/status/status_json.h \
	watchd/status/status_primaries.c watchd/status/status_primaries.h \
	watchd/status/view.c watchd/status/view.h

# Prints the manual's list of metrics, its table of alerts, and their next steps.
noinst_PROGRAMS += watchd/status/statusdoc
watchd_status_statusdoc_SOURCES = watchd/status/statusdoc.c
watchd_status_statusdoc_LDADD = $(STATUS_L) $(SMTP_L) $(BASE_L)
dist_man_MANS += doc/mxwatch-metrics.7

# The runbook has what to do about each alert.
dist_noinst_SCRIPTS += tests/lint/runbook
TESTS += tests/lint/runbook

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_history tests/unit/test_json \
	tests/unit/test_metrics tests/unit/test_snapshot
TESTS += tests/unit/test_history tests/unit/test_json tests/unit/test_metrics \
	tests/unit/test_snapshot
tests_unit_test_history_SOURCES = tests/unit/test_history.c
tests_unit_test_history_LDADD = $(PRIMARY_L) $(STATUS_L) $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_json_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_json_SOURCES = tests/unit/test_json.c
tests_unit_test_json_LDADD = $(STATUS_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_snapshot_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_snapshot_SOURCES = tests/unit/test_snapshot.c
tests_unit_test_snapshot_LDADD = $(STATUS_L) $(SMTP_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_metrics_SOURCES = tests/unit/test_metrics.c
tests_unit_test_metrics_LDADD = $(QUEUE_L) $(PRIMARY_L) $(STATUS_L) $(SMTP_L) \
	$(NET_L) $(CMOCKA_LIBS) -lm
endif
