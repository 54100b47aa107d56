noinst_LIBRARIES += libmx_cluster.a
libmx_cluster_a_SOURCES = \
	watchd/cluster/ask.c \
	watchd/cluster/choose.c watchd/cluster/choose.h \
	watchd/cluster/cluster.c watchd/cluster/cluster.h \
	watchd/cluster/cluster_int.h \
	watchd/cluster/nodes.c \
	watchd/cluster/units.c \
	watchd/cluster/verdicts.c \
	watchd/cluster/walk.c \
	watchd/cluster/wishes.c

dist_man_MANS += doc/mxwatch-cluster.7

# The store and the loop are fakes.
if HAVE_CMOCKA
CLUSTER_WORLD = tests/unit/cluster_engine.c \
	tests/unit/cluster_world.c tests/unit/cluster_world.h \
	tests/unit/fake_loop.c tests/unit/fake_loop.h
CLUSTER_WORLD_L = libmx_cluster.a $(BASE_L) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_cluster tests/unit/test_cluster_ask \
	tests/unit/test_cluster_model tests/unit/test_cluster_sees
TESTS += tests/unit/test_cluster tests/unit/test_cluster_ask \
	tests/unit/test_cluster_model tests/unit/test_cluster_sees
tests_unit_test_cluster_SOURCES = tests/unit/test_cluster.c $(CLUSTER_WORLD)
tests_unit_test_cluster_LDADD = $(CLUSTER_WORLD_L)
tests_unit_test_cluster_ask_SOURCES = tests/unit/test_cluster_ask.c \
	$(CLUSTER_WORLD)
tests_unit_test_cluster_ask_LDADD = $(CLUSTER_WORLD_L)
tests_unit_test_cluster_sees_SOURCES = tests/unit/test_cluster_sees.c \
	$(CLUSTER_WORLD)
tests_unit_test_cluster_sees_LDADD = $(CLUSTER_WORLD_L)
tests_unit_test_cluster_model_SOURCES = tests/unit/test_cluster_model.c \
	$(CLUSTER_WORLD)
tests_unit_test_cluster_model_LDADD = $(CLUSTER_WORLD_L)
endif
