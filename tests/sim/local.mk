# The daemon in virtual time: loop, clock, network, resolver and store are
# fakes that stand before the libraries, so that their objects are not taken.
check_PROGRAMS += tests/sim/sim
tests_sim_sim_SOURCES = \
	tests/sim/sim.c tests/sim/sim_absent.c \
	tests/sim/sim_dns.c tests/sim/sim_dns.h \
	tests/sim/sim_fate.c \
	tests/sim/sim_judge.c tests/sim/sim_judge.h tests/sim/sim_judge_int.h \
	tests/sim/sim_judge_time.c \
	tests/sim/sim_loop.c tests/sim/sim_loop.h \
	tests/sim/sim_make.c \
	tests/sim/sim_net.c \
	tests/sim/sim_outside.c tests/sim/sim_outside.h \
	tests/sim/sim_reload.c \
	tests/sim/sim_server.c tests/sim/sim_server.h \
	tests/sim/sim_store.c tests/sim/sim_store.h \
	tests/sim/sim_world.c tests/sim/sim_world.h tests/sim/sim_world_int.h \
	watchd/daemon/apply.c watchd/daemon/backups.c \
	watchd/daemon/clustered.c \
	watchd/daemon/daemon.c \
	watchd/daemon/domains.c \
	watchd/daemon/drill.c \
	watchd/daemon/domains_from.c \
	watchd/daemon/domains_look.c \
	watchd/daemon/events.c \
	watchd/daemon/findings.c \
	watchd/daemon/told_events.c \
	watchd/daemon/ledger.c \
	watchd/daemon/learned.c \
	watchd/daemon/loading.c \
	watchd/daemon/maintained.c \
	watchd/daemon/maintenance.c \
	watchd/daemon/maintenance_cover.c \
	watchd/daemon/maintenance_record.c \
	watchd/daemon/redirect_order.c \
	watchd/daemon/redirected.c \
	watchd/daemon/reload.c \
	watchd/daemon/descriptors.c \
	watchd/daemon/questions.c \
	watchd/daemon/removed.c \
	watchd/daemon/report.c \
	watchd/daemon/self.c
tests_sim_sim_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=addr_local_list,--wrap=address_route \
	-Wl,--wrap=apply_domain,--wrap=removed_over,--wrap=config_load_as \
	-Wl,--wrap=bounce_expire,--wrap=bounce_warn \
	-Wl,--wrap=health_feed,--wrap=host_init,--wrap=host_room \
	-Wl,--wrap=queue_done,--wrap=queue_gate \
	-Wl,--wrap=queue_take,--wrap=queue_warned,--wrap=window_max_set
tests_sim_sim_LDADD = $(ALL_L) -lm
dist_check_SCRIPTS += tests/sim/check
