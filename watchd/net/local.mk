noinst_LIBRARIES += libmx_net.a
libmx_net_a_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS) \
	$(LDNS_CFLAGS)
libmx_net_a_SOURCES = \
	watchd/net/addr.c watchd/net/addr.h \
	watchd/net/conn.c watchd/net/conn.h watchd/net/conn_int.h \
	watchd/net/conn_io.c \
	watchd/net/dns.c watchd/net/dns.h \
	watchd/net/dns_memory.c watchd/net/dns_memory.h \
	watchd/net/dns_query.c watchd/net/dns_query.h \
	watchd/net/loop.c watchd/net/loop.h watchd/net/loop_int.h \
	watchd/net/route.c watchd/net/route.h \
	watchd/net/tls.c watchd/net/tls.h watchd/net/tls_int.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_addr tests/unit/test_conn
TESTS += tests/unit/test_addr tests/unit/test_conn
tests_unit_test_addr_SOURCES = tests/unit/test_addr.c
tests_unit_test_addr_LDADD = $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_conn_SOURCES = tests/unit/test_conn.c
tests_unit_test_conn_LDADD = $(NET_L) $(CMOCKA_LIBS)
endif
