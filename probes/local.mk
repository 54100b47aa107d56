noinst_LIBRARIES += libmx_probes.a
libmx_probes_a_SOURCES = \
	probes/hourly.c probes/hourly.h \
	probes/probe.c probes/probe.h probes/probe_int.h \
	probes/probe_smtp.c \
	probes/rcpt_check.c probes/rcpt_check.h \
	probes/schedule.c probes/schedule.h probes/schedule_int.h \
	probes/schedule_session.c probes/schedule_share.c

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_reach tests/unit/test_address \
	tests/unit/test_probe tests/unit/test_schedule \
	tests/unit/test_schedule_session tests/unit/test_rcpt_check
TESTS += tests/unit/test_reach tests/unit/test_address \
	tests/unit/test_probe tests/unit/test_schedule \
	tests/unit/test_schedule_session tests/unit/test_rcpt_check
REACH_ROWS = tests/unit/reach_rows.c tests/unit/reach_rows.h \
	tests/unit/reach_site.c tests/unit/reach_site.h \
	tests/unit/pki.c tests/unit/pki.h
tests_unit_test_reach_SOURCES = tests/unit/test_reach.c $(REACH_ROWS)
tests_unit_test_reach_LDADD = $(ALL_L) $(CMOCKA_LIBS)
tests_unit_test_probe_SOURCES = tests/unit/test_probe.c $(REACH_ROWS)
tests_unit_test_probe_LDADD = $(ALL_L) $(CMOCKA_LIBS)
# The loop and the probe itself are fakes.
tests_unit_test_rcpt_check_SOURCES = tests/unit/test_rcpt_check.c \
	tests/unit/fake_loop.c tests/unit/fake_loop.h \
	probes/hourly.c probes/rcpt_check.c
tests_unit_test_rcpt_check_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_address_SOURCES = tests/unit/test_address.c
tests_unit_test_address_LDADD = $(PRIMARY_L) $(NET_L) $(CMOCKA_LIBS)
# The loop, the resolver and the probe itself are fakes.
SCHEDULE_WORLD = tests/unit/schedule_world.c tests/unit/schedule_world.h \
	tests/unit/fake_loop.c tests/unit/fake_loop.h \
	probes/schedule.c probes/schedule_session.c probes/schedule_share.c
SCHEDULE_WORLD_L = $(PRIMARY_L) $(STATUS_L) $(CONFIG_L) $(SMTP_L) $(NET_L) \
	$(CMOCKA_LIBS)
tests_unit_test_schedule_SOURCES = tests/unit/test_schedule.c \
	$(SCHEDULE_WORLD)
tests_unit_test_schedule_LDADD = $(SCHEDULE_WORLD_L)
tests_unit_test_schedule_session_SOURCES = \
	tests/unit/test_schedule_session.c $(SCHEDULE_WORLD)
tests_unit_test_schedule_session_LDADD = $(SCHEDULE_WORLD_L)
endif
