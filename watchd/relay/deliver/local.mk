noinst_LIBRARIES += libmx_deliver.a
libmx_deliver_a_SOURCES = \
	watchd/relay/deliver/budget.c watchd/relay/deliver/budget.h \
	watchd/relay/deliver/body.c \
	watchd/relay/deliver/bounce.c watchd/relay/deliver/bounce.h \
	watchd/relay/deliver/delivery.h \
	watchd/relay/deliver/deliver.c watchd/relay/deliver/deliver.h \
	watchd/relay/deliver/deliver_int.h \
	watchd/relay/deliver/dsn.c watchd/relay/deliver/dsn.h \
	watchd/relay/deliver/dsn_mail.c watchd/relay/deliver/dsn_mail.h \
	watchd/relay/deliver/dsn_text.c watchd/relay/deliver/dsn_text.h \
	watchd/relay/deliver/delivery.c \
	watchd/relay/deliver/destination.c \
	watchd/relay/deliver/flight.c \
	watchd/relay/deliver/place.c \
	watchd/relay/deliver/session.c \
	watchd/relay/deliver/site.c \
	watchd/relay/deliver/transaction.c

if HAVE_CMOCKA
deliver_tests = tests/unit/test_dsn \
	tests/unit/test_deliver tests/unit/test_deliver_limits \
	tests/unit/test_flight tests/unit/test_deliver_holds \
	tests/unit/test_bounce tests/unit/test_budget \
	tests/unit/test_reach_delivery
check_PROGRAMS += $(deliver_tests)
TESTS += $(deliver_tests)
tests_unit_test_dsn_SOURCES = tests/unit/test_dsn.c
tests_unit_test_dsn_LDADD = $(DELIVER_L) $(STORE_L) $(SMTP_L) $(BASE_L) \
	$(CMOCKA_LIBS)
tests_unit_test_budget_SOURCES = tests/unit/test_budget.c
tests_unit_test_budget_LDADD = $(DELIVER_L) $(BASE_L) $(CMOCKA_LIBS)
deliver_world = tests/unit/deliver_world.c tests/unit/deliver_world.h \
	tests/unit/deliver_sink.c tests/unit/deliver_sink.h \
	tests/unit/fake_delivery.c tests/unit/fake_delivery.h
deliver_world_l = $(DELIVER_L) $(PRIMARY_L) $(STORE_L) $(STATUS_L) $(SMTP_L) $(NET_L) \
	$(CMOCKA_LIBS)
tests_unit_test_deliver_SOURCES = tests/unit/test_deliver.c $(deliver_world)
tests_unit_test_deliver_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
tests_unit_test_deliver_LDADD = $(deliver_world_l)
tests_unit_test_deliver_limits_SOURCES = tests/unit/test_deliver_limits.c \
	$(deliver_world)
tests_unit_test_deliver_limits_CPPFLAGS = $(AM_CPPFLAGS) \
	-I$(top_srcdir)/tests/unit
tests_unit_test_deliver_limits_LDADD = $(deliver_world_l)
tests_unit_test_flight_SOURCES = tests/unit/test_flight.c $(deliver_world)
tests_unit_test_flight_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
tests_unit_test_flight_LDADD = $(deliver_world_l)
tests_unit_test_deliver_holds_SOURCES = tests/unit/test_deliver_holds.c \
	$(deliver_world)
tests_unit_test_deliver_holds_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
tests_unit_test_deliver_holds_LDADD = $(deliver_world_l)
tests_unit_test_reach_delivery_SOURCES = tests/unit/test_reach_delivery.c \
	tests/unit/fake_delivery.c tests/unit/fake_delivery.h \
	tests/unit/reach_rows.c tests/unit/reach_rows.h \
	tests/unit/reach_site.c tests/unit/reach_site.h \
	tests/unit/pki.c tests/unit/pki.h
tests_unit_test_reach_delivery_CPPFLAGS = $(AM_CPPFLAGS) \
	-I$(top_srcdir)/tests/unit
tests_unit_test_reach_delivery_LDADD = $(deliver_world_l)
tests_unit_test_bounce_SOURCES = tests/unit/test_bounce.c $(deliver_world)
tests_unit_test_bounce_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
tests_unit_test_bounce_LDADD = $(deliver_world_l)
endif

check_PROGRAMS += tests/fuzz/fuzz_dsn
TESTS += tests/fuzz/fuzz_dsn
tests_fuzz_fuzz_dsn_SOURCES = tests/fuzz/fuzz_dsn.c tests/fuzz/replay.c
tests_fuzz_fuzz_dsn_LDADD = $(DELIVER_L) $(STORE_L) $(SMTP_L) $(BASE_L)
tests_fuzz_fuzz_dsn_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
