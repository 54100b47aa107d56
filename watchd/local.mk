sbin_PROGRAMS += mxwatchd
mxwatchd_SOURCES = \
	watchd/alert.c \
	watchd/daemon.c watchd/daemon.h watchd/daemon_int.h \
	watchd/events.c \
	watchd/main.c \
	watchd/privileges.c watchd/privileges.h \
	watchd/reload.c \
	watchd/report.c \
	watchd/watch.c watchd/watch.h
mxwatchd_LDADD = $(ALL_L)

# Root only, else skipped.
dist_check_SCRIPTS = tests/fault/daemon_root
TESTS += tests/fault/daemon_root

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_watch
TESTS += tests/unit/test_watch
tests_unit_test_watch_SOURCES = tests/unit/test_watch.c watchd/watch.c
tests_unit_test_watch_LDADD = $(ALL_L) $(CMOCKA_LIBS)
endif
