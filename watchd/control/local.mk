# The control socket, and its client: libmx_control.a holds both ends, so that
# tests reach them.
noinst_LIBRARIES += libmx_control.a
libmx_control_a_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
libmx_control_a_SOURCES = \
	watchd/control/audit.c watchd/control/audit.h \
	watchd/control/claim.c watchd/control/claim.h \
	watchd/control/content.c watchd/control/content.h \
	watchd/control/next_expiry.c watchd/control/next_expiry.h \
	watchd/control/control.c watchd/control/control.h \
	watchd/control/control_int.h \
	watchd/control/ctl_ages.c \
	watchd/control/ctl_client.c watchd/control/ctl_client.h \
	watchd/control/ctl_cluster.c watchd/control/ctl_cluster.h \
	watchd/control/ctl_content.c \
	watchd/control/ctl_files.c watchd/control/ctl_files.h \
	watchd/control/ctl_doctor.c \
	watchd/control/ctl_drill.c \
	watchd/control/ctl_format.c watchd/control/ctl_format.h \
	watchd/control/ctl_help.c watchd/control/ctl_help.h \
	watchd/control/ctl_maintenance.c \
	watchd/control/ctl_order.c \
	watchd/control/ctl_outages.c \
	watchd/control/ctl_primaries.c \
	watchd/control/ctl_queue.c \
	watchd/control/ctl_recipients.c \
	watchd/control/ctl_redirect.c \
	watchd/control/ctl_request.c watchd/control/ctl_request.h \
	watchd/control/ctl_schema.c watchd/control/ctl_schema.h \
	watchd/control/ctl_status.c \
	watchd/control/ctl_table.c watchd/control/ctl_table.h \
	watchd/control/gather.c watchd/control/gather.h \
	watchd/control/gather_end.c watchd/control/gather_end.h \
	watchd/control/happened.c watchd/control/happened.h \
	watchd/control/page.c watchd/control/page.h \
	watchd/control/ranking.c watchd/control/ranking.h \
	watchd/control/select.c watchd/control/select.h \
	watchd/control/protocol.c watchd/control/protocol.h \
	watchd/control/verb_ages.c \
	watchd/control/verb_alert.c \
	watchd/control/verb_cluster.c \
	watchd/control/verb_content.c \
	watchd/control/verb_events.c \
	watchd/control/verb_doctor.c \
	watchd/control/verb_drill.c \
	watchd/control/verb_flush.c \
	watchd/control/verb_import.c \
	watchd/control/verb_maintenance.c \
	watchd/control/verb_order.c \
	watchd/control/verb_outages.c \
	watchd/control/verb_queue.c \
	watchd/control/verb_recipients.c \
	watchd/control/verb_redirect.c \
	watchd/control/verb_stats.c \
	watchd/control/verb_status.c \
	watchd/control/verb_vault.c \
	watchd/control/verb_why.c \
	watchd/control/verbs.c watchd/control/verbs.h \
	watchd/control/why_domain.c watchd/control/why_domain.h

bin_PROGRAMS += mxwatchctl
mxwatchctl_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
mxwatchctl_SOURCES = watchd/control/mxwatchctl.c
mxwatchctl_LDADD = $(CONTROL_L) $(ENGINE_L) $(LEDGER_L) $(CONFIG_L) $(NET_L) \
	$(CJSON_LIBS)

# Completion of command lines, made from the tables of protocol.h.
noinst_PROGRAMS += watchd/control/completion
watchd_control_completion_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
watchd_control_completion_SOURCES = watchd/control/completion.c
watchd_control_completion_LDADD = $(CONTROL_L) $(BASE_L)
bashcompdir = $(datadir)/bash-completion/completions
zshcompdir = $(datadir)/zsh/site-functions
nodist_bashcomp_DATA = watchd/control/mxwatchctl
nodist_zshcomp_DATA = watchd/control/_mxwatchctl
CLEANFILES += watchd/control/mxwatchctl watchd/control/_mxwatchctl
watchd/control/mxwatchctl: watchd/control/completion
	$(AM_V_GEN)watchd/control/completion bash >$@.new && mv $@.new $@
watchd/control/_mxwatchctl: watchd/control/completion
	$(AM_V_GEN)watchd/control/completion zsh >$@.new && mv $@.new $@

dist_man_MANS += doc/mxwatchctl.8 doc/mxwatchd.8 doc/mxwatch-status.7
dist_noinst_SCRIPTS += tests/lint/pages
TESTS += tests/lint/pages

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_control tests/unit/test_control_alert \
	tests/unit/test_control_cluster tests/unit/test_control_drill \
	tests/unit/test_control_queue \
	tests/unit/test_control_content tests/unit/test_control_redirect \
	tests/unit/test_ctl tests/unit/test_happened
