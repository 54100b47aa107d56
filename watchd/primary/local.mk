noinst_LIBRARIES += libmx_primary.a
libmx_primary_a_SOURCES = \
	watchd/primary/address.c watchd/primary/address.h \
	watchd/primary/bounds.c watchd/primary/bounds.h \
	watchd/primary/health.c watchd/primary/health.h \
	watchd/primary/judge.c watchd/primary/judge.h \
	watchd/primary/host.c watchd/primary/host.h \
	watchd/primary/host_memory.c watchd/primary/host_memory.h \
	watchd/primary/place.h \
	watchd/primary/primary.c watchd/primary/primary.h \
	watchd/primary/reach.c watchd/primary/reach.h \
	watchd/primary/reach_int.h watchd/primary/reach_try.c \
	watchd/primary/watch.c watchd/primary/watch.h watchd/primary/watch_int.h \
	watchd/primary/watch_address.c \
	watchd/primary/watch_bound.c \
	watchd/primary/watch_domain.c \
	watchd/primary/watch_feed.c \
	watchd/primary/watch_nobody.c \
	watchd/primary/watch_show.c \
	watchd/primary/window.c watchd/primary/window.h

if HAVE_CMOCKA
primary_tests = tests/unit/test_bounds tests/unit/test_health tests/unit/test_host \
	tests/unit/test_host_memory tests/unit/test_refusals \
	tests/unit/test_watch tests/unit/test_watch_backup \
	tests/unit/test_watch_bound \
	tests/unit/test_window
check_PROGRAMS += $(primary_tests)
TESTS += $(primary_tests)
tests_unit_test_bounds_SOURCES = tests/unit/test_bounds.c
tests_unit_test_bounds_LDADD = $(PRIMARY_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_health_SOURCES = tests/unit/test_health.c
tests_unit_test_health_LDADD = $(PRIMARY_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_host_SOURCES = tests/unit/test_host.c
tests_unit_test_host_LDADD = $(PRIMARY_L) $(NET_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_host_memory_SOURCES = tests/unit/test_host_memory.c
tests_unit_test_host_memory_LDADD = $(PRIMARY_L) $(SMTP_L) $(NET_L) $(BASE_L) \
	$(CMOCKA_LIBS)
tests_unit_test_refusals_SOURCES = tests/unit/test_refusals.c
tests_unit_test_refusals_LDADD = $(PRIMARY_L) $(STATUS_L) $(SMTP_L) $(BASE_L) \
	$(CMOCKA_LIBS)
tests_unit_test_watch_SOURCES = tests/unit/test_watch.c \
	tests/unit/watch_conf.c tests/unit/watch_conf.h
tests_unit_test_watch_LDADD = $(ALL_L) $(CMOCKA_LIBS)
tests_unit_test_watch_backup_SOURCES = tests/unit/test_watch_backup.c \
	tests/unit/watch_conf.c tests/unit/watch_conf.h
tests_unit_test_watch_backup_LDADD = $(ALL_L) $(CMOCKA_LIBS)
tests_unit_test_watch_bound_SOURCES = tests/unit/test_watch_bound.c \
	tests/unit/watch_conf.c tests/unit/watch_conf.h
tests_unit_test_watch_bound_LDADD = $(ALL_L) $(CMOCKA_LIBS)
tests_unit_test_window_SOURCES = tests/unit/test_window.c
tests_unit_test_window_LDADD = $(PRIMARY_L) $(BASE_L) $(CMOCKA_LIBS)
endif
