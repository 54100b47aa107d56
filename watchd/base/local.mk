noinst_LIBRARIES += libmx_base.a
libmx_base_a_SOURCES = \
	watchd/base/buf.c watchd/base/buf.h \
	watchd/base/clock.c watchd/base/clock.h \
	watchd/base/defs.h \
	watchd/base/err.c watchd/base/err.h \
	watchd/base/fault.c watchd/base/fault.h \
	watchd/base/heap.c watchd/base/heap.h \
	watchd/base/hist.c watchd/base/hist.h \
	watchd/base/idmap.c watchd/base/idmap.h \
	watchd/base/log.c watchd/base/log.h \
	watchd/base/mailbox.c watchd/base/mailbox.h \
	watchd/base/mem.c watchd/base/mem.h \
	watchd/base/rnd.c watchd/base/rnd.h \
	watchd/base/text.c watchd/base/text.h
