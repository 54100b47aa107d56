noinst_LIBRARIES += libmx_probes.a
libmx_probes_a_SOURCES = \
	probes/probe.c probes/probe.h probes/probe_int.h \
	probes/probe_smtp.c \
	probes/runner.c probes/runner.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_reach tests/unit/test_address \
	tests/unit/test_probe
TESTS += tests/unit/test_reach tests/unit/test_address \
	tests/unit/test_probe
REACH_ROWS = tests/unit/reach_rows.c tests/unit/reach_rows.h \
	tests/unit/reach_site.c tests/unit/reach_site.h
tests_unit_test_reach_SOURCES = tests/unit/test_reach.c $(REACH_ROWS)
tests_unit_test_reach_LDADD = $(ALL_L) $(CMOCKA_LIBS)
tests_unit_test_probe_SOURCES = tests/unit/test_probe.c $(REACH_ROWS)
tests_unit_test_probe_LDADD = $(ALL_L) $(CMOCKA_LIBS)
tests_unit_test_address_SOURCES = tests/unit/test_address.c
tests_unit_test_address_LDADD = $(PRIMARY_L) $(NET_L) $(CMOCKA_LIBS)
endif
