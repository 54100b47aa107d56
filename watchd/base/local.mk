noinst_LIBRARIES += libmx_base.a
libmx_base_a_SOURCES = \
	watchd/base/btree.c watchd/base/btree.h \
	watchd/base/buf.c watchd/base/buf.h \
	watchd/base/calendar.c watchd/base/calendar.h \
	watchd/base/clock.c watchd/base/clock.h \
	watchd/base/base64.c watchd/base/base64.h \
	watchd/base/crc.c watchd/base/crc.h \
	watchd/base/defs.h \
	watchd/base/err.c watchd/base/err.h \
	watchd/base/fault.c watchd/base/fault.h \
	watchd/base/file.c watchd/base/file.h \
	watchd/base/hash.h \
	watchd/base/heap.c watchd/base/heap.h \
	watchd/base/hist.c watchd/base/hist.h \
	watchd/base/idmap.c watchd/base/idmap.h \
	watchd/base/log.c watchd/base/log.h \
	watchd/base/log_sink.c watchd/base/log_sink.h \
	watchd/base/mailbox.c watchd/base/mailbox.h \
	watchd/base/mem.c watchd/base/mem.h \
	watchd/base/records.c watchd/base/records.h \
	watchd/base/rnd.c watchd/base/rnd.h \
	watchd/base/sandbox.c watchd/base/sandbox.h \
	watchd/base/service.c watchd/base/service.h \
	watchd/base/slab.c watchd/base/slab.h \
	watchd/base/source_spec.c watchd/base/source_spec.h \
	watchd/base/spawn.c watchd/base/spawn.h \
	watchd/base/spawn_int.h watchd/base/spawner.c \
	watchd/base/text.c watchd/base/text.h \
	watchd/base/thread.c watchd/base/thread.h \
	watchd/base/ways.c watchd/base/ways.h \
	watchd/base/writeback.c watchd/base/writeback.h

if HAVE_CMOCKA
base_tests = tests/unit/test_btree tests/unit/test_buf tests/unit/test_calendar \
	tests/unit/test_crc tests/unit/test_file tests/unit/test_heap \
	tests/unit/test_idmap tests/unit/test_log tests/unit/test_mailbox \
	tests/unit/test_records tests/unit/test_sandbox tests/unit/test_service \
	tests/unit/test_spawn tests/unit/test_base64 tests/unit/test_text tests/unit/test_ways
check_PROGRAMS += $(base_tests)
TESTS += $(base_tests)
tests_unit_test_btree_SOURCES = tests/unit/test_btree.c
tests_unit_test_btree_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_buf_SOURCES = tests/unit/test_buf.c
tests_unit_test_buf_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_calendar_SOURCES = tests/unit/test_calendar.c
tests_unit_test_calendar_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_crc_SOURCES = tests/unit/test_crc.c
tests_unit_test_crc_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_file_SOURCES = tests/unit/test_file.c
tests_unit_test_file_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_heap_SOURCES = tests/unit/test_heap.c
tests_unit_test_heap_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_idmap_SOURCES = tests/unit/test_idmap.c
tests_unit_test_idmap_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_log_SOURCES = tests/unit/test_log.c
tests_unit_test_log_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_mailbox_SOURCES = tests/unit/test_mailbox.c
tests_unit_test_mailbox_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_records_SOURCES = tests/unit/test_records.c
tests_unit_test_records_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_sandbox_SOURCES = tests/unit/test_sandbox.c
tests_unit_test_sandbox_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_service_SOURCES = tests/unit/test_service.c
tests_unit_test_service_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_spawn_SOURCES = tests/unit/test_spawn.c
tests_unit_test_spawn_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_base64_SOURCES = tests/unit/test_base64.c
tests_unit_test_base64_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_text_SOURCES = tests/unit/test_text.c
tests_unit_test_text_LDADD = $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_ways_SOURCES = tests/unit/test_ways.c
tests_unit_test_ways_LDADD = $(BASE_L) $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz_text
TESTS += tests/fuzz/fuzz_text
tests_fuzz_fuzz_text_SOURCES = tests/fuzz/fuzz_text.c tests/fuzz/replay.c
tests_fuzz_fuzz_text_LDADD = $(BASE_L)
tests_fuzz_fuzz_text_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
