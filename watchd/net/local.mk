noinst_LIBRARIES += libmx_net.a
libmx_net_a_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS) \
	$(LDNS_CFLAGS)
libmx_net_a_SOURCES = \
	watchd/net/addr.c watchd/net/addr.h \
	watchd/net/conn.c watchd/net/conn.h \
	watchd/net/dns.c watchd/net/dns.h \
	watchd/net/dns_memory.c watchd/net/dns_memory.h \
	watchd/net/dns_query.c watchd/net/dns_query.h \
	watchd/net/loop.c watchd/net/loop.h \
	watchd/net/route.c watchd/net/route.h \
	watchd/net/tls.c watchd/net/tls.h
