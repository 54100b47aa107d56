noinst_LIBRARIES += libmx_queue.a
libmx_queue_a_SOURCES = \
	watchd/relay/queue/ages.c watchd/relay/queue/ages.h \
	watchd/relay/queue/attach.c watchd/relay/queue/attach_int.h \
	watchd/relay/queue/detach.c \
	watchd/relay/queue/backoff.c watchd/relay/queue/backoff.h \
	watchd/relay/queue/breaker.c \
	watchd/relay/queue/breaker_primary.c \
	watchd/relay/queue/content.c \
	watchd/relay/queue/import.c \
	watchd/relay/queue/destination.c \
	watchd/relay/queue/part.c watchd/relay/queue/parts.c \
	watchd/relay/queue/extend.c watchd/relay/queue/extend.h \
	watchd/relay/queue/flush.c \
	watchd/relay/queue/take.c \
	watchd/relay/queue/knowledge.c watchd/relay/queue/knowledge.h \
	watchd/relay/queue/learn.c watchd/relay/queue/learn_int.h \
	watchd/relay/queue/learn_store.c \
	watchd/relay/queue/learned.c watchd/relay/queue/learned.h \
	watchd/relay/queue/clock_step.c watchd/relay/queue/clock_step.h \
	watchd/relay/queue/intake.c \
	watchd/relay/queue/list.c watchd/relay/queue/local.c \
	watchd/relay/queue/operator.c \
	watchd/relay/queue/clock_back.c \
	watchd/relay/queue/clock_doubt.c \
	watchd/relay/queue/queue.c watchd/relay/queue/queue.h \
	watchd/relay/queue/queue_int.h \
	watchd/relay/queue/policy.c \
	watchd/relay/queue/round.c \
	watchd/relay/queue/record.c \
	watchd/relay/queue/refusal.c \
	watchd/relay/queue/refused.c \
	watchd/relay/queue/schedule.c \
	watchd/relay/queue/told.c \
	watchd/relay/queue/vault.c \
	watchd/relay/relay.c watchd/relay/relay.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_backoff tests/unit/test_clock_step \
	tests/unit/test_breaker tests/unit/test_knowledge tests/unit/test_queue \
	tests/unit/test_queue_flush tests/unit/test_queue_operate \
	tests/unit/test_breaker_many tests/unit/test_breaker_model \
	tests/unit/test_learn tests/unit/test_learned tests/unit/test_vault \
	tests/unit/test_queue_bytes tests/unit/test_queue_many \
	tests/unit/test_queue_shared tests/unit/test_queue_local \
	tests/unit/test_queue_owned tests/unit/test_queue_told
TESTS += tests/unit/test_backoff tests/unit/test_clock_step \
	tests/unit/test_breaker tests/unit/test_knowledge tests/unit/test_queue \
	tests/unit/test_queue_flush tests/unit/test_queue_operate \
	tests/unit/test_breaker_many tests/unit/test_breaker_model \
	tests/unit/test_learn tests/unit/test_learned tests/unit/test_vault \
	tests/unit/test_queue_bytes tests/unit/test_queue_many \
	tests/unit/test_queue_shared tests/unit/test_queue_local \
	tests/unit/test_queue_owned tests/unit/test_queue_told
tests_unit_test_backoff_SOURCES = tests/unit/test_backoff.c
tests_unit_test_backoff_LDADD = libmx_queue.a $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_clock_step_SOURCES = tests/unit/test_clock_step.c
tests_unit_test_clock_step_LDADD = libmx_queue.a $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_knowledge_SOURCES = tests/unit/test_knowledge.c
tests_unit_test_knowledge_LDADD = libmx_queue.a $(PRIMARY_L) $(STATUS_L) \
	$(SMTP_L) $(BASE_L) $(CMOCKA_LIBS)
# The store and the loop are fakes: of libmx_store.a only envelope.o and selection.o
# are used, of libmx_net.a addresses.
FAKES = tests/unit/fake_loop.c tests/unit/fake_loop.h \
	tests/unit/fake_store.c tests/unit/fake_store.h
QUEUE_WORLD = $(FAKES) tests/unit/queue_world.c tests/unit/queue_world.h
QUEUE_WORLD_L = libmx_queue.a $(PRIMARY_L) libmx_store.a $(STATUS_L) $(SMTP_L) \
	libmx_net.a $(BASE_L)
