noinst_LIBRARIES += libmx_exporters.a
libmx_exporters_a_CPPFLAGS = $(AM_CPPFLAGS) $(MHD_CFLAGS) $(GNUTLS_CFLAGS) \
	$(ZLIB_CFLAGS)
libmx_exporters_a_SOURCES = \
	exporters/gzip.c exporters/gzip.h \
	exporters/http.c exporters/http.h exporters/http_int.h \
	exporters/http_accept.c exporters/http_accept.h \
	exporters/http_auth.c exporters/http_auth.h exporters/http_auth_int.h \
	exporters/http_desk.c exporters/http_desk.h exporters/http_desk_int.h \
	exporters/http_files.c \
	exporters/http_host.c exporters/http_host.h \
	exporters/http_page.c exporters/http_page.h \
	exporters/http_outages.c \
	exporters/http_question.c \
	exporters/http_request.c \
	exporters/http_stream.c exporters/http_stream.h \
	exporters/http_tls.c exporters/http_tls.h \
	exporters/http_users.c \
	exporters/process.c exporters/process.h \
	exporters/prom_self.c exporters/prom_self.h \
	exporters/prom_total.c exporters/prom_total.h \
	exporters/prom_write.c exporters/prom_write.h \
	exporters/prometheus.c exporters/prometheus.h

include exporters/snmp/local.mk

# The status page is one document: its style and its scripts are put in where the
# text says so. Then it is made a C string; "?" is escaped because of trigraphs.
page_js = exporters/page/text.js exporters/page/model.js \
	exporters/page/trend.js exporters/page/table.js exporters/page/causes.js \
	exporters/page/record.js exporters/page/detail.js \
	exporters/page/daemon.js exporters/page/page.js
page_files = exporters/page/index.html exporters/page/page.css $(page_js)
exporters/page/page.html: $(page_files)
	$(AM_V_GEN)$(MKDIR_P) exporters/page
	$(AM_V_at)LC_ALL=C sed \
	    -e '/^@STYLE@$$/{r $(srcdir)/exporters/page/page.css' -e 'd' -e '}' \
	    -e '/^@SCRIPT@$$/{' \
	    `for f in $(page_js); do echo "-e r$(srcdir)/$$f"; done` \
	    -e 'd' -e '}' $(srcdir)/exporters/page/index.html >$@.tmp
	$(AM_V_at)mv $@.tmp $@
exporters/page/index.inc: exporters/page/page.html
	$(AM_V_GEN)LC_ALL=C sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/?/\\?/g' \
	    -e 's/^/"/' -e 's/$$/\\n"/' exporters/page/page.html >$@.tmp
	$(AM_V_at)mv $@.tmp $@
BUILT_SOURCES += exporters/page/index.inc
CLEANFILES += exporters/page/index.inc exporters/page/page.html
EXTRA_DIST += $(page_files)
exporters/libmx_exporters_a-http_page.$(OBJEXT): exporters/page/index.inc

# Built by `make check`, so that it can be built; never run by it.
check_PROGRAMS += tests/bench/scrape_bench
tests_bench_scrape_bench_SOURCES = tests/bench/scrape_bench.c
tests_bench_scrape_bench_LDADD = $(EXPORTERS_L) $(LEDGER_L) $(SMTP_L) $(NET_L)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_http tests/unit/test_http_files
TESTS += tests/unit/test_http tests/unit/test_http_files
HTTP_WORLD = tests/unit/http_world.c tests/unit/http_world.h \
	tests/unit/pki.c tests/unit/pki.h
HTTP_WORLD_L = $(EXPORTERS_L) $(LEDGER_L) $(CONFIG_L) $(SMTP_L) $(NET_L) \
	$(ZLIB_LIBS) $(CMOCKA_LIBS)
tests_unit_test_http_CPPFLAGS = $(AM_CPPFLAGS) $(MHD_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_http_SOURCES = tests/unit/test_http.c $(HTTP_WORLD)
tests_unit_test_http_LDADD = $(HTTP_WORLD_L)
tests_unit_test_http_files_CPPFLAGS = $(AM_CPPFLAGS) $(MHD_CFLAGS) \
	$(OPENSSL_CFLAGS)
tests_unit_test_http_files_SOURCES = tests/unit/test_http_files.c $(HTTP_WORLD)
tests_unit_test_http_files_LDADD = $(HTTP_WORLD_L)
check_PROGRAMS += tests/unit/test_http_desk
TESTS += tests/unit/test_http_desk
tests_unit_test_http_desk_CPPFLAGS = $(AM_CPPFLAGS) $(MHD_CFLAGS) \
	$(OPENSSL_CFLAGS)
tests_unit_test_http_desk_SOURCES = tests/unit/test_http_desk.c $(HTTP_WORLD)
tests_unit_test_http_desk_LDADD = $(HTTP_WORLD_L)
check_PROGRAMS += tests/unit/test_http_accept tests/unit/test_http_auth \
	tests/unit/test_http_host tests/unit/test_prometheus
TESTS += tests/unit/test_http_accept tests/unit/test_http_auth \
	tests/unit/test_http_host tests/unit/test_prometheus
tests_unit_test_http_accept_SOURCES = tests/unit/test_http_accept.c
tests_unit_test_http_accept_LDADD = $(EXPORTERS_L) $(LEDGER_L) $(NET_L) \
	$(CMOCKA_LIBS)
tests_unit_test_http_auth_SOURCES = tests/unit/test_http_auth.c
tests_unit_test_http_auth_LDADD = $(EXPORTERS_L) $(LEDGER_L) $(NET_L) \
	$(CMOCKA_LIBS)
tests_unit_test_http_host_SOURCES = tests/unit/test_http_host.c
tests_unit_test_http_host_LDADD = $(EXPORTERS_L) $(LEDGER_L) $(NET_L) \
	$(CMOCKA_LIBS)
tests_unit_test_prometheus_SOURCES = tests/unit/test_prometheus.c
tests_unit_test_prometheus_LDADD = $(EXPORTERS_L) $(LEDGER_L) $(NET_L) \
	$(CMOCKA_LIBS)
endif

EXTRA_DIST += tests/fuzz/corpus/http_auth
check_PROGRAMS += tests/fuzz/fuzz_http_auth
TESTS += tests/fuzz/fuzz_http_auth
tests_fuzz_fuzz_http_auth_SOURCES = tests/fuzz/fuzz_http_auth.c \
	tests/fuzz/replay.c
tests_fuzz_fuzz_http_auth_LDADD = $(EXPORTERS_L) $(LEDGER_L) $(NET_L)
tests_fuzz_fuzz_http_auth_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
