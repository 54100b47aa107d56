if POSTGRESQL
noinst_LIBRARIES += libmx_engine.a
libmx_engine_a_SOURCES = \
	watchd/engine/pg.c watchd/engine/pg.h \
	watchd/engine/schema.c watchd/engine/schema.h
libmx_engine_a_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_engine
tests_unit_test_engine_SOURCES = tests/unit/test_engine.c
tests_unit_test_engine_LDADD = $(ENGINE_L) $(BASE_L) $(CMOCKA_LIBS)
endif
endif
