noinst_LIBRARIES += libmx_probes.a
libmx_probes_a_SOURCES = \
	probes/probe.c probes/probe.h probes/probe_int.h \
	probes/probe_smtp.c \
	probes/runner.c probes/runner.h
