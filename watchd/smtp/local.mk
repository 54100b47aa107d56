noinst_LIBRARIES += libmx_smtp.a
libmx_smtp_a_SOURCES = \
	watchd/smtp/client.c watchd/smtp/client.h \
	watchd/smtp/client_cmd.c watchd/smtp/client_dialogue.c \
	watchd/smtp/client_int.h \
	watchd/smtp/command.c watchd/smtp/command.h \
	watchd/smtp/command_int.h watchd/smtp/command_param.c \
	watchd/smtp/dot.c watchd/smtp/dot.h \
	watchd/smtp/dot_blocks.c watchd/smtp/dot_blocks.h \
	watchd/smtp/path.c watchd/smtp/path.h \
	watchd/smtp/phase.c watchd/smtp/phase.h \
	watchd/smtp/reply.c watchd/smtp/reply.h

if HAVE_CMOCKA
smtp_unit = tests/unit/test_reply tests/unit/test_path \
	tests/unit/test_command tests/unit/test_dot tests/unit/test_client
check_PROGRAMS += $(smtp_unit)
TESTS += $(smtp_unit)
tests_unit_test_reply_SOURCES = tests/unit/test_reply.c
tests_unit_test_reply_LDADD = $(SMTP_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_path_SOURCES = tests/unit/test_path.c
tests_unit_test_path_LDADD = $(SMTP_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_command_SOURCES = tests/unit/test_command.c
tests_unit_test_command_LDADD = $(SMTP_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_dot_SOURCES = tests/unit/test_dot.c
tests_unit_test_dot_LDADD = $(SMTP_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_client_SOURCES = tests/unit/test_client.c tests/unit/client_bursts.def
tests_unit_test_client_LDADD = $(SMTP_L) $(BASE_L) $(CMOCKA_LIBS)
endif

smtp_fuzz = tests/fuzz/fuzz_reply tests/fuzz/fuzz_command \
	tests/fuzz/fuzz_dot tests/fuzz/fuzz_client
check_PROGRAMS += $(smtp_fuzz)
TESTS += $(smtp_fuzz)
tests_fuzz_fuzz_reply_SOURCES = tests/fuzz/fuzz_reply.c tests/fuzz/replay.c
tests_fuzz_fuzz_reply_LDADD = $(SMTP_L) $(BASE_L)
tests_fuzz_fuzz_reply_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_command_SOURCES = tests/fuzz/fuzz_command.c tests/fuzz/replay.c
tests_fuzz_fuzz_command_LDADD = $(SMTP_L) $(BASE_L)
tests_fuzz_fuzz_command_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_dot_SOURCES = tests/fuzz/fuzz_dot.c tests/fuzz/replay.c
tests_fuzz_fuzz_dot_LDADD = $(SMTP_L) $(BASE_L)
tests_fuzz_fuzz_dot_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_client_SOURCES = tests/fuzz/fuzz_client.c tests/fuzz/replay.c
tests_fuzz_fuzz_client_LDADD = $(SMTP_L) $(BASE_L)
tests_fuzz_fuzz_client_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

EXTRA_DIST += tests/fuzz/corpus/reply tests/fuzz/corpus/command \
	tests/fuzz/corpus/dot tests/fuzz/corpus/client
