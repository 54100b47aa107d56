# The configuration: one option table, parser, checks.
noinst_LIBRARIES += libmx_config.a
libmx_config_a_SOURCES = \
	watchd/config/check.c \
	watchd/config/config.c watchd/config/config.h \
	watchd/config/config_int.h \
	watchd/config/document.c \
	watchd/config/errors.c \
	watchd/config/include.c \
	watchd/config/lex.c \
	watchd/config/options.c watchd/config/options.def \
	watchd/config/parse.c \
	watchd/config/value.c

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_config
TESTS += tests/unit/test_config
tests_unit_test_config_SOURCES = tests/unit/test_config.c
tests_unit_test_config_LDADD = $(CONFIG_L) $(NET_L) $(CMOCKA_LIBS)
endif

EXTRA_DIST += tests/fuzz/corpus/config
check_PROGRAMS += tests/fuzz/fuzz_config
TESTS += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/replay.c
tests_fuzz_fuzz_config_LDADD = $(CONFIG_L) $(NET_L)
tests_fuzz_fuzz_config_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
