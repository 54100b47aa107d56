# `make tests/bench/primaries`: what tests/bench/run --only domains is run against.
EXTRA_PROGRAMS += tests/bench/primaries
tests_bench_primaries_SOURCES = tests/bench/primaries.c

EXTRA_DIST += tests/bench/README.md tests/bench/run tests/e2e tests/fuzz/corpus \
	tests/long tests/run tests/tools \
	tests/lint/layers tests/lint/tags tests/lint/words

# Style is enforced, not hoped for: a part of `make check`. Without python3 or
# clang-format-14 they are skipped and say so.
dist_noinst_SCRIPTS += tests/lint/source tests/lint/format
TESTS += tests/lint/source tests/lint/format

lint:
	srcdir=$(top_srcdir) $(top_srcdir)/tests/lint/source
	srcdir=$(top_srcdir) $(top_srcdir)/tests/lint/format
format:
	srcdir=$(top_srcdir) $(top_srcdir)/tests/lint/format --fix
.PHONY: lint format
