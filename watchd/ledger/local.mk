# The record of outages.
noinst_LIBRARIES += libmx_ledger.a
libmx_ledger_a_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
libmx_ledger_a_SOURCES = \
	watchd/ledger/availability.c watchd/ledger/availability.h \
	watchd/ledger/book.c watchd/ledger/book.h watchd/ledger/book_feed.c \
	watchd/ledger/book_int.h \
	watchd/ledger/joint.c watchd/ledger/joint.h \
	watchd/ledger/joint_int.h watchd/ledger/joint_lasted.c \
	watchd/ledger/joint_make.c watchd/ledger/joint_sweep.c \
	watchd/ledger/joint_watch.c \
	watchd/ledger/kept.c watchd/ledger/kept.h \
	watchd/ledger/ledger.c watchd/ledger/ledger.h \
	watchd/ledger/ledger_int.h watchd/ledger/ledger_reading.c \
	watchd/ledger/ledger_key.c watchd/ledger/ledger_key.h \
	watchd/ledger/ledger_shared.c \
	watchd/ledger/ledger_file.c watchd/ledger/ledger_file.h \
	watchd/ledger/outage.c watchd/ledger/outage.h

if HAVE_CMOCKA
LEDGER_TEST = tests/unit/ledger_world.c tests/unit/ledger_world.h \
	tests/unit/fake_loop.c tests/unit/fake_loop.h
NODES_TEST = $(LEDGER_TEST) tests/unit/nodes_world.c tests/unit/nodes_world.h
check_PROGRAMS += tests/unit/test_ledger tests/unit/test_ledger_file \
	tests/unit/test_ledger_joint tests/unit/test_ledger_nodes \
	tests/unit/test_ledger_order tests/unit/test_ledger_gone
TESTS += tests/unit/test_ledger tests/unit/test_ledger_file \
	tests/unit/test_ledger_joint tests/unit/test_ledger_nodes \
	tests/unit/test_ledger_order tests/unit/test_ledger_gone
tests_unit_test_ledger_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_ledger_SOURCES = tests/unit/test_ledger.c $(LEDGER_TEST)
tests_unit_test_ledger_LDADD = $(LEDGER_L) $(SMTP_L) $(CONFIG_L) $(BASE_L) \
	$(CMOCKA_LIBS)
tests_unit_test_ledger_file_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_ledger_file_SOURCES = tests/unit/test_ledger_file.c \
	$(LEDGER_TEST)
tests_unit_test_ledger_file_LDADD = $(tests_unit_test_ledger_LDADD)
tests_unit_test_ledger_joint_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_ledger_joint_SOURCES = tests/unit/test_ledger_joint.c \
	tests/unit/joint_world.c tests/unit/joint_world.h
tests_unit_test_ledger_joint_LDADD = $(tests_unit_test_ledger_LDADD)
tests_unit_test_ledger_order_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_ledger_order_SOURCES = tests/unit/test_ledger_order.c \
	tests/unit/joint_world.c tests/unit/joint_world.h
tests_unit_test_ledger_order_LDADD = $(tests_unit_test_ledger_LDADD)
tests_unit_test_ledger_nodes_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_ledger_nodes_SOURCES = tests/unit/test_ledger_nodes.c \
	$(NODES_TEST)
tests_unit_test_ledger_nodes_LDADD = $(tests_unit_test_ledger_LDADD)
tests_unit_test_ledger_gone_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_ledger_gone_SOURCES = tests/unit/test_ledger_gone.c \
	$(NODES_TEST)
tests_unit_test_ledger_gone_LDADD = $(tests_unit_test_ledger_LDADD)
endif

EXTRA_DIST += tests/fuzz/corpus/ledger
check_PROGRAMS += tests/fuzz/fuzz_ledger
TESTS += tests/fuzz/fuzz_ledger
tests_fuzz_fuzz_ledger_SOURCES = tests/fuzz/fuzz_ledger.c tests/fuzz/replay.c
tests_fuzz_fuzz_ledger_LDADD = $(LEDGER_L) $(SMTP_L) $(NET_L)
tests_fuzz_fuzz_ledger_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
