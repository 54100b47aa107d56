sbin_PROGRAMS += mxwatchd
mxwatchd_SOURCES = \
	watchd/daemon/alert.c \
	watchd/daemon/alert_share.c watchd/daemon/alert_share.h \
	watchd/daemon/apply.c \
	watchd/daemon/backups.c watchd/daemon/backups.h \
	watchd/daemon/clustered.c watchd/daemon/clustered.h \
	watchd/daemon/cluster_show.c watchd/daemon/cluster_show.h \
	watchd/daemon/clustered_control.c \
	watchd/daemon/daemon.c watchd/daemon/daemon.h watchd/daemon/daemon_int.h \
	watchd/daemon/doctor.c \
	watchd/daemon/drill.c \
	watchd/daemon/domains.c watchd/daemon/domains.h \
	watchd/daemon/domains_from.c watchd/daemon/domains_from.h \
	watchd/daemon/domains_look.c watchd/daemon/domains_look.h \
	watchd/daemon/events.c \
	watchd/daemon/file_check.c watchd/daemon/file_check.h \
	watchd/daemon/findings.c watchd/daemon/findings.h \
	watchd/daemon/told_events.c \
	watchd/daemon/ledger.c \
	watchd/main.c \
	watchd/daemon/preflight.c watchd/daemon/preflight.h \
	watchd/daemon/preflight_dns.c watchd/daemon/preflight_int.h \
	watchd/daemon/preflight_ports.c \
	watchd/daemon/preflight_redirects.c \
	watchd/daemon/privileges.c watchd/daemon/privileges.h \
	watchd/daemon/programs.c watchd/daemon/programs.h \
	watchd/daemon/event_file.c \
	watchd/daemon/kept_file.c watchd/daemon/kept_file.h \
	watchd/daemon/loading.c watchd/daemon/loading.h \
	watchd/daemon/reload.c \
	watchd/daemon/learned.c \
	watchd/daemon/maintained.c watchd/daemon/maintained.h \
	watchd/daemon/maintenance.c watchd/daemon/maintenance.h \
	watchd/daemon/maintenance_cover.c watchd/daemon/maintenance_int.h \
	watchd/daemon/maintenance_record.c \
	watchd/daemon/questions.c watchd/daemon/questions.h \
	watchd/daemon/redirect_order.c watchd/daemon/redirect_order.h \
	watchd/daemon/redirected.c watchd/daemon/redirected.h \
	watchd/daemon/removed.c watchd/daemon/removed.h \
	watchd/daemon/report.c \
	watchd/daemon/self.c watchd/daemon/self.h \
	watchd/daemon/descriptors.c watchd/daemon/descriptors.h \
	watchd/daemon/soft_state.c watchd/daemon/soft_state.h \
	watchd/daemon/trusted.c watchd/daemon/trusted.h
mxwatchd_LDADD = $(ALL_L)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_privileges
TESTS += tests/unit/test_privileges
tests_unit_test_privileges_SOURCES = tests/unit/test_privileges.c \
	watchd/daemon/privileges.c watchd/daemon/privileges.h \
	watchd/daemon/trusted.c watchd/daemon/trusted.h
tests_unit_test_privileges_LDADD = $(CONFIG_L) $(SMTP_L) $(NET_L) \
	$(CMOCKA_LIBS)
endif

# Root only, else skipped.
dist_check_SCRIPTS += tests/fault/daemon_planted tests/fault/daemon_root
TESTS += tests/fault/daemon_planted tests/fault/daemon_root

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_maintenance
TESTS += tests/unit/test_maintenance
tests_unit_test_maintenance_SOURCES = tests/unit/test_maintenance.c \
	watchd/daemon/maintenance.c watchd/daemon/maintenance_cover.c \
	watchd/daemon/maintenance_record.c
tests_unit_test_maintenance_LDADD = $(CONFIG_L) $(NET_L) $(CMOCKA_LIBS)
endif

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_cluster_show
TESTS += tests/unit/test_cluster_show
tests_unit_test_cluster_show_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_cluster_show_SOURCES = tests/unit/test_cluster_show.c \
	tests/unit/fake_cluster.c tests/unit/fake_cluster.h \
	watchd/daemon/cluster_show.c watchd/daemon/cluster_show.h
tests_unit_test_cluster_show_LDADD = $(PRIMARY_L) $(STATUS_L) $(SMTP_L) $(NET_L) \
	$(CMOCKA_LIBS)
endif

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_alert_share
TESTS += tests/unit/test_alert_share
tests_unit_test_alert_share_SOURCES = tests/unit/test_alert_share.c \
	watchd/daemon/alert_share.c watchd/daemon/alert_share.h
tests_unit_test_alert_share_LDADD = $(BASE_L) $(CMOCKA_LIBS)
endif
