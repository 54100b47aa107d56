# The daemon's half and what both halves speak; nothing of net-snmp in it.
libmx_exporters_a_SOURCES += \
	exporters/snmp/agentx_child.c exporters/snmp/agentx_child.h \
	exporters/snmp/agentx_parent.c exporters/snmp/agentx_parent.h \
	exporters/snmp/index.c exporters/snmp/index.h \
	exporters/snmp/notify.c exporters/snmp/notify.h \
	exporters/snmp/notify_queue.c exporters/snmp/notify_queue.h \
	exporters/snmp/numbers.c exporters/snmp/numbers.h \
	exporters/snmp/pack.c exporters/snmp/pack.h \
	exporters/snmp/wire.c exporters/snmp/wire.h

# The objects, without the library that serves them.
noinst_LIBRARIES += libmx_mib.a
libmx_mib_a_SOURCES = \
	exporters/snmp/mib.c exporters/snmp/mib.h exporters/snmp/objects.def
MIB_L = libmx_mib.a libmx_exporters.a $(BASE_L)

mibdir = $(datadir)/snmp/mibs
nodist_mib_DATA =
if SNMP
nodist_mib_DATA += exporters/snmp/MXWATCH-MIB.txt
pkglibexec_PROGRAMS += mxwatch-agentx
mxwatch_agentx_CPPFLAGS = $(AM_CPPFLAGS) $(NETSNMP_CFLAGS)
mxwatch_agentx_SOURCES = \
	exporters/snmp/agent.c exporters/snmp/agent.h \
	exporters/snmp/agent_int.h exporters/snmp/agent_notify.c \
	exporters/snmp/agent_register.c exporters/snmp/main.c
mxwatch_agentx_LDADD = $(MIB_L) $(NETSNMP_LIBS)
dist_man_MANS += doc/mxwatch-agentx.8
endif
EXTRA_DIST += exporters/snmp/MXWATCH-MIB.txt.in

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_snmp_wire tests/unit/test_snmp_mib \
	tests/unit/test_snmp_notify tests/unit/test_agentx
TESTS += tests/unit/test_snmp_wire tests/unit/test_snmp_mib \
	tests/unit/test_snmp_notify tests/unit/test_agentx
tests_unit_test_agentx_SOURCES = tests/unit/test_agentx.c
tests_unit_test_agentx_LDADD = $(EXPORTERS_L) $(QUEUE_L) $(STATUS_L) \
	$(SMTP_L) $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_snmp_notify_SOURCES = tests/unit/test_snmp_notify.c
tests_unit_test_snmp_notify_LDADD = $(EXPORTERS_L) $(QUEUE_L) $(STATUS_L) \
	$(SMTP_L) $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_snmp_wire_SOURCES = tests/unit/test_snmp_wire.c
tests_unit_test_snmp_wire_LDADD = $(EXPORTERS_L) $(QUEUE_L) $(STATUS_L) \
	$(SMTP_L) $(NET_L) $(CMOCKA_LIBS)
tests_unit_test_snmp_mib_CPPFLAGS = $(AM_CPPFLAGS) \
	-DMIB_FILE='"$(abs_builddir)/exporters/snmp/MXWATCH-MIB.txt"'
tests_unit_test_snmp_mib_SOURCES = tests/unit/test_snmp_mib.c
tests_unit_test_snmp_mib_LDADD = $(MIB_L) $(CMOCKA_LIBS)
endif

EXTRA_DIST += tests/fuzz/corpus/snmp_wire
check_PROGRAMS += tests/fuzz/fuzz_snmp_wire
TESTS += tests/fuzz/fuzz_snmp_wire
tests_fuzz_fuzz_snmp_wire_SOURCES = tests/fuzz/fuzz_snmp_wire.c \
	tests/fuzz/replay.c
tests_fuzz_fuzz_snmp_wire_LDADD = $(MIB_L)
tests_fuzz_fuzz_snmp_wire_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
