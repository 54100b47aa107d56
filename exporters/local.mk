noinst_LIBRARIES += libmx_exporters.a
libmx_exporters_a_CPPFLAGS = $(AM_CPPFLAGS) $(MHD_CFLAGS) $(ZLIB_CFLAGS)
libmx_exporters_a_SOURCES = \
	exporters/gzip.c exporters/gzip.h \
	exporters/http.c exporters/http.h \
	exporters/process.c exporters/process.h \
	exporters/prom_total.c exporters/prom_total.h \
	exporters/prom_write.c exporters/prom_write.h \
	exporters/prometheus.c exporters/prometheus.h

include exporters/snmp/local.mk

# `make tests/bench/scrape_bench`: never part of the tests.
EXTRA_PROGRAMS += tests/bench/scrape_bench
tests_bench_scrape_bench_SOURCES = tests/bench/scrape_bench.c
tests_bench_scrape_bench_LDADD = $(EXPORTERS_L) $(STATUS_L) $(NET_L)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_prometheus
TESTS += tests/unit/test_prometheus
tests_unit_test_prometheus_SOURCES = tests/unit/test_prometheus.c
tests_unit_test_prometheus_LDADD = $(EXPORTERS_L) $(STATUS_L) $(NET_L) \
	$(CMOCKA_LIBS)
endif