tests_unit_test_breaker_SOURCES = tests/unit/test_breaker.c $(QUEUE_WORLD)
tests_unit_test_breaker_LDADD = $(QUEUE_WORLD_L) $(CMOCKA_LIBS)
tests_unit_test_queue_SOURCES = tests/unit/test_queue.c $(QUEUE_WORLD)
tests_unit_test_queue_LDADD = $(QUEUE_WORLD_L) $(CMOCKA_LIBS)
tests_unit_test_queue_flush_SOURCES = tests/unit/test_queue_flush.c \
	$(QUEUE_WORLD)
tests_unit_test_queue_flush_LDADD = $(QUEUE_WORLD_L) $(CMOCKA_LIBS)
tests_unit_test_queue_operate_SOURCES = tests/unit/test_queue_operate.c \
	$(QUEUE_WORLD)
tests_unit_test_queue_operate_LDADD = $(QUEUE_WORLD_L) $(CMOCKA_LIBS)
tests_unit_test_breaker_many_SOURCES = tests/unit/test_breaker_many.c \
	$(QUEUE_WORLD)
tests_unit_test_breaker_many_LDADD = $(QUEUE_WORLD_L) $(CMOCKA_LIBS)
tests_unit_test_breaker_model_SOURCES = tests/unit/test_breaker_model.c \
	$(QUEUE_WORLD)
tests_unit_test_breaker_model_LDADD = $(QUEUE_WORLD_L) $(CMOCKA_LIBS)
tests_unit_test_learn_SOURCES = tests/unit/test_learn.c $(QUEUE_WORLD)
tests_unit_test_learn_LDADD = $(QUEUE_WORLD_L) $(CMOCKA_LIBS)
tests_unit_test_learned_SOURCES = tests/unit/test_learned.c
tests_unit_test_learned_LDADD = libmx_queue.a $(SMTP_L) $(BASE_L) $(CMOCKA_LIBS)
tests_unit_test_queue_bytes_SOURCES = tests/unit/test_queue_bytes.c \
	tests/unit/queue_quiet.h $(FAKES)
tests_unit_test_queue_many_SOURCES = tests/unit/test_queue_many.c \
	tests/unit/queue_quiet.h $(FAKES)
tests_unit_test_queue_many_LDADD = $(QUEUE_WORLD_L) $(CMOCKA_LIBS)
tests_unit_test_queue_bytes_LDADD = $(QUEUE_WORLD_L) $(CMOCKA_LIBS)
tests_unit_test_queue_shared_SOURCES = tests/unit/test_queue_shared.c \
	tests/unit/queue_shared.h $(QUEUE_WORLD)
tests_unit_test_queue_shared_LDADD = $(QUEUE_WORLD_L) $(CMOCKA_LIBS)
tests_unit_test_queue_local_SOURCES = tests/unit/test_queue_local.c \
	tests/unit/queue_shared.h $(QUEUE_WORLD)
tests_unit_test_queue_local_LDADD = $(QUEUE_WORLD_L) $(CMOCKA_LIBS)
tests_unit_test_queue_owned_SOURCES = tests/unit/test_queue_owned.c \
	tests/unit/queue_quiet.h tests/unit/queue_shared.h $(QUEUE_WORLD)
tests_unit_test_queue_owned_LDADD = $(QUEUE_WORLD_L) $(CMOCKA_LIBS)
tests_unit_test_queue_told_SOURCES = tests/unit/test_queue_told.c \
	tests/unit/queue_shared.h $(QUEUE_WORLD)
tests_unit_test_queue_told_LDADD = $(QUEUE_WORLD_L) $(CMOCKA_LIBS)
tests_unit_test_vault_SOURCES = tests/unit/test_vault.c $(QUEUE_WORLD)
tests_unit_test_vault_LDADD = $(QUEUE_WORLD_L) $(CMOCKA_LIBS)
endif

# Built by `make check`, so that it can be built; never run by it.
check_PROGRAMS += tests/bench/bench_queue
tests_bench_bench_queue_SOURCES = tests/bench/bench_queue.c \
	tests/unit/queue_quiet.h \
	tests/unit/fake_loop.c tests/unit/fake_loop.h \
	tests/unit/fake_store.c tests/unit/fake_store.h
tests_bench_bench_queue_LDADD = libmx_queue.a $(PRIMARY_L) libmx_store.a $(STATUS_L) $(SMTP_L) \
	libmx_net.a $(BASE_L)
