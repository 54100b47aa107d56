noinst_LIBRARIES += libmx_cluster.a
libmx_cluster_a_SOURCES = \
	watchd/cluster/ask.c \
	watchd/cluster/choose.c watchd/cluster/choose.h \
	watchd/cluster/cluster.c watchd/cluster/cluster.h \
	watchd/cluster/cluster_int.h \
	watchd/cluster/nodes.c \
	watchd/cluster/units.c \
	watchd/cluster/verdicts.c
