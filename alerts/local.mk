# Alerts: rules, instances, outbox, formats, and their thread.
dist_man_MANS += doc/mxwatch-alerts.7

if HAVE_CURL
noinst_LIBRARIES += libmx_alerts.a
libmx_alerts_a_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
libmx_alerts_a_SOURCES = \
	alerts/alerts.c alerts/alerts.h alerts/alerts_int.h \
	alerts/fmt_alertmanager.c \
	alerts/fmt_email.c \
	alerts/fmt_exec.c \
	alerts/fmt_ntfy.c \
	alerts/fmt_pagerduty.c \
	alerts/fmt_slack.c \
	alerts/fmt_webhook.c \
	alerts/forecast.c alerts/forecast.h \
	alerts/format.c alerts/format.h \
	alerts/heartbeat.c \
	alerts/identity.c alerts/identity.h \
	alerts/incidents.c alerts/incidents.h \
	alerts/instance.c alerts/instance.h \
	alerts/marks.c alerts/marks.h \
	alerts/memory.c alerts/memory.h \
	alerts/memory_file.c alerts/memory_int.h alerts/memory_share.c \
	alerts/note.c alerts/note.h \
	alerts/notify.c alerts/notify_am.c alerts/notify_test.c \
	alerts/outbox.c alerts/outbox.h \
	alerts/receiver.c \
	alerts/rules.c alerts/rules.h alerts/rules_cluster.c alerts/rules_int.h \
	alerts/rules_turn.c \
	alerts/silence_text.c \
	alerts/trend.c alerts/trend.h \
	alerts/voice.c alerts/voice.h \
	alerts/thread.c

ALERTS_TEST_L = $(ALERTS_L) $(FETCH_L) $(STATUS_L) $(CONFIG_L) $(SMTP_L) $(NET_L)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_alert_bounds
TESTS += tests/unit/test_alert_bounds
tests_unit_test_alert_bounds_SOURCES = tests/unit/test_alert_bounds.c
tests_unit_test_alert_bounds_LDADD = $(ALERTS_TEST_L) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_alert_rules tests/unit/test_alert_many tests/unit/test_alert_outbox \
	tests/unit/test_alert_format tests/unit/test_alert_incidents tests/unit/test_alert_night tests/unit/test_config_receiver \
	tests/unit/test_notify
TESTS += tests/unit/test_alert_rules tests/unit/test_alert_many tests/unit/test_alert_outbox \
	tests/unit/test_alert_format tests/unit/test_alert_incidents tests/unit/test_alert_night tests/unit/test_config_receiver \
	tests/unit/test_notify
tests_unit_test_notify_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_notify_SOURCES = tests/unit/test_notify.c \
	tests/unit/notify_world.c tests/unit/notify_world.h \
	tests/unit/fake_loop.c tests/unit/fake_loop.h
tests_unit_test_notify_LDADD = $(ALERTS_TEST_L) $(CMOCKA_LIBS)
tests_unit_test_config_receiver_SOURCES = tests/unit/test_config_receiver.c
tests_unit_test_config_receiver_LDADD = $(CONFIG_L) $(NET_L) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_alert_cluster
TESTS += tests/unit/test_alert_cluster
tests_unit_test_alert_cluster_SOURCES = tests/unit/test_alert_cluster.c $(ALERT_WORLD)
tests_unit_test_alert_cluster_LDADD = $(ALERTS_TEST_L) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_alert_takeover
TESTS += tests/unit/test_alert_takeover
tests_unit_test_alert_takeover_SOURCES = tests/unit/test_alert_takeover.c $(ALERT_WORLD)
tests_unit_test_alert_takeover_LDADD = $(ALERTS_TEST_L) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_alert_maintenance
TESTS += tests/unit/test_alert_maintenance
tests_unit_test_alert_maintenance_SOURCES = tests/unit/test_alert_maintenance.c $(ALERT_WORLD)
tests_unit_test_alert_maintenance_LDADD = $(ALERTS_TEST_L) $(CMOCKA_LIBS)
tests_unit_test_alert_many_SOURCES = tests/unit/test_alert_many.c
tests_unit_test_alert_many_LDADD = $(ALERTS_TEST_L) $(CMOCKA_LIBS)
ALERT_WORLD = tests/unit/alert_world.c tests/unit/alert_world.h
tests_unit_test_alert_rules_SOURCES = tests/unit/test_alert_rules.c $(ALERT_WORLD)
tests_unit_test_alert_incidents_SOURCES = tests/unit/test_alert_incidents.c $(ALERT_WORLD)
tests_unit_test_alert_incidents_LDADD = $(ALERTS_TEST_L) $(CMOCKA_LIBS)
tests_unit_test_alert_rules_LDADD = $(ALERTS_TEST_L) $(CMOCKA_LIBS)
tests_unit_test_alert_outbox_SOURCES = tests/unit/test_alert_outbox.c
tests_unit_test_alert_outbox_LDADD = $(ALERTS_TEST_L) $(CMOCKA_LIBS)
tests_unit_test_alert_night_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_alert_night_SOURCES = tests/unit/test_alert_night.c
tests_unit_test_alert_night_LDADD = $(ALERTS_TEST_L) $(CMOCKA_LIBS)
tests_unit_test_alert_format_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_alert_format_SOURCES = tests/unit/test_alert_format.c
tests_unit_test_alert_format_LDADD = $(ALERTS_TEST_L) $(CMOCKA_LIBS)
endif

EXTRA_DIST += tests/fuzz/corpus/memory
check_PROGRAMS += tests/fuzz/fuzz_memory
TESTS += tests/fuzz/fuzz_memory
tests_fuzz_fuzz_memory_SOURCES = tests/fuzz/fuzz_memory.c tests/fuzz/replay.c
tests_fuzz_fuzz_memory_LDADD = $(ALERTS_TEST_L)
tests_fuzz_fuzz_memory_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
