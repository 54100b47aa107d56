noinst_LIBRARIES += libmx_smtpd.a
libmx_smtpd_a_SOURCES = \
	watchd/relay/smtpd/client_limit.c watchd/relay/smtpd/client_limit.h \
	watchd/relay/smtpd/cmd_bdat.c \
	watchd/relay/smtpd/cmd_data.c \
	watchd/relay/smtpd/cmd_etrn.c \
	watchd/relay/smtpd/cmd_mail.c \
	watchd/relay/smtpd/cmd_session.c \
	watchd/relay/smtpd/cmd_xclient.c \
	watchd/relay/smtpd/early_talk.c \
	watchd/relay/smtpd/header.c watchd/relay/smtpd/header.h \
	watchd/relay/smtpd/dnsbl.c watchd/relay/smtpd/dnsbl.h \
	watchd/relay/smtpd/dnsbl_int.h watchd/relay/smtpd/dnsbl_lists.c \
	watchd/relay/smtpd/dnsbl_test.c \
	watchd/relay/smtpd/listener.c watchd/relay/smtpd/listener.h \
	watchd/relay/smtpd/insist.c watchd/relay/smtpd/insist.h \
	watchd/relay/smtpd/policy.c watchd/relay/smtpd/policy.h \
	watchd/relay/smtpd/policy_backup.c \
	watchd/relay/smtpd/policy_learned.c \
	watchd/relay/smtpd/policy_say.c \
	watchd/relay/smtpd/rcpt_forms.c watchd/relay/smtpd/rcpt_forms.h \
	watchd/relay/smtpd/rcpt_table.c watchd/relay/smtpd/rcpt_table.h \
	watchd/relay/smtpd/recipients.c watchd/relay/smtpd/recipients.h \
	watchd/relay/smtpd/recipients_int.h \
	watchd/relay/smtpd/recipients_keep.c \
	watchd/relay/smtpd/recipients_keep.h \
	watchd/relay/smtpd/recipients_watch.c \
	watchd/relay/smtpd/session.c watchd/relay/smtpd/session.h \
	watchd/relay/smtpd/session_dnsbl.c \
	watchd/relay/smtpd/session_line.c \
	watchd/relay/smtpd/session_log.c \
	watchd/relay/smtpd/smtpd.c watchd/relay/smtpd/smtpd.h \
	watchd/relay/smtpd/trace.c watchd/relay/smtpd/trace.h \
	watchd/relay/smtpd/transaction.c watchd/relay/smtpd/transaction.h

if HAVE_CMOCKA
smtpd_tests = tests/unit/test_smtpd tests/unit/test_smtpd_bdat \
	tests/unit/test_smtpd_door \
	tests/unit/test_smtpd_dnsbl tests/unit/test_smtpd_limits \
	tests/unit/test_smtpd_load tests/unit/test_smtpd_service
check_PROGRAMS += tests/unit/test_header tests/unit/test_insist \
	tests/unit/test_trace tests/unit/test_rcpt_table \
	tests/unit/test_client_limit $(smtpd_tests)
TESTS += tests/unit/test_header tests/unit/test_insist \
	tests/unit/test_trace tests/unit/test_rcpt_table \
	tests/unit/test_client_limit $(smtpd_tests)
tests_unit_test_header_SOURCES = tests/unit/test_header.c
tests_unit_test_header_LDADD = $(SMTPD_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_insist_SOURCES = tests/unit/test_insist.c
tests_unit_test_insist_LDADD = $(SMTPD_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_trace_SOURCES = tests/unit/test_trace.c
tests_unit_test_trace_LDADD = $(SMTPD_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_rcpt_table_SOURCES = tests/unit/test_rcpt_table.c
tests_unit_test_rcpt_table_LDADD = $(SMTPD_L) $(SMTP_L) $(BASE_L) \
	$(CMOCKA_LIBS)
tests_unit_test_client_limit_SOURCES = tests/unit/test_client_limit.c
tests_unit_test_client_limit_LDADD = $(SMTPD_L) $(NET_L) $(CMOCKA_LIBS)
smtpd_world = tests/unit/smtpd_world.c tests/unit/smtpd_world.h \
	tests/unit/fake_relay.c tests/unit/fake_relay.h
smtpd_world_l = $(SMTPD_L) $(FETCH_L) libmx_store.a $(STATUS_L) $(CONFIG_L) $(SMTP_L) \
	$(NET_L) $(CMOCKA_LIBS)
tests_unit_test_smtpd_SOURCES = tests/unit/test_smtpd.c $(smtpd_world)
tests_unit_test_smtpd_LDADD = $(smtpd_world_l)
tests_unit_test_smtpd_bdat_SOURCES = tests/unit/test_smtpd_bdat.c $(smtpd_world)
tests_unit_test_smtpd_bdat_LDADD = $(smtpd_world_l)
tests_unit_test_smtpd_dnsbl_SOURCES = tests/unit/test_smtpd_dnsbl.c $(smtpd_world)
tests_unit_test_smtpd_dnsbl_LDADD = $(smtpd_world_l)
tests_unit_test_smtpd_door_SOURCES = tests/unit/test_smtpd_door.c $(smtpd_world)
tests_unit_test_smtpd_door_LDADD = $(smtpd_world_l)
tests_unit_test_smtpd_limits_SOURCES = tests/unit/test_smtpd_limits.c $(smtpd_world)
tests_unit_test_smtpd_limits_LDADD = $(smtpd_world_l)
tests_unit_test_smtpd_service_SOURCES = tests/unit/test_smtpd_service.c $(smtpd_world)
tests_unit_test_smtpd_service_LDADD = $(smtpd_world_l)
tests_unit_test_smtpd_load_SOURCES = tests/unit/test_smtpd_load.c $(smtpd_world)
tests_unit_test_smtpd_load_LDADD = $(smtpd_world_l)
endif

check_PROGRAMS += tests/fuzz/fuzz_header tests/fuzz/fuzz_recipients \
	tests/fuzz/fuzz_session
TESTS += tests/fuzz/fuzz_header tests/fuzz/fuzz_recipients \
	tests/fuzz/fuzz_session
tests_fuzz_fuzz_header_SOURCES = tests/fuzz/fuzz_header.c tests/fuzz/replay.c
tests_fuzz_fuzz_header_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_header_LDADD = $(SMTPD_L) $(SMTP_L) $(BASE_L)
tests_fuzz_fuzz_recipients_SOURCES = tests/fuzz/fuzz_recipients.c \
	tests/fuzz/replay.c
tests_fuzz_fuzz_recipients_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_recipients_LDADD = $(SMTPD_L) $(SMTP_L) $(BASE_L)
tests_fuzz_fuzz_session_SOURCES = tests/fuzz/fuzz_session.c \
	tests/fuzz/session_model.c tests/fuzz/session_model.h \
	tests/fuzz/replay.c tests/unit/fake_relay.c tests/unit/fake_relay.h
# The model compares octet for octet: counting its branches costs more than the
# session, and says nothing of the session.
tests_fuzz_fuzz_session_CFLAGS = $(PLAIN_CFLAGS)
tests_fuzz_fuzz_session_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_session_LDADD = $(SMTPD_L) $(FETCH_L) libmx_store.a $(STATUS_L) \
	$(CONFIG_L) $(SMTP_L) $(NET_L)
