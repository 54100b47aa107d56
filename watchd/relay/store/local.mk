noinst_LIBRARIES += libmx_store.a
libmx_store_a_SOURCES = \
	watchd/relay/envelope.c watchd/relay/envelope.h \
	watchd/relay/envelope_codec.c \
	watchd/relay/mail_log.c watchd/relay/mail_log.h \
	watchd/relay/message_id.c watchd/relay/message_id.h \
	watchd/relay/le.h \
	watchd/relay/selection.c watchd/relay/selection.h \
	watchd/relay/store/backend.h watchd/relay/store/backend_spool.c \
	watchd/relay/store/applier.c watchd/relay/store/applier.h \
	watchd/relay/store/redo.c watchd/relay/store/redo.h \
	watchd/relay/store/db.c watchd/relay/store/db.h \
	watchd/relay/store/db_check.c watchd/relay/store/db_int.h \
	watchd/relay/store/db_format.h \
	watchd/relay/store/db_pages.c watchd/relay/store/db_pages.h \
	watchd/relay/store/gets.c \
	watchd/relay/store/group.c \
	watchd/relay/store/guard.c watchd/relay/store/guard.h \
	watchd/relay/store/journal.c watchd/relay/store/journal.h \
	watchd/relay/store/journal_files.c watchd/relay/store/journal_files.h \
	watchd/relay/store/reader.c watchd/relay/store/reader.h \
	watchd/relay/store/reclaim.c \
	watchd/relay/store/replay.c watchd/relay/store/replay.h \
	watchd/relay/store/segment.c watchd/relay/store/segment.h \
	watchd/relay/store/space.c watchd/relay/store/space.h \
	watchd/relay/store/spool.c watchd/relay/store/spool.h \
	watchd/relay/store/states.c \
	watchd/relay/store/sharing.c \
	watchd/relay/store/told.c watchd/relay/store/told.h \
	watchd/relay/store/store.c watchd/relay/store/store.h \
	watchd/relay/store/store_int.h \
	watchd/relay/store/tail.c watchd/relay/store/tail.h \
	watchd/relay/store/tx.c \
	watchd/relay/store/writer.c watchd/relay/store/writer.h \
	watchd/relay/store/writer_int.h

if POSTGRESQL
libmx_store_a_SOURCES += \
	watchd/relay/store/backend_engine.c watchd/relay/store/engine.h \
	watchd/relay/store/engine_follower.c \
	watchd/relay/store/engine_int.h watchd/relay/store/engine_group.c \
	watchd/relay/store/engine_share.c \
	watchd/relay/store/backend_shared.c watchd/relay/store/shared_int.h \
	watchd/relay/store/shared_move.c watchd/relay/store/shared_read.c \
	watchd/relay/store/engine_away.c watchd/relay/store/engine_doubt.c \
	watchd/relay/store/engine_place.c \
	watchd/relay/store/engine_keeper.c watchd/relay/store/engine_node.c \
	watchd/relay/store/engine_reader.c watchd/relay/store/engine_writer.c
endif

# Offline, and without LMDB.
sbin_PROGRAMS += mxwatch-salvage
mxwatch_salvage_SOURCES = \
	watchd/relay/store/salvage.c \
	watchd/relay/store/salvage_export.c \
	watchd/relay/store/salvage_export.h \
	watchd/relay/store/salvage_log.c watchd/relay/store/salvage_log.h \
	watchd/relay/store/salvage_pages.c watchd/relay/store/salvage_pages.h
mxwatch_salvage_LDADD = libmx_store.a $(SMTP_L) $(BASE_L)
dist_man_MANS += doc/mxwatch-salvage.8

check_PROGRAMS += tests/fuzz/fuzz_envelope
TESTS += tests/fuzz/fuzz_envelope
tests_fuzz_fuzz_envelope_SOURCES = tests/fuzz/fuzz_envelope.c \
	tests/fuzz/replay.c
tests_fuzz_fuzz_envelope_LDADD = $(STORE_L) $(BASE_L)
tests_fuzz_fuzz_envelope_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

# Both who read the pages of the database without LMDB; pages_corpus makes the
# databases to begin with.
check_PROGRAMS += tests/fuzz/fuzz_pages tests/fuzz/pages_corpus
TESTS += tests/fuzz/fuzz_pages
tests_fuzz_fuzz_pages_SOURCES = tests/fuzz/fuzz_pages.c tests/fuzz/replay.c \
	watchd/relay/store/salvage_pages.c watchd/relay/store/salvage_pages.h
