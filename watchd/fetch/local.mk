# The thread that talks to web servers, smarthosts and programs.
noinst_LIBRARIES += libmx_fetch.a
libmx_fetch_a_CPPFLAGS = $(AM_CPPFLAGS) $(CURL_CFLAGS)
libmx_fetch_a_SOURCES = \
	watchd/fetch/carry.c watchd/fetch/carry.h \
	watchd/fetch/download.c watchd/fetch/download.h \
	watchd/fetch/fetch.c watchd/fetch/fetch.h \
	watchd/fetch/source.c watchd/fetch/source.h \
	watchd/fetch/transport.c watchd/fetch/transport.h \
	watchd/fetch/transport_int.h \
	watchd/fetch/via_exec.c
if HAVE_CURL
libmx_fetch_a_SOURCES += \
	watchd/fetch/via_curl.c watchd/fetch/via_curl.h \
	watchd/fetch/smtp_talk.c watchd/fetch/smtp_talk.h \
	watchd/fetch/via_http.c \
	watchd/fetch/via_smtp.c
else
libmx_fetch_a_SOURCES += watchd/fetch/no_curl.c
endif

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_fetch tests/unit/test_source
TESTS += tests/unit/test_fetch tests/unit/test_source
tests_unit_test_fetch_SOURCES = tests/unit/test_fetch.c
tests_unit_test_fetch_LDADD = $(FETCH_L) $(NET_L) $(CMOCKA_LIBS)
if HAVE_CURL
check_PROGRAMS += tests/unit/test_smtp_talk
TESTS += tests/unit/test_smtp_talk
tests_unit_test_smtp_talk_SOURCES = tests/unit/test_smtp_talk.c
tests_unit_test_smtp_talk_LDADD = $(FETCH_L) $(NET_L) $(CMOCKA_LIBS)
endif
tests_unit_test_source_SOURCES = tests/unit/test_source.c \
	tests/unit/fake_loop.c tests/unit/fake_loop.h
tests_unit_test_source_LDADD = $(FETCH_L) $(BASE_L) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_fetch_exec
TESTS += tests/unit/test_fetch_exec
FETCH_OUTCOME = tests/unit/fetch_outcome.c tests/unit/fetch_outcome.h
tests_unit_test_fetch_exec_SOURCES = tests/unit/test_fetch_exec.c \
	$(FETCH_OUTCOME)
tests_unit_test_fetch_exec_LDADD = $(FETCH_L) $(NET_L) $(CMOCKA_LIBS)
if HAVE_CURL
check_PROGRAMS += tests/unit/test_fetch_http tests/unit/test_fetch_smtp
TESTS += tests/unit/test_fetch_http tests/unit/test_fetch_smtp
FETCH_SITE = tests/unit/fetch_site.c tests/unit/fetch_site.h \
	tests/unit/pki.c tests/unit/pki.h $(FETCH_OUTCOME)
tests_unit_test_fetch_http_SOURCES = tests/unit/test_fetch_http.c $(FETCH_SITE)
tests_unit_test_fetch_http_LDADD = $(FETCH_L) $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_fetch_smtp_SOURCES = tests/unit/test_fetch_smtp.c $(FETCH_SITE)
tests_unit_test_fetch_smtp_LDADD = $(FETCH_L) $(NET_L) $(CMOCKA_LIBS)
endif
endif
