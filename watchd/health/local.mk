noinst_LIBRARIES += libmx_health.a
libmx_health_a_SOURCES = watchd/health/health.c watchd/health/health.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_health
TESTS += tests/unit/test_health
tests_unit_test_health_SOURCES = tests/unit/test_health.c
tests_unit_test_health_LDADD = $(HEALTH_L) $(BASE_L) $(CMOCKA_LIBS)
endif
