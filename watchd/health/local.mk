noinst_LIBRARIES += libmx_health.a
libmx_health_a_SOURCES = watchd/health/health.c watchd/health/health.h
