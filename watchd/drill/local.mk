# Marked messages through intake, spool and primary.
noinst_LIBRARIES += libmx_drill.a
libmx_drill_a_CPPFLAGS = $(AM_CPPFLAGS)
libmx_drill_a_SOURCES = \
	watchd/drill/drill.c watchd/drill/drill.h \
	watchd/drill/drill_int.h \
	watchd/drill/follow.c \
	watchd/drill/mail.c watchd/drill/mail.h \
	watchd/drill/record.c watchd/drill/record.h \
	watchd/drill/run.c \
	watchd/drill/talk.c watchd/drill/talk.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_drill
TESTS += tests/unit/test_drill
tests_unit_test_drill_SOURCES = tests/unit/test_drill.c
tests_unit_test_drill_LDADD = $(DRILL_L) $(PRIMARY_L) $(CONFIG_L) $(SMTP_L) \
	$(NET_L) $(CMOCKA_LIBS)
endif
