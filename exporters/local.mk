noinst_LIBRARIES += libmx_exporters.a
libmx_exporters_a_CPPFLAGS = $(AM_CPPFLAGS) $(MHD_CFLAGS)
libmx_exporters_a_SOURCES = \
	exporters/http.c exporters/http.h \
	exporters/process.c exporters/process.h \
	exporters/prometheus.c exporters/prometheus.h

include exporters/snmp/local.mk