tests_fuzz_fuzz_pages_LDADD = $(STORE_L) $(BASE_L)
tests_fuzz_fuzz_pages_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_pages_corpus_SOURCES = tests/fuzz/pages_corpus.c
tests_fuzz_pages_corpus_LDADD = $(STORE_L) $(BASE_L)
EXTRA_DIST += tests/fuzz/corpus/pages

# A file of the log, as the start and mxwatch-salvage read it.
check_PROGRAMS += tests/fuzz/fuzz_journal
TESTS += tests/fuzz/fuzz_journal
tests_fuzz_fuzz_journal_SOURCES = tests/fuzz/fuzz_journal.c tests/fuzz/replay.c \
	tests/fuzz/journal_mend.c tests/fuzz/journal_mend.h \
	watchd/relay/store/salvage_log.c watchd/relay/store/salvage_log.h
tests_fuzz_fuzz_journal_LDADD = $(STORE_L) $(BASE_L)
tests_fuzz_fuzz_journal_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
EXTRA_DIST += tests/fuzz/corpus/journal

# Several files of it, as the start applies them; log_corpus makes what to begin
# with of what a store wrote.
check_PROGRAMS += tests/fuzz/fuzz_log tests/fuzz/log_corpus
TESTS += tests/fuzz/fuzz_log
tests_fuzz_fuzz_log_SOURCES = tests/fuzz/fuzz_log.c tests/fuzz/replay.c \
	tests/fuzz/journal_mend.c tests/fuzz/journal_mend.h \
	tests/fuzz/log_input.h \
	tests/fuzz/log_model.c tests/fuzz/log_model.h
tests_fuzz_fuzz_log_LDADD = $(STORE_L) $(BASE_L)
tests_fuzz_fuzz_log_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS) \
	-Wl,--wrap=redo_record
tests_fuzz_log_corpus_SOURCES = tests/fuzz/log_corpus.c tests/fuzz/log_input.h \
	tests/fuzz/journal_mend.c tests/fuzz/journal_mend.h \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_fuzz_log_corpus_LDADD = $(STORE_L) $(NET_L)
EXTRA_DIST += tests/fuzz/corpus/log

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_envelope tests/unit/test_message_id \
	tests/unit/test_selection tests/unit/test_store \
	tests/unit/test_store_log tests/unit/test_store_network
TESTS += tests/unit/test_envelope tests/unit/test_message_id \
	tests/unit/test_selection tests/unit/test_store \
	tests/unit/test_store_log tests/unit/test_store_network