TESTS += tests/unit/test_control tests/unit/test_control_alert \
	tests/unit/test_control_cluster tests/unit/test_control_drill \
	tests/unit/test_control_queue \
	tests/unit/test_control_content tests/unit/test_control_redirect \
	tests/unit/test_ctl tests/unit/test_happened
tests_unit_test_control_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
CONTROL_WORLD = tests/unit/control_world.c tests/unit/control_world.h \
	tests/unit/control_fake.c tests/unit/control_fake.h
tests_unit_test_control_SOURCES = tests/unit/test_control.c $(CONTROL_WORLD)
tests_unit_test_control_LDADD = $(CONTROL_L) $(LEDGER_L) $(SMTP_L) \
	$(CONFIG_L) $(NET_L) $(CJSON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_control_alert_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_control_alert_SOURCES = tests/unit/test_control_alert.c \
	$(CONTROL_WORLD)
tests_unit_test_control_alert_LDADD = $(CONTROL_L) $(LEDGER_L) $(SMTP_L) \
	$(CONFIG_L) $(NET_L) $(CJSON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_control_content_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_control_content_SOURCES = tests/unit/test_control_content.c \
	$(CONTROL_WORLD)
tests_unit_test_control_content_LDADD = $(CONTROL_L) $(LEDGER_L) $(SMTP_L) \
	$(CONFIG_L) $(NET_L) $(CJSON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_control_drill_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_control_drill_SOURCES = tests/unit/test_control_drill.c \
	$(CONTROL_WORLD)
tests_unit_test_control_drill_LDADD = $(CONTROL_L) $(LEDGER_L) $(SMTP_L) \
	$(CONFIG_L) $(NET_L) $(CJSON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_control_queue_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_control_queue_SOURCES = tests/unit/test_control_queue.c \
	$(CONTROL_WORLD)
tests_unit_test_control_queue_LDADD = $(CONTROL_L) $(LEDGER_L) $(SMTP_L) \
	$(CONFIG_L) $(NET_L) $(CJSON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_control_cluster_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_control_cluster_SOURCES = tests/unit/test_control_cluster.c \
	tests/unit/control_cluster_fake.c tests/unit/control_cluster_fake.h \
	$(CONTROL_WORLD)
tests_unit_test_control_cluster_LDADD = $(CONTROL_L) $(LEDGER_L) $(SMTP_L) \
	$(CONFIG_L) $(NET_L) $(CJSON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_control_redirect_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_control_redirect_SOURCES = \
	tests/unit/test_control_redirect.c $(CONTROL_WORLD)
tests_unit_test_control_redirect_LDADD = $(CONTROL_L) $(LEDGER_L) $(SMTP_L) \
	$(CONFIG_L) $(NET_L) $(CJSON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_ctl_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_ctl_SOURCES = tests/unit/test_ctl.c
tests_unit_test_ctl_LDADD = $(CONTROL_L) $(LEDGER_L) $(CONFIG_L) $(NET_L) \
	$(CJSON_LIBS) $(CMOCKA_LIBS)
tests_unit_test_happened_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_happened_SOURCES = tests/unit/test_happened.c
tests_unit_test_happened_LDADD = $(CONTROL_L) $(LEDGER_L) $(CONFIG_L) \
	$(NET_L) $(CJSON_LIBS) $(CMOCKA_LIBS)

if POSTGRESQL
check_PROGRAMS += tests/unit/test_ctl_schema
tests_unit_test_ctl_schema_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_unit_test_ctl_schema_SOURCES = tests/unit/test_ctl_schema.c
tests_unit_test_ctl_schema_LDADD = $(CONTROL_L) $(ENGINE_L) $(LEDGER_L) \
	$(CONFIG_L) $(NET_L) $(CJSON_LIBS) $(CMOCKA_LIBS)
endif
endif

EXTRA_DIST += tests/fuzz/corpus/control
check_PROGRAMS += tests/fuzz/fuzz_control
TESTS += tests/fuzz/fuzz_control
tests_fuzz_fuzz_control_CPPFLAGS = $(AM_CPPFLAGS) $(CJSON_CFLAGS)
tests_fuzz_fuzz_control_SOURCES = tests/fuzz/fuzz_control.c \
	tests/fuzz/replay.c tests/unit/control_fake.c tests/unit/control_fake.h
tests_fuzz_fuzz_control_LDADD = $(CONTROL_L) $(LEDGER_L) $(SMTP_L) \
	$(CONFIG_L) $(NET_L) $(CJSON_LIBS)
tests_fuzz_fuzz_control_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
