# The configuration: parser, checks, and what is written from the table.
noinst_LIBRARIES += libmx_config.a
libmx_config_a_SOURCES = \
	watchd/config/alert.c \
	watchd/config/backup_names.c watchd/config/backup_names.h \
	watchd/config/check.c \
	watchd/config/check_alert.c \
	watchd/config/check_maintenance.c \
	watchd/config/check_mx_backup.c \
	watchd/config/check_primary.c \
	watchd/config/check_receiver.c \
	watchd/config/config.c watchd/config/config.h \
	watchd/config/config_int.h \
	watchd/config/diff.c watchd/config/diff.h \
	watchd/config/dnsbl_site.c watchd/config/dnsbl_site.h \
	watchd/config/document.c \
	watchd/config/domain_texts.c watchd/config/domain_texts.h \
	watchd/config/elsewhere.c watchd/config/elsewhere.h \
	watchd/config/errors.c \
	watchd/config/include.c \
	watchd/config/lex.c \
	watchd/config/lookalike.c \
	watchd/config/options.c watchd/config/options.def \
	watchd/config/pool.c watchd/config/pool.h \
	watchd/config/parse.c watchd/config/parse_int.h \
	watchd/config/parse_json.c \
	watchd/config/parse_setting.c \
	watchd/config/receiver.def \
	watchd/config/redirect.c watchd/config/redirect.h \
	watchd/config/removed.c watchd/config/removed.h \
	watchd/config/value.c watchd/config/value_int.h \
	watchd/config/value_number.c \
	watchd/config/value_text.c

# Prints the sample file and the manual's list of options.
noinst_PROGRAMS += watchd/config/confdoc
watchd_config_confdoc_SOURCES = watchd/config/confdoc.c
watchd_config_confdoc_LDADD = $(CONFIG_L) $(NET_L)

dist_man_MANS += doc/mxwatchd.conf.5
dist_noinst_SCRIPTS += tests/lint/manual
TESTS += tests/lint/manual

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_config
TESTS += tests/unit/test_config
tests_unit_test_config_SOURCES = tests/unit/test_config.c tests/unit/config_wrong.h
tests_unit_test_config_LDADD = $(CONFIG_L) $(NET_L) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_redirect
TESTS += tests/unit/test_redirect
tests_unit_test_redirect_SOURCES = tests/unit/test_redirect.c
tests_unit_test_redirect_LDADD = $(CONFIG_L) $(NET_L) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_elsewhere
TESTS += tests/unit/test_elsewhere
tests_unit_test_elsewhere_SOURCES = tests/unit/test_elsewhere.c
tests_unit_test_elsewhere_LDADD = $(CONFIG_L) $(NET_L) $(CMOCKA_LIBS)
endif

EXTRA_DIST += tests/fuzz/corpus/config
check_PROGRAMS += tests/fuzz/fuzz_config
TESTS += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/replay.c
tests_fuzz_fuzz_config_LDADD = $(CONFIG_L) $(NET_L)
tests_fuzz_fuzz_config_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

EXTRA_DIST += tests/fuzz/corpus/elsewhere
check_PROGRAMS += tests/fuzz/fuzz_elsewhere
TESTS += tests/fuzz/fuzz_elsewhere
tests_fuzz_fuzz_elsewhere_SOURCES = tests/fuzz/fuzz_elsewhere.c tests/fuzz/replay.c
tests_fuzz_fuzz_elsewhere_LDADD = $(CONFIG_L) $(NET_L)
tests_fuzz_fuzz_elsewhere_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