tests_unit_test_store_log_SOURCES = tests/unit/test_store_log.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_store_log_LDADD = $(STORE_L) $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_message_id_SOURCES = tests/unit/test_message_id.c
tests_unit_test_message_id_LDADD = $(STORE_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_selection_SOURCES = tests/unit/test_selection.c
tests_unit_test_selection_LDADD = $(STORE_L) $(STATUS_L) $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_envelope_SOURCES = tests/unit/test_envelope.c
tests_unit_test_envelope_LDADD = $(STORE_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_store_SOURCES = tests/unit/test_store.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_store_LDADD = $(STORE_L) $(NET_L) $(CMOCKA_LIBS)
if POSTGRESQL
check_PROGRAMS += tests/unit/test_store_node
tests_unit_test_store_node_SOURCES = tests/unit/test_store_node.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_store_node_LDADD = $(STORE_L) $(NET_L) $(CMOCKA_LIBS)
share_kit = tests/unit/store_kit.c tests/unit/store_kit.h \
	tests/unit/share_kit.c tests/unit/share_kit.h \
	tests/unit/engine_proxy.c tests/unit/engine_proxy.h
check_PROGRAMS += tests/unit/test_store_sharing tests/unit/test_store_attach
tests_unit_test_store_attach_SOURCES = tests/unit/test_store_attach.c \
	$(share_kit)
tests_unit_test_store_attach_LDADD = $(STORE_L) $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_store_sharing_SOURCES = tests/unit/test_store_sharing.c \
	$(share_kit)
tests_unit_test_store_sharing_LDADD = $(STORE_L) $(NET_L) $(CMOCKA_LIBS)
check_PROGRAMS += tests/fault/store_share tests/fault/store_snapshot
tests_fault_store_snapshot_SOURCES = tests/fault/store_snapshot.c $(share_kit)
tests_fault_store_snapshot_LDADD = $(STORE_L) $(NET_L)
tests_fault_store_share_SOURCES = tests/fault/store_share.c $(share_kit)
tests_fault_store_share_LDADD = $(STORE_L) $(NET_L)
check_PROGRAMS += tests/unit/test_engine_group
tests_unit_test_engine_group_SOURCES = tests/unit/test_engine_group.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_engine_group_LDADD = $(STORE_L) $(NET_L) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_store_local
tests_unit_test_store_local_SOURCES = tests/unit/test_store_local.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_store_local_LDADD = $(STORE_L) $(NET_L) $(CMOCKA_LIBS)
check_PROGRAMS += tests/fault/store_engine tests/fault/store_move
tests_fault_store_move_SOURCES = tests/fault/store_move.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_fault_store_move_LDADD = $(STORE_L) $(NET_L)
tests_fault_store_engine_SOURCES = tests/fault/store_engine.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_fault_store_engine_LDADD = $(STORE_L) $(NET_L)
dist_check_SCRIPTS += tests/unit/over_postgresql tests/fault/over_postgresql
TESTS += tests/unit/over_postgresql tests/fault/over_postgresql
endif
tests_unit_test_store_network_SOURCES = tests/unit/test_store_network.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_store_network_LDADD = $(STORE_L) $(NET_L) $(CMOCKA_LIBS)
endif

# A disk that fills up (root only, else skipped), a kill and a power cut at
# any moment.
check_PROGRAMS += tests/unit/test_store_full tests/fault/store_kill \
	tests/fault/store_error tests/fault/store_power \
	tests/fault/store_churn tests/fault/store_corrupt \
	tests/fault/store_damage \
	tests/fault/store_flips tests/fault/store_salvage \
	tests/fault/store_unsynced tests/fault/store_log_flips
TESTS += tests/unit/test_store_full tests/fault/store_kill \
	tests/fault/store_error tests/fault/store_power \
	tests/fault/store_churn tests/fault/store_corrupt \
	tests/fault/store_damage \
	tests/fault/store_flips tests/fault/store_salvage \
	tests/fault/store_unsynced tests/fault/store_log_flips
tests_unit_test_store_full_SOURCES = tests/unit/test_store_full.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_store_full_LDADD = $(STORE_L) $(NET_L)
tests_fault_store_kill_SOURCES = tests/fault/store_kill.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_fault_store_kill_LDADD = $(STORE_L) $(NET_L)
tests_fault_store_error_SOURCES = tests/fault/store_error.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_fault_store_error_LDADD = $(STORE_L) $(NET_L)
power_sources = tests/fault/disk_calls.c tests/fault/disk_calls.h \
	tests/fault/disk_model.c tests/fault/disk_model.h \
	tests/fault/power_store.c tests/fault/power_store.h \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_fault_store_power_SOURCES = tests/fault/store_power.c $(power_sources)
tests_fault_store_power_LDADD = $(STORE_L) $(NET_L)
tests_fault_store_log_flips_SOURCES = tests/fault/store_log_flips.c \
	tests/fault/log_spool.c tests/fault/log_spool.h \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_fault_store_log_flips_LDADD = $(STORE_L) $(NET_L)
tests_fault_store_unsynced_SOURCES = tests/fault/store_unsynced.c \
	$(power_sources)
tests_fault_store_unsynced_LDADD = $(STORE_L) $(NET_L)
tests_fault_store_damage_SOURCES = tests/fault/store_damage.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_fault_store_damage_LDADD = $(STORE_L) $(NET_L)
tests_fault_store_churn_SOURCES = tests/fault/store_churn.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_fault_store_churn_LDADD = $(STORE_L) $(NET_L)
tests_fault_store_corrupt_SOURCES = tests/fault/store_corrupt.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_fault_store_corrupt_LDADD = $(STORE_L) $(NET_L)
tests_fault_store_salvage_SOURCES = tests/fault/store_salvage.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_fault_store_salvage_LDADD = $(STORE_L) $(NET_L)
tests_fault_store_flips_SOURCES = tests/fault/store_flips.c \
	tests/unit/store_kit.c tests/unit/store_kit.h
tests_fault_store_flips_LDADD = $(STORE_L) $(NET_L)

noinst_PROGRAMS += tests/bench/store_bench
tests_bench_store_bench_SOURCES = tests/bench/store_bench.c
tests_bench_store_bench_LDADD = $(STORE_L) $(NET_L)

EXTRA_DIST += tests/fuzz/corpus/envelope
