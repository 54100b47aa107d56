sbin_PROGRAMS += mxwatchd
mxwatchd_SOURCES = \
	watchd/daemon/alert.c \
	watchd/daemon/apply.c \
	watchd/daemon/daemon.c watchd/daemon/daemon.h watchd/daemon/daemon_int.h \
	watchd/daemon/domains.c watchd/daemon/domains.h \
	watchd/daemon/events.c \
	watchd/main.c \
	watchd/daemon/privileges.c watchd/daemon/privileges.h \
	watchd/daemon/reload.c \
	watchd/daemon/report.c \
	watchd/daemon/self.c watchd/daemon/self.h \
	watchd/daemon/watch.c watchd/daemon/watch.h
mxwatchd_LDADD = $(ALL_L)

# Root only, else skipped.
dist_check_SCRIPTS = tests/fault/daemon_root
TESTS += tests/fault/daemon_root

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_watch
TESTS += tests/unit/test_watch
tests_unit_test_watch_SOURCES = tests/unit/test_watch.c watchd/daemon/watch.c
tests_unit_test_watch_LDADD = $(ALL_L) $(CMOCKA_LIBS)
endif
