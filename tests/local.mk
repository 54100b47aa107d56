# What tests/bench/run measures with and against: `make bench-tools`. `make check`
# builds them, so that they can be built, and runs none. slow_sync.so is for LD_PRELOAD.
bench_tools = tests/bench/primaries tests/bench/raw_disk tests/bench/sink \
	tests/bench/load tests/bench/delay_proxy
check_PROGRAMS += $(bench_tools)
tests_bench_primaries_SOURCES = tests/bench/primaries.c
tests_bench_raw_disk_SOURCES = tests/bench/raw_disk.c
tests_bench_sink_SOURCES = tests/bench/sink.c tests/bench/bench_io.c \
	tests/bench/bench_io.h
tests_bench_sink_LDADD = $(OPENSSL_LIBS) $(BSD_LIBS)
tests_bench_load_SOURCES = tests/bench/load.c tests/bench/bench_io.c \
	tests/bench/bench_io.h
tests_bench_load_LDADD = $(OPENSSL_LIBS) $(BSD_LIBS)
tests_bench_delay_proxy_SOURCES = tests/bench/delay_proxy.c \
	tests/bench/bench_io.c tests/bench/bench_io.h
tests_bench_delay_proxy_LDADD = $(OPENSSL_LIBS) $(BSD_LIBS)

tests/bench/slow_sync.so: tests/bench/slow_sync.c tests/bench/raw_disk$(EXEEXT)
	$(AM_V_CCLD)$(CC) $(AM_CFLAGS) $(CFLAGS) -fPIC -shared -o $@ \
	    $(srcdir)/tests/bench/slow_sync.c -ldl
bench-tools: $(bench_tools) tests/bench/slow_sync.so tests/bench/store_bench
.PHONY: bench-tools
CLEANFILES += tests/bench/slow_sync.so

EXTRA_DIST += tests/bench/README.md tests/bench/run tests/bench/slow_sync.c \
	tests/bench/backlog.py tests/bench/check.py \
	tests/bench/cluster.py tests/bench/cpu.py \
	tests/bench/disk.py tests/bench/intake.py tests/bench/many.py \
	tests/bench/model.py tests/bench/names.py tests/bench/outgoing.py \
	tests/bench/results.py tests/bench/servers.py tests/bench/stall.py \
	tests/bench/test_figures.py tests/bench/tools.py
# It measures nothing, and so it is a part of the tests.
dist_noinst_SCRIPTS += tests/bench/figures
TESTS += tests/bench/figures
EXTRA_DIST += tests/e2e tests/fuzz/corpus \
	tests/long tests/run tests/tools \
	tests/lint/layers tests/lint/logfmt tests/lint/tags tests/lint/words

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
