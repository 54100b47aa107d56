noinst_LIBRARIES += libmx_queue.a
libmx_queue_a_SOURCES = \
	watchd/relay/queue/backoff.c watchd/relay/queue/backoff.h \
	watchd/relay/queue/dest.c watchd/relay/queue/dest.h \
	watchd/relay/queue/flush.c \
	watchd/relay/queue/operate.c \
	watchd/relay/queue/queue.c watchd/relay/queue/queue.h \
	watchd/relay/queue/queue_int.h \
	watchd/relay/queue/window.c watchd/relay/queue/window.h \
	watchd/relay/relay.c watchd/relay/relay.h
