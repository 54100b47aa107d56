if POSTGRESQL
noinst_LIBRARIES += libmx_engine.a
libmx_engine_a_SOURCES = \
	watchd/engine/pg.c watchd/engine/pg.h \
	watchd/engine/schema.c watchd/engine/schema.h
libmx_engine_a_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS)
endif
