noinst_LIBRARIES += libmx_store.a
libmx_store_a_SOURCES = \
	watchd/relay/envelope.c watchd/relay/envelope.h \
	watchd/relay/store/db.c watchd/relay/store/db.h \
	watchd/relay/store/reader.c watchd/relay/store/reader.h \
	watchd/relay/store/segment.c watchd/relay/store/segment.h \
	watchd/relay/store/store.c watchd/relay/store/store.h \
	watchd/relay/store/store_int.h \
	watchd/relay/store/tx.c \
	watchd/relay/store/writer.c watchd/relay/store/writer.h
