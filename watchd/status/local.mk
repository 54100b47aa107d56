noinst_LIBRARIES += libmx_status.a
libmx_status_a_SOURCES = \
	watchd/status/counters.c watchd/status/counters.h \
	watchd/status/metrics.def \
	watchd/status/notice.h \
	watchd/status/snapshot.c watchd/status/snapshot.h \
	watchd/status/view.c watchd/status/view.h
