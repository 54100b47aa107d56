noinst_LIBRARIES += libmx_net.a
libmx_net_a_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS) \
	$(LDNS_CFLAGS)
libmx_net_a_SOURCES = \
	watchd/net/addr.c watchd/net/addr.h \
	watchd/net/conn.c watchd/net/conn.h watchd/net/conn_int.h \
	watchd/net/conn_io.c \
	watchd/net/dane.c watchd/net/dane.h \
	watchd/net/dns.c watchd/net/dns.h \
	watchd/net/dns_memory.c watchd/net/dns_memory.h \
	watchd/net/dns_pool.c watchd/net/dns_pool.h \
	watchd/net/dns_query.c watchd/net/dns_query.h \
	watchd/net/dns_wire.c watchd/net/dns_wire.h \
	watchd/net/dnsbl_name.c watchd/net/dnsbl_name.h \
	watchd/net/helper.c watchd/net/helper.h \
	watchd/net/hmac.c watchd/net/hmac.h \
	watchd/net/listen_socket.c watchd/net/listen_socket.h \
	watchd/net/local_socket.c watchd/net/local_socket.h \
	watchd/net/loop.c watchd/net/loop.h watchd/net/loop_int.h \
	watchd/net/port_holder.c watchd/net/port_holder.h \
	watchd/net/pin.c watchd/net/pin.h \
	watchd/net/prefix.c watchd/net/prefix.h \
	watchd/net/renewal.c watchd/net/renewal.h \
	watchd/net/resolvconf.c watchd/net/resolvconf.h \
	watchd/net/route.c watchd/net/route.h \
	watchd/net/tickets.c watchd/net/tickets.h \
	watchd/net/tls.c watchd/net/tls.h watchd/net/tls_int.h \
	watchd/net/tls_pair.c \
	watchd/net/tls_cert.c watchd/net/tls_cert.h \
	watchd/net/tls_resume.c watchd/net/tls_resume.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_addr tests/unit/test_conn tests/unit/test_conn_tls \
	tests/unit/test_helper tests/unit/test_tickets \
	tests/unit/test_tls_dane tests/unit/test_tls_resume
TESTS += tests/unit/test_addr tests/unit/test_conn tests/unit/test_conn_tls tests/unit/test_helper \
	tests/unit/test_tickets tests/unit/test_tls_dane \
	tests/unit/test_tls_resume
tests_unit_test_helper_SOURCES = tests/unit/test_helper.c
tests_unit_test_helper_LDADD = $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_addr_SOURCES = tests/unit/test_addr.c
tests_unit_test_addr_LDADD = $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_conn_SOURCES = tests/unit/test_conn.c \
	tests/unit/conn_pair.c tests/unit/conn_pair.h
tests_unit_test_conn_LDADD = $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_conn_tls_SOURCES = tests/unit/test_conn_tls.c \
	tests/unit/conn_pair.c tests/unit/conn_pair.h
tests_unit_test_conn_tls_LDADD = $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_tickets_SOURCES = tests/unit/test_tickets.c
tests_unit_test_tickets_LDADD = $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_tls_dane_SOURCES = tests/unit/test_tls_dane.c
tests_unit_test_tls_dane_LDADD = $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_tls_resume_SOURCES = tests/unit/test_tls_resume.c \
	tests/unit/conn_pair.c tests/unit/conn_pair.h \
	tests/unit/pki.c tests/unit/pki.h
tests_unit_test_tls_resume_LDADD = $(NET_L) $(CMOCKA_LIBS)
endif

# The route's test brings its own dns_mx(), dns_addr() and dns_tlsa(), so it
# takes the object of route.c and not that of dns.c.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_dane tests/unit/test_dns \
	tests/unit/test_dns_memory tests/unit/test_route
TESTS += tests/unit/test_dane tests/unit/test_dns tests/unit/test_dns_memory \
	tests/unit/test_route
tests_unit_test_dane_SOURCES = tests/unit/test_dane.c
tests_unit_test_dane_LDADD = $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_dns_SOURCES = tests/unit/test_dns.c tests/unit/dns_server.c \
	tests/unit/dns_server.h
tests_unit_test_dns_LDADD = $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_dns_memory_SOURCES = tests/unit/test_dns_memory.c
tests_unit_test_dns_memory_LDADD = $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_route_SOURCES = tests/unit/test_route.c watchd/net/route.c
tests_unit_test_route_LDADD = $(NET_L) $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz_dns_answer tests/fuzz/fuzz_dns_memory
TESTS += tests/fuzz/fuzz_dns_answer tests/fuzz/fuzz_dns_memory
tests_fuzz_fuzz_dns_answer_SOURCES = tests/fuzz/fuzz_dns_answer.c \
	tests/fuzz/replay.c
tests_fuzz_fuzz_dns_answer_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_dns_answer_LDADD = $(NET_L)
tests_fuzz_fuzz_dns_memory_SOURCES = tests/fuzz/fuzz_dns_memory.c \
	tests/fuzz/replay.c
tests_fuzz_fuzz_dns_memory_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_dns_memory_LDADD = $(NET_L)
EXTRA_DIST += tests/fuzz/corpus/dns_answer tests/fuzz/corpus/dns_memory
