noinst_LIBRARIES += libmx_deliver.a
libmx_deliver_a_SOURCES = \
	watchd/relay/deliver/bounce.c watchd/relay/deliver/bounce.h \
	watchd/relay/deliver/deliver.c watchd/relay/deliver/deliver.h \
	watchd/relay/deliver/deliver_int.h \
	watchd/relay/deliver/dsn.c watchd/relay/deliver/dsn.h \
	watchd/relay/deliver/result.c watchd/relay/deliver/result.h \
	watchd/relay/deliver/session.c
